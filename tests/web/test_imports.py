"""Uploads: streamed to disk under named budgets, one job each, and nothing left behind by those that were refused."""

import csv
import hashlib
import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from postgis.connect import IMPORTER, connect
from tests.web.conftest import PASSWORD, Site, problem_of
from web.uploads import clean_file_name

POINT = {"type": "Feature", "properties": {"name": "塔"}, "geometry": {"type": "Point", "coordinates": [113.3, 23.1]}}
GEOJSON = json.dumps({"type": "FeatureCollection", "features": [POINT]}).encode()


COMPLETE_RUN = """
    INSERT INTO twin.import_run (layer_id, source, status, finished, report) VALUES ('houses', 'test', 'done', now(), %s) RETURNING id
"""
FINDING = "INSERT INTO twin.import_finding (run, row, rule, severity, detail_zh) VALUES (%s, %s, 'r', 'repair', '已修复')"


ODD_FINDING = """
    INSERT INTO twin.import_finding (run, row, source_key, rule, severity, detail_zh, lon, lat) VALUES (%s, 9, '@k', 'bad-line', 'refuse', '=1+1', 113.5, 22.5)
"""
MANY_FINDINGS = "INSERT INTO twin.import_finding (run, row, rule, severity) SELECT %s, n, 'many', 'note' FROM generate_series(1, 12000) n"


def kept(site: Site) -> list[str]:
    """Hashes of all files kept, and `!` for one that is not whole."""
    blobs = [path for path in (site.home / "blobs").rglob("*") if path.is_file()]
    return ["!" if path.parent.name == "incoming" else path.parent.name + path.name for path in blobs]


def test_an_upload_becomes_a_job(site: Site, program: httpx.Client) -> None:
    options = json.dumps({"layer": "towers", "crs": "CGCS2000"})
    answer = program.post("/imports", files={"file": ("塔.geojson", GEOJSON)}, data={"options": options})
    assert answer.status_code == 202
    job = program.get(answer.headers["location"]).json()
    assert job["id"] == answer.json()["job"] and job["kind"] == "import" and job["created_by"] == "test-program"
    digest = hashlib.sha256(GEOJSON).hexdigest()
    assert job["args"] == {"sha256": digest, "name": "塔.geojson", "options": {"layer": "towers", "crs": "CGCS2000"}} and digest in kept(
        site
    )
    assert job["id"] in [entry["id"] for entry in program.get("/jobs").json()["jobs"]]


def test_cancel(program: httpx.Client) -> None:
    job = program.post("/imports", files={"file": ("a.geojson", GEOJSON)}).json()["job"]
    assert program.post(f"/jobs/{job}/cancel").json()["status"] == "cancelled"
    problem_of(program.post(f"/jobs/{job}/cancel"), 409)


def test_a_person_uploads_with_the_token_only(site: Site, admin: httpx.Client) -> None:
    assert admin.post("/imports", files={"file": ("a.geojson", GEOJSON)}).status_code == 202
    del admin.headers["X-CSRF-Token"]
    assert problem_of(admin.post("/imports", files={"file": ("a.geojson", GEOJSON)}), 403)["code"] == "csrf"


def parts(*bodies: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + body + b"\r\n" for body in bodies) + end


FILE = b'Content-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n{}'
ODD_FORMS: list[tuple[bytes, int, str]] = [
    (b"", 400, "body"),
    (b"nonsense", 400, "body"),
    (parts(end=b""), 400, "body"),
    (parts(), 400, "file"),
    (parts(FILE, end=b""), 400, "body"),
    (parts(FILE, FILE), 400, "file"),
    (parts(b'Content-Disposition: form-data; name="options"\r\n\r\n{}'), 400, "file"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n['), 400, "options:1:2"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n[]'), 400, "options"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n{"crs":"EPSG:0"}'), 400, "crs"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n{"unknown":1}'), 400, "unknown"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n' + b"[" * 100), 400, "options"),
    (parts(FILE, b'Content-Disposition: form-data; name="options"\r\n\r\n"' + b"x" * 70_000 + b'"'), 413, "body"),
    (parts(FILE, b'Content-Disposition: form-data; name="other"\r\n\r\nx'), 400, "other"),
    (parts(FILE, b"no header at all"), 400, ""),
    (parts(*[b'Content-Disposition: form-data; name="options"\r\n\r\n{}'] * 9, FILE), 413, "body"),
    (parts(b"X: " + b"y" * 5000 + b"\r\n\r\nz", FILE), 400, "body"),
    (parts(FILE.replace(b"a.geojson", b"../../..")), 400, "file"),
    (parts(FILE.replace(b"a.geojson", b"")), 400, "file"),
    (parts(FILE.replace(b"a.geojson", b"a.exe")), 422, "file"),
    (parts(FILE.replace(b"a.geojson", b"geojson")), 422, "file"),
    (parts(FILE.replace(b"{}", b"x" * (1024 * 1024 + 1))), 413, "file"),
    (parts(FILE.replace(b"{}", b"x" * (3 * 1024 * 1024))), 413, "body"),
]


@pytest.mark.parametrize(("body", "status", "place"), ODD_FORMS, ids=range(len(ODD_FORMS)))
def test_odd_forms(site: Site, program: httpx.Client, body: bytes, status: int, place: str) -> None:
    before = kept(site)
    answer = program.post("/imports", content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert str(problem_of(answer, status)["place"]).startswith(place)
    assert kept(site) == before


@pytest.mark.parametrize(
    "media", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
)
def test_odd_media_types(program: httpx.Client, media: str) -> None:
    problem_of(program.post("/imports", content=b"x", headers={"content-type": media}), 415)


def test_a_body_of_unknown_length_is_counted_as_it_comes(site: Site, program: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        while True:
            yield b"x" * 65536

    try:
        answer = program.post("/imports", content=endless(), headers={"content-type": "multipart/form-data; boundary=x"})
        problem_of(answer, 413)
    except httpx.TransportError:
        pass  # the server answered and closed while we were still sending
    assert "!" not in kept(site)


def test_names_from_old_programs() -> None:
    assert clean_file_name("C:\\data\\地块.shp.zip") == "地块.shp.zip"
    assert clean_file_name("/etc/passwd\r\n.csv") == "passwd.csv"
    assert clean_file_name("\u202egpj.csv") == "gpj.csv"
    assert len(clean_file_name("x" * 999 + ".csv")) == 200


@pytest.fixture
def run(site: Site) -> str:
    """A complete import with findings, as the loader leaves it."""
    with connect(site.database, IMPORTER) as connection:
        found: Any = connection.execute(COMPLETE_RUN, [json.dumps({"rows_in": 3, "published": 2, "refused": 1})]).fetchone()
        for row in range(1, 8):
            connection.execute(FINDING, [found[0], row])
    return str(found[0])


def test_report_and_findings(program: httpx.Client, run: str) -> None:
    assert program.get(f"/imports/{run}/report").json() == {"rows_in": 3, "published": 2, "refused": 1}
    assert run in [entry["id"] for entry in program.get("/imports").json()["imports"]]
    address, rows = f"/imports/{run}/findings?limit=3", []
    while address:
        page = program.get(address).json()
        rows += [finding["row"] for finding in page["findings"]]
        address = next((link["href"] for link in page["links"]), "")
    assert rows == [1, 2, 3, 4, 5, 6, 7]


def test_findings_of_one_rule(site: Site, program: httpx.Client, run: str) -> None:
    with connect(site.database, IMPORTER) as connection:
        connection.execute(ODD_FINDING, [run])
    rules = {finding["rule"] for finding in program.get(f"/imports/{run}/findings?rule=r").json()["findings"]}
    assert rules == {"r"} and len(program.get(f"/imports/{run}/findings?rule=bad-line").json()["findings"]) == 1
    page = program.get(f"/imports/{run}/findings?rule=r&limit=3").json()
    assert "rule=r" in page["links"][0]["href"] and len(program.get(page["links"][0]["href"]).json()["findings"]) == 3
    assert program.get(f"/imports/{run}/findings?rule=nobody").json()["findings"] == []


def test_findings_to_take_away(site: Site, program: httpx.Client, web: httpx.Client, run: str) -> None:
    with connect(site.database, IMPORTER) as connection:
        connection.execute(ODD_FINDING, [run])
    table = program.get(f"/imports/{run}/findings.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8" and run in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert len(rows) == 8 and (rows[0]["row"], rows[0]["rule"], rows[0]["detail_zh"]) == ("1", "r", "已修复")
    assert rows[-1]["detail_zh"] == "'=1+1" and rows[-1]["key"] == "'@k" and float(rows[-1]["lon_4490"]) == 113.5
    found = program.get(f"/imports/{run}/findings.geojson?rule=bad-line").json()["features"]
    assert [(each["geometry"]["coordinates"], each["properties"]["detail_zh"]) for each in found] == [([113.5, 22.5], "=1+1")]
    assert len(program.get(f"/imports/{run}/findings.geojson").json()["features"]) == 8
    for suffix in ("csv", "geojson"):
        problem_of(web.get(f"/imports/{run}/findings.{suffix}"), 401)
        problem_of(program.get(f"/imports/{uuid4()}/findings.{suffix}"), 404)


def test_many_findings_are_all_there(site: Site, program: httpx.Client, run: str) -> None:
    with connect(site.database, IMPORTER) as connection:
        connection.execute(MANY_FINDINGS, [run])
    assert len(program.get(f"/imports/{run}/findings.csv").text.splitlines()) == 1 + 7 + 12_000


def test_an_import_without_a_report(site: Site, program: httpx.Client) -> None:
    with connect(site.database, IMPORTER) as connection:
        found: Any = connection.execute("INSERT INTO twin.import_run (layer_id, source) VALUES ('x', 'y') RETURNING id").fetchone()
    problem_of(program.get(f"/imports/{found[0]}/report"), 404)


@pytest.mark.parametrize("path", ["/jobs/x", "/jobs/00000000-0000-0000-0000-000000000000", "/imports/x/report", "/imports/%00/findings"])
def test_unknown_ones(program: httpx.Client, path: str) -> None:
    answer = program.get(path)
    assert answer.status_code in (400, 404) and answer.json()["place"]


def test_other_requests_are_not_held_up(site: Site, program: httpx.Client) -> None:
    """While somebody uploads slowly, /livez stays quick."""

    def slowly() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(15):
            time.sleep(0.05)
            yield b"x" * 10_000
        yield b"\r\n--x--\r\n"

    def send() -> None:
        with site.with_key() as client:
            client.post("/imports", content=slowly(), headers={"content-type": "multipart/form-data; boundary=x"}).raise_for_status()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        started = time.perf_counter()
        program.get("/livez").raise_for_status()
        taken.append(time.perf_counter() - started)
        time.sleep(0.02)
    assert sorted(taken)[int(len(taken) * 0.9)] < 0.2


def test_login_is_not_an_upload(web: httpx.Client) -> None:
    assert web.post("/login", json={"name": "admin", "password": PASSWORD}).status_code == 200
