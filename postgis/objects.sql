-- create --
SELECT twin.create_object(%(layer)s, %(patch)s, %(at)s)

-- change --
SELECT twin.change(%(layer)s, %(oid)s, %(patch)s, %(at)s)

-- correct --
SELECT twin.correct(%(layer)s, %(oid)s, %(patch)s, %(at)s)

-- end --
SELECT twin.end_object(%(layer)s, %(oid)s, %(at)s, %(plan)s)
