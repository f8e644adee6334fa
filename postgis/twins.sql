-- doubtful --
SELECT twin.doubtful_tiles()

-- settle --
SELECT twin.settle_tiles(%(number)s)

-- build --
SELECT twin.build_tiles(%(number)s)

-- finish --
SELECT twin.finish_tiles(%(number)s)
