//! A request of many rows cut into parts that run side by side, and its answer put together again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::RunError;
use crate::tensor::Tensor;

use super::job::{Computed, InferError, Job, Ticket};
use super::profile::Profile;

/// Jobs of `part` rows each, the last of what is left; one job where `part` is all of them.
pub fn parts(
    inputs: Vec<Tensor>,
    rows: usize,
    part: usize,
    profile: &Arc<Profile>,
    submitted: Instant,
    deadline: Instant,
) -> (Vec<Job>, Vec<Ticket>) {
    let slices = |start: usize| {
        let end = (start + part).min(rows);
        let slice = |input: &Tensor| input.slice_rows(start, end).ok();
        Some((inputs.iter().map(slice).collect::<Option<Vec<_>>>()?, end - start))
    };
    let cut =
        if part == 0 || part >= rows { None } else { (0..rows).step_by(part).map(slices).collect::<Option<Vec<_>>>() };
    let cut = cut.unwrap_or_else(|| vec![(inputs, rows)]);
    cut.into_iter().map(|(inputs, rows)| Job::new(inputs, rows, profile, submitted, deadline)).unzip()
}

/// The answer to all parts. The first that fails is the answer; the others are then not waited for, and those that have
/// not begun never do.
pub async fn join(tickets: Vec<Ticket>) -> Result<Computed, InferError> {
    let mut answers = Vec::with_capacity(tickets.len());
    // In a vector of their own, so that leaving drops those that are left.
    for ticket in tickets {
        answers.push(ticket.redeem().await?);
    }
    match answers.len() {
        1 => Ok(answers.remove(0)),
        _ => together(&answers).ok_or_else(|| {
            let message = "the answers to its parts do not fit together; send fewer rows at a time";
            RunError::from(message.to_owned()).into()
        }),
    }
}

fn together(answers: &[Computed]) -> Option<Computed> {
    let output = |at: usize| {
        let parts = answers.iter().map(|answer| answer.outputs.get(at)).collect::<Option<Vec<_>>>()?;
        Tensor::stack_rows(&parts, 0)
    };
    Some(Computed {
        outputs: (0..answers.first()?.outputs.len()).map(output).collect::<Option<_>>()?,
        queued: answers.iter().map(|answer| answer.queued).min().unwrap_or_default(),
        // Side by side or not: the time that slots were used.
        computed: answers.iter().map(|answer| answer.computed).sum::<Duration>(),
    })
}
