//! `Pairs`: the same examples on both sides of a comparison.

use std::collections::HashMap;

use crate::metrics::predictions::Predictions;

/// Two models' predictions of the same examples, in the order of the side compared.
pub(super) struct Pairs<'a> {
    pub(super) base: &'a Predictions,
    pub(super) here: &'a Predictions,
    /// Where each example is in the base; `None` if in the same place.
    order: Option<Vec<usize>>,
    /// What the base's classes are called here: their positions, further ones for those that only the
    /// base has.
    classes: Vec<u32>,
}

/// Why examples cannot be paired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The examples are not the same.
    Examples {
        /// How many only the base has.
        only_base: usize,
        /// How many only the other side has.
        only_here: usize,
    },
    /// One side has no ids, or both have none and are of different lengths.
    Ids,
    /// The same examples are of other classes.
    Labels {
        /// How many are.
        changed: usize,
        /// How many examples there are.
        count: usize,
    },
}

impl<'a> Pairs<'a> {
    /// Pairs the examples by their ids, or by their order where neither side has ids.
    pub(super) fn new(base: &'a Predictions, here: &'a Predictions) -> Result<Self, Mismatch> {
        let pairs = Self {
            base,
            here,
            order: order(base, here)?,
            classes: translate(base, here),
        };
        let labels = pairs
            .column(&base.actual)
            .map(|class| pairs.classes[class as usize]);
        let changed = labels
            .zip(&here.actual)
            .filter(|(base, here)| base != *here)
            .count();
        if changed > 0 {
            let count = here.count();
            return Err(Mismatch::Labels { changed, count });
        }
        Ok(pairs)
    }

    /// Returns a column of the base in the order of the other side.
    pub(super) fn column<'b, T: Copy>(&'b self, values: &'b [T]) -> impl Iterator<Item = T> + 'b {
        let order = self.order.as_deref();
        (0..self.here.count()).map(move |row| values[order.map_or(row, |order| order[row])])
    }

    /// Returns the base's predicted classes in the order and with the positions of the other side.
    pub(super) fn base_predicted(&self) -> Option<impl Iterator<Item = u32> + '_> {
        let predicted = self.base.predicted.as_deref()?;
        let classes = self.column(predicted);
        Some(classes.map(|class| self.classes[class as usize]))
    }

    /// Returns how many classes either side has.
    pub(super) fn class_count(&self) -> usize {
        let highest = self.classes.iter().map(|class| *class as usize + 1).max();
        highest.unwrap_or(0).max(self.here.classes.len())
    }
}

/// Returns where in `base` each example of `here` is; `None` if in the same place.
fn order(base: &Predictions, here: &Predictions) -> Result<Option<Vec<usize>>, Mismatch> {
    let (base_ids, here_ids) = match (&base.ids, &here.ids) {
        (Some(base), Some(here)) => (base, here),
        (None, None) if base.count() == here.count() => return Ok(None),
        _ => return Err(Mismatch::Ids),
    };
    if base_ids == here_ids {
        return Ok(None);
    }
    let places: HashMap<&str, usize> = base_ids
        .iter()
        .enumerate()
        .map(|(place, id)| (id, place))
        .collect();
    let order: Vec<usize> = here_ids
        .iter()
        .filter_map(|id| places.get(id).copied())
        .collect();
    let only_base = base.count() - order.len();
    let only_here = here.count() - order.len();
    if only_base + only_here > 0 {
        return Err(Mismatch::Examples {
            only_base,
            only_here,
        });
    }
    Ok(Some(order))
}

fn translate(base: &Predictions, here: &Predictions) -> Vec<u32> {
    // There may be as many classes as rows.
    let known: HashMap<&str, usize> = here
        .classes
        .iter()
        .enumerate()
        .map(|(position, class)| (class.as_str(), position))
        .collect();
    let mut unknown = here.classes.len()..;
    let position = |class: &String| {
        let position = known.get(class.as_str()).copied();
        let position = position.or_else(|| unknown.next()).unwrap_or(usize::MAX);
        u32::try_from(position).expect("invariant: fewer classes than rows in memory")
    };
    base.classes.iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::predictions::tests::read;

    fn mismatch(base: &str, here: &str) -> Option<Mismatch> {
        Pairs::new(&read(base), &read(here)).err()
    }

    #[test]
    fn examples_are_paired_by_id_whatever_their_order() {
        let base = read("id,label,pred\na,1,0\nb,0,2\nc,1,1\n");
        let here = read("id,label,pred\nc,1,1\na,1,1\nb,0,0\n");
        let pairs = Pairs::new(&base, &here).expect("the same examples");
        let names: Vec<u32> = pairs.base_predicted().expect("has some").collect();
        // Here 1 is the first class and 0 the second; 2 is the base's alone.
        assert_eq!(here.classes, ["1", "0"]);
        assert_eq!(names, [0, 1, 2]);
        assert_eq!(pairs.class_count(), 3);
    }

    #[test]
    fn what_differs_is_counted() {
        let base = "id,label,pred\na,1,1\nb,1,1\nc,1,1\n";
        let examples = |only_base, only_here| {
            Some(Mismatch::Examples {
                only_base,
                only_here,
            })
        };
        assert_eq!(
            mismatch(base, "id,label,pred\na,1,1\nx,1,1\n"),
            examples(2, 1)
        );
        assert_eq!(
            mismatch(base, "id,label,pred\nc,1,1\nb,0,1\na,0,1\n"),
            Some(Mismatch::Labels {
                changed: 2,
                count: 3
            })
        );
        assert_eq!(
            mismatch(base, "label,pred\n1,1\n1,1\n1,1\n"),
            Some(Mismatch::Ids)
        );
        assert_eq!(
            mismatch("label,pred\n1,1\n", "label,pred\n1,1\n1,1\n"),
            Some(Mismatch::Ids)
        );
        assert_eq!(mismatch("label,pred\n1,1\n", "label,pred\n1,0\n"), None);
    }
}
