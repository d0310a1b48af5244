"""The table of `option::normal::cdf_fast`: 3,200 quadratic pieces of the normal distribution function on [-6.25, 6.25).

Piece i covers [i/256 - 6.25, (i+1)/256 - 6.25). With t in 0 .. 2^20 across it the function is value + (t·(slope + t·bend) >> 42), Q30: the
quadratic with the right values at both ends and in the middle. Values are Q30, rounded up because the kernel's shift rounds down; slope is
Q52 and bend Q32 per piece. The slope is taken from the rounded values, so that neighbouring pieces meet exactly, and the bend is cut to
what a piece that nowhere falls may have.
"""
import mpmath

FILE = "crates/risk/src/option/cdf_table.rs"

HEAD = """\
//! Made by `tools/vectors/make.py cdf_table`; do not edit.
use super::normal::{piece, Piece};

/// Pieces of the normal distribution function on [−6.25, 6.25), 256 to the unit: value, slope, bend.
#[rustfmt::skip]
pub(super) static CDF_PIECES: [Piece; 3_200] = [
"""
PIECES = 3200
IN_A_LINE = 8


def build():
    mpmath.mp.dps = 50
    width = mpmath.mpf(1) / 256
    point = lambda i: width * i - mpmath.mpf(25) / 4
    exact = [mpmath.ncdf(point(i)) for i in range(PIECES + 1)]
    values = [int(mpmath.ceil(x * 2**30)) for x in exact]
    # Below the first node the function is 0; above the last one it is 1.
    values[0] = 0
    pieces = []
    for i in range(PIECES):
        middle = mpmath.ncdf(point(i) + width / 2)
        rise = values[i + 1] - values[i]
        bend = int(mpmath.nint(2 * (exact[i] + exact[i + 1] - 2 * middle) * 2**32))
        bend = max(-4 * rise, min(4 * rise, bend))
        slope = (rise << 22) - (bend << 20)
        assert rise >= 0 and slope >= 0 and slope + (bend << 21) >= 0, i
        assert max(slope, slope + (bend << 20)) << 20 < 2**63, i
        pieces.append(f"piece({values[i]}, {slope}, {bend})")
    assert values[PIECES // 2] == 2**29 and values[PIECES] == 2**30
    lines = [", ".join(pieces[i : i + IN_A_LINE]) for i in range(0, PIECES, IN_A_LINE)]
    return HEAD + "".join(f"    {line},\n" for line in lines) + "];\n"
