//! Folder layouts, and what is found in each.

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
    let mark = |entry: &Entry| if entry.problem.is_some() { "!" } else { "" };
    catalog.entries().map(|entry| format!("{}/{}{}", entry.name, entry.version, mark(entry))).collect()
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

/// What each layout of `iris` in a folder of models leads to: versions that fail carry a `!`.
#[test]
fn versions_without_a_model_fail_with_the_reason() {
    for (files, folders, expected, words) in [
        (&["iris/1/model.onnx"][..], &["iris/2"][..], &["iris/1", "iris/2!"][..], &["iris/2", "model.onnx"][..]),
        (&["iris/1/x.onnx", "iris/2/model.onnx.part"], &[], &["iris/1", "iris/2!"], &["there is model.onnx.part"]),
        (&["iris/1/x.onnx", "iris/2/iris/model.onnx"], &[], &["iris/1", "iris/2!"], &["2/iris/model.onnx is too deep"]),
        (&["iris/1/x.onnx", "iris/02/model.onnx"], &[], &["iris/1", "iris/2!"], &["iris/02", "call the folder 2"]),
        (&["iris/1/x.onnx", "iris/v2/any.onnx"], &[], &["iris/1", "iris/2!"], &["iris/v2", "call the folder 2"]),
        (&["iris/1/x.onnx", "iris/2.0/model.onnx"], &[], &["iris/1", "iris/2!"], &["iris/2.0", "call the folder 2"]),
        (&["iris/v1/model.onnx", "iris/v2/model.onnx"], &[], &["iris/1!", "iris/2!"], &["iris/v1", "folder 1"]),
        (&[], &["iris/7"], &["iris/7!"], &["iris/7"]),
        // No version, no model, no harm.
        (&["iris/1/x.onnx", "iris/README", "iris/config.pbtxt"], &["iris/assets", "old"], &["iris/1"], &[]),
        (&["iris/1/x.onnx", "iris/.v2/x.onnx", "lost+found/x.onnx"], &["iris/lost+found"], &["iris/1"], &[]),
        (&["iris/1/x.onnx", "notes/v2/README"], &["iris/v2"], &["iris/1"], &[]),
    ] {
        let root = folder(&[files, &["other.onnx"]].concat());
        folders.iter().for_each(|folder| fs::create_dir_all(root.path().join(folder)).unwrap());
        let catalog = scan(root.path(), &["."]).unwrap();
        assert_eq!(found(&catalog), [expected, &["other/1"]].concat(), "{files:?}");
        let problem = catalog.entries().find_map(|entry| entry.problem.clone()).unwrap_or_default();
        words.iter().for_each(|word| assert!(problem.contains(word), "{word:?} is not in {problem:?}"));

        // The same where the model's folder is the source.
        if files.iter().any(|file| file.starts_with("iris/1/")) {
            let expected: Vec<_> = expected.iter().map(|model| model.to_string()).collect();
            assert_eq!(found(&scan(root.path(), &["iris"]).unwrap()), expected, "{files:?}");
        }
    }
}

#[test]
fn links_that_lead_nowhere_fail_where_they_are_versions() {
    let root = folder(&["iris/1/model.onnx", "iris/2/README"]);
    let link = |at: &str| std::os::unix::fs::symlink(root.path().join("nowhere"), root.path().join(at)).unwrap();
    ["iris/2/model.onnx", "iris/3", "iris/labels.txt", "wine"].into_iter().for_each(link);
    let catalog = scan(root.path(), &["."]).unwrap();
    assert_eq!(found(&catalog), ["iris/1", "iris/2!", "iris/3!"]);
    assert_eq!(catalog.warnings.len(), 2, "{:?}", catalog.warnings);
    assert_eq!(catalog.default_model, Some("iris".parse().unwrap()));
}

/// A ConfigMap or a secret as Kubernetes mounts it: each visible name is a link into `..data`, a link itself.
#[test]
fn mounted_volumes_are_read_through_their_links() {
    let root = folder(&["wine/..2026_01_02/model.onnx", "wine/..2026_01_02/model.toml"]);
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.path().join("wine").join(at)).unwrap();
    link("..2026_01_02", "..data");
    link("..data/model.onnx", "model.onnx");
    link("..data/model.toml", "model.toml");
    for source in [".", "wine"] {
        let catalog = scan(root.path(), &[source]).unwrap();
        assert_eq!((found(&catalog), catalog.warnings.len()), (vec!["wine/1".to_string()], 0));
    }
}

#[test]
fn settings_that_nobody_reads_are_named() {
    let root = folder(&[
        "repository.toml",
        "flat.onnx",
        "flat.toml",
        "wrong.toml",
        "iris/1/model.onnx",
        "iris/1/model.toml",
        "iris/1/iris.toml",
        "iris/model.toml",
        "iris/Model.toml",
        "wine/repository.toml",
        "wine/wine.onnx",
        "tools/pyproject.toml",
    ]);
    let catalog = scan(root.path(), &["."]).unwrap();
    let of = |warning: &String| {
        let (path, why) = warning.split_once(" is passed over: ").unwrap();
        assert!(why.contains("model.toml"), "{why}");
        Path::new(path).strip_prefix(root.path().canonicalize().unwrap()).unwrap().display().to_string()
    };
    let named: Vec<String> = catalog.warnings.iter().map(of).collect();
    assert_eq!(named, ["wrong.toml", "iris/Model.toml", "iris/1/iris.toml", "wine/repository.toml"]);
}

#[test]
fn warnings_name_what_was_passed_over() {
    let root = folder(&["iris/1/model.onnx", "iris/v2/README"]);
    let catalog = scan(root.path(), &["."]).unwrap();
    let [warning] = catalog.warnings.as_slice() else { panic!("{:?}", catalog.warnings) };
    assert!(warning.contains("iris/v2 is passed over"), "{warning}");
}

#[test]
fn folders_that_may_not_be_read_are_not_passed_over() {
    use std::os::unix::fs::PermissionsExt;
    let root = folder(&["wine/1/model.onnx", "iris/1/model.onnx", "iris/2/model.onnx"]);
    let allow = |folder: &str, mode| {
        fs::set_permissions(root.path().join(folder), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("iris/2", 0);
    // Root may read everything, and then there is nothing to see.
    if fs::read_dir(root.path().join("iris/2")).is_err() {
        assert_eq!(found(&scan(root.path(), &["."]).unwrap()), ["iris/1", "iris/2!", "wine/1"]);
        allow("iris", 0);
        assert!(matches!(scan(root.path(), &["."]), Err(CatalogError::Unreadable { .. })));
        allow("iris", 0o755);
    }
    allow("iris/2", 0o755);
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
    let root = folder(&["a/1/model.onnx", "b/a/1/model.onnx", "empty/x.txt", "two/1/x.onnx", "two/1/y.onnx", "ü.onnx"]);
    assert!(matches!(scan(root.path(), &["a", "b"]), Err(CatalogError::Twice { .. })));
    assert!(matches!(scan(root.path(), &["empty"]), Err(CatalogError::Empty(_))));
    assert!(matches!(scan(root.path(), &["nowhere"]), Err(CatalogError::Io { .. })));
    assert!(matches!(scan(root.path(), &["two"]), Err(CatalogError::SeveralFiles(_))));
    assert!(matches!(scan(root.path(), &["ü.onnx"]), Err(CatalogError::Name { .. })));

    for files in [
        &["iris/1/model.onnx", "iris/latest/model.onnx"][..],
        &["iris/2/model.onnx", "iris/v2/model.onnx"],
        &["iris/model.onnx", "iris/01/model.onnx"],
        &["iris/02/model.onnx", "iris/v2/model.onnx"],
    ] {
        let error = scan(folder(files).path(), &["."]).unwrap_err();
        assert!(matches!(error, CatalogError::NotAVersion(_)), "{files:?}: {error}");
    }
    let deep = folder(&["team/iris/1/model.onnx", "wine.onnx"]);
    assert!(matches!(scan(deep.path(), &["."]), Err(CatalogError::TooDeep { .. })));
    assert_eq!(found(&scan(deep.path(), &["team", "wine.onnx"]).unwrap()), ["iris/1", "wine/1"]);
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
