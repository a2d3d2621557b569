use super::*;
use crate::engine::fake::{Fake, FakeSession};

use bytes::Bytes;

fn source(bytes: &'static [u8]) -> ModelSource {
    ModelSource { bytes: Bytes::from_static(bytes), directory: None }
}

/// A shell script to stand in the place of the program.
fn program(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (written, program) = (folder.join("written"), folder.join("program"));
    std::fs::write(&written, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o755)).unwrap();
    // What this process writes may be inherited, open, by a child of another test until that has started, and is not run
    // while it is. So another process writes what is run.
    assert!(std::process::Command::new("cp").arg(written).arg(&program).status().unwrap().success());
    program
}

fn rehearse(program: &Path, limits: Limits) -> Result<(), LoadError> {
    let mut stage = Stage::set_up(program, "{}", limits, 1).map_err(not_started)?;
    verdict(stage.rehearse(&source(b"model"), limits.time), limits)
}

fn child(script: &str, time: Duration) -> Result<(), LoadError> {
    let folder = tempfile::tempdir().unwrap();
    rehearse(&program(folder.path(), script), Limits { time, memory: 1 << 30 })
}

fn words(script: &str) -> String {
    child(script, Duration::from_secs(20)).unwrap_err().to_string()
}

#[test]
fn an_answer_is_taken_as_it_is() {
    assert_eq!(child(r#"read head; echo '{"Ok":null}'"#, Duration::from_secs(20)), Ok(()));
    assert_eq!(child(r#"echo '{"Ok":null}'"#, Duration::from_secs(20)), Ok(()));
    assert_eq!(
        child(r#"echo '{"Err":{"Malformed":"no graph"}}'"#, Duration::from_secs(20)),
        Err(LoadError::Malformed("no graph".into()))
    );
}

#[test]
fn a_death_is_told_in_words() {
    assert!(words("kill -SEGV $$").contains("signal 11"));
    assert!(words("echo 'memory allocation of 7 bytes failed' >&2; kill -ABRT $$").contains("1024 MiB"));
    assert!(words("echo 'thread x has overflowed its stack' >&2; kill -ABRT $$").contains("nested too deeply"));
    assert!(words("echo 'what is this' >&2; exit 2").contains("what is this"));
    assert!(words("exit 3").contains('3'));
}

#[test]
fn patience_ends() {
    let begun = std::time::Instant::now();
    let told = child("exec sleep 60", Duration::from_millis(200)).unwrap_err().to_string();
    assert!(told.contains("--load-timeout"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_program_that_is_not_there_is_named_as_the_fault() {
    let limits = Limits { time: Duration::from_secs(1), memory: 1 << 30 };
    let told = rehearse(Path::new("/nowhere/onnxd"), limits).unwrap_err().to_string();
    assert!(told.contains("--trial-load"), "{told}");
}

/// Loads models with a script in the place of the program and tells how often it was started.
fn starts(script: &str, load: impl FnOnce(&dyn Fn() -> bool, &dyn Engine)) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!("echo started >> {}; n=0; while read head; do n=$((n + 1)); {script}; done", log.display());
    let config = Config { program: Some(program(folder.path(), &script)), ..Config::default() };
    let engine = Fake::new(FakeSession::rows_in_rows_out(1), |inputs| Ok(inputs.to_vec()));
    let trial = Trial::new(engine, "{}".into(), config);
    load(&|| trial.load(&source(b"model")).is_ok(), &trial);
    std::fs::read_to_string(log).unwrap().lines().count()
}

#[test]
fn small_models_share_a_child_until_there_is_nothing_more_to_load() {
    let said = r#"echo '{"Ok":null}'"#;
    assert_eq!(starts(said, |load, _| assert!((0..3).all(|_| load()))), 1);
    assert_eq!(starts(said, |load, _| assert!((0..MODELS_OF_A_CHILD + 1).all(|_| load()))), 2);
    let refused = r#"echo '{"Err":{"Malformed":"no graph"}}'"#;
    assert_eq!(starts(refused, |load, _| assert!((0..3).all(|_| !load()))), 1);
    let rest = |load: &dyn Fn() -> bool, engine: &dyn Engine| {
        assert!(load());
        engine.rest();
        assert!(load());
    };
    assert_eq!(starts(said, rest), 2);
}

#[test]
fn what_one_model_leaves_behind_is_held_against_no_other() {
    // The first is good; whatever comes next in the same child ends it, or is refused for its memory.
    let spoilt = [
        r#"[ $n = 2 ] && kill -SEGV $$; echo '{"Ok":null}'"#,
        r#"[ $n = 2 ] && echo '{"Err":{"Trial":"no memory"}}' || echo '{"Ok":null}'"#,
    ];
    for script in spoilt {
        assert_eq!(starts(script, |load, _| assert!(load() && load())), 2, "{script}");
    }
}

#[test]
fn limits_grow_with_the_files_and_stay_within_the_container() {
    let config = Config::default();
    assert_eq!(config.limits(1000, None), Limits { time: config.timeout, memory: config.memory as u64 + 6000 });
    let large = config.limits(400 << 20, None);
    assert_eq!(large.time, config.timeout + Duration::from_secs(100));
    assert_eq!(config.limits(400 << 20, Some(1 << 20)).memory, 1 << 20);
}
