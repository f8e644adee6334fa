"""One JSON object per line for everything the web process logs, without values of local variables and without secrets."""

import logging
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET: Final = ("password", "token", "authorization", "cookie", "csrf", "secret", "api_key", "dsn", "conninfo")
_HIDDEN: Final = "…"


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send what any logger says, at `level` or above, to `stream` (None: stderr)."""
    shared: tuple[Processor, ...] = (
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso"),
    )
    last: tuple[Processor, ...] = (
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)),
        redact,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide every value whose name says that it is a secret, however deep."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in _SECRET):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown("", entry) for entry in value]
    return value
