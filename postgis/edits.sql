-- begin --
SELECT set_config('twin.scope', %(scope)s, true), set_config('statement_timeout', '600s', true), twin.stage_edits()

-- copy --
COPY edit_sent (line, action, oid, if_match, shape, has_shape, columns, attrs, version) FROM STDIN

-- apply --
SELECT twin.apply_edits(%(layer)s, %(valid_from)s, %(correct)s, %(epsg)s, %(turned)s,
    CASE WHEN %(area)s::float8[] IS NOT NULL THEN ST_MakeEnvelope((%(area)s::float8[])[1], (%(area)s::float8[])[2], (%(area)s::float8[])[3],
        (%(area)s::float8[])[4], 4490) END, %(by)s)

-- answer --
SELECT twin.edit_answer_of(%(by)s, %(key)s, %(digest)s)

-- keep --
SELECT twin.keep_edit_answer(%(by)s, %(key)s, %(digest)s, %(answer)s)
