//! onnxd serves ONNX models over HTTP: give it files, it answers `/predict`, `/health` and `/metrics`.
//!
//! The modules stand on floors; imports only go down, and `tests/architecture.rs` keeps it so. Reading from the top:
//! a signal or a command line enters at [`cli`], which builds an [`app`] from a [`config`]; a request enters at [`api`]
//! and goes down through [`serving`], [`registry`], [`batching`] and [`engine`], and its answer comes back the same way.

// Floor 0: words that know nothing of ours.
pub mod memory;
pub mod priority;
pub mod tensor;
pub mod units;

// Floor 1: words made of tensors.
pub mod codec;
pub mod model;

// Floor 2: parts that do not know each other.
pub mod engine;
pub mod telemetry;

// Floor 3: when and where work runs.
pub mod batching;

// Floor 4: which models there are.
pub mod registry;

// Floor 5: the waist, the one use case.
pub mod serving;

// Floor 6: the edge, every protocol.
pub mod api;

// Floors 7 to 9: settings, composition, commands.
pub mod app;
pub mod cli;
pub mod config;
