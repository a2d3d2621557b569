//! Proves that what the Dockerfile, compose, Prometheus and Kubernetes files say exists in the program: each port, path,
//! flag, environment name and metric. The files are read line by line; that they are valid in themselves is for the tools
//! that `.ci/run` calls.

// Helpers of tests fail by panicking, too; the lint only knows the tests themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use onnxd::{api, cli, config};

/// Where deployments are described: files, and folders with everything in them.
const PLACES: &[&str] = &["Dockerfile", "docker-compose.yml", "deploy", "k8s"];
/// Where an operator reads about settings.
const MANUALS: &[&str] = &["README.md", "docs"];
const PREFIX: &str = "ONNXD_";

#[test]
fn environment_names_exist() {
    let known: BTreeSet<String> = config::environment_names().into_iter().collect();
    let mut seen = 0;
    for file in files(PLACES).into_iter().chain(files(MANUALS)) {
        for (number, line) in numbered(&file.text) {
            for name in words_with(line, PREFIX) {
                // A pattern like `ONNXD_*` in prose names no variable.
                if name == PREFIX {
                    continue;
                }
                assert!(known.contains(name), "{}:{number}: there is no setting {name}", file.path);
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "only {seen} environment names found");
}

#[test]
fn settings_are_accepted() {
    let mut seen = 0;
    for file in files(PLACES) {
        let environment = environment(&file.text);
        if environment.is_empty() {
            continue;
        }
        let printed = print_config(&environment);
        assert!(printed.is_ok(), "{}: {}", file.path, printed.unwrap_err());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} files with settings found");
    let mistake = BTreeMap::from([("ONNXD_LAME_DUCK".to_owned(), "soon".to_owned())]);
    assert!(print_config(&mistake).is_err(), "a value that is no duration goes unnoticed");
}

#[test]
fn commands_and_flags_exist() {
    let mut seen = 0;
    for file in files(PLACES) {
        for (number, line) in numbered(&file.text) {
            let Some(words) = command_line(line) else { continue };
            // Prometheus is started by the same compose file, with flags of its own.
            let mut words =
                words.iter().map(String::as_str).filter(|word| *word != "CMD" && *word != "/onnxd").peekable();
            if words.peek().is_none() {
                continue;
            }
            let problem = unknown_word(words);
            assert_eq!(problem, None, "{}:{number}: the program knows no such word", file.path);
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} command lines found");
    assert_eq!(unknown_word(["serve", "--lame-duck=5s", "--models", "/models"].into_iter()), None);
    assert_eq!(unknown_word(["serve", "--lame-dog"].into_iter()), Some("--lame-dog".to_owned()));
    assert_eq!(unknown_word(["server"].into_iter()), Some("server".to_owned()));
}

#[test]
fn flags_in_the_manuals_exist() {
    let program = cli::command();
    let known: BTreeSet<String> = program
        .get_subcommands()
        .chain([&program])
        .flat_map(|command| command.get_arguments().filter_map(|argument| argument.get_long()))
        .chain(["help", "version"])
        .map(str::to_owned)
        .collect();
    for file in files(MANUALS) {
        for (number, line) in numbered(&file.text) {
            // Flags of other programs are written together with their name, ours stand alone or behind `onnxd`.
            let ours =
                line.split('`').skip(1).step_by(2).filter(|span| span.starts_with("--") || span.starts_with("onnxd "));
            for flag in ours.flat_map(|span| span.split([' ', '=', '|'])).filter_map(|word| word.strip_prefix("--")) {
                assert!(known.contains(flag), "{}:{number}: there is no flag --{flag}", file.path);
            }
        }
    }
}

#[test]
fn paths_exist() {
    let mut seen = 0;
    for file in files(PLACES) {
        for (number, line) in numbered(&file.text) {
            let path = value(line, "path").or_else(|| value(line, "metrics_path")).filter(|path| path.starts_with('/'));
            if let Some(path) = path {
                assert!(
                    api::route_list().any(|route| route == ("GET", path)),
                    "{}:{number}: there is no GET {path}",
                    file.path
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "only {seen} paths found");
}

#[test]
fn ports_are_the_one_the_program_listens_on() {
    let text = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    // What the program does when nobody tells it anything.
    let listen = print_config(&BTreeMap::new()).unwrap();
    let listen = listen.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"').to_owned();
    let port = listen.rsplit(':').next().unwrap();

    let mut stated: Vec<(String, String)> = Vec::new();
    for file in files(PLACES) {
        let mut state = |value: &str| stated.push((file.path.clone(), value.to_owned()));
        if let Some(listen) = environment(&file.text).get("ONNXD_LISTEN") {
            state(listen.rsplit(':').next().unwrap());
        }
        for line in file.text.lines() {
            value(line, "containerPort").into_iter().for_each(&mut state);
            line.strip_prefix("EXPOSE ").into_iter().for_each(&mut state);
            if let Some(targets) = value(line, "- targets") {
                state(targets.trim_matches(['[', ']']).rsplit(':').next().unwrap());
            }
        }
    }
    // In compose the container's side of the mapping.
    let compose = text("docker-compose.yml");
    let published = compose.lines().filter_map(|line| line.trim().strip_prefix("- \"")?.strip_suffix('"'));
    let ours =
        published.filter(|mapping| !mapping.ends_with(":9090")).map(|mapping| mapping.rsplit(':').next().unwrap());
    stated.extend(ours.map(|port| ("docker-compose.yml".to_owned(), port.to_owned())));

    assert!(stated.len() >= 6, "only these ports were found: {stated:?}");
    for (path, stated) in stated {
        assert_eq!(stated, port, "{path}: the program listens on {listen}");
    }
}

#[test]
fn metrics_exist() {
    // In the sources rather than in what is rendered: a metric without samples is not rendered.
    let declared: String = files(&["src/telemetry"]).into_iter().map(|file| file.text).collect();
    let mut seen = BTreeSet::new();
    for file in files(PLACES).into_iter().chain(files(MANUALS)) {
        for (number, line) in numbered(&file.text) {
            // By the first field of its JSON a program knows the results of `onnxd bench`.
            for word in words_with(line, "onnxd_").filter(|word| *word != "onnxd_bench") {
                let metric =
                    ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                assert!(
                    declared.contains(&format!("\"{metric}\"")),
                    "{}:{number}: there is no metric {word}",
                    file.path
                );
                seen.insert(word.to_owned());
            }
        }
    }
    assert!(seen.contains("onnxd_saturation_ratio"), "nothing scales on the saturation; found {seen:?}");
}

#[test]
fn one_version_of_the_compiler() {
    let text = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let line = |path: &str, start: &str| {
        let text = text(path);
        let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{path}: {start}"));
        line.trim_matches('"').to_owned()
    };
    let channel = line("rust-toolchain.toml", "channel = ");
    assert_eq!(line("Dockerfile", "ARG RUST_VERSION="), channel);
    assert!(channel.starts_with(&line("Cargo.toml", "rust-version = ")));
}

#[test]
fn reading_by_lines_finds_things() {
    let kubernetes =
        "env:\n  - name: ONNXD_LISTEN\n    value: 0.0.0.0:8080\n  # why\n  - name: ONNXD_LOG_FORMAT\n    value: json\n";
    let compose = "environment:\n  ONNXD_LISTEN: 0.0.0.0:8080\n  ONNXD_LOG_FORMAT: json\n";
    let docker = "ENV ONNXD_LISTEN=0.0.0.0:8080 \\\n    ONNXD_LOG_FORMAT=json\n";
    for text in [kubernetes, compose, docker] {
        let found = environment(text);
        assert_eq!(found.get("ONNXD_LISTEN").map(String::as_str), Some("0.0.0.0:8080"), "{text}");
        assert_eq!(found.get("ONNXD_LOG_FORMAT").map(String::as_str), Some("json"), "{text}");
    }
    assert_eq!(command_line("          args: [serve, --threads, \"2\"]").unwrap(), ["serve", "--threads", "2"]);
    assert_eq!(command_line("HEALTHCHECK --interval=5s CMD [\"/onnxd\", \"probe\"]").unwrap(), ["/onnxd", "probe"]);
    assert_eq!(command_line("RUN mkdir src"), None);
    assert_eq!(value("  path: /metrics", "path"), Some("/metrics"));
    assert_eq!(value("  # path: /metrics", "path"), None);
}

/// A file by its path below the repository.
struct File {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(places: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push(File { path: path.strip_prefix(root()).unwrap().display().to_string(), text });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "nothing found in {places:?}");
    found
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The identifiers in a text that begin so.
fn words_with<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(move |word| word.starts_with(start))
}

/// What stands behind `key:`, also in a list item; comments do not count.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.trim().strip_prefix(key)?.strip_prefix(": ")?.trim();
    Some(value.trim_matches('"'))
}

/// The settings that a file gives the program, in any of the three spellings.
fn environment(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut named: Option<&str> = None;
    for line in text.lines() {
        let line = line.trim().trim_end_matches('\\').trim();
        if let Some(name) = value(line, "- name") {
            named = name.starts_with(PREFIX).then_some(name);
        } else if let (Some(name), Some(value)) = (named, value(line, "value")) {
            found.insert(name.to_owned(), value.to_owned());
        } else if let Some((name, value)) = line.strip_prefix("ENV ").unwrap_or(line).split_once('=')
            && name.starts_with(PREFIX)
        {
            found.insert(name.to_owned(), value.to_owned());
        } else if let Some((name, value)) = line.split_once(": ")
            && name.starts_with(PREFIX)
        {
            found.insert(name.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    found
}

/// The words of a command in brackets: of an instruction of the Dockerfile, of `args`, `command` or `test` elsewhere.
fn command_line(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let starts = ["ENTRYPOINT [", "CMD [", "args: [", "command: [", "test: [CMD, /onnxd"];
    let relevant = starts.iter().any(|start| line.starts_with(start)) || line.starts_with("HEALTHCHECK ");
    let list = relevant.then(|| line.split_once('[')?.1.strip_suffix(']'))??;
    Some(list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect())
}

/// The first word of a command line that is neither a subcommand nor one of its flags.
fn unknown_word<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<String> {
    let program = cli::command();
    let name = words.next()?;
    let Some(command) = program.find_subcommand(name) else { return Some(name.to_owned()) };
    let flags: BTreeSet<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    words
        .filter(|word| word.starts_with('-'))
        .find(|word| {
            let flag = word.trim_start_matches('-');
            !flags.contains(flag.split_once('=').map_or(flag, |(name, _)| name))
        })
        .map(str::to_owned)
}

/// What `onnxd serve --print-config` says in this environment and no other.
fn print_config(environment: &BTreeMap<String, String>) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_onnxd"))
        .args(["serve", "--print-config"])
        .env_clear()
        .envs(environment)
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
