//! `Attention` with all its masks, and what goes with it.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
