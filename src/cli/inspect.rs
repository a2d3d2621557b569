//! `onnxd inspect FILE`: what the file says of itself, and whether and how each of its operators is run. Works on files
//! that cannot be loaded; then the exit code is 1 and the reason stands last.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use crate::app::quiet_caught_panics;
use crate::engine::choice::Choice;
use crate::engine::{Engine, Inspection, LoadError, ModelSource, Support, Wishes};
use crate::model::{Digest, Dim, Port};

use super::engine::EngineFlags;
use super::{Failure, say};

#[derive(Args)]
pub(super) struct Inspect {
    /// The ONNX file
    file: PathBuf,

    #[command(flatten)]
    engine: EngineFlags,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let source = ModelSource::read(&self.file)?;
        let size = source.bytes.len();
        quiet_caught_panics();
        let config = super::config(self.engine.in_force()?)?;
        let engine = Choice::new(config.engine, config.trial, 1)?;
        let loaded = engine.choose(&source, Wishes::default());
        if let Err(error @ LoadError::Trial(_)) = loaded {
            // What took down one process is not looked into by another.
            return Err(error.into());
        }
        let mut inspection = engine.inspect(&source)?;
        let mut external: &[String] = &[];
        if let Ok(loaded) = &loaded {
            // Completed by what the engine infers, which is what clients will see.
            inspection.signature = Ok(loaded.session.signature().clone());
            external = &loaded.session.graph().external_data;
        }
        let digest = source.digest(external)?;
        say(report(&inspection, digest, size)?.trim_end())?;
        match loaded {
            Ok(loaded) => {
                let why = loaded.choice.map(|choice| format!(", by {}: {}", loaded.engine, choice.reason));
                say(format_args!("\nloads     yes{}", why.unwrap_or_default()))
            }
            Err(error) => {
                say("\nloads     no")?;
                Err(error.into())
            }
        }
    }
}

fn report(inspection: &Inspection, digest: Digest, size: usize) -> Result<String, std::fmt::Error> {
    let graph = &inspection.graph;
    let mut text = String::new();
    let opsets: Vec<_> = graph.opsets.iter().map(|(domain, version)| format!("{domain} {version}")).collect();
    writeln!(text, "digest    sha256:{digest}")?;
    writeln!(text, "size      {size} bytes, {} of them weights", graph.weight_bytes)?;
    writeln!(text, "format    ONNX IR {}, opsets {}", graph.ir_version, opsets.join(", "))?;
    for name in &graph.external_data {
        writeln!(text, "weights   in {name}")?;
    }
    let optional = [("producer", &graph.producer), ("graph", &graph.graph_name), ("about", &graph.description)];
    for (key, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "{key:<9} {value}")?;
    }
    for (key, value) in &graph.metadata {
        writeln!(text, "metadata  {key} = {value}")?;
    }
    match &inspection.signature {
        Ok(signature) => {
            signature.inputs.iter().try_for_each(|port| writeln!(text, "input     {}", line(port)))?;
            signature.outputs.iter().try_for_each(|port| writeln!(text, "output    {}", line(port)))?;
        }
        Err(error) => writeln!(text, "signature {error}")?,
    }
    writeln!(text, "\n{} nodes", graph.nodes)?;
    for used in &inspection.operators {
        let support = match &used.support {
            Support::Engine => "by tract".into(),
            Support::Untold => String::new(),
            Support::Own => "by onnxd".into(),
            Support::Rewritten => "by rewriting the graph without it".into(),
            Support::Refused(reason) => format!("refused: {reason}"),
        };
        let line = format!("{:>6} x  {}.{}  {support}", used.count, used.domain, used.operator);
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(text)
}

fn line(port: &Port) -> String {
    let shape: Vec<_> = port.shape.iter().map(Dim::to_string).collect();
    let described = port.description.as_ref().map(|words| format!("  {words}")).unwrap_or_default();
    format!("{}  {} [{}]{described}", port.name, port.datatype, shape.join(", "))
}
