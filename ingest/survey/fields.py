"""Which column of a file is which field of an observation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from hazard_db.errors import InputError

NAMES: dict[str, str] = {
    "id": "id uuid _uuid instanceid meta_instanceid instance_id record_id observation_id obs_id 编号 点号 观测点编号 灾害点编号 "
    "记录编号 统一编号 شناخت شناختی_نمبر key",
    "kind": "kind hazard_kind hazard_type hazard disaster_type type_of_hazard event_type category type 灾害类型 灾害种类 灾种 "
    "地质灾害类型 类型 种类 类别 قسم خطرے_کی_قسم آفت_کی_قسم what_is_it یہ_کیا_ہے",
    "observed_at": "observed_at observed_on observation_date observation_time date_of_observation obs_date survey_date observed "
    "datetime date_time timestamp recorded_at visit_date when date 观测时间 观测日期 调查时间 调查日期 巡查时间 巡查日期 记录时间 发现时间 "
    "采集时间 日期 مشاہدے_کی_تاریخ تاریخ when_did_you_see_it کب_دیکھا gps_time time 时间 وقت "
    "today start end submissiondate _submission_time",
    "clock": "clock time_of_day obs_time survey_time time 时刻 时间 وقت",
    "observer": "observer observed_by your_name 观测人姓名 آپ_کا_نام surveyor surveyed_by geologist recorder recorded_by reporter "
    "reported_by collector collected_by enumerator inspector username user submittername _submitted_by "
    "观测人 观测者 观测员 调查人 调查人员 调查员 记录人 填表人 巡查人 巡查员 上报人 采集人 مشاہدہ_کار سروے_کنندہ",
    "latitude": "latitude lat decimal_latitude latitude_deg lat_dd lat_deg gps_latitude gps_lat _latitude lat_wgs84 纬度 北纬 عرض_بلد y",
    "longitude": "longitude lon long lng decimal_longitude longitude_deg lon_dd long_dd lon_deg gps_longitude gps_lon _longitude "
    "lon_wgs84 经度 东经 طول_بلد x",
    "easting": "easting utm_easting utm_e easting_m utm_x x_utm east e 东坐标 东向坐标",
    "northing": "northing utm_northing utm_n northing_m utm_y y_utm north n 北坐标 北向坐标",
    "zone": "zone utm_zone utm 带号",
    "position": "position coordinates coordinate geopoint lat_lon latlon lat_long latlong lat_lng latlng gps gps_coordinates 坐标 经纬度",
    "wkt": "geometry_wkt wkt geom_wkt wkt_geom geometry geom the_geom",
    "accuracy_m": "accuracy_m accuracy gps_accuracy horizontal_accuracy accuracy_metres accuracy_meters hacc "
    "精度 定位精度 精度_m 精度_米 درستی",
    "note": "note notes remark remarks comment comments description desc details memo "
    "备注 说明 描述 现场描述 灾情描述 情况说明 نوٹ تبصرہ کیفیت تفصیل what_else_matters اور_کیا_اہم_ہے",
}
"""Field -> the names its column may have, the likeliest first, the questions of our own forms among them; compared without case, spaces
and punctuation."""

FIELDS = tuple(NAMES)
PLACES = ("latitude", "longitude", "easting", "northing", "zone", "position", "wkt")
ENDINGS = {"latitude": "_latitude", "longitude": "_longitude", "accuracy_m": "_accuracy"}
"""Forms put the name of the question before: tunnel_gps_latitude."""


def normal(name: str) -> str:
    """Return a name as names are compared."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", name).casefold()).strip("_")


_WANTED = {name: [normal(one) for one in names.split()] for name, names in NAMES.items()}


def refuse_unknown(names: Iterable[str]) -> None:
    """Return quietly where all are names of fields.

    Raises
    ------
    InputError
        One is not.
    """
    for name in names:
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, 1)
            told = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"--map {name[:60]}: there is no such field{told} (fields: {', '.join(FIELDS)})")


def refuse_placeless(label: str, found: Mapping[str, str], columns: Iterable[str]) -> None:
    """Return quietly where the columns of a table tell positions.

    Raises
    ------
    InputError
        They do not.
    """
    if not any(name in found for name in PLACES):
        names = ", ".join(columns)
        raise InputError(
            f"{label}: no column for latitude and longitude was found; name them with --map latitude=COLUMN "
            f"--map longitude=COLUMN (columns: {names[:300]})"
        )


@dataclass
class Columns:
    """Finds the fields among the columns of each record; what the user gave goes first."""

    label: str
    given: Mapping[str, str]
    _known: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def of(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return field -> column for a record with columns of these names."""
        key = tuple(names)
        if key not in self._known:
            if len(self._known) > 10_000:  # records that all have other names must not fill the memory
                self._known.clear()
            self._seen.update(set(key) & set(self.given.values()))
            self._known[key] = found(key, self.given)
        return self._known[key]

    def require_seen(self, columns: Iterable[str] = ()) -> None:
        """Return quietly where every column that the user named exists.

        Raises
        ------
        InputError
            One does not.
        """
        for name, column in self.given.items():
            if column not in self._seen and column not in columns:
                near = get_close_matches(column, list(columns), 1)
                told = f"; did you mean {near[0]!r}?" if near else ""
                raise InputError(f"{self.label}: --map {name}={column}: there is no such column{told}")


def found(names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    """Return field -> column: what was given, then the likeliest name, then the ending of a form's name."""
    chosen = {name: column for name, column in given.items() if column in names}
    if "id" not in chosen and {"_id", "_uuid"} <= set(names):
        chosen["id"] = (
            "_uuid"  # Kobo's and Ona's own number is of their server; this is the submission's, the same everywhere
        )
    left = {normal(name): name for name in reversed(names) if name not in chosen.values()}
    for name, wanted in _WANTED.items():
        if name in chosen:
            continue
        match = next((one for one in wanted if one in left), None)
        if match is None and name in ENDINGS:
            ending = [one for one in left if one.endswith(ENDINGS[name])]
            match = ending[0] if len(ending) == 1 else None
        if match is not None:
            chosen[name] = left.pop(match)
    if "accuracy_m" not in chosen and "latitude" in chosen:  # Kobo and Ona call it precision, beside their latitude
        question = normal(chosen["latitude"]).removesuffix("latitude")
        if (column := left.get(f"{question}precision")) is not None:
            chosen["accuracy_m"] = column
    if "clock" in chosen and "observed_at" not in chosen:
        chosen["observed_at"] = chosen.pop("clock")
    return chosen
