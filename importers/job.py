"""The import as a job over an upload: the same function as on the command line, with its progress on the job."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from importers.options import parse_options
from importers.process import private_folder
from importers.report import Progress
from importers.run import import_file
from postgis.blobs import BlobStore
from postgis.jobs import RunningJob
from twin.errors import BadParameter


def run_import(job: RunningJob) -> Mapping[str, Any]:
    """Import the blob `args.sha256`, called `args.name`, with `args.options`; answers the report."""
    digest, name = job.args.get("sha256"), Path(str(job.args.get("name") or "upload")).name
    if not isinstance(digest, str):
        raise BadParameter("the job names no upload", "任务未指明上传文件", place="sha256")
    options = parse_options(job.args.get("options") or {})

    def tell(progress: Progress) -> None:
        job.progress(progress.done, progress.total, progress.step_zh, progress.step_en)

    with private_folder() as folder:
        path = folder / name
        _bring(BlobStore(job.home).path(digest), path)
        return import_file(job.database, path, options, tell, job.home).model_dump(mode="json")


def _bring(blob: Path, path: Path) -> None:
    """Give the upload its own name again, without copying where the file system allows."""
    try:
        path.hardlink_to(blob)
    except OSError:
        shutil.copyfile(blob, path)
