"""What the web process writes down: one JSON object a line, no local variables, no secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from web import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    logs.configure("info", written)
    yield written
    root.handlers = handlers
    root.setLevel(level)


def fail(password: str) -> None:
    raise ValueError("it\nfailed")


def test_an_error_is_one_line_without_locals(stream: io.StringIO) -> None:
    try:
        fail("hunter2")
    except ValueError as error:
        logging.getLogger("twin.web").error("request %s failed\nINFO forged", "abc", exc_info=error)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told["event"] == "request abc failed\nINFO forged" and told["level"] == "error" and told["logger"] == "twin.web"
    assert told["exception"][0]["exc_value"] == "it\nfailed" and "hunter2" not in line and told["timestamp"].endswith("Z")


def test_secrets_are_hidden_however_deep() -> None:
    event = {"event": "x", "headers": [{"Authorization": "Bearer k", "accept": "a"}], "csrf_token": "c", "name": "n"}
    assert logs.redact(None, "info", event) == {
        "event": "x",
        "headers": [{"Authorization": "…", "accept": "a"}],
        "csrf_token": "…",
        "name": "n",
    }


def test_other_rooms_are_heard_too(stream: io.StringIO) -> None:
    logging.getLogger("twin.catalog").warning("the catalogue %s", "waits")
    logging.getLogger("anything").debug("not this")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["the catalogue waits"]
