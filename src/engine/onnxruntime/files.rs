//! External data: weights in files beside the model. They are read into memory here instead of being mapped by the library,
//! so that a path that leads out of the model's folder is refused and a file cut short later is no signal.

use std::path::{Component, Path};
use std::sync::Arc;

use crate::engine::LoadError;

/// A file as the model names it, and what it holds.
pub type External = (String, Arc<[u8]>);

pub fn read(folder: Option<&Path>, names: &[String]) -> Result<Vec<External>, LoadError> {
    names.iter().map(|name| Ok((name.clone(), read_one(folder, name)?))).collect()
}

fn read_one(folder: Option<&Path>, name: &str) -> Result<Arc<[u8]>, LoadError> {
    let problem = |what: &str| LoadError::Interface(format!("external data file {name:?}: {what}"));
    let folder = folder.ok_or_else(|| problem("the model came without a folder to look in"))?;
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !inside {
        return Err(problem("it is not inside the model's folder"));
    }
    let resolve = |path: &Path| path.canonicalize().map_err(|error| problem(&error.to_string()));
    let (folder, path) = (resolve(folder)?, resolve(&folder.join(name))?);
    if !path.starts_with(&folder) {
        return Err(problem("it is a link that leads out of the model's folder"));
    }
    // Opening a pipe would wait for its writer for ever.
    if !path.is_file() {
        return Err(problem("it is no regular file"));
    }
    std::fs::read(&path).map(Arc::from).map_err(|error| problem(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_in_the_folder_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("weights"), "w").unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
        let read = |name: &str| read(Some(&folder), &[name.to_owned()]);
        assert_eq!(&*read("./weights").unwrap()[0].1, b"w");
        let secret = root.path().join("secret");
        for bad in ["", ".", "../secret", "link", "missing", secret.to_str().unwrap()] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
