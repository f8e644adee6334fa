"""work: the job worker in the foreground."""

import asyncio
import logging
from typing import Annotated

import typer

from postgis.worker import run_worker
from twin.commands.context import settings
from twin.commands.database import where


def work(concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 2) -> None:
    """Run jobs and the clock until SIGTERM."""
    logging.basicConfig(level=settings().log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(run_worker(where(), settings().home, concurrency=concurrency))
