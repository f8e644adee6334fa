"""Values that are codes of a closed list: labels people write are turned into their codes, and what is neither is reported."""

from collections.abc import Sequence

from psycopg import sql
from psycopg.types.json import Jsonb

from postgis.queries import load_queries
from postgis.stage import Connection, StagedColumn, Staging, compose
from twin.codes import CODE_LISTS, code_list
from twin.fields import Field, FieldType

QUERIES = load_queries(__file__)


def is_coded(field: Field) -> bool:
    """Whether the values of a field are codes of a list we have."""
    return field.code_list in CODE_LISTS and field.type is FieldType.TEXT


def as_code(field: Field, column: StagedColumn) -> sql.Composable:
    """The SQL that gives a staged text as its code: by the code itself or its title in either language; as it is when it is neither."""
    return sql.SQL("coalesce({} ->> {}, {}::text)").format(_words(field), _word(column), column.identifier)


def report_codes(connection: Connection, staging: Staging, fields: Sequence[tuple[Field, StagedColumn]], everything: bool) -> None:
    """Write a finding for each value that is no code of its field's list. Commits."""
    for field, column in fields:
        if not is_coded(field):
            continue
        parts = {
            "name": sql.Literal(field.title_zh or field.name),
            "value": column.identifier,
            "word": _word(column),
            "words": _words(field),
        }
        needed = {"needed": sql.SQL("")} if everything else {}
        connection.execute(compose("report_codes", staging, QUERIES, **parts, list=sql.Literal(field.code_list), **needed))
    connection.commit()


def _words(field: Field) -> sql.Composable:
    """Every word for a code → the code, as a jsonb constant."""
    entries = code_list(field.code_list).entries.values()
    titles = {title.strip().lower(): entry.code for entry in reversed(list(entries)) for title in (entry.title_zh, entry.title_en) if title}
    return sql.Literal(Jsonb(titles | {entry.code.lower(): entry.code for entry in entries}))


def _word(column: StagedColumn) -> sql.Composable:
    return sql.SQL("lower(btrim({}::text))").format(column.identifier)
