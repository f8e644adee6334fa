"""Rows on their way to staging: what is told of their keys, what is worked ahead, which texts need no normal form."""

import threading
import time
import unicodedata
from collections.abc import Iterator

import pyarrow as pa
import pytest

from importers.columns import _is_settled
from importers.doubled import Keys
from twin.ahead import ahead


def batches(keys: list[object], parts: list[int] | None = None) -> Iterator[pa.RecordBatch]:
    digests = [bytes([at % 251, at // 251]) * 8 for at in range(len(keys))]
    columns = {"part": pa.array(parts or [0] * len(keys), pa.int32()), "c1": pa.array(keys), "digest": pa.array(digests, pa.binary())}
    table = pa.table(columns)
    return iter(table.to_batches(max_chunksize=100))


def differ(keys: list[object], parts: list[int] | None = None) -> bool:
    watch = Keys("key", "c1")
    assert sum(map(len, watch.watched(batches(keys, parts)))) == len(keys)
    return watch.differ()


def test_keys_that_differ_are_told_apart_and_no_others():
    names = [f"B{number}" for number in range(5000)]
    assert differ(names)
    assert not differ([*names, "B4321"]), "the last is there already, many batches before"
    assert not differ([*names, None]), "a missing key is found out by the database"
    assert not differ(names, [*[0] * 4999, 1]), "parts of one feature have one key"
    assert differ([float(number) for number in range(300)])
    assert not differ([float("nan"), float("nan")]), "as texts they are the same"


def test_rows_without_a_key_are_told_apart_by_what_they_hold():
    watch = Keys("", None)
    list(watch.watched(batches(["a", "a", "a"])))
    assert watch.differ()


def test_the_thread_ahead_ends_with_the_block():
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with ahead(numbers()) as taken:
        assert [next(taken), next(taken)] == [0, 1]
    count = len(made)
    assert 2 <= count < 10, "a few ahead, no more"
    time.sleep(0.05)
    assert len(made) == count
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
    with ahead(iter(range(100))) as taken:
        assert list(taken) == list(range(100))


def test_what_fails_ahead_is_raised_when_its_turn_comes():
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    with ahead(failing()) as taken:
        assert next(taken) == 1
        with pytest.raises(ValueError, match="the second"):
            next(taken)


def test_texts_of_one_form_only_are_told_by_their_bytes():
    assert _is_settled(pa.array(["B1", "示例楼", None, "龥鿿䀀"]))
    assert _is_settled(pa.array([None, None], pa.string()))
    for odd in ("é", "e\u0301", "a\x00b", "\uf900", "가", "が", "Å", "𠀀"):
        assert not _is_settled(pa.array(["ok", odd])), odd
    assert all(unicodedata.is_normalized("NFC", chr(code)) and not unicodedata.combining(chr(code)) for code in range(0x4000, 0xA000))
