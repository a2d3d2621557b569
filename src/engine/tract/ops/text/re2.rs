//! Regular expressions as RE2 means them, which is what ONNX Runtime runs and the standard names: its dialect, and of the
//! matches that begin in the same place the longest. One search takes time in proportion to the text, whatever the
//! expression; finding all matches may look far beyond each of them, and gives up when that takes out of proportion.

mod dialect;

use std::fmt;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::{dfa, regex};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use tract_onnx::prelude::{Arc, TractError, TractResult};

use crate::engine::tract::checks::Refusal;

pub struct Pattern {
    expression: String,
    may_be_empty: bool,
    machines: Arc<Machines>,
    caches: Pool<Caches, Box<dyn Fn() -> Caches + Send + Sync + UnwindSafe + RefUnwindSafe>>,
}

struct Machines {
    /// Finds where the first match begins.
    first: regex::Regex,
    /// Finds how far the longest match from a place goes.
    longest: dfa::DFA,
}

struct Caches {
    first: regex::Cache,
    longest: dfa::Cache,
}

/// How much was read with the tables of [`Caches`], of each of the three.
#[derive(Clone, Copy)]
struct Progress([(usize, usize); 3]);

impl Caches {
    fn progress(&self) -> Progress {
        let (forwards, backwards) = self.first.as_parts();
        Progress([forwards, backwards, &self.longest].map(|cache| (cache.clear_count(), cache.search_total_len())))
    }
}

impl Progress {
    /// How many bytes were read since then. A table that was full and begun anew has forgotten, so `all` counts.
    fn since(self, then: Self, all: usize) -> usize {
        let pairs = self.0.into_iter().zip(then.0);
        pairs.map(|(now, then)| if now.0 == then.0 { now.1.saturating_sub(then.1) } else { all }).sum()
    }
}

/// Memory of the tables that an expression unfolds into.
const LARGEST: usize = 10 << 20;

/// How often all of a text may be read to find its matches, and how many bytes more so that small texts are never refused.
const MOST_READ: (usize, usize) = (64, 1 << 20);

impl Pattern {
    pub fn new(expression: &str) -> Result<Self, Refusal> {
        let refused = |reason: String| {
            Refusal::new(
                format!("its regular expression {expression:?} cannot be used: {reason}"),
                "Write it in the syntax of RE2, as ONNX Runtime wants it",
            )
        };
        let translated = dialect::translate(expression).map_err(refused)?;
        // What is translated does not match inside a letter; only the check against it knows no word borders of ASCII.
        let syntax = syntax::Config::new().utf8(false);
        let parsed = syntax::parse_with(&translated, &syntax).map_err(|error| refused(error.to_string()))?;
        let may_be_empty = parsed.properties().minimum_len().is_none_or(|least| least == 0);
        let states = thompson::Config::new().nfa_size_limit(Some(LARGEST));
        let tables = dfa::Config::new().skip_cache_capacity_check(true);
        let first = regex::Regex::builder()
            .syntax(syntax)
            .thompson(states.clone())
            .dfa(tables.clone())
            .build(&translated)
            .map_err(|_| refused("it is too large".into()))?;
        let longest = dfa::DFA::builder()
            .syntax(syntax)
            .thompson(states)
            .configure(tables.match_kind(MatchKind::All))
            .build(&translated)
            .map_err(|_| refused("it is too large".into()))?;
        let machines = Arc::new(Machines { first, longest });
        let shared = Arc::clone(&machines);
        let fresh = move || Caches { first: shared.first.create_cache(), longest: shared.longest.create_cache() };
        Ok(Self { expression: expression.to_owned(), may_be_empty, machines, caches: Pool::new(Box::new(fresh)) })
    }

    /// Whether an empty text may match somewhere.
    pub fn may_be_empty(&self) -> bool {
        self.may_be_empty
    }

    /// Whether all of a text matches.
    pub fn describes(&self, text: &str) -> TractResult<bool> {
        let mut caches = self.caches.get();
        Ok(self.longest(&mut caches, text, 0)? == Some(text.len()))
    }

    /// The matches from left to right that are not empty, each beginning behind the one before.
    pub fn find_all(&self, text: &str) -> TractResult<Vec<Range<usize>>> {
        let mut caches = self.caches.get();
        let mut found = Vec::new();
        let mut from = 0;
        let most = text.len().saturating_mul(MOST_READ.0).saturating_add(MOST_READ.1);
        let mut read = 0;
        while from <= text.len() {
            if read > most {
                return Err(TractError::msg(format!(
                    "a text of {} bytes is too long for the regular expression {:?}, which reads far beyond each match",
                    text.len(),
                    self.expression
                )));
            }
            let before = caches.progress();
            let input = Input::new(text).span(from..text.len());
            let Some(first) = self.machines.first.try_search(&mut caches.first, &input).map_err(gave_up)? else {
                break;
            };
            let start = first.start();
            let end = self.longest(&mut caches, text, start)?.unwrap_or(start);
            read += caches.progress().since(before, text.len() - from);
            if end > start {
                found.push(start..end);
                from = end;
            } else {
                from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        Ok(found)
    }

    /// Where the longest match ends that begins in a place.
    fn longest(&self, caches: &mut Caches, text: &str, start: usize) -> TractResult<Option<usize>> {
        let input = Input::new(text).span(start..text.len()).anchored(Anchored::Yes);
        let found = self.machines.longest.try_search_fwd(&mut caches.longest, &input).map_err(gave_up)?;
        Ok(found.map(|end| end.offset()))
    }
}

fn gave_up(error: regex_automata::MatchError) -> TractError {
    TractError::msg(format!("a regular expression could not be matched: {error}"))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.expression).finish()
    }
}

#[cfg(test)]
mod tests;
