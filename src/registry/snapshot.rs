//! What readers see: an immutable picture of all models. Finding a model takes no lock and cannot be held up by loading.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{ModelName, Selector, Version};

use super::{Lifecycle, Servable};

/// All models at one moment.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// Versions newest first.
    pub models: BTreeMap<ModelName, Vec<Slot>>,
    pub default_model: Option<ModelName>,
}

/// One version and the state of its life.
#[derive(Clone)]
pub struct Slot {
    pub version: Version,
    pub state: Lifecycle,
    /// There exactly when the state is `Ready`.
    pub servable: Option<Arc<Servable>>,
}

/// Why a selector leads to nothing that can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindError {
    UnknownModel { name: String, known: Vec<String> },
    UnknownVersion { name: String, version: String, known: Vec<String> },
    NoDefault { known: Vec<String> },
    NotReady { name: String, version: String, reason: String },
}

impl Snapshot {
    /// The versions of the model that the selector names, or of the default model.
    pub fn model(&self, selector: &Selector) -> Result<(&ModelName, &[Slot]), FindError> {
        let known = || self.models.keys().map(ModelName::to_string).collect();
        let name = match (&selector.name, &self.default_model) {
            (Some(name), _) => name.as_str(),
            (None, Some(default)) => default.as_str(),
            (None, None) => return Err(FindError::NoDefault { known: known() }),
        };
        let found = self.models.get_key_value(name);
        let (name, slots) = found.ok_or_else(|| FindError::UnknownModel { name: name.into(), known: known() })?;
        Ok((name, slots))
    }

    /// The version that answers: the one named, or the newest that is ready.
    pub fn find(&self, selector: &Selector) -> Result<&Arc<Servable>, FindError> {
        let (name, slots) = self.model(selector)?;
        let slot = match &selector.version {
            Some(wanted) => {
                let slot = wanted.parse().ok().and_then(|v: Version| slots.iter().find(|slot| slot.version == v));
                slot.ok_or_else(|| FindError::UnknownVersion {
                    name: name.to_string(),
                    version: wanted.clone(),
                    known: slots.iter().map(|slot| slot.version.to_string()).collect(),
                })?
            }
            None => match slots.iter().find(|slot| slot.servable.is_some()).or(slots.first()) {
                Some(slot) => slot,
                None => return Err(FindError::UnknownModel { name: name.to_string(), known: Vec::new() }),
            },
        };
        slot.servable.as_ref().ok_or_else(|| FindError::NotReady {
            name: name.to_string(),
            version: slot.version.to_string(),
            reason: match &slot.state {
                Lifecycle::Failed { reason } => reason.clone(),
                state => format!("it is {}", state.word()),
            },
        })
    }

    pub fn slots(&self) -> impl Iterator<Item = (&ModelName, &Slot)> {
        self.models.iter().flat_map(|(name, slots)| slots.iter().map(move |slot| (name, slot)))
    }
}
