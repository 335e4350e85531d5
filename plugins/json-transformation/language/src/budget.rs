//! Bounds on the work and memory of one entity, and the first fault that went beyond them.
//!
//! Reading a path or evaluating a condition has no error of its own: something is found or it is
//! not. What can go wrong there (too much work, a pattern that does not end) is noted here and ends
//! the entity at the next mapping boundary.

use std::cell::{Cell, RefCell};

/// Elementary steps: nodes visited, elements compared.
const STEPS: u64 = 20_000_000;
/// Values copied into outputs and variables.
const COPIES: usize = 1_000_000;
/// Bytes of text made by functions and references.
const TEXT: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy)]
enum Bound {
    Steps,
    Copies,
    Text,
}

/// What is left for one entity.
#[derive(Debug)]
pub struct Budget {
    steps: Cell<u64>,
    copies: Cell<usize>,
    text: Cell<usize>,
    exceeded: Cell<bool>,
    fault: RefCell<Option<String>>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            steps: Cell::new(STEPS),
            copies: Cell::new(COPIES),
            text: Cell::new(TEXT),
            exceeded: Cell::new(false),
            fault: RefCell::new(None),
        }
    }
}

impl Budget {
    /// Takes steps; false if there are none left.
    #[inline]
    pub fn step(&self, count: usize) -> bool {
        match self.steps.get().checked_sub(count as u64) {
            Some(left) => {
                self.steps.set(left);
                true
            }
            None => {
                self.steps.set(0);
                self.exceeded(Bound::Steps)
            }
        }
    }

    /// Takes copies of values; false if there are too many.
    #[inline]
    pub fn copy(&self, count: usize) -> bool {
        match self.copies.get().checked_sub(count) {
            Some(left) => {
                self.copies.set(left);
                true
            }
            None => {
                self.copies.set(0);
                self.exceeded(Bound::Copies)
            }
        }
    }

    /// Takes bytes of new text; false if there are too many.
    pub fn text(&self, bytes: usize) -> bool {
        match self.text.get().checked_sub(bytes) {
            Some(left) => {
                self.text.set(left);
                true
            }
            None => {
                self.text.set(0);
                self.exceeded(Bound::Text)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn exceeded(&self, bound: Bound) -> bool {
        self.fail(match bound {
            Bound::Steps => {
                format!("more than {STEPS} steps for one entity: simplify the paths and conditions")
            }
            Bound::Copies => format!("more than {COPIES} values written for one entity"),
            Bound::Text => format!("more than {TEXT} bytes of text made for one entity"),
        });
        false
    }

    /// Whether there was a fault.
    #[inline]
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.get()
    }

    /// Notes a fault; the first one counts.
    pub fn fail(&self, message: String) {
        self.exceeded.set(true);
        self.fault.borrow_mut().get_or_insert(message);
    }

    /// The fault, if there was one.
    pub fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }
}
