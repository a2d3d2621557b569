//! Waits to within microseconds of a time. The timer of the runtime has steps of a millisecond, and looking at the clock for
//! as long takes a core from whoever else has a use for it, the measured server in the first place; Linux rings to the
//! nanosecond where a descriptor is watched, see timerfd_create(2).

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

#[cfg(target_os = "linux")]
use {
    rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    },
    std::{io, os::fd::OwnedFd},
    tokio::io::unix::AsyncFd,
};

/// So much before the time it is looked at the clock: waking up takes that long where a core was asleep.
const WAKING: Duration = Duration::from_micros(100);

/// The same where only the timer of the runtime is there.
const COARSE: Duration = Duration::from_millis(2);

/// For one who waits at a time.
#[derive(Debug)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: Option<AsyncFd<OwnedFd>>,
}

impl Alarm {
    /// Belongs to the runtime that it is made in.
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: timer().ok(),
        }
    }

    /// Returns at that time, or soon after, and says when that was.
    pub(super) async fn wait_until(&self, time: Instant) -> Instant {
        loop {
            let now = Instant::now();
            match time.checked_duration_since(now) {
                None | Some(Duration::ZERO) => return now,
                Some(left) if left > WAKING && self.ring_in(left - WAKING).await => {}
                Some(left) if left > 2 * COARSE => sleep_until((time - COARSE).into()).await,
                Some(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Whether it was possible.
    #[cfg(target_os = "linux")]
    async fn ring_in(&self, left: Duration) -> bool {
        let Some(timer) = &self.timer else { return false };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let Ok(it_value) = Timespec::try_from(left) else { return false };
        // Setting it takes back that it has rung before.
        let set = timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value });
        if set.is_err() {
            return false;
        }
        let Ok(mut rung) = timer.readable().await else { return false };
        rung.clear_ready();
        true
    }

    #[cfg(not(target_os = "linux"))]
    async fn ring_in(&self, _: Duration) -> bool {
        false
    }
}

/// A descriptor that becomes readable when a time has come.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn timer() -> io::Result<AsyncFd<OwnedFd>> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    // SAFETY: an `OwnedFd` is open, and the same descriptor, for as long as it lives.
    Ok(unsafe { AsyncFd::register(timer) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_time_is_returned_early_however_often_it_waits() {
        let alarm = Alarm::new();
        let begun = Instant::now();
        for step in [0, 1, 150, 151, 700, 2_500, 4_000, 9_000] {
            let time = begun + Duration::from_micros(step);
            let now = alarm.wait_until(time).await;
            assert!(now >= time && now <= Instant::now());
        }
    }
}
