//! Shows how the built-in stages get on: a bar on a terminal, a line for each epoch elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::base::human;
use crate::cli::ui::inspection;
use crate::ml::{BatchEnd, EpochEnd, Event, LayerRow, Rescue, Score, Speed, Warning};

/// What is on the screen of a running stage.
pub(crate) struct TrainingDisplay {
    bar: Option<ProgressBar>,
    terminal: bool,
    /// Whether only what is wrong is told.
    quiet: bool,
    /// Whether a pipeline runs us and reads what we say.
    in_pipeline: bool,
    whispered: Option<Instant>,
    epochs: usize,
}

impl TrainingDisplay {
    /// Makes a display for standard error as it is; a quiet one tells only what is wrong.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            bar: None,
            quiet,
            terminal: std::io::stderr().is_terminal(),
            in_pipeline: std::env::var_os("MLPIPE_STAGE").is_some(),
            whispered: None,
            epochs: 0,
        }
    }

    /// Shows `event`.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::CheckpointLost { path, why, rescue } => {
                let how = match rescue {
                    Rescue::Other(other) => format!("going on from `{other}`"),
                    Rescue::Rewritten(other) => format!("written again from `{other}`"),
                    Rescue::Needless => "it is not needed, and is removed".to_owned(),
                };
                say(&format!("warning: `{}` is {why}; {how}", path.display()));
            }
            Event::Unrecorded { why } => say(&format!("warning: {why}")),
            Event::Inspected {
                findings,
                drift,
                faults,
            } if !self.quiet || !faults.is_empty() => {
                say(&inspection::report(findings, drift.as_ref(), faults));
            }
            _ if self.quiet => {}
            event => self.tell(event),
        }
    }

    /// Tells how the stage gets on.
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Downloading { url } => say(&format!("downloading {url}")),
            Event::Prepared { folder, counts } => {
                let train = human::count(counts.train, "image");
                let [validation, test] = [counts.validation, counts.test].map(human::thousands);
                let folder = folder.display();
                say(&format!(
                    "prepared {folder}: {train} to train, {validation} to validate, {test} to test"
                ));
            }
            Event::Started {
                layers,
                parameters,
                epochs,
            } => {
                self.epochs = *epochs;
                say(&layer_table(layers, *parameters));
            }
            Event::Resumed { epoch, batch } => {
                say(&format!("going on in epoch {epoch}, after batch {batch}"));
            }
            Event::WasOver { epochs } => say(&format!(
                "training was over after epoch {epochs}; its results are written again"
            )),
            Event::NothingToResume => say("there is no checkpoint; training begins"),
            Event::StoppedEarly { epoch, best } => say(&format!(
                "stopped early after epoch {epoch}: none was better than epoch {best}"
            )),
            Event::Batch(batch) => self.advance(batch),
            Event::Epoch(epoch) => self.end_epoch(epoch),
            Event::Evaluated {
                test, count, speed, ..
            } => say(&tested(*test, *count, *speed)),
            Event::CheckpointLost { .. } | Event::Unrecorded { .. } | Event::Inspected { .. } => {}
        }
    }

    /// Tells what a log could not take; the stage goes on.
    pub(crate) fn warn(&self, warnings: Vec<Warning>) {
        for Warning(text) in warnings {
            match &self.bar {
                Some(bar) => bar.suspend(|| say(&format!("warning: {text}"))),
                None => say(&format!("warning: {text}")),
            }
        }
    }

    fn advance(&mut self, at: &BatchEnd) {
        if !self.terminal {
            self.whisper(at);
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(at.batches as u64).with_style(style());
            bar.with_prefix(format!("epoch {}/{}", at.epoch, self.epochs))
        });
        bar.set_position(at.batch as u64);
        bar.set_message(in_words(at.mean));
    }

    /// Tells `mlpipe repro`, which shows the last line of each running stage, how far we are. A
    /// carriage return keeps the lines out of its logs.
    fn whisper(&mut self, at: &BatchEnd) {
        const PAUSE: Duration = Duration::from_millis(200);
        if self.in_pipeline && self.whispered.is_none_or(|last| last.elapsed() > PAUSE) {
            let share = 100 * at.batch / at.batches.max(1);
            let (epoch, epochs, score) = (at.epoch, self.epochs, in_words(at.mean));
            anstream::eprint!("epoch {epoch}/{epochs}  {share} %  {score}\r");
            self.whispered = Some(Instant::now());
        }
    }

    fn end_epoch(&mut self, end: &EpochEnd) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let (train, validation) = (in_words(end.train), in_words(end.validation));
        let (epoch, epochs, time) = (end.epoch, self.epochs, human::duration(end.time));
        say(&format!(
            "epoch {epoch}/{epochs}: {train}; validation: {validation}; {time}"
        ));
    }
}

fn say(text: &str) {
    anstream::eprintln!("{text}");
}

fn tested(test: Score, count: usize, speed: Speed) -> String {
    let count = human::count(count, "image");
    let latency = speed.latency_us;
    let each = 1e6 / speed.images_per_second;
    format!(
        "test: {} on {count}; {latency:.0} µs for one, {each:.1} µs each in batches",
        in_words(test)
    )
}

fn in_words(score: Score) -> String {
    format!(
        "loss {:.4}, accuracy {:.2} %",
        score.loss,
        score.accuracy * 100.0
    )
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left")
        .expect("invariant: the template is well-formed")
}

/// Lays the layers out: what each does, the shape of its output, and how many numbers it learns.
fn layer_table(layers: &[LayerRow], parameters: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["layer", "output", "parameters"]);
    for layer in layers {
        let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
        table.add_row([
            layer.name.clone(),
            shape.join("×"),
            human::thousands(layer.parameters),
        ]);
    }
    table.add_row([
        String::new(),
        "in all".to_owned(),
        human::thousands(parameters),
    ]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_a_table_with_their_sum() {
        let row = |name: &str, shape: &[usize], parameters| LayerRow {
            name: name.to_owned(),
            shape: shape.to_vec(),
            parameters,
        };
        let layers = [
            row("convolution 3×3", &[8, 26, 26], 72),
            row("linear", &[10], 5130),
        ];
        insta::assert_snapshot!(layer_table(&layers, 5202), @"
        layer            output   parameters
        convolution 3×3  8×26×26          72
        linear           10            5,130
                         in all        5,202
        ");
    }
}
