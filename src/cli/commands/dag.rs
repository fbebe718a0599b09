//! `mlpipe dag`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::pipeline::{Pipeline, StageIndex};

#[derive(Debug, Args)]
pub(crate) struct DagArgs {
    /// The stage to show, with all that it needs [default: all]
    target: Option<String>,

    /// Print Graphviz DOT
    #[arg(long, conflicts_with = "mermaid")]
    dot: bool,

    /// Print a Mermaid flowchart
    #[arg(long)]
    mermaid: bool,

    /// Wrap the Mermaid flowchart for markdown
    #[arg(long, requires = "mermaid")]
    md: bool,
}

/// Shows the graph of stages.
pub(crate) fn run(args: &DagArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let pipeline = Pipeline::load(&workspace.worktree)?;
    let targets: Vec<String> = args.target.iter().cloned().collect();
    let selected = pipeline.graph.select(&targets)?;
    let drawing = Drawing {
        pipeline: &pipeline,
        selected,
    };
    let text = if args.dot {
        drawing.dot()
    } else if args.mermaid {
        let flowchart = drawing.mermaid();
        if args.md {
            format!("```mermaid\n{flowchart}```\n")
        } else {
            flowchart
        }
    } else {
        drawing.tree()
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

/// The part of the graph that is shown.
struct Drawing<'a> {
    pipeline: &'a Pipeline,
    selected: BTreeSet<StageIndex>,
}

impl Drawing<'_> {
    fn stages(&self) -> impl Iterator<Item = StageIndex> + '_ {
        self.pipeline
            .graph
            .order()
            .iter()
            .copied()
            .filter(|stage| self.selected.contains(stage))
    }

    fn edges(&self) -> impl Iterator<Item = (StageIndex, StageIndex)> + '_ {
        self.stages().flat_map(|stage| {
            self.pipeline
                .graph
                .upstream(stage)
                .iter()
                .map(move |needed| (*needed, stage))
        })
    }

    fn name(&self, stage: StageIndex) -> &str {
        self.pipeline.stages[stage].name.as_str()
    }

    fn dot(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let stages = self
            .stages()
            .map(|stage| format!("  {};\n", quote(self.name(stage))));
        let edges = self.edges().map(|(from, to)| {
            format!(
                "  {} -> {};\n",
                quote(self.name(from)),
                quote(self.name(to))
            )
        });
        format!(
            "strict digraph {{\n{}}}\n",
            stages.chain(edges).collect::<String>()
        )
    }

    fn mermaid(&self) -> String {
        let label = |name: &str| name.replace('#', "#35;").replace('"', "#quot;");
        let stages = self
            .stages()
            .map(|stage| format!("  s{stage}[\"{}\"]\n", label(self.name(stage))));
        let edges = self
            .edges()
            .map(|(from, to)| format!("  s{from} --> s{to}\n"));
        format!("flowchart TD\n{}", stages.chain(edges).collect::<String>())
    }

    /// Each stage below the last of those that it needs; the others are named behind it.
    fn tree(&self) -> String {
        let mut text = String::new();
        for stage in self.stages().filter(|stage| self.trunk(*stage).is_none()) {
            self.branch(stage, "", "", &mut text);
        }
        if text.is_empty() {
            "the pipeline has no stages\n".to_owned()
        } else {
            text
        }
    }

    fn branch(&self, stage: StageIndex, head: &str, indent: &str, text: &mut String) {
        let others = self.pipeline.graph.upstream(stage).iter().copied();
        let others = others.filter(|needed| Some(*needed) != self.trunk(stage));
        let others: Vec<&str> = others.map(|needed| self.name(needed)).collect();
        let note = if others.is_empty() {
            String::new()
        } else {
            format!("  (and {})", others.join(", "))
        };
        writeln!(text, "{head}{}{note}", self.name(stage)).expect("invariant: a String takes all");
        let children: Vec<StageIndex> = self
            .stages()
            .filter(|child| self.trunk(*child) == Some(stage))
            .collect();
        for (position, child) in children.iter().enumerate() {
            let is_last = position + 1 == children.len();
            let (branch, below) = if is_last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            let (head, indent) = (format!("{indent}{branch}"), format!("{indent}{below}"));
            self.branch(*child, &head, &indent, text);
        }
    }

    /// The stage that `stage` is drawn below: of those that it needs the last in the order.
    fn trunk(&self, stage: StageIndex) -> Option<StageIndex> {
        let needed = self.pipeline.graph.upstream(stage);
        self.stages()
            .filter(|candidate| needed.contains(candidate))
            .last()
    }
}
