"""Titles typed in letters: whole, as initials, mixed, unfinished, with readings of one character that differ."""

import pytest

from twin import pinyin


@pytest.mark.parametrize(
    ("text", "typed", "place"),
    [
        ("永久基本农田", "yongjiu", 0),
        ("永久基本农田", "yjjbnt", 0),
        ("永久基本农田", "jbnt", 2),
        ("永久基本农田", "yongjiujbnt", 0),
        ("永久基本农田", "jibennongt", 2),
        ("永久基本农田", "nongtianx", None),
        ("永久基本农田", "", None),
        ("广东省重点银行", "zhongdian", 3),
        ("广东省重点银行", "chongdian", 3),
        ("广东省重点银行", "yinhang", 5),
        ("绿道与旅游", "lvdao", 0),
        ("绿道与旅游", "ludao", 0),
        ("绿道与旅游", "luyou", 3),
        ("深圳 BIM 模型", "szbimmx", 0),
        ("深圳 BIM 模型", "bim", 2),
        ("中山市", "zhss", 0),
        ("〇六年", "lln", 0),
    ],
)
def test_it_is_found_at(text: str, typed: str, place: int | None) -> None:
    assert pinyin.find(typed, pinyin.spelling(text)) == place


def test_what_is_typed_becomes_letters() -> None:
    assert pinyin.letters("Yong Jiu") == "yongjiu" == pinyin.letters("ｙｏｎｇ jiu")
    assert pinyin.letters("lüdao") == "lvdao" and pinyin.letters("xi'an") == "xian"
    assert pinyin.letters("永久") == "" == pinyin.letters("a" * 65) == pinyin.letters("%_$")


def test_titles_have_an_order() -> None:
    assert sorted(["中山", "广州", "深圳"], key=pinyin.first_readings) == ["广州", "深圳", "中山"]


def test_every_common_character_has_a_reading() -> None:
    common = [bytes((high, low)).decode("gb2312", "ignore") for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)]
    assert [char for char in common if char and not pinyin.units(char)] == []


def test_long_words_cost_little() -> None:
    assert pinyin.find("a" * 64, pinyin.spelling("啊" * 500)) == 0


def test_nothing_typed_runs_from_one_text_into_the_next() -> None:
    assert pinyin.find("gdst", pinyin.spelling("耕地", "生态")) is None
    assert pinyin.find("st", pinyin.spelling("耕地", "生态")) == 3
