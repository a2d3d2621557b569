//! The parent's part of a trial: a child, and the models that it is given one after another. Starting a program and opening
//! an engine takes longer than trying a small model does, so small ones share a child.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{COMMAND, LONGEST, Limits};
use crate::engine::{LoadError, ModelSource};

/// What the child is told of a model on one line of JSON, before the folder's path and the model's bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Announcement {
    /// Length of the path of the folder with the model's external data.
    pub folder: Option<usize>,
    pub bytes: usize,
}

/// A child at work. It ends with this.
#[derive(Debug)]
pub(super) struct Stage {
    child: Child,
    talk: Talk,
    /// How many models it was given.
    pub rehearsed: usize,
}

/// The ends of the pipes, with a thread behind each.
#[derive(Debug)]
struct Talk {
    models: Sender<Vec<Bytes>>,
    said: Receiver<Vec<u8>>,
    complaint: Option<JoinHandle<String>>,
}

/// How a trial came to its end.
pub(super) enum Ending {
    /// The child has said this and waits for the next model.
    Verdict(Result<(), LoadError>),
    TookTooLong,
    Died {
        status: ExitStatus,
        complaint: String,
    },
}

impl Stage {
    /// Starts a child for so many models.
    pub fn set_up(program: &Path, settings: &str, limits: Limits, models: usize) -> std::io::Result<Self> {
        let seconds = limits.time.as_secs().saturating_add(1).saturating_mul(models as u64);
        let mut command = Command::new(program);
        command.arg(COMMAND).args(["--engine", settings, "--memory", &limits.memory.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        match Talk::with(&mut child) {
            Ok(talk) => Ok(Self { child, talk, rehearsed: 0 }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Has a model tried. Blocking, for up to `time`.
    pub fn rehearse(&mut self, source: &ModelSource, time: Duration) -> std::io::Result<Ending> {
        self.rehearsed += 1;
        // A verdict too many on the model before would be taken for this one's.
        if self.rehearsed > 1 && self.talk.said.try_iter().any(|line| verdict_in(&line).is_some()) {
            return self.died();
        }
        let folder = source.directory.as_deref().map(Path::as_os_str).map(OsStr::as_bytes);
        let announcement = Announcement { folder: folder.map(<[u8]>::len), bytes: source.bytes.len() };
        let mut head = serde_json::to_vec(&announcement)?;
        head.push(b'\n');
        head.extend_from_slice(folder.unwrap_or_default());
        // A child that has died does not read, which its status tells better.
        let _ = self.talk.models.send(vec![head.into(), source.bytes.clone()]);
        let begun = Instant::now();
        loop {
            match self.talk.said.recv_timeout(time.saturating_sub(begun.elapsed())) {
                // A library may have something to say, too.
                Ok(line) => {
                    if let Some(verdict) = verdict_in(&line) {
                        return Ok(Ending::Verdict(verdict));
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Ending::TookTooLong),
                Err(RecvTimeoutError::Disconnected) => return self.died(),
            }
        }
    }

    fn died(&mut self) -> std::io::Result<Ending> {
        let _ = self.child.kill();
        let status = self.child.wait()?;
        let complaint = self.talk.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Ending::Died { status, complaint })
    }
}

impl Talk {
    /// Starts the threads that feed a child and listen to it. They end with its pipes.
    fn with(child: &mut Child) -> std::io::Result<Self> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let named = |name: &str| thread::Builder::new().name(format!("trial-{name}"));
        let (models, waiting) = channel();
        named("in").spawn(move || feed(stdin, &waiting))?;
        // A child may say more than it is asked for; that is not kept.
        let (say, said) = sync_channel(1);
        named("out").spawn(move || {
            let mut pipe = BufReader::new(stdout);
            while let Some(line) = line(&mut pipe) {
                if say.send(line).is_err() {
                    return;
                }
            }
        })?;
        let complaint = Some(named("err").spawn(|| heard(stderr))?);
        Ok(Self { models, said, complaint })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn verdict_in(line: &[u8]) -> Option<Result<(), LoadError>> {
    serde_json::from_slice(line).ok()
}

/// Nothing is left behind; a child that has ended already does not mind.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn feed(mut pipe: ChildStdin, models: &Receiver<Vec<Bytes>>) {
    for pieces in models {
        if pieces.iter().try_for_each(|piece| pipe.write_all(piece)).is_err() {
            return;
        }
    }
}

/// The next line, which is not endless; `None` when there is no more.
fn line(pipe: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    let read = pipe.take(LONGEST).read_until(b'\n', &mut said);
    read.ok().filter(|&read| read > 0).map(|_| said)
}

fn heard(pipe: impl Read) -> String {
    let mut said = Vec::new();
    // What came before an error counts.
    let _ = pipe.take(LONGEST).read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}
