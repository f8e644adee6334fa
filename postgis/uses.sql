-- add --
SELECT twin.count_uses(%(counted)s)

-- read --
SELECT code, day, uses FROM twin.read_uses(%(since)s)
