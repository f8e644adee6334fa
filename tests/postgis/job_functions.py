"""Job functions of the tests, named by `JOBS` entries as any other."""

import asyncio
import time
from pathlib import Path

from postgis.jobs import JobResult, RunningJob
from twin.errors import BadFile


def count(job: RunningJob) -> JobResult:
    """Count to args.to, a step every 2 ms."""
    total = int(job.args["to"])
    for done in range(total):
        job.progress(done, total, "计数", "Counting")
        time.sleep(0.002)
    return {"counted": total}


async def count_async(job: RunningJob) -> JobResult:
    """The same without a thread."""
    await asyncio.sleep(0.01)
    return {"counted": job.args["to"], "home": str(job.home)}


def refuse(job: RunningJob) -> JobResult:
    """End as a bad file does."""
    raise BadFile("row 3 is odd", "第 3 行有误", place="row 3", mend="look at it")


def burst(job: RunningJob) -> JobResult:
    """Fail in a way nobody foresaw."""
    raise RuntimeError("secret detail")


def mark_and_wait(job: RunningJob) -> JobResult:
    """Append a line to args.file; the first run then waits for ever (until cancelled or killed), later ones end."""
    path = Path(job.args["file"])
    runs = len(path.read_text().splitlines()) if path.exists() else 0
    with path.open("a") as handle:
        handle.write("run\n")
    while runs < int(job.args.get("waits", 1)):
        job.progress(runs, None, "等待", "Waiting")
        time.sleep(0.02)
    return {"runs": runs + 1}


KINDS = {name: f"tests.postgis.job_functions:{name}" for name in ("count", "count_async", "refuse", "burst", "mark_and_wait")}
