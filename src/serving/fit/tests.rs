//! The rules of fitting as tables.

use super::*;
use crate::model::{Digest, GraphSummary, ModelCard, ModelId, Signature, Version};
use crate::tensor::{DataType, Element};

fn port(name: &str, datatype: DataType, shape: &[i64]) -> Port {
    let dim = |(axis, &size): (usize, &i64)| match usize::try_from(size) {
        Ok(size) => Dim::Fixed(size),
        Err(_) if axis == 0 => Dim::Symbol("N".into()),
        Err(_) => Dim::Symbol(format!("S{}", -size)),
    };
    let shape = shape.iter().enumerate().map(dim).collect();
    Port { name: name.into(), datatype, shape, description: None }
}

fn model(inputs: Vec<Port>, features: &[&str]) -> Description {
    let outputs = vec![port("y", DataType::Fp32, &[-1])];
    let features = features.iter().map(|feature| feature.to_string()).collect();
    Description {
        id: ModelId { name: "m".parse().unwrap(), version: Version(1), digest: Digest([0; 32]) },
        signature: Signature { inputs, outputs },
        card: ModelCard { features, ..ModelCard::default() },
        graph: GraphSummary::default(),
        sample: Vec::new(),
        engine: "fake",
        engine_choice: None,
    }
}

fn table() -> Description {
    model(vec![port("x", DataType::Fp32, &[-1, 2])], &["a", "b"])
}

fn input<T: Element>(name: &str, shape: &[usize], values: Vec<T>) -> Input {
    Input { name: name.into(), tensor: Tensor::from_vec(shape, values).unwrap(), typed: false }
}

fn code(result: Result<Fitted, Invalid>) -> (&'static str, Place) {
    let invalid = result.expect_err("should not fit");
    (invalid.code, invalid.place)
}

#[test]
fn numbers_become_the_models_type() {
    let fitted = fit(&table(), Payload::Sole(input("", &[2, 2], vec![1i64, 2, 3, 4]))).unwrap();
    assert_eq!(fitted.inputs, [Tensor::from_vec(&[2usize, 2][..], vec![1f32, 2.0, 3.0, 4.0]).unwrap()]);
    assert_eq!((fitted.rows, fitted.form), (Some(2), Form::Batched));
}

#[test]
fn one_row_may_lack_its_batch_axis_unless_its_shape_was_stated() {
    let row = input("x", &[2], vec![1.0, 2.0]);
    let fitted = fit(&table(), Payload::Named(vec![row.clone()])).unwrap();
    assert_eq!((fitted.inputs[0].shape(), fitted.form), (&[1, 2][..], Form::SingleRow));
    let stated = Input { typed: true, ..input("x", &[2], vec![1f32, 2.0]) };
    assert_eq!(code(fit(&table(), Payload::Named(vec![stated]))).0, "wrong_shape");
}

#[test]
fn a_column_fits_an_axis_of_one() {
    let column = model(vec![port("x", DataType::Fp32, &[-1, 1])], &[]);
    let fitted = fit(&column, Payload::Sole(input("", &[3], vec![1.0, 2.0, 3.0]))).unwrap();
    assert_eq!((fitted.inputs[0].shape(), fitted.rows), (&[3, 1][..], Some(3)));
}

#[test]
fn named_columns_are_columns_however_few_rows_they_have() {
    let ports = || vec![port("a", DataType::Fp32, &[-1, 1]), port("b", DataType::Fp32, &[-1, 1])];
    let columns = model(ports(), &[]);
    for rows in [1, 2] {
        let named = ["a", "b"].map(|name| input(name, &[rows], vec![1.0; rows])).to_vec();
        let fitted = fit(&columns, Payload::Named(named)).unwrap();
        assert_eq!((fitted.inputs[0].shape(), fitted.rows, fitted.form), (&[rows, 1][..], Some(rows), Form::Batched));
    }
    // Beside a row of two values it can be but a row.
    let mixed = model(vec![port("a", DataType::Fp32, &[-1, 1]), port("b", DataType::Fp32, &[-1, 2])], &[]);
    let named = vec![input("a", &[1], vec![1.0]), input("b", &[2], vec![1.0; 2])];
    assert_eq!(fit(&mixed, Payload::Named(named)).unwrap().form, Form::SingleRow);
}

#[test]
fn records_name_inputs_or_features_in_any_order() {
    let columns = vec![input("b", &[2], vec![2i64, 4]), input("a", &[2], vec![1.5, 3.5])];
    let fitted = fit(&table(), Payload::Records { columns, rows: 2 }).unwrap();
    assert_eq!(fitted.inputs[0].values::<f32>().unwrap()[..], [1.5, 2.0, 3.5, 4.0]);

    let two = model(vec![port("a", DataType::Fp32, &[-1, 1]), port("b", DataType::Int64, &[-1])], &[]);
    let columns = vec![input("a", &[2], vec![1.0, 2.0]), input("b", &[2], vec![3i64, 4])];
    let fitted = fit(&two, Payload::Records { columns, rows: 2 }).unwrap();
    assert_eq!((fitted.inputs[0].shape(), fitted.inputs[1].shape()), (&[2, 1][..], &[2][..]));
}

#[test]
fn records_are_rows_however_few_and_an_empty_list_has_none() {
    let tokens = model(vec![port("tokens", DataType::Int64, &[-1, -2])], &[]);
    for rows in [1, 2] {
        let columns = vec![input("tokens", &[rows], vec![7i64; rows])];
        let fitted = fit(&tokens, Payload::Records { columns, rows }).unwrap();
        assert_eq!((fitted.inputs[0].shape(), fitted.form), (&[rows, 1][..], Form::Batched));
    }
    let none = input("", &[0], Vec::<f64>::new());
    assert!(fit(&tokens, Payload::Sole(none)).is_err());
}

#[test]
fn what_does_not_fit_names_its_place() {
    let at = |index, aspect| Place::Input { index, aspect };
    let sole = |input| fit(&table(), Payload::Sole(input));
    let named = |inputs| fit(&table(), Payload::Named(inputs));
    let good = || input("x", &[1, 2], vec![1.0, 2.0]);
    assert_eq!(code(sole(input("", &[1, 3], vec![1.0; 3]))), ("wrong_shape", at(0, Aspect::Shape)));
    assert_eq!(code(sole(input("", &[], vec![1.0]))), ("wrong_shape", at(0, Aspect::Shape)));
    assert_eq!(code(sole(input("", &[1, 2], vec![true, false]))), ("wrong_datatype", at(0, Aspect::Data)));
    assert_eq!(code(sole(input("", &[1, 2], vec![1e39, 0.0]))), ("out_of_range", at(0, Aspect::Data)));
    assert_eq!(code(named(vec![good(), input("z", &[1], vec![1.0])])), ("unknown_input", at(1, Aspect::Name)));
    assert_eq!(code(named(vec![good(), good()])), ("duplicate_input", at(1, Aspect::Name)));
    assert_eq!(code(named(vec![])), ("missing_input", Place::Inputs));
    assert_eq!(code(sole(input("", &[0, 2], Vec::<f64>::new()))), ("empty_batch", at(0, Aspect::Shape)));
    let typed = Input { typed: true, ..good() };
    assert_eq!(code(named(vec![typed])), ("wrong_datatype", at(0, Aspect::DataType)));

    let records = |columns| fit(&table(), Payload::Records { columns, rows: 1 });
    let a = || input("a", &[1], vec![1.0]);
    assert_eq!(code(records(vec![a()])), ("missing_feature", Place::Inputs));
    assert_eq!(code(records(vec![a(), input("c", &[1], vec![1.0])])), ("unknown_feature", at(1, Aspect::Name)));
    assert_eq!(code(records(vec![a(), input("b", &[1, 2], vec![1.0, 2.0])])), ("wrong_shape", at(1, Aspect::Data)));
}

#[test]
fn inputs_agree_on_their_symbols() {
    let two = model(vec![port("a", DataType::Fp32, &[-1, 2]), port("b", DataType::Fp32, &[-1, 1])], &[]);
    let inputs = vec![input("a", &[2, 2], vec![0.0; 4]), input("b", &[3, 1], vec![0.0; 3])];
    let place = Place::Input { index: 1, aspect: Aspect::Shape };
    assert_eq!(code(fit(&two, Payload::Named(inputs))), ("sizes_differ", place));
    let sole = input("", &[2, 2], vec![0.0; 4]);
    assert_eq!(code(fit(&two, Payload::Sole(sole))), ("inputs_not_named", Place::Inputs));
}
