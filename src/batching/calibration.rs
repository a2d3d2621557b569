//! Finds out, in spare time, what runs of a model cost by their number of rows, and whether rows answer the same alone and
//! together. Sizes are doubled as long as that makes a row cheaper. Done in steps of about one run, so that a request
//! never waits long for it.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::engine::{Session, answers, samples};
use crate::memory;
use crate::model::{Dim, Port, Signature};
use crate::tensor::{DataType, Shape, Tensor};

use super::curve::SIZES;
use super::lane::Lane;
use super::policy::{CHEAP, CHEAP_GATHERED};
use super::profile::Profile;

/// Rows that differ, which batches are made of.
const DISTINCT_ROWS: usize = 4;

/// A model's answers for a row differ in the last digits by how many rows were computed together, because sums are made in
/// another order; a difference that means something is larger than this, relative to max(1, |answer|).
const TOLERANCE: f64 = 1e-4;

/// Bytes of the rows that are made up in a client's shape; larger ones gain little from company, and are not merged.
const LARGEST_ROWS: usize = 32 << 20;

/// What an element takes at most while rows are made, and a string.
const ELEMENT_BYTES: usize = size_of::<f64>();
const STRING_BYTES: usize = 64;

/// Runs whose quickest counts, and time that small ones are repeated for.
const RUNS: u64 = 3;
const REPEATED_FOR: Duration = Duration::from_micros(500);

/// A doubling pays when a row gets cheaper by this much; after two in a row that do not, or one of a heavy model, that is it.
const PAYS: f64 = 0.95;
const HEAVY: Duration = Duration::from_millis(20);

/// Up to this size none is enough for a quick model, as long as a row gets no dearer than a busy machine may make it look: what
/// computes several rows at a time, as trees and small matrix products do, may begin to gain only where it has as many as it
/// takes. Long runs have no use for the little that they gain so late: their answers come in a burst, which those who are
/// asked beside them notice.
const SOME: usize = 64;
const NO_DEARER: f64 = 1.25;

/// No larger batch is tried once a run takes this long.
const LONG_RUN: Duration = Duration::from_millis(500);

/// The work that is left.
pub struct Calibration {
    /// A model that was dropped meanwhile is not kept for this.
    lane: Weak<Lane>,
    profile: Arc<Profile>,
    /// Of the inputs that the rows are made up for.
    shapes: Vec<Shape>,
    /// Rows that differ, each with its answer once it was computed alone; none before the first step.
    rows: Vec<Row>,
    /// Index of the size in [`SIZES`] that is at hand.
    at: usize,
    size: Size,
    cheapest: f64,
    unpaid: usize,
}

/// What was found out about the size at hand.
#[derive(Default)]
struct Size {
    compared: bool,
    runs: u64,
    quickest: Option<Duration>,
}

struct Row {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl Calibration {
    /// For rows of these inputs' shape; `None` where there is nothing to find out. With no inputs, for rows of the shape
    /// that the model was prepared with. Computes nothing yet.
    pub fn of(lane: &Arc<Lane>, profile: &Arc<Profile>, like: Option<&[Tensor]>) -> Option<Self> {
        if !lane.may_batch {
            return None;
        }
        let mut shapes = samples::shapes_of_rows(&*lane.session, DISTINCT_ROWS)?;
        if let Some(like) = like {
            for (shape, tensor) in shapes.iter_mut().zip(like) {
                *shape = tensor.shape().into();
                *shape.first_mut()? = DISTINCT_ROWS;
            }
            if bytes_of(&shapes, like) > LARGEST_ROWS {
                profile.refute("rows of this size are not tried together".into());
                return None;
            }
        }
        let (lane, profile) = (Arc::downgrade(lane), Arc::clone(profile));
        let (rows, size) = Default::default();
        Some(Self { lane, profile, shapes, rows, at: 0, size, cheapest: f64::INFINITY, unpaid: 0 })
    }

    /// Takes a place among the runs of its model, if there is one; whoever makes the step gives it back to that.
    pub fn enters(&self) -> bool {
        self.lane.upgrade().is_none_or(|lane| lane.enters())
    }

    /// Its model, unless that was dropped.
    pub fn lane(&self) -> Option<Arc<Lane>> {
        self.lane.upgrade()
    }

    /// One step; what is left to do, if anything. Blocking, for about as long as one run.
    pub fn step(mut self) -> Option<Self> {
        let lane = self.lane.upgrade()?;
        if self.rows.is_empty() {
            let rows = distinct_rows(&*lane.session, &self.shapes)?.into_iter();
            self.rows = rows.map(|inputs| Row { inputs, outputs: Vec::new() }).collect();
        }
        if let Some(row) = self.rows.iter_mut().find(|row| row.outputs.is_empty()) {
            match lane.session.run(&row.inputs) {
                Ok(outputs) => {
                    self.profile.has_outputs_of(outputs.iter().map(Tensor::size_in_bytes).sum());
                    self.profile.is_answered_like(&outputs);
                    row.outputs = outputs;
                }
                Err(error) => {
                    self.profile.refute(format!("made-up rows cannot be computed: {error}"));
                    return None;
                }
            }
            return Some(self);
        }
        let most = lane.tuning.max_batch.min(self.profile.most_by_outputs()).max(1);
        let rows = *SIZES.get(self.at).filter(|&&rows| rows <= most)?;
        if rows > 1
            && let Some(why) = seen_to_depend(&*lane.session)
        {
            self.profile.refute(why);
            return None;
        }
        let inputs = self.batch(rows)?;
        // To prepare a size may lay all weights out once more. Nobody has asked for it yet.
        if rows > 1
            && !lane.session.is_prepared(&inputs)
            && memory::left().is_some_and(|left| left < lane.session.memory_bytes())
        {
            return None;
        }
        // A run that has to prepare the size first says nothing about its cost; its answer is as good.
        if !lane.session.is_prepared(&inputs) || (rows > 1 && !self.size.compared) {
            let outputs = match lane.session.run(&inputs) {
                Ok(outputs) => outputs,
                Err(error) => {
                    self.profile.refute(format!("{rows} rows cannot be computed together: {error}"));
                    return None;
                }
            };
            if let Err(difference) = self.compare(&outputs, rows) {
                self.profile.refute(difference);
                return None;
            }
            self.size.compared = true;
            return Some(self);
        }
        let took = self.time(&*lane.session, &inputs)?;
        if self.size.runs < RUNS {
            return Some(self);
        }
        self.profile.curve.set(rows, took, self.size.runs);
        if rows > 1 {
            self.profile.prove();
        } else if took <= CHEAP {
            self.profile.was_cheap(&inputs, rows);
        }
        self.goes_on(rows, took).then_some(self)
    }

    /// Runs some more; the quickest of all so far, on a processor that does nothing else. This is when a server starts, its
    /// other models are timed, too, and calibrating comes last: a long run is interrupted every time. The time that the thread
    /// had, then, is the better one; for a short run, asking for it takes as long as the run.
    fn time(&mut self, session: &dyn Session, inputs: &[Tensor]) -> Option<Duration> {
        let begun = Instant::now();
        let mut quickest = self.size.quickest.unwrap_or(Duration::MAX);
        loop {
            let (used, started) = (processor_time(), Instant::now());
            session.run(inputs).ok()?;
            let took = started.elapsed();
            quickest = quickest.min(took).min(processor_time().saturating_sub(used));
            self.size.runs += 1;
            let elapsed = begun.elapsed();
            if elapsed >= HEAVY || (self.size.runs >= RUNS && elapsed >= REPEATED_FOR) {
                break;
            }
        }
        self.size.quickest = Some(quickest);
        Some(quickest)
    }

    /// Whether a larger size is worth a try.
    fn goes_on(&mut self, rows: usize, took: Duration) -> bool {
        let per_row = took.as_secs_f64() / rows as f64;
        self.unpaid = if per_row <= self.cheapest * PAYS { 0 } else { self.unpaid + 1 };
        self.cheapest = self.cheapest.min(per_row);
        self.at += 1;
        self.size = Size::default();
        let enough = if took >= HEAVY { 1 } else { 2 };
        let may_gain = rows < SOME && took < CHEAP_GATHERED && per_row <= self.cheapest * NO_DEARER;
        (self.unpaid < enough || may_gain) && took < LONG_RUN
    }

    /// So many rows, the distinct ones in turn.
    fn batch(&self, rows: usize) -> Option<Vec<Tensor>> {
        let column = |at: usize| {
            let column = self.rows.iter().cycle().take(rows).map(|row| row.inputs.get(at));
            Tensor::stack_rows(&column.collect::<Option<Vec<_>>>()?, 0)
        };
        (0..self.rows.first()?.inputs.len()).map(column).collect()
    }

    /// Whether each row has the answer it had alone.
    fn compare(&self, outputs: &[Tensor], rows: usize) -> Result<(), String> {
        for (at, alone) in (0..rows).zip(self.rows.iter().cycle()) {
            for (output, expected) in outputs.iter().zip(&alone.outputs) {
                let part = output.slice_rows(at, at + 1);
                let part =
                    part.map_err(|_| format!("{rows} rows are answered with a shape of {:?}", output.shape()))?;
                answers::compare(&part, expected, TOLERANCE).map_err(|difference| {
                    format!("row {at} of {rows} is answered otherwise than alone: {difference}")
                })?;
            }
        }
        Ok(())
    }
}

/// Why rows are known to bear on each other, without trying it out.
fn seen_to_depend(session: &dyn Session) -> Option<String> {
    let by_text = || {
        let output = sized_by_text(session.signature())?;
        Some(format!("the size of the output {output:?} follows from the texts"))
    };
    session.graph().takes_rows_together.clone().or_else(by_text)
}

/// An output that may be as wide as the longest text has parts: made-up texts have few of them, so that trying shows nothing.
fn sized_by_text(signature: &Signature) -> Option<&str> {
    let has_text = signature.inputs.iter().any(|port| port.datatype == DataType::Bytes);
    let known: HashSet<&Dim> = signature.inputs.iter().flat_map(|port| &port.shape).collect();
    let is_open = |dim: &Dim| dim.fixed().is_none() && !known.contains(dim);
    let sized = |port: &&Port| port.shape.iter().skip(1).any(is_open);
    signature.outputs.iter().find(sized).filter(|_| has_text).map(|port| port.name.as_str())
}

/// What this thread has used so far. An engine that computes with threads of its own keeps this one busy all the while.
fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs() as u32)
}

/// Rows of made-up values that differ, in size too: a model that looks at the largest value of a whole batch, as dynamic
/// quantisation does, is found out by rows of different magnitude.
fn distinct_rows(session: &dyn Session, shapes: &[Shape]) -> Option<Vec<Vec<Tensor>>> {
    let made_up = samples::made_up(&session.signature().inputs, shapes, samples::Values::Varied)?;
    let row = |at: usize| made_up.iter().map(|tensor| scaled(&tensor.slice_rows(at, at + 1).ok()?, at)).collect();
    (0..DISTINCT_ROWS).map(row).collect()
}

/// What tensors of the shapes take while they are made, in the types of the others.
fn bytes_of(shapes: &[Shape], like: &[Tensor]) -> usize {
    let element = |tensor: &Tensor| if tensor.strings().is_some() { STRING_BYTES } else { ELEMENT_BYTES };
    let bytes = |(shape, tensor): (&Shape, &Tensor)| shape.iter().copied().fold(element(tensor), usize::saturating_mul);
    shapes.iter().zip(like).map(bytes).fold(0, usize::saturating_add)
}

fn scaled(row: &Tensor, at: usize) -> Option<Tensor> {
    const FACTORS: [f64; DISTINCT_ROWS] = [1.0, 0.3, 2.5, 0.7];
    if !row.datatype().is_float() {
        return Some(row.clone());
    }
    let wide = row.cast(DataType::Fp64).ok()?;
    let factor = FACTORS.get(at).copied().unwrap_or(1.0);
    let values: Vec<f64> = wide.values::<f64>()?.iter().map(|value| value * factor).collect();
    // Half precision and narrower: the product is rounded.
    let scaled = Tensor::from_vec(row.shape(), values).ok()?;
    scaled.cast(row.datatype()).ok().or_else(|| Some(row.clone()))
}
