//! Moving, filling and comparing memory: overlapping ranges in both directions, every length, fixed and variable.
use crate::cases::Case;

/// Bytes the moves work on.
const BYTES: usize = 256;

/// A buffer that follows from the operand and has no two equal neighbourhoods.
fn buffer(seed: u128) -> [u8; BYTES] {
    let mut state = seed | 1;
    std::array::from_fn(|i| {
        state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(i as u128);
        (state >> 120) as u8
    })
}

fn digest(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142, |acc: u128, byte| (acc ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_013b))
}

/// Two starts and a length that stay inside the buffer, overlapping more often than not.
fn ranges(b: u128) -> (usize, usize, usize) {
    let (from, to) = ((b as usize) % 64, ((b >> 16) as usize) % 64);
    (from, to, ((b >> 32) as usize) % (BYTES - 63))
}

fn moved_variable(a: u128, b: u128) -> (u128, bool) {
    let mut bytes = buffer(a);
    let (from, to, length) = ranges(b);
    bytes.copy_within(from..from + length, to);
    (digest(&bytes), from < to)
}

fn moved_fixed(a: u128, b: u128) -> (u128, bool) {
    let mut bytes = buffer(a);
    let (from, to, _) = ranges(b);
    bytes.copy_within(from..from + 48, to);
    bytes.copy_within(from..from + 8, to + 3);
    bytes.copy_within(to..to + 64, from + 1);
    bytes.copy_within(from..from + 23, to + 5);
    bytes.copy_within(7..199, 9);
    (digest(&bytes), false)
}

fn copied(a: u128, b: u128) -> (u128, bool) {
    let (mut bytes, other) = (buffer(a), buffer(b));
    let (from, to, length) = ranges(b);
    bytes[to..to + length].copy_from_slice(&other[from..from + length]);
    bytes[100..164].copy_from_slice(&other[1..65]);
    bytes[200..216].copy_from_slice(&other[2..18]);
    (digest(&bytes), bytes == other)
}

fn filled(a: u128, b: u128) -> (u128, bool) {
    let mut bytes = buffer(a);
    let (from, _, length) = ranges(b);
    bytes[from..from + length].fill(b as u8);
    bytes[130..250].fill(a as u8);
    bytes[3..20].fill(0xff);
    (digest(&bytes), false)
}

/// Order and equality of ranges that share a prefix, of variable and of fixed length.
fn compared(a: u128, b: u128) -> (u128, bool) {
    let mut one = buffer(a);
    let other = one;
    let (_, at, length) = ranges(b);
    one[at] = one[at].wrapping_add((b >> 64) as u8);
    let order = one[..length].cmp(&other[..length]) as i8;
    let keys: ([u8; 32], [u8; 32]) = (std::array::from_fn(|i| one[i]), std::array::from_fn(|i| other[i]));
    (u128::from(order as u8) << 8 | u128::from(keys.0 == keys.1), one[..length] == other[..length])
}

fn moved_structures(a: u128, b: u128) -> (u128, bool) {
    let mut rows: [[u64; 12]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| (a >> (i * 8 + j)) as u64));
    let (from, to) = ((b as usize) % 8, ((b >> 8) as usize) % 8);
    rows.swap(from, to);
    rows.rotate_left((b >> 16) as usize % 8);
    let taken = std::mem::replace(&mut rows[to], [b as u64; 12]);
    (rows.iter().flatten().chain(&taken).fold(1, |acc: u128, v| acc.wrapping_mul(31).wrapping_add((*v).into())), false)
}

fn sorted(a: u128, b: u128) -> (u128, bool) {
    let mut keys: Vec<i64> =
        buffer(a).chunks_exact(8).map(|c| i64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]])).collect();
    keys.push(b as i64);
    keys.sort_unstable();
    let found = keys.binary_search(&(b as i64));
    (keys.iter().fold(0, |acc: u128, v| acc.rotate_left(5) ^ (*v as u128)), found.is_ok())
}

fn grown(a: u128, b: u128) -> (u128, bool) {
    let (mut one, mut two) = (vec![], vec![]);
    for (i, byte) in buffer(a).iter().enumerate().take((b as usize) % 128) {
        one.push(*byte);
        if i % 3 == 0 {
            two.push(u32::from(*byte));
        }
    }
    (digest(&one) ^ two.iter().fold(7, |acc: u128, v| acc * 3 + u128::from(*v)), one.len() > two.len())
}

/// Every case.
pub(crate) const CASES: [(&str, Case); 8] = [
    ("memory moved, variable length", moved_variable),
    ("memory moved, fixed length", moved_fixed),
    ("memory copied", copied),
    ("memory filled", filled),
    ("memory compared", compared),
    ("memory in structures", moved_structures),
    ("memory sorted", sorted),
    ("memory of growing vectors", grown),
];
