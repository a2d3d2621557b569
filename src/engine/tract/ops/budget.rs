//! What an operator of ours may make of sizes that came with a request: no tensor larger than `--max-tensor`, and together
//! with what it needs on the way there no more than that either, or 256 MiB where that is more. Operators ask before they
//! allocate.

use std::cell::Cell;

use tract_onnx::prelude::{TractError, TractResult};

/// What the result and everything on the way to it may always take together.
const ALWAYS: usize = 256 << 20;

thread_local! {
    /// Operators run on the thread that runs the plan, and see no settings. Without a plan it is the default.
    static MOST: Cell<usize> = const { Cell::new(1 << 30) };
}

/// Works with this limit, in bytes, on what operators make on this thread.
pub fn within<T>(most: usize, work: impl FnOnce() -> T) -> T {
    struct Before(usize);
    impl Drop for Before {
        fn drop(&mut self) {
            MOST.set(self.0);
        }
    }
    let _before = Before(MOST.replace(most));
    work()
}

/// How many elements a shape has, if there is room for them at so many bytes each, and at `scratch` more each until they
/// are made. Sizes of zero count as one: what is empty is laid out along its other axes all the same.
pub fn elements(shape: &[usize], bytes: usize, scratch: usize) -> TractResult<usize> {
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size.max(1)));
    let fits = |count: &usize| {
        count.checked_mul(bytes).is_some_and(|made| room_for(made, count.checked_mul(scratch).unwrap_or(usize::MAX)))
    };
    match count.filter(fits) {
        Some(_) if shape.contains(&0) => Ok(0),
        Some(count) => Ok(count),
        None => Err(too_large(shape)),
    }
}

/// An error if there is no room for strings of this shape that have so many bytes together.
pub fn strings(shape: &[usize], bytes: usize) -> TractResult<()> {
    let count = elements(shape, size_of::<String>(), 0)?;
    let fits = bytes.checked_add(count * size_of::<String>()).is_some_and(|made| room_for(made, 0));
    if fits { Ok(()) } else { Err(too_large(shape)) }
}

fn room_for(made: usize, scratch: usize) -> bool {
    let most = MOST.get();
    made <= most && made.checked_add(scratch).is_some_and(|all| all <= most.max(ALWAYS))
}

fn too_large(shape: &[usize]) -> TractError {
    let most = MOST.get() >> 20;
    TractError::msg(format!("to make its result of shape {shape:?} it would need more than {most} MiB (--max-tensor)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_held_against_the_setting_and_scratch_against_no_less_than_is_always_there() {
        assert_eq!(elements(&[1 << 10, 1 << 18], 4, 0).unwrap(), 1 << 28);
        assert!(elements(&[(1 << 28) + 1], 4, 0).is_err());
        assert!(elements(&[1 << 28], 4, 1).is_err());
        assert!(elements(&[usize::MAX, usize::MAX], 1, 0).is_err());
        assert!(elements(&[0, usize::MAX, usize::MAX], 1, 0).is_err());
        assert_eq!(elements(&[0, 7], 4, 0).unwrap(), 0);
        within(1 << 20, || {
            assert!(elements(&[1 << 18], 4, 1020).is_ok());
            assert!(elements(&[1 << 18], 4, 1021).is_err());
            let refused = elements(&[(1 << 18) + 1], 4, 0).unwrap_err().to_string();
            assert!(refused.contains("1 MiB (--max-tensor)"), "{refused}");
            assert!(strings(&[1, 8], (1 << 20) - 8 * size_of::<String>()).is_ok());
            assert!(strings(&[1, 8], (1 << 20) - 7 * size_of::<String>()).is_err());
        });
        assert!(elements(&[1 << 18], 4, 1021).is_ok());
    }
}
