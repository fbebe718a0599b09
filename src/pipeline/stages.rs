//! Reads the stages of a pipeline file, groups expanded and everything interpolated.

use std::path::Path;

use crate::base::any_path::AnyPath;
use crate::base::document::{Node, Origin};
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::attempts::read_attempts;
use crate::pipeline::discover::{DVC_FILE, PIPELINE_FILE};
use crate::pipeline::error::Error;
use crate::pipeline::expand::{Instance, foreach, matrix};
use crate::pipeline::loader::PARAMS_FILE;
use crate::pipeline::locator::{Locator, refuse_cached_outside};
use crate::pipeline::lock::LOCK_FILE;
use crate::pipeline::needs::read_needs;
use crate::pipeline::params::ParamFiles;
use crate::pipeline::plot::Plot;
use crate::pipeline::reader::{Reader, flag_of, join};
use crate::pipeline::stage::{Dep, Out, OutKind, ParamRef, Stage, StageName};
use crate::pipeline::vars::{Context, Scope};

/// What all stages of one file share.
pub(super) struct StageReader<'f> {
    /// The file.
    pub(super) file: &'f RepoPath,
    /// Its folder.
    pub(super) folder: &'f RepoPath,
    /// The values that all stages see.
    pub(super) context: &'f Context,
    /// Where `vars` of stages are read from.
    pub(super) files: &'f ParamFiles<'f>,
}

impl StageReader<'_> {
    /// Reads one entry of `stages`: a stage, or a group of them.
    pub(super) fn read(
        &self,
        name: &str,
        node: &Node<'_>,
        stages: &mut Vec<Stage>,
    ) -> Result<(), Error> {
        if name.trim().is_empty() {
            let problem = node.problem("a stage has no name");
            return Err(problem.help("give it one before the `:`").into());
        }
        let part = format!("stages.{name}");
        let scope = Scope::global(self.context);
        let reader = Reader {
            scope: &scope,
            part: &part,
        };
        let (instances, template) = match (node.get("foreach"), node.get("do"), node.get("matrix"))
        {
            (Some(items), Some(template), _) => (foreach(&items, &reader)?, template),
            (_, _, Some(axes)) => (matrix(&axes, &reader)?, node.clone()),
            _ => {
                stages.push(self.read_stage(name, node, &scope, &node.origin)?);
                return Ok(());
            }
        };
        stages.reserve(instances.len());
        for Instance { suffix, item, key } in &instances {
            let name = format!("{name}@{suffix}");
            let scope = Scope {
                context: self.context,
                item: Some(item),
                key: key.as_ref(),
            };
            stages.push(self.read_stage(&name, &template, &scope, &node.origin)?);
        }
        Ok(())
    }

    fn read_stage(
        &self,
        name: &str,
        node: &Node<'_>,
        scope: &Scope<'_>,
        origin: &Origin,
    ) -> Result<Stage, Error> {
        let part = format!("stages.{name}");
        let reader = Reader { scope, part: &part };
        let wdir = match node.get("wdir") {
            Some(wdir) => reader.path(self.folder, &wdir, "wdir")?,
            None => self.folder.clone(),
        };
        let own;
        let scope = if node.get("vars").is_some() {
            let reserved: &[&str] = match (scope.item, scope.key) {
                (None, _) => &[],
                (Some(_), None) => &["item"],
                (Some(_), Some(_)) => &["item", "key"],
            };
            let mut context = self.context.clone();
            context.extend(node, &format!("{part}.vars"), &wdir, reserved, self.files)?;
            own = context;
            Scope {
                context: &own,
                ..scope.clone()
            }
        } else {
            scope.clone()
        };
        let reader = Reader {
            scope: &scope,
            part: &part,
        };
        let stage = self.read_fields(name, node, &reader, wdir, origin)?;
        check_paths(&stage, self.folder, self.files.root())?;
        Ok(stage)
    }

    fn read_fields(
        &self,
        name: &str,
        node: &Node<'_>,
        reader: &Reader<'_>,
        wdir: RepoPath,
        origin: &Origin,
    ) -> Result<Stage, Problem> {
        let locator = Locator {
            root: self.files.root(),
            wdir: &wdir,
        };
        let mut outs = read_outs(node, "outs", &locator, reader)?;
        outs.extend(read_outs(node, "metrics", &locator, reader)?);
        outs.extend(read_outs(node, "plots", &locator, reader)?);
        if let Some(meta) = node.get("meta") {
            reader.tree(&meta, "meta")?;
        }
        Ok(Stage {
            name: self.name(name),
            file: self.file.clone(),
            cmd: read_cmd(node, reader)?,
            deps: read_deps(node, &locator, reader)?,
            params: read_params(node, &wdir, reader)?,
            outs,
            frozen: flag_of(node, "frozen").unwrap_or(false),
            always_changed: flag_of(node, "always_changed").unwrap_or(false),
            desc: reader.text_of(node, "desc")?,
            needs: read_needs(node, reader)?,
            attempts: read_attempts(node, reader)?,
            wdir,
            origin: origin.clone(),
        })
    }

    /// Stages of the root's file have plain names; those of other files say which file.
    fn name(&self, name: &str) -> StageName {
        if self.folder.is_root() {
            StageName::new(name)
        } else {
            StageName::new(&format!("{}:{name}", self.file))
        }
    }
}

fn read_cmd(node: &Node<'_>, reader: &Reader<'_>) -> Result<Vec<String>, Problem> {
    let Some(cmd) = node.get("cmd") else {
        return Ok(Vec::new());
    };
    let Some(items) = cmd.as_items() else {
        return Ok(vec![read_script(&cmd, reader)?]);
    };
    if items.is_empty() {
        return Err(cmd.problem("`cmd` has no command"));
    }
    items.iter().map(|item| read_script(item, reader)).collect()
}

fn read_script(node: &Node<'_>, reader: &Reader<'_>) -> Result<String, Problem> {
    let script = reader.command(node)?;
    if script.contains('\0') {
        let problem = node.problem("`cmd` has a NUL character, which no shell can be given");
        return Err(problem.help("let the command make it, as `printf '\\0'` does"));
    }
    Ok(script)
}

/// Returns the items of a list that may be absent.
fn items_of<'v>(node: &Node<'v>, key: &str) -> Result<Vec<Node<'v>>, Problem> {
    match node.get(key) {
        Some(list) => list.items(format_args!("`{key}`")),
        None => Ok(Vec::new()),
    }
}

fn read_deps(
    node: &Node<'_>,
    locator: &Locator<'_>,
    reader: &Reader<'_>,
) -> Result<Vec<Dep>, Problem> {
    let read = |item: &Node<'_>| {
        if let Some(cmd) = item.get("cmd") {
            let cmd = reader.text(&cmd, "deps")?;
            return Ok(Dep::Command { cmd });
        }
        locator.dep(&reader.text(item, "deps")?, &item.origin)
    };
    items_of(node, "deps")?.iter().map(read).collect()
}

fn read_params(
    node: &Node<'_>,
    wdir: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<ParamRef>, Problem> {
    let mut references = Vec::new();
    let mut add = |item: &Node<'_>, file: RepoPath, key: Option<String>| {
        let origin = item.origin.clone();
        references.push(ParamRef { file, key, origin });
    };
    for item in items_of(node, "params")? {
        let Some(entries) = item.as_entries() else {
            let file = join(wdir, PARAMS_FILE, &item.origin)?;
            add(&item, file, Some(reader.text(&item, "params")?));
            continue;
        };
        for (name, keys) in entries {
            let name = reader.key(name, &keys.origin, "params")?;
            let file = join(wdir, &name, &keys.origin)?;
            if keys.value.is_null() {
                add(&keys, file, None);
                continue;
            }
            for key in keys.items("`params`")? {
                add(&key, file.clone(), Some(reader.text(&key, "params")?));
            }
        }
    }
    Ok(references)
}

fn read_outs(
    node: &Node<'_>,
    section: &str,
    locator: &Locator<'_>,
    reader: &Reader<'_>,
) -> Result<Vec<Out>, Problem> {
    let mut outs = Vec::new();
    for item in items_of(node, section)? {
        let Some(entries) = item.as_entries() else {
            let path = locator.out(&reader.text(&item, section)?, &item.origin)?;
            outs.push(read_out(path, section, &item, reader)?);
            continue;
        };
        for (name, flags) in entries {
            let name = reader.key(name, &flags.origin, section)?;
            let path = locator.out(&name, &flags.origin)?;
            // One file may be drawn in several ways; its flags are those of the first.
            let several = flags.as_items().unwrap_or_default();
            let mut several = several.into_iter();
            let mut out = read_out(path, section, &several.next().unwrap_or(flags), reader)?;
            if let (Some(path), OutKind::Plot(plots)) = (out.path.inside(), &mut out.kind) {
                for further in several {
                    plots.push(Plot::read_out(path, &further, reader)?);
                }
            }
            outs.push(out);
        }
    }
    Ok(outs)
}

fn read_out(
    path: AnyPath,
    section: &str,
    flags: &Node<'_>,
    reader: &Reader<'_>,
) -> Result<Out, Problem> {
    let text = |key| reader.text_of(flags, key);
    let kind = match section {
        "metrics" => OutKind::Metric,
        "plots" => {
            let plot = path
                .inside()
                .map(|path| Plot::read_out(path, flags, reader));
            OutKind::Plot(plot.transpose()?.into_iter().collect())
        }
        _ => OutKind::Plain,
    };
    text("desc")?;
    Ok(Out {
        path,
        kind,
        cache: flag_of(flags, "cache").unwrap_or(true),
        persist: flag_of(flags, "persist").unwrap_or(false),
        push: flag_of(flags, "push").unwrap_or(true),
        remote: text("remote")?,
        origin: flags.origin.clone(),
    })
}

/// Refuses what contradicts itself within one stage of a file in `folder` of the project at `root`.
fn check_paths(stage: &Stage, folder: &RepoPath, root: &Path) -> Result<(), Problem> {
    for (index, out) in stage.outs.iter().enumerate() {
        let at = &out.origin;
        let inside = out.path.inside();
        if inside.is_some_and(RepoPath::is_root) {
            return Err(at.problem("an out cannot be the whole project"));
        }
        refuse_cached_outside(out)?;
        refuse_reserved(out)?;
        if inside.is_some_and(|path| folder.is_within(path)) {
            let message = format!("the out `{}` is the folder of its own pipeline", out.path);
            return Err(at.problem(message));
        }
        let twice = stage.outs[..index]
            .iter()
            .any(|other| other.path.overlaps(&out.path, root));
        if twice {
            let message = format!("stage `{}` has the out `{}` twice", stage.name, out.path);
            return Err(at
                .problem(message)
                .help("list each path once, in one section"));
        }
        for dep in &stage.deps {
            if let Dep::Path { path, origin } = dep
                && path.overlaps(&out.path, root)
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
            ".git" | ".mlpipe" | ".gitignore" | PIPELINE_FILE | DVC_FILE | LOCK_FILE
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
