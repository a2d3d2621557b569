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
    fn long_texts_are_cut_between_characters() {
        let cut = one_line(&"é".repeat(1000));
        assert!(cut.len() < 300 && cut.ends_with('…'));
    }
}
