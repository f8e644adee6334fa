"""What `twin doctor` looks at: each finding says what is so, and for a bad one how to mend it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import typer

from postgis.cluster import Cluster, find_binaries
from postgis.external import open_external
from postgis.home import read_holder
from postgis.migrate import is_current
from twin.commands.context import say, settings
from twin.errors import InputError, TwinError
from twin.settings import Settings
from web.supervise import check_port_free

_FREE_GB = 5


@dataclass(frozen=True)
class Finding:
    """One line of the doctor; `status` is the exit status it asks for."""

    mark: str
    zh: str
    en: str
    status: int = 0


def doctor() -> None:
    """Look for what would keep the twin from working, and say how to mend it."""
    worst = 0
    for finding in findings(settings()):
        say(f"{finding.mark} {finding.zh} · {finding.en}")
        worst = max(worst, finding.status)
    raise typer.Exit(worst)


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything worth knowing, from the ground up."""
    yield Finding("·", f"数据目录 {settings.home}", f"home {settings.home}")
    yield _disk(settings)
    yield from _external(settings) if settings.database_url else _private(settings)
    yield _port(settings)


def _disk(settings: Settings) -> Finding:
    existing = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < _FREE_GB:
        return Finding("!", f"磁盘仅剩 {free:.1f} GB", f"only {free:.1f} GB of disk left")
    return Finding("✓", f"磁盘剩余 {free:.0f} GB", f"{free:.0f} GB of disk left")


def _private(settings: Settings) -> Iterator[Finding]:
    """The private cluster: its programs, whether it runs, whether its schema is the newest."""
    try:
        yield Finding("✓", f"PostgreSQL 程序 {find_binaries()}", f"PostgreSQL programs in {find_binaries()}")
    except TwinError as exc:
        yield _bad(exc)
        return
    cluster = Cluster(settings.home)
    if not cluster.health():
        yield Finding("·", "数据库未运行（twin up 会启动）", "the database does not run (twin up starts it)")
    elif is_current(cluster.database):
        yield Finding("✓", "数据库运行中，结构为最新", "the database runs, its schema is the newest")
    else:
        yield Finding("!", "数据库结构需要升级（twin up 会升级）", "the schema is older than the code (twin up upgrades it)")


def _external(settings: Settings) -> Iterator[Finding]:
    """The database of TWIN_DATABASE_URL."""
    try:
        database, cautions = open_external(settings.database_url)
    except InputError as exc:
        yield _bad(exc)
        return
    yield Finding("✓", "TWIN_DATABASE_URL 可用", f"TWIN_DATABASE_URL is usable: {database.redacted}")
    for caution in cautions:
        yield Finding("!", caution.message_zh, caution.message_en)


def _port(settings: Settings) -> Finding:
    holder = read_holder(settings.home)
    if holder is not None:
        return Finding("✓", f"运行中：{holder.get('url')}", f"running as process {holder.get('pid')}")
    try:
        check_port_free(settings.host, settings.port)
    except InputError as exc:
        return _bad(exc)
    return Finding("✓", f"端口 {settings.port} 空闲", f"port {settings.port} is free")


def _bad(error: TwinError) -> Finding:
    mend = f" → {error.mend}" if error.mend else ""
    return Finding("✗", error.message_zh, error.message_en + mend, 2 if isinstance(error, InputError) else 1)
