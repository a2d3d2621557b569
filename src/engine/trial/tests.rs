use super::*;

use bytes::Bytes;

fn source(bytes: &'static [u8]) -> ModelSource {
    ModelSource { bytes: Bytes::from_static(bytes), directory: None }
}

/// A shell script in the place of the program.
fn child(script: &str, time: Duration) -> Result<(), LoadError> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    rehearse(&program, "{}", &source(b"model"), Limits { time, memory: 1 << 30 })
}

fn words(script: &str) -> String {
    child(script, Duration::from_secs(20)).unwrap_err().to_string()
}

#[test]
fn an_answer_is_taken_as_it_is() {
    assert_eq!(child(r#"cat > /dev/null; echo '{"Ok":null}'"#, Duration::from_secs(20)), Ok(()));
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
    let told = rehearse(Path::new("/nowhere/onnxd"), "{}", &source(b""), limits).unwrap_err().to_string();
    assert!(told.contains("--trial-load"), "{told}");
}

#[test]
fn limits_grow_with_the_files_and_stay_within_the_container() {
    let config = Config::default();
    assert_eq!(config.limits(1000, None), Limits { time: config.timeout, memory: config.memory as u64 + 6000 });
    let large = config.limits(400 << 20, None);
    assert_eq!(large.time, config.timeout + Duration::from_secs(100));
    assert_eq!(config.limits(400 << 20, Some(1 << 20)).memory, 1 << 20);
}
