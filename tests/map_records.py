"""Records as the catalogue gives them to maps, some of them hostile."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from api.texts import term
from maps.layers import Content, Layer, Telling
from maps.texts import translate

TODAY = date(2026, 7, 1)
NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"'&{{ 7*191 }}{% if 1 %}{#\u2028"
SQUARE = [[74.866, 36.336], [74.869, 36.336], [74.869, 36.339], [74.866, 36.339], [74.866, 36.336]]


def tell(lang: str = "en", **more: Any) -> Telling:
    return Telling(lang, translate(lang), term(lang), TODAY, **more)


def segment(km: int, grade: str | None = "high", look: date | None = TODAY, **more: Any) -> dict[str, Any]:
    line = {"type": "LineString", "coordinates": [[74.0 + km / 1000, 36.3], [74.001 + km / 1000, 36.301]]}
    return {
        "km_from": float(km), "km_to": km + 1.0, "place": None, "basis": "surveyed", "consequence": 2, "grade": grade, "score": 40.0,
        "confidence": 0.8, "last_look": look, "last_good_look": look, "geometry": line, **more,
    }  # fmt: skip


def change(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "kind": "landslide", "status": "candidate", "confidence": 0.83, "area_m2": 43_210.0,
        "area_uncertainty_m2": 4_000.0, "mean_slope_deg": 31.0, "first_date": date(2026, 6, 1), "last_date": date(2026, 6, 20),
        "picture": f"pictures/change-{number}.png", "chainage_km": 657.1, "chainage_from_km": 657.0, "chainage_to_km": 657.4,
        "offset_m": 120.0, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def point(lon: float = 74.87, lat: float = 36.34) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def observation(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-0000-0000-{number:012}", "kind": "rockfall", "observed_at": NOW - timedelta(hours=number),
        "accuracy_m": 12.0, "note": "Blocks on the road", "review_status": "submitted", "dataset": "survey", "chainage_km": 657.2,
        "offset_m": 30.0, "geometry": point(), **more,
    }  # fmt: skip


def site(**more: Any) -> dict[str, Any]:
    return {
        "code": "KKH-LS-0001", "kind": "landslide", "name": "Attabad", "activity": "suspended", "accuracy_m": 300.0, "note": None,
        "source": "public record", "chainage_km": 657.0, "offset_m": 147.0, "geometry": point(), **more,
    }  # fmt: skip


def lake(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "lake_id": "L36.400N074.610E", "name": None, "observed_on": TODAY, "state": "water", "area_m2": 330_000.0,
        "area_uncertainty_m2": 9_000.0, "growth_m2_yr": 80_000.0, "confidence": 0.9, "ice_dammed": True, "chainage_km": 634.0,
        "road_km": 634.2, "flow_m": 11_400.0, "drop_m": 520.0, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def glacier_outline(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "glacier_id": "RGI60-14.04411", "name": "Shisper", "outlined_on": date(2000, 9, 9), "area_m2": 26e6,
        "area_uncertainty_m2": 4e5, "dataset": "RGI 6", "year": 2000, "until": 2019,
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def terminus(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "glacier_id": "RGI60-14.04411", "name": "Shisper", "observed_on": TODAY, "trend": "surge", "length_m": 15_000.0,
        "length_uncertainty_m": 8.0, "change_m": 320.0, "year": 2026, "geometry": {"type": "LineString", "coordinates": SQUARE[:2]},
        **more,
    }  # fmt: skip


def way(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "source": "L36.400N074.610E", "lake_id": "L36.400N074.610E", "name": None, "chainage_km": 634.2, "flow_m": 11_400.0,
        "drop_m": 520.0, "geometry": {"type": "LineString", "coordinates": SQUARE[:3]}, **more,
    }  # fmt: skip


def glacier(**more: Any) -> dict[str, Any]:
    return {
        "id": 1, "glacier_id": "RGI60-14.04411", "name": "Shisper", "outlined_on": date(2000, 9, 9), "area_m2": 26e6,
        "area_uncertainty_m2": 4e5, "trend": "surge", "measured_on": TODAY, "length_m": 15_000.0, "rate_m_yr": 12.0,
        "rate_uncertainty_m_yr": 3.0, "surge_on": TODAY, "chainage_km": 634.0, "road_km": 634.2, "flow_m": 11_400.0, "drop_m": 520.0,
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "kind": "landslide", "name": "Attabad landslide", "occurred_on": date(2010, 1, 4), "occurred_to": None,
        "precision": "day", "accuracy_m": 5000.0, "trigger": None, "fatalities": 20, "note": None, "source": "reports",
        "chainage_km": 657.0, "offset_m": 147.0, "geometry": point(), **more,
    }  # fmt: skip


def deformation(number: int = 5, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "motion": "hinge", "velocity_mm_yr": -31.2, "velocity_std_mm_yr": 0.8, "peak_velocity_mm_yr": -44.0,
        "onset_date": date(2025, 3, 1), "slope_velocity_mm_yr": 38.0, "trend_change_mm_yr": -12.0, "trend_alert": True,
        "quality": 1, "n_points": 120, "status": "candidate", "first_date": date(2021, 1, 3), "last_date": date(2026, 6, 20),
        "set_name": "track 27", "reference": "point at 36.3, 74.6", "chainage_km": 657.1, "chainage_from_km": 657.0,
        "chainage_to_km": 657.4, "offset_m": 80.0, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def alert(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "kind": "landslide", "state": "open", "scope": "Restricted", "severity": "Severe", "certainty": "Likely",
        "urgency": "Expected", "headline": {"en": "Landslide near km 657", "zh": "657 公里附近发生滑坡"}, "raised_at": NOW,
        "expires_at": NOW, "chainage_km": 657.1, "chainage_from_km": 657.0, "chainage_to_km": 657.4,
        "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, **more,
    }  # fmt: skip


def place(name: str = "Gilgit") -> dict[str, Any]:
    return {"name": name, "chainage_km": 542.0, "lon": 74.312, "lat": 35.919}


def layer(*rows: dict[str, Any], total: int | None = None) -> Layer:
    return Layer(rows, len(rows) if total is None else total)


def content(**more: Layer) -> Content:
    """Return one record of every kind, or what is given."""
    whole = {
        "road": layer(segment(656), segment(657)), "places": layer(place()), "sites": layer(site()), "events": layer(event()),
        "observations": layer(observation()), "changes": layer(change()), "alerts": layer(alert()),
        "lakes": layer(lake()), "outlines": layer(glacier_outline()),
        "termini": layer(terminus()), "ways": layer(way()), "glaciers": layer(glacier()),
        "deformation": layer(deformation()),
    }  # fmt: skip
    return Content(**{**whole, **more})
