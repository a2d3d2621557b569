//! What ONNX Runtime's answers depend on besides the model.

/// Whether sums of products of unsigned and signed bytes overflow here: on processors of x86 without VNNI.
pub fn overflows() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let overflows = !(is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni"));
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let overflows = false;
    overflows
}
