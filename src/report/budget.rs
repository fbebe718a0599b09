//! Makes a report fit into what one comment of a forge holds: the least important parts go first,
//! and the report says which.

use crate::base::problem::Problem;
use crate::report::dialect::Budget;
use crate::report::model::Report;

/// A part that can be cut: what is said of that, how many items it has, how to keep the first of them,
/// and how many stay at least.
struct Part {
    name: &'static str,
    count: fn(&Report) -> usize,
    keep: fn(&mut Report, usize),
    least: usize,
}

/// The parts, least important first; nobody reads the end of a very long list. Verdict, gates and the
/// names of changed metrics always stay.
const PARTS: &[Part] = &[
    Part {
        name: "charts",
        count: |report| report.charts.len(),
        keep: |report, kept| report.charts.truncate(kept),
        least: 0,
    },
    Part {
        name: "most params",
        least: 100,
        ..PARAMS
    },
    Part {
        name: "unchanged metrics",
        count: |report| report.same.len(),
        keep: |report, kept| report.same.truncate(kept),
        least: 0,
    },
    Part {
        name: "the graph",
        count: |report| usize::from(!report.graph.is_empty()),
        keep: |report, kept| {
            if kept == 0 {
                report.graph.clear();
            }
        },
        least: 0,
    },
    Part {
        name: "confusion matrices",
        count: |report| report.confusions.len(),
        keep: |report, kept| {
            let tables = report.confusions.iter_mut().skip(kept);
            tables.for_each(|table| table.rows.clear());
        },
        least: 0,
    },
    Part {
        name: "names of data files",
        count: |report| longest(report.data.iter().map(|data| data.examples.len())),
        keep: |report, kept| {
            let data = report.data.iter_mut();
            data.for_each(|data| data.examples.truncate(kept));
        },
        least: 0,
    },
    Part {
        name: "tables by class",
        count: |report| report.confusions.len(),
        keep: |report, kept| report.confusions.truncate(kept),
        least: 0,
    },
    Part {
        name: "files of code",
        count: |report| longest(report.code.iter().map(|code| code.files.len())),
        keep: |report, kept| {
            let code = report.code.iter_mut();
            code.for_each(|code| code.files.truncate(kept));
        },
        least: 0,
    },
    Part {
        name: "shapes of models",
        count: |report| report.models.len(),
        keep: |report, kept| report.models.truncate(kept),
        least: 0,
    },
    Part {
        name: "stages",
        count: |report| report.stages.len(),
        keep: |report, kept| report.stages.truncate(kept),
        least: 0,
    },
    Part {
        name: "code",
        count: |report| report.code.len(),
        keep: |report, kept| report.code.truncate(kept),
        least: 0,
    },
    Part {
        name: "data",
        count: |report| report.data.len(),
        keep: |report, kept| report.data.truncate(kept),
        least: 0,
    },
    PARAMS,
    Part {
        name: "most metrics",
        count: |report| report.metrics.len(),
        keep: |report, kept| report.metrics.truncate(kept),
        least: 20,
    },
    Part {
        name: "most notes",
        count: |report| report.notes.len(),
        keep: |report, kept| report.notes.truncate(kept),
        least: 5,
    },
    Part {
        name: "most gates",
        count: |report| report.gates.len(),
        keep: |report, kept| report.gates.truncate(kept),
        least: 10,
    },
];

const PARAMS: Part = Part {
    name: "most params",
    count: |report| report.params.len(),
    keep: |report, kept| report.params.truncate(kept),
    least: 20,
};

fn longest(counts: impl Iterator<Item = usize>) -> usize {
    counts.max().unwrap_or(0)
}

/// Puts what matters most first, so that it is not what is cut.
fn sort_by_weight(report: &mut Report) {
    report
        .gates
        .sort_by_key(|gate| match gate.verdict.as_str() {
            "fail" => 0,
            "warn" => 1,
            "pass" => 3,
            _ => 2,
        });
    report.metrics.sort_by_key(|row| {
        let is_proven = row.significance == "significant";
        (!is_proven, row.verdict != "worse", row.verdict.is_empty())
    });
}

/// Renders the report so that it is within the budget, and leaves out no more than that takes. Where no
/// more can be left out, as with a template of the user's own, the text ends where the budget does.
pub(crate) fn fit(
    report: &Report,
    budget: Budget,
    render: impl Fn(&Report) -> Result<String, Problem>,
) -> Result<String, Problem> {
    let text = render(report)?;
    if budget.holds(&text) {
        return Ok(text);
    }
    let mut sorted = report.clone();
    sort_by_weight(&mut sorted);
    let mut fitting = Fitting {
        kept: PARTS.iter().map(|part| (part.count)(&sorted)).collect(),
        whole: &sorted,
        budget,
        render,
    };
    let mut text = text;
    for (at, part) in PARTS.iter().enumerate() {
        if fitting.kept[at] <= part.least {
            continue;
        }
        fitting.kept[at] = part.least;
        text = fitting.text()?;
        if budget.holds(&text) {
            // There is room for some of what went, most of all for what matters most.
            for at in (0..=at).rev() {
                fitting.restore(at)?;
            }
            return fitting.text();
        }
    }
    Ok(cut_off(&text, budget))
}

/// A report, and how much of each part is kept.
struct Fitting<'a, R> {
    whole: &'a Report,
    kept: Vec<usize>,
    budget: Budget,
    render: R,
}

impl<R: Fn(&Report) -> Result<String, Problem>> Fitting<'_, R> {
    /// Renders what is kept.
    fn text(&self) -> Result<String, Problem> {
        let mut report = self.whole.clone();
        for (part, kept) in PARTS.iter().zip(&self.kept) {
            let is_cut = *kept < (part.count)(&report);
            (part.keep)(&mut report, *kept);
            if is_cut && !report.left_out.iter().any(|name| name == part.name) {
                report.left_out.push(part.name.to_owned());
            }
        }
        (self.render)(&report)
    }

    /// Keeps as many items of a part as there is room for; the text is within the budget before and after.
    fn restore(&mut self, at: usize) -> Result<(), Problem> {
        let (mut fits, mut most) = (self.kept[at], (PARTS[at].count)(self.whole));
        while fits < most {
            // All of them may well fit, now that another part is cut.
            let tried = if most == (PARTS[at].count)(self.whole) {
                most
            } else {
                usize::midpoint(fits, most + 1)
            };
            self.kept[at] = tried;
            if self.budget.holds(&self.text()?) {
                fits = tried;
            } else {
                most = tried - 1;
            }
        }
        self.kept[at] = fits;
        Ok(())
    }
}

const CUT_NOTE: &str = "\n\nThe rest is too long for a comment.\n";

/// Room for what closes a block that is cut in the middle.
const CLOSING: usize = 200;

/// Cuts at the end of the last line that fits, or within the next one where that is very long, and
/// closes what is open there.
pub(crate) fn cut_off(text: &str, budget: Budget) -> String {
    let room = Budget {
        characters: budget.characters.saturating_sub(CUT_NOTE.len() + CLOSING),
        bytes: budget.bytes.saturating_sub(CUT_NOTE.len() + CLOSING),
    };
    let end = end_within(text, room);
    let line_end = text[..end].rfind('\n').map_or(0, |at| at + 1);
    // A line that takes more than half of the room is no row of a table.
    let kept = if end - line_end > end / 2 {
        let word_end = text[line_end..end]
            .rfind(' ')
            .map_or(end, |at| line_end + at);
        format!("{}…", text[..word_end].trim_end())
    } else {
        text[..line_end].trim_end().to_owned()
    };
    let fences = kept.lines().filter(|line| line.starts_with("```"));
    let fence = if fences.count() % 2 == 1 { "\n```" } else { "" };
    let open = kept.matches("<details>").count();
    let closed = kept.matches("</details>").count();
    let details = "\n\n</details>".repeat(open.saturating_sub(closed).min(8));
    format!("{kept}{fence}{details}{CUT_NOTE}")
}

/// Returns where the text ends that is within a budget.
fn end_within(text: &str, room: Budget) -> usize {
    let ends = text
        .char_indices()
        .map(|(at, character)| at + character.len_utf8())
        .take(room.characters)
        .take_while(|end| *end <= room.bytes);
    ends.last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Budget = Budget {
        characters: 1_000,
        bytes: 2_000,
    };

    #[test]
    fn a_long_text_ends_with_a_line_and_says_so() {
        let text = "a line of text\n".repeat(200);
        let cut = cut_off(&text, ROOM);
        let (kept, note) = cut.split_at(cut.len() - CUT_NOTE.len());
        assert_eq!(note, CUT_NOTE);
        assert!(
            kept.len() > 700 && kept.ends_with("a line of text"),
            "{cut}"
        );
        assert!(ROOM.holds(&cut));
    }

    #[test]
    fn of_one_long_line_what_fits_is_shown() {
        for text in ["word ".repeat(1_000), "x".repeat(5_000), "ü".repeat(5_000)] {
            let cut = cut_off(&text, ROOM);
            let (kept, _) = cut.split_once('…').expect("it is cut within the line");
            assert!(kept.chars().count() > 700, "{cut}");
            assert!(text.starts_with(kept) && cut.ends_with(CUT_NOTE), "{cut}");
            assert!(ROOM.holds(&cut));
        }
        // What comes before a long line stays with it.
        let text = format!("# title\n\n{}", "x".repeat(5_000));
        assert!(cut_off(&text, ROOM).starts_with("# title\n\nxxx"));
    }

    #[test]
    fn what_is_open_is_closed() {
        let text = format!("<details>\n\n```\n{}", "1 2 3\n".repeat(2_000));
        let cut = cut_off(&text, ROOM);
        assert!(cut.contains("3\n```\n\n</details>\n\nThe rest"), "{cut}");
    }
}
