//! Recurrent layers in both directions, with all their attributes.

use super::Entry;

pub const OPERATORS: &[Entry] = &[];
