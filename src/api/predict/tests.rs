//! Every body form as the payload it stands for, every answer as the text it is written as, and that no body can make
//! reading fail in another way than by saying so.

mod answers;
mod bodies;

use std::sync::Arc;

use crate::model::{
    ClassLabels, Description, Digest, Dim, GraphSummary, ModelCard, ModelId, OutputRole, Port, Signature, Version,
};
use crate::tensor::DataType;

fn port(name: &str, datatype: DataType, shape: &[i64]) -> Port {
    let symbol = |axis: usize| Dim::Symbol(if axis == 0 { "batch".into() } else { format!("n{axis}") });
    let dim = |(axis, &size): (usize, &i64)| usize::try_from(size).map_or_else(|_| symbol(axis), Dim::Fixed);
    Port { name: name.into(), datatype, shape: shape.iter().enumerate().map(dim).collect(), description: None }
}

fn model(inputs: Vec<Port>, outputs: Vec<Port>, card: ModelCard) -> Arc<Description> {
    Arc::new(Description {
        id: ModelId { name: "m".parse().expect("a name"), version: Version(3), digest: Digest([0xab; 32]) },
        signature: Signature { inputs, outputs },
        card,
        graph: GraphSummary::default(),
        sample: Vec::new(),
        engine: "fake",
        engine_choice: None,
    })
}

/// One input of two features, a class and its scores.
fn flowers() -> Arc<Description> {
    let roles = [("class".to_owned(), OutputRole::Class), ("scores".to_owned(), OutputRole::Scores)];
    let card = ModelCard {
        features: vec!["length".into(), "width".into()],
        classes: Some(ClassLabels { labels: vec!["rose".into(), "tulip".into()], outputs: roles.into() }),
        ..ModelCard::default()
    };
    let inputs = vec![port("x", DataType::Fp32, &[-1, 2])];
    let outputs = vec![port("class", DataType::Int64, &[-1]), port("scores", DataType::Fp32, &[-1, 2])];
    model(inputs, outputs, card)
}

/// Two inputs of different types, no card.
fn pair() -> Arc<Description> {
    let inputs = vec![port("age", DataType::Int32, &[-1]), port("town", DataType::Bytes, &[-1, 1])];
    model(inputs, vec![port("y", DataType::Fp32, &[-1, 1])], ModelCard::default())
}
