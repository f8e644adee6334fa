"""The lines a reading process writes beside its Arrow stream: one JSON object each, tagged by `kind`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from importers.base import Finding, SourceMeta, Summary


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetaMessage(_Message):
    """First line: what the source is."""

    kind: Literal["meta"] = "meta"
    meta: SourceMeta


class FindingMessage(_Message):
    """Any number of lines."""

    kind: Literal["finding"] = "finding"
    finding: Finding


class EndMessage(_Message):
    """Last line of a complete read."""

    kind: Literal["end"] = "end"
    summary: Summary


class ErrorMessage(_Message):
    """Last line of a refused or failed read."""

    kind: Literal["error"] = "error"
    code: str
    message_en: str
    message_zh: str
    place: str = ""
    mend: str = ""
    choices: tuple[str, ...] = ()


Message = Annotated[MetaMessage | FindingMessage | EndMessage | ErrorMessage, Field(discriminator="kind")]
MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
