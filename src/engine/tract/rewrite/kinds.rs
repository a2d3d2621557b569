//! Inputs and outputs that are no tensors. tract's messages leave out what they are; it is read from the file here and put
//! in words into the `denotation` of the type, which nothing else uses, for whoever has to tell why they are not served.

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TypeProto};

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "11")]
    input: Vec<Info>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<Info>,
}

#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Kind>,
}

/// All that a type can be; at most one of them is there.
#[derive(Clone, PartialEq, Message)]
struct Kind {
    #[prost(message, optional, tag = "1")]
    tensor: Option<Element>,
    #[prost(message, optional, boxed, tag = "4")]
    sequence: Option<Box<Inner>>,
    #[prost(message, optional, boxed, tag = "5")]
    map: Option<Box<Map>>,
    #[prost(message, optional, tag = "7")]
    opaque: Option<Opaque>,
    #[prost(message, optional, tag = "8")]
    sparse: Option<Element>,
    #[prost(message, optional, boxed, tag = "9")]
    optional: Option<Box<Inner>>,
}

#[derive(Clone, PartialEq, Message)]
struct Element {
    #[prost(int32, tag = "1")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Inner {
    #[prost(message, optional, boxed, tag = "1")]
    kind: Option<Box<Kind>>,
}

#[derive(Clone, PartialEq, Message)]
struct Map {
    #[prost(int32, tag = "1")]
    key: i32,
    #[prost(message, optional, boxed, tag = "2")]
    value: Option<Box<Kind>>,
}

#[derive(Clone, PartialEq, Message)]
struct Opaque {}

/// Puts into words what the inputs and outputs are that are no tensors. `bytes` are those of the file.
pub fn describe(model: &mut ModelProto, bytes: &[u8]) {
    let Some(graph) = &mut model.graph else { return };
    let mut unknown = graph
        .input
        .iter_mut()
        .chain(&mut graph.output)
        .filter(|info| info.r#type.as_ref().is_none_or(|kind| kind.value.is_none()));
    let Some(first) = unknown.next() else { return };
    let Some(file) = File::decode(bytes).ok().and_then(|file| file.graph) else { return };
    for info in std::iter::once(first).chain(unknown) {
        let told = file.input.iter().chain(&file.output).find(|told| told.name == info.name);
        let denotation = told.and_then(|told| told.kind.as_ref()).map_or_else(String::new, |kind| words(kind, false));
        info.r#type = Some(TypeProto { denotation, value: None });
    }
}

fn words(kind: &Kind, plural: bool) -> String {
    let inner = |inner: &Inner, plural| inner.kind.as_ref().map_or("nothing known".into(), |kind| words(kind, plural));
    let (one, many) = if plural { ("", "s") } else { ("a ", "") };
    if let Some(element) = &kind.tensor {
        // The values of maps and the like are tensors without axes.
        return if plural { format!("tensors of {}", element_word(element.kind)) } else { element_word(element.kind) };
    }
    if let Some(sequence) = &kind.sequence {
        return format!("{one}sequence{many} of {}", inner(sequence, true));
    }
    if let Some(map) = &kind.map {
        let value = map.value.as_ref().map_or_else(|| "nothing known".into(), |value| words(value, false));
        return format!("{one}map{many} from {} to {value}", element_word(map.key));
    }
    if let Some(optional) = &kind.optional {
        let one = if plural { "" } else { "an " };
        return format!("{one}optional{many} of {}", inner(optional, true));
    }
    if let Some(sparse) = &kind.sparse {
        return format!("{one}sparse tensor{many} of {}", element_word(sparse.kind));
    }
    if kind.opaque.is_some() {
        return format!("{}opaque value{many}", if plural { "" } else { "an " });
    }
    "of no declared type".into()
}

fn element_word(kind: i32) -> String {
    DataType::try_from(kind).map_or_else(|_| format!("type {kind}"), |kind| kind.as_str_name().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: DataType) -> Box<Kind> {
        Box::new(Kind { tensor: Some(Element { kind: kind as i32 }), ..Default::default() })
    }

    fn sequence(of: Box<Kind>) -> Kind {
        Kind { sequence: Some(Box::new(Inner { kind: Some(of) })), ..Default::default() }
    }

    #[test]
    fn types_are_put_into_words() {
        let map = Map { key: DataType::Int64 as i32, value: Some(tensor(DataType::Float)) };
        let map = Kind { map: Some(Box::new(map)), ..Default::default() };
        assert_eq!(words(&map, false), "a map from int64 to float");
        assert_eq!(words(&sequence(Box::new(map)), false), "a sequence of maps from int64 to float");
        assert_eq!(words(&sequence(tensor(DataType::String)), false), "a sequence of tensors of string");
        let inner = Inner { kind: Some(tensor(DataType::Float)) };
        let optional = Kind { optional: Some(Box::new(inner)), ..Default::default() };
        assert_eq!(words(&optional, false), "an optional of tensors of float");
    }

    #[test]
    fn the_file_is_read_for_what_the_message_lacks() {
        let kind = Some(sequence(tensor(DataType::Float)));
        let output = vec![Info { name: "y".into(), kind }];
        let bytes = File { graph: Some(Graph { input: Vec::new(), output }) }.encode_to_vec();
        let mut model = ModelProto::decode(&*bytes).unwrap();
        describe(&mut model, &bytes);
        let told = model.graph.unwrap().output[0].r#type.clone().unwrap();
        assert_eq!(told.denotation, "a sequence of tensors of float");
    }
}
