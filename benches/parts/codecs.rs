//! Tensors from and to their spellings, at the sizes of a row, a batch and an image.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use onnxd::codec::{
    NonFinite, Reader, read_elements, read_nested, read_npy, read_raw, write_flat, write_npy, write_raw,
};
use onnxd::tensor::{DataType, Tensor};

const COUNTS: [usize; 3] = [4, 4_000, 150_528];

fn tensor(count: usize) -> Tensor {
    let values = (0..count).map(|n| (n as f32 * 0.618_034).fract() * 4.0 - 2.0).collect::<Vec<_>>();
    Tensor::from_vec(&[count][..], values).expect("as many values as the shape says")
}

fn text(tensor: &Tensor) -> Vec<u8> {
    let mut text = Vec::new();
    write_flat(tensor, &mut text, NonFinite::Null);
    text
}

#[divan::bench(args = COUNTS)]
fn json_in_flat(bencher: Bencher, count: usize) {
    let text = text(&tensor(count));
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
        let mut reader = Reader::new(black_box(&text)).expect("text");
        read_elements(&mut reader, DataType::Fp32, Some(&[count])).expect("numbers").len()
    });
}

/// Rows of four.
fn rows(count: usize) -> String {
    let rows: Vec<String> = text(&tensor(count))
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]"))
        .expect("an array")
        .split(|&byte| byte == b',')
        .collect::<Vec<_>>()
        .chunks(4)
        .map(|row| format!("[{}]", String::from_utf8_lossy(&row.join(&b','))))
        .collect();
    format!("[{}]", rows.join(","))
}

#[divan::bench(args = COUNTS)]
fn json_in_nested_by_shape(bencher: Bencher, count: usize) {
    let text = rows(count);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let mut reader = Reader::new(black_box(text.as_bytes())).expect("text");
        read_elements(&mut reader, DataType::Fp32, Some(&[count / 4, 4])).expect("numbers").len()
    });
}

#[divan::bench(args = COUNTS)]
fn json_in_rows(bencher: Bencher, count: usize) {
    let text = rows(count);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let mut reader = Reader::new(black_box(text.as_bytes())).expect("text");
        read_nested(&mut reader, Some(DataType::Fp32)).expect("numbers").len()
    });
}

#[divan::bench(args = COUNTS)]
fn json_out(bencher: Bencher, count: usize) {
    let tensor = tensor(count);
    let mut out = text(&tensor);
    bencher.counter(BytesCount::of_slice(&out)).bench_local(move || {
        out.clear();
        write_flat(black_box(&tensor), &mut out, NonFinite::Null);
        out.len()
    });
}

#[divan::bench(args = COUNTS)]
fn raw_in_and_out(bencher: Bencher, count: usize) {
    let bytes = write_raw(&tensor(count));
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let tensor = read_raw(DataType::Fp32, &[count][..], black_box(bytes.clone())).expect("numbers");
        write_raw(&tensor)
    });
}

#[divan::bench(args = COUNTS)]
fn npy_in_and_out(bencher: Bencher, count: usize) {
    let (head, elements) = write_npy(&tensor(count)).expect("numbers");
    let file = Bytes::from([head.as_slice(), &elements].concat());
    bencher.counter(BytesCount::of_slice(&file)).bench_local(|| {
        let tensor = read_npy(black_box(file.clone())).expect("an array");
        write_npy(&tensor)
    });
}
