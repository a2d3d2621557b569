//! Recurrent layers, `RNN`, `GRU` and `LSTM`, in both directions and with all their attributes. tract keeps the hidden
//! state of these from one run to the next, runs the direction "reverse" forwards, needs to know the batch size and reads
//! past clipping and most activations; here a run starts from its inputs alone.
//!
//! [`layer`] has what the three share: shapes, directions, lengths of sequences, the loop over time. [`cells`] has what
//! one step of each is, [`activation`] the functions they are made of, [`product`] the matrix product that takes the time.

mod activation;
mod cells;
mod layer;
mod product;
mod real;

use super::Entry;

const fn standard(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx", name, build }
}

pub const OPERATORS: &[Entry] =
    &[standard("GRU", cells::gru), standard("LSTM", cells::lstm), standard("RNN", cells::rnn)];
