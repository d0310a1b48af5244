//! Calls with more arguments than BPF has registers: direct, indirect, through trait objects, nested, recursive, with wide arguments.
use crate::cases::Case;

/// A digest that notices order.
fn mix(values: &[u64]) -> u64 {
    values.iter().fold(0xcbf2_9ce4_8422_2325, |acc: u64, v| (acc ^ v).wrapping_mul(0x0100_0000_01b3).rotate_left(29))
}

#[inline(never)]
fn six(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    mix(&[a, b, c, d, e, f])
}

#[inline(never)]
fn six_reversed(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    mix(&[f, e, d, c, b, a])
}

/// Arguments of every size, wide ones in between.
#[inline(never)]
fn mixed(a: u8, b: u128, c: bool, d: i16, e: i128, f: u32, g: &u64, h: [u8; 3]) -> (u128, i64) {
    let small = mix(&[a.into(), c.into(), d as u64, f.into(), *g, h[0].into(), h[1].into(), h[2].into()]);
    (b.wrapping_sub(e as u128) ^ u128::from(small), d as i64 - i64::from(a))
}

/// A return value in memory on top of the arguments.
#[inline(never)]
fn large_result(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> [u64; 9] {
    [a ^ g, b, c ^ f, d, e ^ a, f, g ^ b, a.wrapping_add(b), c.wrapping_mul(d)]
}

#[inline(never)]
fn recursive(depth: u64, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    if depth == 0 {
        return mix(&[a, b, c, d, e, f]);
    }
    // The arguments of this frame have to survive the call.
    let inner = recursive(depth - 1, f, a, b.wrapping_add(depth), c, d, e);
    mix(&[inner, a, b, c, d, e, f])
}

trait Wide {
    fn six(&self, a: u64, b: u64, c: u64, d: u64, e: u128) -> u128;
    fn change(&mut self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64);
}

struct Sum(u64);
struct Product(u64, u64);

impl Wide for Sum {
    #[inline(never)]
    fn six(&self, a: u64, b: u64, c: u64, d: u64, e: u128) -> u128 {
        e.wrapping_add(mix(&[self.0, a, b, c, d]).into())
    }
    #[inline(never)]
    fn change(&mut self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) {
        self.0 = mix(&[self.0, a, b, c, d, e, f]);
    }
}

impl Wide for Product {
    #[inline(never)]
    fn six(&self, a: u64, b: u64, c: u64, d: u64, e: u128) -> u128 {
        e.wrapping_mul(mix(&[d, c, b, a, self.0, self.1]).into())
    }
    #[inline(never)]
    fn change(&mut self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) {
        (self.0, self.1) = (mix(&[f, e, d]), mix(&[c, b, a]));
    }
}

/// Eight words that follow from the operands.
fn words(a: u128, b: u128) -> [u64; 8] {
    let (al, ah, bl, bh) = (a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64);
    [al, ah, bl, bh, al ^ bl, ah.wrapping_add(bh), al.rotate_left(7), bl.rotate_left(19)]
}

fn direct(a: u128, b: u128) -> (u128, bool) {
    let w = words(a, b);
    (six(w[0], w[1], w[2], w[3], w[4], w[5]).into(), six_reversed(w[0], w[1], w[2], w[3], w[4], w[5]) & 1 == 0)
}

fn indirect(a: u128, b: u128) -> (u128, bool) {
    type Six = fn(u64, u64, u64, u64, u64, u64) -> u64;
    let table: [Six; 2] = [six, six_reversed];
    let w = words(a, b);
    // The second call's arguments come from the first, while the frame's area still holds those.
    let first = table[(w[0] & 1) as usize](w[0], w[1], w[2], w[3], w[4], w[5]);
    let second =
        table[(first & 1) as usize](first, w[5], w[4], table[(w[1] & 1) as usize](w[5], w[4], w[3], w[2], w[1], w[0]), w[2], first);
    (u128::from(first) << 64 | u128::from(second), true)
}

fn wide_arguments(a: u128, b: u128) -> (u128, bool) {
    let w = words(a, b);
    let (value, sign) =
        mixed(w[0] as u8, a, w[1] & 1 == 1, w[2] as i16, b as i128, w[3] as u32, &w[4], [w[5] as u8, w[6] as u8, w[7] as u8]);
    (value, sign < 0)
}

fn returned_in_memory(a: u128, b: u128) -> (u128, bool) {
    let w = words(a, b);
    (mix(&large_result(w[0], w[1], w[2], w[3], w[4], w[5], w[6])).into(), false)
}

fn recursion(a: u128, b: u128) -> (u128, bool) {
    let w = words(a, b);
    (recursive(w[7] % 24, w[0], w[1], w[2], w[3], w[4], w[5]).into(), false)
}

fn trait_objects(a: u128, b: u128) -> (u128, bool) {
    let w = words(a, b);
    let mut objects: [Box<dyn Wide>; 3] = [Box::new(Sum(w[0])), Box::new(Product(w[1], w[2])), Box::new(Sum(w[3]))];
    objects[(w[4] % 3) as usize].change(w[0], w[1], w[2], w[3], w[4], w[5]);
    (objects.iter().fold(b, |acc, object| object.six(w[5], w[6], w[7], w[0], acc)), false)
}

/// Every way to call.
pub(crate) const CASES: [(&str, Case); 6] = [
    ("spill direct", direct),
    ("spill indirect", indirect),
    ("spill wide arguments", wide_arguments),
    ("spill returned in memory", returned_in_memory),
    ("spill recursion", recursion),
    ("spill trait objects", trait_objects),
];
