//! Long work on a terminal: how far it is, and that it can be broken off.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::BadInput;

/// Whether the user has had enough. Without it Ctrl-C ends the program at once, and a temporary file stays.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the program ends only where it asks.
    pub(crate) fn watch() -> Interrupt {
        let interrupted = Arc::new(AtomicBool::new(false));
        // If no handler can be had, so be it.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted));
        let _ = signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&interrupted));
        Interrupt(interrupted)
    }

    /// Whether the work is to be broken off.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn set() -> Interrupt {
        Interrupt(Arc::new(AtomicBool::new(true)))
    }
}

/// A progress bar on standard error, when that is a terminal; and whether the user has had enough.
pub(crate) struct Progress {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl Progress {
    /// Work on so many bytes.
    pub(crate) fn new(what: &str, bytes: u64) -> Progress {
        let bar = if stderr().is_terminal() { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Progress { bar, interrupt: Interrupt::watch() }
    }

    /// So many bytes more are done.
    ///
    /// # Errors
    /// When the work was broken off.
    pub(crate) fn done(&self, bytes: u64) -> Result<(), BadInput> {
        self.bar.inc(bytes);
        if self.interrupt.is_set() {
            return Err(BadInput("error: broken off; nothing was written".to_owned()));
        }
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
