//! The part of a trial that is done in the child: limits first, then the work that the server would do.

use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use bytes::Bytes;
use rlimit::Resource;

use super::stage::Announcement;
use crate::engine::{Engine, LoadError, ModelSource, guard};

/// Address space beyond the memory that may be filled: what is reserved and never touched, such as stacks.
const RESERVED: u64 = 512 << 20;

/// Limits this process for the rest of its life. Its first act, before anything of the model is read. A system that has
/// one of these limits not, or a stricter one already, is taken as it is: the parent watches the clock in any case.
pub fn confine(memory: u64, time: Duration) {
    let limits = [
        // A stack is counted whole, however little of it is touched.
        (Resource::DATA, memory.saturating_add(guard::DEEP_STACK as u64)),
        (Resource::AS, memory.saturating_add(RESERVED)),
        (Resource::CPU, time.as_secs().max(1)),
        // A crash is expected here, and nobody looks into its remains.
        (Resource::CORE, 0),
    ];
    for (resource, limit) in limits {
        let most = resource.get_hard().unwrap_or(u64::MAX);
        let _ = resource.set(limit.min(most), limit.min(most));
    }
    // Where memory runs out all the same, this process is the one to go.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    // Nobody waits longer; a child whose parent has gone must not stay.
    std::thread::spawn(move || {
        std::thread::sleep(time);
        std::process::exit(1);
    });
}

/// The next model from the parent; `None` when there is none.
///
/// # Errors
/// When the parent goes away half way.
pub fn next_model(pipe: &mut impl BufRead) -> std::io::Result<Option<ModelSource>> {
    let mut line = Vec::new();
    if pipe.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let Announcement { folder, bytes } = serde_json::from_slice(&line)?;
    let mut read = |length: usize| {
        let mut piece = vec![0; length];
        pipe.read_exact(&mut piece).map(|()| piece)
    };
    let directory = folder.map(&mut read).transpose()?.map(|path| OsString::from_vec(path).into());
    Ok(Some(ModelSource { bytes: Bytes::from(read(bytes)?), directory }))
}

/// Loads the model and runs it once. Whether the run gives an answer is of no interest here, only that it ends and has
/// the memory for it: the registry looks at the answer.
pub fn perform(engine: &dyn Engine, source: &ModelSource) -> Result<(), LoadError> {
    let session = engine.load(source).map_err(|error| match error {
        LoadError::Engine(reason) if lacks_memory(&reason) => LoadError::Trial(TOO_LARGE.into()),
        other => other,
    })?;
    for value in [0.0, 1.0] {
        let Some(inputs) = session.sample(value) else { break };
        match session.run(&inputs) {
            Ok(_) => break,
            Err(error) if lacks_memory(&error.message) => return Err(LoadError::Trial(TOO_LARGE.into())),
            Err(_) => {}
        }
    }
    Ok(())
}

const TOO_LARGE: &str = "it needed more memory than it may take (--load-memory)";

/// Whether words of an engine's library say that an allocation failed. It gives up then, which the server would catch; but
/// there, without this process's limits, it would not fail and fill the machine.
fn lacks_memory(reason: &str) -> bool {
    let known = ["ailed to allocate", "data.is_null()", "no thread for it", "bad_alloc", "bad allocation"];
    known.iter().any(|words| reason.contains(words))
}
