//! Little-endian bytes and npy as tables.

use ::bytes::Bytes as Buffer;

use super::*;
use DataType::*;

#[test]
fn raw_numbers_are_taken_over_without_a_copy() {
    let body = Buffer::from(vec![0u8, 0, 128, 63, 0, 0, 0, 64]);
    let tensor = read_raw(Fp32, &[2][..], body.clone()).expect("a tensor");
    assert_eq!(written(&tensor), "[1.0,2.0]");
    assert_eq!(tensor.bytes().map(|bytes| bytes.as_ptr()), Some(body.as_ptr()));
    assert_eq!(write_raw(&tensor), body);
}

#[test]
fn raw_strings_carry_their_lengths() {
    let tensor = Tensor::from_strings(&[2, 1][..], vec!["é".to_owned(), String::new()]).expect("a tensor");
    let bytes = write_raw(&tensor);
    assert_eq!(bytes.as_ref(), b"\x02\0\0\0\xc3\xa9\0\0\0\0");
    assert_eq!(bytes.len(), raw_size(&tensor));
    assert_eq!(read_raw(Bytes, &[2, 1][..], bytes).expect("a tensor"), tensor);
}

#[test]
fn raw_bytes_that_do_not_fit_are_refused() {
    let huge = usize::MAX;
    for (datatype, shape, bytes, code) in [
        (Fp32, &[2][..], &[0u8; 7][..], "wrong_count"),
        (Fp32, &[], &[0; 3], "wrong_count"),
        (Fp64, &[huge, 8], &[0; 8], "wrong_shape"),
        (Fp64, &[huge], &[0; 8], "wrong_count"),
        (Fp32, &[0, 1_000_000_000], &[], "wrong_shape"),
        (Fp32, &[0, huge, huge], &[], "wrong_shape"),
        (Bool, &[2], &[1, 2], "out_of_range"),
        (Bytes, &[1], &[9, 0, 0, 0, 1], "wrong_count"),
        (Bytes, &[1], &[9, 0], "wrong_count"),
        (Bytes, &[1], &[0, 0, 0, 0, 1], "wrong_count"),
        (Bytes, &[huge], &[0, 0, 0, 0], "wrong_count"),
        (Bytes, &[1], &[1, 0, 0, 0, 0xff], "invalid_utf8"),
    ] {
        let error = read_raw(datatype, shape, Buffer::copy_from_slice(bytes)).expect_err(code);
        assert_eq!(error.code, code, "{datatype} {shape:?}: {error}");
    }
}

fn npy(version: u8, header: &str, elements: &[u8]) -> Buffer {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend_from_slice(&[version, 0]);
    let length = u32::try_from(header.len()).expect("short").to_le_bytes();
    file.extend_from_slice(if version == 1 { &length[..2] } else { &length });
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(elements);
    file.into()
}

#[test]
fn npy_files_of_all_kinds_are_read() {
    let six: Vec<u8> = vec![1, 2, 3, 4, 5, 6];
    for (version, header, elements, datatype, expected) in [
        (1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n", &six[..], Uint8, "[[1,2,3],[4,5,6]]"),
        (2, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", &six, Uint8, "[[1,3,5],[2,4,6]]"),
        (3, "{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"|i1\"}", &six, Int8, "[1,2,3,4,5,6]"),
        (1, "{'descr': '<u2', 'fortran_order': True, 'shape': (3L, 1L)}", &six, Uint16, "[[513],[1027],[1541]]"),
        (1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", &[0, 0, 128, 63], Fp32, "1.0"),
        (1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", &[0, 1], Bool, "[false,true]"),
        (1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4)}", &[], Fp64, "[]"),
        (
            1,
            "{'descr': '<U2', 'fortran_order': False, 'shape': (2,)}",
            b"a\0\0\0\0\0\0\0\xe9\0\0\0b\0\0\0",
            Bytes,
            "[\"a\",\"éb\"]",
        ),
        (1, "{'descr': '|S3', 'fortran_order': False, 'shape': (2,)}", b"abcd\0\0", Bytes, r#"["abc","d"]"#),
    ] {
        let tensor = read_npy(npy(version, header, elements)).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!((tensor.datatype(), written(&tensor).as_str()), (datatype, expected), "{header}");
    }
}

#[test]
fn npy_files_that_cannot_be_read_say_why() {
    for (file, expected) in [
        (Buffer::new(), "at the start"),
        (Buffer::from_static(b"\x93NUMPY"), "a whole header"),
        (npy(9, "{}", &[]), "format version"),
        (npy(1, "", &[]), "'{'"),
        (npy(1, "{'descr': '<f4'}", &[]), "the keys"),
        (npy(1, "{'descr': '>f4', 'fortran_order': False, 'shape': ()}", &[0; 4]), "little-endian"),
        (npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': ()}", &[0; 4]), "little-endian"),
        (npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", &[0; 4]), "little-endian"),
        (npy(1, "{'descr': '<U0', 'fortran_order': False, 'shape': (9,)}", &[]), "little-endian"),
        (npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", &[]), "whole numbers"),
        (npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", &[0; 4]), "12 bytes"),
        (npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", &[]), "whole numbers"),
        (npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", &[]), "fit the body"),
        (npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 0)}", &[]), "axes"),
        (npy(1, "{'descr': '|S1', 'fortran_order': False, 'shape': (100000,)}", &[0; 100_000]), "longer strings"),
    ] {
        let error = read_npy(file).expect_err(expected);
        assert!(error.expected.contains(expected), "{error}");
    }
}
