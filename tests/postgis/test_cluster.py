"""The private cluster through the faults a machine has: stopped, killed, started twice, held, unreachable."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from postgis.cluster import Cluster, clear_remains, find_binaries, tuned_settings
from postgis.connect import OWNER, SUPERUSER, connect
from postgis.home import HomeHeld, HomeLock, read_holder
from twin.errors import InputError, OperationError

SMALL = {"shared_buffers": "32MB", "max_connections": "20", "max_locks_per_transaction": "64", "fsync": "off"}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of this test's own."""
    path = Path(tempfile.mkdtemp(prefix="yuetu-cluster-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    Cluster(path, SMALL).stop()
    shutil.rmtree(path)


@pytest.fixture
def own(home: Path) -> Cluster:
    """A small running cluster of this test's own."""
    cluster = Cluster(home, SMALL)
    cluster.ensure()
    return cluster


def test_it_starts_stops_and_starts_again_with_its_data(own: Cluster) -> None:
    with connect(own.database, SUPERUSER) as connection:
        connection.execute("CREATE TABLE public.kept AS SELECT 7 AS seven")
    own.stop()
    assert not own.health()
    own.stop()
    with connect(own.ensure(), SUPERUSER) as connection:
        assert connection.execute("SELECT seven FROM public.kept").fetchone() == (7,)


def test_its_settings_are_those_the_design_asks_for(cluster: Cluster) -> None:
    names = ["data_checksums", "listen_addresses", "jit", "timezone", "max_locks_per_transaction", "server_encoding", "lc_collate"]
    with connect(cluster.database, SUPERUSER) as connection:
        found = {name: connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in names}
    assert found == {
        "data_checksums": "on",
        "listen_addresses": "",
        "jit": "off",
        "timezone": "UTC",
        "max_locks_per_transaction": "1024",
        "server_encoding": "UTF8",
        "lc_collate": "C.UTF-8",
    }


def test_shared_buffers_are_a_quarter_of_memory_and_at_most_2_gb() -> None:
    assert tuned_settings(4 * 2**30)["shared_buffers"] == "1024MB"
    assert tuned_settings(64 * 2**30)["shared_buffers"] == "2048MB"


@pytest.mark.parametrize("round_", range(3))
def test_it_comes_back_at_once_after_kill_9_of_the_postmaster(own: Cluster, round_: int) -> None:
    busy = connect(own.database, SUPERUSER)
    busy.execute("CREATE TABLE public.kept AS SELECT 7 AS seven")
    busy.commit()
    busy.execute("SELECT 1")
    os.kill(own.postmaster, signal.SIGKILL)
    begun = time.monotonic()
    try:
        database = own.ensure()
    finally:
        busy.close()
    assert time.monotonic() - begun < 20
    with connect(database, SUPERUSER) as connection:
        assert connection.execute("SELECT seven FROM public.kept").fetchone() == (7,)


@pytest.mark.parametrize("lock", ["data", "socket"])
def test_a_stale_lock_that_names_a_living_stranger_is_no_obstacle(own: Cluster, lock: str) -> None:
    pid_file = own.data / "postmaster.pid" if lock == "data" else own.socket_dir / ".s.PGSQL.5432.lock"
    text = pid_file.read_text()
    own.stop()
    stranger = subprocess.Popen(["/usr/bin/sleep", "60"], cwd="/", **as_account())
    pid_file.write_text(text.replace(text.split("\n", 1)[0], str(stranger.pid), 1))
    try:
        assert own.ensure()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def as_account() -> dict[str, object]:
    """Run as the cluster's account, whose processes PostgreSQL takes for its own."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def test_remains_are_left_alone_while_the_postmaster_lives(own: Cluster) -> None:
    clear_remains(own.data)
    assert own.health()
    own.stop()
    assert not clear_remains(own.data)


def test_a_half_made_data_directory_is_made_again(home: Path) -> None:
    (home / "pg").mkdir()
    (home / "pg" / "PG_VERSION").write_text("15\n")
    (home / "pg" / "base").mkdir()
    assert Cluster(home, SMALL).ensure()


def test_two_processes_may_ensure_at_once(home: Path) -> None:
    code = f"from pathlib import Path; from postgis.cluster import Cluster; Cluster(Path({str(home)!r}), {SMALL!r}).ensure()"
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]


def test_a_deep_home_gets_a_short_socket() -> None:
    deep = Cluster(Path("/tmp") / ("d" * 60) / ("e" * 60))
    assert len(str(deep.socket_dir / ".s.PGSQL.5432")) <= 107
    assert deep.socket_dir != Cluster(Path("/tmp") / ("d" * 60) / ("f" * 60)).socket_dir


def test_only_the_mapped_users_get_in(own: Cluster) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    psql = [str(find_binaries() / "psql"), own.database.conninfo(SUPERUSER), "-c", "SELECT 1"]
    assert subprocess.run(psql, user="postgres", capture_output=True, check=False, cwd="/").returncode == 0
    assert subprocess.run(psql, user="nobody", capture_output=True, check=False, cwd="/").returncode != 0


def test_a_home_the_account_cannot_enter_is_refused() -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user runs the cluster itself")
    closed = Path(tempfile.mkdtemp(prefix="yuetu-closed-"))
    closed.chmod(0o700)
    try:
        with pytest.raises(InputError, match="cannot enter") as caught:
            Cluster(closed / "home").ensure()
        assert caught.value.place == "TWIN_HOME"
    finally:
        shutil.rmtree(closed)


def test_a_server_that_cannot_start_says_where_to_look(home: Path) -> None:
    with pytest.raises(OperationError, match=r"start\.log"):
        Cluster(home, {**SMALL, "shared_buffers": "nonsense"}).ensure()


def test_a_held_home_names_its_holder_until_the_holder_dies(home: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from postgis.home import HomeLock\n"
        f"HomeLock(Path({str(home)!r})).acquire(url='http://here'); print(1, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    with holder:
        holder.stdout.readline()
        with pytest.raises(HomeHeld, match=str(holder.pid)) as caught:
            HomeLock(home).acquire()
        assert "http://here" in caught.value.message_zh
        assert read_holder(home) == {"pid": holder.pid, "url": "http://here"}
        holder.kill()
    assert read_holder(home) is None
    lock = HomeLock(home)
    lock.acquire()
    lock.release()


def test_the_server_role_of_a_new_cluster_does_not_exist_before_migration(own: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(own.database, OWNER)
