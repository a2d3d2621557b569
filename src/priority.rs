//! Threads that compute give way to those that answer. Where both want the same core, a thread that serves connections
//! needs it for microseconds and one that computes for as long as it gets it; equal shares would make every small request
//! wait for a time slice of some large one. While requests have to be refused it is the other way round.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// Steps by which a thread is nicer than those that answer: it gets about a tenth of a core that both want, and all of
/// one that nobody else does. Containers have shares of their own, so it counts only among the threads of this server.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// How long a thread that refused somebody leaves the core to others before it looks for new requests. A refused request
/// takes microseconds, and being woken for it takes as many again from the thread that computes.
const REST: Duration = Duration::from_millis(1);

/// How long a thread that computes goes on before it lets others have the core, where it can. Being nicer does not do that
/// by itself: the scheduler lets a running thread finish its slice, milliseconds, whoever has woken up meanwhile.
const TURN: Duration = Duration::from_micros(200);

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static REFUSED: Cell<bool> = const { Cell::new(false) };
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

/// For a thread that computes, between two steps: lets those that answer have the core if they want it. Does nothing on
/// threads that answer themselves, and next to nothing where nobody waits.
pub fn step_done() {
    if GIVES_WAY.get() && TURN_BEGAN.get().is_none_or(|began| began.elapsed() >= TURN) {
        thread::yield_now();
        TURN_BEGAN.set(Some(Instant::now()));
    }
}

/// Notes that this thread had to refuse a request, because there was more to do than can be done.
pub fn refused() {
    REFUSED.set(true);
}

/// For a thread that answers and has nothing to do: nothing, unless it refused a request since the last time; then it blocks
/// for about a millisecond, in which others come together.
pub fn rest_if_refused() {
    if REFUSED.take() {
        thread::sleep(REST);
    }
}
