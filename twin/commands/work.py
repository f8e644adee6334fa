"""work: the job worker in the foreground."""

import asyncio
import contextlib
import logging
from typing import Annotated

import psycopg
import typer

from importers.run import sweep
from postgis.worker import run_worker
from twin.commands.context import settings
from twin.commands.database import where


def work(concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs at the same time.")] = 2) -> None:
    """Clean up after imports that died, then run jobs and the clock until SIGTERM."""
    logging.basicConfig(level=settings().log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.suppress(psycopg.OperationalError):
        sweep(where())
    asyncio.run(run_worker(where(), settings().home, concurrency=concurrency, sources=settings().sources))
