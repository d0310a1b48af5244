"""ln, exp, sqrt and halving at random and at awkward points, from mpmath with 60 digits."""
import random

import mpmath

FILE = "crates/risk/vectors/fixed_math.csv"


def build():
    mpmath.mp.dps = 60
    draw = random.Random(2)
    lines = ["# function, argument(s), result in Q80: ln of an integer; exp of Q56; sqrt of Q60; decay of seconds and a half-life\n"]

    def add(name, arguments, value):
        lines.append(",".join(map(str, (name, *arguments, int(mpmath.nint(value * 2**80))))) + "\n")

    integers = {1, 2, 3, 10, 2**64 - 1} | {2**k + j for k in range(2, 64) for j in (-1, 1)}
    integers |= {draw.getrandbits(draw.randrange(1, 65)) | 1 for _ in range(800)}
    for x in sorted(integers):
        add("ln", (x,), mpmath.log(x))
    # Up to ln 8, where the result leaves its type.
    logarithms = {0, 1, -1} | {draw.randrange(-44 << 56, 149_839_554_000_000_000) for _ in range(800)}
    for x in sorted(logarithms | {draw.randrange(-1 << 56, 1 << 56) for _ in range(400)}):
        add("exp", (x,), mpmath.exp(mpmath.mpf(x) / 2**56))
    roots = {1, 2, 3, 2**60, 2**63 - 1} | {draw.getrandbits(draw.randrange(1, 64)) | 1 for _ in range(800)}
    for x in sorted(roots):
        add("sqrt", (x,), mpmath.sqrt(mpmath.mpf(x) / 2**60))
    for _ in range(400):
        half_life = draw.randrange(1, 1 << 26)
        elapsed = draw.randrange(0, 4 * half_life)
        add("decay", (elapsed, half_life), mpmath.mpf(2) ** (-mpmath.mpf(elapsed) / half_life))
    return "".join(lines)
