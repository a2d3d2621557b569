//! Freed memory goes back to the system where it matters. The system's allocator keeps what is freed for later, a model's
//! weights in pieces between blocks that are still in use, so that a process which exchanges models would soon hold several
//! times the largest of them. Loading a model and dropping it are rare; there the free pages are given back.

/// Gives every free page back. Blocking for as long as it takes to walk what is free: microseconds to a few milliseconds.
/// Does nothing where the allocator is another than the GNU C library's.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: it takes no pointer, asks nothing of its caller, and locks what it walks through; see malloc_trim(3).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The last field of what holds a lot of memory: gives it back after the fields before it have been dropped.
#[derive(Debug)]
pub struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        give_back();
    }
}
