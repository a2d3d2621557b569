//! External data: weights in files beside the model. Which files those are is the model's word, so only regular files in
//! its folder are read, and one that is not there is named.

use std::path::{Component, Path, PathBuf};

use super::{LoadError, ModelSource};

impl ModelSource {
    /// Where the files of these names are; an error for the first that may not be read or is not there.
    pub(super) fn external_files(&self, names: &[String]) -> Result<Vec<PathBuf>, LoadError> {
        names.iter().map(|name| find(self.directory.as_deref(), name)).collect()
    }
}

fn find(folder: Option<&Path>, name: &str) -> Result<PathBuf, LoadError> {
    let problem = |what: &str| LoadError::Interface(format!("external data file {name:?}: {what}"));
    let folder = folder.ok_or_else(|| problem("the model came without a folder to look in; save it as one file"))?;
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !inside {
        return Err(problem("that is not inside the model directory, the folder of the model's file"));
    }
    let resolve = |path: &Path| {
        path.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => problem("it is not in the model's folder; put it there, or save one file"),
            _ => problem(&error.to_string()),
        })
    };
    let (folder, path) = (resolve(folder)?, resolve(&folder.join(name))?);
    if !path.starts_with(&folder) {
        return Err(problem("it is a link that leads out of the model's folder"));
    }
    // Opening a pipe would wait for its writer for ever.
    if !path.is_file() {
        return Err(problem("it is no regular file"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_in_the_folder_are_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("weights"), "w").unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
        let found = find(Some(&folder), "./weights").unwrap();
        assert_eq!(std::fs::read(found).unwrap(), b"w");
        let secret = root.path().join("secret");
        for (bad, why) in [
            ("", "inside"),
            (".", "regular"),
            ("../secret", "inside"),
            ("link", "link"),
            ("missing", "\"missing\": it is not in the model's folder"),
            (secret.to_str().unwrap(), "inside"),
        ] {
            let error = find(Some(&folder), bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert!(find(None, "weights").is_err());
    }
}
