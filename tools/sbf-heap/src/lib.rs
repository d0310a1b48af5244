//! The global allocator of an on-chain program.
//!
//! Memory is handed out upwards and never taken back: an invocation is short, its heap is 32 KiB and starts zeroed. The bottom of the heap
//! holds the allocator's own word and, when the program was linked by `sbf-link`, the program's zero-initialised statics; allocation starts
//! above both. (The platform's default allocator grows down towards the bottom and knows nothing of statics there.)
//!
//! A program enables its feature `custom-heap`, which switches the platform's allocator off, and declares
//! `#[global_allocator] static HEAP: sbf_heap::Bump = sbf_heap::Bump;` for `target_os = "solana"`.
#![cfg_attr(not(test), no_std)]

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr,
};

/// Address at which the runtime maps a program's heap.
pub const HEAP_START: usize = 0x3_0000_0000;
/// Bytes of heap every program has; more must be asked for in the transaction, and is not used here.
pub const HEAP_BYTES: usize = 32 * 1024;
/// First address after the heap.
const HEAP_END: usize = HEAP_START + HEAP_BYTES;
/// First address after the allocator's own word.
#[cfg(not(sbf_link))]
const ABOVE_POSITION: usize = HEAP_START + size_of::<usize>();

/// The allocator. Its only state is the first word of the heap: the next free address, or zero before the first allocation.
#[derive(Debug)]
pub struct Bump;

/// First address the allocator may hand out.
#[cfg(sbf_link)]
fn floor() -> usize {
    extern "C" {
        #[link_name = "__sbf_heap_floor"]
        static FLOOR: u8;
    }
    (&raw const FLOOR).addr()
}

/// First address the allocator may hand out: other linkers put nothing on the heap.
#[cfg(not(sbf_link))]
const fn floor() -> usize {
    ABOVE_POSITION
}

/// Where a block goes when `next` is the first free address: its start and its end, if it fits.
///
/// Nothing here wraps: `next` is at most `HEAP_END`, alignment and size are each below 2^63.
#[inline]
fn place(next: usize, layout: Layout) -> Option<(usize, usize)> {
    let below_alignment = layout.align().wrapping_sub(1);
    let start = next.wrapping_add(below_alignment) & !below_alignment;
    let end = start.wrapping_add(layout.size());
    (end <= HEAP_END).then_some((start, end))
}

fn position() -> *mut usize {
    ptr::with_exposed_provenance_mut(HEAP_START)
}

// SAFETY: blocks never overlap, since the position only ever moves up, except when the last block is resized; none reaches past the heap or
// below the floor; programs have one thread.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the first word of the heap is mapped, aligned and nobody else's.
        let next = match unsafe { position().read() } {
            0 => floor(),
            next => next,
        };
        let Some((start, end)) = place(next, layout) else { return ptr::null_mut() };
        // SAFETY: as above.
        unsafe { position().write(end) };
        ptr::with_exposed_provenance_mut(start)
    }

    #[inline]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    /// Resizes the last block where it stands; any other that grows moves.
    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if new_size <= layout.size() {
            return block;
        }
        let start = block.addr();
        // SAFETY: the first word of the heap is mapped, aligned and nobody else's.
        if unsafe { position().read() } == start.wrapping_add(layout.size()) {
            let end = start.wrapping_add(new_size);
            if end > HEAP_END {
                return ptr::null_mut();
            }
            // SAFETY: as above.
            unsafe { position().write(end) };
            return block;
        }
        // SAFETY: the caller vouches that `new_size` with this alignment is a layout; the blocks are distinct and both hold the old size.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_and_follow_each_other() {
        let first = floor();
        assert_eq!(place(first, layout(3, 1)), Some((first, first + 3)));
        assert_eq!(place(first + 3, layout(16, 8)), Some((first + 8, first + 24)));
        assert_eq!(place(first + 1, layout(0, 16)), Some((first + 8, first + 8)), "HEAP_START + 8 rounds up to 16");
    }

    #[test]
    fn the_heap_ends_exactly() {
        assert_eq!(place(HEAP_END - 8, layout(8, 8)), Some((HEAP_END - 8, HEAP_END)));
        assert_eq!(place(HEAP_END - 8, layout(9, 1)), None);
        assert_eq!(place(HEAP_END - 7, layout(8, 8)), None, "alignment counts");
        assert_eq!(place(HEAP_END, layout(0, 1)), Some((HEAP_END, HEAP_END)));
        assert_eq!(place(floor(), layout(isize::MAX as usize, 1)), None);
    }
}
