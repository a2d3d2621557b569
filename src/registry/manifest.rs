//! `model.toml`: what a model's author says beside the graph. Every field is optional, unknown ones are refused, and the
//! version's own file wins over the model's field by field.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::{CacheLimits, ClassLabels, EngineWish, Golden, ModelCard, OutputRole, SchedulingWish};
use crate::tensor::{Shape, Tensor};
use crate::units::{ByteSize, Period, Text};

/// Parts of the slots beyond these are no parts any more, and times would lose their digits.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-3..=1e3;

/// Allowed difference when a manifest does not say.
const DEFAULT_TOLERANCE: f64 = 1e-5;
/// Budget of a response cache when a manifest wants one and does not say how large.
const DEFAULT_CACHE: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ManifestError {
    pub path: PathBuf,
    pub reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    title: Option<String>,
    description: Option<String>,
    features: Option<Vec<String>>,
    example: Option<String>,
    classes: Option<Classes>,
    golden: Option<GoldenRows>,
    engine: Option<String>,
    cache: Option<Cache>,
    batching: Option<Batching>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    labels: Vec<String>,
    #[serde(default)]
    outputs: BTreeMap<String, Role>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Class,
    Scores,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenRows {
    tolerance: Option<f64>,
    inputs: BTreeMap<String, toml::Value>,
    outputs: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache {
    max_bytes: Option<Text<ByteSize>>,
    ttl: Option<Text<Period>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batching {
    max_batch: Option<usize>,
    max_delay: Option<Text<Period>>,
    queue_rows: Option<usize>,
    weight: Option<f64>,
    priority: Option<i64>,
    instances: Option<usize>,
}

/// Reads the manifests that exist among `paths`, later ones winning.
pub(super) fn read_card(paths: &[PathBuf]) -> Result<ModelCard, ManifestError> {
    let mut card = ModelCard::default();
    for path in paths {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(ManifestError { path: path.clone(), reason: error.to_string() }),
        };
        merge(&mut card, &text).map_err(|reason| ManifestError { path: path.to_path_buf(), reason })?;
    }
    Ok(card)
}

fn merge(card: &mut ModelCard, text: &str) -> Result<(), String> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string())?;
    card.title = manifest.title.or(card.title.take());
    card.description = manifest.description.or(card.description.take());
    if let Some(features) = manifest.features {
        card.features = features;
    }
    if let Some(example) = manifest.example {
        serde_json::from_str::<serde::de::IgnoredAny>(&example).map_err(|error| format!("example: {error}"))?;
        card.example = Some(example);
    }
    if let Some(classes) = manifest.classes {
        card.classes = Some(class_labels(classes)?);
    }
    if let Some(golden) = manifest.golden {
        card.golden = Some(golden_rows(&golden)?);
    }
    if let Some(batching) = manifest.batching {
        card.batching = scheduling(batching, card.batching)?;
    }
    if let Some(word) = manifest.engine {
        card.engine = Some(word.parse::<EngineWish>().map_err(|reason| format!("engine: {reason}"))?);
    }
    if let Some(cache) = manifest.cache {
        card.cache = cache_limits(&cache, card.cache)?;
    }
    Ok(())
}

/// `None` for a budget of nothing, by which a version turns off what the model's file turns on.
fn cache_limits(cache: &Cache, before: Option<CacheLimits>) -> Result<Option<CacheLimits>, String> {
    let default = before.map_or(DEFAULT_CACHE, |before| before.max_bytes);
    let max_bytes = cache.max_bytes.as_ref().map_or(default, |text| text.0.0);
    let ttl = cache.ttl.as_ref().map(|text| text.0.0).or(before.and_then(|before| before.ttl));
    if ttl.is_some_and(|ttl| ttl.is_zero()) {
        return Err("cache.ttl: expected more than 0; without it answers stay as long as there is room".into());
    }
    Ok((max_bytes > 0).then_some(CacheLimits { max_bytes, ttl }))
}

fn scheduling(batching: Batching, before: SchedulingWish) -> Result<SchedulingWish, String> {
    let Batching { max_batch, max_delay, queue_rows, weight, priority, instances } = batching;
    for (name, value) in [("max_batch", max_batch), ("queue_rows", queue_rows), ("instances", instances)] {
        if value == Some(0) {
            return Err(format!("batching.{name}: expected a whole number of 1 or more"));
        }
    }
    if weight.is_some_and(|weight| !WEIGHTS.contains(&weight)) {
        return Err("batching.weight: expected a number from 0.001 to 1000".into());
    }
    Ok(SchedulingWish {
        max_batch: max_batch.or(before.max_batch),
        max_delay: max_delay.map(|Text(Period(delay))| delay).or(before.max_delay),
        queue_rows: queue_rows.or(before.queue_rows),
        weight: weight.or(before.weight),
        priority: priority.or(before.priority),
        instances: instances.or(before.instances),
    })
}

fn class_labels(classes: Classes) -> Result<ClassLabels, String> {
    if classes.labels.is_empty() {
        return Err("classes.labels: expected at least one label".into());
    }
    let role = |role| match role {
        Role::Class => OutputRole::Class,
        Role::Scores => OutputRole::Scores,
    };
    let outputs = classes.outputs.into_iter().map(|(name, word)| (name, role(word))).collect();
    Ok(ClassLabels { labels: classes.labels, outputs })
}

fn golden_rows(golden: &GoldenRows) -> Result<Golden, String> {
    let tolerance = golden.tolerance.unwrap_or(DEFAULT_TOLERANCE);
    if !(tolerance.is_finite() && tolerance >= 0.0) {
        return Err("golden.tolerance: expected a number of 0 or more".into());
    }
    if golden.inputs.is_empty() || golden.outputs.is_empty() {
        return Err("golden: expected at least one input and one output".into());
    }
    let read = |part: &str, values: &BTreeMap<String, toml::Value>| {
        let each = |(name, value): (&String, &toml::Value)| {
            Ok((name.clone(), tensor(value).map_err(|reason| format!("golden.{part}.{name}: {reason}"))?))
        };
        values.iter().map(each).collect::<Result<Vec<_>, String>>()
    };
    Ok(Golden { inputs: read("inputs", &golden.inputs)?, outputs: read("outputs", &golden.outputs)?, tolerance })
}

/// Nested arrays as a tensor of INT64, FP64, BOOL or BYTES; whoever compares casts to the declared type.
fn tensor(value: &toml::Value) -> Result<Tensor, String> {
    let mut shape = Shape::new();
    let mut probe = value;
    while let toml::Value::Array(items) = probe {
        shape.push(items.len());
        match items.first() {
            Some(first) => probe = first,
            None => break,
        }
    }
    let mut leaves = Vec::new();
    flatten(value, &shape, &mut leaves)?;
    let made = match leaves.first() {
        Some(toml::Value::String(_)) => {
            Tensor::from_strings(shape, each(&leaves, |leaf| leaf.as_str().map(String::from))?)
        }
        Some(toml::Value::Boolean(_)) => Tensor::from_vec(shape, each(&leaves, |leaf| leaf.as_bool())?),
        _ if leaves.iter().all(|leaf| leaf.is_integer()) => {
            Tensor::from_vec(shape, each(&leaves, |leaf| leaf.as_integer())?)
        }
        _ => Tensor::from_vec(shape, each(&leaves, number)?),
    };
    made.map_err(|error| error.to_string())
}

fn flatten<'v>(value: &'v toml::Value, shape: &[usize], leaves: &mut Vec<&'v toml::Value>) -> Result<(), String> {
    match (value, shape.split_first()) {
        (toml::Value::Array(items), Some((&size, inner))) if items.len() == size => {
            items.iter().try_for_each(|item| flatten(item, inner, leaves))
        }
        (toml::Value::Array(_), _) | (_, Some(_)) => Err("rows of different lengths".into()),
        (leaf, None) => {
            leaves.push(leaf);
            Ok(())
        }
    }
}

fn each<T>(leaves: &[&toml::Value], read: impl Fn(&toml::Value) -> Option<T>) -> Result<Vec<T>, String> {
    let read = |leaf: &&toml::Value| read(leaf).ok_or_else(|| format!("{leaf} is of another kind than the rest"));
    leaves.iter().map(read).collect()
}

fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn card(texts: &[&str]) -> Result<ModelCard, String> {
        let mut card = ModelCard::default();
        texts.iter().try_for_each(|text| merge(&mut card, text))?;
        Ok(card)
    }

    #[test]
    fn the_version_wins_field_by_field() {
        let merged = card(&["title = 'a'\nfeatures = ['x']", "title = 'b'"]).unwrap();
        assert_eq!(merged.title.as_deref(), Some("b"));
        assert_eq!(merged.features, ["x"]);
        let merged =
            card(&["[batching]\nmax_batch = 8\nweight = 2.0", "[batching]\nmax_batch = 1\nmax_delay = '2ms'"]).unwrap();
        let wish = SchedulingWish {
            max_batch: Some(1),
            max_delay: Some(Duration::from_millis(2)),
            weight: Some(2.0),
            ..SchedulingWish::default()
        };
        assert_eq!(merged.batching, wish);
        let merged = card(&["engine = 'auto'", "engine = 'onnxruntime'", "title = 'b'"]).unwrap();
        assert_eq!(merged.engine, Some(EngineWish::OnnxRuntime));
    }

    #[test]
    fn a_cache_is_wanted_in_the_words_of_the_settings() {
        let limits = |text: &str| card(&[text]).unwrap().cache;
        let whole = CacheLimits { max_bytes: 2 << 20, ttl: Some(Duration::from_secs(600)) };
        assert_eq!(limits("[cache]\nmax_bytes = '2MiB'\nttl = '10m'"), Some(whole));
        assert_eq!(limits("[cache]"), Some(CacheLimits { max_bytes: DEFAULT_CACHE, ttl: None }));
        assert_eq!(limits("[cache]\nmax_bytes = 4096"), Some(CacheLimits { max_bytes: 4096, ttl: None }));
        assert_eq!(card(&["[cache]", "[cache]\nmax_bytes = 0"]).unwrap().cache, None);
        let both = card(&["[cache]\nmax_bytes = '1MiB'\nttl = '10m'", "[cache]\nmax_bytes = '2MiB'"]).unwrap().cache;
        assert_eq!(both, Some(whole), "field by field");
        assert_eq!(limits("title = 'x'"), None);
    }

    #[test]
    fn golden_rows_become_tensors() {
        let golden = card(&["[golden]\ninputs = { x = [[1, 2.5], [3, 4]] }\noutputs = { y = [0, 1], s = ['a'] }"])
            .unwrap()
            .golden
            .unwrap();
        assert_eq!(golden.inputs[0].1, Tensor::from_vec(Shape::from_slice(&[2, 2]), vec![1.0, 2.5, 3.0, 4.0]).unwrap());
        assert_eq!(golden.outputs[0].1.strings().unwrap(), ["a"]);
        assert_eq!(golden.outputs[1].1, Tensor::from_vec(Shape::from_slice(&[2]), vec![0i64, 1]).unwrap());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, word) in [
            ("titel = 'x'", "titel"),
            ("engine = 'ort'", "engine"),
            ("example = '{'", "example"),
            ("[cache]\nmax_bytes = '1.5MiB'", "1.5MiB"),
            ("[cache]\nttl = '0'", "cache.ttl"),
            ("[cache]\nttl = 10", "10"),
            ("[cache]\nsize = 1", "size"),
            ("[classes]\nlabels = []", "classes.labels"),
            ("[classes]\nlabels = ['a']\noutputs = { y = 'probability' }", "probability"),
            ("[golden]\ninputs = { x = [[1, 2], [3]] }\noutputs = { y = 1 }", "golden.inputs.x"),
            ("[golden]\ninputs = { x = [1] }\noutputs = { y = [1, 'a'] }", "golden.outputs.y"),
            ("[batching]\nmax_batch = 0", "batching.max_batch"),
            ("[batching]\nweight = -1.0", "batching.weight"),
            ("[batching]\nweight = 1e25", "batching.weight"),
            ("[batching]\nmax_delay = 'soon'", "soon"),
            ("[batching]\nbatch = 8", "batch"),
            ("[golden]\ntolerance = -1\ninputs = { x = 1 }\noutputs = { y = 1 }", "tolerance"),
        ] {
            let reason = card(&[text]).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }
}
