"""Directories of one piece of work: gone when it ends, and swept when it was killed."""

import os
import time
from pathlib import Path

from twin.folders import private_folder, sweep_folders


def test_a_folder_goes_with_its_work(tmp_path: Path) -> None:
    with private_folder("x-", tmp_path) as folder:
        (folder / "file").write_text("1")
        sweep_folders("x-", tmp_path)
        assert (folder / "file").exists(), "it is locked"
    assert not list(tmp_path.iterdir())


def test_what_the_killed_left_is_swept_unless_it_is_young(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("x-old", "x-young", "y-old"))
    for folder in (old, young, other):
        folder.mkdir()
    os.utime(old, (time.time() - 100, time.time() - 100))
    sweep_folders("x-", tmp_path, older_s=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-young", "y-old"]
    sweep_folders("x-", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["y-old"]
