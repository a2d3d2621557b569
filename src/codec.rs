//! Tensor payloads to and from JSON, little-endian bytes and `.npy`. Knows no HTTP and no envelope: whoever reads a
//! request body walks its own keys with a [`Reader`] and hands the values to this module.
//!
//! Nothing here recurses into what a client sent, builds a tree of it, or allocates per element (strings excepted); what
//! is allocated is bounded by the bytes that came. A fault names its place by JSON pointer, found by a second look at
//! the body and thus free of cost for everyone else.

mod error;
mod flat;
mod guess;
mod locate;
mod nested;
mod npy;
mod number;
mod raw;
mod reader;
mod run;
mod values;
mod write;

pub use error::{DecodeError, Position, Result};
pub use flat::read_elements;
pub use locate::{position, push_token};
pub use nested::{Column, read_nested};
pub use npy::{read_npy, write_npy};
pub use raw::{checked_count, raw_size, read_raw, write_raw};
pub use reader::{Key, Kind, MAX_DEPTH, Reader, Span};
pub use values::Values;
pub use write::{
    Elements, NonFinite, with_elements, write_flat, write_nested, write_nesting, write_part, write_string,
};

#[cfg(test)]
mod tests;
