"""`./run` on a small checkout of its own: it does what is due once, then nothing, and hands its words on."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "setup"))

from steps import downloaded_mb  # noqa: E402  (setup/ is outside the house)

TWIN = """
import os, sys
print("twin", sys.argv[1:], os.getcwd())
sys.exit(3)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with nothing to install: no Debian packages, empty locks, no page."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "run", root / "run")
    shutil.copytree(ROOT / "setup", root / "setup")
    for name in ("apt.txt", "apt-test.txt", "requirements.lock", "requirements-test.lock"):
        (root / "setup" / name).write_text("")
    (root / "twin").mkdir()
    (root / "twin" / "__init__.py").touch()
    (root / "twin" / "__main__.py").write_text(TWIN)
    return root


def run(checkout: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`./run WORDS` without any way to a package source."""
    dead = {"PIP_NO_INDEX": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    command = [str(checkout / "run"), *words]
    return subprocess.run(command, cwd=cwd or checkout, env={**os.environ, **dead}, capture_output=True, text=True, check=False)


def test_the_second_run_does_nothing_and_is_quick(checkout: Path) -> None:
    first = run(checkout, "setup")
    assert first.returncode == 0, first.stderr
    assert "Python packages (requirements.lock)" in first.stdout
    assert "Set-up took" in first.stdout
    begun = time.monotonic()
    second = run(checkout, "setup")
    assert (second.returncode, second.stdout) == (0, "")
    assert time.monotonic() - begun < 3


def test_a_changed_lock_is_installed_anew(checkout: Path) -> None:
    run(checkout, "setup")
    (checkout / "setup" / "requirements.lock").write_text("# changed\n")
    assert "requirements.lock" in run(checkout, "setup").stdout
    assert run(checkout, "setup").stdout == ""


def test_other_words_and_the_status_go_to_and_from_twin(checkout: Path, tmp_path: Path) -> None:
    run(checkout, "setup")
    done = run(checkout, "import", "a file.shp", "--dry-run", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout.strip() == f"twin ['import', 'a file.shp', '--dry-run'] {tmp_path}"
    assert run(checkout).stdout.startswith("twin ['up']")
    assert "publish" in run(checkout, "help").stdout


def test_a_lock_whose_hash_does_not_fit_stops_everything(checkout: Path) -> None:
    lock = checkout / "setup" / "requirements.lock"
    lock.write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = run(checkout, "import")
    assert done.returncode == 1
    assert "no-such-package" in done.stderr
    assert "twin" not in done.stdout
    lock.write_text("")


def test_drills_are_known_by_name(checkout: Path) -> None:
    (checkout / "bench").mkdir()
    (checkout / "bench" / "quick.py").write_text('"""Counts to one."""\nimport sys\nopen(sys.argv[2], "w").write("[]")\n')
    assert "Counts to one." in run(checkout, "drill", "--list").stdout
    assert run(checkout, "drill", "quick").returncode == 0
    assert (checkout / "tests" / "out" / "quick.json").read_text() == "[]"
    unknown = run(checkout, "drill", "nonsense")
    assert unknown.returncode == 2
    assert "quick" in unknown.stderr


@pytest.mark.parametrize(
    ("output", "megabytes"),
    [
        ("Need to get 27.0 MB of archives.\nAfter this operation, 179 MB", 27.0),
        ("Need to get 1,024 kB/3,000 kB of archives.", 1.024),
        ("Need to get 0 B/57.1 MB of archives.", 0.0),
        ("Collecting x\n  Downloading x-1.whl (34 kB)\n  Downloading y-2.whl.metadata (1.2 MB)\n  Using cached z.whl (9 MB)", 1.234),
    ],
)
def test_downloads_are_read_from_what_apt_and_pip_say(output: str, megabytes: float) -> None:
    assert downloaded_mb(output) == pytest.approx(megabytes)
