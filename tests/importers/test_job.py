"""The import as a job over an upload, run by the same code as a worker's."""

import json
from uuid import uuid4

import pytest

from importers.job import run_import
from postgis.blobs import BlobStore
from postgis.connect import EDITOR, connect
from postgis.jobs import JobCancelled, JobRequest, RunningJob, job_function, read_job, submit
from tests.importers import files
from twin.errors import BadFile, BadParameter


@pytest.fixture
def job(town, tmp_path):
    def make(data: bytes, name: str, **options) -> RunningJob:
        with BlobStore(tmp_path).writer(1 << 30) as writer:
            writer.write(data)
            blob = writer.finish("application/octet-stream", name)
        args = {"sha256": blob.sha256, "name": name, "options": options}
        with connect(town.database, EDITOR) as connection:
            number = submit(connection, JobRequest("import", args, "admin"))
        return RunningJob(number, "import", args, "admin", town.database, tmp_path)

    return make


def upload(**properties) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": [files.square(113, 23, **properties)]}).encode()


def test_the_registered_job_imports(town, job) -> None:
    running = job(upload(名称="甲"), "上传 文件.geojson", title_zh="上传")
    running_progress = []
    running.progress = lambda *step: running_progress.append(step)
    report = job_function("import")(running)
    assert report["layer"] == "上传_文件" and report["published"] == 1 and json.dumps(report)
    assert running_progress[0][2:] == ("读取", "Reading") and running_progress[-1][3] == "Updating the catalogue"
    assert town.live("上传_文件", "name") == [("甲",)]


def test_refusals_of_a_job(town, job) -> None:
    quiet = lambda *step: None  # noqa: E731
    for running, kind in (
        (job(b"<OGRVRTDataSource/>", "a.geojson"), BadFile),
        (job(upload(), "b.geojson", crs="nonsense"), BadParameter),
        (RunningJob(uuid4(), "import", {}, "admin", town.database, job(b"", "c").home), BadParameter),
    ):
        running.progress = quiet
        with pytest.raises(kind):
            run_import(running)


def test_a_cancelled_job_stops_and_cleans_up(town, job) -> None:
    running = job(upload(n=1), "stopped.geojson")
    running.stop()
    with pytest.raises(JobCancelled):
        run_import(running)
    assert town.staged() == [] and town.ask("SELECT 1 FROM twin.layer WHERE id = 'stopped'") == []
    with connect(town.database, EDITOR) as connection:
        assert read_job(connection, running.id).kind == "import"
