-- put --
SELECT twin.put_archive(%(number)s, %(sha256)s, %(size)s, %(bounds)s, %(vector_layers)s)

-- kind --
SELECT kind FROM twin.layer WHERE id = %(layer)s
