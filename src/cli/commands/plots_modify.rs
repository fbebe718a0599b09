//! `mlpipe plots modify`.

use clap::{Args, ValueEnum};

use crate::base::value::Value;
use crate::cli::commands::Context;
use crate::cli::commands::plots_style::StyleArgs;
use crate::cli::error::{CliError, Exit};
use crate::engine::{PlotChange, modify_plot};
use crate::plots::Template;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ModifyArgs {
    /// The plot: a stage's file, or the id of a plot beside the stages
    target: String,

    #[command(flatten)]
    style: StyleArgs,

    /// The column of the y axis
    #[arg(short, value_name = "COLUMN")]
    y: Option<String>,

    /// Take these properties out
    #[arg(long, num_args = 1.., value_name = "PROPERTY")]
    unset: Vec<Property>,
}

/// What a plot may have besides its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Property {
    Template,
    X,
    Y,
    Title,
    XLabel,
    YLabel,
    Header,
}

impl Property {
    fn key(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::X => "x",
            Self::Y => "y",
            Self::Title => "title",
            Self::XLabel => "x_label",
            Self::YLabel => "y_label",
            Self::Header => "header",
        }
    }
}

/// Changes how a plot is drawn.
pub(crate) fn run(
    args: &ModifyArgs,
    workspace: &Workspace,
    context: &Context,
) -> Result<Exit, CliError> {
    let changes = args.changes();
    if changes.is_empty() {
        let message = "nothing to change was named".to_owned();
        return Err(CliError::usage(
            message,
            "as in `mlpipe plots modify loss.csv --title Loss`",
        ));
    }
    if args.style.template.is_some() {
        Template::find(args.style.template.as_deref(), &workspace.worktree)?;
    }
    let target = context.path(workspace, &args.target)?;
    let file = modify_plot(context.amend(workspace)?, &target, &changes)?;
    context.say(&format!("{file} says how {target} is drawn\n"));
    Ok(Exit::Success)
}

impl ModifyArgs {
    fn changes(&self) -> Vec<PlotChange> {
        let style = &self.style;
        let texts = [
            ("template", &style.template),
            ("x", &style.x),
            ("y", &self.y),
            ("title", &style.title),
            ("x_label", &style.x_label),
            ("y_label", &style.y_label),
        ];
        let text = |text: &String| Some(Value::Text(text.clone()));
        let set = texts
            .into_iter()
            .filter_map(|(key, value)| Some((key, text(value.as_ref()?))));
        let header = style
            .no_header
            .then_some(("header", Some(Value::Bool(false))));
        let unset = self.unset.iter().map(|property| (property.key(), None));
        set.chain(header).chain(unset).collect()
    }
}
