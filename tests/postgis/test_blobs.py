"""Files are kept by their content, whole or not at all."""

import hashlib
from pathlib import Path

import psycopg
import pytest

from postgis.blobs import Blob, BlobStore, read_blob, record_blob
from twin.errors import NotFound, TooLarge


def keep(store: BlobStore, *chunks: bytes) -> Blob:
    with store.writer(1000) as writer:
        for chunk in chunks:
            writer.write(chunk)
        return writer.finish("text/plain", "../../etc/passwd")


def test_bytes_lie_under_their_hash(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = keep(store, b"city ", b"blocks")
    assert blob == Blob(hashlib.sha256(b"city blocks").hexdigest(), 11, "text/plain", "../../etc/passwd")
    assert store.path(blob.sha256).read_bytes() == b"city blocks"
    assert keep(store, b"city blocks").sha256 == blob.sha256
    kept = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert kept == [tmp_path / "blobs" / blob.sha256[:2] / blob.sha256[2:]]


def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="upload_bytes = 1000"):
        keep(BlobStore(tmp_path), b"x" * 600, b"x" * 401)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    keep(store, b"whole")
    (tmp_path / "blobs" / "incoming" / "half").write_bytes(b"ha")
    assert store.sweep() == 1
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("name", ["", "..", "a" * 64, "../" * 21 + "x", "A" * 64])
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        BlobStore(tmp_path).path(name)


def test_rows_are_written_once(editor: psycopg.Connection, importer: psycopg.Connection) -> None:
    blob = Blob("ab" * 32, 5, "text/csv", "甲.csv")
    record_blob(editor, blob)
    record_blob(editor, Blob("ab" * 32, 5, "text/csv", "乙.csv"))
    editor.commit()
    assert read_blob(importer, blob.sha256) == blob
    with pytest.raises(NotFound):
        read_blob(editor, "zz")
