"""demo: real Guangdong and a labelled synthetic district."""

import typer

from postgis.connect import Database

app = typer.Typer()


def import_demo(database: Database) -> None:
    """Import the demo if it is absent."""
