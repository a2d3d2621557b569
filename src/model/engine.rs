//! Which engine runs a model: what was asked for, and what came of it. The engines themselves are elsewhere; these are
//! the words for them in settings, in `model.toml` and in what the server tells about a version.

use std::fmt;
use std::str::FromStr;

/// Which engine is to run a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineWish {
    /// The built-in one, which refuses what it does not compute right.
    #[default]
    Tract,
    /// ONNX Runtime.
    OnnxRuntime,
    /// The built-in one where it loads the model, else ONNX Runtime.
    Auto,
    /// Both are loaded, their answers and their times compared; the faster one serves.
    Fastest,
}

impl EngineWish {
    pub const ALL: [Self; 4] = [Self::Tract, Self::OnnxRuntime, Self::Auto, Self::Fastest];

    pub fn word(self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::OnnxRuntime => "onnxruntime",
            Self::Auto => "auto",
            Self::Fastest => "auto=fastest",
        }
    }
}

impl fmt::Display for EngineWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EngineWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|wish| wish.word() == text);
        found.ok_or_else(|| format!("{text:?} is no engine: write {}", Self::ALL.map(Self::word).join(", ")))
    }
}

/// Why one of several engines runs a version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineChoice {
    /// One sentence.
    pub reason: String,
    /// What was measured; empty where nothing was.
    pub probes: Vec<EngineProbe>,
}

/// How long one engine took for one size of request, when a version was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineProbe {
    pub engine: &'static str,
    pub rows: usize,
    /// The median of a few runs.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_read_as_they_are_written() {
        for wish in EngineWish::ALL {
            assert_eq!(wish.to_string().parse(), Ok(wish));
        }
        assert!("ort".parse::<EngineWish>().unwrap_err().contains("auto=fastest"));
    }
}
