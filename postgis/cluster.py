"""The private PostgreSQL cluster: one directory, one unix socket, no port and no password."""

import contextlib
import fcntl
import getpass
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from postgis.connect import ROLES, SUPERUSER, Database
from postgis.home import make_home
from twin.errors import InputError, OperationError

ACCOUNT = "postgres"
DATABASE = "twin"
_MAX_SOCKET_BYTES = 107
_START_S = 60.0
_VAIN_STARTS = 10
_LZ4_SINCE = 15
"""PostgreSQL of this version on compresses its log with lz4: an index is built a quarter faster than with pglz."""
_CLEAN_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster below `home`; root runs it as the account `postgres`, anybody else as themselves."""

    home: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Server settings that win over ours (tests turn fsync off)."""

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.home / "pg"

    @cached_property
    def socket_dir(self) -> Path:
        """Directory of the unix socket: below home, or a short one in /tmp when the path would pass 107 bytes."""
        inside = self.home / "run"
        if len(os.fsencode(inside / ".s.PGSQL.5432")) <= _MAX_SOCKET_BYTES:
            return inside
        return Path("/tmp") / f"yuetu-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]}"  # noqa: S108  (0700, owner checked)

    @property
    def database(self) -> Database:
        """Where the database `twin` of this cluster is, whether it runs or not."""
        return Database(f"host={_quoted(self.socket_dir)} port=5432 dbname={DATABASE}", private=True)

    def ensure(self) -> Database:
        """Create what is missing, start what does not run, and say where it is; safe to call twice and from two processes."""
        self._make_home()
        with _locked(self.home / "pg.lock"):
            if not self.health():
                self._initialise()
                self._configure()
                self._start()
            self._create_database()
        return self.database

    def health(self) -> bool:
        """Whether the cluster answers a query now."""
        try:
            with psycopg.connect(self._admin, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop the cluster: fast, then immediate when it does not go within a minute; nothing happens if it does not run."""
        if not (self.data / "postmaster.pid").exists():
            return
        for mode in ("fast", "immediate"):
            if self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", "60", "stop").returncode == 0:
                return
        if self.health():
            raise OperationError(f"PostgreSQL in {self.data} does not stop", f"{self.data} 中的 PostgreSQL 无法停止")

    @property
    def postmaster(self) -> int | None:
        """Process id in PostgreSQL's own pid file, or None without one; the process may be dead."""
        return _first_number(self.data / "postmaster.pid")

    @property
    def _admin(self) -> str:
        return self.database.named("postgres").conninfo(SUPERUSER)

    @cached_property
    def _bin(self) -> Path:
        version = self.data / "PG_VERSION"
        return find_binaries(version.read_text().strip() if version.exists() else None)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one PostgreSQL program as the cluster's account, in a clean environment."""
        return _run_as_account([str(self._bin / program), *arguments])

    def _make_home(self) -> None:
        """Make the directories and hand the cluster's own to its account."""
        make_home(self.home)
        for directory in (self.data, self.socket_dir, self.home / "log" / "postgresql"):
            directory.mkdir(exist_ok=True, mode=0o700)
            _give(directory)
        self._check_reachable()

    def _check_reachable(self) -> None:
        """InputError when the account cannot come down to its data directory (a home below /root, say)."""
        if _run_as_account(["/usr/bin/test", "-w", str(self.data)]).returncode:
            raise InputError(
                f"the account {ACCOUNT!r} cannot enter {self.data}",
                f"系统账户 {ACCOUNT!r} 无法进入 {self.data}",
                place="TWIN_HOME",
                mend="set TWIN_HOME to a directory every account may traverse, e.g. /var/lib/yuetu "
                "（请把 TWIN_HOME 设到所有账户都可进入的目录，如 /var/lib/yuetu）",
            )

    def _initialise(self) -> None:
        """`initdb` once; a directory half made by a killed initdb is cleared first."""
        if (self.data / "twin.ready").exists():
            return
        for leftover in self.data.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        options = ("--data-checksums", "-A", "peer", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
        done = self._run("initdb", "-D", str(self.data), "-U", SUPERUSER, *options)
        if done.returncode:
            raise OperationError(f"initdb failed in {self.data}: {done.stdout}", f"initdb 在 {self.data} 失败：{done.stdout}")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'twin.conf'\n")
        self._write("twin.ready", "")

    def _configure(self) -> None:
        """Write settings and login rules anew before each start: memory and the current account may have changed."""
        settings = tuned_settings(machine_memory_bytes()) | {
            "wal_compression": "lz4" if (_first_number(self.data / "PG_VERSION") or 0) >= _LZ4_SINCE else "on",
            "unix_socket_directories": str(self.socket_dir),
            "log_directory": str(self.home / "log" / "postgresql"),
            **self.overrides,
        }
        users = sorted({ACCOUNT, "root", getpass.getuser()})
        self._write("twin.conf", "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()))
        self._write("pg_hba.conf", "local all all peer map=twin\n")
        self._write("pg_ident.conf", "".join(f"twin {user} {role}\n" for user in users for role in (SUPERUSER, *ROLES)))

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        _give(path)

    def _start(self) -> None:
        """Start and wait; a postmaster killed a moment ago leaves its pid file and backends, so clear those and try again."""
        deadline, vain = time.monotonic() + _START_S, 0
        log = str(self.home / "log" / "postgresql" / "start.log")
        while self._run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-t", "60", "start").returncode:
            vain += 0 if self._clear() else 1
            if vain > _VAIN_STARTS or time.monotonic() > deadline:
                raise OperationError(f"PostgreSQL did not start; see {log}", f"PostgreSQL 未能启动，详见 {log}")
            time.sleep(0.2)

    def _clear(self) -> bool:
        """Clear what a killed postmaster left, the lock of its socket too: that may name a dead process nobody reaped, or a stranger by now."""
        found = clear_remains(self.data)
        lock = self.socket_dir / ".s.PGSQL.5432.lock"
        if _processes_in(self.data) or not lock.exists():
            return found
        lock.unlink(missing_ok=True)
        return True

    def _create_database(self) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def find_binaries(major: str | None = None) -> Path:
    """The bin directory of the newest PostgreSQL that has PostGIS, or of version `major`; OperationError when absent."""
    found = sorted(
        (path for path in Path("/usr/lib/postgresql").glob("*/bin/postgres") if major in (None, path.parts[-3])),
        key=lambda path: int(path.parts[-3]),
        reverse=True,
    )
    for path in found:
        if Path(f"/usr/share/postgresql/{path.parts[-3]}/extension/postgis.control").exists():
            return path.parent
    raise OperationError(
        f"no PostgreSQL{' ' + major if major else ''} with PostGIS on this machine; ./run installs it",
        f"本机没有带 PostGIS 的 PostgreSQL{' ' + major if major else ''}；./run 会安装",
    )


def machine_memory_bytes() -> int:
    """Memory this process may use: the machine's, or its control group's when that is smaller."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


def tuned_settings(memory_bytes: int) -> dict[str, str]:
    """Server settings for a machine of this much memory, shared with our own processes."""
    megabytes = memory_bytes // 2**20
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "max_locks_per_transaction": "1024",
        "shared_buffers": f"{max(128, min(megabytes // 4, 2048))}MB",
        "effective_cache_size": f"{max(256, megabytes // 2)}MB",
        "maintenance_work_mem": f"{max(64, min(megabytes // 20, 512))}MB",
        "work_mem": f"{max(8, min(megabytes // 256, 64))}MB",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "64",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "password_encryption": "scram-sha-256",
        "logging_collector": "on",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_min_duration_statement": "5s",
        "log_parameter_max_length": "200",
        "log_lock_waits": "on",
    }


def clear_remains(data: Path) -> bool:
    """End the backends a killed postmaster left in `data` and drop its pid file, never while it lives; False when there was nothing."""
    members = _processes_in(data)
    postmaster = _first_number(data / "postmaster.pid")
    if postmaster is None:
        return bool(members)
    if postmaster in members:
        return True
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
    if not members:
        (data / "postmaster.pid").unlink(missing_ok=True)
    return True


def _first_number(path: Path) -> int | None:
    """The number on the first line of a file, or None."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _processes_in(directory: Path) -> set[int]:
    """Live processes whose working directory is `directory`; a dead one that nobody reaped has none."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == directory:
                found.add(int(entry.name))
    return found


@dataclass(frozen=True)
class _Account:
    """Who runs the cluster, as subprocess wants it; all None means ourselves."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None


def _account() -> _Account:
    """The account of the cluster: root leaves itself behind, an ordinary user stays."""
    if os.geteuid() != 0:
        return _Account()
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError as exc:
        raise OperationError(f"there is no account {ACCOUNT!r}; ./run installs it", f"没有系统账户 {ACCOUNT!r}；./run 会安装") from exc
    return _Account(entry.pw_uid, entry.pw_gid, ())


def _run_as_account(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `command` as the cluster's account in a clean environment; its output comes back as text."""
    account = _account()
    return subprocess.run(
        command,
        cwd="/",
        env=_CLEAN_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )


def _give(path: Path) -> None:
    """Hand `path` to the cluster's account."""
    account = _account()
    if account.user is not None and account.group is not None:
        os.chown(path, account.user, account.group)


def _quoted(value: object) -> str:
    """A value between single quotes as both PostgreSQL's configuration and libpq read it."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` for a short while, waiting for whoever has it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
