//! The program as it is run: arguments, environment, exit codes, signals, what it prints and where.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod bench;
mod commands;
mod hostile;
mod logging;
mod memory;
mod program;
mod settings;
mod starting;
mod stopping;
