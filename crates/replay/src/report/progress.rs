//! A progress bar that never gets into the output.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `length` steps on standard error, silent when that is not a terminal. Set its message to what the simulated clock shows.
pub fn progress_bar(length: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    // The template is a constant and valid; the default style is the honest answer if it ever is not.
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:40}] {percent:>3} %  {msg}  (left: {eta})") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_nothing_is_drawn_without_a_terminal() {
        let bar = progress_bar(10, "replay");
        bar.inc(3);
        assert_eq!(bar.position(), 3);
        assert!(bar.is_hidden() || std::io::stderr().is_terminal());
    }
}
