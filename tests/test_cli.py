"""The command line as a program: exit statuses, and one whole life of `twin up` with the accidents that befall it."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postgis.cluster import Cluster
from postgis.home import read_holder

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Twin:
    """One home and port to run commands with."""

    home: Path
    port: int

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"TWIN_HOME": str(self.home), "TWIN_PORT": str(self.port), "TWIN_WEB_PROCESSES": "1", **environment}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TWIN_")}
        command = [sys.executable, "-m", "twin", *words]
        return subprocess.run(command, cwd=ROOT, env={**clean, **settings}, capture_output=True, text=True, check=False, timeout=180)

    def get(self, path: str) -> int:
        """Status of a request to the server, 0 when there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return exc.code
        except OSError:
            return 0


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """A home of this module's own."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-cli-", dir="/tmp"))
    home.chmod(0o755)
    twin = Twin(home, free_port())
    yield twin
    twin("down")
    Cluster(home).stop()
    shutil.rmtree(home)


def processes_of(home: Path) -> list[str]:
    """Command lines of the processes that have this home in their environment or name."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text and int(entry.name) != os.getpid():
            found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def children(home: Path) -> set[int]:
    """Pids of the programs the supervisor keeps alive."""
    return {entry["pid"] for entry in json.loads((home / "children.json").read_text())}


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["export", "nothing", "--pmtiles", "/tmp/x.pmtiles"], {}, "nothing"),
        (["export", "a", "--pmtiles", "/tmp/x.pmtiles", "--grid", "CGCS2000Quad"], {}, "cannot be written"),
        (["export", "a", "--pmtiles", "/tmp/x.pmtiles", "--bbox", "1,2,3"], {}, "bbox"),
        (["export", "a"], {}, "--pmtiles"),
        (["export", "a", "/tmp/x.fgb", "--pmtiles", "/tmp/x.pmtiles"], {}, "--pmtiles"),
        (["export", "nothing", "/tmp/x.fgb"], {}, "nothing"),
        (["export", "a", "/tmp/x.shp"], {}, ".fgb"),
        (["warm", "nothing"], {}, "nothing"),
        (["no-such-command"], {}, "No such command"),
        (["import", "/no/such/file.shp"], {}, "/no/such/file.shp"),
        (["import", "run", "--crs", "EPSG:nine"], {}, "crs"),
        (["import", "run", "setup", "--layer", "one"], {}, "--layer"),
        (["import", "run"], {}, "run"),
        (["demo", "district", "--bbox", "1,2"], {}, "bbox"),
        (["publish", "/no/such/file.toml"], {}, "/no/such/file.toml"),
        (["user", "reset-password", "nobody"], {}, "没有账户"),
        (["key", "revoke", "nothing"], {}, "no live key"),
        (["layers"], {"TWIN_PORT": "http"}, "TWIN_PORT"),
        (["layers"], {"TWIN_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "cannot be reached"),
        (["up"], {"TWIN_DATABASE_URL": "nonsense"}, "not a PostgreSQL URL"),
        (["up"], {"TWIN_HOST": "203.0.113.1"}, "TWIN_HOST"),
        (["layers"], {"TWIN_HOME": "/proc/nowhere"}, "TWIN_HOME"),
    ],
)
def test_refused_input_ends_with_2_and_no_traceback(twin: Twin, words: list[str], environment: dict[str, str], said: str) -> None:
    done = twin(*words, **environment)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_our_fault_ends_with_1(twin: Twin, tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="yuetu-broken-", dir="/tmp"))
    home.chmod(0o755)
    (home / "pg").mkdir()
    (home / "pg" / "twin.ready").touch()
    done = twin("layers", TWIN_HOME=str(home))
    shutil.rmtree(home)
    assert done.returncode == 1
    assert "start.log" in done.stderr
    assert "Traceback" not in done.stderr


def test_layers_as_json_and_keys_that_are_shown_once(twin: Twin) -> None:
    assert json.loads(twin("layers", "--json").stdout) == []
    made = twin("key", "add", "another-system")
    assert made.returncode == 0
    assert len(made.stdout.strip()) > 40
    listed = twin("key", "list").stdout
    assert "another-system" in listed
    assert made.stdout.strip() not in listed
    assert twin("key", "add", "another-system").returncode == 2
    assert twin("key", "revoke", "another-system").returncode == 0
    assert read_holder(twin.home) is None
    assert not Cluster(twin.home).health(), "a command stops the cluster that it started"


def test_a_layer_goes_out_and_comes_in_again(twin: Twin, tmp_path: Path) -> None:
    rows = tmp_path / "houses.geojson"
    squares = [[[x, 22.5], [x + 0.001, 22.5], [x + 0.001, 22.501], [x, 22.5]] for x in (114.0, 114.1)]
    features = [{"type": "Feature", "properties": {"名": "楼"}, "geometry": {"type": "Polygon", "coordinates": [ring]}} for ring in squares]
    rows.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    assert twin("import", str(rows)).returncode == 0
    out = tmp_path / "houses.pmtiles"
    done = twin("export", "houses", "--pmtiles", str(out), "--max-zoom", "12", "--processes", "1")
    assert done.returncode == 0, done.stderr
    assert "瓦片 tiles" in done.stdout and "Making tiles" in done.stderr
    for name in ("houses.geojson", "houses.fgb"):
        written = twin("export", "houses", str(tmp_path / f"all-{name}"), "--bbox", "114.05,22,115,23", "--filter", "名 = '楼'")
        assert written.returncode == 0 and "1 行 rows" in written.stdout, written.stderr
    assert twin("export", "houses", str(tmp_path / "no" / "houses.fgb")).returncode == 2
    assert "114.1" in (tmp_path / "all-houses.geojson").read_text() and not list(tmp_path.glob(".*part*"))
    back = twin("import", str(out), "--layer", "frozen")
    assert back.returncode == 0, back.stderr
    assert "houses.pmtiles → frozen" in back.stdout
    assert [(row["id"], row["kind"]) for row in json.loads(twin("layers", "--json").stdout)] == [("frozen", "tiles"), ("houses", "objects")]
    assert twin("export", "frozen", "--pmtiles", str(tmp_path / "again.pmtiles")).returncode == 0
    warmed = twin("warm", "houses", "frozen", "--max-zoom", "10")
    assert warmed.returncode == 0, warmed.stderr
    assert "新做 made" in warmed.stdout and any((twin.home / "cache" / "tiles").iterdir())
    assert twin("import", str(rows), "--layer", "frozen").returncode == 2


CARD = """
code = "houses-map"
title_zh = "房屋图"
title_en = "Houses"
theme = "natural-resources"
owner = "示例"
[[layers]]
layer = "signed_houses"
symbol = { kind = "fill" }
"""


def test_products_travel_as_a_signed_file(twin: Twin, tmp_path: Path) -> None:
    rows = tmp_path / "signed_houses.geojson"
    rows.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [114, 22.5]}}]}'
    )
    assert twin("import", str(rows)).returncode == 0
    card, out = tmp_path / "card.toml", tmp_path / "products.zip"
    card.write_text(CARD, "utf-8")
    assert twin("publish", str(card)).returncode == 0
    done = twin("export", "--products", "all", "--bundle", str(out))
    assert done.returncode == 0 and "1 产品 products" in done.stdout, done.stderr
    back = twin("publish", str(out))
    assert back.returncode == 0 and "未变 unchanged" in back.stdout, back.stderr
    raw = out.read_bytes()
    out.write_bytes(raw.replace(b"manifest.sig", b"manifest.sog"))
    refused = twin("publish", str(out))
    assert refused.returncode == 2 and "manifest.sig" in refused.stderr, refused.stderr
    shutil.rmtree(twin.home / "keys")
    out.write_bytes(raw)
    assert "no trusted key" in twin("publish", str(out)).stderr, "another house, which has another key"
    assert twin("export", "--products", "all").returncode == 2


def cpu_seconds() -> float:
    """What the programs that have ended took of the processor, however many others wanted it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick() -> None:
    begun = cpu_seconds()
    done = subprocess.run([sys.executable, "-m", "twin", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert cpu_seconds() - begun < 2
    assert done.returncode == 0
    assert "import" in done.stdout


@pytest.mark.journey
def test_a_whole_life(twin: Twin) -> None:
    first = twin("up", "--no-demo")
    assert first.returncode == 0, first.stderr
    assert "初始口令" in first.stdout
    assert f"http://127.0.0.1:{twin.port}" in first.stdout
    assert twin.get("/readyz") == 200

    second = twin("up", "--no-demo")
    pid = int(read_holder(twin.home)["pid"])
    assert second.returncode == 2
    assert str(pid) in second.stderr
    assert f"http://127.0.0.1:{twin.port}" in second.stderr

    elsewhere = Path(tempfile.mkdtemp(prefix="yuetu-elsewhere-", dir="/tmp"))
    elsewhere.chmod(0o755)
    third = twin("up", "--no-demo", TWIN_HOME=str(elsewhere))
    shutil.rmtree(elsewhere)
    assert third.returncode == 2
    assert f"port {twin.port}" in third.stderr
    assert "TWIN_PORT" in third.stderr

    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    again = twin("up", "--no-demo")
    assert again.returncode == 0, again.stderr
    assert time.monotonic() - begun < 15
    assert "初始口令" not in again.stdout
    assert twin.get("/readyz") == 200

    assert twin("layers", "--json").returncode == 0
    assert Cluster(twin.home).health(), "a command leaves the running cluster alone"

    old = children(twin.home)
    for child in old:
        os.kill(child, signal.SIGKILL)
    until(lambda: not old & children(twin.home) and len(children(twin.home)) == len(old) and twin.get("/readyz") == 200)

    postmaster = Cluster(twin.home).postmaster
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: Cluster(twin.home).postmaster not in (None, postmaster) and twin.get("/readyz") == 200)
    assert twin.get("/livez") == 200

    stream = urllib.request.urlopen(f"http://127.0.0.1:{twin.port}/events", timeout=30)
    begun = time.monotonic()
    down = twin("down")
    assert time.monotonic() - begun < 15, "an open event stream holds up nothing"
    with stream:
        assert b"welcome" in stream.read()
    assert down.returncode == 0, down.stderr
    until(lambda: processes_of(twin.home) == [])
    assert not (twin.home / "pg" / "postmaster.pid").exists()
    assert twin("down").returncode == 0
