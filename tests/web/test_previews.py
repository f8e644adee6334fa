"""A look at an upload by HTTP: kept for an hour for its sender alone, read by a process of its own, imported without a second upload."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from layers.accounts import add_key
from postgis.blobs import Blob
from postgis.connect import EDITOR, connect
from postgis.uploads import KEPT_S, MOST, Uploads
from tests.web.conftest import Site, problem_of
from tests.web.test_imports import FILE, ODD_FORMS, parts
from twin.errors import NotFound


def feature(name: str = "塔", lon: float = 113.3) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Point", "coordinates": [lon, 23.1]}}


def geojson(*features: dict[str, Any]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def look(client: httpx.Client, data: bytes, name: str = "塔.geojson", **options: Any) -> dict[str, Any]:
    answer = client.post("/imports/preview", files={"file": (name, data)}, data={"options": json.dumps(options)}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def uploads(site: Site) -> list[Path]:
    return [path for path in (site.home / "uploads").rglob("*") if path.is_file()]


class TestLooks:
    def test_what_a_person_decides_by(self, site: Site, program: httpx.Client) -> None:
        data = geojson(feature())
        found = look(program, data)
        assert (found["upload"], found["size"], found["name"]) == (hashlib.sha256(data).hexdigest(), len(data), "塔.geojson")
        assert (found["format"], found["layer"], found["known"], found["rows"]) == ("geojson", "塔", False, 1)
        assert found["sample"] == [["塔"]] and found["shapes"]["features"][0]["geometry"]["coordinates"] == [113.3, 23.1]
        assert found["refusal"] is None and found["columns"][0]["role"] == "name"

    def test_again_in_another_way_without_a_second_upload(self, program: httpx.Client) -> None:
        kept = look(program, geojson(feature()))["upload"]
        answer = program.post("/imports/preview", json={"upload": kept, "options": {"datum": "GCJ-02"}}, timeout=60)
        lon, lat = answer.json()["shapes"]["features"][0]["geometry"]["coordinates"]
        assert answer.json()["upload"] == kept and 0.001 < 113.3 - lon < 0.01 and lat != 23.1

    def test_a_file_that_cannot_be_read_is_kept_and_told(self, program: httpx.Client) -> None:
        found = look(program, b"\x00\x01\x02")
        assert found["refusal"]["code"] == "invalid-file" and found["refusal"]["detail_zh"] and found["upload"]

    def test_import_of_what_was_looked_at(self, site: Site, program: httpx.Client) -> None:
        data = geojson(feature(str(uuid4())))
        kept = look(program, data)["upload"]
        answer = program.post("/imports", json={"upload": kept, "options": {"layer": "kept"}})
        assert answer.status_code == 202
        job = program.get(answer.headers["location"]).json()
        assert job["args"] == {"sha256": kept, "name": "塔.geojson", "options": {"layer": "kept"}}
        assert (site.home / "blobs" / kept[:2] / kept[2:]).read_bytes() == data
        assert program.post("/imports", json={"upload": kept}).status_code == 202


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "place"),
        [
            ({}, 404, "upload"),
            ({"upload": "0" * 64}, 404, "upload"),
            ({"upload": "../../etc/passwd"}, 404, "upload"),
            ({"upload": 7}, 404, "upload"),
            ({"upload": "0" * 64, "options": {"nobody": 1}}, 400, "nobody"),
            ({"upload": "0" * 64, "options": [1]}, 400, "options"),
            ({"file": "x"}, 400, "file"),
            ([], 400, "body"),
        ],
    )
    @pytest.mark.parametrize("path", ["/imports/preview", "/imports"])
    def test_odd_bodies(self, program: httpx.Client, path: str, body: Any, status: int, place: str) -> None:
        assert str(problem_of(program.post(path, json=body), status)["place"]).startswith(place)

    @pytest.mark.parametrize(("body", "status", "place"), ODD_FORMS, ids=range(len(ODD_FORMS)))
    def test_odd_forms(self, site: Site, program: httpx.Client, body: bytes, status: int, place: str) -> None:
        before = uploads(site)
        answer = program.post("/imports/preview", content=body, headers={"content-type": "multipart/form-data; boundary=x"})
        assert str(problem_of(answer, status)["place"]).startswith(place)
        assert uploads(site) == before

    def test_nobody_looks_unasked(self, site: Site, web: httpx.Client, admin: httpx.Client) -> None:
        before = uploads(site)
        form = {"content": parts(FILE), "headers": {"content-type": "multipart/form-data; boundary=x"}}
        problem_of(web.post("/imports/preview", **form), 401)
        del admin.headers["X-CSRF-Token"]
        assert problem_of(admin.post("/imports/preview", **form), 403)["code"] == "csrf"
        assert uploads(site) == before

    def test_an_upload_is_its_senders_alone(self, site: Site, program: httpx.Client, admin: httpx.Client) -> None:
        kept = look(program, geojson(feature(str(uuid4()))))["upload"]
        with connect(site.database, EDITOR) as connection:
            key = add_key(connection, f"other-{uuid4()}")
        with site.client(headers={"Authorization": f"Bearer {key}"}) as other:
            for client in (other, admin):
                for path in ("/imports/preview", "/imports"):
                    problem_of(client.post(path, json={"upload": kept}), 404)
        assert program.post("/imports/preview", json={"upload": kept}, timeout=60).status_code == 200


class TestUploads:
    """The folder itself."""

    def keep(self, store: Uploads, data: bytes, owner: str = "a") -> Blob:
        with store.writer(owner, 1000) as writer:
            writer.write(data)
            blob = writer.finish(name="名.csv")
        store.keep(owner, blob)
        return blob

    def test_kept_with_its_name(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path)
        blob = self.keep(store, b"x,y")
        path, found = store.find("a", blob.sha256)
        assert path.read_bytes() == b"x,y" and (found.name, found.size) == ("名.csv", 3)
        with pytest.raises(NotFound):
            store.find("b", blob.sha256)

    def test_gone_after_an_hour_unless_asked_for(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path)
        old, used = self.keep(store, b"old"), self.keep(store, b"used")
        for path in (tmp_path / "uploads").rglob("*.name"):
            os.utime(path, (time.time() - KEPT_S + 60,) * 2)
        store.find("a", used.sha256)
        assert store.sweep(time.time() + 120) == 1
        with pytest.raises(NotFound):
            store.find("a", old.sha256)
        assert store.find("a", used.sha256)[1].size == 4
        store.sweep(time.time() + 2 * KEPT_S)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_nobody_has_many(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path)
        blobs = []
        for number in range(MOST + 2):
            blobs.append(self.keep(store, b"%d" % number))
            for path in (tmp_path / "uploads").rglob("*.name"):
                os.utime(path, (path.stat().st_mtime - 10,) * 2)
        self.keep(store, b"mine", owner="b")
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".name"]
        assert len(kept) == MOST + 1
        with pytest.raises(NotFound):
            store.find("a", blobs[0].sha256)
        assert store.find("a", blobs[-1].sha256)

    def test_what_a_killed_upload_left_goes(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path)
        writer = store.writer("a", 1000)
        with writer:
            writer.write(b"half")
            (part,) = [path for path in tmp_path.rglob("*") if path.is_file()]
            store.sweep(time.time() + 2 * KEPT_S)
            assert not part.exists()

    def test_what_never_got_its_name_goes(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path)
        with store.writer("a", 1000) as writer:
            writer.write(b"whole")
            writer.finish(name="a.csv")
        (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
        store.sweep()
        assert path.exists()
        store.sweep(time.time() + 2 * KEPT_S)
        assert not path.exists()
