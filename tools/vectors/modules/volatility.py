"""EWMA and GARCH variances and EWMA correlations of the S&P 500 and the VIX, computed by `arch` (PyPI, NCSA licence).

The prices are those that ship with the same package: S&P 500 open and close (in thousandths of a point), VIX close (in ten-thousandths), every
day on which both exist, 2017 and 2018. A day here is what a five-minute bucket is on the chain: the recursions know no calendar. Every column
of numbers is the state *after* that day's return; the first day has none.

| column | computed by |
| --- | --- |
| fast, slow | EWMAVariance.compute_variance, lambda = 2^(-1/288), 2^(-1/8640), from START |
| garch, forecast | arch_model(...).fix([omega, alpha, beta]).forecast(horizon=12): the first of the twelve variances, and their mean |
| rho_* | EWMAVariance of (a + b), (a - b), a and b from zero; covariance = (E(a+b)^2 - E(a-b)^2) / 4 |
"""
import numpy
from arch import arch_model
from arch.data import sp500, vix
from arch.univariate import EWMAVariance

FILE = "crates/risk/vectors/volatility.csv"
FAST, SLOW = 2.0 ** (-1 / 288), 2.0 ** (-1 / 8640)
# Variance of a bucket at the listing: (1 % an hour)^2 / 12.
START = 1e-4 / 12
# GARCH(1,1) with the defaults of the engine: weight 0.05, return to the level with a half-life of three hours, 36 buckets.
LEVEL, ALPHA, KEPT = 6.4e-5, 0.05, 2.0 ** (-1 / 36)
OMEGA, BETA = (1 - ALPHA) * (1 - KEPT) * LEVEL, (1 - ALPHA) * KEPT
LARGEST = 0.5


def prices():
    index = sp500.load()["2017":"2018"]
    fear = vix.load()["vix"].dropna()
    days = index.index.intersection(fear.index)
    index, fear = index.loc[days], fear.loc[days]
    whole = lambda series, scale: numpy.rint(series.to_numpy() * scale).astype(int)
    return [str(day.date()) for day in days], whole(index["Open"], 1_000), whole(index["Close"], 1_000), whole(fear, 10_000)


def ewma(returns, kept, start):
    """Variance after each return: the value that arch has for the day after it."""
    padded = numpy.append(returns, 0.0)
    bounds = numpy.tile([0.0, 1e6], (len(padded), 1))
    variance = EWMAVariance(kept).compute_variance(numpy.empty(0), padded, numpy.empty(len(padded)), start, bounds)
    return variance[1:]


def correlation(a, b, kept):
    of = lambda series: ewma(series, kept, 0.0)
    with numpy.errstate(invalid="ignore"):
        return (of(a + b) - of(a - b)) / 4 / numpy.sqrt(of(a) * of(b))


def build():
    days, opens, closes, fears = prices()
    step = lambda series: numpy.append(0.0, numpy.clip(numpy.diff(numpy.log(series)), -LARGEST, LARGEST))
    o, c, v = step(opens), step(closes), step(fears)
    model = arch_model(c, mean="Zero", vol="GARCH", p=1, o=0, q=1, rescale=False).fix([OMEGA, ALPHA, BETA])
    ahead = model.forecast(horizon=12, start=0).variance.to_numpy()
    columns = {
        "fast": ewma(c, FAST, START),
        "slow": ewma(c, SLOW, START),
        "garch": ahead[:, 0],
        "forecast": ahead.mean(axis=1),
    }
    for name, kept in (("fast", FAST), ("slow", SLOW)):
        columns[f"rho_open_close_{name}"] = correlation(o, c, kept)
        columns[f"rho_close_vix_{name}"] = correlation(c, v, kept)
        columns[f"rho_open_vix_{name}"] = correlation(o, v, kept)
    lines = [
        "# Made by tools/vectors/make.py with arch 8.0.0. Index series from arch (NCSA, Copyright (c) 2017 Kevin Sheppard): see LICENSES.md.",
        ",".join(["day", "open", "close", "vix", *columns]),
    ]
    for n, day in enumerate(days):
        numbers = ["nan" if numpy.isnan(column[n]) else f"{column[n]:.11e}" for column in columns.values()]
        lines.append(",".join([day, str(opens[n]), str(closes[n]), str(fears[n]), *numbers]))
    return "\n".join(lines) + "\n"
