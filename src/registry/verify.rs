//! Checks between "the engine took it" and "it answers requests": that the author's words fit the graph, and that the
//! model computes. With golden rows it must reproduce them; without, one run on made-up values must succeed, which also
//! warms it up.

use crate::engine::Session;
use crate::engine::answers::compare;
use crate::engine::samples;
use crate::model::{ClassLabels, Dim, Golden, ModelCard, OutputRole, Port, Signature};
use crate::tensor::Tensor;

/// Values tried: zeros are a legal index and a legal pixel; ones help a model that divides by its input.
const PROBE_VALUES: [f64; 2] = [0.0, 1.0];

/// Makes the card fit the signature: fills in what it leaves out and refuses what contradicts the graph.
pub(super) fn reconcile(mut card: ModelCard, signature: &Signature) -> Result<ModelCard, String> {
    if !card.features.is_empty() {
        check_features(&card.features, signature)?;
    }
    if let Some(classes) = &mut card.classes {
        check_classes(classes, signature)?;
    }
    if let Some(golden) = &card.golden {
        let inputs: Vec<_> = golden.inputs.iter().map(|(name, _)| name.as_str()).collect();
        for port in &signature.inputs {
            if !inputs.contains(&port.name.as_str()) {
                return Err(format!("golden.inputs: input {:?} is missing", port.name));
            }
        }
        let known = |ports: &[Port], name: &str| ports.iter().any(|port| port.name == name);
        if let Some(name) = inputs.iter().find(|name| !known(&signature.inputs, name)) {
            return Err(format!("golden.inputs: the model has no input {name:?}"));
        }
        if let Some((name, _)) = golden.outputs.iter().find(|(name, _)| !known(&signature.outputs, name)) {
            return Err(format!("golden.outputs: the model has no output {name:?}"));
        }
    }
    Ok(card)
}

fn check_features(features: &[String], signature: &Signature) -> Result<(), String> {
    let [input] = signature.inputs.as_slice() else {
        return Err(format!(
            "features: the model has {} inputs, features name the columns of one",
            signature.inputs.len()
        ));
    };
    match input.shape.as_slice() {
        [_, Dim::Fixed(columns)] if *columns == features.len() => {}
        [_, Dim::Symbol(_)] => {}
        _ => {
            let shape = input.wire_shape();
            return Err(format!("features: {} names for input {:?} of shape {shape:?}", features.len(), input.name));
        }
    }
    match repeated(features) {
        Some(name) => Err(format!("features: {name:?} is there twice")),
        None => Ok(()),
    }
}

fn repeated(names: &[String]) -> Option<&String> {
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

fn check_classes(classes: &mut ClassLabels, signature: &Signature) -> Result<(), String> {
    let count = classes.labels.len();
    let scores =
        |port: &Port| port.datatype.is_float() && matches!(port.shape.last(), Some(Dim::Fixed(n)) if *n == count);
    for (name, role) in &classes.outputs {
        let port = signature.outputs.iter().find(|port| port.name == *name);
        let port = port.ok_or_else(|| format!("classes.outputs: the model has no output {name:?}"))?;
        match role {
            OutputRole::Class if !port.datatype.is_integer() => {
                return Err(format!("classes.outputs: {name:?} is {}, not an integer class index", port.datatype));
            }
            OutputRole::Scores if !scores(port) && !matches!(port.shape.last(), Some(Dim::Symbol(_))) => {
                let shape = port.wire_shape();
                return Err(format!(
                    "classes.outputs: {name:?} of shape {shape:?} has no score for each of {count} labels"
                ));
            }
            OutputRole::Class | OutputRole::Scores => {}
        }
    }
    if classes.outputs.is_empty() {
        let role = |port: &Port| match port.datatype {
            datatype if datatype.is_integer() && port.shape.len() == 1 => Some(OutputRole::Class),
            _ => scores(port).then_some(OutputRole::Scores),
        };
        // One axis for the classes, after that of the rows where there are rows.
        let rank = if signature.is_batched() { 2..=2 } else { 1..=2 };
        let other_scores = |port: &&Port| {
            let looks_like_scores = port.datatype.is_float() && rank.contains(&port.shape.len());
            let scores = port.shape.last().and_then(Dim::fixed).filter(|_| looks_like_scores);
            scores.is_some_and(|scores| scores > 1 && scores != count)
        };
        if let Some(port) = signature.outputs.iter().find(other_scores) {
            return Err(format!(
                "classes.labels: {count} labels, but output {:?} has shape {:?}; name the outputs they are for in classes.outputs",
                port.name,
                port.wire_shape()
            ));
        }
        classes.outputs = signature.outputs.iter().filter_map(|port| Some((port.name.clone(), role(port)?))).collect();
        if classes.outputs.is_empty() {
            return Err("classes.labels: no output is a class index or has one score per label".into());
        }
    }
    // Several indices may well mean one class; scores are written as an object with the labels for keys.
    let has_scores = classes.outputs.values().any(|role| matches!(role, OutputRole::Scores));
    match repeated(&classes.labels).filter(|_| has_scores) {
        Some(label) => {
            Err(format!("classes.labels: {label:?} is there twice, but each score needs a label of its own"))
        }
        None => Ok(()),
    }
}

/// Runs the model once or more and compares what can be compared; gives back inputs it has answered, of one row where it
/// takes rows. Blocking.
pub(super) fn verify(session: &dyn Session, card: &ModelCard) -> Result<Vec<Tensor>, String> {
    match &card.golden {
        Some(golden) => reproduce(session, golden),
        None => warm_up(session),
    }
}

fn reproduce(session: &dyn Session, golden: &Golden) -> Result<Vec<Tensor>, String> {
    let signature = session.signature();
    let inputs = samples::golden(golden, signature)?;
    let outputs = session.run(&inputs).map_err(|error| format!("the golden rows cannot be computed: {error}"))?;
    for (name, expected) in &golden.outputs {
        let got = signature.outputs.iter().position(|port| port.name == *name).and_then(|index| outputs.get(index));
        let got = got.ok_or_else(|| format!("golden.outputs: the model has no output {name:?}"))?;
        compare(got, expected, golden.tolerance)
            .map_err(|difference| format!("golden.outputs.{name}: {difference}"))?;
    }
    let first_row = |tensor: &Tensor| tensor.slice_rows(0, 1).unwrap_or_else(|_| tensor.clone());
    Ok(if signature.is_batched() { inputs.iter().map(first_row).collect() } else { inputs })
}

fn warm_up(session: &dyn Session) -> Result<Vec<Tensor>, String> {
    let mut reason = "the smallest run does not fit in memory".to_string();
    for value in PROBE_VALUES {
        let Some(inputs) = session.sample(value) else { continue };
        match session.run(&inputs) {
            Ok(_) => return Ok(inputs),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(format!("a first run on made-up values failed: {reason}. Give golden rows in model.toml if it needs real ones"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DataType;

    #[test]
    fn roles_are_inferred_or_checked() {
        let port =
            |name: &str, datatype, shape: Vec<Dim>| Port { name: name.into(), datatype, shape, description: None };
        let n = || Dim::Symbol("N".into());
        let signature = Signature {
            inputs: vec![port("x", DataType::Fp32, vec![n(), Dim::Fixed(2)])],
            outputs: vec![
                port("label", DataType::Int64, vec![n()]),
                port("scores", DataType::Fp32, vec![n(), Dim::Fixed(3)]),
            ],
        };
        let with = |labels: usize, outputs: &[(&str, OutputRole)]| {
            let labels = (0..labels).map(|label| label.to_string()).collect();
            let outputs = outputs.iter().map(|(name, role)| (name.to_string(), *role)).collect();
            ModelCard { classes: Some(ClassLabels { labels, outputs }), ..ModelCard::default() }
        };
        let roles = reconcile(with(3, &[]), &signature).unwrap().classes.unwrap().outputs;
        assert_eq!(roles["label"], OutputRole::Class);
        assert_eq!(roles["scores"], OutputRole::Scores);
        assert!(reconcile(with(2, &[("scores", OutputRole::Scores)]), &signature).is_err());
        assert!(reconcile(with(3, &[("scores", OutputRole::Class)]), &signature).is_err());
        assert!(reconcile(with(3, &[("nothing", OutputRole::Class)]), &signature).is_err());
        assert!(reconcile(with(2, &[]), &signature).unwrap_err().contains("classes.outputs"));

        let repeating = |outputs: &[(&str, OutputRole)]| {
            let mut card = with(3, outputs);
            card.classes.as_mut().unwrap().labels[2] = "0".into();
            reconcile(card, &signature)
        };
        assert!(repeating(&[]).unwrap_err().contains("\"0\" is there twice"));
        assert!(repeating(&[("scores", OutputRole::Scores)]).is_err());
        assert!(repeating(&[("label", OutputRole::Class)]).is_ok());

        let row = Signature {
            inputs: vec![port("x", DataType::Fp32, vec![Dim::Fixed(2)])],
            outputs: vec![
                port("label", DataType::Int64, vec![Dim::Fixed(1)]),
                port("scores", DataType::Fp32, vec![Dim::Fixed(3)]),
            ],
        };
        assert!(reconcile(with(3, &[]), &row).is_ok());
        assert!(reconcile(with(2, &[]), &row).unwrap_err().contains("\"scores\""));
        assert!(reconcile(with(2, &[("label", OutputRole::Class)]), &row).is_ok());
        let features = |names: &[&str]| {
            let features = names.iter().map(|name| name.to_string()).collect();
            reconcile(ModelCard { features, ..ModelCard::default() }, &signature)
        };
        assert!(features(&["a", "b"]).is_ok());
        assert!(features(&["a"]).is_err());
        assert!(features(&["a", "a"]).is_err());
    }
}
