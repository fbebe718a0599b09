//! Lays a graph out in layers, from left to right, by the method of Sugiyama, Tagawa and Toda
//! (1981): each node behind all that it needs, long edges through points in the layers between, and
//! within a layer in the order of the mean place of their neighbours.

/// Rounds over all layers, forth and back, after which the order hardly changes.
const SWEEPS: usize = 8;

/// A node, or a point that a long edge goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The node of this index.
    Node(usize),
    /// A point of the edge that ends at this node.
    Bend(usize),
}

/// The layers from left to right, each from top to bottom, and the edges as chains of places.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// What stands in each layer.
    pub(super) layers: Vec<Vec<Place>>,
    /// Each edge: the places that it goes through, as positions in `layers`.
    pub(super) edges: Vec<Vec<(usize, usize)>>,
}

/// Something to be ordered: in which layer it stands, and what it is joined to.
struct Vertex {
    place: Place,
    layer: usize,
    before: Vec<usize>,
    behind: Vec<usize>,
}

/// Lays out nodes; `needs[i]` are the nodes that node `i` needs, without cycles.
pub(super) fn lay_out(needs: &[Vec<usize>]) -> Layout {
    let depths = depths(needs);
    let mut vertices: Vec<Vertex> = depths
        .iter()
        .enumerate()
        .map(|(node, layer)| Vertex {
            place: Place::Node(node),
            layer: *layer,
            before: Vec::new(),
            behind: Vec::new(),
        })
        .collect();
    let chains = chains(needs, &depths, &mut vertices);
    let layers = ordered(&mut vertices);
    let mut positions = vec![(0, 0); vertices.len()];
    for (layer, members) in layers.iter().enumerate() {
        for (row, vertex) in members.iter().enumerate() {
            positions[*vertex] = (layer, row);
        }
    }
    let place = |vertex: &usize| vertices[*vertex].place.clone();
    Layout {
        layers: layers
            .iter()
            .map(|members| members.iter().map(place).collect())
            .collect(),
        edges: chains
            .iter()
            .map(|chain| chain.iter().map(|vertex| positions[*vertex]).collect())
            .collect(),
    }
}

/// The length of the longest way to each node.
fn depths(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut depths: Vec<Option<usize>> = vec![None; needs.len()];
    for start in 0..needs.len() {
        // An own stack: chains may be longer than the thread's.
        let mut waiting = vec![start];
        while let Some(node) = waiting.last().copied() {
            let unknown: Vec<usize> = needs[node]
                .iter()
                .copied()
                .filter(|needed| depths[*needed].is_none())
                .collect();
            if unknown.is_empty() {
                let deepest = needs[node]
                    .iter()
                    .filter_map(|needed| depths[*needed])
                    .max();
                depths[node] = Some(deepest.map_or(0, |depth| depth + 1));
                waiting.pop();
            } else {
                waiting.extend(unknown);
            }
        }
    }
    depths.into_iter().map(Option::unwrap_or_default).collect()
}

/// Joins each node to what it needs, through points where layers lie between.
fn chains(needs: &[Vec<usize>], depths: &[usize], vertices: &mut Vec<Vertex>) -> Vec<Vec<usize>> {
    let mut chains = Vec::new();
    for (node, needed) in needs.iter().enumerate() {
        for start in needed {
            let mut chain = vec![*start];
            for layer in depths[*start] + 1..depths[node] {
                chain.push(vertices.len());
                vertices.push(Vertex {
                    place: Place::Bend(node),
                    layer,
                    before: Vec::new(),
                    behind: Vec::new(),
                });
            }
            chain.push(node);
            for pair in chain.windows(2) {
                vertices[pair[0]].behind.push(pair[1]);
                vertices[pair[1]].before.push(pair[0]);
            }
            chains.push(chain);
        }
    }
    chains
}

/// Orders each layer by the mean place of its neighbours, to and fro.
fn ordered(vertices: &mut [Vertex]) -> Vec<Vec<usize>> {
    let count = vertices.iter().map(|vertex| vertex.layer + 1).max();
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count.unwrap_or(0)];
    for (index, vertex) in vertices.iter().enumerate() {
        layers[vertex.layer].push(index);
    }
    let mut rows = vec![0.0; vertices.len()];
    let settle = |members: &[usize], rows: &mut [f64]| {
        // Layers are centred on each other, so rows are counted from the middle.
        let middle = as_f64(members.len()) / 2.0;
        for (row, vertex) in members.iter().enumerate() {
            rows[*vertex] = as_f64(row) + 0.5 - middle;
        }
    };
    layers.iter().for_each(|members| settle(members, &mut rows));
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let order: Vec<usize> = if forth {
            (0..layers.len()).collect()
        } else {
            (0..layers.len()).rev().collect()
        };
        for layer in order {
            let mean = |vertex: usize| {
                let Vertex { before, behind, .. } = &vertices[vertex];
                let joined = if forth { before } else { behind };
                let sum: f64 = joined.iter().map(|other| rows[*other]).sum();
                if joined.is_empty() {
                    rows[vertex]
                } else {
                    sum / as_f64(joined.len())
                }
            };
            let mut keyed: Vec<(f64, usize)> = layers[layer]
                .iter()
                .map(|vertex| (mean(*vertex), *vertex))
                .collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            layers[layer] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
            settle(&layers[layer], &mut rows);
        }
    }
    layers
}

#[expect(clippy::cast_precision_loss, reason = "a number of nodes")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each node stands once, behind all that it needs, and each edge goes layer by layer.
        #[test]
        fn edges_lead_forward(choices in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..30)) {
            let needs: Vec<Vec<usize>> = choices
                .iter()
                .enumerate()
                .map(|(node, picks)| {
                    let mut needed: Vec<usize> = if node == 0 {
                        Vec::new()
                    } else {
                        picks.iter().map(|pick| pick.index(node)).collect()
                    };
                    needed.sort_unstable();
                    needed.dedup();
                    needed
                })
                .collect();
            let layout = lay_out(&needs);
            let places = layout.layers.iter().flatten();
            let mut nodes: Vec<usize> = places
                .filter_map(|place| if let Place::Node(node) = place { Some(*node) } else { None })
                .collect();
            nodes.sort_unstable();
            prop_assert_eq!(nodes, (0..needs.len()).collect::<Vec<_>>());
            prop_assert_eq!(layout.edges.len(), needs.iter().map(Vec::len).sum::<usize>());
            for edge in &layout.edges {
                for pair in edge.windows(2) {
                    prop_assert_eq!(pair[0].0 + 1, pair[1].0);
                }
            }
        }
    }

    #[test]
    fn a_crossing_is_undone() {
        // a and b come first; c needs b, d needs a: b above a, or d above c.
        let layout = lay_out(&[vec![], vec![], vec![1], vec![0]]);
        for edge in &layout.edges {
            assert_eq!(edge[0].1, edge[1].1, "{layout:?}");
        }
    }
}
