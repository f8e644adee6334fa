"""How one set-up step runs and what it says: its seconds, its downloads, and the end of its output when it fails."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TAIL_LINES = 40
_UNITS = {"B": 1e-6, "kB": 1e-3, "KB": 1e-3, "MB": 1.0, "GB": 1e3}
_APT_SIZE = re.compile(r"Need to get ([\d.,]+) (B|kB|MB|GB)(?:/[\d.,]+ \w+)? of archives")
_PIP_SIZE = re.compile(r"^\s*Downloading .*\(([\d.]+) (B|kB|KB|MB|GB)\)", re.MULTILINE)


class StepError(Exception):
    """A step failed; the message is for the person at the keyboard. `exit_code` 2: they can mend it, 1: we failed."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class Log:
    """What was done in this run: steps with their seconds and megabytes."""

    started: float = field(default_factory=time.monotonic)
    steps: int = 0
    megabytes: float = 0.0

    @contextmanager
    def step(self, title: str, measure: Callable[[], float] | None = None) -> Iterator[list[str]]:
        """Run a step; `measure` counts megabytes received so far, otherwise they are read from the output put into the list."""
        begun, before = time.monotonic(), measure() if measure else 0.0
        output: list[str] = []
        _say(f"  {title} …", end="")
        yield output
        megabytes = measure() - before if measure else downloaded_mb("\n".join(output))
        self.steps += 1
        self.megabytes += megabytes
        _say(
            f"\r  {title}: {time.monotonic() - begun:.1f} s, {megabytes:.1f} MB downloaded\033[K"
            if _live()
            else f" {time.monotonic() - begun:.1f} s, {megabytes:.1f} MB downloaded"
        )

    def total(self) -> None:
        """One line at the end, if anything was done at all."""
        if self.steps:
            _say(f"Set-up took {time.monotonic() - self.started:.1f} s and {self.megabytes:.1f} MB of downloads.")


def call(command: list[str], output: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> int:
    """Run `command`, collect its lines into `output`, and return its exit status."""
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            output.append(line.rstrip("\n"))
    return process.returncode


def must(command: list[str], output: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run `command`; StepError with the end of its output when it fails."""
    status = call(command, output, cwd=cwd, env=env)
    if status:
        tail = "\n".join(f"    {line}" for line in output[-_TAIL_LINES:])
        raise StepError(f"`{' '.join(command[:4])} …` ended with {status}:\n{tail}")


def downloaded_mb(output: str) -> float:
    """Megabytes that apt and pip say they fetched; what came from a cache counts nothing."""
    found = _APT_SIZE.findall(output) + _PIP_SIZE.findall(output)
    return sum(float(number.replace(",", "")) * _UNITS[unit] for number, unit in found)


def received_mb() -> float:
    """Megabytes this machine has received over its network interfaces (npm says nothing itself); other programs' traffic counts too."""
    rows = (line.split(":", 1) for line in Path("/proc/net/dev").read_text().splitlines() if ":" in line)
    return sum(int(counters.split()[0]) for name, counters in rows if name.strip() != "lo") / 1e6


def _live() -> bool:
    return sys.stdout.isatty()


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)
