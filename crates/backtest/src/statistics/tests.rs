#![allow(clippy::unwrap_used)]
use super::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 + 1e-10 * b.abs()
}

/// Values of `scipy.stats.chi2.sf`, scipy 1.17.1.
#[test]
fn the_survival_function_agrees_with_scipy() {
    for (freedom, x, p) in CHI_SQUARE {
        assert!(close(chi_square_survival(freedom, x), p), "{freedom} {x}: {}", chi_square_survival(freedom, x));
    }
}

const CHI_SQUARE: [(u32, f64, f64); 10] = [
    (1, 1e-6, 0.999_202_115_572_177_9),
    (1, 0.5, 0.479_500_122_186_953_37),
    (1, 2.9, 0.088_579_552_579_776_22),
    (1, 3.1, 0.078_292_294_146_409_66),
    (1, 3.841_458_820_694_124, 0.05),
    (1, 10.827_566_170_662_733, 0.001),
    (1, 100.0, 1.523_970_604_832_099_5e-23),
    (2, 1.0, 0.606_530_659_712_633_4),
    (2, 5.991_464_547_107_979, 0.05),
    (2, 60.0, 9.357_622_968_840_163e-14),
];

/// Worked by hand: 250 days at 1 %, five exceptions: 2·(245·ln(0.98/0.99) + 5·ln(0.02/0.01)).
#[test]
fn kupiec_agrees_with_a_hand_worked_case() {
    let by_hand = 2.0 * (245.0 * (0.98_f64 / 0.99).ln() + 5.0 * 2.0_f64.ln());
    let test = kupiec(250, 5, 0.01);
    assert!(close(test.ratio, by_hand) && close(test.ratio, 1.956_809_788_230_652), "{test:?}");
    assert!(close(test.p, 0.161_854_917_196_035_5), "{test:?}");
    // No exception at all: −2 · n · ln(1 − p).
    assert!(close(kupiec(500, 0, 0.005).ratio, -1_000.0 * 0.995_f64.ln()));
    assert!(close(kupiec(1_000, 5, 0.005).ratio, 0.0));
    assert_eq!(kupiec(0, 0, 0.005).p, 1.0);
}

#[test]
fn too_few_and_too_many_exceptions_are_both_rejected() {
    assert!(kupiec(40_000, 20, 0.005).p < 1e-6);
    assert!(kupiec(40_000, 400, 0.005).p < 1e-6);
    assert!(kupiec(40_000, 205, 0.005).p > 0.5);
}

/// Worked by hand from the definition: 1,000 pairs, 20 exceptions, 8 of them after another.
#[test]
fn christoffersen_agrees_with_a_hand_worked_case() {
    let counts = Transitions { n00: 968, n01: 12, n10: 12, n11: 8 };
    let (p01, p11, p) = (12.0_f64 / 980.0, 8.0_f64 / 20.0, 20.0_f64 / 1_000.0);
    let apart = 968.0 * (1.0 - p01).ln() + 12.0 * p01.ln() + 12.0 * (1.0 - p11).ln() + 8.0 * p11.ln();
    let together = 980.0 * (1.0 - p).ln() + 20.0 * p.ln();
    let test = christoffersen(&counts);
    assert!(close(test.ratio, 2.0 * (apart - together)), "{test:?}");
    assert!(close(test.ratio, 39.641_799_978_808_28), "{test:?}");
    assert!(close(test.p, 3.050_830_069_639_462_3e-10), "{test:?}");
}

#[test]
fn exceptions_that_come_alone_are_not_rejected_and_none_at_all_tells_nothing() {
    assert!(christoffersen(&Transitions { n00: 9_900, n01: 49, n10: 49, n11: 1 }).p > 0.1);
    assert_eq!(christoffersen(&Transitions { n00: 500, ..Transitions::default() }).ratio, 0.0);
}

#[test]
fn a_gap_is_no_neighbourhood() {
    let hours = [(false, true), (true, true), (false, true), (true, false), (true, false)];
    assert_eq!(Transitions::count(hours), Transitions { n00: 1, n01: 0, n10: 1, n11: 1 });
}

/// Values of `scipy.stats.norm.cdf`, scipy 1.17.1.
#[test]
fn the_normal_distribution_agrees_with_scipy() {
    for (x, p) in [
        (-6.0, 9.865876450376946e-10),
        (-2.5, 0.006209665325776132),
        (-1.0, 0.15865525393145707),
        (-0.1, 0.460172162722971),
        (0.0, 0.5),
        (0.3, 0.6179114221889526),
        (1.5, 0.9331927987311419),
        (4.0, 0.9999683287581669),
    ] {
        assert!(close(normal_distribution(x), p), "{x}");
    }
}
