//! A bar on the terminal while a run goes on, with the time that is left. Nothing where standard error is no terminal.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::{Failure, complain};

/// Seldom, because drawing takes time from the load.
const REDRAW: Duration = Duration::from_millis(250);

/// The bar, drawn by a thread of its own until it is dropped.
pub(super) struct Progress(Option<Drawn>);

struct Drawn {
    bar: ProgressBar,
    step: Arc<Mutex<Step>>,
    step_length: Duration,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The level that runs.
#[derive(Clone, Copy)]
struct Step {
    begun: Instant,
    before: u64,
    length: u64,
}

impl Progress {
    /// For so many levels of this length.
    pub(super) fn start(levels: usize, step_length: Duration) -> Self {
        let bar = ProgressBar::new(milliseconds(step_length) * levels as u64);
        if bar.is_hidden() {
            return Self(None);
        }
        if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {percent:>3}%  {prefix:>6} left  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let step = Arc::new(Mutex::new(Step { begun: Instant::now(), before: 0, length: 0 }));
        let (stop, stopped) = channel::<()>();
        let (drawn, drawn_step) = (bar.clone(), Arc::clone(&step));
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
                draw(&drawn, *drawn_step.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
        Self(Some(Drawn { bar, step, step_length, stop: Some(stop), thread: Some(thread) }))
    }

    /// Level number `index` begins.
    pub(super) fn level(&self, index: usize, what: String) {
        let Some(drawn) = &self.0 else { return };
        let length = milliseconds(drawn.step_length);
        let step = Step { begun: Instant::now(), before: length * index as u64, length };
        *drawn.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
        draw(&drawn.bar, step);
        drawn.bar.set_message(what);
    }

    /// Writes a line to standard error, above the bar if there is one.
    pub(super) fn note(&self, line: &str) {
        let write = || complain(&Failure(line.into()));
        match &self.0 {
            Some(drawn) => drawn.bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn draw(bar: &ProgressBar, step: Step) {
    let done = step.before + milliseconds(step.begun.elapsed()).min(step.length);
    let left = bar.length().unwrap_or(done).saturating_sub(done).div_ceil(1000);
    bar.set_prefix(if left < 100 { format!("{left} s") } else { format!("{} min", left.div_ceil(60)) });
    bar.set_position(done);
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 32)
}
