//! The HTTP interface from outside: a real listener, real models, a plain client. One module per family of URLs, and one
//! per promise that holds for all of them.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod answers;
mod cache;
mod harness;
mod health;
mod hostile;
mod middleware;
mod multiplexed;
mod mutations;
mod predict;
mod scheduling;
mod text;
mod v2;
