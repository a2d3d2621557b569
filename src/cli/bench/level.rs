//! One level of load: how many connections, or what rate. A run is a list of them, the closed ones first, because a rate
//! may be said as a part of the maximum that they found.

use std::str::FromStr;

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Closed,
    Open,
}

/// What `--rate` takes: requests per second, or a percentage of the maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    PerSecond(f64),
    Percent(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, make): (_, fn(f64) -> Self) = match text.strip_suffix('%') {
            Some(number) => (number, Self::Percent),
            None => (text, Self::PerSecond),
        };
        let number = number.trim().parse().ok().filter(|number| (1e-3..=1e7).contains(number));
        number.map(make).ok_or_else(|| format!("{text:?} is no rate: write requests per second, or a part such as 60%"))
    }
}

/// What is measured at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Level {
    pub(super) mode: Mode,
    pub(super) connections: usize,
    /// Of an open loop, once it is known.
    pub(super) rate: Option<f64>,
    pub(super) percent: Option<f64>,
    pub(super) round: usize,
}

impl Level {
    /// The levels of a round. Without a rate, or with one that is a part of the maximum, a sweep over the connections; then
    /// the rates, over as many connections as the sweep had at most.
    pub(super) fn of_round(round: usize, connections: &[usize], rates: &[Rate]) -> Vec<Self> {
        let sweep = rates.is_empty() || rates.iter().any(|rate| matches!(rate, Rate::Percent(_)));
        let most = connections.iter().copied().max().unwrap_or(1);
        let closed = connections.iter().filter(|_| sweep).map(|&connections| Self {
            mode: Mode::Closed,
            connections,
            rate: None,
            percent: None,
            round,
        });
        let open = rates.iter().map(|rate| {
            let (rate, percent) = match *rate {
                Rate::PerSecond(rate) => (Some(rate), None),
                Rate::Percent(percent) => (None, Some(percent)),
            };
            Self { mode: Mode::Open, connections: most, rate, percent, round }
        });
        closed.chain(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_or_parts() {
        assert_eq!("500".parse(), Ok(Rate::PerSecond(500.0)));
        assert_eq!("60%".parse(), Ok(Rate::Percent(60.0)));
        for bad in ["", "%", "0", "-1", "nan", "inf", "fast"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_of_the_maximum_needs_the_maximum() {
        let loads = |rates: &[Rate]| {
            let levels = Level::of_round(0, &[1, 8], rates);
            levels.iter().map(|level| (level.mode, level.connections)).collect::<Vec<_>>()
        };
        let sweep = [(Mode::Closed, 1), (Mode::Closed, 8)];
        assert_eq!(loads(&[]), sweep);
        assert_eq!(loads(&[Rate::PerSecond(5.0)]), [(Mode::Open, 8)]);
        assert_eq!(loads(&[Rate::Percent(60.0)]), [sweep[0], sweep[1], (Mode::Open, 8)]);
    }
}
