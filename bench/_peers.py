"""The servers under test: ours and the peers, each started on a core of its own over the same database, each with its own address of a tile."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench._http import free_port, wait_until_answers
from bench._tile_data import SRIDS, TABLES, Table
from postgis.connect import SUPERUSER, Database

ROOT = Path(__file__).resolve().parents[1]
CACHE_MB = 256
BUFFER = 64
Path_of = Callable[..., str]
"""The path of a tile (table, z, x, y), or of what else a benchmark asks for."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the server under test runs on, and which one the load generator and PostgreSQL share; None where there is but one."""

    server: str | None
    rest: str | None

    def pinned(self) -> list[str]:
        """The words before a server's command."""
        return ["taskset", "-c", self.server] if self.server else []


def choose_cores() -> Cores:
    """The first core for servers, the second for everything else: this process, PostgreSQL (started by it) and wrk."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2 or not shutil.which("taskset"):
        return Cores(None, None)
    os.sched_setaffinity(0, {allowed[1]})
    return Cores(str(allowed[0]), str(allowed[1]))


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server: how to ask it."""

    name: str
    port: int
    path: Path_of
    process: subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where servers are started: the database, a directory for their files, and the cores."""

    database: Database
    home: Path
    cores: Cores
    peers: Path | None = None

    def program(self, name: str, variable: str) -> Path | None:
        """A peer's program: TWIN_BENCH_<NAME>, else `--peers` (there or in its bin/), else PATH."""
        folders = [self.peers, self.peers / "bin", self.peers / name / "bin"] if self.peers else []
        named = os.environ.get(variable) or next((str(folder / name) for folder in folders if (folder / name).is_file()), None)
        found = named or shutil.which(name)
        return Path(found) if found else None

    def python(self, peer: str, variable: str) -> Path | None:
        """The Python of a peer's environment: the variable, else `--peers`/<peer>."""
        named = os.environ.get(variable) or (str(self.peers / peer / "bin" / "python") if self.peers else "")
        return Path(named) if named and Path(named).exists() else None

    @property
    def socket_dir(self) -> str:
        """Everybody reaches the database through this Unix socket."""
        return str(conninfo_to_dict(self.database.dsn)["host"])

    @property
    def url(self) -> str:
        """The database as a URL, for drivers that take nothing else."""
        return f"postgresql://{SUPERUSER}@{quote(self.socket_dir, safe='')}:5432/twin"

    @contextlib.contextmanager
    def start(
        self, name: str, ready: str, path: Path_of, command: list[str], variables: Mapping[str, str], port: int
    ) -> Iterator[Contender]:
        """Run `command` on the servers' core until the block ends; its log is in the home."""
        logs = self.home / "log"
        logs.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")} | dict(variables)
        with (logs / f"bench-{name.replace(' ', '-')}.log").open("wb") as output:
            process = subprocess.Popen([*self.cores.pinned(), *command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until_answers(port, ready, process)
            yield Contender(name, port, path, process)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _our_tile(table: Table, z: int, x: int, y: int) -> str:
    return f"/tiles/{table.layer}/{z}/{x}/{y}"


def start_ours(place: Place, name: str, cache_mb: int, path: Path_of = _our_tile) -> contextlib.AbstractContextManager[Contender]:
    """`twin serve` with one web process, in a home of its own so that no kept tile is found; without memory it keeps none at all."""
    port, home = free_port(), place.home / name.replace(" ", "-")
    shutil.rmtree(home / "cache", ignore_errors=True)
    home.mkdir(exist_ok=True)
    kept = {"TWIN_TILE_MEMORY_MB": str(cache_mb)} | ({} if cache_mb else {"TWIN_TILE_CACHE_MB": "0"})
    variables = {
        "TWIN_HOME": str(home),
        "TWIN_DATABASE_URL": make_conninfo(place.database.dsn, user=SUPERUSER),
        "TWIN_PORT": str(port),
        "TWIN_WEB_PROCESSES": "1",
        "TWIN_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "twin", "serve"]
    return place.start(name, "/readyz", path, command, variables | kept, port)


def martin_sources(place: Place) -> str:
    """The plain tables as martin's configuration names them."""
    lines = [f'postgres:\n  connection_string: "{make_conninfo(place.database.dsn, user=SUPERUSER)}"\n  auto_publish: false\n  tables:']
    for table, srid in ((table, srid) for table in TABLES for srid in SRIDS):
        properties = ", ".join(f"{name}: {kind}" for name, kind in table.columns.items())
        lines.append(
            f"    {table.plain(srid)}: {{schema: bench, table: {table.plain(srid)}, srid: {srid}, geometry_column: geom, id_column: oid, "
            f"buffer: {BUFFER}, geometry_type: {table.type.upper()}, bounds: [109, 20, 118, 26], properties: {{{properties}}}}}"
        )
    return "\n".join(lines) + "\n"


def start_martin(place: Place, srid: int, cache_mb: int) -> contextlib.AbstractContextManager[Contender] | None:
    """martin with one worker, gzip preferred and the plain tables in `srid`; None without the program."""
    program = place.program("martin", "TWIN_BENCH_MARTIN")
    if program is None:
        return None
    port, name = free_port(), f"martin {srid}" if cache_mb == 0 else f"martin {srid} cached"
    config = place.home / f"{name.replace(' ', '-')}.yaml"
    server = f"listen_addresses: '127.0.0.1:{port}'\nworker_processes: 1\npreferred_encoding: gzip\n"
    cache = f"cache: {{size_mb: {cache_mb}, tile_size_mb: {cache_mb}}}\n"
    config.write_text(server + cache + martin_sources(place))
    command = [str(program), "--config", str(config)]
    return place.start(name, "/health", lambda table, z, x, y: f"/{table.plain(srid)}/{z}/{x}/{y}", command, {"RUST_LOG": "warn"}, port)


def start_pg_tileserv(place: Place, srid: int) -> contextlib.AbstractContextManager[Contender] | None:
    """pg_tileserv with as many threads as it has cores: one; None without the program."""
    program = place.program("pg_tileserv", "TWIN_BENCH_PG_TILESERV")
    if program is None:
        return None
    port = free_port()
    variables = {
        "DATABASE_URL": f"postgresql:///twin?host={place.socket_dir}&user={SUPERUSER}",
        "TS_HTTPPORT": str(port),
        "TS_HTTPHOST": "127.0.0.1",
        "TS_DEFAULTBUFFER": str(BUFFER),
        "TS_MAXFEATURESPERTILE": "-1",
        "TS_DBTIMEOUT": "600",
        "GOMAXPROCS": "1",
    }

    def path(table: Table, z: int, x: int, y: int) -> str:
        return f"/bench.{table.plain(srid)}/{z}/{x}/{y}.pbf"

    return place.start(f"pg_tileserv {srid}", "/index.json", path, [str(program)], variables, port)


def start_tipg(place: Place, srid: int) -> contextlib.AbstractContextManager[Contender] | None:
    """tipg answering tiles of the plain tables in `srid`."""

    def path(table: Table, z: int, x: int, y: int) -> str:
        return f"/collections/bench.{table.plain(srid)}/tiles/WebMercatorQuad/{z}/{x}/{y}"

    return run_tipg(place, f"tipg {srid}", path, {"TIPG_TILE_BUFFER": str(BUFFER)})


def run_tipg(place: Place, name: str, path: Path_of, settings: Mapping[str, str]) -> contextlib.AbstractContextManager[Contender] | None:
    """tipg under uvicorn with one worker over the schema `bench`; None without uvicorn beside an installed tipg."""
    python = place.python("tipg", "TWIN_BENCH_TIPG")
    if python is None:
        return None
    port = free_port()
    variables = {"DATABASE_URL": place.url, "TIPG_DB_SCHEMAS": '["bench"]', "TIPG_FALLBACK_KEY_NAMES": '["oid"]'} | dict(settings)
    return place.start(name, "/healthz", path, uvicorn(python, "tipg.main:app", port), variables, port)


def uvicorn(python: Path, application: str, port: int) -> list[str]:
    """The command of an ASGI application with one worker; uvicorn takes uvloop and httptools where they are installed."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--log-level", "error"]
    return [str(python), "-m", "uvicorn", application, *options]
