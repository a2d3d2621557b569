//! One folder's content as far as it concerns models: names and kinds, no bytes. Knows nothing of layouts.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Version;

use super::CatalogError;

/// Names looked at when searching below a folder: it only serves a message, and may have met a data set.
const SEARCHED: usize = 10_000;
/// How deep that search goes: finds `team/iris/1/model.onnx` from `team`, and nothing in a project's libraries.
const DEPTH: usize = 3;

/// A folder's `.onnx` files and its folders, sorted; hidden ones (as Kubernetes makes for mounted volumes) left out.
#[derive(Default)]
pub(super) struct Listing {
    pub models: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
    /// What cannot be looked at: links that lead nowhere, mostly.
    pub broken: Vec<(PathBuf, io::Error)>,
    /// Names of the other files.
    pub others: Vec<String>,
}

impl Listing {
    pub fn read(folder: &Path) -> Result<Self, CatalogError> {
        let mut listing = Self::default();
        for item in fs::read_dir(folder).map_err(|error| io_error(folder, error))? {
            let path = item.map_err(|error| io_error(folder, error))?.path();
            let name = folder_name(&path);
            // The second is the file system's own, and only its administrator may read it.
            if name.starts_with('.') || name == "lost+found" {
                continue;
            }
            // Follows links: a mounted volume is made of them.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => listing.folders.push(path),
                // Regular files only: reading a pipe would wait for ever.
                Ok(metadata) if is_model(&path) && metadata.is_file() => listing.models.push(path),
                Ok(_) => listing.others.push(name),
                Err(error) if is_model(&path) => return Err(io_error(&path, error)),
                Err(error) => listing.broken.push((path, error)),
            }
        }
        listing.models.sort();
        listing.folders.sort();
        listing.broken.sort_by(|(a, _), (b, _)| a.cmp(b));
        listing.others.sort();
        Ok(listing)
    }

    /// Files that may be meant as manifests.
    pub fn settings(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let named_so = |name: &&String| Path::new(name).extension().is_some_and(|extension| extension == "toml");
        self.others.iter().filter(named_so).map(move |name| folder.join(name))
    }

    /// Whether it holds a folder, or a link to one, that is called as a version is.
    pub fn has_versions(&self) -> bool {
        let broken = self.broken.iter().map(|(path, _)| path);
        self.folders.iter().chain(broken).any(|path| version_of(path).is_some())
    }
}

/// The nearest `.onnx` file in a folder or a few below it.
pub(super) fn find_below(folder: &Path) -> Option<PathBuf> {
    let mut waiting = VecDeque::from([(folder.to_owned(), 1)]);
    let mut left = SEARCHED;
    while let Some((folder, depth)) = waiting.pop_front() {
        for item in fs::read_dir(&folder).into_iter().flatten().flatten() {
            left = left.checked_sub(1)?;
            let path = item.path();
            if folder_name(&path).starts_with('.') {
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() && depth < DEPTH => waiting.push_back((path, depth + 1)),
                Ok(metadata) if metadata.is_file() && is_model(&path) => return Some(path),
                _ => {}
            }
        }
    }
    None
}

fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "onnx")
}

pub(super) fn version_of(folder: &Path) -> Option<Version> {
    folder_name(folder).parse().ok()
}

/// The number that a name such as `02`, `v2` or `2.0` stands for, which is not how a version is written.
pub(super) fn version_meant(folder: &Path) -> Option<Version> {
    let name = folder_name(folder);
    let number = name.strip_prefix(['v', 'V']).unwrap_or(&name);
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (plain(whole) && plain(rest)).then(|| whole.parse().ok().map(Version)).flatten()
}

pub(super) fn folder_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn io_error(path: &Path, source: io::Error) -> CatalogError {
    CatalogError::Io { path: path.to_owned(), source }
}
