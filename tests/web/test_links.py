"""Links by themselves: who is believed, what is quoted."""

import pytest

from web.links import LinkMaker, Links

FORWARDED = [
    (b"host", b"inner:8080"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"city.gov.cn"),
    (b"x-forwarded-prefix", b"/yzt/"),
]


def scope(headers: list[tuple[bytes, bytes]], client: str | None = "10.0.0.1") -> dict[str, object]:
    return {"headers": headers, "client": (client, 1) if client else None, "scheme": "http", "server": ("::1", 8080)}


@pytest.mark.parametrize(
    ("trusted", "client", "base"),
    [
        ((), "10.0.0.1", "http://inner:8080"),
        (("10.0.0.0/8",), "10.0.0.1", "https://city.gov.cn/yzt"),
        (("10.0.0.1",), "10.0.0.2", "http://inner:8080"),
        (("10.0.0.1",), "::ffff:10.0.0.1", "https://city.gov.cn/yzt"),
        (("unix",), None, "https://city.gov.cn/yzt"),
        (("10.0.0.1",), None, "http://inner:8080"),
        (("10.0.0.1",), "nonsense", "http://inner:8080"),
    ],
)
def test_who_is_believed(trusted: tuple[str, ...], client: str | None, base: str) -> None:
    assert LinkMaker("", trusted).for_scope(scope(FORWARDED, client)).base == base


@pytest.mark.parametrize(
    ("name", "value", "base"),
    [
        (b"x-forwarded-host", b"a b", "https://inner:8080/yzt"),
        (b"x-forwarded-host", b"a.b/c", "https://inner:8080/yzt"),
        (b"x-forwarded-host", b"first.cn, second.cn", "https://first.cn/yzt"),
        (b"x-forwarded-proto", b"javascript", "http://city.gov.cn/yzt"),
        (b"x-forwarded-prefix", b"//evil.cn", "https://city.gov.cn"),
        (b"x-forwarded-prefix", b"/a/../b", "https://city.gov.cn"),
        (b"x-forwarded-prefix", b"", "https://city.gov.cn"),
        (b"host", b"[::1]:80", "https://city.gov.cn/yzt"),
    ],
)
def test_odd_headers(name: bytes, value: bytes, base: str) -> None:
    headers = [(key, value if key == name else old) for key, old in FORWARDED]
    assert LinkMaker("", ("10.0.0.1",)).for_scope(scope(headers)).base == base


def test_without_a_usable_host() -> None:
    assert LinkMaker().for_scope(scope([(b"host", b'"><script>')])).base == "http://[::1]:8080"


def test_the_public_url_wins_and_its_path_is_stripped() -> None:
    maker = LinkMaker("https://city.gov.cn/yzt/", ("10.0.0.1",))
    assert maker.for_scope(scope(FORWARDED)).base == "https://city.gov.cn/yzt"
    assert [maker.strip_prefix(path) for path in ("/yzt", "/yzt/", "/yzt/ogc", "/ogc", "/yzter")] == ["/", "/", "/ogc", "/ogc", "/yzter"]


def test_the_callers_address() -> None:
    headers = [(b"x-forwarded-for", b"1.2.3.4, 5.6.7.8")]
    assert LinkMaker("", ("10.0.0.1",)).client_address(scope(headers)) == "5.6.7.8"
    assert LinkMaker().client_address(scope(headers)) == "10.0.0.1"
    assert LinkMaker("", ("10.0.0.1",)).client_address(scope([(b"x-forwarded-for", b"nonsense")])) == "10.0.0.1"


def test_quoting() -> None:
    links = Links("https://city.gov.cn/yzt")
    assert links.to() == "https://city.gov.cn/yzt/" and links.prefix == "/yzt" and links.secure
    assert links.to("collections", "房屋", "a/b?c", limit=1, 名=None, bbox="1,2") == (
        "https://city.gov.cn/yzt/collections/%E6%88%BF%E5%B1%8B/a%2Fb%3Fc?limit=1&bbox=1,2"
    )
