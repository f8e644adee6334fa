"""Tiles on disk: shared, bounded, still there after a kill, and whatever is damaged is forgotten and can be kept anew."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiles.shelf import _MAGIC, Shelf

MB = 1 << 20
ROOT = Path(__file__).parents[2]
#: A process id that no process has.
NOBODY = 1 << 23


def key(number: int) -> bytes:
    return random.Random(number).randbytes(16)


def body(number: int) -> bytes:
    return random.Random(-number).randbytes(500 + number * 7919 % 20_000)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "tiles", 64 * MB)
    yield made
    made.close()


def other(shelf: Shelf) -> Shelf:
    """As another process, or the same one after a restart, has it."""
    return Shelf(shelf.folder, shelf.limit)


def put(shelf: Shelf, numbers: range) -> None:
    shelf.write([(key(number), body(number)) for number in numbers])


def files(shelf: Shelf) -> list[Path]:
    return sorted(shelf.folder.glob("*.tiles"))


def held(shelf: Shelf, numbers: range) -> int:
    """How many are there; what is there is right."""
    found = [(number, shelf.read(key(number))) for number in numbers]
    assert all(read in (None, body(number)) for number, read in found)
    return sum(read is not None for _, read in found)


def test_what_is_written_is_read_here_there_and_after_a_restart(shelf: Shelf) -> None:
    assert shelf.read(key(1)) is None
    reader = other(shelf)
    put(shelf, range(100))
    assert held(shelf, range(100)) == held(reader, range(100)) == 100
    put(reader, range(100, 150))
    put(shelf, range(150, 200))
    assert held(shelf, range(200)) == held(reader, range(200)) == 200
    assert held(other(shelf), range(220)) == 200 and len(files(shelf)) == 2
    assert (shelf.folder.stat().st_mode & 0o777, files(shelf)[0].stat().st_mode & 0o777) == (0o700, 0o600), "guarded tiles lie here too"


def test_the_last_word_holds(shelf: Shelf) -> None:
    shelf.write([(key(1), b"one"), (key(1), b"two")])
    assert shelf.read(key(1)) == other(shelf).read(key(1)) == b"two"


def test_it_never_takes_more_than_its_limit(tmp_path: Path) -> None:
    shelves = [Shelf(tmp_path, 4 * MB) for _ in range(3)]
    for number in range(600):
        put(shelves[number % 3], range(number, number + 1))
        assert shelves[0].size() <= 4 * MB
    assert shelves[0].size() > 2 * MB
    assert 0 < held(shelves[1], range(600)) < 600
    for shelf in shelves:
        shelf.look()
        assert len(shelf._index) <= 600 and len(shelf._volumes) == len(files(shelf))


def test_a_body_larger_than_a_file_is_not_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, MB)
    shelf.write([(key(1), bytes(MB // 16)), (key(2), b"small")])
    assert shelf.read(key(1)) is None and shelf.read(key(2)) == b"small"


def test_what_is_read_outlives_what_is_not(tmp_path: Path) -> None:
    shelf, reader = Shelf(tmp_path, 4 * MB), Shelf(tmp_path, 4 * MB)
    put(shelf, range(1))
    for number in range(1, 900):
        put(shelf, range(number, number + 1))
        assert reader.read(key(0)) == body(0), number
    assert held(shelf, range(1, 20)) == 0


def test_many_restarts_leave_few_files(tmp_path: Path) -> None:
    for number in range(80):
        shelf = Shelf(tmp_path, 64 * MB)
        put(shelf, range(number, number + 1))
        shelf.close()
        path = next(path for path in files(shelf) if path.name.endswith(f"-{os.getpid()}.tiles"))
        path.rename(path.with_name(path.name.replace(f"-{os.getpid()}.", f"-{NOBODY}.")))
    assert len(list(tmp_path.iterdir())) <= 64 and held(Shelf(tmp_path, 64 * MB), range(40, 80)) == 40


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("who", ["its writer", "a newcomer"])
def test_damage_anywhere_is_forgotten_and_made_anew(shelf: Shelf, seed: int, who: str) -> None:
    put(shelf, range(120))
    rng, path = random.Random(seed), files(shelf)[0]
    data = bytearray(path.read_bytes())
    if seed % 3 == 0:
        del data[rng.randrange(len(data)) :]
    else:
        for _ in range(5):
            start = rng.randrange(len(data))
            data[start : start + 40] = rng.randbytes(min(40, len(data) - start))
    path.write_bytes(data)
    holder = shelf if who == "its writer" else other(shelf)
    assert held(holder, range(120)) < 120
    put(holder, range(120))
    assert held(holder, range(120)) == held(other(shelf), range(120)) == 120


def test_files_of_another_format_are_taken_away(shelf: Shelf) -> None:
    put(shelf, range(3))
    old, odd = shelf.folder / "00000000000000000001-1.tiles", shelf.folder / "00000000000000000002-1.tiles"
    old.write_bytes(_MAGIC[:-1] + b"0" + b"x" * 5000)
    odd.write_bytes(b"")
    os.utime(odd, (0, 0))
    reader = other(shelf)
    assert held(reader, range(3)) == 3 and not old.exists() and not odd.exists()


def test_a_folder_that_is_taken_away_comes_again(shelf: Shelf) -> None:
    put(shelf, range(10))
    for path in files(shelf):
        path.unlink()
    shelf.folder.rmdir()
    assert held(other(shelf), range(10)) == 0
    shelf.look()
    assert held(shelf, range(10)) == 0
    put(shelf, range(10, 20))
    assert held(other(shelf), range(20)) == 10


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = Shelf(tmp_path / "file" / "tiles", MB)
    put(shelf, range(3))
    assert held(shelf, range(3)) == 0 and shelf.size() == 0


WRITER = """
import random, sys
from pathlib import Path
from tests.tiles.test_shelf import body, key
from tiles.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]), 64 << 20)
for number in range(100_000):
    shelf.write([(key(number), body(number))])
    print(number, flush=True)
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    """Everything that was said to be written is whole, and what was being written harms nobody."""
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            while int(writer.stdout.readline()) < 300:
                pass
            writer.send_signal(signal.SIGKILL)
    shelf = Shelf(tmp_path, 64 * MB)
    while not shelf.look():
        time.sleep(0)
    assert held(shelf, range(300)) == 300
    put(shelf, range(400, 500))
    assert held(Shelf(tmp_path, 64 * MB), range(500)) >= 400
