"""Products in TOML and back, versions, and errors that name the file and the key."""

from pathlib import Path

import psycopg
import pytest

from layers.products import Published, dump_toml, publish_toml, put_product, read_toml, set_status
from postgis.connect import SERVER, Database, connect
from postgis.products import read_versions
from tests.tile_scene import put_layer
from twin.errors import BadFile, Conflict, NotFound
from twin.fields import Field
from twin.layer import Layer
from twin.product import Product, Status

CARD = """
code = "land-use"
title_zh = "土地利用现状图"
title_en = "Land use"
theme = "natural-resources"
owner = "示例数据"
updated_on = 2026-03-01
synthetic = true
keywords = ["地类", "用地"]
extra = { note = "引号 \\" 与 \\\\ 反斜线" }

[[layers]]
layer = "parcels"
[layers.symbol]
kind = "fill"
class_field = "dlbm"
dash = [2, 1.5]
[[layers.symbol.legend]]
label_zh = "耕地"
color = "#F5E15B"
value = "01"
[[layers.symbol.legend]]
label_zh = "其他"
color = "#CCCCCC"

[[layers]]
layer = "roads"
visible = false
[layers.symbol]
kind = "line"
color = "#888888"
"""


@pytest.fixture(scope="module", autouse=True)
def layers(database: Database) -> None:
    put_layer(database, Layer(number=0, id="parcels", title_zh="宗地", fields=(Field(name="dlbm"), Field(name="area"))))
    put_layer(database, Layer(number=0, id="roads", title_zh="道路", fields=(Field(name="lanes"),)))


def write(folder: Path, text: str, name: str = "card.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_read_and_written_is_the_same_product(tmp_path: Path) -> None:
    product = read_toml(write(tmp_path, CARD))
    assert product.status is Status.PUBLISHED and product.review_number == "未送审"
    assert product.extra == {"note": '引号 " 与 \\ 反斜线'}
    assert read_toml(write(tmp_path, dump_toml(product), "again.toml")) == product


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('color = "#F5E15B"', 'color = "yellow"', "card.toml: layers[0].symbol.legend[0].color"),
        ('theme = "natural-resources"', 'theme = "fun"', "card.toml: theme"),
        ('owner = "示例数据"', 'ownr = "x"', "card.toml: owner"),
        ('layer = "roads"', 'layer = "parcels"', "card.toml: layers[1].layer"),
        ('layer = "roads"', 'layer = "rails"', "card.toml: layers[1].layer"),
        ('class_field = "dlbm"', 'class_field = "dlmc"', "card.toml: layers[0].symbol.class_field"),
        ('value = "01"', 'value = "01"\nmin = 3', "card.toml: layers[0].symbol.legend[0]"),
        ('code = "land-use"', "code = ", "card.toml"),
        ("2026-03-01", "2026-13-01", "card.toml"),
    ],
)
def test_an_error_names_the_file_and_the_key(editor: psycopg.Connection, tmp_path: Path, old: str, new: str, place: str) -> None:
    assert old in CARD
    with pytest.raises(BadFile) as refused:
        publish_toml(editor, write(tmp_path, CARD.replace(old, new, 1)))
    assert refused.value.place == place
    assert place in refused.value.message_en and place in refused.value.message_zh.replace("：", ": ")


def test_only_a_changed_card_is_a_new_version(editor: psycopg.Connection, tmp_path: Path) -> None:
    first = publish_toml(editor, write(tmp_path, CARD))
    assert first == Published("land-use", 1, True, Status.PUBLISHED)
    assert publish_toml(editor, write(tmp_path, CARD)) == Published("land-use", 1, False, Status.PUBLISHED)
    second = publish_toml(editor, write(tmp_path, CARD.replace("现状图", "现状图（二）")))
    assert (second.version, second.changed) == (2, True)
    versions = read_versions(editor, "land-use")
    assert [(row.version, row.status) for row in versions] == [(2, "published"), (1, "withdrawn")]
    assert [row.product.version for row in versions] == [2, 1]
    assert [row.product.status for row in versions] == [Status.PUBLISHED, Status.WITHDRAWN]
    editor.commit()


def test_what_is_published_is_seen_and_told(database: Database, owner: psycopg.Connection) -> None:
    with connect(database, SERVER) as server:
        assert server.execute("SELECT code, version FROM door.product").fetchall() == [("land-use", 2)]
    told = 'SELECT topic FROM twin.outbox WHERE payload @> \'{"code": "land-use", "status": "published"}\''
    topics = owner.execute(told).fetchall()
    assert {topic for (topic,) in topics} == {"product", "catalogue"}


def test_status_goes_only_where_it_may(editor: psycopg.Connection, tmp_path: Path) -> None:
    draft = publish_toml(editor, write(tmp_path, f'status = "draft"\n{CARD.replace("land-use", "drafted")}'))
    assert draft.status is Status.DRAFT
    set_status(editor, "drafted", 1, Status.REVIEW)
    set_status(editor, "drafted", 1, Status.PUBLISHED)
    with pytest.raises(Conflict):
        set_status(editor, "drafted", 1, Status.REVIEW)
    set_status(editor, "drafted", 1, Status.WITHDRAWN)
    with pytest.raises(NotFound):
        set_status(editor, "drafted", 2, Status.PUBLISHED)
    assert [row.status for row in read_versions(editor, "drafted")] == ["withdrawn"]


def test_the_same_card_again_is_published_again(editor: psycopg.Connection, tmp_path: Path) -> None:
    product: Product = read_toml(write(tmp_path, CARD.replace("land-use", "again")))
    put_product(editor, product)
    set_status(editor, "again", 1, Status.WITHDRAWN)
    assert put_product(editor, product) == Published("again", 1, True, Status.PUBLISHED)
