//! How a plot is drawn, as `plots show`, `plots diff` and `plots modify` take it.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StyleArgs {
    /// Draw with this template, of `mlpipe plots templates` or a file
    #[arg(short, long, value_name = "NAME")]
    pub(crate) template: Option<String>,

    /// The column of the x axis
    #[arg(short, value_name = "COLUMN")]
    pub(crate) x: Option<String>,

    /// The title
    #[arg(long)]
    pub(crate) title: Option<String>,

    /// What stands at the x axis
    #[arg(long, value_name = "TEXT")]
    pub(crate) x_label: Option<String>,

    /// What stands at the y axis
    #[arg(long, value_name = "TEXT")]
    pub(crate) y_label: Option<String>,

    /// Take the first row of a table as data; its columns are called 0, 1, …
    #[arg(long)]
    pub(crate) no_header: bool,
}
