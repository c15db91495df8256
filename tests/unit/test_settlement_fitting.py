import numpy as np
import pytest

from detection.settlement.bank import bank, search, sup_f
from detection.settlement.design import design, hinges, seasonal_for, steps
from detection.settlement.fitting import fit

T = np.arange(60) * 12 / 365.25


def oracle(G, y):
    """One series after the other, as written in a textbook."""
    velocities, errors = [], []
    for series in y.T:
        known = np.isfinite(series)
        A, values = G[known], series[known]
        n, p = A.shape
        if n < p + 3:
            velocities.append(np.nan)
            errors.append(np.nan)
            continue
        m = np.linalg.solve(A.T @ A, A.T @ values)
        e = values - A @ m
        padded = np.full(len(series), np.nan)
        padded[known] = e
        pairs = padded[1:] * padded[:-1]
        lagged = np.nansum(pairs) * (n - 1) / max(np.isfinite(pairs).sum(), 1)
        hat = G @ np.linalg.inv(G.T @ G) @ G.T
        bias = -np.trace(hat, offset=1) / (len(G) - p)
        r1 = np.clip(lagged / (e @ e) - bias, -0.5, 0.95)
        covariance = e @ e / (n - p) * np.linalg.inv(A.T @ A)
        velocities.append(m[1])
        errors.append(np.sqrt(covariance[1, 1] * (1 + r1) / (1 - r1)))
    return np.array(velocities), np.array(errors)


@pytest.mark.parametrize("gaps", [0.0, 0.1, 0.6, 0.97])
@pytest.mark.parametrize("seasonal", ["none", "annual", "half-year"])
def test_the_batch_is_the_loop(gaps, seasonal):
    rng = np.random.default_rng(1)
    G = design(T, seasonal)
    y = rng.normal(0, 3, (60, 40)) - 20 * T[:, None]
    y[rng.random(y.shape) < gaps] = np.nan
    found = fit(G, y)
    velocity, error = oracle(G, y)
    np.testing.assert_allclose(found.velocity, velocity, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.velocity_std, error, rtol=1e-6)


def test_exact_velocity_and_no_series_at_all():
    G = design(T, "half-year")
    found = fit(G, (-31.5 * T + 4)[:, None].astype(np.float32))
    assert found.velocity[0] == pytest.approx(-31.5, abs=1e-5)
    assert fit(G, np.empty((60, 0))).velocity.shape == (0,)


def test_dates_that_cannot_tell_the_parameters_give_nothing():
    y = np.full((60, 1), np.nan)
    y[::30] = 1.0
    assert np.isnan(fit(design(T, "annual"), y).velocity[0])


@pytest.mark.parametrize("r1", [0.0, 0.3])
def test_errors_are_honest_for_white_and_for_red_noise(r1):
    rng = np.random.default_rng(2)
    times = np.arange(150) * 12 / 365.25
    noise = rng.normal(0, 1, (150, 6000))
    for k in range(1, 150):
        noise[k] += r1 * noise[k - 1]
    found = fit(design(times, "half-year"), noise)
    spread = float(np.std(found.velocity / found.velocity_std))
    assert spread == pytest.approx(1.0, abs=0.03 if r1 == 0 else 0.07)


def test_seasons_only_where_they_can_be_told():
    assert seasonal_for(np.arange(13) * 35 / 365.25) == "none"
    assert seasonal_for(np.arange(50) * 12 / 365.25) == "annual"
    assert seasonal_for(np.arange(150) * 12 / 365.25) == "half-year"


@pytest.mark.parametrize("gaps", [0.0, 0.05])
def test_the_bank_is_the_loop(gaps):
    rng = np.random.default_rng(3)
    G = design(T, "annual")
    y = rng.normal(0, 2, (60, 12)) + np.where(T[:, None] > T[30], -15.0, 0.0)
    changes = bank(T, G)
    assert changes is not None
    if gaps:
        y[rng.random(y.shape) < gaps] = np.nan
    fitted = fit(G, y)
    hinge, step = search(changes, y - G @ fitted.parameters)
    for k, series in enumerate(y.T):
        known = np.isfinite(series)
        rss = {}
        for column, onset in zip(steps(T, 5)[0].T, steps(T, 5)[1], strict=True):
            A = np.column_stack([G, column])[known]
            e = series[known] - A @ np.linalg.lstsq(A, series[known], rcond=None)[0]
            rss[onset] = e @ e
        best = min(rss, key=rss.get)
        assert step.onset_yr[k] == pytest.approx(best)
        assert fitted.rss[k] - step.gain[k] == pytest.approx(rss[best], rel=1e-4 if not gaps else 0.2)
        assert step.gain[k] > hinge.gain[k]
    f = sup_f(step.gain, fitted.rss, fitted.dates, G.shape[1], fitted.inflation)
    assert (f > 15).all()


def test_hinges_and_steps_begin_between_their_margins():
    assert hinges(T, 5)[1][[0, -1]] == pytest.approx([T[4], T[54]])
    assert steps(T, 5)[0][:, 0].sum() == 55
    assert bank(T[:8], design(T[:8])) is None
