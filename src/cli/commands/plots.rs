//! `mlpipe plots`: shows plots of the workspace or of several revisions, and says how they are drawn.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, as_text};
use crate::cli::commands::Context;
use crate::cli::commands::plots_modify::{self, ModifyArgs};
use crate::cli::commands::plots_style::StyleArgs;
use crate::cli::commands::sides;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::pipeline::Lock;
use crate::plots::{
    Content, Gallery, Kind, Overrides, PageTemplate, Sheet, Side, draw, gather, own_names, page,
    prepare, spec_of, to_json, to_png, to_text,
};
use crate::scm::Revision;
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Where the page goes unless another folder is named.
const FOLDER: &str = "mlpipe_plots";

/// How people call the files as they are now.
const WORKSPACE: &str = "workspace";

#[derive(Debug, Args)]
pub(crate) struct PlotsArgs {
    #[command(subcommand)]
    command: PlotsCommand,
}

#[derive(Debug, Subcommand)]
enum PlotsCommand {
    /// Draw the plots of the workspace into a page
    Show(ShowArgs),
    /// Draw the plots of several revisions over each other
    Diff(DiffArgs),
    /// Say in the pipeline file how a plot is drawn
    Modify(ModifyArgs),
    /// List the templates, or print one
    Templates(TemplatesArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Plots, files or folders [default: all plots]
    targets: Vec<String>,

    #[command(flatten)]
    look: LookArgs,
}

#[derive(Debug, Args)]
struct DiffArgs {
    /// The revisions, the oldest first; `workspace` is one too [default: HEAD and the workspace; one
    /// is compared with the workspace]
    #[arg(value_name = "REV")]
    revisions: Vec<String>,

    /// Plots, files or folders [default: all plots]
    #[arg(long, num_args = 1.., value_name = "TARGET")]
    targets: Vec<String>,

    #[command(flatten)]
    look: LookArgs,
}

#[derive(Debug, Args)]
struct TemplatesArgs {
    /// The template to print, as a specification of Vega-Lite
    name: Option<String>,
}

/// How plots are drawn, and where they go.
#[derive(Debug, Args)]
struct LookArgs {
    #[command(flatten)]
    style: StyleArgs,

    /// The column of the y axis; can be given several times
    #[arg(short, value_name = "COLUMN")]
    y: Vec<String>,

    /// Write the page into this folder
    #[arg(short, long, value_name = "FOLDER", default_value = FOLDER)]
    out: PathBuf,

    /// Put the plots where `{plot_divs}` stands in this file of HTML
    #[arg(long, value_name = "FILE")]
    html_template: Option<PathBuf>,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    /// Print the specification of Vega-Lite of one plot
    #[arg(long, group = "form")]
    show_vega: bool,

    /// Print the data points as JSON
    #[arg(long, group = "form")]
    json: bool,

    /// Draw on the terminal
    #[arg(long, group = "form")]
    text: bool,

    /// Write each plot as SVG into this folder, and no page
    #[arg(long, group = "form", value_name = "FOLDER")]
    svg: Option<PathBuf>,

    /// Write each plot as PNG into this folder, and no page
    #[arg(long, group = "form", value_name = "FOLDER")]
    png: Option<PathBuf>,
}

/// Draws plots, or says how they are drawn.
pub(crate) fn run(args: &PlotsArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    match &args.command {
        PlotsCommand::Show(args) => show(&[], &args.targets, &args.look, &workspace, context),
        PlotsCommand::Diff(args) => {
            let head = ["HEAD".to_owned()];
            let revisions: &[String] = match args.revisions.as_slice() {
                [] => &head,
                given => given,
            };
            show(revisions, &args.targets, &args.look, &workspace, context)
        }
        PlotsCommand::Modify(args) => plots_modify::run(args, &workspace, context),
        PlotsCommand::Templates(args) => templates(args, &workspace),
    }
}

fn templates(args: &TemplatesArgs, workspace: &Workspace) -> Result<Exit, CliError> {
    let text = match &args.name {
        None => {
            let own = own_names(&workspace.worktree)?;
            let names = Kind::names().map(str::to_owned).chain(own);
            names.map(|name| name + "\n").collect()
        }
        Some(name) => match crate::plots::Template::find(Some(name), &workspace.worktree)? {
            crate::plots::Template::BuiltIn(kind) => kind.spec_text().to_owned(),
            crate::plots::Template::Own { spec, .. } => format!("{spec:#}\n"),
        },
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

/// Draws the workspace alone, or revisions; a single one is compared with the workspace.
fn show(
    revisions: &[String],
    targets: &[String],
    look: &LookArgs,
    workspace: &Workspace,
    context: &Context,
) -> Result<Exit, CliError> {
    let mut names: Vec<&str> = revisions.iter().map(String::as_str).collect();
    if names.len() < 2 && names != [WORKSPACE] {
        names.push(WORKSPACE);
    }
    let opened: Vec<Option<(Revision, Lock)>> = names
        .iter()
        .map(|name| open_revision(workspace, name))
        .collect::<Result<_, _>>()?;
    let snapshots = opened.iter().map(|opened| -> Result<_, CliError> {
        Ok(match opened {
            Some((revision, lock)) => {
                RecordedSnapshot::new(revision, lock.clone(), &workspace.cache)
            }
            None => RecordedSnapshot::new(
                &workspace.worktree,
                workspace.load_lock()?,
                &workspace.cache,
            ),
        })
    });
    let snapshots: Vec<RecordedSnapshot<'_>> = snapshots.collect::<Result<_, CliError>>()?;
    let sides = names.iter().zip(&snapshots).map(|(name, snapshot)| Side {
        name: (*name).to_owned(),
        snapshot,
        had: Box::new(|path| snapshot.records(path)),
    });
    let sides: Vec<Side<'_>> = sides.collect();
    let targets = targets.iter().map(|target| context.path(workspace, target));
    let targets: Vec<RepoPath> = targets.collect::<Result<_, _>>()?;
    let mut gallery = gather(&sides, &targets, &look.overrides(context, workspace)?)?;
    let sheets = prepare(&mut gallery);
    look.put_out(&gallery, &sheets, context)?;
    Ok(report_faults(gallery))
}

fn open_revision(workspace: &Workspace, name: &str) -> Result<Option<(Revision, Lock)>, CliError> {
    if name == WORKSPACE {
        return Ok(None);
    }
    let revision = sides::revision(workspace, name)?;
    let lock = Lock::load(&revision)?;
    Ok(Some((revision, lock)))
}

fn report_faults(gallery: Gallery) -> Exit {
    let exit = if gallery.faults.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    };
    for fault in gallery.faults {
        ui::eprint(&ui::diagnostics::render(&fault.into()));
    }
    exit
}

impl LookArgs {
    fn overrides(&self, context: &Context, workspace: &Workspace) -> Result<Overrides, CliError> {
        // A file is named as the user sees it, from the folder where they are.
        let style = &self.style;
        let template = match &style.template {
            Some(name) if name.contains('/') || is_json(name) => {
                let path = context.path(workspace, name)?;
                let is_there = workspace.worktree.read(&path)?.is_some();
                Some(if is_there {
                    path.to_string()
                } else {
                    name.clone()
                })
            }
            template => template.clone(),
        };
        Ok(Overrides {
            template,
            x: style.x.clone(),
            y: self.y.clone(),
            title: style.title.clone(),
            x_label: style.x_label.clone(),
            y_label: style.y_label.clone(),
            no_header: style.no_header,
        })
    }

    /// Prints or writes what is drawn, in the form that was asked for.
    fn put_out(
        &self,
        gallery: &Gallery,
        sheets: &[Sheet],
        context: &Context,
    ) -> Result<(), CliError> {
        if self.json {
            return Ok(ui::print(&format!("{:#}\n", to_json(gallery)))?);
        }
        let is_empty = gallery.figures.is_empty() && gallery.pictures.is_empty();
        // Of what cannot be drawn others tell.
        if self.show_vega && (!is_empty || gallery.faults.is_empty()) {
            return show_vega(gallery);
        }
        if is_empty {
            if gallery.faults.is_empty() {
                context.say("no plots: neither a stage nor `plots` lists any\n");
            }
            return Ok(());
        }
        if self.text {
            return print_text(gallery, sheets);
        }
        if self.svg.is_some() || self.png.is_some() {
            for picture in &gallery.pictures {
                let path = &picture.path;
                ui::eprint(&format!("note: `{path}` is an image as it is\n"));
            }
        }
        match (&self.svg, &self.png) {
            (Some(folder), _) => write_each(sheets, &context.folder.join(folder), Image::Svg),
            (_, Some(folder)) => write_each(sheets, &context.folder.join(folder), Image::Png),
            _ => self.write_page(gallery, sheets, context),
        }
    }

    fn write_page(
        &self,
        gallery: &Gallery,
        sheets: &[Sheet],
        context: &Context,
    ) -> Result<(), CliError> {
        let template = self.html_template.as_ref();
        let template = template.map(|file| read_page_template(&context.folder.join(file), file));
        let html = page(gallery, sheets, template.transpose()?.as_ref());
        let folder = context.folder.join(&self.out);
        let file = folder.join("index.html");
        fs::write_if_changed(&file, html.as_bytes())?;
        if self.out == Path::new(FOLDER) {
            // It can be drawn again at any time, and git shall not offer to commit it.
            fs::write_if_changed(&folder.join(".gitignore"), b"*\n")?;
        }
        let place = std::path::absolute(&file)?;
        ui::print(&format!("file://{}\n", place.display()))?;
        if self.open { open(&place) } else { Ok(()) }
    }
}

fn is_json(name: &str) -> bool {
    Path::new(name).extension() == Some("json".as_ref())
}

fn read_page_template(path: &Path, shown: &Path) -> Result<PageTemplate, CliError> {
    let shown = shown.to_string_lossy();
    let bytes = fs::read(path)?.ok_or_else(|| {
        let hint = "name a file of HTML with `{plot_divs}` in it";
        CliError::usage(format!("there is no page template `{shown}`"), hint)
    })?;
    let text = as_text(&shown, &bytes)?.to_owned();
    Ok(PageTemplate::parse(&shown, text)?)
}

/// Opens a page as the user's desktop does; `BROWSER` names another program.
fn open(page: &Path) -> Result<(), CliError> {
    let standard = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let program = std::env::var("BROWSER").unwrap_or_else(|_| standard.to_owned());
    let started = std::process::Command::new(&program).arg(page).spawn();
    started.map(drop).map_err(|error| {
        let message = format!("cannot start `{program}`: {error}");
        CliError::failed(
            message,
            "open the page by hand, or name a browser in BROWSER",
        )
    })
}

fn show_vega(gallery: &Gallery) -> Result<(), CliError> {
    let [figure] = gallery.figures.as_slice() else {
        let ids: Vec<&str> = gallery
            .figures
            .iter()
            .map(|figure| figure.id.as_str())
            .collect();
        let message = format!("--show-vega prints one plot, not {}", ids.len());
        let hint = if ids.is_empty() {
            "name a plot of data points".to_owned()
        } else {
            format!("name one of {}", ids.join(", "))
        };
        return Err(CliError::usage(message, &hint));
    };
    let spec = spec_of(figure)?;
    Ok(ui::print(&format!("{spec:#}\n"))?)
}

fn print_text(gallery: &Gallery, sheets: &[Sheet]) -> Result<(), CliError> {
    let mut texts = Vec::new();
    for sheet in sheets {
        texts.push(match &sheet.content {
            Content::Chart(chart) => to_text(chart, terminal_width()),
            Content::Vega(_) => format!("{}: only a page can draw its own template\n", sheet.title),
        });
    }
    for picture in &gallery.pictures {
        texts.push(format!(
            "{}: an image, which only a page can show\n",
            picture.title()
        ));
    }
    Ok(ui::print(&texts.join("\n"))?)
}

fn terminal_width() -> usize {
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    asked.unwrap_or_else(|| {
        let is_terminal = std::io::stdout().is_terminal();
        let width = is_terminal.then(ui::width_of_terminal).flatten();
        width.unwrap_or(80)
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Image {
    Svg,
    Png,
}

/// Writes each chart into a file of its own, and prints the files' names.
fn write_each(sheets: &[Sheet], folder: &Path, image: Image) -> Result<(), CliError> {
    let ending = if image == Image::Svg { "svg" } else { "png" };
    let mut taken: Vec<String> = Vec::new();
    for sheet in sheets {
        let Content::Chart(chart) = &sheet.content else {
            let message = format!(
                "`{}` has a template of its own, which only a page can draw",
                sheet.id
            );
            ui::eprint(&format!("note: {message}\n"));
            continue;
        };
        let svg = draw(chart).to_file();
        let bytes = match image {
            Image::Svg => svg.into_bytes(),
            Image::Png => to_png(&svg).ok_or_else(|| {
                let message = format!("`{}` is too large for a PNG", sheet.id);
                CliError::failed(message, "`--svg` has no limit")
            })?,
        };
        let name = file_name(&sheet.id, &mut taken);
        let path = folder.join(format!("{name}.{ending}"));
        fs::write_if_changed(&path, &bytes)?;
        let shown = path.strip_prefix(".").unwrap_or(&path);
        ui::print(&format!("{}\n", shown.display()))?;
    }
    Ok(())
}

/// Makes a file's name of an id, one for each plot.
fn file_name(id: &str, taken: &mut Vec<String>) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let base: String = id.chars().map(plain).take(120).collect();
    let base = base.trim_start_matches('.').to_owned();
    let mut name = base.clone();
    let mut number = 1;
    while taken.contains(&name) {
        number += 1;
        name = format!("{base}-{number}");
    }
    taken.push(name.clone());
    name
}
