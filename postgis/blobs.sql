-- record --
SELECT twin.record_blob(%(sha256)s, %(size)s, %(media_type)s, %(name)s)

-- read --
SELECT encode(sha256, 'hex') AS sha256, size, media_type, name FROM twin.read_blob(%(sha256)s)
