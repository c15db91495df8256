"""What alerts say to people, in English, Chinese and Urdu."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

LANGUAGES = ("en", "zh", "ur")
CLOSED = frozenset({"resolved", "false_alarm", "expired"})
HEADLINE_LENGTH = 160
"""Characters of a headline, as CAP recommends for short-message receivers."""


@dataclass(frozen=True)
class Happening:
    """What has happened to a lake or glacier above the road."""

    event: str
    """growth, drained or surge."""
    name: str
    days: int
    advance_m: float | None
    way_known: bool
    flow_m: float | None
    """Down the valley to the road."""
    drop_m: float | None
    area_m2: float
    """Gained, lost, or covered."""
    others: int
    """More of them above the same place."""


@dataclass(frozen=True)
class Motion:
    """How ground moves whose rate has changed."""

    velocity_mm_yr: float | None
    """Along the line of sight; negative = away from the satellite."""
    velocity_std_mm_yr: float | None
    trend_change_mm_yr: float
    """Rate of the last months less the rate before."""
    onset: date | None
    """When it began to move otherwise, None where no day stands out."""


@dataclass(frozen=True)
class Trigger:
    """What rain, an earthquake, an instrument, another service or a silence says."""

    kind: str
    source: str
    measures: Mapping[str, float]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Story:
    """What there is to say of the changes of one alert."""

    kind: str
    km_from: float
    km_to: float
    place: str | None
    side: str | None
    distance_m: float
    road_is_approximate: bool
    alignment: str | None
    area_m2: float
    """Of all changes together."""
    area_uncertainty_m2: float
    changes: int
    first_date: date
    last_date: date
    confidence: float
    methods: tuple[str, ...]
    dates_seen: int
    confirmed: bool
    """A person has confirmed at least one of the changes."""
    cause: Happening | None = None
    motion: Motion | None = None
    trigger: Trigger | None = None
    flood: bool = False
    """So many places in one look that the imagery itself is doubted."""


def headline(story: Story, language: str) -> str:
    """Return one line of at most HEADLINE_LENGTH characters."""
    words, fields = WORDS[language], _fields(story, language)
    if story.flood:
        return clip(words["headline_flood"].format(**fields))
    if story.cause is not None:
        return clip(words["headline_cause"].format(**fields, happened=happened(story.cause, language)))
    if story.trigger is not None:
        return clip(words["headline_trigger"].format(**fields, told=triggered(story.trigger, language)))
    if story.motion is not None:
        return clip(words["headline_motion"].format(**fields, **_moving(story.motion)))
    return clip(words["headline"].format(**fields))


def description(story: Story, language: str) -> str:
    """Return where, how large, when, and how sure, one line each."""
    words = WORDS[language]
    fields = _fields(story, language)
    evidence = words["confirmed"] if story.confirmed else words["detected"]
    found, where = words["found"], words["where"]
    if story.cause is not None:
        fields |= _down(story.cause) | {"happened": happened(story.cause, language)}
        found = words["found_cause"] + (words["others"] if story.cause.others else "")
        if story.cause.flow_m is not None:
            where = words["where_flow"]
        elif not story.cause.way_known:
            where = words["where_unknown"]
    lines = [found, where, words["size"], words["when"], evidence]
    if story.trigger is not None:
        fields |= {"told": triggered(story.trigger, language), "source": one_line(story.trigger.source)}
        lines = [words["found_trigger"], words["where_road"], words["when"], words["how_sure_trigger"]]
    elif story.motion is not None:
        fields |= _moving(story.motion)
        onset = [words["onset"]] if story.motion.onset else []
        rate = [words["rate"]] if story.motion.velocity_mm_yr is not None else []
        sure = words["confirmed_motion" if story.confirmed else "detected_motion"]
        lines = [found, where, *rate, words["rate_change"], *onset, words["size"], sure]
    if story.flood:
        lines.insert(0, words["flood"])
    if story.road_is_approximate:
        lines.insert(2, words["approximate"])
    return "\n".join(line.format(**fields) for line in lines)


def happened(cause: Happening, language: str) -> str:
    """Return in a few words what has happened to a lake or glacier."""
    return WORDS[language][cause.event].format(
        name=clip(one_line(cause.name), 60),
        area=f"{cause.area_m2 / 1e6:.2f}",
        days=cause.days,
        advance=f"{cause.advance_m or 0:,.0f}",
    )


def triggered(trigger: Trigger, language: str) -> str:
    """Return in a few words what a trigger measured; what it did not measure is left out."""
    known = {**{name: clip(one_line(text), 60) for name, text in trigger.labels.items()}, **trigger.measures}
    parts = [
        part for part in TOLD[trigger.kind][language] if FIELD.findall(part) and set(FIELD.findall(part)) <= set(known)
    ]
    return {"en": ", ", "zh": ",", "ur": "، "}[language].join(part.format(**known) for part in parts)


def _moving(motion: Motion) -> dict[str, str]:
    return {
        "velocity": f"{motion.velocity_mm_yr or 0:+.0f}",
        "velocity_std": f"{motion.velocity_std_mm_yr or 0:.0f}",
        "trend": f"{motion.trend_change_mm_yr:+.0f}",
        "onset": motion.onset.isoformat() if motion.onset else "",
    }


def _down(cause: Happening) -> dict[str, str]:
    return {
        "flow": f"{(cause.flow_m or 0) / 1000:,.1f}",
        "drop": f"{cause.drop_m or 0:,.0f}",
        "others": str(cause.others),
    }


def area_description(km_from: float | None, km_to: float | None, place: str | None, language: str) -> str:
    """Return the stretch of road and the place nearest to it."""
    words = WORDS[language]
    if km_from is None or km_to is None:
        return one_line(place) if place else words["road"]
    text = f"{words['road']}, {_stretch(km_from, km_to, language)}"
    return text + (words["near"].format(place=one_line(place)) if place else "")


def event_name(kind: str, language: str) -> str:
    """Return the name of a hazard."""
    return KINDS.get(kind, KINDS["other"])[language]


def advice(state: str, scope: str, language: str) -> str:
    """Return what to do, and what not to rely on."""
    if state in CLOSED:
        return WORDS[language][state]
    return WORDS[language]["reviewed" if scope == "Public" else "unreviewed"]


def message_headline(headlines: Mapping[str, str], state: str, scope: str, language: str) -> str:
    """Return an alert's headline with what has become of it in front."""
    words = WORDS[language]
    mark = words.get(f"{state}_mark", "") if state in CLOSED else ""
    if scope != "Public" and state not in CLOSED:
        mark = words.get(f"{state}_mark", "") + words["unreviewed_mark"]
    text = headlines.get(language) or headlines.get("en") or WORDS[language]["road"]
    return clip(f"{mark}{one_line(text)}")


def clip(text: str, length: int = HEADLINE_LENGTH) -> str:
    """Return a text of at most `length` characters; what is cut off shows."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and characters that turn the direction of others."""
    kept = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    return re.sub(r"\s+", " ", "".join(char for char in kept if char not in DIRECTION and _is_text(char))).strip()


def plain(text: str) -> str:
    """Return a text of several lines without control characters, as XML and e-mail can hold it."""
    return "\n".join(one_line(line) for line in text.splitlines())


DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

FIELD = re.compile(r"\{(\w+)")

TOLD: dict[str, dict[str, tuple[str, ...]]] = {
    "rain": {
        "en": ("{rain_mm:.0f} mm in {window_h:.0f} h", "more than on {percentile:.1f} % of days there"),
        "zh": ("{window_h:.0f} 小时降雨 {rain_mm:.0f} 毫米", "超过当地 {percentile:.1f}% 的日子"),
        "ur": ("{window_h:.0f} گھنٹوں میں {rain_mm:.0f} ملی میٹر", "وہاں کے {percentile:.1f} فیصد دنوں سے زیادہ"),
    },
    "earthquake": {
        "en": ("intensity {mmi:.1f}", "magnitude {magnitude:.1f}", "{title}"),
        "zh": ("烈度 {mmi:.1f}", "震级 {magnitude:.1f}", "{title}"),
        "ur": ("شدت {mmi:.1f}", "میگنیٹیوڈ {magnitude:.1f}", "{title}"),
    },
    "sensor": {
        "en": ("{name}", "{value:,.4g} {unit}", "rising {rise_per_h:+,.3g} {unit} per hour"),
        "zh": ("{name}", "{value:,.4g} {unit}", "每小时上升 {rise_per_h:+,.3g} {unit}"),
        "ur": ("{name}", "{value:,.4g} {unit}", "فی گھنٹہ اضافہ {rise_per_h:+,.3g} {unit}"),
    },
    "bulletin": {"en": ("{title}",), "zh": ("{title}",), "ur": ("{title}",)},
    "blind": {
        "en": ("not seen clearly for {days:.0f} days",),
        "zh": ("已有 {days:.0f} 天未被清晰观测",),
        "ur": ("{days:.0f} دنوں سے واضح نہیں دیکھا گیا",),
    },
    "silent": {
        "en": ("{name}", "nothing heard for {hours:.0f} hours"),
        "zh": ("{name}", "已有 {hours:.0f} 小时没有数据"),
        "ur": ("{name}", "{hours:.0f} گھنٹوں سے کچھ موصول نہیں ہوا"),
    },
}
"""What is told of each trigger, part by part."""

KINDS: dict[str, dict[str, str]] = {
    "landslide": {"en": "Landslide", "zh": "滑坡", "ur": "لینڈ سلائیڈ"},
    "rockfall": {"en": "Rockfall", "zh": "崩塌落石", "ur": "چٹانوں کا گرنا"},
    "debris_flow": {"en": "Debris flow", "zh": "泥石流", "ur": "ملبے کا بہاؤ"},
    "flood": {"en": "Flood", "zh": "洪水", "ur": "سیلاب"},
    "avalanche": {"en": "Avalanche", "zh": "雪崩", "ur": "برفانی تودہ"},
    "settlement": {"en": "Ground settlement", "zh": "地面沉降", "ur": "زمین کا دھنساؤ"},
    "glacier": {"en": "Glacier change", "zh": "冰川变化", "ur": "گلیشیئر میں تبدیلی"},
    "lake": {"en": "Lake change", "zh": "湖泊变化", "ur": "جھیل میں تبدیلی"},
    "rain": {"en": "Heavy rain", "zh": "强降雨", "ur": "شدید بارش"},
    "earthquake": {"en": "Earthquake", "zh": "地震", "ur": "زلزلہ"},
    "sensor": {"en": "Instrument", "zh": "监测仪器", "ur": "پیمائشی آلہ"},
    "bulletin": {"en": "Bulletin", "zh": "通报", "ur": "اطلاع نامہ"},
    "blind": {"en": "Road not observed", "zh": "公路未被观测", "ur": "سڑک کا مشاہدہ نہیں ہوا"},
    "silent": {"en": "Source silent", "zh": "数据源中断", "ur": "ذریعہ خاموش"},
    "other": {"en": "Ground change", "zh": "地表变化", "ur": "زمین میں تبدیلی"},
}

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "road": "Karakoram Highway",
        "km": "km {low}",
        "km_range": "km {low} to {high}",
        "near": ", near {place}",
        "left": "left of the road",
        "right": "right of the road",
        "on": "on the road",
        "headline": "{event}: {stretch}{near}, {distance} m from the road, {area} m²",
        "headline_trigger": "{event}: {stretch}{near}: {told}",
        "headline_motion": "{event}: {stretch}{near}, {distance} m from the road, rate changed by {trend} mm/yr",
        "found_trigger": "{event}: {told}.",
        "where_road": "Where: Karakoram Highway, {stretch}{near} (alignment {alignment}).",
        "how_sure_trigger": "How sure: told by {source}.",
        "rate": "Rate: {velocity} ± {velocity_std} mm/yr along the radar's line of sight (negative: away from the satellite).",
        "rate_change": "Change: the rate of the last months differs by {trend} mm/yr from the rate before.",
        "onset": "Onset: about {onset}.",
        "detected_motion": "How sure: confidence {confidence}; found by {methods} in radar series up to {last}.",
        "confirmed_motion": "How sure: confirmed by a person; found by {methods} in radar series up to {last}, confidence {confidence}.",
        "headline_flood": "{event} at {changes} places in one look, {stretch}: check the imagery first",
        "flood": "So many at once are a bad scene or a disaster of the whole region: look at the pictures before anything else. "
        "They are one alert; later finds elsewhere have alerts of their own.",
        "take": "I take care of it",
        "look": "Please go and look, and say what you find",
        "headline_cause": "{happened} → {place}{stretch}",
        "growth": "{name} grew {area} km² in {days} days",
        "drained": "{name} lost {area} km² within {days} days: it drained",
        "surge": "{name} surges: {advance} m in {days} days",
        "found_cause": "{happened}.",
        "others": " {others} more above the same place.",
        "where_flow": "Where: the way down from there meets the Karakoram Highway at {stretch}{near}, {flow} km down the valley and "
        "{drop} m lower (alignment {alignment}).",
        "where_unknown": "Where: nearest to the Karakoram Highway at {stretch}{near}, {distance} m from it; no elevation model has told "
        "yet where the way down from there meets the road (alignment {alignment}).",
        "found": "{event} found in satellite data along the Karakoram Highway.",
        "where": "Where: {stretch}{near}; {side}, {distance} m from it (looking towards higher kilometres; alignment {alignment}).",
        "approximate": "The line of the road is only approximate here: kilometre and distance may be wrong by kilometres.",
        "size": "Size: {area} ± {uncertainty} m² in {changes} place(s).",
        "when": "When: between {first} and {last}.",
        "detected": "How sure: confidence {confidence}; found by {methods}, in imagery of {dates} date(s).",
        "confirmed": "How sure: confirmed by a person; found by {methods}, in imagery of {dates} date(s), confidence {confidence}.",
        "unreviewed": "Unreviewed detection: verify before acting.",
        "reviewed": "Reviewed by a person. Take care on this stretch and follow the instructions of the road authority.",
        "resolved": "This alert has ended: it was dealt with.",
        "false_alarm": "This alert was a false alarm.",
        "expired": "This alert has expired without having been resolved; the hazard may still be there.",
        "exercise_mark": "Exercise: ",
        "unreviewed_mark": "Unreviewed. ",
        "acknowledged_mark": "Acknowledged. ",
        "escalated_mark": "Escalated. ",
        "resolved_mark": "Ended. ",
        "false_alarm_mark": "False alarm. ",
        "expired_mark": "Expired. ",
        "restriction": "For duty officers and those who verify on site; not for publication.",
        "feed": "Karakoram Highway: alerts",
    },
    "zh": {
        "road": "喀喇昆仑公路",
        "km": "K{low}",
        "km_range": "K{low} 至 K{high}",
        "near": ",{place}附近",
        "left": "公路左侧",
        "right": "公路右侧",
        "on": "公路上",
        "headline": "{event}:{stretch}{near},距公路 {distance} 米,面积 {area} 平方米",
        "headline_trigger": "{event}:{stretch}{near}:{told}",
        "headline_motion": "{event}:{stretch}{near},距公路 {distance} 米,速率变化 {trend} 毫米/年",
        "found_trigger": "{event}:{told}。",
        "where_road": "位置:喀喇昆仑公路{stretch}{near}(线位版本 {alignment})。",
        "how_sure_trigger": "可信度:来源 {source}。",
        "rate": "速率:沿雷达视线 {velocity} ± {velocity_std} 毫米/年(负值:远离卫星)。",
        "rate_change": "变化:最近数月的速率与此前相差 {trend} 毫米/年。",
        "onset": "起始:约 {onset}。",
        "detected_motion": "可信度:置信度 {confidence};检测方法 {methods},雷达时间序列截至 {last}。",
        "confirmed_motion": "可信度:已经人工确认;检测方法 {methods},雷达时间序列截至 {last},置信度 {confidence}。",
        "headline_flood": "一次观测中有 {changes} 处{event},{stretch}:请先检查影像",
        "flood": "一次出现如此之多,或为影像异常,或为区域性灾害:请先查看图像。这些合为一条预警;此后他处的发现另行预警。",
        "take": "由我受理",
        "look": "请到现场核查并反馈结果",
        "headline_cause": "{happened} → {place}{stretch}",
        "growth": "{name}在 {days} 天内扩大 {area} 平方公里",
        "drained": "{name}在 {days} 天内减少 {area} 平方公里:已泄流",
        "surge": "{name}跃动:{days} 天内前进 {advance} 米",
        "found_cause": "{happened}。",
        "others": "同一地点上游另有 {others} 处。",
        "where_flow": "位置:其下泄路径在{stretch}{near}到达喀喇昆仑公路,沿沟谷下行 {flow} 公里,落差 {drop} 米(线位版本 {alignment})。",
        "where_unknown": "位置:距喀喇昆仑公路最近处为{stretch}{near},距离 {distance} 米;"
        "尚无高程模型确定其下泄路径在何处到达公路(线位版本 {alignment})。",
        "found": "卫星数据在喀喇昆仑公路沿线发现{event}。",
        "where": "位置:{stretch}{near};{side},距公路 {distance} 米(面向里程增加方向;线位版本 {alignment})。",
        "approximate": "此处公路线位仅为近似值:里程和距离的误差可达数公里。",
        "size": "规模:{area} ± {uncertainty} 平方米,共 {changes} 处。",
        "when": "时间:{first} 至 {last} 之间。",
        "detected": "可信度:置信度 {confidence};检测方法 {methods},{dates} 个日期的影像可见。",
        "confirmed": "可信度:已经人工确认;检测方法 {methods},{dates} 个日期的影像可见,置信度 {confidence}。",
        "unreviewed": "未经人工审核的检测结果:采取行动前请先核实。",
        "reviewed": "已经人工审核。经过该路段请注意安全,并服从公路管理部门的指挥。",
        "resolved": "本预警已解除:险情已处置。",
        "false_alarm": "本预警为误报。",
        "expired": "本预警已过期但未确认解除,危险可能仍然存在。",
        "exercise_mark": "演练：",
        "unreviewed_mark": "未审核。",
        "acknowledged_mark": "已确认接收。",
        "escalated_mark": "已升级。",
        "resolved_mark": "已解除。",
        "false_alarm_mark": "误报。",
        "expired_mark": "已过期。",
        "restriction": "仅供值班人员和现场核实人员使用,不得公开发布。",
        "feed": "喀喇昆仑公路:预警",
    },
    "ur": {
        "road": "شاہراہِ قراقرم",
        "km": "کلومیٹر {low}",
        "km_range": "کلومیٹر {low} تا {high}",
        "near": "، {place} کے قریب",
        "left": "سڑک کے بائیں جانب",
        "right": "سڑک کے دائیں جانب",
        "on": "سڑک پر",
        "headline": "{event}: {stretch}{near}، سڑک سے {distance} میٹر، رقبہ {area} مربع میٹر",
        "headline_trigger": "{event}: {stretch}{near}: {told}",
        "headline_motion": "{event}: {stretch}{near}، سڑک سے {distance} میٹر، رفتار میں {trend} ملی میٹر سالانہ کی تبدیلی",
        "found_trigger": "{event}: {told}۔",
        "where_road": "مقام: شاہراہِ قراقرم، {stretch}{near} (سڑک کی لائن {alignment})۔",
        "how_sure_trigger": "یقین: ماخذ {source}۔",
        "rate": "رفتار: ریڈار کی سمتِ نظر میں {velocity} ± {velocity_std} ملی میٹر سالانہ (منفی: سیٹلائٹ سے دور)۔",
        "rate_change": "تبدیلی: پچھلے مہینوں کی رفتار پہلے سے {trend} ملی میٹر سالانہ مختلف ہے۔",
        "onset": "آغاز: تقریباً {onset}۔",
        "detected_motion": "یقین: اعتماد {confidence}؛ طریقہ {methods}، {last} تک کے ریڈار سلسلے میں۔",
        "confirmed_motion": "یقین: ماہر نے تصدیق کی ہے؛ طریقہ {methods}، {last} تک کے ریڈار سلسلے میں، اعتماد {confidence}۔",
        "headline_flood": "{event}: ایک ہی مشاہدے میں {changes} مقامات، {stretch}: پہلے تصاویر جانچیں",
        "flood": "ایک ساتھ اتنے مقامات یا تو خراب تصویر ہیں یا پورے علاقے کی آفت: سب سے پہلے تصاویر دیکھیں۔ یہ ایک ہی انتباہ ہے؛ "
        "بعد میں کہیں اور ملنے والوں کے اپنے انتباہ ہوں گے۔",
        "take": "میں سنبھالتا ہوں",
        "look": "براہ کرم موقع پر جا کر دیکھیں اور بتائیں کہ کیا ملا",
        "headline_cause": "{happened} ← {place}{stretch}",
        "growth": "{name} {days} دنوں میں {area} مربع کلومیٹر بڑھی",
        "drained": "{name} {days} دنوں میں {area} مربع کلومیٹر گھٹی: پانی نکل گیا",
        "surge": "{name} تیزی سے آگے بڑھ رہا ہے: {days} دنوں میں {advance} میٹر",
        "found_cause": "{happened}۔",
        "others": " اسی جگہ کے اوپر {others} اور۔",
        "where_flow": "مقام: وہاں سے نیچے کا راستہ {stretch}{near} پر شاہراہِ قراقرم سے ملتا ہے، وادی میں {flow} کلومیٹر نیچے اور "
        "{drop} میٹر نشیب میں (سڑک کی لائن {alignment})۔",
        "where_unknown": "مقام: شاہراہِ قراقرم کا قریب ترین حصہ {stretch}{near}، {distance} میٹر دور؛ ابھی کسی بلندی کے ماڈل "
        "سے معلوم نہیں کہ وہاں سے نیچے کا راستہ سڑک سے کہاں ملتا ہے (سڑک کی لائن {alignment})۔",
        "found": "سیٹلائٹ ڈیٹا میں شاہراہِ قراقرم کے ساتھ {event} کی نشاندہی ہوئی ہے۔",
        "where": "مقام: {stretch}{near}؛ {side}، سڑک سے {distance} میٹر (بڑھتے ہوئے کلومیٹر کی سمت میں؛ سڑک کی لائن {alignment})۔",
        "approximate": "یہاں سڑک کی لائن صرف تخمینی ہے: کلومیٹر اور فاصلے میں کئی کلومیٹر کی غلطی ہو سکتی ہے۔",
        "size": "رقبہ: {area} ± {uncertainty} مربع میٹر، {changes} جگہوں پر۔",
        "when": "وقت: {first} اور {last} کے درمیان۔",
        "detected": "یقین: اعتماد {confidence}؛ طریقہ {methods}، {dates} تاریخوں کی تصاویر میں نظر آیا۔",
        "confirmed": "یقین: ماہر نے تصدیق کی ہے؛ طریقہ {methods}، {dates} تاریخوں کی تصاویر میں نظر آیا، اعتماد {confidence}۔",
        "unreviewed": "غیر تصدیق شدہ نشاندہی: کارروائی سے پہلے تصدیق کریں۔",
        "reviewed": "ماہر نے جائزہ لیا ہے۔ اس حصے میں احتیاط کریں اور سڑک کے حکام کی ہدایات پر عمل کریں۔",
        "resolved": "یہ انتباہ ختم ہو گیا ہے: معاملہ نمٹا دیا گیا۔",
        "false_alarm": "یہ انتباہ غلط تھا۔",
        "expired": "اس انتباہ کی مدت ختم ہو گئی ہے لیکن معاملہ نمٹایا نہیں گیا؛ خطرہ اب بھی ہو سکتا ہے۔",
        "exercise_mark": "مشق: ",
        "unreviewed_mark": "غیر تصدیق شدہ۔ ",
        "acknowledged_mark": "وصولی کی تصدیق۔ ",
        "escalated_mark": "درجہ بڑھا دیا گیا۔ ",
        "resolved_mark": "ختم۔ ",
        "false_alarm_mark": "غلط انتباہ۔ ",
        "expired_mark": "مدت ختم۔ ",
        "restriction": "صرف ڈیوٹی افسران اور موقع پر تصدیق کرنے والوں کے لیے؛ اشاعت کے لیے نہیں۔",
        "feed": "شاہراہِ قراقرم: انتباہات",
    },
}


def _fields(story: Story, language: str) -> dict[str, str]:
    words = WORDS[language]
    return {
        "event": event_name(story.kind, language),
        "stretch": _stretch(story.km_from, story.km_to, language),
        "near": words["near"].format(place=clip(one_line(story.place), 40)) if story.place else "",
        "place": f"{clip(one_line(story.place), 40)}, " if story.place else "",
        "side": words[story.side] if story.side in {"left", "right", "on"} else words["road"],
        "distance": f"{story.distance_m:,.0f}",
        "alignment": one_line(story.alignment or "-"),
        "area": f"{story.area_m2:,.0f}",
        "uncertainty": f"{story.area_uncertainty_m2:,.0f}",
        "changes": str(story.changes),
        "first": story.first_date.isoformat(),
        "last": story.last_date.isoformat(),
        "confidence": f"{story.confidence:.2f}",
        "methods": ", ".join(one_line(method) for method in story.methods),
        "dates": str(story.dates_seen),
    }


def _stretch(km_from: float, km_to: float, language: str) -> str:
    low, high = f"{km_from:.1f}", f"{km_to:.1f}"
    return WORDS[language]["km" if low == high else "km_range"].format(low=low, high=high)


def _is_text(char: str) -> bool:
    """Return whether XML 1.0 can hold the character."""
    code = ord(char)
    return not (0xD800 <= code <= 0xDFFF or code in {0xFFFE, 0xFFFF} or code < 0x20)
