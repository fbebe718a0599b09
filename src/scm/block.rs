//! `Block`: lines of ours in a text file of the user's, put in and taken out again without a trace.

/// Lines that are known by the first and the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block(pub(super) Vec<String>);

/// Where a block goes that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Below the first line.
    BelowFirst,
    /// At the end.
    End,
}

impl Block {
    /// Returns `text` with this block in it, once and as it is now.
    pub(super) fn put_into(&self, text: &[u8], spot: Spot) -> Vec<u8> {
        let mut lines = split(text);
        let own = self.0.iter().map(String::as_bytes);
        if let Some((first, last)) = self.find(&lines) {
            lines.splice(first..=last, own);
        } else {
            let ends_whole = lines.last().is_some_and(|line| line.is_empty());
            let at = match spot {
                Spot::BelowFirst => 1,
                Spot::End => lines.len() - usize::from(ends_whole),
            };
            lines.splice(at..at, own);
        }
        lines.join(&b'\n')
    }

    /// Returns `text` without this block; `None` if it is not in there.
    pub(super) fn take_out_of(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut lines = split(text);
        let (first, last) = self.find(&lines)?;
        lines.drain(first..=last);
        Some(lines.join(&b'\n'))
    }

    fn find(&self, lines: &[&[u8]]) -> Option<(usize, usize)> {
        let (begin, end) = (self.0.first()?, self.0.last()?);
        let first = lines.iter().position(|line| *line == begin.as_bytes())?;
        let rest = lines[first..]
            .iter()
            .position(|line| *line == end.as_bytes())?;
        Some((first, first + rest))
    }
}

/// The text after the last line break is a line too, if an empty one: so nothing is lost in joining.
fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_without_a_trace(
            text in "([a-z#]{0,3}\n?){0,6}",
            spot in prop::sample::select(vec![Spot::BelowFirst, Spot::End]),
        ) {
            let block = Block(["# >>>", "ours", "# <<<"].map(str::to_owned).into());
            let with = block.put_into(text.as_bytes(), spot);
            prop_assert_eq!(block.put_into(&with, spot), with.clone());
            prop_assert_eq!(block.take_out_of(&with).expect("is in there"), text.as_bytes());
            prop_assert_eq!(block.take_out_of(text.as_bytes()), None);
        }
    }

    #[test]
    fn an_old_block_is_brought_up_to_date_where_it_is() {
        let block = |line: &str| Block(["{", line, "}"].map(str::to_owned).into());
        let old = block("old").put_into(b"a\nb\n", Spot::End);
        let new = block("new").put_into(&old, Spot::BelowFirst);
        assert_eq!(new, b"a\nb\n{\nnew\n}\n");
    }
}
