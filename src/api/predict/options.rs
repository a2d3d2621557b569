//! What stands beside the body of a prediction: in the query, or in a header.

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};

use crate::codec::NonFinite;
use crate::serving::{Invalid, Place};

const X_TENSOR_SHAPE: &str = "x-tensor-shape";

#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    pub non_finite: NonFinite,
    /// For raw bytes, which carry no shape.
    pub shape: Option<Vec<usize>>,
    /// For bodies that have no place to name them.
    pub outputs: Option<Vec<String>>,
}

impl Options {
    pub(super) fn read(uri: &Uri, headers: &HeaderMap) -> Result<Self, Invalid> {
        let wrong = |what: &str, expected: &str, got: &str| Invalid {
            code: "invalid_parameter",
            what: format!("parameter {what} cannot be understood"),
            place: Place::Whole,
            expected: expected.into(),
            got: format!("{got:?}"),
            hint: None,
        };
        let query = match uri.query() {
            None => Vec::new(),
            Some(text) => match Query::<Vec<(String, String)>>::try_from_uri(uri) {
                Ok(Query(pairs)) => pairs,
                Err(_) => return Err(wrong("list", "name=value pairs in UTF-8", text)),
            },
        };
        let mut options = Self::default();
        let mut shape = headers.get(X_TENSOR_SHAPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        for (name, value) in query {
            match name.as_str() {
                "non_finite" => {
                    options.non_finite = match value.as_str() {
                        "null" => NonFinite::Null,
                        "string" => NonFinite::String,
                        other => return Err(wrong("non_finite", "null or string", other)),
                    }
                }
                "shape" => shape = Some(value),
                "outputs" => options.outputs = Some(value.split(',').map(|name| name.trim().into()).collect()),
                // Proxies and browsers add their own.
                _ => {}
            }
        }
        if let Some(text) = shape {
            let sizes = text.trim_matches(['[', ']', '(', ')', ' ']).split(',').map(|size| size.trim().parse().ok());
            let sizes: Option<Vec<usize>> = sizes.collect();
            options.shape = Some(sizes.ok_or_else(|| wrong("shape", "sizes such as 2,3,224,224", &text))?);
        }
        Ok(options)
    }
}
