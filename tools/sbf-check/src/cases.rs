//! The computations compared between chain and host: each takes two operands and returns a value and a flag.
use crate::{memory, spill};

/// A computation.
pub type Case = fn(u128, u128) -> (u128, bool);

/// Evaluates a case by its number, through a table, so that no case sees its operands at compile time.
pub fn evaluate(case: usize, a: u128, b: u128) -> (u128, bool) {
    (CASES[case].1)(a, b)
}

/// An optional value and whether there is one.
macro_rules! opt {
    ($value:expr) => {
        $value.map_or((0, false), |v| (v as u128, true))
    };
}

/// A value and a flag.
macro_rules! pair {
    ($value:expr) => {{
        let (v, flag) = $value;
        (v as u128, flag)
    }};
}

/// The cases every integer type has.
macro_rules! integer {
    ($ty:ident) => {
        [
            (concat!(stringify!($ty), " add"), |a, b| pair!((a as $ty).overflowing_add(b as $ty))),
            (concat!(stringify!($ty), " sub"), |a, b| pair!((a as $ty).overflowing_sub(b as $ty))),
            (concat!(stringify!($ty), " mul"), |a, b| pair!((a as $ty).overflowing_mul(b as $ty))),
            (concat!(stringify!($ty), " checked_add"), |a, b| opt!((a as $ty).checked_add(b as $ty))),
            (concat!(stringify!($ty), " checked_sub"), |a, b| opt!((a as $ty).checked_sub(b as $ty))),
            (concat!(stringify!($ty), " checked_mul"), |a, b| opt!((a as $ty).checked_mul(b as $ty))),
            (concat!(stringify!($ty), " checked_div"), |a, b| opt!((a as $ty).checked_div(b as $ty))),
            (concat!(stringify!($ty), " checked_rem"), |a, b| opt!((a as $ty).checked_rem(b as $ty))),
            (concat!(stringify!($ty), " div_euclid"), |a, b| opt!((a as $ty).checked_div_euclid(b as $ty))),
            (concat!(stringify!($ty), " rem_euclid"), |a, b| opt!((a as $ty).checked_rem_euclid(b as $ty))),
            (concat!(stringify!($ty), " div by constant"), |a, _| (((a as $ty) / 10) as u128, (a as $ty) % 7 == 0)),
            (concat!(stringify!($ty), " saturating"), |a, b| {
                (((a as $ty).saturating_add(b as $ty)) as u128, (a as $ty).saturating_sub(b as $ty) == $ty::MIN)
            }),
            (concat!(stringify!($ty), " saturating_mul"), |a, b| ((a as $ty).saturating_mul(b as $ty) as u128, false)),
            (concat!(stringify!($ty), " shl"), |a, b| pair!((a as $ty).overflowing_shl(b as u32))),
            (concat!(stringify!($ty), " shr"), |a, b| pair!((a as $ty).overflowing_shr(b as u32))),
            (concat!(stringify!($ty), " rotate"), |a, b| ((a as $ty).rotate_left(b as u32 % 256) as u128, false)),
            (concat!(stringify!($ty), " compare"), |a, b| {
                ((a as $ty).cmp(&(b as $ty)) as i8 as u128, ((a as $ty) < (b as $ty)) ^ ((a as $ty) == (b as $ty)))
            }),
            (concat!(stringify!($ty), " bits"), |a, b| {
                let (a, b) = (a as $ty, b as $ty);
                (u128::from(a.leading_zeros() << 16 | a.trailing_zeros() << 8 | b.count_ones()), (a & b) ^ (a | b) == a ^ b)
            }),
            (concat!(stringify!($ty), " bytes"), |a, b| ((a as $ty).swap_bytes() as u128 ^ (b as $ty).reverse_bits() as u128, false)),
            (concat!(stringify!($ty), " pow"), |a, b| opt!((a as $ty).checked_pow(b as u32 % 12))),
        ]
    };
}

/// Cases of signed types alone.
macro_rules! signed {
    ($ty:ident) => {
        [
            (concat!(stringify!($ty), " abs"), |a, _| opt!((a as $ty).checked_abs())),
            (concat!(stringify!($ty), " neg"), |a, _| opt!((a as $ty).checked_neg())),
            (concat!(stringify!($ty), " signum"), |a, b| ((a as $ty).signum() as u128, (b as $ty).is_negative())),
            (concat!(stringify!($ty), " abs_diff"), |a, b| ((a as $ty).abs_diff(b as $ty) as u128, false)),
        ]
    };
}

/// Widening products, as fixed-point arithmetic uses them.
const WIDENING: [(&str, Case); 8] = [
    ("i64 * i64 >> 32", |a, b| (((i128::from(a as i64) * i128::from(b as i64)) >> 32) as u128, false)),
    ("u64 * u64 >> 64", |a, b| ((u128::from(a as u64) * u128::from(b as u64)) >> 64, false)),
    ("i64 * i64 / i64", |a, b| opt!((i128::from(a as i64) * i128::from((a >> 64) as i64)).checked_div(i128::from(b as i64)))),
    ("u64 * u64 % u64", |a, b| opt!((u128::from(a as u64) * u128::from((a >> 64) as u64)).checked_rem(u128::from(b as u64)))),
    ("i32 * i32", |a, b| ((i64::from(a as i32) * i64::from(b as i32)) as u128, false)),
    ("u128 * u64", |a, b| (a.wrapping_mul(u128::from(b as u64)), a.checked_mul(u128::from(b as u64)).is_some())),
    ("i128 narrowing", |a, b| opt!(i64::try_from((a as i128) >> (b as u32 % 128)))),
    ("256-bit product", |a, b| {
        let (low, mask) = (a.wrapping_mul(b), u128::from(u64::MAX));
        let (al, ah, bl, bh) = (a & mask, a >> 64, b & mask, b >> 64);
        let middle = ah * bl + ((al * bl) >> 64);
        let other = al * bh + (middle & mask);
        (low ^ (ah * bh + (middle >> 64) + (other >> 64)), false)
    }),
];

/// The bits of a float, with one not-a-number for all.
fn float(v: f64) -> u128 {
    u128::from(if v.is_nan() { u64::MAX } else { v.to_bits() })
}

/// Soft floats: nothing in a clearing house computes with them, but a dependency may.
const FLOATS: [(&str, Case); 7] = [
    ("f64 add", |a, b| (float(f64::from_bits(a as u64) + f64::from_bits(b as u64)), false)),
    ("f64 sub", |a, b| (float(f64::from_bits(a as u64) - f64::from_bits(b as u64)), false)),
    ("f64 mul", |a, b| (float(f64::from_bits(a as u64) * f64::from_bits(b as u64)), false)),
    ("f64 div", |a, b| (float(f64::from_bits(a as u64) / f64::from_bits(b as u64)), false)),
    ("f64 compare", |a, b| {
        let (a, b) = (f64::from_bits(a as u64), f64::from_bits(b as u64));
        (u128::from(a < b) << 2 | u128::from(a <= b) << 1 | u128::from(a != b), a == b)
    }),
    ("f64 of integer", |a, b| (float(a as i64 as f64) ^ float(b as u64 as f64) << 64, false)),
    ("integer of f64", |a, b| ((f64::from_bits(a as u64) as i64 as u64).into(), f64::from_bits(b as u64) as u64 > 1 << 40)),
];

/// Number of cases.
const COUNT: usize = 20 * 10 + 4 * 5 + WIDENING.len() + FLOATS.len() + spill::CASES.len() + memory::CASES.len();

/// Every case with its name.
pub const CASES: [(&str, Case); COUNT] = {
    const GROUPS: [&[(&str, Case)]; 19] = [
        &integer!(u128),
        &integer!(i128),
        &integer!(u64),
        &integer!(i64),
        &integer!(u32),
        &integer!(i32),
        &integer!(u16),
        &integer!(i16),
        &integer!(u8),
        &integer!(i8),
        &signed!(i128),
        &signed!(i64),
        &signed!(i32),
        &signed!(i16),
        &signed!(i8),
        &WIDENING,
        &FLOATS,
        &spill::CASES,
        &memory::CASES,
    ];
    let mut all: [(&str, Case); COUNT] = [("", |a, _| (a, false)); COUNT];
    let (mut group, mut at) = (0, 0);
    while group < GROUPS.len() {
        let mut index = 0;
        while index < GROUPS[group].len() {
            all[at] = GROUPS[group][index];
            index += 1;
            at += 1;
        }
        group += 1;
    }
    all
};
