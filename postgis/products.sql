-- put --
SELECT version, changed FROM twin.put_product(%(card)s)

-- act_as --
SELECT set_config('twin.actor', %(by)s, true)

-- move --
SELECT twin.move_product(%(code)s, %(version)s, %(status)s, %(allowed)s, %(by)s)

-- log --
SELECT at, by_whom, version, from_status, to_status FROM twin.read_product_log(%(code)s)

-- in_status --
SELECT code, version, card, status, updated_at FROM twin.list_products(%(status)s)

-- versions --
SELECT code, version, card, status, updated_at FROM twin.read_product(%(code)s)

-- published --
SELECT code, version, card, status, updated_at FROM door.product ORDER BY code

-- layer_fields --
SELECT id, fields FROM door.layer_card WHERE id = ANY (%(ids)s)
