//! The part of a trial that is done in the child: limits first, then the work that the server would do.

use std::time::Duration;

use rlimit::Resource;

use crate::engine::{Engine, LoadError, ModelSource, Session};
use crate::tensor::Tensor;

/// Address space beyond the memory that may be filled: what is reserved and never touched, such as stacks.
const RESERVED: u64 = 512 << 20;

/// Limits this process for the rest of its life. Its first act, before anything of the model is read. A system that has
/// one of these limits not, or a stricter one already, is taken as it is: the parent watches the clock in any case.
pub fn confine(memory: u64, time: Duration) {
    let limits = [
        (Resource::DATA, memory),
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

/// Loads the model and runs it once. Whether the run gives an answer is of no interest here, only that it ends: the
/// registry looks at the answer.
pub fn perform(engine: &dyn Engine, source: &ModelSource) -> Result<(), LoadError> {
    let session = engine.load(source)?;
    for value in [0.0, 1.0] {
        if made_up(&*session, value).is_none_or(|inputs| session.run(&inputs).is_ok()) {
            break;
        }
    }
    Ok(())
}

fn made_up(session: &dyn Session, value: f64) -> Option<Vec<Tensor>> {
    let ports = session.signature().inputs.iter();
    ports.zip(session.sample_shapes()).map(|(port, shape)| Tensor::made_up(port.datatype, &shape, value)).collect()
}
