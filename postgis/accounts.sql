-- begin_login --
SELECT twin.begin_login(%(name)s, %(ip)s, %(max_failures)s, %(window_s)s)

-- find_account --
SELECT name, password_hash, must_change, role FROM twin.find_account(%(name)s)

-- open_session --
SELECT twin.open_session(%(name)s, %(ip)s, %(token_hash)s, %(csrf)s, %(lifetime_s)s)

-- find_session --
SELECT name, role, must_change, csrf, expires FROM twin.find_session(%(token_hash)s)

-- close_session --
SELECT twin.close_session(%(token_hash)s)

-- set_password --
SELECT twin.set_password(%(name)s, %(hash)s, %(keep)s)

-- rehash_password --
SELECT twin.rehash_password(%(name)s, %(old)s, %(new)s)

-- first_account --
SELECT twin.first_account(%(name)s, %(hash)s)

-- reset_password --
SELECT twin.reset_password(%(name)s, %(hash)s)

-- add_key --
SELECT twin.add_key(%(name)s, %(hash)s)

-- find_key --
SELECT name, role FROM twin.find_key(%(hash)s)

-- revoke_key --
SELECT twin.revoke_key(%(name)s)

-- list_keys --
SELECT name, created_at, revoked_at, last_used FROM twin.list_keys()
