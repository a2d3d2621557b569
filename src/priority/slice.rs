//! How long a thread wants to run once it is its turn. From 6.12 on Linux takes that for the urgency of a thread as well: of
//! those that may run, the one comes first whose slice would be over soonest. So it lets a thread that wakes up wait behind
//! one that gave way to everybody, if the slice of that one happens to end before, and looks again at its next tick,
//! milliseconds later; see the kernel's "EEVDF Scheduler" and sched_setattr(2), sched_runtime. Earlier ones take no notice.

use std::time::Duration;

/// The least there is: who answers is done long before.
pub(super) const SHORT: Duration = Duration::from_micros(100);

/// Who computes has no use for less, and has it still when another one computes on the same core.
pub(super) const LONG: Duration = Duration::from_millis(5);

/// Asks for slices of that length for the calling thread, and leaves all else as it is. Is no loss where it is refused.
#[allow(unsafe_code)]
pub(super) fn ask_for(slice: Duration) {
    // Linux takes "this process" for the calling thread.
    let nice = rustix::process::getpriority_process(None).unwrap_or(0);
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: libc::SCHED_FLAG_KEEP_POLICY as u64,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice.as_nanos() as u64,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: 0 is the calling thread, and the attributes are read before it returns; there are no flags for the call itself.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_policy_and_niceness() {
        let thread = std::thread::spawn(|| {
            let before = rustix::process::getpriority_process(None).expect("a niceness");
            ask_for(LONG);
            assert_eq!(rustix::process::getpriority_process(None).expect("a niceness"), before);
            if release() >= [6, 12] {
                let file = std::fs::read_to_string("/proc/thread-self/sched").unwrap_or_default();
                let slice = file.lines().find_map(|line| line.strip_prefix("se.slice")?.rsplit(' ').next());
                // Not every kernel shows it.
                assert_eq!(slice.unwrap_or("5000000"), "5000000");
            }
        });
        thread.join().expect("no panic");
    }

    fn release() -> [u32; 2] {
        let words = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux names its release");
        let mut numbers = words.split('.').map_while(|word| word.parse().ok());
        [(); 2].map(|()| numbers.next().unwrap_or(0))
    }
}
