"""A table of another database: described, streamed out by COPY, imported like a file; its password is said nowhere."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from importers.foreign import import_table, is_address
from importers.options import ImportOptions
from postgis.connect import SUPERUSER
from postgis.foreign import describe_table, safe_name
from tests.conftest import create_database, drop_database
from twin.errors import BadFile, BadParameter, OperationError


@pytest.fixture(scope="module")
def other(cluster):
    """Another database on the same server, with an account that has a password in its address."""
    made = create_database(cluster, "other_city")
    with psycopg.connect(made.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION postgis")
        admin.execute("CREATE SCHEMA 规划")
        admin.execute(
            "CREATE TABLE 规划.地块 (编码 text, 面积 numeric(12,2), 层数 int, 标签 jsonb, 建成 date, 改于 timestamptz, geom geometry(Polygon, 4547))"
        )
        admin.execute(
            "INSERT INTO 规划.地块 SELECT lpad(n::text, 6, '0'), n / 4.0, n, '{\"a\": 1}', '2024-01-02', '2024-01-02 03:04:05+08',"
            " ST_MakeEnvelope(500000 + n * 10, 2545000, 500005 + n * 10, 2545005, 4547) FROM generate_series(1, 40000) n"
        )
        admin.execute("CREATE TABLE no_shape (n int)")
    yield made.conninfo(SUPERUSER)
    drop_database(cluster, "other_city")


def test_a_table_becomes_a_layer(town, other) -> None:
    report = import_table(town.database, _url(other), ImportOptions(layer="plots", table="规划.地块"))
    assert (report.rows_in, report.published, report.crs) == (40_000, 40_000, "EPSG:4547") and report.key == "编码"
    assert "s3cret" not in report.model_dump_json() and report.file == "规划.地块.arrow"
    types = {item.name: item.type.value for item in report.fields} if hasattr(report, "fields") else {}
    assert not types or types["面积"] == "number"
    again = import_table(town.database, _url(other), ImportOptions(layer="plots", table="规划.地块"))
    assert (again.added, again.changed, again.unchanged) == (0, 0, 40_000)


def test_what_is_not_there_is_said_without_the_password(other) -> None:
    with pytest.raises(BadParameter, match=r"no table 'x\.y'") as caught:
        describe_table(_url(other), "x.y")
    assert "规划.地块" in caught.value.choices
    with pytest.raises(BadFile, match="0 geometry columns"):
        describe_table(_url(other), "no_shape")
    with pytest.raises(OperationError) as refused:
        describe_table("postgresql://me:s3cret@127.0.0.1:1/nowhere?connect_timeout=2", "a.b")
    said = refused.value.message_en + refused.value.message_zh + refused.value.place
    assert "s3cret" not in said and "127.0.0.1:1/nowhere" in refused.value.place
    with pytest.raises(BadParameter):
        describe_table("postgresql://[", "a")


def test_nothing_is_written_there(other) -> None:
    with pytest.raises(BadParameter):
        describe_table(_url(other), 'no_shape"; DROP TABLE no_shape; --')
    with psycopg.connect(other) as connection:
        assert connection.execute("SELECT count(*) FROM no_shape").fetchone() == (0,)


def test_only_the_command_line_knows_addresses() -> None:
    assert is_address("postgresql://a/b") and not is_address("a.gpkg")
    assert safe_name("postgresql://me:s3cret@h:1/d") == "h:1/d"


def _url(conninfo: str) -> str:
    """The same place as an address with a password (the server asks for none)."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}:s3cret@/{parts['dbname']}?host={parts['host']}&port={parts.get('port', 5432)}"
