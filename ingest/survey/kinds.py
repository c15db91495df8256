"""Kinds of hazard by the words that people use for them."""

from __future__ import annotations

import re
import unicodedata

OTHER = "other"

WORDS: dict[str, str] = {
    "landslide": "landslip, slide, slope failure, slump, debris slide, rock slide, rockslide, mass movement, creep, "
    "滑坡, 山体滑坡, 土质滑坡, 岩质滑坡, 不稳定斜坡, 变形体, لینڈ سلائیڈ, لینڈ سلائیڈنگ, تودہ گرنا",
    "rockfall": "rock fall, rock topple, topple, stone fall, falling rocks, falling stones, "
    "崩塌, 落石, 崩塌落石, 危岩, 危岩体, 滚石, 岩崩, چٹان گرنا, چٹانوں کا گرنا, پتھر گرنا",
    "debris_flow": "debris flow, mudflow, mud flow, mudslide, debris flood, 泥石流, 水石流, 泥流, 泥石流沟, ملبے کا بہاؤ, ملبہ",
    "flood": "flash flood, flooding, inundation, river flood, water damage, 洪水, 山洪, 洪涝, 水毁, 冲刷, سیلاب, سیلابی ریلا",
    "glof": "glacial lake outburst, glacial lake outburst flood, outburst flood, 冰湖溃决, 冰湖溃决洪水, برفانی جھیل کا پھٹنا",
    "avalanche": "snow avalanche, snow slide, 雪崩, 风吹雪, برفانی تودہ",
    "settlement": "subsidence, ground settlement, road settlement, sinking, collapse, ground collapse, "
    "沉降, 地面沉降, 路基沉降, 路基下沉, 沉陷, 地面塌陷, 塌陷, زمین کا دھنساؤ, دھنساؤ",
    "road_damage": "road damage, pavement damage, crack, cracks, road crack, washout, "
    "路面损坏, 路基损坏, 裂缝, 路面裂缝, 道路损坏, سڑک کا نقصان",
    "glacial_lake": "glacial lake, glacier lake, 冰湖, برفانی جھیل",
    "glacier": "glacier surge, glacier change, glacier or its lake, 冰川或冰湖, گلیشیئر یا اس کی جھیل, 冰川, 冰川跃动, گلیشیئر",
    "lake": "barrier lake, dammed lake, landslide lake, 湖泊, 堰塞湖, جھیل",
    "earthquake": "quake, seismic, 地震, زلزلہ",
    OTHER: "others, misc, unknown, something else, 其他, 其它, 未知, دیگر, کچھ اور",
}
"""Kind -> its words in English, Chinese, Urdu; the kind's own name counts too."""


def _normal(text: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).split())


KNOWN = {_normal(word): kind for kind, words in WORDS.items() for word in (kind, *words.split(","))}
_LONGEST_FIRST = sorted((word for word in KNOWN if KNOWN[word] != OTHER), key=len, reverse=True)


def kind_of(text: str) -> str | None:
    """Return the kind that a text names: by itself, or as the longest known word in it; None where it names none.

    A text that speaks of two kinds ("rockfall and debris flow") names the one whose word is longer.
    """
    normal = _normal(text)
    if normal in KNOWN:
        return KNOWN[normal]
    for word in _LONGEST_FIRST:
        if word in normal if not word.isascii() else f" {word} " in f" {normal} ":
            return KNOWN[word]
    return None
