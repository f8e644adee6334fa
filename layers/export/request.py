"""What the process that writes a file is asked, and the words it answers with when it cannot; light to import, for the server does."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from twin.sheet import Sheet

TIMED_OUT, TOO_LARGE, FULL, AWAY = "timed-out", "too-large", "full", "away"


class FileRequest(BaseModel):
    """One file to write: which statement, for whom, as what, where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conninfo: str
    text: str
    values: tuple[str | None, ...]
    """Those of its placeholders."""
    scope: str
    """The database setting `twin.scope`."""
    seconds: float
    format: str
    sheet: Sheet
    path: Path
