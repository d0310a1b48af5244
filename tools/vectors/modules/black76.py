"""Undiscounted Black-76 premiums over the whole domain, from mpmath with 50 digits.

The inputs are exact as the engine sees them: whole atoms, whole seconds, volatility in Q30.
"""
import math
import random

import mpmath

FILE = "crates/risk/vectors/black76.csv"
YEAR = 365 * 86_400
ONE = 1 << 30


def cases(draw, count):
    """Contracts of the whole domain, a third of them within a few standard deviations of the money."""
    found = set()
    # Corners: each end of each range, forwards from one atom to 2^30.
    for forward in (100, 1_000_003, ONE // 100):
        for strike in (forward // 100, forward, forward * 100):
            for tau in (3_600, 2 * YEAR):
                for sigma in (-(-5 * ONE // 100), 5 * ONE):
                    if forward <= 100 * strike:
                        found.add((forward, strike, tau, sigma))
    found |= {(1, 1, tau, sigma) for tau in (3_600, 2 * YEAR) for sigma in (ONE // 4, 5 * ONE)}
    found |= {(ONE, strike, 86_400 * 30, ONE * 3 // 4) for strike in (ONE, ONE - 1, ONE // 100 + 1, ONE // 2)}
    while len(found) < count:
        tau = min(max(int(math.exp(draw.uniform(math.log(3_600), math.log(2 * YEAR)))), 3_600), 2 * YEAR)
        sigma = int(math.exp(draw.uniform(math.log(0.0501), math.log(4.99))) * ONE)
        forward = int(math.exp(draw.uniform(math.log(1_000), math.log(ONE))))
        if draw.random() < 1 / 3:
            strike = int(math.exp(draw.uniform(math.log(forward / 99.9), math.log(forward * 99.9))))
        else:
            strike = int(forward * math.exp(draw.uniform(-5, 5) * sigma / ONE * math.sqrt(tau / YEAR)))
        if 1 <= strike <= ONE and strike <= 100 * forward and forward <= 100 * strike:
            found.add((forward, strike, tau, sigma))
    return sorted(found)


def exact(forward, strike, tau, sigma):
    """(call, put) in atoms, exact to 50 digits."""
    years = mpmath.mpf(tau) / YEAR
    deviation = mpmath.mpf(sigma) / ONE * mpmath.sqrt(years)
    d1 = mpmath.log(mpmath.mpf(forward) / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    call = forward * mpmath.ncdf(d1) - strike * mpmath.ncdf(d2)
    put = strike * mpmath.ncdf(-d2) - forward * mpmath.ncdf(-d1)
    return call, put


def build():
    mpmath.mp.dps = 50
    lines = ["# forward, strike in atoms; time in seconds; volatility in Q30; call, put in Q48 atoms\n"]
    for case in cases(random.Random(1976), 2_500):
        values = [int(mpmath.nint(value * 2**48)) for value in exact(*case)]
        lines.append(",".join(map(str, (*case, *values))) + "\n")
    return "".join(lines)
