-- put --
SELECT version, changed FROM twin.put_product(%(card)s)

-- set_status --
SELECT twin.set_product_status(%(code)s, %(version)s, %(status)s)

-- versions --
SELECT code, version, card, status, updated_at FROM twin.read_product(%(code)s)

-- published --
SELECT code, version, card, status, updated_at FROM door.product ORDER BY code

-- layer_fields --
SELECT id, fields FROM door.layer_card WHERE id = ANY (%(ids)s)
