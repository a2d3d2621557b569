//! The HTTP interface from outside: a real listener, real models, a plain client. One module per family of URLs.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod harness;
mod health;
mod middleware;
mod v2;
