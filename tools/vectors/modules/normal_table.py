"""The table of `option::normal::normal`: N and n at the nodes 0, 1/16, … 9 in Q62."""
import mpmath

FILE = "crates/risk/src/option/normal_table.rs"

HEAD = """\
//! Made by `tools/vectors/make.py normal_table`; do not edit.

/// (N, n) in Q62 at 0, 1/16, … 9.
#[rustfmt::skip]
pub(super) static NORMAL_NODES: [(i64, i64); 145] = [
"""


def build():
    mpmath.mp.dps = 50
    nodes = [mpmath.mpf(i) / 16 for i in range(145)]
    rows = [f"    ({int(mpmath.nint(mpmath.ncdf(x) * 2**62))}, {int(mpmath.nint(mpmath.npdf(x) * 2**62))}),\n" for x in nodes]
    return HEAD + "".join(rows) + "];\n"
