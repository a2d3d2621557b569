//! What to ask a server, learned from the server: its models, what they take, and the example it shows. Where there is none,
//! as with other servers of the inference protocol, the inputs are made up from the signature.

use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

use super::super::Failure;
use super::body::{Format, Question};
use super::connection::Connection;
use super::inputs;
use super::request::{Message, Request};
use super::url::Url;
use crate::api::predict::{BodyType, decode};
use crate::api::v2;
use crate::model::{Description, Digest, Dim, GraphSummary, ModelCard, ModelId, Port, Signature, Version};
use crate::serving::{Input, Payload};
use crate::tensor::{DataType, Shape, Tensor};

/// Which model to ask for how many rows.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// `NAME` or `NAME/VERSION`; `None` for the one that the server takes by itself.
    pub(super) model: Option<String>,
    pub(super) rows: usize,
    pub(super) seed: u64,
}

/// Sends one request and reads the answer. Blocking.
pub(super) fn ask(url: &Url, request: &Request, timeout: Duration) -> Result<(u16, Vec<u8>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut body = Vec::new();
    let mut connection = Connection::new(url.address);
    let exchange = async { tokio::time::timeout(timeout, connection.exchange(request, Some(&mut body))).await };
    match runtime.block_on(exchange) {
        Ok(Ok(exchanged)) => Ok((exchanged.status, body)),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(Failure(format!("http://{}: connection refused; is a server running there?", url.host)))
        }
        Ok(Err(error)) => Err(Failure(format!("http://{}: {error}", url.host))),
        Err(_) => Err(Failure(format!("http://{}: no answer in {} s", url.host, timeout.as_secs_f64()))),
    }
}

/// The model and the path form that a URL's path already says.
pub(super) fn said_by(path: &str) -> Option<(Option<String>, Format)> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    Some(match *segments.as_slice() {
        ["predict"] => (None, Format::Predict),
        ["predict", model] => (Some(model.into()), Format::Predict),
        ["predict", model, version] => (Some(format!("{model}/{version}")), Format::Predict),
        ["v2", "models", model, "infer"] => (Some(model.into()), Format::V2Json),
        ["v2", "models", model, "versions", version, "infer"] => (Some(format!("{model}/{version}")), Format::V2Json),
        _ => return None,
    })
}

/// Asks the server what it takes. Blocking.
pub(super) fn question(url: &Url, wanted: &Wanted, timeout: Duration) -> Result<Question, Failure> {
    let get = |path: &str| -> Result<Option<Value>, Failure> {
        let server = Url { path: None, ..url.clone() };
        let (status, body) = ask(&server, &Message::get(path).to(&server), timeout)?;
        if status >= 500 {
            let words: String = String::from_utf8_lossy(&body).trim().chars().take(400).collect();
            return Err(Failure(format!("http://{}{path}: answered {status}: {words}", url.host)));
        }
        Ok(serde_json::from_slice(&body).ok().filter(|_| status == 200))
    };
    let (name, version) = match &wanted.model {
        Some(model) => match model.split_once('/') {
            Some((name, version)) => (Some(name), Some(version)),
            None => (Some(model.as_str()), None),
        },
        None => (None, None),
    };
    let listed = match name {
        Some(name) => get(&format!("/models/{name}"))?,
        None => get("/models")?.as_ref().and_then(default_model).cloned(),
    };
    let told = listed
        .as_ref()
        .and_then(|model| Some((model["name"].as_str()?.to_owned(), version_of(model, version)?.clone())));
    if let (None, Some(name), Some(listed)) = (&told, name, &listed) {
        return Err(Failure(format!("http://{}: {}", url.host, not_ready(name, version, listed))));
    }
    let (name, told) = match (told, name) {
        (Some(told), _) => told,
        (None, None) => {
            let why = "does not say which model it has by default, name one with --model, or give a body with --body";
            return Err(Failure(format!("http://{}: {why}", url.host)));
        }
        (None, Some(name)) => {
            let path = match version {
                Some(version) => format!("/v2/models/{name}/versions/{version}"),
                None => format!("/v2/models/{name}"),
            };
            let told = get(&path)?;
            let told = told.ok_or_else(|| Failure(format!("http://{}: there is no model {name:?} ready", url.host)))?;
            (name.to_owned(), told)
        }
    };
    let wrong = |why: &str| Failure(format!("http://{}: model {name:?}: {why}", url.host));
    let ports = told["inputs"].as_array().and_then(|ports| ports.iter().map(port).collect::<Option<Vec<_>>>());
    let ports = ports.ok_or_else(|| wrong("its inputs are described in a way that is not understood"))?;
    let batched = !ports.is_empty() && ports.iter().all(Port::is_batched);
    if !batched && wanted.rows != 1 {
        return Err(wrong("it takes no rows, so --rows can only be 1"));
    }
    let tensors = of_example(&told, &ports)
        .and_then(|tensors| fitted(tensors, &ports, batched.then_some(wanted.rows)))
        .or_else(|| inputs::random(&ports, &made_up_shapes(&ports, wanted.rows), wanted.seed))
        .ok_or_else(|| wrong("so many rows do not fit into memory"))?;
    let inputs = ports.into_iter().map(|port| port.name).zip(tensors).collect();
    Ok(Question { model: name, version: version.map(Into::into), inputs, batched })
}

fn default_model(listing: &Value) -> Option<&Value> {
    let models = listing["models"].as_array()?;
    models.iter().find(|model| model["default"] == true).or_else(|| models.iter().find(|model| model["ready"] == true))
}

/// Why none of the versions that a server lists can be asked.
fn not_ready(name: &str, version: Option<&str>, listed: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let versions = listed["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let all: Vec<_> =
        versions.iter().map(|each| format!("{} ({})", word(&each["version"]), word(&each["state"]))).collect();
    let which = version.map_or_else(|| "no version".into(), |version| format!("no version {version:?}"));
    format!("model {name:?} has {which} that is ready; there are {}", all.join(", "))
}

/// The version that was named, or the newest that can answer.
fn version_of<'a>(model: &'a Value, named: Option<&str>) -> Option<&'a Value> {
    let mut versions = model["versions"].as_array()?.iter().filter(|version| version["state"] == "ready");
    versions.find(|version| named.is_none_or(|named| version["version"] == named))
}

fn port(told: &Value) -> Option<Port> {
    let dim = |(axis, size): (usize, &Value)| match size.as_i64()? {
        // The protocol does not say which axes are of one size, but for rows.
        -1 if axis == 0 => Some(Dim::Symbol("rows".into())),
        -1 => Some(Dim::Symbol(String::new())),
        size => usize::try_from(size).ok().map(Dim::Fixed),
    };
    Some(Port {
        name: told["name"].as_str()?.into(),
        datatype: told["datatype"].as_str()?.parse::<DataType>().ok()?,
        shape: told["shape"].as_array()?.iter().enumerate().map(dim).collect::<Option<_>>()?,
        description: None,
    })
}

fn made_up_shapes(ports: &[Port], rows: usize) -> Vec<Shape> {
    let size = |(axis, dim): (usize, &Dim)| dim.fixed().unwrap_or(if axis == 0 { rows } else { 1 });
    ports.iter().map(|port| port.shape.iter().enumerate().map(size).collect()).collect()
}

/// The server's own example, read as the server reads it.
fn of_example(told: &Value, ports: &[Port]) -> Option<Vec<Tensor>> {
    let body = serde_json::to_vec(told.get("example")?.get("body")?).ok()?;
    let features = told["features"].as_array().map(Vec::as_slice).unwrap_or_default();
    let features: Vec<String> = features.iter().filter_map(Value::as_str).map(Into::into).collect();
    read(&HeaderMap::new(), body.into(), ports, &features).ok().flatten()
}

/// The inputs that a message gives a model, as the server would read it. Fails with what is wrong with it.
pub(super) fn tensors_of(message: &Message, ports: &[Port]) -> Result<Vec<Tensor>, String> {
    let read = read(&message.header_map()?, message.body.clone().into(), ports, &[])?;
    let fit = |tensors| fitted(tensors, ports, None);
    read.and_then(fit).ok_or_else(|| {
        let port = |port: &Port| format!("{:?} ({} {:?})", port.name, port.datatype, port.wire_shape());
        format!(
            "the body does not give what the model takes: {}",
            ports.iter().map(port).collect::<Vec<_>>().join(", ")
        )
    })
}

/// A body of either protocol. `None` where it is sound but does not fit the model.
fn read(headers: &HeaderMap, body: Bytes, ports: &[Port], features: &[String]) -> Result<Option<Vec<Tensor>>, String> {
    let named = |inputs: Vec<Input>| {
        let find = |port: &Port| inputs.iter().find(|input| input.name == port.name).map(|input| input.tensor.clone());
        ports.iter().map(find).collect::<Option<Vec<_>>>()
    };
    let described = Description {
        id: ModelId { name: "model".parse().map_err(|_| "no name")?, version: Version(1), digest: Digest([0; 32]) },
        signature: Signature { inputs: ports.to_vec(), outputs: Vec::new() },
        card: ModelCard { features: features.to_vec(), ..ModelCard::default() },
        graph: GraphSummary::default(),
        sample: Vec::new(),
        engine: "",
        engine_choice: None,
    };
    let of_v2 = match v2::inputs_of(headers, body.clone(), &described.signature) {
        Ok(inputs) => return Ok(named(inputs)),
        Err(error) => error,
    };
    let decoded = decode(BodyType::Json, body, None, &described).map_err(|error| {
        // Which protocol was meant is said by this header, or else by who got further.
        let is_v2 = headers.contains_key(v2::INFERENCE_HEADER) || of_v2.pointer.len() > error.pointer.len();
        let error = if is_v2 { &of_v2 } else { &error };
        let place = if error.pointer.is_empty() { String::new() } else { format!(" at {}", error.pointer) };
        format!("{error}{place}")
    })?;
    Ok(match decoded.payload {
        Payload::Named(inputs) => named(inputs),
        Payload::Sole(input) => Some(vec![input.tensor]),
        Payload::Records { columns, rows } => match ports {
            [port] if !features.is_empty() => {
                side_by_side(&columns, rows, features, port.datatype).map(|rows| vec![rows])
            }
            _ => named(columns),
        },
    })
}

/// Columns of one value per row as one tensor.
fn side_by_side(columns: &[Input], rows: usize, features: &[String], datatype: DataType) -> Option<Tensor> {
    let column = |feature: &String| columns.iter().find(|column| column.name == *feature).map(|column| &column.tensor);
    let columns: Vec<&Tensor> = features.iter().map(column).collect::<Option<_>>()?;
    let shape = Shape::from_slice(&[rows, columns.len()]);
    if datatype == DataType::Bytes {
        let columns: Vec<_> = columns.iter().map(|column| column.strings()).collect::<Option<_>>()?;
        let cell = |at: usize| columns.get(at % columns.len())?.get(at / columns.len()).cloned();
        return Tensor::from_strings(shape, (0..rows * columns.len()).map(cell).collect::<Option<Vec<_>>>()?).ok();
    }
    let wide = |tensor: &Tensor| Some(tensor.cast(DataType::Fp64).ok()?.values::<f64>()?.to_vec());
    let columns: Vec<Vec<f64>> = columns.into_iter().map(wide).collect::<Option<_>>()?;
    let cell = |at: usize| columns.get(at % columns.len())?.get(at / columns.len()).copied();
    let cells = (0..rows * columns.len()).map(cell).collect::<Option<Vec<f64>>>()?;
    Tensor::from_vec(shape, cells).ok()?.cast(datatype).ok()
}

/// The tensors with the types and ranks of the inputs and, where there are rows, so many.
fn fitted(tensors: Vec<Tensor>, ports: &[Port], rows: Option<usize>) -> Option<Vec<Tensor>> {
    let fit = |(tensor, port): (Tensor, &Port)| {
        let mut tensor = tensor.cast(port.datatype).ok()?;
        let mut shape = Shape::from_slice(tensor.shape());
        if rows.is_some() && shape.len() + 1 == port.shape.len() {
            // A column of single values, or a row without its batch axis.
            let column = port.shape.len() == 2 && port.shape.get(1).is_some_and(|dim| dim.fixed() == Some(1));
            shape.insert(usize::from(column), 1);
            tensor = tensor.reshaped(shape).ok()?;
        }
        let fits = |(dim, size): (&Dim, &usize)| dim.fixed().is_none_or(|fixed| fixed == *size);
        let tensor = if let Some(rows) = rows { inputs::with_rows(&tensor, rows)? } else { tensor };
        let fits = tensor.shape().len() == port.shape.len() && port.shape.iter().zip(tensor.shape()).all(fits);
        fits.then_some(tensor)
    };
    (tensors.len() == ports.len()).then(|| tensors.into_iter().zip(ports).map(fit).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(example: Value) -> (Value, Vec<Port>) {
        let told = json!({
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
            "features": ["a", "b"],
            "example": {"body": example},
        });
        let ports = told["inputs"].as_array().unwrap().iter().map(|told| port(told).unwrap()).collect();
        (told, ports)
    }

    #[test]
    fn an_example_is_read_in_every_form_it_may_have() {
        for example in [
            json!({"instances": [[1, 2], [3, 4]]}),
            json!([[1, 2]]),
            json!([1, 2]),
            json!({"inputs": {"x": [[1.0, 2.0]]}}),
            json!([{"b": 2, "a": 1}]),
            json!({"a": 1, "b": 2}),
        ] {
            let (told, ports) = told(example.clone());
            let tensors = of_example(&told, &ports).and_then(|tensors| fitted(tensors, &ports, Some(1)));
            let tensors = tensors.unwrap_or_else(|| panic!("{example}"));
            assert_eq!(tensors, [Tensor::from_vec(&[1, 2][..], vec![1f32, 2.0]).unwrap()], "{example}");
        }
        let (told, ports) = told(json!({"instances": [[1, 2, 3]]}));
        assert!(of_example(&told, &ports).and_then(|tensors| fitted(tensors, &ports, Some(1))).is_none());
        assert_eq!(made_up_shapes(&ports, 3)[0].as_slice(), [3, 2]);
    }

    #[test]
    fn paths_say_the_model() {
        for (path, model, format) in [
            ("/predict", None, Format::Predict),
            ("/predict/iris/2?outputs=label", Some("iris/2"), Format::Predict),
            ("/v2/models/iris/infer", Some("iris"), Format::V2Json),
            ("/v2/models/iris/versions/1/infer", Some("iris/1"), Format::V2Json),
        ] {
            assert_eq!(said_by(path), Some((model.map(Into::into), format)), "{path}");
        }
        assert_eq!(said_by("/health"), None);
    }
}
