//! What lies on disk: turns files and folders into a list of model versions to load. Reads names only, no model bytes.
//!
//! Layouts, in any mix: `model.onnx` or `anything.onnx` (a file, or a folder of them), `<version>/model.onnx`, and
//! `<model>/<version>/model.onnx`, which is Triton's layout and what KServe's storage initializer leaves behind. A folder
//! of models may hold a `repository.toml` that names its default model.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{ModelName, NameError, Version};

/// One model version to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: ModelName,
    pub version: Version,
    pub file: PathBuf,
    /// Places where a manifest may be, from the general to the particular.
    pub manifests: Vec<PathBuf>,
}

/// All versions found, by model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    pub models: BTreeMap<ModelName, BTreeMap<Version, Entry>>,
    pub default_model: Option<ModelName>,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
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
            let found = scan_source(source)?;
            if named_default.is_none() {
                named_default = read_default(source)?;
            }
            if found.is_empty() {
                return Err(CatalogError::Empty(vec![source.clone()]));
            }
            found.into_iter().try_for_each(|entry| catalog.add(entry))?;
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

/// What a folder of models says of itself as a whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repository {
    /// Answers requests that name no model, unless the settings say otherwise.
    default_model: Option<String>,
}

fn read_default(source: &Path) -> Result<Option<ModelName>, CatalogError> {
    let path = source.join("repository.toml");
    let wrong = |reason: String| CatalogError::Repository { path: path.clone(), reason };
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|error| io_error(&path, error))?;
    let repository: Repository = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    repository.default_model.map(|name| name.parse()).transpose().map_err(|error: NameError| wrong(error.to_string()))
}

fn scan_source(source: &Path) -> Result<Vec<Entry>, CatalogError> {
    // A link is called what it is called, not what it points to; only "models/.." has to be resolved to have a name.
    let named = std::path::absolute(source).map_err(|error| io_error(source, error))?;
    let source = &match named.file_name() {
        Some(_) => named,
        None => fs::canonicalize(source).map_err(|error| io_error(source, error))?,
    };
    if fs::metadata(source).map_err(|error| io_error(source, error))?.is_file() {
        return bare_file(source).map(|entry| vec![entry]);
    }
    let listing = Listing::read(source)?;
    let mut entries = model_folder(source, &listing)?;
    let subfolders = listing.folders.iter().filter(|folder| version_of(folder).is_none());
    for folder in subfolders {
        match Listing::read(folder) {
            Ok(listing) => entries.extend(model_folder(folder, &listing)?),
            // Such as the lost+found of a mounted file system.
            Err(CatalogError::Io { path, source }) if source.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!(folder = %path.display(), "passed over: it may not be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// A folder that is one model (its versions in numbered folders, or `model.onnx` right in it), or bare files, or both.
fn model_folder(folder: &Path, listing: &Listing) -> Result<Vec<Entry>, CatalogError> {
    let mut entries = Vec::new();
    let has_versions = listing.folders.iter().any(|folder| version_of(folder).is_some());
    for file in &listing.models {
        entries.push(if stem(file) == "model" {
            entry(folder_name(folder), Version(1), file, vec![folder.join("model.toml")])?
        } else {
            bare_file(file)?
        });
    }
    for odd in listing.folders.iter().filter(|folder| version_of(folder).is_none() && has_versions) {
        tracing::warn!(folder = %odd.display(), "passed over: a version's folder is called by a whole number, such as 1");
    }
    for (version, version_folder) in listing.folders.iter().filter_map(|f| Some((version_of(f)?, f))) {
        let files = Listing::read(version_folder)?.models;
        let preferred = files.iter().find(|file| stem(file) == "model").or(files.first());
        let Some(file) = preferred else { continue };
        if files.len() > 1 && stem(file) != "model" {
            return Err(CatalogError::SeveralFiles(version_folder.clone()));
        }
        let manifests = vec![folder.join("model.toml"), version_folder.join("model.toml")];
        entries.push(entry(folder_name(folder), version, file, manifests)?);
    }
    Ok(entries)
}

/// `x.onnx` is model `x`; `model.onnx` takes its name and version from the folders it is in.
fn bare_file(file: &Path) -> Result<Entry, CatalogError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if stem(file) != "model" {
        return entry(stem(file), Version(1), file, vec![file.with_extension("toml")]);
    }
    let manifest = folder.join("model.toml");
    match (version_of(folder), folder.parent()) {
        (Some(version), Some(model)) if !folder_name(model).is_empty() => {
            entry(folder_name(model), version, file, vec![model.join("model.toml"), manifest])
        }
        _ if folder_name(folder).is_empty() => entry("model".into(), Version(1), file, vec![manifest]),
        _ => entry(folder_name(folder), Version(1), file, vec![manifest]),
    }
}

fn entry(name: String, version: Version, file: &Path, manifests: Vec<PathBuf>) -> Result<Entry, CatalogError> {
    let name = name.parse().map_err(|source| CatalogError::Name { path: file.to_owned(), source })?;
    Ok(Entry { name, version, file: file.to_owned(), manifests })
}

/// A folder's `.onnx` files and its folders, sorted; hidden ones (as Kubernetes makes for mounted volumes) left out.
struct Listing {
    models: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Listing {
    fn read(folder: &Path) -> Result<Self, CatalogError> {
        let mut listing = Self { models: Vec::new(), folders: Vec::new() };
        for item in fs::read_dir(folder).map_err(|error| io_error(folder, error))? {
            let path = item.map_err(|error| io_error(folder, error))?.path();
            if folder_name(&path).starts_with('.') {
                continue;
            }
            // Follows links: a mounted volume is made of them.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => listing.folders.push(path),
                // Regular files only: reading a pipe would wait for ever.
                Ok(metadata) if is_model(&path) && metadata.is_file() => listing.models.push(path),
                Err(error) if is_model(&path) => return Err(io_error(&path, error)),
                Ok(_) | Err(_) => {}
            }
        }
        listing.models.sort();
        listing.folders.sort();
        Ok(listing)
    }
}

fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "onnx")
}

fn version_of(folder: &Path) -> Option<Version> {
    folder_name(folder).parse().ok()
}

fn folder_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn io_error(path: &Path, source: io::Error) -> CatalogError {
    CatalogError::Io { path: path.to_owned(), source }
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(names: &[ModelName]) -> String {
    names.iter().map(ModelName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these (empty) files.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn scan(root: &Path, sources: &[&str]) -> Result<Catalog, CatalogError> {
        let sources = sources.iter().map(|source| root.join(source)).collect();
        Catalog::scan(&super::super::Config { sources, default_model: None, model_name: None })
    }

    fn found(catalog: &Catalog) -> Vec<String> {
        catalog.entries().map(|entry| format!("{}/{}", entry.name, entry.version)).collect()
    }

    #[test]
    fn every_layout_is_understood() {
        let root = folder(&[
            "repository/iris/1/model.onnx",
            "repository/iris/10/model.onnx",
            "repository/iris/model.toml",
            "repository/digits/2/anything.onnx",
            "repository/flat.onnx",
            "repository/notes/README.md",
            "repository/..data/1/model.onnx",
            "single/3/model.onnx",
            "bare/model.onnx",
        ]);
        let catalog = scan(root.path(), &["repository"]).unwrap();
        assert_eq!(found(&catalog), ["digits/2", "flat/1", "iris/1", "iris/10"]);
        assert_eq!(catalog.default_model, None);
        let iris = &catalog.models["iris"][&Version(10)];
        assert!(iris.manifests[0].ends_with("iris/model.toml") && iris.manifests[1].ends_with("iris/10/model.toml"));

        assert_eq!(found(&scan(root.path(), &["single"]).unwrap()), ["single/3"]);
        assert_eq!(found(&scan(root.path(), &["bare"]).unwrap()), ["bare/1"]);
        assert_eq!(found(&scan(root.path(), &["bare/model.onnx"]).unwrap()), ["bare/1"]);
        assert_eq!(found(&scan(root.path(), &["repository/iris/10/model.onnx"]).unwrap()), ["iris/10"]);
        let both = scan(root.path(), &["repository/flat.onnx", "single"]).unwrap();
        assert_eq!(found(&both), ["flat/1", "single/3"]);
        assert_eq!(scan(root.path(), &["bare"]).unwrap().default_model, Some("bare".parse().unwrap()));
    }

    #[test]
    fn links_keep_their_own_names_and_odd_entries_are_passed_over() {
        let root = folder(&["blobs/9c56cc51/1/model.onnx", "served/README.txt"]);
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(root.path().join(to), root.path().join(at)).unwrap();
        link("blobs/9c56cc51", "served/wine");
        link("nowhere", "served/dangling");
        assert_eq!(found(&scan(root.path(), &["served"]).unwrap()), ["wine/1"]);
        assert_eq!(found(&scan(root.path(), &["served/wine"]).unwrap()), ["wine/1"]);
        link("nowhere", "served/dangling.onnx");
        assert!(matches!(scan(root.path(), &["served"]), Err(CatalogError::Io { .. })));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let root =
            folder(&["a/1/model.onnx", "b/a/1/model.onnx", "empty/x.txt", "two/1/x.onnx", "two/1/y.onnx", "ü.onnx"]);
        assert!(matches!(scan(root.path(), &["a", "b"]), Err(CatalogError::Twice { .. })));
        assert!(matches!(scan(root.path(), &["empty"]), Err(CatalogError::Empty(_))));
        assert!(matches!(scan(root.path(), &["nowhere"]), Err(CatalogError::Io { .. })));
        assert!(matches!(scan(root.path(), &["two"]), Err(CatalogError::SeveralFiles(_))));
        assert!(matches!(scan(root.path(), &["ü.onnx"]), Err(CatalogError::Name { .. })));
    }

    #[test]
    fn a_folder_may_name_its_default() {
        let root = folder(&["a.onnx", "b.onnx"]);
        let write = |text| fs::write(root.path().join("repository.toml"), text).unwrap();
        write("default_model = 'b'");
        assert_eq!(scan(root.path(), &["."]).unwrap().default_model, Some("b".parse().unwrap()));
        write("default_model = 'c'");
        assert!(matches!(scan(root.path(), &["."]), Err(CatalogError::UnknownDefault { .. })));
        write("default = 'b'");
        assert!(matches!(scan(root.path(), &["."]), Err(CatalogError::Repository { .. })));
    }

    #[test]
    fn the_only_model_can_be_renamed() {
        let root = folder(&["a/1/model.onnx", "a/2/model.onnx", "b.onnx"]);
        let name: ModelName = "served".parse().unwrap();
        let config = |source: &str| super::super::Config {
            sources: vec![root.path().join(source)],
            default_model: None,
            model_name: Some(name.clone()),
        };
        let catalog = Catalog::scan(&config("a")).unwrap();
        assert_eq!(found(&catalog), ["served/1", "served/2"]);
        assert_eq!(catalog.default_model, Some(name.clone()));
        fs::write(root.path().join("a/repository.toml"), "default_model = 'a'").unwrap();
        assert_eq!(Catalog::scan(&config("a")).unwrap().default_model, Some(name.clone()));
        assert!(matches!(Catalog::scan(&config(".")), Err(CatalogError::SeveralModels { .. })));
    }
}
