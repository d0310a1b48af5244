//! Tests of coverage: Kupiec's of the rate of exceptions, Christoffersen's of their independence.
//!
//! Both are likelihood ratios, distributed as χ² with one degree of freedom if the hypothesis holds; their sum has two.
//! P. Kupiec, Journal of Derivatives 3 (1995); P. Christoffersen, International Economic Review 39 (1998).

use serde::Serialize;

/// A likelihood ratio and the probability of one at least as large by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Test {
    /// −2 ln(likelihood under the hypothesis / greatest likelihood), ≥ 0.
    pub ratio: f64,
    /// Survival function of χ² at `ratio`.
    pub p: f64,
}

/// Counts of hours by whether the hour before and the hour itself were exceptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Transitions {
    /// None after none.
    pub n00: u64,
    /// An exception after none.
    pub n01: u64,
    /// None after an exception.
    pub n10: u64,
    /// An exception after an exception.
    pub n11: u64,
}

impl Transitions {
    /// Counts pairs of neighbours. `follows` tells whether an hour comes right after the one before it in the series.
    pub fn count(hours: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        let mut before = None;
        for (follows, is_exception) in hours {
            match before.filter(|_| follows) {
                Some(false) if is_exception => counts.n01 += 1,
                Some(false) => counts.n00 += 1,
                Some(true) if is_exception => counts.n11 += 1,
                Some(true) => counts.n10 += 1,
                None => {}
            }
            before = Some(is_exception);
        }
        counts
    }
}

/// k · ln p with 0 · ln 0 = 0.
fn log_power(k: f64, p: f64) -> f64 {
    if k == 0.0 {
        0.0
    } else {
        k * p.ln()
    }
}

/// Log likelihood of `hits` in `hits + misses` draws with probability `p`.
fn log_likelihood(misses: f64, hits: f64, p: f64) -> f64 {
    log_power(misses, 1.0 - p) + log_power(hits, p)
}

/// Kupiec's test that the rate of exceptions is `nominal`; two-sided, so that too few fail it as well.
pub fn kupiec(hours: u64, exceptions: u64, nominal: f64) -> Test {
    let (n, x) = (hours as f64, exceptions as f64);
    if hours == 0 {
        return Test { ratio: 0.0, p: 1.0 };
    }
    let ratio = -2.0 * (log_likelihood(n - x, x, nominal) - log_likelihood(n - x, x, x / n));
    Test { ratio: ratio.max(0.0), p: chi_square_survival(1, ratio.max(0.0)) }
}

/// Christoffersen's test that an exception does not depend on whether the hour before was one.
pub fn christoffersen(counts: &Transitions) -> Test {
    let [n00, n01, n10, n11] = [counts.n00, counts.n01, counts.n10, counts.n11].map(|n| n as f64);
    let share = |hits: f64, misses: f64| if hits + misses > 0.0 { hits / (hits + misses) } else { 0.0 };
    let together = log_likelihood(n00 + n10, n01 + n11, share(n01 + n11, n00 + n10));
    let apart = log_likelihood(n00, n01, share(n01, n00)) + log_likelihood(n10, n11, share(n11, n10));
    let ratio = (-2.0 * (together - apart)).max(0.0);
    Test { ratio, p: chi_square_survival(1, ratio) }
}

/// Both at once: the sum of the two ratios, with two degrees of freedom.
pub fn conditional_coverage(unconditional: Test, independence: Test) -> Test {
    let ratio = unconditional.ratio + independence.ratio;
    Test { ratio, p: chi_square_survival(2, ratio) }
}

/// Probability that χ² with `freedom` degrees (1 or 2) exceeds `x`: Q(freedom/2, x/2).
pub fn chi_square_survival(freedom: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if freedom == 2 {
        return (-x / 2.0).exp();
    }
    upper_gamma_half(x / 2.0)
}

/// Regularised upper incomplete gamma function Q(½, x): a series below 1.5, a continued fraction (Lentz) above.
fn upper_gamma_half(x: f64) -> f64 {
    const A: f64 = 0.5;
    // x^½ e^−x / Γ(½)
    let front = (A * x.ln() - x).exp() / std::f64::consts::PI.sqrt();
    if x < A + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / A, 1.0 / A, A);
        while term.abs() > sum.abs() * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - front * sum;
    }
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let mut b = x + 1.0 - A;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut h = d;
    for i in 1..500 {
        let i = f64::from(i);
        let numerator = -i * (i - A);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * h
}

/// Standard normal distribution function.
pub fn normal_distribution(x: f64) -> f64 {
    let tail = if x == 0.0 { 0.5 } else { upper_gamma_half(x * x / 2.0) / 2.0 };
    if x > 0.0 {
        1.0 - tail
    } else {
        tail
    }
}

#[cfg(test)]
mod tests;
