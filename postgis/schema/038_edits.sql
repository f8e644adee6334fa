-- What an editor may do to an object. V is the moment from which the change holds, T the moment of writing, [a,b) and [s,) the times of the
-- version known now that holds V. "keeps" = stays as it was; "believed" = the old version with sys closed at T, in the past table.
--
--    case                        | old version                               | new version
--    1 change, V = T             | ends: [a,V), sys keeps                    | [V,b), sys [T,)
--    2 change, V > T (announced) | bounded: [a,V), live until the clock ends it | [V,b), sys [T,), live too
--    3 change, V < T (late)      | believed [a,b); known now [a,V), sys [T,) | [V,b), sys [T,)
--    4 correction of the present | believed [a,b)                            | [a,b), sys [T,), live
--    5 correction of an ended state | believed [a,b)                         | [a,b), sys [T,), past
--    6 end, V = T                | ends: [a,V), sys keeps                    | none
--    7 end, V > T                | bounded: [a,V), live until the clock ends it | none; states announced after V are withdrawn (believed)
--    8 end, V < T                | believed [a,b); known now [a,V), sys [T,) | none; states known after V are withdrawn (believed)
--
-- A late change inside an ended state (3 with b ≤ T) splits that state only; later ones stay: correct them in turn. A version that would keep no
-- time at all (V = a) is believed and replaced. A plan is a timeline of its own beside the facts: the same eight cases with `plan` in the patch.

CREATE OR REPLACE FUNCTION twin.change(layer_id text, oid bigint, patch jsonb, valid_from timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    number constant integer := twin.layer_number(layer_id);
    in_plan constant text := patch ->> 'plan';
    moment timestamptz;
    since timestamptz;
    old twin.object;
    late boolean;
    replaced boolean;
BEGIN
    PERFORM twin.lock_object(number, oid);
    moment := twin.write_moment(number, oid);
    since := coalesce(valid_from, moment);
    IF in_plan IS NOT NULL AND NOT EXISTS (SELECT FROM twin.known_versions(number, oid, in_plan)) THEN
        old := twin.version_at(number, oid, NULL, since);
        old.source_key := coalesce(old.source_key, oid::text);
        PERFORM twin.put_version(twin.patched(old, patch), tstzrange(since, upper(old.valid)), tstzrange(moment, NULL), moment);
        PERFORM twin.index_search(number, ARRAY[change.oid]);
        RETURN;
    END IF;
    old := twin.version_at(number, oid, in_plan, since);
    late := since < moment;
    replaced := lower(old.valid) IS NOT DISTINCT FROM since;
    PERFORM twin.take_version(old);
    IF late OR replaced THEN
        PERFORM twin.put_version(old, old.valid, tstzrange(lower(old.sys), moment), moment);
    END IF;
    PERFORM twin.put_version(old, tstzrange(lower(old.valid), since), CASE WHEN late THEN tstzrange(moment, NULL) ELSE old.sys END, moment);
    PERFORM twin.put_version(twin.patched(old, patch), tstzrange(since, upper(old.valid)), tstzrange(moment, NULL), moment);
    PERFORM twin.check_apart(number, oid, in_plan);
    PERFORM twin.index_search(number, ARRAY[change.oid]);
END $$;

CREATE OR REPLACE FUNCTION twin.correct(layer_id text, oid bigint, patch jsonb, at timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    number constant integer := twin.layer_number(layer_id);
    moment timestamptz;
    old twin.object;
BEGIN
    PERFORM twin.lock_object(number, oid);
    moment := twin.write_moment(number, oid);
    old := twin.version_at(number, oid, patch ->> 'plan', coalesce(at, moment));
    PERFORM twin.take_version(old);
    PERFORM twin.put_version(old, old.valid, tstzrange(lower(old.sys), moment), moment);
    PERFORM twin.put_version(twin.patched(old, patch), old.valid, tstzrange(moment, NULL), moment);
    PERFORM twin.check_apart(number, oid, patch ->> 'plan');
    PERFORM twin.index_search(number, ARRAY[correct.oid]);
END $$;

CREATE OR REPLACE FUNCTION twin.end_object(layer_id text, oid bigint, valid_from timestamptz DEFAULT NULL, plan text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    number constant integer := twin.layer_number(layer_id);
    moment timestamptz;
    since timestamptz;
    old twin.object;
    kept tstzrange;
BEGIN
    PERFORM twin.lock_object(number, oid);
    moment := twin.write_moment(number, oid);
    since := coalesce(valid_from, moment);
    PERFORM twin.version_at(number, oid, end_object.plan, since);
    FOR old IN SELECT * FROM twin.known_versions(number, oid, end_object.plan) v WHERE coalesce(upper(v.valid) > since, true) LOOP
        kept := old.valid * tstzrange(NULL, since);
        PERFORM twin.take_version(old);
        IF since < moment OR isempty(kept) THEN
            PERFORM twin.put_version(old, old.valid, tstzrange(lower(old.sys), moment), moment);
        END IF;
        PERFORM twin.put_version(old, kept, CASE WHEN since < moment THEN tstzrange(moment, NULL) ELSE old.sys END, moment);
    END LOOP;
    PERFORM twin.index_search(number, ARRAY[end_object.oid]);
END $$;

-- A new object; its own oid is its source key. Returns the oid.
CREATE OR REPLACE FUNCTION twin.create_object(layer_id text, patch jsonb, valid_from timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = twin, public, pg_temp AS $$
DECLARE
    number constant integer := twin.layer_number(layer_id);
    made twin.object;
BEGIN
    made.layer := number;
    made.oid := nextval(format('twin.oid_%s', number));
    made.attrs := '{}';
    made.source := 'edit';
    made.source_key := made.oid::text;
    PERFORM twin.put_version(twin.patched(made, patch), tstzrange(coalesce(valid_from, now()), NULL), tstzrange(now(), NULL), now());
    PERFORM twin.index_search(number, ARRAY[made.oid]);
    RETURN made.oid;
END $$;
