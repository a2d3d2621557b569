//! Properties: what is written is read again, nothing panics, and serde_json agrees.

use ::bytes::Bytes as Buffer;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tensor::{Element, Shape};

fn shapes() -> impl Strategy<Value = Shape> {
    vec(0usize..4, 0..4).prop_map(Shape::from_vec)
}

fn datatypes() -> impl Strategy<Value = Option<DataType>> {
    prop::option::of(prop::sample::select(DataType::ALL.to_vec()))
}

/// A tensor of any numeric type and bit pattern.
fn numbers() -> impl Strategy<Value = Tensor> {
    let types: Vec<DataType> =
        DataType::ALL.into_iter().filter(|&d| d.width().is_some() && d != DataType::Bool).collect();
    (prop::sample::select(types), shapes()).prop_flat_map(|(datatype, shape)| {
        let count: usize = shape.iter().product();
        vec(any::<u8>(), count * datatype.width().unwrap_or(1))
            .prop_map(move |bytes| Tensor::from_bytes(datatype, shape.clone(), bytes.into()).expect("sizes agree"))
    })
}

fn strings() -> impl Strategy<Value = Tensor> {
    shapes().prop_flat_map(|shape| {
        let count: usize = shape.iter().product();
        vec(any::<String>(), count)
            .prop_map(move |words| Tensor::from_strings(shape.clone(), words).expect("sizes agree"))
    })
}

/// Equal up to the payloads of NaNs.
fn same(left: &Tensor, right: &Tensor) -> bool {
    fn floats<T: Element + Into<f64>>(left: &Tensor, right: &Tensor) -> bool {
        let (left, right) = (left.values::<T>(), right.values::<T>());
        let pairs = left.iter().zip(&right).flat_map(|(left, right)| left.iter().zip(right.iter()));
        pairs.map(|(&a, &b)| (a.into(), b.into())).all(|(a, b): (f64, f64)| a == b || a.is_nan() && b.is_nan())
    }
    left.datatype() == right.datatype()
        && left.shape() == right.shape()
        && match left.datatype() {
            DataType::Fp16 => floats::<half::f16>(left, right),
            DataType::Fp32 => floats::<f32>(left, right),
            DataType::Fp64 => floats::<f64>(left, right),
            _ => left == right,
        }
}

/// Shapes that nested arrays can spell: behind an axis of size 0 nothing shows.
fn spelled(shape: &[usize]) -> Vec<usize> {
    let end = shape.iter().position(|&size| size == 0).map_or(shape.len(), |axis| axis + 1);
    shape[..end].to_vec()
}

/// JSON texts, whole ones and broken ones.
fn texts() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "[",
        "]",
        "[",
        "]",
        "{",
        "}",
        ",",
        ",",
        ":",
        "\"a\"",
        "\"NaN\"",
        "1",
        "-2",
        "0.5",
        "1e400",
        "NaN",
        "-Infinity",
        "true",
        "null",
        " ",
        "\n",
        "\"\\u00e9\"",
        "\\",
        "\"",
        "18446744073709551615",
        "é",
        "9007199254740993",
    ]);
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn json_of_any_numbers_reads_back_as_the_same(tensor in numbers()) {
        let back = nested(&written(&tensor), Some(tensor.datatype())).expect("what is written can be read");
        prop_assert_eq!(back.shape(), spelled(tensor.shape()));
        prop_assert!(same(&back.reshaped(tensor.shape()).expect("same count"), &tensor), "{}", written(&tensor));
    }

    #[test]
    fn json_of_any_strings_reads_back_as_the_same(tensor in strings()) {
        let back = nested(&written(&tensor), Some(DataType::Bytes)).expect("what is written can be read");
        prop_assert_eq!(back.strings(), tensor.strings());
    }

    #[test]
    fn what_is_written_is_json(tensor in numbers()) {
        let mut out = Vec::new();
        write_nested(&tensor, &mut out, NonFinite::Null);
        prop_assert!(serde_json::from_slice::<Value>(&out).is_ok());
    }

    #[test]
    fn raw_bytes_read_back_as_the_same(tensor in prop_oneof![numbers(), strings()]) {
        let back = read_raw(tensor.datatype(), tensor.shape(), write_raw(&tensor)).expect("what is written can be read");
        prop_assert_eq!(back, tensor);
    }

    #[test]
    fn npy_files_read_back_as_the_same(tensor in numbers()) {
        let back = read_npy(npy_file(&tensor)).expect("what is written can be read");
        prop_assert_eq!(back, tensor);
    }

    #[test]
    fn integers_agree_with_another_reader(values in vec(any::<i64>(), 1..20)) {
        let text = serde_json::to_string(&values).expect("JSON");
        let tensor = nested(&text, None).expect("integers");
        prop_assert_eq!(tensor.values::<i64>().expect("INT64").into_owned(), values);
    }

    #[test]
    fn floats_agree_with_the_standard_library(values in vec(any::<f64>().prop_filter("finite", |f| f.is_finite()), 1..20)) {
        let text = serde_json::to_string(&values).expect("JSON");
        let tensor = nested(&text, Some(DataType::Fp64)).expect("floats");
        prop_assert_eq!(tensor.values::<f64>().expect("FP64").into_owned(), values);
    }

    /// The short way for plain numbers and the long way for all others give the same.
    #[test]
    fn decimals_are_read_to_the_nearest_float(
        decimals in vec("-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", 1..20),
    ) {
        let text = format!("[{}]", decimals.join(" , "));
        let doubles: Vec<f64> = decimals.iter().map(|decimal| decimal.parse().expect("a number")).collect();
        let tensor = nested(&text, Some(DataType::Fp64)).expect("floats");
        prop_assert_eq!(tensor.values::<f64>().expect("FP64").into_owned(), doubles);
        let singles: Vec<f32> = decimals.iter().map(|decimal| decimal.parse().expect("a number")).collect();
        match nested(&text, Some(DataType::Fp32)) {
            Ok(tensor) => prop_assert_eq!(tensor.values::<f32>().expect("FP32").into_owned(), singles),
            Err(error) => {
                prop_assert_eq!(error.code, "out_of_range");
                prop_assert!(singles.iter().any(|single| single.is_infinite()));
            }
        }
    }

    /// Rows of short numbers, with others among them, are read in a way of their own.
    #[test]
    fn short_decimals_are_read_to_the_nearest_float(
        decimals in vec(prop_oneof![9 => "-?[0-9]\\.[0-9]{1,7}", 1 => "-?[1-9]?[0-9](\\.[0-9]{1,9})?(e1)?"], 1..60),
    ) {
        let text = format!("[{}]", decimals.join(","));
        let doubles: Vec<f64> = decimals.iter().map(|decimal| decimal.parse().expect("a number")).collect();
        let tensor = nested(&text, Some(DataType::Fp64)).expect("floats");
        prop_assert_eq!(tensor.values::<f64>().expect("FP64").into_owned(), doubles);
        let singles: Vec<f32> = decimals.iter().map(|decimal| decimal.parse().expect("a number")).collect();
        let tensor = nested(&text, Some(DataType::Fp32)).expect("floats");
        prop_assert_eq!(tensor.values::<f32>().expect("FP32").into_owned(), singles);
    }

    /// Around the middle between two floats rounding twice would show.
    #[test]
    fn halves_between_floats_are_rounded_once(bits in 0x0080_0000u32..0x7f00_0000, nudge in -2i64..=2) {
        let middle = f64::from(f32::from_bits(bits)) / 2.0 + f64::from(f32::from_bits(bits + 1)) / 2.0;
        let near = f64::from_bits(middle.to_bits().wrapping_add_signed(nudge));
        for text in [format!("{near}"), format!("{near:e}"), format!("{near:.17e}")] {
            let tensor = nested(&text, Some(DataType::Fp32)).expect("a float");
            prop_assert_eq!(tensor.values::<f32>().expect("FP32")[0], text.parse::<f32>().expect("a number"));
        }
    }

    #[test]
    fn what_another_reader_calls_json_is_never_called_broken(text in texts(), datatype in datatypes()) {
        if serde_json::from_str::<Value>(&text).is_ok()
            && let Err(error) = nested(&text, datatype)
        {
            prop_assert!(!matches!(error.code, "invalid_json" | "truncated_json" | "trailing_data"), "{text}: {error:?}");
        }
    }

    #[test]
    fn no_text_does_more_than_fail(text in texts(), datatype in datatypes(), count in prop::option::of(0usize..9)) {
        let _ = nested(&text, datatype);
        let _ = elements(&text, datatype.unwrap_or(DataType::Fp32), count.map(|count| vec![count]).as_deref());
        if let Ok(mut reader) = Reader::new(text.as_bytes()) {
            let _ = reader.skip();
            let _ = reader.enter_object().map(|_| reader.next_key());
        }
    }

    #[test]
    fn no_bytes_do_more_than_fail(bytes in vec(any::<u8>(), 0..200), shape in vec(any::<usize>(), 0..4), datatype in datatypes()) {
        if let Ok(mut reader) = Reader::new(&bytes) {
            let _ = read_nested(&mut reader, datatype);
        }
        let _ = read_raw(datatype.unwrap_or(DataType::Bytes), shape.as_slice(), Buffer::from(bytes.clone()));
        let _ = read_npy(Buffer::from(bytes.clone()));
        for version in 1..=3 {
            let mut file = b"\x93NUMPY".to_vec();
            file.extend_from_slice(&[version, 0]);
            file.extend_from_slice(&bytes);
            let _ = read_npy(file.into());
        }
    }

    #[test]
    fn no_npy_header_does_more_than_fail(
        descr in "[<>|=]?[bBuifUSO][0-9]{0,3}",
        order in prop::bool::ANY,
        shape in vec(0usize..5, 0..4),
        noise in "[{}'():, a-z0-9L]{0,12}",
        elements in vec(any::<u8>(), 0..64),
    ) {
        let order = if order { "True" } else { "False" };
        let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}){noise}}}");
        let mut file = b"\x93NUMPY\x02\0".to_vec();
        file.extend_from_slice(&u32::try_from(header.len()).expect("short").to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&elements);
        let _ = read_npy(file.into());
    }
}
