from __future__ import annotations

import numpy as np
import pytest

from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit
from detection.settlement.sums import SIZE, fit_sums, sums


def series(dates: int, gaps: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    t = 2015.3 + np.sort(rng.choice(dates * 2, dates, replace=False)) * 12 / 365.25
    y = (rng.normal(size=(dates, 500)) * 3 + (t - t[0])[:, None] * rng.normal(size=500) * 30).astype(np.float32)
    y[rng.random(y.shape) < gaps] = np.nan
    return t, y


@pytest.mark.parametrize("gaps", [0.0, 0.15])
@pytest.mark.parametrize(("dates", "cuts"), [(8, (5,)), (20, (12, 13)), (150, (30, 31, 100))])
def test_sums_of_parts_give_the_fit_of_the_whole(dates: int, cuts: tuple[int, ...], gaps: float) -> None:
    t, y = series(dates, gaps)
    since_first = t - t[0]
    state = sums(since_first[: cuts[0]], y[: cuts[0]])
    for start, stop in zip(cuts, (*cuts[1:], dates), strict=True):
        state = state + sums(since_first[start - 1 : stop], y[start:stop], y[start - 1])
    assert state.shape == (SIZE, 500)
    whole = fit(design(t, seasonal_for(t)), y)
    told, seasonal = fit_sums(t, state, None if not gaps else np.isfinite(y))
    assert seasonal == seasonal_for(t)
    for name in ("velocity", "velocity_std", "autocorrelation", "rss"):
        expected, value = getattr(whole, name), getattr(told, name)
        assert np.array_equal(np.isnan(expected), np.isnan(value))
        np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-8)
    assert np.array_equal(told.dates, whole.dates)
