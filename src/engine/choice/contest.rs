//! Two engines on one model: first their answers are held against each other, on the author's golden rows and on made-up
//! ones, then their times. Engines that disagree serve nothing: one of them is wrong, and nobody here knows which.

use std::time::{Duration, Instant};

use crate::engine::samples::{self, Values};
use crate::engine::{RunError, Session, answers};
use crate::model::{Dim, EngineChoice, EngineProbe, Golden, Signature};
use crate::tensor::{DataType, Shape, Tensor};

/// How far two engines may be apart, as `|a - b| / max(1, |b|)`: two orders of summation over a deep network.
const TOLERANCE: f64 = 1e-4;
const HALF_TOLERANCE: f64 = 1e-2;
/// Rows of the made-up requests. Two sizes above one, because engines treat batches differently.
const ROWS: [usize; 3] = [1, 3, 32];
/// What requests are made of; `None` is the session's own idea, which knows categories that the model insists on.
const VALUES: [Option<Values>; 4] = [Some(Values::Varied), Some(Values::All(0.0)), Some(Values::All(1.0)), None];
/// No further made-up request is compared once this much time went by.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
/// Time for measuring one engine on one size, and how often it runs at most in it; it runs once at least.
const PATIENCE: Duration = Duration::from_millis(150);
const MOST_RUNS: usize = 40;
/// The second engine has to be this much faster: what differs by less is noise, and would change from start to start.
const CLEARLY: f64 = 0.9;

pub struct Verdict {
    /// 0 or 1.
    pub winner: usize,
    pub choice: EngineChoice,
}

/// Compares two sessions of one model.
///
/// # Errors
/// The disagreement, in words.
pub fn hold(sessions: [&dyn Session; 2], names: [&'static str; 2], golden: Option<&Golden>) -> Result<Verdict, String> {
    let apart = |what: String| format!("the engines do not agree, so neither serves the model: {what}");
    same_interface(sessions.map(Session::signature), names).map_err(apart)?;
    if let Some(golden) = golden {
        let inputs = samples::golden(golden, sessions[0].signature())?;
        let tolerance = golden.tolerance.max(TOLERANCE);
        match answers_to(sessions, &inputs) {
            [Ok(one), Ok(other)] => same_answers(sessions[0].signature(), &one, &other, names, tolerance)
                .map_err(|what| apart(format!("on the golden rows, {what}")))?,
            [one, other] => {
                let failed = [one.err(), other.err()].into_iter().zip(names);
                let words = failed.filter_map(|(error, name)| Some(format!("{name}: {}", error?.message)));
                return Err(format!("the golden rows cannot be computed: {}", words.collect::<Vec<_>>().join("; ")));
            }
        }
    }
    let begun = Instant::now();
    let mut timed: Vec<(usize, Vec<Tensor>)> = Vec::new();
    let mut answered = [0, 0];
    for (rows, shapes) in sizes(sessions[0]) {
        for values in VALUES {
            if !timed.is_empty() && begun.elapsed() > LONG_ENOUGH {
                continue;
            }
            let inputs = match values {
                Some(values) => samples::made_up(&sessions[0].signature().inputs, &shapes, values),
                None => samples::sample_of_rows(sessions[0], rows).or_else(|| sessions[0].sample(0.0)),
            };
            let Some(inputs) = inputs else { continue };
            let got = answers_to(sessions, &inputs);
            for (count, got) in answered.iter_mut().zip(&got) {
                *count += usize::from(got.is_ok());
            }
            // What one refuses, such as an index that is out of range, tells nothing about the answers of the other.
            let [Ok(one), Ok(other)] = got else { continue };
            same_answers(sessions[0].signature(), &one, &other, names, TOLERANCE)
                .map_err(|what| apart(format!("on {rows} made-up rows, {what}")))?;
            if timed.iter().all(|(others, _)| *others != rows) {
                timed.push((rows, inputs));
            }
        }
    }
    if timed.is_empty()
        && let Some(golden) = golden
    {
        let inputs = samples::golden(golden, sessions[0].signature())?;
        timed.push((inputs.first().and_then(Tensor::rows).unwrap_or(1), inputs));
    }
    if timed.is_empty() {
        let winner = usize::from(answered[0] == 0 && answered[1] > 0);
        let reason = "no made-up request was answered by both engines, so they were not compared; \
                      golden rows in model.toml would be";
        return Ok(Verdict { winner, choice: EngineChoice { reason: reason.into(), probes: Vec::new() } });
    }
    let times = timed.iter().map(|(rows, inputs)| (*rows, race(sessions, inputs))).collect::<Vec<_>>();
    Ok(verdict(&times, names))
}

/// Batches to try: the sizes of [`ROWS`] for a model that takes rows, else what it was prepared with.
fn sizes(session: &dyn Session) -> Vec<(usize, Vec<Shape>)> {
    let sized = ROWS.iter().filter_map(|&rows| Some((rows, samples::shapes_of_rows(session, rows)?)));
    let sized: Vec<_> = sized.collect();
    if sized.is_empty() { vec![(1, session.sample_shapes())] } else { sized }
}

fn answers_to(sessions: [&dyn Session; 2], inputs: &[Tensor]) -> [Result<Vec<Tensor>, RunError>; 2] {
    sessions.map(|session| session.run(inputs))
}

/// Whether two sessions take and give the same: an axis that one engine knows the size of and the other does not is fine.
pub fn same_interface([one, other]: [&Signature; 2], names: [&str; 2]) -> Result<(), String> {
    let sides = [("inputs", &one.inputs, &other.inputs), ("outputs", &one.outputs, &other.outputs)];
    for (what, one, other) in sides {
        let alike = one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| {
                let differ = |(a, b): (&Dim, &Dim)| matches!((a, b), (Dim::Fixed(a), Dim::Fixed(b)) if a != b);
                a.name == b.name
                    && a.datatype == b.datatype
                    && a.shape.len() == b.shape.len()
                    && !a.shape.iter().zip(&b.shape).any(differ)
            });
        if !alike {
            let words = |ports: &[crate::model::Port]| {
                let port =
                    |port: &crate::model::Port| format!("{} {} {:?}", port.name, port.datatype, port.wire_shape());
                ports.iter().map(port).collect::<Vec<_>>().join(", ")
            };
            return Err(format!("{} sees the {what} {}, {} {}", names[0], words(one), names[1], words(other)));
        }
    }
    Ok(())
}

fn same_answers(
    signature: &Signature,
    one: &[Tensor],
    other: &[Tensor],
    names: [&str; 2],
    tolerance: f64,
) -> Result<(), String> {
    for (port, (one, other)) in signature.outputs.iter().zip(one.iter().zip(other)) {
        let tolerance = if port.datatype == DataType::Fp16 { tolerance.max(HALF_TOLERANCE) } else { tolerance };
        answers::compare(other, one, tolerance).map_err(|difference| {
            format!("output {:?} of {} is not that of {}: {difference}", port.name, names[1], names[0])
        })?;
    }
    Ok(())
}

/// The median time of each session, measured in turns so that whatever else the machine does hits both.
fn race(sessions: [&dyn Session; 2], inputs: &[Tensor]) -> [f64; 2] {
    let mut times = [Vec::new(), Vec::new()];
    let mut left = [PATIENCE; 2];
    for run in 0..MOST_RUNS {
        for (at, session) in sessions.iter().enumerate() {
            if run > 0 && left[at].is_zero() {
                continue;
            }
            let begun = Instant::now();
            let answered = session.run(inputs).is_ok();
            let took = begun.elapsed();
            left[at] = left[at].saturating_sub(took);
            if answered {
                times[at].push(took.as_secs_f64());
            }
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(f64::INFINITY)
    })
}

/// Who serves, from the times for each number of rows.
fn verdict(times: &[(usize, [f64; 2])], names: [&'static str; 2]) -> Verdict {
    let logarithms = times.iter().map(|(_, [one, other])| (other / one).ln());
    let ratio = (logarithms.sum::<f64>() / times.len() as f64).exp();
    let winner = usize::from(ratio < CLEARLY);
    let reason = format!("both give the same answers; {} takes {ratio:.2} times as long as {}", names[1], names[0]);
    let probe = |&(rows, times): &(usize, [f64; 2])| {
        [0, 1].map(|at| EngineProbe { engine: names[at], rows, seconds: times[at] })
    };
    Verdict { winner, choice: EngineChoice { reason, probes: times.iter().flat_map(probe).collect() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_engine_has_to_be_clearly_faster() {
        let winner = |times: &[[f64; 2]]| {
            let times: Vec<_> = times.iter().enumerate().map(|(at, &times)| (at + 1, times)).collect();
            verdict(&times, ["tract", "onnxruntime"]).winner
        };
        assert_eq!(winner(&[[1.0, 1.0]]), 0);
        assert_eq!(winner(&[[1.0, 0.95]]), 0);
        assert_eq!(winner(&[[1.0, 0.5]]), 1);
        // Twice as fast for one row and four times as slow for many.
        assert_eq!(winner(&[[1.0, 0.5], [1.0, 4.0]]), 0);
        assert_eq!(winner(&[[1.0, f64::INFINITY]]), 0);
        assert_eq!(winner(&[[f64::INFINITY, 1.0]]), 1);
    }

    #[test]
    fn probes_are_told_for_both() {
        let told = verdict(&[(1, [0.002, 0.001]), (32, [0.01, 0.002])], ["tract", "onnxruntime"]).choice;
        assert_eq!(told.probes.len(), 4);
        assert_eq!(told.probes[3], EngineProbe { engine: "onnxruntime", rows: 32, seconds: 0.002 });
        assert!(told.reason.contains("0.32 times"), "{}", told.reason);
    }
}
