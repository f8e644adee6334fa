"""import: files into layers."""


def import_files() -> None:
    """Import files."""
