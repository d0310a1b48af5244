//! What only a program has: panics that reach the log, a heap that ends, statics at its bottom.
use std::sync::atomic::{AtomicU64, Ordering};

/// Writable statics, which other linkers refuse in a program.
#[cfg(any(sbf_link, not(target_os = "solana")))]
static STATICS: [AtomicU64; 40] = [const { AtomicU64::new(0) }; 40];
#[cfg(all(not(sbf_link), target_os = "solana"))]
static STATICS: [AtomicU64; 0] = [];

/// Panics; `bytes` keeps the compiler from knowing how.
pub(crate) fn panic(how: u8, bytes: &[u8]) {
    match how {
        0 => panic!("a panic with a message"),
        1 => drop(std::hint::black_box(bytes[bytes.len() + 7])),
        2 => drop(std::hint::black_box(bytes[0] + u8::MAX)),
        _ => drop(std::hint::black_box(bytes.get(bytes.len()).copied().unwrap())),
    }
}

fn pattern(index: usize) -> u64 {
    0x5eed_0000_0000_0000 | index as u64
}

/// Takes blocks until none is left, writes to all of them, and looks whether the statics are what they were.
///
/// Report, in words: intact, address after the statics, lowest block, end of the highest block, bytes taken, address of the statics.
pub(crate) fn exhaust(report: &mut [u8]) {
    for (index, word) in STATICS.iter().enumerate() {
        word.store(pattern(index), Ordering::Relaxed);
    }
    let (mut lowest, mut highest, mut taken) = (u64::MAX, 0, 0);
    // Ever smaller blocks, so that the last word of the heap is taken too.
    for size in [1024, 64, 8, 1] {
        loop {
            let mut block: Vec<u8> = vec![];
            if block.try_reserve_exact(size).is_err() {
                break;
            }
            block.resize(size, 0xff);
            let start = block.leak().as_ptr().addr() as u64;
            lowest = lowest.min(start);
            highest = highest.max(start + size as u64);
            taken += size as u64;
        }
    }
    let intact = STATICS.iter().enumerate().all(|(index, word)| word.load(Ordering::Relaxed) == pattern(index));
    let statics = STATICS.as_ptr_range();
    let words = [intact.into(), statics.end.addr() as u64, lowest, highest, taken, statics.start.addr() as u64];
    for (bytes, word) in report.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}

/// Asks for more than the heap holds.
pub(crate) fn overdraw(report: &mut [u8]) {
    let block = vec![report[0]; sbf_heap::HEAP_BYTES];
    report[0] = block[usize::from(report[1])];
}
