//! Reads the stages of a pipeline file: DVC's `dvc.yaml` schema, every mistake with its place.

use crate::base::document::{Node, Origin};
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::pipeline::loader::{PARAMS_FILE, PIPELINE_FILE};
use crate::pipeline::lock::LOCK_FILE;
use crate::pipeline::stage::{Dep, Out, OutKind, ParamRef, PlotProperties, Stage, StageName};

const TOP: &[&str] = &["stages", "metrics", "report"];
const STAGE: &[&str] = &[
    "cmd",
    "wdir",
    "deps",
    "params",
    "outs",
    "metrics",
    "plots",
    "frozen",
    "always_changed",
    "desc",
    "meta",
];
const OUT: &[&str] = &["cache", "persist", "desc"];
const PLOT: &[&str] = &["cache", "persist", "desc", "template", "x", "y", "title"];

/// What a pipeline file holds.
#[derive(Debug, Default)]
pub(crate) struct PipelineFile {
    /// The stages in the order of the file.
    pub(crate) stages: Vec<Stage>,
    /// Metric files that no stage makes.
    pub(crate) metrics: Vec<RepoPath>,
    /// The report that a run ends with.
    pub(crate) report: Option<ReportSettings>,
}

/// The `report:` section: what `repro` writes when it has run.
#[derive(Clone, Debug)]
pub(crate) struct ReportSettings {
    /// Where the report goes.
    pub(crate) path: RepoPath,
    /// The revision to compare with.
    pub(crate) base: String,
    /// The user's own template.
    pub(crate) template: Option<RepoPath>,
}

impl Default for ReportSettings {
    fn default() -> Self {
        let path = RepoPath::parse("reports/report.md").expect("invariant: a plain path");
        Self {
            path,
            base: "main".to_owned(),
            template: None,
        }
    }
}

impl PipelineFile {
    /// Reads a pipeline file that lies in `folder`.
    pub(crate) fn read(root: &Node<'_>, folder: &RepoPath) -> Result<Self, Problem> {
        root.only(TOP, "the pipeline")?;
        let mut file = Self::default();
        if let Some(stages) = root.get("stages") {
            for (name, node) in stages.entries("`stages`")? {
                file.stages.push(read_stage(name, &node, folder)?);
            }
        }
        if let Some(metrics) = root.get("metrics") {
            for item in metrics.items("`metrics`")? {
                file.metrics
                    .push(join(folder, item.text("a metric")?, &item.origin)?);
            }
        }
        if let Some(node) = root.get("report") {
            let report = read_report(&node, folder)?;
            file.refuse_report_over_files(&report, &node)?;
            file.report = Some(report);
        }
        Ok(file)
    }
}

impl PipelineFile {
    /// The report replaces what is at its path, which must not be anything else of the pipeline's.
    fn refuse_report_over_files(
        &self,
        report: &ReportSettings,
        node: &Node<'_>,
    ) -> Result<(), Problem> {
        let outs = self
            .stages
            .iter()
            .flat_map(|stage| &stage.outs)
            .map(|out| &out.path);
        let deps = self.stages.iter().flat_map(|stage| &stage.deps);
        let deps = deps.filter_map(|dep| match dep {
            Dep::Path { path, .. } => Some(path),
            Dep::Command { .. } => None,
        });
        let path = &report.path;
        let is_taken = outs
            .chain(deps)
            .any(|taken| path.is_within(taken) || taken.is_within(path));
        let is_reserved = matches!(path.as_str(), PIPELINE_FILE | LOCK_FILE | PARAMS_FILE);
        if is_taken || is_reserved {
            let message = format!("the report cannot be written to `{path}`");
            return Err(node
                .problem(message)
                .help("it would replace a file of the pipeline"));
        }
        Ok(())
    }
}

fn read_report(node: &Node<'_>, folder: &RepoPath) -> Result<ReportSettings, Problem> {
    node.only(&["path", "base", "template"], "`report`")?;
    let default = ReportSettings::default();
    let path = match node.get("path") {
        Some(path) => join(folder, path.text("`path`")?, &path.origin)?,
        None => default.path,
    };
    let template = node
        .get("template")
        .map(|template| join(folder, template.text("`template`")?, &template.origin));
    let base = text_of(node, "base")?.unwrap_or(default.base);
    Ok(ReportSettings {
        path,
        base,
        template: template.transpose()?,
    })
}

fn read_stage(name: &str, node: &Node<'_>, folder: &RepoPath) -> Result<Stage, Problem> {
    node.only(STAGE, format_args!("stage `{name}`"))?;
    let wdir = match node.get("wdir") {
        Some(wdir) => join(folder, &wdir.scalar("`wdir`")?, &wdir.origin)?,
        None => folder.clone(),
    };
    let mut outs = read_outs(node, "outs", &wdir)?;
    outs.extend(read_outs(node, "metrics", &wdir)?);
    outs.extend(read_outs(node, "plots", &wdir)?);
    let stage = Stage {
        name: StageName::new(name),
        cmd: read_cmd(name, node)?,
        deps: read_deps(node, &wdir)?,
        params: read_params(node, &wdir)?,
        outs,
        frozen: flag_of(node, "frozen")?.unwrap_or(false),
        always_changed: flag_of(node, "always_changed")?.unwrap_or(false),
        wdir,
        origin: node.origin.clone(),
    };
    text_of(node, "desc")?;
    check_paths(&stage)?;
    Ok(stage)
}

fn read_cmd(name: &str, node: &Node<'_>) -> Result<Vec<String>, Problem> {
    let cmd = node.get("cmd").ok_or_else(|| {
        let problem = node
            .origin
            .key_problem(format!("stage `{name}` has no `cmd`"));
        problem.help("add the command that makes its outs, as in `cmd: python train.py`")
    })?;
    if !matches!(cmd.value, Value::List(_)) {
        return Ok(vec![cmd.scalar("`cmd`")?]);
    }
    let items = cmd.items("`cmd`")?;
    if items.is_empty() {
        return Err(cmd.problem("`cmd` has no command"));
    }
    items.iter().map(|item| item.scalar("a command")).collect()
}

fn read_deps(node: &Node<'_>, wdir: &RepoPath) -> Result<Vec<Dep>, Problem> {
    let Some(deps) = node.get("deps") else {
        return Ok(Vec::new());
    };
    deps.items("`deps`")?
        .iter()
        .map(|item| read_dep(item, wdir))
        .collect()
}

fn read_dep(item: &Node<'_>, wdir: &RepoPath) -> Result<Dep, Problem> {
    let origin = item.origin.clone();
    if item.value.as_text().is_some() {
        let path = join(wdir, item.text("a dep")?, &item.origin)?;
        return Ok(Dep::Path { path, origin });
    }
    item.only(&["cmd"], "a dep")?;
    let cmd = item
        .get("cmd")
        .ok_or_else(|| item.wrong("a path or `{cmd: …}`", "a dep"))?;
    Ok(Dep::Command {
        cmd: cmd.scalar("`cmd`")?,
    })
}

fn read_params(node: &Node<'_>, wdir: &RepoPath) -> Result<Vec<ParamRef>, Problem> {
    let Some(params) = node.get("params") else {
        return Ok(Vec::new());
    };
    let mut references = Vec::new();
    for item in params.items("`params`")? {
        if item.value.as_text().is_some() {
            let file = join(wdir, PARAMS_FILE, &item.origin)?;
            references.push(read_param(&item, file)?);
            continue;
        }
        for (name, keys) in item.entries("an item of `params`")? {
            let file = join(wdir, name, &keys.origin)?;
            if keys.value.is_null() {
                references.push(ParamRef {
                    file,
                    key: None,
                    origin: keys.origin,
                });
                continue;
            }
            for key in keys.items(format_args!("the keys of `{name}`"))? {
                references.push(read_param(&key, file.clone())?);
            }
        }
    }
    Ok(references)
}

fn read_param(item: &Node<'_>, file: RepoPath) -> Result<ParamRef, Problem> {
    let key = Some(item.scalar("a param")?);
    Ok(ParamRef {
        file,
        key,
        origin: item.origin.clone(),
    })
}

fn read_outs(node: &Node<'_>, section: &str, wdir: &RepoPath) -> Result<Vec<Out>, Problem> {
    let Some(outs) = node.get(section) else {
        return Ok(Vec::new());
    };
    let mut read = Vec::new();
    for item in outs.items(format_args!("`{section}`"))? {
        if item.value.as_text().is_some() {
            let path = join(wdir, item.text("an out")?, &item.origin)?;
            read.push(read_out(path, section, None, item.origin.clone())?);
            continue;
        }
        for (name, flags) in item.entries(format_args!("an item of `{section}`"))? {
            let path = join(wdir, name, &flags.origin)?;
            read.push(read_out(path, section, Some(&flags), flags.origin.clone())?);
        }
    }
    Ok(read)
}

fn read_out(
    path: RepoPath,
    section: &str,
    flags: Option<&Node<'_>>,
    origin: Origin,
) -> Result<Out, Problem> {
    if path.is_root() {
        return Err(origin.problem("an out cannot be the whole project"));
    }
    let (mut cache, mut persist, mut plot) = (true, false, PlotProperties::default());
    if let Some(flags) = flags {
        flags.only(
            if section == "plots" { PLOT } else { OUT },
            format_args!("out `{path}`"),
        )?;
        cache = flag_of(flags, "cache")?.unwrap_or(true);
        persist = flag_of(flags, "persist")?.unwrap_or(false);
        text_of(flags, "desc")?;
        plot = PlotProperties {
            template: text_of(flags, "template")?,
            x: text_of(flags, "x")?,
            y: text_of(flags, "y")?,
            title: text_of(flags, "title")?,
        };
    }
    let kind = match section {
        "metrics" => OutKind::Metric,
        "plots" => OutKind::Plot(plot),
        _ => OutKind::Plain,
    };
    Ok(Out {
        path,
        kind,
        cache,
        persist,
        origin,
    })
}

/// Refuses what contradicts itself within one stage.
fn check_paths(stage: &Stage) -> Result<(), Problem> {
    for (index, out) in stage.outs.iter().enumerate() {
        refuse_reserved(out)?;
        if stage.outs[..index]
            .iter()
            .any(|other| other.path.overlaps(&out.path))
        {
            let message = format!("stage `{}` has the out `{}` twice", stage.name, out.path);
            return Err(out
                .origin
                .problem(message)
                .help("list each path once, in one section"));
        }
        for dep in &stage.deps {
            if let Dep::Path { path, origin } = dep
                && path.overlaps(&out.path)
            {
                let message = format!("stage `{}` has `{path}` as a dep and as an out", stage.name);
                let help = "a stage that reads what it makes can never be up to date";
                return Err(origin.problem(message).help(help));
            }
        }
    }
    Ok(())
}

/// What git, the user and mlpipe steer by cannot be made by a stage.
fn refuse_reserved(out: &Out) -> Result<(), Problem> {
    let is_reserved = |part: &str| {
        matches!(
            part,
            ".git" | ".mlpipe" | ".gitignore" | PIPELINE_FILE | LOCK_FILE
        )
    };
    match out.path.as_str().split('/').find(|part| is_reserved(part)) {
        Some(part) => {
            let message = format!("a stage cannot make `{part}`");
            Err(out
                .origin
                .problem(message)
                .help("let it write to a path of its own"))
        }
        None => Ok(()),
    }
}

fn join(folder: &RepoPath, text: &str, origin: &Origin) -> Result<RepoPath, Problem> {
    folder
        .join(text)
        .map_err(|error| origin.problem(error.to_string()))
}

fn flag_of(node: &Node<'_>, key: &str) -> Result<Option<bool>, Problem> {
    node.get(key)
        .map(|flag| flag.flag(format_args!("`{key}`")))
        .transpose()
}

fn text_of(node: &Node<'_>, key: &str) -> Result<Option<String>, Problem> {
    let text = |text: Node<'_>| text.text(format_args!("`{key}`")).map(str::to_owned);
    node.get(key).map(text).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::Document;

    fn read(text: &str) -> Result<PipelineFile, Problem> {
        let document = Document::parse("pipeline.yaml", text)?;
        PipelineFile::read(&document.root(), &RepoPath::root())
    }

    fn error(text: &str) -> String {
        read(text).expect_err("a mistake").to_string()
    }

    #[test]
    fn reads_every_form_of_a_stage() {
        let text = "stages:\n  a:\n    wdir: sub\n    cmd: [x, 1.3]\n    deps: [../in, {cmd: v}]\n    \
                    params: [lr, {p.json: [k]}, {all.yaml: }]\n    outs: [m, {d: {cache: false}}]\n    \
                    metrics: [{s.json: {cache: false}}]\n    plots: [{c.csv: {template: confusion}}]\n";
        let file = read(text).expect("valid");
        let stage = &file.stages[0];
        assert_eq!(stage.cmd, ["x", "1.3"]);
        let outs: Vec<&str> = stage.outs.iter().map(|out| out.path.as_str()).collect();
        assert_eq!(outs, ["sub/m", "sub/d", "sub/s.json", "sub/c.csv"]);
        let params: Vec<_> = stage
            .params
            .iter()
            .map(|p| (p.file.as_str(), p.key.as_deref()))
            .collect();
        let wanted = [
            ("sub/params.yaml", Some("lr")),
            ("sub/p.json", Some("k")),
            ("sub/all.yaml", None),
        ];
        assert_eq!(params, wanted);
        assert!(matches!(&stage.deps[0], Dep::Path { path, .. } if path.as_str() == "in"));
    }

    #[test]
    fn mistakes_have_places() {
        assert_eq!(
            error("stages:\n  a:\n    dep: [x]\n    cmd: x\n"),
            "unknown key `dep` in stage `a` (pipeline.yaml:3:5)"
        );
        assert_eq!(
            error("stages:\n  a:\n    deps: [x]\n"),
            "stage `a` has no `cmd` (pipeline.yaml:2:3)"
        );
        assert_eq!(
            error("stages:\n  a:\n    cmd: x\n    deps: x\n"),
            "`deps` must be a list, not text (pipeline.yaml:4:11)"
        );
        assert_eq!(
            error("stages:\n  a:\n    cmd: x\n    outs: [../x]\n"),
            "`../x` lies outside the project (pipeline.yaml:4:12)"
        );
        assert_eq!(
            error("stages:\n  a:\n    cmd: x\n    outs: [d]\n    metrics: [d]\n"),
            "stage `a` has the out `d` twice (pipeline.yaml:5:15)"
        );
    }

    #[test]
    fn an_empty_file_has_no_stages() {
        assert!(read("# nothing yet\n").expect("valid").stages.is_empty());
        assert!(read("stages: {}\n").expect("valid").stages.is_empty());
    }
}
