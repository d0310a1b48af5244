//! Comparing addresses by words: a tenth of a portfolio's reading cost was the runtime's byte-wise comparison.

use crate::Pubkey;

#[inline(always)]
fn words(key: &Pubkey) -> [u64; 4] {
    bytemuck::pod_read_unaligned(key.as_ref())
}

/// Whether two addresses are the same.
#[inline(always)]
pub fn is_same(a: &Pubkey, b: &Pubkey) -> bool {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (words(a), words(b));
    a0 == b0 && a1 == b1 && a2 == b2 && a3 == b3
}

/// Whether an address is not all zero.
#[inline(always)]
pub fn is_set(key: &Pubkey) -> bool {
    let [a, b, c, d] = words(key);
    a | b | c | d != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let zero = Pubkey::default();
        assert!(is_same(&zero, &zero) && !is_set(&zero));
        for position in 0..32_u8 {
            let other = Pubkey::new_from_array(core::array::from_fn(|index| u8::from(index == usize::from(position))));
            assert!(!is_same(&zero, &other) && !is_same(&other, &zero) && is_same(&other, &other) && is_set(&other));
        }
    }
}
