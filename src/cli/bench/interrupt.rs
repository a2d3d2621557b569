//! Ctrl-C in the middle of a run: what was measured until then is told, and only the level that is under way is lost.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;
use std::thread;

use super::super::Failure;

/// What shells say of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Gives back what comes of the work. On Ctrl-C `interrupted` is called instead, and the process ends with the work undone.
pub(super) fn unless_interrupted<T: Send + 'static>(
    work: impl FnOnce() -> T + Send,
    interrupted: impl FnOnce(),
) -> Result<T, Failure> {
    let (done, events) = channel();
    let pressed = done.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            let _ = pressed.send(None);
        }
    });
    thread::scope(|scope| {
        scope.spawn(move || done.send(Some(catch_unwind(AssertUnwindSafe(work)))));
        match events.recv() {
            Ok(Some(Ok(done))) => Ok(done),
            Ok(Some(Err(panic))) => resume_unwind(panic),
            Ok(None) | Err(_) => {
                interrupted();
                std::process::exit(INTERRUPTED)
            }
        }
    })
}
