//! Panics of a model library, turned into values. A library written for trusted models panics on a bad index or a zero
//! divisor; here that is one more way for a request to be refused. Nothing global is installed from this file: the
//! process's panic hook should ask [`is_quiet`] and print nothing for a panic that is about to be answered as an error.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// How many guarded calls this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Longest text taken over from a library, in bytes: enough for its first sentence.
const LONGEST: usize = 240;

/// Whether a panic of this thread is going to be caught and answered by [`catch`], so that the panic hook has nothing
/// to report.
pub fn is_quiet() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

/// Runs `work` with the mark that [`is_quiet`] reads; also when `work` unwinds the mark is taken back.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    struct Mark;
    impl Drop for Mark {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
        }
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let _mark = Mark;
    work()
}

/// Runs `work`; a panic inside it comes back as one short line.
///
/// The caller vouches for what `work` leaves behind when it unwinds half-way: use it only round work whose state is
/// thrown away with the panic or guarded against it.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // Unwind safety is the caller's promise above; asking every closure to spell it again would not add to it.
    quietly(|| catch_unwind(AssertUnwindSafe(work))).map_err(|payload| describe(payload.as_ref()))
}

/// Stack for work whose depth is that of a file: many times what any model needs.
pub const DEEP_STACK: usize = 64 << 20;

/// The same on a thread of its own with a large stack, for work that descends as deep as a file nests things. Blocking.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("deep".into()).stack_size(DEEP_STACK);
        let thread =
            thread.spawn_scoped(scope, || catch(work)).map_err(|error| format!("no thread for it: {error}"))?;
        thread.join().unwrap_or_else(|payload| Err(describe(payload.as_ref())))
    })
}

/// The words of a panic as one short line without source locations.
fn describe(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(|| "it stopped without saying why".into(), one_line)
}

/// The first line of a text, cut to a length fit for a client; text that speaks of source files is dropped.
pub fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = line.split(" at /").next().unwrap_or(line);
    let line = line.strip_prefix("called `Result::unwrap()` on an `Err` value: ").unwrap_or(line);
    let line = match line {
        "called `Option::unwrap()` on a `None` value" | "" => "a value that was taken for granted is missing",
        other => other,
    };
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_first_line() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| panic!("index 7 of 3\nstack")), Err::<(), _>("index 7 of 3".into()));
        assert!(catch(|| std::panic::panic_any(3)).is_err_and(|text: String| !text.is_empty()));
    }

    #[test]
    fn the_mark_is_taken_back_also_when_work_unwinds() {
        assert!(!is_quiet());
        assert!(quietly(|| quietly(is_quiet)));
        let _ = catch(|| panic!("{}", "x"));
        assert!(!is_quiet());
    }

    #[test]
    fn deep_work_has_the_stack_for_it() {
        fn sum(depth: u64) -> u64 {
            let page = std::hint::black_box([depth; 128]);
            if depth == 0 { 0 } else { page[64] + sum(depth - 1) }
        }
        assert_eq!(deep(|| sum(20_000)), Ok(200_010_000));
        assert_eq!(deep(|| panic!("index 7 of 3")), Err::<(), _>("index 7 of 3".into()));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let cut = one_line(&"é".repeat(1000));
        assert!(cut.len() < 300 && cut.ends_with('…'));
    }
}
