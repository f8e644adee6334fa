"""Tiles in memory: never over the limit, what is asked for again stays, and an older version makes room."""

import random

from tiles.cache import Kept, MemoryCache
from tiles.encodings import Encoding

KB = 1024


def tile(tag: str, size: int = 3 * KB, place: str = "") -> Kept:
    return Kept(tag, {Encoding.GZIP: bytes(size)}, place=place or tag)


def test_it_stays_below_its_limit_whatever_comes() -> None:
    cache, rng = MemoryCache(200 * KB), random.Random(1)
    for _ in range(5000):
        if rng.random() < 0.5:
            cache.put(tile(str(rng.randrange(300)), rng.randrange(20 * KB), str(rng.randrange(250))))
        else:
            kept = cache.get(str(rng.randrange(300)))
            if kept is not None and rng.random() < 0.3:
                cache.add(kept, rng.choice(list(Encoding)), bytes(rng.randrange(9 * KB)))
        assert 0 <= cache.size <= cache.limit
        assert cache.size == sum(kept.size for kept in cache._by_tag.values())
        assert cache._probation_size == sum(kept.size for kept in cache._probation.values())
        assert len(cache) == len(cache._probation) + len(cache._main) and len(cache._seen) <= 300


def test_what_is_asked_for_again_outlives_a_walk_through_the_whole_map() -> None:
    cache = MemoryCache(100 * KB)
    cache.put(tile("popular"))
    for number in range(500):
        assert cache.get("popular") is not None, number
        cache.put(tile(f"passing {number}"))
    assert cache.get("passing 3") is None


def test_who_comes_back_soon_is_kept_at_once() -> None:
    cache = MemoryCache(40 * KB)
    for number in range(30):
        cache.put(tile(str(number)))
    gone = next(str(number) for number in range(29, -1, -1) if str(number) not in cache._by_tag)
    cache.put(tile(gone))
    assert cache._by_tag[gone].in_main


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    cache = MemoryCache(100 * KB)
    cache.put(old := tile("v1", place="here"))
    cache.put(new := tile("v2", place="here"))
    assert cache.get("v1") is None and cache.last("here") is new and old.forms == {} and len(cache) == 1


def test_letting_go_frees_the_bytes_and_says_so() -> None:
    cache = MemoryCache(20 * KB)
    cache.put(first := tile("first", 10 * KB))
    forms, revision = first.forms, first.revision
    cache.put(tile("second", 15 * KB))
    assert first.forms == {} and first.revision != revision and len(forms[Encoding.GZIP]) == 10 * KB
    cache.add(first, Encoding.BROTLI, b"x")
    assert first.forms == {} and cache.last("first") is None


def test_better_gzip_replaces_the_quick_one_and_others_join() -> None:
    cache = MemoryCache(100 * KB)
    cache.put(kept := tile("a"))
    cache.add(kept, Encoding.BROTLI, b"br")
    cache.add(kept, Encoding.GZIP_BETTER, b"better")
    assert kept.forms == {Encoding.BROTLI: b"br", Encoding.GZIP_BETTER: b"better"} and kept.revision == 2
    assert cache.size == kept.size


def test_no_room_at_all_keeps_nothing() -> None:
    cache = MemoryCache(0)
    cache.put(tile("a"))
    assert len(cache) == 0 and cache.size == 0
