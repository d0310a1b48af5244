"""Normal distribution function and density at random and at awkward points, from mpmath with 50 digits."""
import random

import mpmath

FILE = "crates/risk/vectors/normal.csv"


def build():
    mpmath.mp.dps = 50
    draw = random.Random(76)
    points = {0, 1, -1, 8 << 56, (8 << 56) - 1, 1 - (8 << 56), -(8 << 56), 127 << 56, -(127 << 56)}
    # Ends and middles of pieces of the tables, and one unit to each side of the ends.
    for i in range(-36, 37):
        points |= {(i << 54) + j for j in (-1, 0, 1)}
    points |= {draw.randrange(-10 << 56, 10 << 56) for _ in range(1000)}
    points |= {draw.randrange(-3 << 56, 3 << 56) for _ in range(1000)}
    lines = ["# d in Q56; N(d), 1 - N(d) and n(d) in Q80\n"]
    for raw in sorted(points):
        d = mpmath.mpf(raw) / 2**56
        values = (mpmath.ncdf(d), mpmath.ncdf(-d), mpmath.npdf(d))
        lines.append(",".join(str(int(mpmath.nint(value))) for value in (raw, *(value * 2**80 for value in values))) + "\n")
    return "".join(lines)
