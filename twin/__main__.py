"""The front door: the command line `twin`. `COMMANDS` is the registry; only the module of the chosen command is imported."""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from twin.commands.context import tell


@dataclass(frozen=True)
class Command:
    """Where a command is (`module:name`, a function or a group of commands) and its line in the help."""

    reference: str
    help: str
    hidden: bool = False

    def load(self) -> Any:
        """The function or group, imported now."""
        module, _, name = self.reference.partition(":")
        return getattr(importlib.import_module(module), name)


COMMANDS: Mapping[str, Command] = {
    "up": Command("twin.commands.server:up", "Start everything: database, migrations, demo, worker, server; print the address."),
    "down": Command("twin.commands.server:down", "Stop what `up` started; running requests and jobs may finish."),
    "demo": Command("twin.commands.demo:app", "Import the demo; `demo district --bbox …` puts a synthetic district anywhere."),
    "serve": Command("twin.commands.serve:serve", "Run the HTTP server in the foreground (the database must run)."),
    "work": Command("twin.commands.work:work", "Run jobs and the clock in the foreground (the database must run)."),
    "import": Command("twin.commands.imports:import_files", "Import files into layers."),
    "undo-import": Command("twin.commands.undo:undo", "Take an import back: the layer is what it was, history keeps both."),
    "schedules": Command("twin.commands.schedules:app", "Sources on this server that are read again: list, add, remove, run."),
    "publish": Command("twin.commands.catalogue:publish", "Publish versions of map products from TOML files or signed bundles."),
    "export": Command("twin.commands.export:export", "Write layers as one PMTiles file, or products as one signed file."),
    "warm": Command("twin.commands.warm:warm", "Make tiles of layers before anybody asks for them."),
    "layers": Command("twin.commands.catalogue:layers", "List the layers (--json for programs)."),
    "user": Command("twin.commands.people:user", "Accounts of people: reset-password."),
    "key": Command("twin.commands.people:key", "API keys of programs: add, list, revoke."),
    "doctor": Command("twin.commands.doctor:doctor", "Look for what would keep the twin from working."),
    "supervise": Command("twin.commands.server:supervise", "Keep everything alive (started by `up`).", hidden=True),
}


def build(words: list[str]) -> typer.Typer:
    """The command line with the command that `words` choose in full, and the others by name and help only."""
    app = typer.Typer(
        name="twin",
        help="粤图 Yuetu: a digital twin of a province on PostGIS. Exit status: 0 done, 2 refused input, 1 our fault.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    chosen = next((word for word in words if not word.startswith("-")), "")
    for name, command in COMMANDS.items():
        target = command.load() if name == chosen else _placeholder
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=command.help)
        else:
            app.command(name, help=command.help, hidden=command.hidden)(target)
    return app


def _placeholder() -> None:
    """Stands for a command that was not chosen."""


def main() -> None:
    """Run one command and end with its exit status; wrong usage ends with 2 by itself."""
    try:
        build(sys.argv[1:])()
    except Exception as exc:
        sys.exit(tell(exc))


if __name__ == "__main__":
    main()
