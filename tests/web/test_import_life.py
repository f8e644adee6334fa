"""Undo and schedules by HTTP: who may, what is refused at once, and what the job does."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from importers.options import ImportOptions
from importers.run import import_file
from postgis.connect import IMPORTER, connect
from postgis.jobs import read_job
from postgis.worker import run_job
from tests.importers import files
from tests.web.conftest import Site, problem_of


@pytest.fixture(autouse=True)
def _no_shed_left(site: Site) -> Iterator[None]:
    """Other tests know which layers there are."""
    yield
    with connect(site.database, IMPORTER) as connection:
        connection.execute("SELECT twin.drop_layer('shed')")
        connection.commit()


def published(site: Site, folder: Path, height: float) -> str:
    """The run of an import of one building."""
    path = files.geojson(folder / "shed.geojson", [files.square(113, 23, 0.001, id="k1", height=height)])
    return str(import_file(site.database, path, ImportOptions(layer="shed", mode="replace")).run)


def worked(site: Site, job: str) -> dict:
    """The job, run here as a worker would."""
    asyncio.run(run_job(site.database, site.home, uuid.UUID(job)))
    with connect(site.database, IMPORTER) as connection:
        return read_job(connection, uuid.UUID(job)).model_dump(mode="json")


def test_undo_is_a_job(site: Site, program: httpx.Client, tmp_path: Path) -> None:
    published(site, tmp_path, 10)
    run = published(site, tmp_path, 99)
    answer = program.post(f"/imports/{run}/undo")
    assert answer.status_code == 202 and answer.headers["location"].endswith(f"/jobs/{answer.json()['job']}")
    job = worked(site, answer.json()["job"])
    assert (job["kind"], job["status"], job["created_by"]) == ("undo-import", "done", "test-program")
    assert job["result"]["mode"] == "undo" and job["result"]["changed"] == 1
    report = program.get(f"/imports/{run}/report").json()
    assert report["undone_by"] == job["result"]["run"]
    problem = problem_of(program.post(f"/imports/{run}/undo"), 409)
    assert "undone already" in str(problem["detail_en"])


def test_undo_of_what_was_touched_since_fails_with_the_reason(site: Site, program: httpx.Client, tmp_path: Path) -> None:
    run = published(site, tmp_path, 11)
    later = published(site, tmp_path, 12)
    job = worked(site, program.post(f"/imports/{run}/undo").json()["job"])
    assert job["status"] == "failed" and job["error"]["code"] == "conflict" and later in job["error"]["detail_en"]


def test_undo_is_for_those_who_import(web: httpx.Client, admin: httpx.Client, program: httpx.Client) -> None:
    nobody = f"/imports/{uuid.uuid4()}/undo"
    problem_of(web.post(nobody), 401)
    problem_of(program.post(nobody), 404)
    problem_of(program.post("/imports/x/undo"), 404)
    del admin.headers["X-CSRF-Token"]
    problem_of(admin.post(nobody), 403)


class TestSchedules:
    def test_from_making_to_ending(self, site: Site, program: httpx.Client) -> None:
        said = {"path": "a/b.zip", "every_s": 86400, "starts_at": "2030-01-01T02:00:00", "options": {"layer": "b", "mode": "append"}}
        answer = program.post("/import-schedules", json=said)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["next_at"].startswith("2029-12-31T18:00:00"), "Beijing time without a zone"
        assert (made["path"], made["every_s"], made["options"], made["created_by"]) == (
            "a/b.zip",
            86400,
            {"layer": "b", "mode": "append"},
            "test-program",
        )
        assert program.get(answer.headers["location"]).json() == made
        assert made in program.get("/import-schedules").json()["schedules"]
        assert program.post(f"/import-schedules/{made['id']}/run").json()["next_at"] < made["next_at"]
        assert program.delete(f"/import-schedules/{made['id']}").status_code == 204
        assert made["id"] not in [item["id"] for item in program.get("/import-schedules").json()["schedules"]]
        problem_of(program.delete(f"/import-schedules/{made['id']}"), 404)
        problem_of(program.get(f"/import-schedules/{made['id']}"), 404)
        with connect(site.database, "twin_owner") as connection:
            assert connection.execute("SELECT deleted_by FROM twin.import_schedule WHERE id = %s", [made["id"]]).fetchone() == (
                "test-program",
            )

    @pytest.mark.parametrize(
        "said",
        [
            {"path": "../b.zip", "every_s": 3600},
            {"path": "/etc/passwd", "every_s": 3600},
            {"path": "b.zip", "every_s": 1},
            {"path": "b.zip", "every_s": 3600, "options": {"mode": "truncate"}},
            {"path": "https://example.org/b.zip", "every_s": 3600, "options": {"url": "x"}},
            {"every_s": 3600},
        ],
    )
    def test_bad_plans(self, program: httpx.Client, said: dict) -> None:
        problem_of(program.post("/import-schedules", json=said), 400)

    def test_only_for_those_who_import(self, web: httpx.Client) -> None:
        problem_of(web.get("/import-schedules"), 401)
        problem_of(web.post("/import-schedules", json={"path": "a", "every_s": 60}), 401)
        problem_of(web.delete(f"/import-schedules/{uuid.uuid4()}"), 401)
