//! Nested arrays and elements in JSON as tables: what is read, and what is refused with which words.

use half::f16;

use super::*;
use DataType::*;

#[test]
fn nested_arrays_become_the_tensor_they_spell() {
    for (text, hint, datatype, shape, expected) in [
        // The type follows from the spelling ...
        ("[1, 2, -3]", None, Int64, &[3][..], "[1,2,-3]"),
        ("[18446744073709551615, 0]", None, Uint64, &[2], "[18446744073709551615,0]"),
        ("[1, 2.5]", None, Fp64, &[2], "[1.0,2.5]"),
        ("[1e2]", None, Fp64, &[1], "[100.0]"),
        ("[[true, false]]", None, Bool, &[1, 2], "[[true,false]]"),
        (r#"["a", "\u00e9\n"]"#, None, Bytes, &[2], "[\"a\",\"é\\n\"]"),
        (r#"["NaN", "-Infinity"]"#, None, Fp64, &[2], r#"["NaN","-Infinity"]"#),
        (r#"[NaN, 1, -Infinity]"#, None, Fp64, &[3], r#"["NaN",1.0,"-Infinity"]"#),
        (r#"[1, "NaN"]"#, None, Fp64, &[2], r#"[1.0,"NaN"]"#),
        (r#"["NaN", 1]"#, None, Fp64, &[2], r#"["NaN",1.0]"#),
        (r#"["NaN", "a"]"#, None, Bytes, &[2], r#"["NaN","a"]"#),
        // ... unless it is given.
        ("[1, 2]", Some(Fp32), Fp32, &[2], "[1.0,2.0]"),
        ("[0.1]", Some(Fp32), Fp32, &[1], "[0.1]"),
        ("[16777217]", Some(Fp32), Fp32, &[1], "[16777216.0]"),
        ("[1.0, 2e1]", Some(Uint8), Uint8, &[2], "[1,20]"),
        ("[9007199254740993]", Some(Int64), Int64, &[1], "[9007199254740993]"),
        ("[0.1, 65504, \"Infinity\"]", Some(Fp16), Fp16, &[3], r#"[0.1,65500.0,"Infinity"]"#),
        ("[1.0004883]", Some(Fp16), Fp16, &[1], "[1.001]"),
        ("[0, 1, true]", Some(Bool), Bool, &[3], "[false,true,true]"),
        (r#"["NaN"]"#, Some(Bytes), Bytes, &[1], r#"["NaN"]"#),
        // Shapes of all kinds.
        ("7", None, Int64, &[], "7"),
        ("[]", None, Fp64, &[0], "[]"),
        ("[[],[]]", None, Fp64, &[2, 0], "[[],[]]"),
        ("[]", Some(Bytes), Bytes, &[0], "[]"),
        ("[[[1],[2]],[[3],[4]]]", Some(Int8), Int8, &[2, 2, 1], "[[[1],[2]],[[3],[4]]]"),
        (" [ 1 ,\n2 ] ", None, Int64, &[2], "[1,2]"),
        ("\u{feff}[1]", None, Int64, &[1], "[1]"),
    ] {
        let tensor = nested(text, hint).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((tensor.datatype(), tensor.shape()), (datatype, shape), "{text}");
        assert_eq!(written(&tensor), expected, "{text}");
    }
}

#[test]
fn what_is_no_tensor_is_refused_where_it_stands() {
    let deep = "[".repeat(65);
    for (text, hint, code, pointer) in [
        ("[[1,2],[3]]", None, "ragged_rows", "/1"),
        ("[[1],[2,3]]", None, "ragged_rows", "/1"),
        ("[[],[1]]", None, "ragged_rows", "/1"),
        ("[[1],[]]", None, "ragged_rows", "/1"),
        ("[1,[2]]", None, "ragged_rows", "/1"),
        ("[[1],2]", None, "ragged_rows", "/1"),
        ("[[],2]", None, "ragged_rows", "/1"),
        ("[[],[[]]]", None, "ragged_rows", "/1/0"),
        ("[[[1],[2]],[[3]]]", None, "ragged_rows", "/1"),
        ("[[[1],[2]],[[3],[4,5]]]", None, "ragged_rows", "/1/1"),
        (r#"[1, "a"]"#, None, "mixed_types", "/1"),
        (r#"["a", 1]"#, None, "mixed_types", "/1"),
        ("[true, 1]", None, "mixed_types", "/1"),
        ("[1, false]", None, "mixed_types", "/1"),
        ("[1, null]", None, "null_value", "/1"),
        ("[1, null]", Some(Fp32), "null_value", "/1"),
        ("[[1, {}]]", None, "wrong_type", "/0/1"),
        ("{}", None, "wrong_type", ""),
        ("[9007199254740993, 0.5]", None, "out_of_range", "/1"),
        ("[0.5, 9007199254740993]", None, "out_of_range", "/1"),
        ("[-1, 18446744073709551615]", None, "out_of_range", "/1"),
        ("[18446744073709551616]", None, "out_of_range", "/0"),
        ("[1e999]", None, "out_of_range", "/0"),
        ("[1e39]", Some(Fp32), "out_of_range", "/0"),
        ("[65520]", Some(Fp16), "out_of_range", "/0"),
        ("[256]", Some(Uint8), "out_of_range", "/0"),
        ("[-1]", Some(Uint64), "out_of_range", "/0"),
        ("[1.5]", Some(Int32), "not_an_integer", "/0"),
        ("[NaN]", Some(Int32), "not_an_integer", "/0"),
        (r#"["1"]"#, Some(Int32), "wrong_type", "/0"),
        (r#"["1"]"#, Some(Fp32), "wrong_type", "/0"),
        ("[true]", Some(Fp32), "wrong_type", "/0"),
        ("[1]", Some(Bytes), "wrong_type", "/0"),
        ("[2]", Some(Bool), "out_of_range", "/0"),
        (r#"["true"]"#, Some(Bool), "wrong_type", "/0"),
        (&deep, None, "too_deep", &"/0".repeat(64)),
        // Broken text.
        ("", None, "empty_body", ""),
        (" \n", None, "empty_body", ""),
        ("[1, 2", None, "truncated_json", "/1"),
        ("[1,", None, "truncated_json", "/1"),
        ("[1] 2", None, "trailing_data", ""),
        ("[1,]", None, "invalid_json", "/1"),
        ("[1 2]", None, "invalid_json", "/0"),
        ("[01]", None, "invalid_json", "/0"),
        ("[+1]", None, "invalid_json", "/0"),
        ("[.5]", None, "invalid_json", "/0"),
        ("[1.]", None, "invalid_json", "/0"),
        ("[nul]", None, "invalid_json", "/0"),
        ("['a']", None, "invalid_json", "/0"),
        ("[\"\\ud800\"]", None, "invalid_json", "/0"),
        ("[\"\\x\"]", None, "invalid_json", "/0"),
        ("[\"\n\"]", None, "invalid_json", "/0"),
        ("[\"a", None, "truncated_json", "/0"),
    ] {
        let error = nested(text, hint).expect_err(text);
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{text}: {error}");
        assert!(!error.expected.is_empty() && !error.got.is_empty(), "{text}: {error:?}");
    }
}

#[test]
fn a_fault_says_line_and_column() {
    let error = nested("[[1, 2],\n [3, x]]", None).expect_err("x is no value");
    assert_eq!(error.position, Some(Position { offset: 14, line: 2, column: 6 }));
    let error = Reader::new(b"[\"\n\xff\"]").err().expect("not UTF-8");
    assert_eq!((error.code, error.position), ("invalid_utf8", Some(Position { offset: 3, line: 2, column: 1 })));
}

#[test]
fn messages_read_as_sentences() {
    for (text, hint, expected) in [
        (
            "[[1,2],[3]]",
            None,
            "arrays at the same level have different lengths: expected 2 elements as in the first one, got 1 element",
        ),
        (r#"[[1,"abc"]]"#, Some(Fp32), r#"a value of the wrong type: expected a number (FP32), got the string "abc""#),
        ("[300]", Some(Uint8), "a value is out of range: expected UINT8 from 0 to 255, got 300"),
        (
            "[1,2",
            None,
            "the body ends in the middle of a value, after 4 bytes: expected ',' or ']', got the end of the body",
        ),
    ] {
        assert_eq!(nested(text, hint).expect_err(text).to_string(), expected);
    }
}

#[test]
fn elements_are_flat_or_nested_like_their_shape() {
    for (text, datatype, shape) in [
        ("[1,2,3,4]", Int32, &[4][..]),
        ("[1,2,3,4]", Int32, &[2, 2]),
        ("[[1,2],[3,4]]", Fp32, &[2, 2]),
        ("[ [ [1] , [2] ] , [ [3] , [4] ] ]", Fp32, &[2, 2, 1]),
        ("[5]", Fp32, &[]),
        ("[[],[]]", Fp32, &[2, 0]),
        ("[[],[]]", Fp32, &[2, 0, 3]),
        ("[]", Fp32, &[2, 0]),
        (r#"["a"]"#, Bytes, &[1]),
        (r#"[["a"],["b"]]"#, Bytes, &[2, 1]),
    ] {
        let values = elements(text, datatype, Some(shape)).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(values.len(), shape.iter().product::<usize>());
    }
    for (text, shape, code, pointer) in [
        ("[1,2,3]", &[2][..], "wrong_count", "/2"),
        ("[1,2,3]", &[4], "wrong_count", ""),
        ("[[1,2,3]]", &[1, 2], "wrong_count", "/0/2"),
        ("[[1,2,3]]", &[1, 4], "wrong_count", ""),
        ("[[1,2],[3,4]]", &[3, 2], "wrong_count", ""),
        ("[[1,2,3,4]]", &[2, 2], "wrong_shape", ""),
        ("[[1,2],[3,4],[5,6]]", &[2, 3], "wrong_shape", ""),
        ("[[1],[2],[3],[4]]", &[4], "wrong_shape", ""),
        ("[[1,2],[3,4]]", &[2, 2, 1], "wrong_shape", ""),
        ("[[[1,2],[3,4]]]", &[2, 2], "wrong_shape", ""),
        ("[[5]]", &[], "wrong_shape", ""),
        ("[[],[],[]]", &[2, 0], "wrong_shape", ""),
        ("[[1],[2,3],4]", &[4], "ragged_rows", "/1"),
        ("[[1,2],[3]]", &[2, 2], "ragged_rows", "/1"),
        ("[1,[2,3,4]]", &[2, 2], "ragged_rows", "/1"),
        ("[[1,x]]", &[1, 2], "invalid_json", "/0/1"),
        ("5", &[1], "wrong_type", ""),
        (r#"["a"]"#, &[1], "wrong_type", "/0"),
    ] {
        let error = elements(text, Int64, Some(shape)).expect_err(text);
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{text}");
    }
    let error = elements("[[1,2,3,4]]", Int64, Some(&[2, 2])).expect_err("another shape");
    assert!(error.expected.contains("[2, 2]") && error.got.contains("[1, 4]"), "{error}");
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(elements(&deep, Int64, Some(&[1, 1])).expect_err("too deep").code, "too_deep");
    // Without a shape any form will do.
    assert_eq!(elements("[1,[2,x]]", Int64, None).expect_err("no JSON").pointer, "/1/1");
    assert_eq!(elements("[[1],[2,3],4]", Int64, None).expect("elements").len(), 4);
}

#[test]
fn a_claimed_count_does_not_allocate() {
    assert_eq!(elements("[1]", Int64, Some(&[usize::MAX])).expect_err("too few").code, "wrong_count");
}

#[test]
fn columns_grow_row_by_row_and_keep_their_shape() {
    let text = "[1, 2, 3] [[1,2],[3,4],[5]]";
    let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
    let mut column = Column::new(Some(Fp32));
    assert!(reader.enter_array().expect("an array"));
    loop {
        column.read_row(&mut reader).expect("a row");
        if !reader.next_element().expect("more") {
            break;
        }
    }
    let tensor = column.finish(&reader, 0).expect("a tensor");
    assert_eq!((tensor.shape(), written(&tensor)), (&[3][..], "[1.0,2.0,3.0]".into()));

    let mut column = Column::new(None);
    assert!(reader.enter_array().expect("an array"));
    column.read_row(&mut reader).expect("a row");
    assert!(reader.next_element().expect("more"));
    column.read_row(&mut reader).expect("a row");
    assert!(reader.next_element().expect("more"));
    assert_eq!(column.read_row(&mut reader).expect_err("shorter").code, "ragged_rows");
    assert_eq!(column.rows(), 2);
}

#[test]
fn an_envelope_is_walked_and_come_back_to() {
    let text = r#"{"data": [1, 2.5], "x\u0041": {"deep": [null, "]}"]}, "datatype": "FP32", "ok": true, "n": 3}"#;
    let mut reader = Reader::new(text.as_bytes()).expect("UTF-8");
    let (mut data, mut keys) = (None, Vec::new());
    let mut key = reader.enter_object().expect("an object");
    while let Some(found) = key {
        match &*found.text {
            "data" => data = Some(reader.skip().expect("a value")),
            "datatype" => assert_eq!(reader.string().expect("a string"), "FP32"),
            "ok" => assert!(reader.boolean().expect("a boolean")),
            "n" => assert_eq!(reader.unsigned().expect("a count"), 3),
            _ => drop(reader.skip().expect("a value")),
        }
        keys.push(found.text.into_owned());
        key = reader.next_key().expect("a key");
    }
    reader.finish().expect("the end");
    assert_eq!(keys, ["data", "xA", "datatype", "ok", "n"]);
    let mut back = reader.at(data.expect("data"));
    assert_eq!(written(&read_nested(&mut back, Some(Fp32)).expect("a tensor")), "[1.0,2.5]");
    // Pointers still start at the root.
    let mut back = reader.at(data.expect("data"));
    let error = read_elements(&mut back, Int64, None).expect_err("2.5 is no integer");
    assert_eq!((error.code, error.pointer.as_str()), ("not_an_integer", "/data/1"));
}

#[test]
fn skipping_is_bounded_in_depth() {
    let deep = "[".repeat(100_000);
    let mut reader = Reader::new(deep.as_bytes()).expect("UTF-8");
    assert_eq!(reader.skip().expect_err("too deep").code, "too_deep");
}

#[test]
fn floats_are_written_in_the_shortest_form_of_their_own_width() {
    let single = Tensor::from_vec(&[5][..], vec![0.1f32, 1e-7, 16777216.0, f32::MAX, -0.0]).expect("a tensor");
    assert_eq!(written(&single), "[0.1,1e-7,16777216.0,3.4028235e+38,-0.0]");
    let double = Tensor::from_vec(&[2][..], vec![0.1f64, 1.0 / 3.0]).expect("a tensor");
    assert_eq!(written(&double), "[0.1,0.3333333333333333]");
    let halves: Vec<f16> = [0.1, 1.5, 65504.0, 6e-8, 0.333].map(f16::from_f32).to_vec();
    let half = Tensor::from_vec(&[5][..], halves.clone()).expect("a tensor");
    assert_eq!(written(&half), "[0.1,1.5,65500.0,6e-8,0.333]");
}

#[test]
fn what_json_has_no_number_for_becomes_null_or_a_string() {
    let tensor = Tensor::from_vec(&[4][..], vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]).expect("a tensor");
    let mut out = Vec::new();
    write_flat(&tensor, &mut out, NonFinite::Null);
    assert_eq!(out, b"[null,null,null,1.0]");
    assert_eq!(written(&tensor), r#"["NaN","Infinity","-Infinity",1.0]"#);
}

#[test]
fn a_part_of_a_tensor_is_written_under_a_shape_of_its_own() {
    let tensor = Tensor::from_vec(&[2, 3][..], vec![1u8, 2, 3, 4, 5, 6]).expect("a tensor");
    let mut out = Vec::new();
    write_part(&tensor, &[3], 3, &mut out, NonFinite::Null);
    out.push(b' ');
    write_part(&tensor, &[], 2, &mut out, NonFinite::Null);
    assert_eq!(out, b"[4,5,6] 3");
}
