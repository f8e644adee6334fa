"""Tiles as they are served: made once for all who wait, called off for nobody, old only when the new one keeps people waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tiles import served as served_module
from tiles.cache import MemoryCache
from tiles.disk import Disk
from tiles.encodings import Encoding, encode, plain_of, wish_of
from tiles.grid import TileAddress
from tiles.served import ServedTiles, Source, tag_of
from tiles.shelf import Shelf
from tiles.vector import NOTHING_SPECIAL, RawTile, TileAsk
from twin.errors import Unavailable
from twin.fields import Field
from twin.layer import Layer
from twin.view import EVERYTHING, PUBLIC, Scope

LAYER = Layer(number=1, id="houses", title_zh="房屋", fields=(Field(name="高度", type="number", in_tiles_from_zoom=0),))
BIG = b"".join(b"%d houses " % number for number in range(1000))


def ask(version: int = 1, scope: Scope = PUBLIC, layer: Layer = LAYER) -> TileAsk:
    return TileAsk((layer,), TileAddress(3, 2, 1), scope, NOTHING_SPECIAL, f"{layer.id}.{scope.key}.{version}")


@dataclass
class Workshop:
    """Makes tiles that name what was asked for; can be held up or broken."""

    made: list[str] = field(default_factory=list)
    cancelled: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None
    body: Callable[[TileAsk], bytes] = lambda ask: ask.etag.encode()
    truncated: bool = False

    async def make(self, ask: TileAsk) -> RawTile:
        self.made.append(ask.etag)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault is not None:
            raise self.fault
        return RawTile(self.body(ask), self.truncated)


@pytest.fixture
def shop() -> Workshop:
    made = Workshop()
    made.open.set()
    return made


@asynccontextmanager
async def serving(shop: Workshop, folder: Path | None = None, whose: str = "a database") -> AsyncIterator[ServedTiles]:
    """One process's tiles; `folder` is the shelf it shares."""

    async def data() -> str:
        return whose

    disk = Disk(Shelf(folder, 32 << 20), data) if folder is not None else None
    served = ServedTiles({"mvt": shop.make, "png": shop.make}, MemoryCache(8 << 20), disk)
    try:
        yield served
    finally:
        await served.close()


async def body_of(served: ServedTiles, asked: TileAsk) -> bytes:
    return plain_of((await served.answer(asked)).forms)


async def test_equal_askers_share_one_making_and_the_next_finds_it(shop: Workshop) -> None:
    async with serving(shop) as served:
        given = await asyncio.gather(*(served.answer(ask()) for _ in range(20)), served.answer(ask(scope=EVERYTHING)))
        assert len(shop.made) == 2 and len({id(one.forms) for one in given}) == 2
        assert (await served.answer(ask())).source is Source.MEMORY and len(shop.made) == 2
        assert served.counts.answers[Source.MADE] == 21 and served.counts.shared == 19


async def test_formats_of_one_tile_are_apart(shop: Workshop) -> None:
    async with serving(shop) as served:
        shop.body = lambda ask: BIG
        mvt, png = await served.answer(ask()), await served.answer(ask(), "png")
        assert set(mvt.forms) == {Encoding.GZIP} and png.forms == {Encoding.IDENTITY: BIG}
        assert mvt.kept.tag == ask().etag and png.kept.tag == tag_of(ask(), "png") != mvt.kept.tag


async def test_it_is_called_off_when_the_last_leaves_and_not_before(shop: Workshop) -> None:
    async with serving(shop) as served:
        shop.open.clear()
        waiting = [asyncio.create_task(served.answer(ask())) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting[:2]:
            task.cancel()
        await asyncio.gather(*waiting[:2], return_exceptions=True)
        assert shop.cancelled == 0 and served.flights == 1
        waiting[2].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert shop.cancelled == 1 and served.flights == 0
        shop.open.set()
        assert await body_of(served, ask()) == ask().etag.encode()


async def test_an_old_copy_only_when_the_new_one_takes_long(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_module, "STALE_AFTER_S", 0.01)
    async with serving(shop) as served:
        await served.answer(ask(1))
        assert (await served.answer(ask(2))).source is Source.MADE
        shop.open.clear()
        old = await served.answer(ask(3))
        assert old.source is Source.STALE and plain_of(old.forms) == ask(2).etag.encode() and served.flights == 1
        shop.open.set()
        assert await body_of(served, ask(3)) == ask(3).etag.encode()
        assert shop.made.count(ask(3).etag) == 1, "it was finished although its first asker had gone"


async def test_an_old_copy_while_the_database_is_away_and_else_the_fault(shop: Workshop) -> None:
    async with serving(shop) as served:
        await served.answer(ask(1))
        shop.fault = Unavailable("away", "数据库暂不可用")
        assert (await served.answer(ask(2))).source is Source.STALE
        with pytest.raises(Unavailable):
            await served.answer(ask(1, EVERYTHING))
        shop.fault = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await served.answer(ask(2))
        shop.fault = None
        assert (await served.answer(ask(2))).source is Source.MADE


@pytest.mark.parametrize(
    "other",
    [
        ask(2, EVERYTHING),
        ask(2, Scope(PUBLIC.access, ("440306",))),
        ask(2, Scope(PUBLIC.access, masked_fields=frozenset({"高度"}))),
        ask(2, layer=LAYER.model_copy(update={"fields": ()})),
        replace(ask(2), address=TileAddress(3, 1, 1)),
        replace(ask(2), look="dark"),
    ],
    ids=["more", "bounded", "masked", "field withdrawn", "elsewhere", "drawn otherwise"],
)
async def test_an_old_copy_is_for_the_same_eyes_only(shop: Workshop, other: TileAsk) -> None:
    async with serving(shop) as served:
        await served.answer(ask(1))
        shop.fault = Unavailable("away", "数据库暂不可用")
        with pytest.raises(Unavailable):
            await served.answer(other)


async def test_who_waits_too_long_is_sent_away_and_finds_it_later(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_module, "STALE_AFTER_S", 0.01)
    monkeypatch.setattr(served_module, "PATIENCE_S", 0.02)
    async with serving(shop) as served:
        shop.open.clear()
        with pytest.raises(Unavailable):
            await served.answer(ask())
        assert shop.cancelled == 0 and served.flights == 1
        shop.open.set()
        assert await body_of(served, ask()) == ask().etag.encode() and len(shop.made) == 1


async def test_better_forms_come_once_it_is_asked_for_again(shop: Workshop) -> None:
    async with serving(shop) as served:
        shop.body = lambda ask: BIG
        browser = wish_of("gzip, deflate, br, zstd")
        given = await served.answer(ask())
        for wish in (browser, wish_of("gzip"), wish_of("zstd"), wish_of("")):
            served.improve(given.kept, wish)
            served.improve(given.kept, wish)
            await asyncio.gather(*served._improving.values())
        forms = (await served.answer(ask())).forms
        better = (Encoding.IDENTITY, Encoding.GZIP_BETTER, Encoding.BROTLI, Encoding.ZSTD)
        assert forms == {form: encode(BIG, form) for form in better} and served.counts.improved == 4


async def test_the_host_shares_a_shelf_and_it_outlives_a_restart(shop: Workshop, tmp_path: Path) -> None:
    shop.body, shop.truncated = (lambda ask: BIG), True
    async with serving(shop, tmp_path) as first:
        await first.answer(ask())
        await first.answer(ask(2), "png")
        first.improve((await first.answer(ask())).kept, wish_of("br"))
        await asyncio.gather(*first._improving.values())
    async with serving(shop, tmp_path) as second:
        given = await second.answer(ask())
        assert given.source is Source.DISK and given.kept.truncated and len(shop.made) == 2
        assert set(given.forms) == {Encoding.GZIP, Encoding.BROTLI} and plain_of(given.forms) == BIG
        assert (await second.answer(ask(2), "png")).forms == {Encoding.IDENTITY: BIG}
        assert (await second.answer(ask(2))).source is Source.MADE, "the same tile in another format is another tile"


async def test_an_empty_tile_is_kept_too(shop: Workshop, tmp_path: Path) -> None:
    shop.body = lambda ask: b""
    async with serving(shop, tmp_path) as first:
        await first.answer(ask())
        assert (await first.answer(ask())).source is Source.MEMORY
    async with serving(shop, tmp_path) as second:
        assert (await second.answer(ask())).forms == {Encoding.IDENTITY: b""} and len(shop.made) == 1


async def test_another_databases_tiles_are_never_taken(shop: Workshop, tmp_path: Path) -> None:
    async with serving(shop, tmp_path, "one") as first:
        await first.answer(ask())
    async with serving(shop, tmp_path, "another") as second:
        assert (await second.answer(ask())).source is Source.MADE


async def test_what_is_larger_than_memory_is_answered_all_the_same(shop: Workshop) -> None:
    async with serving(shop) as served:
        served.memory.limit = 100
        for _ in range(2):
            assert await body_of(served, ask()) == ask().etag.encode()
        assert len(served.memory) == 0
