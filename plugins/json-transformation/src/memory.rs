//! The component's allocator.
//!
//! A transformation makes many small values and drops them a moment later. The allocator of the
//! C library takes a tenth of its time for that. Here a small piece of memory comes from the list of
//! pieces of its size that were given back, in a few instructions; everything else, and what finds
//! the pool used up, comes from the C library as before. The pool is small and of one piece, so
//! nothing that is kept in its lists is missed elsewhere.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Sizes are rounded up to multiples of this, which is also the alignment.
const GRAIN: usize = 16;
/// One more than the largest size from the pool, in grains.
const SIZES: usize = 65;
/// The pool, in grains: 1 MiB.
const GRAINS: usize = (1 << 20) / GRAIN;

#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Grain([u64; 2]);

struct Pool {
    memory: UnsafeCell<[Grain; GRAINS]>,
    /// How many grains at the start of the memory were ever used.
    used: UnsafeCell<usize>,
    /// For each size the first free piece, which begins with the address of the next.
    free: UnsafeCell<[*mut Grain; SIZES]>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Pool {}

#[global_allocator]
static POOL: Pool = Pool {
    memory: UnsafeCell::new([Grain([0; 2]); GRAINS]),
    used: UnsafeCell::new(0),
    free: UnsafeCell::new([ptr::null_mut(); SIZES]),
};

impl Pool {
    #[inline]
    fn owns(&self, piece: *mut u8) -> bool {
        piece.addr().wrapping_sub(self.memory.get().addr()) < GRAINS * GRAIN
    }

    /// A piece that was never used, or one of the C library.
    #[cold]
    #[inline(never)]
    unsafe fn fresh(&self, layout: Layout) -> *mut u8 {
        let size = layout.size().div_ceil(GRAIN);
        // SAFETY: one thread; `used` never passes the end of the memory.
        unsafe {
            let used = *self.used.get();
            if used + size > GRAINS {
                return System.alloc(layout);
            }
            *self.used.get() = used + size;
            self.memory.get().cast::<Grain>().add(used).cast()
        }
    }
}

#[inline]
fn fits(layout: Layout) -> bool {
    layout.size().div_ceil(GRAIN) < SIZES && layout.align() <= GRAIN
}

// SAFETY: a piece is handed out once until it comes back, is at least as large as asked for, and its
// size in grains is the same whenever the same layout is given.
unsafe impl GlobalAlloc for Pool {
    // Inlined where the profile says that it is frequent. Everywhere it makes the component a twelfth larger and no faster.
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the size is below SIZES; a piece in a list begins with the address of the next.
        unsafe {
            if !fits(layout) {
                return System.alloc(layout);
            }
            let list = self.free.get().cast::<*mut Grain>().add(layout.size().div_ceil(GRAIN));
            let first = *list;
            if first.is_null() {
                return self.fresh(layout);
            }
            *list = *first.cast::<*mut Grain>();
            first.cast()
        }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: a piece of the pool was made for a layout that fits, and nobody uses it any more.
        unsafe {
            if !self.owns(piece) {
                return System.dealloc(piece, layout);
            }
            let list = self.free.get().cast::<*mut Grain>().add(layout.size().div_ceil(GRAIN));
            *piece.cast::<*mut Grain>() = *list;
            *list = piece.cast();
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the piece is as large as the layout.
        unsafe {
            if !fits(layout) {
                return System.alloc_zeroed(layout);
            }
            let piece = self.alloc(layout);
            if !piece.is_null() {
                ptr::write_bytes(piece, 0, layout.size());
            }
            piece
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller gives a size that makes a layout; whole grains of the old piece fit into
        // the new one, which is larger by a grain or more, and bytes do into a smaller one.
        unsafe {
            if !self.owns(piece) {
                return System.realloc(piece, layout, size);
            }
            let (old, new) = (layout.size().div_ceil(GRAIN), size.div_ceil(GRAIN));
            if old == new {
                return piece;
            }
            let larger = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if larger.is_null() {
                return larger;
            }
            if new > old && old <= 16 {
                for at in 0..old {
                    *larger.cast::<Grain>().add(at) = *piece.cast::<Grain>().add(at);
                }
            } else {
                ptr::copy_nonoverlapping(piece, larger, layout.size().min(size));
            }
            self.dealloc(piece, layout);
            larger
        }
    }
}
