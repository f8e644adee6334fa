"""Content codings: what an Accept-Encoding header takes, and that every form is the same body again."""

import gzip

import brotli
import pytest
from backports import zstd

from tiles.encodings import MIN_BYTES, PLAIN, Encoding, choose, encode, first_forms, plain_of, wish_of, worth_making

P, G, B, Z = Encoding.IDENTITY, Encoding.GZIP, Encoding.BROTLI, Encoding.ZSTD
BETTER = Encoding.GZIP_BETTER
BODY = b"".join(b"%d houses " % number for number in range(2000))


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        ("", (P,)),
        ("identity", (P,)),
        ("gzip", (G, P)),
        ("GZIP", (G, P)),
        ("x-gzip", (G, P)),
        ("deflate, gzip;q=0.1", (G, P)),
        ("gzip, deflate, br, zstd", (B, Z, G, P)),
        ("gzip;q=1.0, br;q=0.5", (G, B, P)),
        ("br;q=1, gzip;q=0.5", (B, G, P)),
        ("*", (B, Z, G, P)),
        ("br, *;q=0.1", (B, Z, G, P)),
        ("gzip;q=0", (P,)),
        ("gzip;q=0.000", (P,)),
        ("gzip;q=0, *", (B, Z, P)),
        ("*;q=0", (P,)),
        ("identity;q=1, gzip;q=0.5", (P, G)),
        ("identity, gzip", (G, P)),
        ("gzip;q=x", (P,)),
        ("gzip;level=3;q=0.4, zstd ; q=0.9", (Z, G, P)),
        ("notgzip, brx", (P,)),
        (",;,;;q=1,", (P,)),
        ("gzip;q=nan", (P,)),
        ("gzip;q=9", (G, P)),
    ],
)
def test_what_a_header_takes(header: str, wish: tuple[Encoding, ...]) -> None:
    assert wish_of(header) == wish


def test_every_form_is_the_same_body() -> None:
    assert gzip.decompress(encode(BODY, G)) == gzip.decompress(encode(BODY, BETTER)) == BODY
    assert brotli.decompress(encode(BODY, B)) == zstd.decompress(encode(BODY, Z)) == encode(BODY, P) == BODY
    assert len(encode(BODY, BETTER)) <= len(encode(BODY, G)) < len(BODY)
    assert encode(BODY, G) == encode(BODY, G), "equal bodies make equal bytes, for their entity tags are equal"


def test_small_and_empty_bodies_stay_as_they_are() -> None:
    for body in (b"", b"x" * (MIN_BYTES - 1)):
        forms = first_forms(body)
        assert forms == {P: body} and plain_of(forms) == body
        assert choose(forms, wish_of("br, gzip")) is P and worth_making(forms, wish_of("br, gzip")) is None


def test_the_best_form_at_hand_goes_out_and_the_wished_one_is_made() -> None:
    forms = first_forms(BODY)
    assert set(forms) == {G} and plain_of(forms) == BODY
    browser, curl = wish_of("gzip, deflate, br, zstd"), wish_of("gzip")
    assert choose(forms, browser) is G and worth_making(forms, browser) is B
    assert choose(forms, curl) is G and worth_making(forms, curl) is BETTER
    assert choose(forms, PLAIN) is None and worth_making(forms, PLAIN) is P
    made = {BETTER: b"", B: b""}
    assert choose(made, curl) is BETTER and worth_making(made, curl) is None
    assert choose(made, browser) is B and worth_making(made, browser) is None
    assert choose(made, wish_of("zstd")) is None and worth_making(made, wish_of("zstd")) is Z
