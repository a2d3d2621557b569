//! What lies on disk: turns files and folders into a list of model versions to load. Reads names only, no model bytes.
//!
//! Layouts, in any mix: `model.onnx` or `anything.onnx` (a file, or a folder of them), `<version>/model.onnx`, and
//! `<model>/<version>/model.onnx`, which is Triton's layout and what KServe's storage initializer leaves behind. A folder
//! of models may hold a `repository.toml` that names its default model. What is called like a version and holds no model is
//! listed with the reason, to fail as a broken model does: passed over, it would let a rollout of nothing go through.

mod layout;
mod listing;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{ModelName, NameError, Version};

use listing::io_error;

/// One model version to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: ModelName,
    pub version: Version,
    pub file: PathBuf,
    /// Places where a manifest may be, from the general to the particular.
    pub manifests: Vec<PathBuf>,
    /// Why this version cannot be loaded, where its place shows that already; `file` is then where it was looked for.
    pub problem: Option<String>,
}

/// All versions found, by model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    pub models: BTreeMap<ModelName, BTreeMap<Version, Entry>>,
    pub default_model: Option<ModelName>,
    /// What was passed over, for people: logged as well.
    pub warnings: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}: let the user that runs onnxd read it, or move it away from the models")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{0} holds a model, but its name is no version: call the folder by a plain number that no other version has, such \
         as 2, or move it away from the model's versions"
    )]
    NotAVersion(PathBuf),
    #[error(
        "{folder} holds {file}, but nothing where a model is looked for: move it to <version>/model.onnx in the model's \
         folder, or name the folder above the model's to --models"
    )]
    TooDeep { folder: PathBuf, file: PathBuf },
    #[error(
        "no model in {}: expected FILE.onnx, a folder of them, <version>/model.onnx or <model>/<version>/model.onnx",
        paths(.0)
    )]
    Empty(Vec<PathBuf>),
    #[error("{path}: {source}")]
    Name { path: PathBuf, source: NameError },
    #[error("model {name} version {version} is there twice: {first} and {second}")]
    Twice { name: ModelName, version: Version, first: PathBuf, second: PathBuf },
    #[error("the folder {0} holds several .onnx files: keep one per version")]
    SeveralFiles(PathBuf),
    #[error("{path}: {reason}")]
    Repository { path: PathBuf, reason: String },
    #[error("the default model {wanted} is not there; there are {}", names(.known))]
    UnknownDefault { wanted: ModelName, known: Vec<ModelName> },
    #[error("--model-name {wanted} needs exactly one model; there are {}", names(.known))]
    SeveralModels { wanted: ModelName, known: Vec<ModelName> },
}

impl Catalog {
    /// Looks through every source. Fails on anything that cannot be meant.
    pub fn scan(config: &super::Config) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        let mut named_default = config.default_model.clone();
        for source in &config.sources {
            let found = layout::scan_source(source)?;
            if named_default.is_none() {
                named_default = read_default(source)?;
            }
            catalog.warnings.extend(found.warnings);
            if found.entries.is_empty() {
                return Err(CatalogError::Empty(vec![source.clone()]));
            }
            found.entries.into_iter().try_for_each(|entry| catalog.add(entry))?;
        }
        if catalog.models.is_empty() {
            return Err(CatalogError::Empty(config.sources.clone()));
        }
        if let Some(wanted) = &config.model_name {
            let before = catalog.rename_only(wanted)?;
            if named_default == Some(before) {
                named_default = Some(wanted.clone());
            }
        }
        catalog.default_model = catalog.choose_default(named_default.as_ref())?;
        Ok(catalog)
    }

    fn add(&mut self, entry: Entry) -> Result<(), CatalogError> {
        let versions = self.models.entry(entry.name.clone()).or_default();
        if let Some(first) = versions.get(&entry.version) {
            return Err(CatalogError::Twice {
                name: entry.name,
                version: entry.version,
                first: first.file.clone(),
                second: entry.file,
            });
        }
        versions.insert(entry.version, entry);
        Ok(())
    }

    /// Gives the only model another name; returns the one it had.
    fn rename_only(&mut self, wanted: &ModelName) -> Result<ModelName, CatalogError> {
        let known = self.known();
        let [before] = known.as_slice() else {
            return Err(CatalogError::SeveralModels { wanted: wanted.clone(), known });
        };
        let versions = std::mem::take(&mut self.models).into_values().flatten();
        let renamed = versions.map(|(version, entry)| (version, Entry { name: wanted.clone(), ..entry }));
        self.models.insert(wanted.clone(), renamed.collect());
        Ok(before.clone())
    }

    fn choose_default(&self, wanted: Option<&ModelName>) -> Result<Option<ModelName>, CatalogError> {
        match wanted {
            Some(name) if self.models.contains_key(name) => Ok(Some(name.clone())),
            Some(name) => Err(CatalogError::UnknownDefault { wanted: name.clone(), known: self.known() }),
            None if self.models.len() == 1 => Ok(self.models.keys().next().cloned()),
            None => Ok(None),
        }
    }

    fn known(&self) -> Vec<ModelName> {
        self.models.keys().cloned().collect()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.models.values().flat_map(BTreeMap::values)
    }
}

/// The file's name in which a folder of models says something of itself as a whole.
const REPOSITORY: &str = "repository.toml";

/// What it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repository {
    /// Answers requests that name no model, unless the settings say otherwise.
    default_model: Option<String>,
}

fn read_default(source: &Path) -> Result<Option<ModelName>, CatalogError> {
    let path = source.join(REPOSITORY);
    let wrong = |reason: String| CatalogError::Repository { path: path.clone(), reason };
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|error| io_error(&path, error))?;
    let repository: Repository = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    repository.default_model.map(|name| name.parse()).transpose().map_err(|error: NameError| wrong(error.to_string()))
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(names: &[ModelName]) -> String {
    names.iter().map(ModelName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
