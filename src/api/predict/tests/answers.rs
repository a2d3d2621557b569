//! Answers as tables: how a question was put, and the text it is answered with.

use http_body_util::BodyExt;

use super::*;
use crate::api::predict::answer::{npy, raw};
use crate::api::predict::{Layout, encode};
use crate::codec::{NonFinite, read_npy};
use crate::serving::{Form, Response, Timings};
use crate::tensor::{Element, Tensor};

fn tensor<T: Element>(shape: &[usize], values: Vec<T>) -> Tensor {
    Tensor::from_vec(shape, values).expect("sizes agree")
}

fn answer(model: Arc<Description>, outputs: Vec<Tensor>, rows: Option<usize>, form: Form) -> Response {
    let outputs = outputs.into_iter().enumerate().collect();
    Response { model, outputs, rows, form, timings: Timings::default(), cache: None }
}

fn text(answer: &Response, layout: Layout) -> String {
    let text = String::from_utf8(encode(answer, layout, None, NonFinite::Null)).expect("UTF-8");
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    text.strip_prefix(r#"{"model":"m","version":"3","#).expect("who answers comes first").to_owned()
}

#[test]
fn labels_stand_for_indices_and_name_scores() {
    let outputs = vec![tensor(&[2], vec![1i64, 0]), tensor(&[2, 2], vec![0.25f32, 0.75, 1.0, 0.0])];
    let batch = answer(flowers(), outputs, Some(2), Form::Batched);
    let rows =
        r#"[{"class":"tulip","scores":{"rose":0.25,"tulip":0.75}},{"class":"rose","scores":{"rose":1.0,"tulip":0.0}}]"#;
    assert_eq!(
        text(&batch, Layout::Outputs),
        r#""outputs":{"class":["tulip","rose"],"scores":[{"rose":0.25,"tulip":0.75},{"rose":1.0,"tulip":0.0}]}}"#
    );
    for layout in [Layout::Predictions, Layout::Rows, Layout::Record] {
        assert_eq!(text(&batch, layout), format!("\"predictions\":{rows}}}"));
    }
}

#[test]
fn one_row_is_answered_as_one() {
    let row = r#"{"class":"tulip","scores":{"rose":0.25,"tulip":0.75}}"#;
    let outputs = vec![tensor(&[], vec![1i64]), tensor(&[2], vec![0.25f32, 0.75])];
    let single = answer(flowers(), outputs, Some(1), Form::SingleRow);
    assert_eq!(text(&single, Layout::Rows), format!("\"prediction\":{row}}}"));
    assert_eq!(text(&single, Layout::Predictions), format!("\"predictions\":[{row}]}}"));
    assert_eq!(text(&single, Layout::Outputs), format!("\"outputs\":{row}}}"));

    let outputs = vec![tensor(&[1], vec![1i64]), tensor(&[1, 2], vec![0.25f32, 0.75])];
    let record = answer(flowers(), outputs, Some(1), Form::Batched);
    assert_eq!(text(&record, Layout::Record), format!("\"prediction\":{row}}}"));
    assert_eq!(text(&record, Layout::Rows), format!("\"predictions\":[{row}]}}"));
}

#[test]
fn what_has_no_label_stays_a_number() {
    let outputs = vec![tensor(&[3], vec![1i64, 2, -1]), tensor(&[3, 1], vec![0.5f32, 0.5, f32::NAN])];
    let odd = answer(flowers(), outputs, Some(3), Form::Batched);
    assert_eq!(text(&odd, Layout::Outputs), r#""outputs":{"class":["tulip",2,-1],"scores":[[0.5],[0.5],[null]]}}"#);
}

#[test]
fn a_single_output_comes_bare_and_without_an_axis_of_one() {
    let regression = answer(pair(), vec![tensor(&[2, 1], vec![1.5f32, 2.5])], Some(2), Form::Batched);
    assert_eq!(text(&regression, Layout::Rows), r#""predictions":[1.5,2.5]}"#);
    assert_eq!(text(&regression, Layout::Outputs), r#""outputs":{"y":[[1.5],[2.5]]}}"#);
    let single = answer(pair(), vec![tensor(&[1], vec![1.5f32])], Some(1), Form::SingleRow);
    assert_eq!(text(&single, Layout::Rows), r#""prediction":1.5}"#);
}

#[test]
fn what_has_no_rows_is_answered_as_a_whole() {
    let whole = answer(pair(), vec![tensor(&[2, 2], vec![1i8, 2, 3, 4])], None, Form::Batched);
    assert_eq!(text(&whole, Layout::Rows), r#""outputs":{"y":[[1,2],[3,4]]}}"#);
    // An output may turn out not to go by rows although it was declared to.
    let folded = answer(pair(), vec![tensor(&[1], vec![9i8])], Some(3), Form::Batched);
    assert_eq!(text(&folded, Layout::Predictions), r#""outputs":{"y":[9]}}"#);
}

#[test]
fn an_id_is_sent_back() {
    let empty = answer(pair(), vec![], Some(0), Form::Batched);
    let text = String::from_utf8(encode(&empty, Layout::Outputs, Some("a\"b"), NonFinite::Null)).expect("UTF-8");
    assert_eq!(text, r#"{"model":"m","version":"3","id":"a\"b","outputs":{}}"#);
}

#[tokio::test]
async fn one_output_fits_a_file() {
    let one = answer(pair(), vec![tensor(&[2, 1], vec![1.5f32, 2.5])], Some(2), Form::Batched);
    let raw = raw(&one).into_body().collect().await.expect("bytes").to_bytes();
    assert_eq!(raw, [1.5f32, 2.5].map(f32::to_le_bytes).concat());
    let npy = npy(&one).expect("numbers").into_body().collect().await.expect("bytes").to_bytes();
    assert_eq!(read_npy(npy).expect("an npy file"), one.outputs[0].1);
}
