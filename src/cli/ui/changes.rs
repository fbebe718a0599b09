//! Changes of tracked data, as lines and as a markdown table.

use std::collections::BTreeSet;

use crate::base::digest::Digest;
use crate::base::human;
use crate::cli::ui::style::{CHANGED, DIM, DONE, FAILED, paint};
use crate::cli::ui::table::{Column, markdown};
use crate::data::{Changes, Detail, Item, Pair};

/// How many lines of a kind are printed: the rest only fills the screen.
pub(crate) const SHOWN: usize = 50;

/// Where the second column begins at the latest, but for longer names.
const WIDEST: usize = 44;

/// One change, for a line.
pub(crate) struct Line {
    /// What it is about.
    pub(crate) name: String,
    /// The beginning of its digest, or of both.
    hash: String,
    /// How much it is.
    note: String,
}

/// Changes of one kind, where folders stand for the files in them as far as they can.
pub(crate) struct Section {
    pub(crate) word: &'static str,
    pub(crate) lines: Vec<Line>,
}

impl Section {
    /// Makes the section of what the cache lacks.
    pub(crate) fn lost(items: &[Item]) -> Self {
        Self::listing("not in the cache", items)
    }

    /// Makes the section of some items.
    pub(crate) fn listing(word: &'static str, items: &[Item]) -> Self {
        let lines = items.iter().map(Line::of).collect();
        Self { word, lines }
    }

    fn shown(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().take(SHOWN)
    }
}

/// Groups changes by what they are, in the order in which people are told.
pub(crate) fn sections(changes: &Changes) -> Vec<Section> {
    let unknown: BTreeSet<&str> = changes.unknown.iter().map(String::as_str).collect();
    let (files, folders) = (&changes.files, &changes.folders);
    let section = |word, lines: Vec<Line>| Section { word, lines };
    let mark = |line: Line, path: &str| {
        if unknown.contains(path) {
            let note = format!("{}, files unknown", line.note);
            return Line { note, ..line };
        }
        line
    };
    let items = |folders: &[Item], files: &[Item]| {
        let is_opaque = |path: &str| changes.detail == Detail::Tracked || unknown.contains(path);
        let shown = whole(folders, files, is_opaque);
        let lines = shown.iter().map(|item| mark(Line::of(item), &item.path));
        lines.collect()
    };
    let is_shown = |pair: &&Pair| {
        changes.detail == Detail::Tracked || unknown.contains(pair.new.path.as_str())
    };
    let mut modified: Vec<&Pair> = folders.modified.iter().filter(is_shown).collect();
    modified.extend(&files.modified);
    modified.sort_by(|one, other| one.new.path.cmp(&other.new.path));
    let modified = modified.iter();
    let modified = modified.map(|pair| mark(Line::modified(pair), &pair.new.path));
    let renamed = renamed(&folders.renamed, &files.renamed);
    let renamed = renamed.iter().map(|pair| Line::renamed(pair));
    vec![
        section("added", items(&folders.added, &files.added)),
        section("modified", modified.collect()),
        section("renamed", renamed.collect()),
        section("deleted", items(&folders.deleted, &files.deleted)),
    ]
}

/// Lists files, and folders in the place of their files where all of these are among them; both are
/// sorted.
/// Those whose files nobody has listed stand for themselves.
fn whole<'a>(
    folders: &'a [Item],
    files: &'a [Item],
    is_opaque: impl Fn(&str) -> bool,
) -> Vec<&'a Item> {
    let mut shown = Vec::new();
    let mut rest = files;
    for folder in folders {
        let start = rest.partition_point(|file| file.path < folder.path);
        let inside = rest[start..].partition_point(|file| file.path.starts_with(&folder.path));
        let (before, after) = rest.split_at(start);
        let (inside, after) = after.split_at(inside);
        shown.extend(before);
        let count = inside.iter().filter(|item| item.digest.is_some()).count();
        let is_whole = folder.files == u64::try_from(count).ok();
        if is_whole || (inside.is_empty() && is_opaque(&folder.path)) {
            shown.push(folder);
        } else {
            shown.extend(inside);
        }
        rest = after;
    }
    shown.extend(rest);
    shown
}

/// Lists files that have another name, and folders in the place of their files.
fn renamed<'a>(folders: &'a [Pair], files: &'a [Pair]) -> Vec<&'a Pair> {
    let mut shown = Vec::new();
    let mut rest = files;
    for folder in folders {
        let (old, new) = (&folder.old.path, &folder.new.path);
        let start = rest.partition_point(|file| file.new.path < *new);
        let inside = rest[start..].partition_point(|file| file.new.path.starts_with(new));
        let (before, after) = rest.split_at(start);
        let (inside, after) = after.split_at(inside);
        shown.extend(before);
        shown.push(folder);
        shown.extend(inside.iter().filter(|file| !file.old.path.starts_with(old)));
        rest = after;
    }
    shown.extend(rest);
    shown
}

impl Line {
    fn of(item: &Item) -> Self {
        Self {
            name: shown(&item.path),
            hash: short(item.digest),
            note: amount(item),
        }
    }

    fn renamed(pair: &Pair) -> Self {
        let name = format!("{} → {}", shown(&pair.old.path), shown(&pair.new.path));
        Self {
            name,
            ..Self::of(&pair.new)
        }
    }

    fn modified(Pair { old, new }: &Pair) -> Self {
        let hash = format!("{}..{}", short(old.digest), short(new.digest));
        let size = between(&human::size(old.size), &human::size(new.size));
        let note = match (old.files, new.files) {
            (Some(before), Some(now)) => {
                let count = |files| human::thousands(usize::try_from(files).unwrap_or(usize::MAX));
                format!("{} files, {size}", between(&count(before), &count(now)))
            }
            _ if old.target.is_some() || new.target.is_some() => {
                between(&amount(old), &amount(new))
            }
            _ if old.digest != new.digest => size,
            _ if new.executable => "now executable".to_owned(),
            _ => "no longer executable".to_owned(),
        };
        let name = shown(&new.path);
        Self { name, hash, note }
    }
}

/// How lines are written: in two columns, which all sections of a text share.
pub(crate) struct Layout {
    indent: &'static str,
    with_hash: bool,
    width: usize,
}

impl Layout {
    /// Makes the layout in which these sections stand below each other.
    pub(crate) fn of(sections: &[Section], indent: &'static str, with_hash: bool) -> Self {
        let mut layout = Self {
            indent,
            with_hash,
            width: 0,
        };
        let lines = sections.iter().flat_map(Section::shown);
        let widths = lines.map(|line| layout.head(line).chars().count());
        layout.width = widths.max().unwrap_or_default().min(WIDEST);
        layout
    }

    /// Writes the lines of a section, the first so many of them.
    pub(crate) fn write(&self, section: &Section) -> String {
        let Self { indent, width, .. } = self;
        let mut text = String::new();
        for line in section.shown() {
            let (head, note) = (self.head(line), paint(DIM, &line.note));
            text += &format!("{indent}{head:width$}  {note}\n");
        }
        text + &more(section.lines.len(), indent)
    }

    fn head(&self, line: &Line) -> String {
        if self.with_hash && !line.hash.is_empty() {
            format!("{}  {}", line.hash, line.name)
        } else {
            line.name.clone()
        }
    }
}

/// Says how many there are besides those that are shown.
pub(crate) fn more(count: usize, indent: &str) -> String {
    match count.checked_sub(SHOWN) {
        None | Some(0) => String::new(),
        Some(hidden) => {
            let text = format!("and {} more (--json lists all)", human::thousands(hidden));
            format!("{indent}{}\n", paint(DIM, &text))
        }
    }
}

/// Writes the sections of a comparison, and how much there is of each.
pub(crate) fn diff_text(changes: &Changes, missing: &[Item], with_hash: bool) -> String {
    let mut sections = sections(changes);
    sections.push(Section::lost(missing));
    let layout = Layout::of(&sections, "  ", with_hash);
    let mut text = String::new();
    for section in sections.iter().filter(|section| !section.lines.is_empty()) {
        text += &format!("{}\n", paint(colour(section.word), section.word));
        text += &layout.write(section);
    }
    text + &summary(changes)
}

fn colour(word: &str) -> anstyle::Style {
    match word {
        "added" => DONE,
        "modified" | "renamed" => CHANGED,
        _ => FAILED,
    }
}

/// Writes a comparison as one table.
pub(crate) fn diff_markdown(changes: &Changes, missing: &[Item], with_hash: bool) -> String {
    let column = |name| Column {
        name,
        is_number: name == "size",
    };
    let hash = with_hash.then(|| column("hash"));
    let columns = [column("status")].into_iter().chain(hash);
    let columns: Vec<Column<'_>> = columns.chain([column("path"), column("size")]).collect();
    let mut rows = Vec::new();
    for section in sections(changes)
        .into_iter()
        .chain([Section::lost(missing)])
    {
        let hidden = section.lines.len().saturating_sub(SHOWN);
        for line in section.lines.into_iter().take(SHOWN) {
            let hash = with_hash.then_some(line.hash);
            let row = [section.word.to_owned()].into_iter().chain(hash);
            rows.push(row.chain([line.name, line.note]).collect());
        }
        if hidden > 0 {
            let mut row = vec![String::new(); columns.len()];
            section.word.clone_into(&mut row[0]);
            row[columns.len() - 2] = format!("and {} more", human::thousands(hidden));
            rows.push(row);
        }
    }
    format!("{}\n{}", markdown(&columns, &rows), summary(changes))
}

/// Writes how many files changed in which way: `2 files added (3 MiB), 1 modified (12 B)`.
fn summary(changes: &Changes) -> String {
    let unknown: BTreeSet<&str> = changes.unknown.iter().map(String::as_str).collect();
    let is_unknown = |item: &&Item| unknown.contains(item.path.as_str());
    let (files, folders) = (&changes.files, &changes.folders);
    let vague = |items| <[Item]>::iter(items).filter(is_unknown);
    let moved = folders.renamed.iter().map(Pair::now).filter(is_unknown);
    let kinds = [
        (
            "added",
            tally(files.added.iter().chain(vague(&folders.added))),
        ),
        ("modified", tally(files.modified.iter().map(Pair::now))),
        (
            "renamed",
            tally(files.renamed.iter().map(Pair::now).chain(moved)),
        ),
        (
            "deleted",
            tally(files.deleted.iter().chain(vague(&folders.deleted))),
        ),
    ];
    let mut parts = Vec::new();
    for (word, (count, size)) in kinds {
        if count > 0 {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let noun = if parts.is_empty() {
                human::count(count, "file")
            } else {
                human::thousands(count)
            };
            parts.push(format!("{noun} {word} ({})", human::size(size)));
        }
    }
    let vague = folders.modified.iter().map(Pair::now);
    let vague = vague.filter(is_unknown).count();
    if vague > 0 {
        let folders = human::count(vague, "folder");
        parts.push(format!("{folders} modified in files that are unknown"));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("{}\n", parts.join(", "))
}

/// Counts files and adds up their sizes.
fn tally<'a>(items: impl Iterator<Item = &'a Item>) -> (u64, u64) {
    items.fold((0, 0), |(files, size), item| {
        (files + item.files.unwrap_or(1), size + item.size)
    })
}

/// Writes a path so that nothing in it moves the cursor.
pub(crate) fn shown(path: &str) -> String {
    if path.contains(char::is_control) {
        path.escape_debug().to_string()
    } else {
        path.to_owned()
    }
}

fn short(digest: Option<Digest>) -> String {
    digest.map_or_else(String::new, |digest| digest.to_string()[..8].to_owned())
}

fn amount(item: &Item) -> String {
    if let Some(target) = &item.target {
        return format!("link to {}", shown(target));
    }
    match item.files {
        None => human::size(item.size),
        Some(0) => "empty folder".to_owned(),
        Some(files) => {
            let files = usize::try_from(files).unwrap_or(usize::MAX);
            format!(
                "{}, {}",
                human::count(files, "file"),
                human::size(item.size)
            )
        }
    }
}

fn between(old: &str, new: &str) -> String {
    if old == new {
        old.to_owned()
    } else {
        format!("{old} → {new}")
    }
}
