//! A function no program can have: its locals alone are larger than a stack frame.

/// Sums what it has first written to locals of 6,000 bytes.
#[inline(never)]
pub(crate) fn needs_too_much_stack(bytes: &[u8]) -> u8 {
    let mut local = [0u8; 6000];
    for (index, byte) in bytes.iter().enumerate() {
        local[(index * 37) % 6000] ^= *byte;
    }
    std::hint::black_box(&mut local).iter().fold(0, |acc, byte| acc ^ byte)
}
