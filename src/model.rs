//! The words for a model: what it is called, which version, what goes in and out, and what its author says of it.
//! Plain values, no behaviour beyond parsing and printing them.

mod card;
mod description;
mod engine;
mod name;
mod signature;

pub use card::{CacheLimits, ClassLabels, Golden, ModelCard, OutputRole, SchedulingWish};
pub use description::{Description, GraphSummary};
pub use engine::{EngineChoice, EngineProbe, EngineWish};
pub use name::{Digest, ModelId, ModelName, NameError, Selector, Version};
pub use signature::{Dim, Port, Signature};
