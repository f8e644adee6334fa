"""The front door: the command line `twin`. Commands live in `twin/commands/`; this file lists them and turns errors into exit statuses."""

import sys

import typer

from twin.commands import data, people, server
from twin.commands.context import tell

app = typer.Typer(
    name="twin",
    help="粤图 Yuetu: a digital twin of a province on PostGIS. Exit status: 0 done, 2 refused input, 1 our fault.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (server.up, server.down, server.serve, server.work, server.doctor, data.demo, data.publish, data.export, data.layers):
    app.command()(command)
app.command("import")(data.import_)
app.command(hidden=True)(server.supervise)
app.add_typer(people.user, name="user")
app.add_typer(people.key, name="key")


def main() -> None:
    """Run one command and end with its exit status; wrong usage ends with 2 by itself."""
    try:
        app()
    except Exception as exc:
        sys.exit(tell(exc))


if __name__ == "__main__":
    main()
