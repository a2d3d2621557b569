//! Keeps the order of the house, by reading the sources as text: modules stand on floors, imports only go down, neighbours
//! on one floor do not know each other, and each heavy dependency is named in one place. `src/lib.rs` draws the same map.
//! Text is enough because all paths to other modules start at `crate`; the last rule here makes sure of that.

// Helpers of tests fail by panicking, too; the lint only knows the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A module may import from lower floors only.
const FLOORS: &[(&str, u8)] = &[
    ("memory", 0),
    ("priority", 0),
    ("tensor", 0),
    ("units", 0),
    ("codec", 1),
    ("model", 1),
    ("engine", 2),
    ("telemetry", 2),
    ("batching", 3),
    ("registry", 4),
    ("serving", 5),
    ("api", 6),
    ("config", 7),
    ("app", 8),
    ("cli", 9),
    ("main", 10),
];

/// The edge speaks to the use cases and in their words. What lies between those two is none of its business.
const HIDDEN_FROM_API: &[&str] = &["batching", "registry"];

/// Words in code, and the only places that may say them: paths below `src`, a folder with its slash.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (&["tract_"], &["engine/tract.rs", "engine/tract/"], "the engine library does not cross its wall"),
    (
        &["ort::"],
        &["engine/onnxruntime.rs", "engine/onnxruntime/"],
        "the bindings of the second engine do not cross their wall",
    ),
    (&["prometheus::"], &["telemetry.rs", "telemetry/"], "metrics are declared in one vocabulary"),
    (
        &["axum::", "http::", "hyper::", "hyper_util::", "http_body_util::", "tower::", "tower_http::"],
        &["api.rs", "api/", "config.rs", "config/", "app.rs", "app/", "cli.rs", "cli/", "main.rs"],
        "nothing below the edge knows HTTP",
    ),
    (
        &["env::var", "env::vars", "env::var_os", "env::vars_os"],
        &["config/load.rs"],
        "settings come in through one door",
    ),
    (&["clap::"], &["cli.rs", "cli/", "config.rs", "config/"], "the command line is not a part's concern"),
];

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let floor = floor(&source.module).unwrap_or_else(|| panic!("{} stands on no floor", source.path));
        for import in imports(&source.code) {
            if import == source.module {
                continue;
            }
            match self::floor(&import) {
                None => {} // An item of lib.rs itself, which the compiler knows more about.
                Some(other) if other >= floor => {
                    wrong.push(format!("{} (floor {floor}) imports {import} (floor {other})", source.path));
                }
                Some(_) if source.module == "api" && HIDDEN_FROM_API.contains(&import.as_str()) => {
                    wrong.push(format!("{} imports {import}, which serving stands in front of", source.path));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn heavy_dependencies_have_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (words, places, reason) in RESERVED {
            let allowed = places
                .iter()
                .any(|place| source.path == *place || (place.ends_with('/') && source.path.starts_with(place)));
            for word in words.iter().filter(|_| !allowed) {
                if says(&source.code, word) {
                    wrong.push(format!("{} says `{word}`: {reason}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let lib = fs::read_to_string(root().join("lib.rs")).unwrap();
    let mut declared: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")))
        .filter_map(|rest| rest.strip_suffix(';'))
        .chain(["main"])
        .collect();
    let mut table: Vec<&str> = FLOORS.iter().map(|(module, _)| *module).collect();
    declared.sort_unstable();
    table.sort_unstable();
    assert_eq!(declared, table);
}

#[test]
fn each_file_opens_by_saying_what_it_is() {
    // Except tests in files of their own, which are told by their names.
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! ") && !source.path.contains("/tests"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn other_modules_are_named_from_the_top() {
    let mut wrong = Vec::new();
    for source in sources() {
        // `src/a.rs` is one step below the root, `src/a/b.rs` two. Tests inside a file stand one step lower still.
        let depth = source.path.matches('/').count() + 1;
        let (code, tests) = match source.code.split_once("mod tests {") {
            Some((code, tests)) => (code, tests),
            None => (source.code.as_str(), ""),
        };
        for (part, depth) in [(code, depth), (tests, depth + 1)] {
            if source.module != "main" && part.contains(&"super::".repeat(depth)) {
                wrong.push(format!("{} reaches the root by `super`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn reading_finds_what_the_compiler_finds() {
    let cases = [
        ("use crate::tensor::Tensor;", vec!["tensor"]),
        ("use crate::{codec, model::{Name, Version}, tensor::Tensor};", vec!["codec", "model", "tensor"]),
        ("pub(crate) use crate::serving;", vec!["serving"]),
        ("fn f() -> crate::engine::LoadError { crate::batching::cpu_quota() }", vec!["engine", "batching"]),
        ("// crate::api is not meant\n/* crate::api */ let text = \"crate::api\";", vec![]),
        ("/// see [`crate::api`]\nlet quote = '\"'; use crate::tensor;", vec!["tensor"]),
        ("let raw = r#\"say \"crate::api\" here\"#; crate::model::f()", vec!["model"]),
        ("fn f<'a>(x: &'a str) -> &'a str { crate::codec::g(x) }", vec!["codec"]),
        ("use onnxd::{cli, config};", vec!["cli", "config"]),
    ];
    for (text, expected) in cases {
        assert_eq!(imports(&code(text)), expected, "{text}");
    }
    assert!(says("use tract_onnx::prelude::*;", "tract_"));
    assert!(!says("use crate::engine::tract::Tract;", "tract_"));
    assert!(says("let x = http::StatusCode::OK;", "http::"));
    assert!(!says("let x = tower_http::cors();", "http::"));
    assert!(says("std::env::var(name)", "env::var"));
    assert!(!says("std::env::args()", "env::var"));
}

/// One file: its path below `src`, the module it belongs to, its text, and its text without comments and literals.
struct Source {
    path: String,
    module: String,
    text: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src` except the map itself.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let path = file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            let module = path.split(['/', '.']).next().unwrap().to_owned();
            let text = fs::read_to_string(&file).unwrap();
            Source { code: code(&text), path, module, text }
        })
        .filter(|source| source.path != "lib.rs")
        .collect()
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// The first segments behind each `crate::` (in the binary: `onnxd::`), groups in braces included.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["crate::", "onnxd::"] {
        for (position, _) in code.match_indices(root) {
            if !starts_word(code, position) {
                continue;
            }
            let rest = &code[position + root.len()..];
            match rest.strip_prefix('{') {
                None => found.push(identifier(rest)),
                Some(group) => {
                    let mut depth = 0;
                    let mut expected = true;
                    for (offset, character) in group.char_indices() {
                        match character {
                            '{' => depth += 1,
                            '}' if depth == 0 => break,
                            '}' => depth -= 1,
                            ',' if depth == 0 => expected = true,
                            _ if expected && !character.is_whitespace() => {
                                found.push(identifier(&group[offset..]));
                                expected = false;
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// Whether the code contains the word, not just as the end of a longer one.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(position, _)| starts_word(code, position))
}

fn starts_word(code: &str, position: usize) -> bool {
    !code[..position].ends_with(|before: char| before.is_alphanumeric() || before == '_')
}

/// The text without comments, strings and character literals.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = raw_string(rest) {
            raw
        } else if character == '"' {
            closing(rest, '"')
        } else if character == '\'' && is_character_literal(rest) {
            closing(rest, '\'')
        } else {
            code.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skip..];
    }
    code
}

/// The length of a raw string that starts here.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?.chars().take_while(|character| *character == '#').count();
    let opening = hashes + 2;
    (text.as_bytes().get(opening - 1) == Some(&b'"')).then(|| {
        let end = format!("\"{}", "#".repeat(hashes));
        text[opening..].find(&end).map_or(text.len(), |position| opening + position + end.len())
    })
}

/// The length of a literal in these quotes, escapes respected.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return offset + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A quote opens a character unless it begins a lifetime.
fn is_character_literal(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}
