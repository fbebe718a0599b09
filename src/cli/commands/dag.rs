//! `mlpipe dag`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::pipeline::{Pipeline, StageIndex};
use crate::report::flowchart;

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
    let pipeline = workspace.load_pipeline()?;
    let targets: Vec<String> = args.target.iter().cloned().collect();
    let selected = pipeline.graph.select(&targets)?;
    let drawing = Drawing {
        pipeline: &pipeline,
        selected,
    };
    let text = if args.dot {
        drawing.dot()
    } else if args.mermaid {
        let is_drawn = |stage| drawing.selected.contains(&stage).then_some("");
        let flowchart = flowchart(&pipeline, "TD", is_drawn);
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

    fn name(&self, stage: StageIndex) -> String {
        self.pipeline.stages[stage].name.to_string()
    }

    fn dot(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let stages = self
            .stages()
            .map(|stage| format!("  {};\n", quote(&self.name(stage))));
        let edges = self.edges().map(|(from, to)| {
            format!(
                "  {} -> {};\n",
                quote(&self.name(from)),
                quote(&self.name(to))
            )
        });
        format!(
            "strict digraph {{\n{}}}\n",
            stages.chain(edges).collect::<String>()
        )
    }

    /// Each stage below the last of those that it needs; the others are named behind it.
    fn tree(&self) -> String {
        let positions: BTreeMap<StageIndex, usize> = self
            .stages()
            .enumerate()
            .map(|(position, stage)| (stage, position))
            .collect();
        let trunk = |stage: StageIndex| {
            let needed = self.pipeline.graph.upstream(stage).iter();
            needed
                .filter(|needed| positions.contains_key(needed))
                .max_by_key(|needed| positions[needed])
        };
        let mut children: BTreeMap<Option<StageIndex>, Vec<StageIndex>> = BTreeMap::new();
        for stage in self.stages() {
            children
                .entry(trunk(stage).copied())
                .or_default()
                .push(stage);
        }
        let mut text = String::new();
        // An own stack instead of recursion: chains may be thousands of stages long.
        let mut waiting: Vec<Branch> = Branch::below(None, "", &children);
        while let Some(Branch {
            stage,
            head,
            indent,
        }) = waiting.pop()
        {
            text += &format!(
                "{head}{}{}\n",
                self.name(stage),
                self.others(stage, trunk(stage))
            );
            waiting.extend(Branch::below(Some(stage), &indent, &children));
        }
        if text.is_empty() {
            "the pipeline has no stages\n".to_owned()
        } else {
            text
        }
    }

    /// Names the stages that `stage` needs besides the one that it is drawn below.
    fn others(&self, stage: StageIndex, trunk: Option<&StageIndex>) -> String {
        let needed = self.pipeline.graph.upstream(stage).iter();
        let others =
            needed.filter(|needed| Some(*needed) != trunk && self.selected.contains(needed));
        let others: Vec<String> = others.map(|needed| self.name(*needed)).collect();
        if others.is_empty() {
            String::new()
        } else {
            format!("  (and {})", others.join(", "))
        }
    }
}

/// A line of the tree that is yet to be drawn.
struct Branch {
    stage: StageIndex,
    /// What stands before its name.
    head: String,
    /// What stands before the lines below it.
    indent: String,
}

impl Branch {
    /// Returns the branches below a stage, last one first, so that a stack gives them in order.
    fn below(
        stage: Option<StageIndex>,
        indent: &str,
        children: &BTreeMap<Option<StageIndex>, Vec<StageIndex>>,
    ) -> Vec<Self> {
        let children = children.get(&stage).map(Vec::as_slice).unwrap_or_default();
        let last = children.last().copied();
        let branch = |child: &StageIndex| {
            let (head, below) = match (stage.is_some(), Some(*child) == last) {
                (false, _) => ("", ""),
                (true, true) => ("└─ ", "   "),
                (true, false) => ("├─ ", "│  "),
            };
            let (head, indent) = (format!("{indent}{head}"), format!("{indent}{below}"));
            Self {
                stage: *child,
                head,
                indent,
            }
        };
        children.iter().rev().map(branch).collect()
    }
}
