//! Tensor payloads to and from JSON, little-endian bytes and `.npy`. Knows no HTTP and no envelope: whoever reads a
//! request body walks its own keys and hands the values to this module.
