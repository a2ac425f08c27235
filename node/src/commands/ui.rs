//! Progress on stderr: bars with rate and time left on a terminal, a line a phase elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use station_client_files::{Phase, Progress};
use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const WORKING: &str =
    "{prefix:>9} {bar:28.cyan/dim} {binary_bytes:>11} of {binary_total_bytes:<11} {binary_bytes_per_sec:>13}  ETA {eta}";
/// Before the first byte there is no rate to tell, only what is waited for.
const WAITING: &str = "{prefix:>9} {spinner} {msg}";
/// Bars are drawn so often at most; a shell over a slow line must keep up.
const DRAWS_A_SECOND: u8 = 8;

/// The bars of one command.
pub struct Bars {
    all: MultiProgress,
    terminal: bool,
    bars: Mutex<BTreeMap<Phase, (ProgressBar, Instant)>>,
}

impl Bars {
    /// Bars on stderr, if that is a terminal.
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND)),
            terminal,
            bars: Mutex::default(),
        }
    }

    fn bars(&self) -> MutexGuard<'_, BTreeMap<Phase, (ProgressBar, Instant)>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: &str) {
        if self.terminal {
            // Above the bars. If stderr is closed there is nobody to tell.
            let _ = self.all.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

const fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Encrypt => "encrypt",
        Phase::Upload => "upload",
        Phase::Seal => "seal",
        Phase::Prove => "prove",
        Phase::Download => "download",
    }
}

/// What a phase waits for at its beginning.
const fn waits_for(phase: Phase) -> &'static str {
    match phase {
        Phase::Encrypt => "reading",
        Phase::Upload => "waiting for the chain to draw providers",
        Phase::Seal => "waiting for the providers to seal",
        Phase::Prove => "waiting for the seal checks",
        Phase::Download => "looking for replicas",
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

impl Progress for Bars {
    fn begin(&self, phase: Phase, total: u64) {
        let bar = self.all.add(ProgressBar::new(total));
        bar.set_style(style(WAITING));
        bar.set_prefix(name(phase));
        bar.set_message(waits_for(phase));
        bar.enable_steady_tick(Duration::from_secs(1));
        self.bars().insert(phase, (bar, Instant::now()));
    }

    fn set(&self, phase: Phase, done: u64) {
        if let Some((bar, _)) = self.bars().get(&phase) {
            if done > 0 && bar.position() == 0 {
                // The rate counts from here: the wait before says nothing about the time left.
                bar.reset_elapsed();
                bar.reset_eta();
                bar.set_style(style(WORKING));
            }
            bar.set_position(done);
        }
    }

    fn end(&self, phase: Phase) {
        let Some((bar, begun)) = self.bars().remove(&phase) else { return };
        let total = bar.length().unwrap_or(0);
        bar.set_position(total);
        bar.finish_and_clear();
        let took = begun.elapsed().as_secs_f64();
        self.say(&format!("{:>9} done: {} in {took:.1} s", name(phase), super::units::Size(total)));
    }

    fn note(&self, text: &str) {
        self.say(&format!("note: {text}"));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // After an error the message must stand alone, not between half-drawn bars.
        for (bar, _) in self.bars().values() {
            bar.finish_and_clear();
        }
    }
}
