//! Threads that compute give way to those that answer. Where both want the same core, a thread that serves connections
//! needs it for microseconds and one that computes for as long as it gets it; equal shares would make every small request
//! wait for a time slice of some large one.

use std::cell::Cell;

/// Steps by which a thread is nicer than those that answer: it gets about a tenth of a core that both want, and all of
/// one that nobody else does. Containers have shares of their own, so it counts only among the threads of this server.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Lets the calling thread give way from now on. Does nothing where threads have no priority of their own, and is no
/// loss where it is not allowed.
pub fn give_way() {
    if GIVES_WAY.replace(true) {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        // Linux takes "this process" for the calling thread. What the process was started with counts, too.
        let before = rustix::process::getpriority_process(None).unwrap_or(0);
        let _ = rustix::process::setpriority_process(None, before.saturating_add(NICER).min(19));
    }
}
