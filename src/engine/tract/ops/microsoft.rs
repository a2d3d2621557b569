//! What ONNX Runtime's quantisation tools write into models, and the private operators (domain [`PRIVATE`]) that the
//! rewrites put in the place of the rest: rooms for exactly those steps that neither the standard nor tract has.
//! Fused operators are not here: `rewrite` takes them apart.

mod center;
mod dequantize;
mod dynamic_quantize;
mod gather_packed;
mod half;
mod mask_scores;
mod packed;
mod quantize;
mod scales;
mod unpack;

use super::Entry;

/// The domain of operators that only rewrites write. A file that names it is refused like any unknown domain, because
/// [`super::super::rewrite`] looks for it first.
pub const PRIVATE: &str = "onnxd";

const fn standard(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "ai.onnx", name, build }
}

const fn microsoft(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: "com.microsoft", name, build }
}

const fn private(name: &'static str, build: super::Build) -> Entry {
    Entry { domain: PRIVATE, name, build }
}

pub const OPERATORS: &[Entry] = &[
    standard("DequantizeLinear", dequantize::build),
    standard("DynamicQuantizeLinear", dynamic_quantize::build),
    standard("QuantizeLinear", quantize::build),
    microsoft("DequantizeLinear", dequantize::build),
    microsoft("GatherBlockQuantized", gather_packed::build),
    microsoft("QuantizeLinear", quantize::build),
    private("Center", center::build),
    private("MaskScores", mask_scores::build),
    private("RoundToBrain", half::round_brain),
    private("RoundToHalf", half::round),
    private("Unpack", unpack::build),
    private("Widen", half::widen),
];
