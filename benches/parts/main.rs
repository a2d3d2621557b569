//! Parts of the server by themselves: `cargo bench --bench parts`, or with a word behind `--` only those that have it in
//! their path. Times of one thread; for what a server makes of them see the comparison.

// A harness fails by panicking.
#![allow(clippy::expect_used)]

mod codecs;
mod requests;
mod scheduler;

fn main() {
    divan::main();
}
