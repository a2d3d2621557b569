//! The life of one version as an enum. Legal steps: Loading -> Verifying -> Ready, and Loading or Verifying -> Failed.

/// Where a version is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Reading the file and preparing it in the engine.
    Loading,
    /// Comparing golden rows, or running once to warm up.
    Verifying,
    /// Answering requests.
    Ready,
    /// Not served; the reason is for the person who put the file there.
    Failed { reason: String },
}

impl Lifecycle {
    /// Every state's word.
    pub const WORDS: [&'static str; 4] = ["loading", "verifying", "ready", "failed"];

    /// The state as one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Verifying => "verifying",
            Self::Ready => "ready",
            Self::Failed { .. } => "failed",
        }
    }
}
