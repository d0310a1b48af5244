"""The table of `option::normal::cdf_fast`: 512 cubic pieces of the normal distribution function on [0, 8).

Piece i covers [i/64, (i+1)/64). With t in [0, 1) across it the function is value + t·(slope − t·(bend − t·twist)), which is the cubic with
the right values and slopes at both ends. Values are Q30, rounded up because the kernel's last shift rounds down; the rest is Q38. The
slope is taken from the rounded values, so that neighbouring pieces meet exactly and the function nowhere falls.
"""
import mpmath

FILE = "crates/risk/src/option/cdf_table.rs"

HEAD = """\
//! Made by `tools/vectors/make.py cdf_table`; do not edit.
use super::normal::Piece;

/// Pieces of the normal distribution function on [0, 8), 64 to the unit.
#[rustfmt::skip]
pub(super) static CDF_PIECES: [Piece; 512] = [
"""


def build():
    mpmath.mp.dps = 50
    width = mpmath.mpf(1) / 64
    points = [width * i for i in range(513)]
    values = [int(mpmath.ceil(mpmath.ncdf(x) * 2**30)) for x in points]
    lines = []
    for i in range(512):
        rise = mpmath.ncdf(points[i + 1]) - mpmath.ncdf(points[i])
        left, right = (width * mpmath.npdf(points[i + j]) for j in (0, 1))
        bend = -int(mpmath.nint((3 * rise - 2 * left - right) * 2**38))
        twist = int(mpmath.nint((left + right - 2 * rise) * 2**38))
        slope = ((values[i + 1] - values[i]) << 8) + bend - twist
        assert 0 <= values[i] < 2**32 and 0 <= slope < 2**32 and 0 <= bend < 2**32 and abs(twist) < 2**31, i
        lines.append(f"    Piece {{ value: {values[i]}, slope: {slope}, bend: {bend}, twist: {twist} }},\n")
    return HEAD + "".join(lines) + "];\n"
