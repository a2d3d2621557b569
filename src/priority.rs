//! Threads that compute give way to those that answer. Where both want the same core, a thread that serves connections
//! needs it for microseconds and one that computes for as long as it gets it; equal shares would make every small request
//! wait for a time slice of some large one. While requests have to be refused it is the other way round, and those who
//! never come to rest leave some of the core all the same.

#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod slice;

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Steps by which a thread is nicer than those that answer: it gets about a tenth of a core that both want, and all of
/// one that nobody else does.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// How long a thread that refused somebody leaves the core to others before it looks for new requests. A refused request
/// takes microseconds, and being woken for it takes as many again from the thread that computes.
const REST: Duration = Duration::from_millis(1);

/// How long a thread that computes goes on before it lets others have the core, where it can. Being nicer does not do that
/// by itself: the scheduler lets a running thread finish its slice, milliseconds, whoever has woken up meanwhile.
const TURN: Duration = Duration::from_micros(200);

/// How long a thread answers without a pause before it leaves the core for a [`REST`] to those that compute: a tenth of it,
/// as much as niceness alone would.
const SHIFT: Duration = Duration::from_millis(9);

/// How a thread gives way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Not,
    /// It gets less, and nobody is let in before its turn is over.
    Nicer,
    /// Whoever else of this process wants to run does so at once.
    Idle,
}

thread_local! {
    static MANNER: Cell<Manner> = const { Cell::new(Manner::Not) };
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    static IS_AWAKE: Cell<bool> = const { Cell::new(false) };
    static SHIFT_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Threads at work, of those that give way and of those that answer.
static COMPUTING: AtomicUsize = AtomicUsize::new(0);
static ANSWERING: AtomicUsize = AtomicUsize::new(0);

/// Whether there is work for a thread that gives way, which may have had no core yet to take it up.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Lets the calling thread have its turn soon whenever it wakes up. For threads that answer; does nothing where the system
/// knows no such wish.
pub fn wakes_promptly() {
    #[cfg(target_os = "linux")]
    slice::ask_for(slice::SHORT);
}

/// Lets the calling thread give way from now on. Does nothing where threads have no priority of their own, and is no
/// loss where it is not allowed.
pub fn give_way() {
    if MANNER.get() != Manner::Not {
        return;
    }
    MANNER.set(Manner::Nicer);
    #[cfg(target_os = "linux")]
    {
        // Linux takes "this process" for the calling thread. What the process was started with counts, too.
        let before = rustix::process::getpriority_process(None).unwrap_or(0);
        let _ = rustix::process::setpriority_process(None, before.saturating_add(NICER).min(19));
        slice::ask_for(slice::LONG);
        // Beside strangers it would get next to nothing, so only where the system shares out cores by groups.
        static HAS_GROUP: OnceLock<bool> = OnceLock::new();
        if *HAS_GROUP.get_or_init(group::is_own) && become_idle() {
            MANNER.set(Manner::Idle);
        }
    }
}

/// Makes the calling thread one that runs when no other of its group wants to; see sched(7), SCHED_IDLE. There is no way
/// back without privileges.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn become_idle() -> bool {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, and the parameters are read before it returns.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &parameters) == 0 }
}

/// For a thread that computes, between two steps: lets those that answer have the core if they want it. Does nothing on
/// threads that answer themselves, and next to nothing where nobody waits.
pub fn step_done() {
    if MANNER.get() != Manner::Not && TURN_BEGAN.get().is_none_or(|began| began.elapsed() >= TURN) {
        thread::yield_now();
        TURN_BEGAN.set(Some(Instant::now()));
    }
}

/// Says whether work waits for a thread that gives way.
pub fn work_waits(waits: bool) {
    if WAITING.load(Ordering::Relaxed) != waits {
        WAITING.store(waits, Ordering::Relaxed);
    }
}

/// Work of a thread that gives way, from when it is handed over until it is dropped.
pub struct Computing(());

impl Computing {
    pub fn begin() -> Self {
        COMPUTING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        COMPUTING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notes that this thread had to refuse a request, because there was more to do than can be done.
pub fn refused() {
    REFUSED.set(true);
}

/// Notes that a thread which answers has something to do.
pub fn woke_up() {
    if !IS_AWAKE.replace(true) {
        ANSWERING.fetch_add(1, Ordering::Relaxed);
        SHIFT_BEGAN.set(None);
    }
}

/// For a thread that answers and has nothing to do: nothing, unless it refused a request since the last time; then it blocks
/// for about a millisecond, in which others come together.
pub fn falls_asleep() {
    if IS_AWAKE.replace(false) {
        ANSWERING.fetch_sub(1, Ordering::Relaxed);
    }
    if REFUSED.take() {
        thread::sleep(REST);
    }
}

/// For a thread that has answered somebody: blocks for about a millisecond if it has done nothing else for long while there
/// are more threads at work than cores, so that those that give way are not kept from theirs for ever.
pub fn answered() {
    let computing = COMPUTING.load(Ordering::Relaxed) + usize::from(WAITING.load(Ordering::Relaxed));
    if computing == 0 || !IS_AWAKE.get() || computing + ANSWERING.load(Ordering::Relaxed) <= cores() {
        return;
    }
    match SHIFT_BEGAN.get() {
        Some(began) if began.elapsed() < SHIFT => return,
        Some(_) => thread::sleep(REST),
        None => {}
    }
    SHIFT_BEGAN.set(Some(Instant::now()));
}

fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}
