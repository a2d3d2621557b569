//! The floor of the comparison.

fn main() {}
