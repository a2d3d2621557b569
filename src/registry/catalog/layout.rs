//! Where models lie in a source: which folder is a model, which one a version of it, and which one was meant to be. What
//! was meant and holds no model becomes an entry with a problem; what was plainly not meant is passed over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Version;

use super::listing::{Listing, find_below, folder_name, io_error, stem, version_meant, version_of};
use super::{CatalogError, Entry, REPOSITORY};

/// Other files of a folder that a message names.
const NAMED: usize = 3;

/// What one source holds.
#[derive(Default)]
pub(super) struct Found {
    pub entries: Vec<Entry>,
    pub warnings: Vec<String>,
    /// Files with settings, of models or of whatever else.
    settings: Vec<PathBuf>,
}

pub(super) fn scan_source(source: &Path) -> Result<Found, CatalogError> {
    // A link is called what it is called, not what it points to; only "models/.." has to be resolved to have a name.
    let named = std::path::absolute(source).map_err(|error| io_error(source, error))?;
    let source = &match named.file_name() {
        Some(_) => named,
        None => fs::canonicalize(source).map_err(|error| io_error(source, error))?,
    };
    let mut found = Found::default();
    if fs::metadata(source).map_err(|error| io_error(source, error))?.is_file() {
        found.entries.push(bare_file(source)?);
        return Ok(found);
    }
    let listing = Listing::read(source)?;
    found.model_folder(source, &listing)?;
    found.settings.retain(|file| *file != source.join(REPOSITORY));
    for (path, error) in broken_others(&listing) {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Err(unreadable(path, io::Error::new(error.kind(), error.to_string())));
        }
        found.pass_over(path, error);
    }
    for folder in listing.folders.iter().filter(|folder| version_of(folder).is_none()) {
        let inner = Listing::read(folder).map_err(|error| match error {
            CatalogError::Io { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                unreadable(&path, source)
            }
            error => error,
        })?;
        // Beside versions `v2/model.onnx` is one more of them; anywhere else it is a model called v2.
        if listing.has_versions() && version_meant(folder).is_some() && !inner.models.is_empty() {
            found.misnamed(source, folder)?;
        } else {
            found.subfolder(folder, &inner)?;
        }
    }
    found.say_what_nobody_reads();
    Ok(found)
}

impl Found {
    /// A folder right in the source: one model, if anything.
    fn subfolder(&mut self, folder: &Path, listing: &Listing) -> Result<(), CatalogError> {
        let (before, settings) = (self.entries.len(), self.settings.len());
        self.model_folder(folder, listing)?;
        for (path, error) in broken_others(listing) {
            self.pass_over(path, error);
        }
        for odd in listing.folders.iter().filter(|folder| version_of(folder).is_none()) {
            match Listing::read(odd) {
                Ok(inner) if !inner.models.is_empty() => self.misnamed(folder, odd)?,
                Ok(_) if listing.has_versions() || version_meant(odd).is_some() => {
                    self.pass_over(odd, "a version's folder is called by a plain number, such as 1, and holds a model");
                }
                Ok(_) => {}
                Err(CatalogError::Io { path, source }) if version_meant(odd).is_some() => {
                    return Err(unreadable(&path, source));
                }
                Err(error) => self.pass_over(odd, error),
            }
        }
        if self.entries.len() > before {
            return Ok(());
        }
        self.settings.truncate(settings);
        match find_below(folder) {
            Some(file) => Err(CatalogError::TooDeep { folder: folder.to_owned(), file }),
            None => Ok(()),
        }
    }

    /// What a folder holds as a model: its versions in numbered folders, or `model.onnx` right in it; or bare files.
    fn model_folder(&mut self, folder: &Path, listing: &Listing) -> Result<(), CatalogError> {
        self.settings.extend(listing.settings(folder));
        for file in &listing.models {
            self.entries.push(if stem(file) == "model" {
                entry(folder_name(folder), Version(1), file, vec![folder.join("model.toml")])?
            } else {
                bare_file(file)?
            });
        }
        for (version, version_folder) in listing.folders.iter().filter_map(|f| Some((version_of(f)?, f))) {
            self.version(folder, version, version_folder)?;
        }
        for (path, error) in &listing.broken {
            if let Some(version) = version_of(path) {
                let reason = format!("{}: {error}: expected a folder with model.onnx in it", path.display());
                self.unusable(folder, version, reason)?;
            }
        }
        Ok(())
    }

    fn version(&mut self, folder: &Path, version: Version, version_folder: &Path) -> Result<(), CatalogError> {
        let listing = match Listing::read(version_folder) {
            Ok(listing) => listing,
            Err(error) => return self.unusable(folder, version, error.to_string()),
        };
        self.settings.extend(listing.settings(version_folder));
        let files = &listing.models;
        let Some(file) = files.iter().find(|file| stem(file) == "model").or(files.first()) else {
            return self.unusable(folder, version, nothing_in(version_folder, &listing));
        };
        if files.len() > 1 && stem(file) != "model" {
            return Err(CatalogError::SeveralFiles(version_folder.to_owned()));
        }
        self.entries.push(entry(folder_name(folder), version, file, manifests(folder, version))?);
        Ok(())
    }

    /// A model in a folder that is called almost as a version is, or not at all.
    fn misnamed(&mut self, folder: &Path, odd: &Path) -> Result<(), CatalogError> {
        let name = folder_name(folder);
        let taken = |version| self.entries.iter().any(|entry| entry.name.as_str() == name && entry.version == version);
        match version_meant(odd) {
            Some(version) if !taken(version) => {
                let odd = odd.display();
                let reason = format!(
                    "{odd} holds a model, but its name is no version: call the folder {version}, a plain number"
                );
                self.unusable(folder, version, reason)
            }
            // No number to fail under.
            _ => Err(CatalogError::NotAVersion(odd.to_owned())),
        }
    }

    fn unusable(&mut self, folder: &Path, version: Version, reason: String) -> Result<(), CatalogError> {
        let file = folder.join(version.to_string()).join("model.onnx");
        let entry = entry(folder_name(folder), version, &file, manifests(folder, version))?;
        self.entries.push(Entry { problem: Some(reason), ..entry });
        Ok(())
    }

    /// A manifest with a wrong name, or in a wrong place, would leave a model without what it asks for.
    fn say_what_nobody_reads(&mut self) {
        for file in std::mem::take(&mut self.settings) {
            if !self.entries.iter().any(|entry| entry.manifests.contains(&file)) {
                self.pass_over(
                    &file,
                    "settings of a model are in model.toml in its folder, or in x.toml beside x.onnx",
                );
            }
        }
    }

    fn pass_over(&mut self, path: &Path, why: impl std::fmt::Display) {
        tracing::warn!(path = %path.display(), "passed over: {why}");
        self.warnings.push(format!("{} is passed over: {why}", path.display()));
    }
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
    Ok(Entry { name, version, file: file.to_owned(), manifests, problem: None })
}

fn manifests(folder: &Path, version: Version) -> Vec<PathBuf> {
    vec![folder.join("model.toml"), folder.join(version.to_string()).join("model.toml")]
}

fn broken_others(listing: &Listing) -> impl Iterator<Item = (&Path, &io::Error)> {
    let others = listing.broken.iter().filter(|(path, _)| version_of(path).is_none());
    others.map(|(path, error)| (path.as_path(), error))
}

/// Says what was looked for and what is there instead: an upload that broke off, or a folder too many.
fn nothing_in(folder: &Path, listing: &Listing) -> String {
    let looked = format!("no model in {}: expected model.onnx, or one other .onnx file, right in it", folder.display());
    match find_below(folder) {
        Some(deeper) => format!("{looked}; {} is too deep: move it up", deeper.display()),
        None if listing.others.is_empty() => looked,
        None => {
            let names = listing.others.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("{looked}; there is {names}")
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> CatalogError {
    CatalogError::Unreadable { path: path.to_owned(), source }
}
