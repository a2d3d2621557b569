//! How much memory the container has left, and how models that are loaded side by side divide it. A trial that went beyond
//! it would be killed together with the server, where the container's processes are killed as one; a limit below it is
//! an error in words. Two that would fit each by itself and not together go one after the other.

use std::sync::{Condvar, Mutex, PoisonError};

/// What models that are being loaded are expected to take.
#[derive(Debug, Default)]
pub struct Room {
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    models: usize,
    bytes: u64,
}

impl Taken {
    /// Whether one more fits. One by itself always may try: its limit is what is left.
    fn fits(&self, bytes: u64, left: Option<u64>) -> bool {
        self.models == 0 || left.is_none_or(|left| self.bytes.saturating_add(bytes) <= left)
    }
}

/// The right to load a model, until it is dropped.
#[derive(Debug)]
pub struct Place<'r> {
    room: &'r Room,
    bytes: u64,
}

impl Room {
    /// Waits until a model that is expected to take so much fits beside those that are being loaded. `left` tells how much
    /// there is; what those others have taken up already counts twice then, which errs on the safe side.
    pub fn take(&self, bytes: u64, left: impl Fn() -> Option<u64>) -> Place<'_> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |taken: &mut Taken| !taken.fits(bytes, left());
        let mut taken = self.freed.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner);
        taken.models += 1;
        taken.bytes = taken.bytes.saturating_add(bytes);
        Place { room: self, bytes }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.models -= 1;
        taken.bytes = taken.bytes.saturating_sub(self.bytes);
        drop(taken);
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Room;
    use std::sync::mpsc::channel;

    #[test]
    fn models_that_do_not_fit_together_are_loaded_one_after_the_other() {
        let room = Room::default();
        let first = room.take(700, || Some(1000));
        assert_eq!(room.taken.lock().unwrap().bytes, 700);
        drop(room.take(300, || Some(1000)));
        drop(room.take(u64::MAX, || None));
        std::thread::scope(|scope| {
            let (sender, taken) = channel();
            let room = &room;
            scope.spawn(move || {
                let _second = room.take(2000, || Some(1000));
                let alone = room.taken.lock().unwrap().models == 1;
                sender.send(alone).unwrap();
            });
            drop(first);
            assert!(taken.recv().unwrap());
        });
        assert_eq!(room.taken.lock().unwrap().models, 0);
    }
}
