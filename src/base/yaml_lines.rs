//! `Lines`: finds its way about the lines of a YAML text, by bytes.

use std::ops::Range;

/// A text, looked at line by line. Positions are in bytes.
#[derive(Clone, Copy)]
pub(super) struct Lines<'t>(pub(super) &'t str);

impl<'t> Lines<'t> {
    /// Returns the lines of an entry: with the comment right above it, what is indented below it,
    /// and one of two blank lines around it. What comes before it ends at `before`.
    pub(super) fn lines_of(&self, key: usize, end: usize, before: usize) -> Range<usize> {
        let column = self.column(key);
        let mut start = self.line_start(key);
        while let Some(above) = self.line_above(start)
            && self.indent_of_comment(above) == Some(column)
        {
            start = above;
        }
        let mut end = self.next_line(self.end_with_comments(end, column + 1));
        let is_blank = |at: usize| self.line(at).trim().is_empty();
        if self.line_above(start).is_none_or(is_blank) && end < self.0.len() && is_blank(end) {
            end = self.next_line(end);
        }
        // What kept it apart from the entry above has no meaning at the end of a file.
        while let Some(above) = self.line_above(start)
            && above > before
            && end == self.0.len()
            && is_blank(above)
        {
            start = above;
        }
        start..end
    }

    /// Returns the end of the line at `at`, or that of the last comment below it that is indented by
    /// as much as `column`; blank lines may be between.
    pub(super) fn end_with_comments(&self, at: usize, column: usize) -> usize {
        let mut end = self.line_end(at);
        let mut next = self.next_line(end);
        while next < self.0.len() {
            match self.indent_of_comment(next) {
                Some(indent) if indent >= column => end = self.line_end(next),
                None if self.line(next).trim().is_empty() => {}
                _ => break,
            }
            next = self.next_line(next);
        }
        end
    }

    /// Returns in which column, from 0, `at` is.
    pub(super) fn column(&self, at: usize) -> usize {
        let before = &self.0[self.line_start(at)..at];
        before.trim_start_matches('\u{feff}').chars().count()
    }

    /// Returns how far the thing at `at` is indented, if it is the first on its line.
    pub(super) fn indent(&self, at: usize) -> Option<usize> {
        let before = self.0[self.line_start(at)..at].trim_start_matches('\u{feff}');
        before.chars().all(|c| c == ' ').then_some(before.len())
    }

    fn indent_of_comment(&self, line: usize) -> Option<usize> {
        let line = self.line(line);
        let inner = line.trim_start();
        inner.starts_with('#').then_some(line.len() - inner.len())
    }

    /// Returns the comment that follows on the line, with the blanks before it.
    pub(super) fn comment_behind(&self, at: usize) -> &'t str {
        let rest = &self.0[at..self.line_end(at)];
        if rest.trim_start().starts_with('#') {
            rest
        } else {
            ""
        }
    }

    /// Returns whether a blank line stands above the line of `at` and the comment above that.
    pub(super) fn is_blank_above(&self, at: usize) -> bool {
        let mut above = self.line_above(self.line_start(at));
        while let Some(line) = above {
            if self.indent_of_comment(line).is_none() {
                return self.line(line).trim().is_empty();
            }
            above = self.line_above(line);
        }
        false
    }

    fn line(&self, at: usize) -> &'t str {
        &self.0[at..self.line_end(at)]
    }

    fn line_start(&self, at: usize) -> usize {
        self.0[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// Returns where the content of the line at `at` ends.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.0[at..].split('\n').next().unwrap_or_default();
        at + rest.strip_suffix('\r').unwrap_or(rest).len()
    }

    fn next_line(&self, at: usize) -> usize {
        self.0[at..]
            .find('\n')
            .map_or(self.0.len(), |end| at + end + 1)
    }

    fn line_above(&self, start: usize) -> Option<usize> {
        (start > 0).then(|| self.line_start(start - 1))
    }
}
