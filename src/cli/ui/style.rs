//! Colours, by what they mean. anstream strips them where they are not wanted.

use anstyle::{AnsiColor, Style};

/// Done and well.
pub(crate) const DONE: Style = AnsiColor::Green.on_default();
/// Changed.
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Failed.
pub(crate) const FAILED: Style = AnsiColor::Red.on_default().bold();
/// May be skipped by the eye.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Wraps `text` in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
