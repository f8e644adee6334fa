"""The documents keep up with the code: every setting, command, format and room is written about, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from importers import FORMATS
from twin.__main__ import COMMANDS
from twin.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ROOMS = ("twin", "postgis", "layers", "tiles", "importers", "web")
PERSONAS = ("planner", "officer", "developer", "administrator")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_operations_page(name: str) -> None:
    assert f"`TWIN_{name.upper()}`" in (DOCS / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(name for name, command in COMMANDS.items() if not command.hidden))
def test_every_command_is_in_the_operations_page(name: str) -> None:
    assert re.search(rf"`(?:\./run|twin) {name}\b", (DOCS / "operations.md").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(entry.title_en for entry in FORMATS))
def test_every_format_is_in_the_importers_page(name: str) -> None:
    assert name.lower() in (DOCS / "importers.md").read_text("utf-8").lower()


@pytest.mark.parametrize(
    "page", [*ROOMS, *(f"journey-{name}" for name in PERSONAS), "architecture", "operations", "performance", "data-licences"]
)
def test_every_room_and_persona_has_a_page(page: str) -> None:
    assert len((DOCS / f"{page}.md").read_text("utf-8")) > 400


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")]), ids=lambda path: path.name)
def test_links_lead_to_files(page: Path) -> None:
    broken = [target for target in _LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]
    assert not broken


def test_the_first_screen_shows_exactly_the_two_commands() -> None:
    for name in ("README.md", "README.zh.md"):
        first_block = (ROOT / name).read_text("utf-8").split("```")[1]
        commands = [line.split("#")[0].strip() for line in first_block.splitlines()[1:] if line.strip()]
        assert commands == ["./run", "./run test"]
