"""Greeks and implied volatility from QuantLib and vollib, which must agree with each other and with mpmath before a row is written.

Conventions are the engine's: delta on the forward; gamma per 1 % move; vega per percentage point; theta per day; rho per percentage point of
carry with the spot held, undiscounted. The references have their own: QuantLib's rho (discount factor 1) is τ·(F·Δ − premium), vollib's is
−τ·premium per 0.01; both are turned into τ·F·Δ.
"""
import random

import mpmath
import QuantLib as ql
from vollib.black import black
from vollib.black.greeks import analytical
from vollib.black.implied_volatility import implied_volatility

from modules.black76 import ONE, YEAR, cases, exact

FILE = "crates/risk/vectors/greeks.csv"
HEAD = "# forward, strike, seconds, volatility Q30, c or p, premium, delta, gamma, vega, theta, rho, premium Q32, implied volatility or -\n"


def build():
    mpmath.mp.dps = 50
    lines = []
    for forward, strike, tau, sigma in cases(random.Random(1973), 700):
        for kind in "cp":
            lines.append(row(forward, strike, tau, sigma, kind))
    recovered = sum(not line.endswith(",-\n") for line in lines)
    assert recovered > len(lines) // 4, recovered
    return HEAD + "".join(lines)


def row(forward, strike, tau, sigma, kind):
    years, vol = tau / YEAR, sigma / ONE
    deviation = vol * years**0.5
    option = ql.Option.Call if kind == "c" else ql.Option.Put
    calculator = ql.BlackCalculator(ql.PlainVanillaPayoff(option, strike), forward, deviation, 1.0)
    premium = calculator.value()
    delta = calculator.deltaForward()
    first = {
        "premium": premium,
        "delta": delta,
        "gamma": calculator.gammaForward() * forward / 100,
        "vega": calculator.vega(years) / 100,
        # Without rate and dividend the spot is the forward.
        "theta": calculator.theta(forward, years) / 365,
        "rho": (calculator.rho(years) + years * premium) / 100,
    }
    inputs = (kind, float(forward), float(strike), years, 0.0, vol)
    second = {
        "premium": black(kind, forward, strike, years, 0.0, vol),
        "delta": analytical.delta(*inputs),
        "gamma": analytical.gamma(*inputs) * forward / 100,
        "vega": analytical.vega(*inputs),
        "theta": analytical.theta(*inputs),
        "rho": years * forward * analytical.delta(*inputs) / 100,
    }
    # vollib's own rho is what its premium loses by discounting.
    assert abs(analytical.rho(*inputs) + years * second["premium"] / 100) <= 1e-12 * forward
    size = {"premium": max(forward, strike), "delta": 1, "gamma": 1, "vega": forward, "theta": forward, "rho": forward}
    for name, scale in size.items():
        assert abs(first[name] - second[name]) <= 5e-12 * scale, (name, first, second, inputs)
    reference = exact(forward, strike, tau, sigma)["cp".index(kind)]
    assert abs(first["premium"] - reference) <= 5e-12 * size["premium"], (first, reference)
    rounded, implied = imply(reference, forward, strike, years, sigma, kind, option, first["vega"])
    cells = [forward, strike, tau, sigma, kind, *(f"{float(value):.15e}" for value in first.values()), rounded, implied]
    return ",".join(map(str, cells)) + "\n"


def imply(reference, forward, strike, years, sigma, kind, option, vega):
    """The premium rounded to Q32 and the volatility both references find for it; '-' where a double cannot tell."""
    rounded = int(mpmath.nint(reference * 2**32))
    premium = rounded / 2**32
    # Half a unit of Q32 and the rounding of a double, over the slope: what a volatility found from the premium can be off by.
    unsure = (2**-33 + 2**-52 * max(premium, abs(forward - strike))) / max(vega * 100, 1e-300)
    if unsure > 1e-7:
        return rounded, "-"
    by_vollib = implied_volatility(premium, float(forward), float(strike), 0.0, years, kind)
    tolerance = dict(guess=sigma / ONE * years**0.5, accuracy=1e-15, maxIterations=1_000)
    by_quantlib = ql.blackFormulaImpliedStdDev(option, strike, forward, premium, 1.0, 0.0, *tolerance.values()) / years**0.5
    assert abs(by_vollib - by_quantlib) <= 16 * unsure + 1e-12, (by_vollib, by_quantlib, sigma / ONE)
    assert abs(by_vollib - sigma / ONE) <= 16 * unsure + 1e-12, (by_vollib, sigma / ONE)
    return rounded, f"{float(by_vollib):.15e}"
