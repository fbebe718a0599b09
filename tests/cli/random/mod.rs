//! Random graphs, random histories: whatever a user does and whatever breaks, data.lock stays true,
//! no stage runs without need, and in the end all is as a simple model says.

mod checks;
mod graph;
mod record;
mod runs;
mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;

use graph::{Graph, Kind, Stage};
use world::{Action, Damage, Repro, World};

/// Enough for a run of the whole suite; `PROPTEST_CASES` asks for more.
const CASES: u32 = 16;

fn stage() -> impl Strategy<Value = Stage> {
    let kind =
        prop_oneof![4 => Just(Kind::File), 3 => Just(Kind::Folder), 1 => Just(Kind::Uncached)];
    let deps = prop::collection::vec(any::<u8>(), 0..4);
    let outs = prop::collection::vec(kind, 1..3);
    let params = any::<[bool; 2]>();
    let coarse = prop::bool::weighted(0.25);
    (deps, params, outs, coarse).prop_map(|(deps, params, outs, is_coarse)| Stage {
        deps,
        params,
        outs,
        is_coarse,
    })
}

fn graph() -> impl Strategy<Value = Graph> {
    let stages = prop::collection::vec(stage(), 1..=10);
    (1usize..4, stages).prop_map(|(inputs, stages)| Graph { inputs, stages })
}

fn repro() -> impl Strategy<Value = Repro> {
    let target = prop::option::weighted(0.3, any::<u8>());
    let (force, keep_going) = (prop::bool::weighted(0.15), any::<bool>());
    let jobs = prop::sample::select(vec![1, 2, 4]);
    (target, force, keep_going, jobs).prop_map(|(target, force, keep_going, jobs)| Repro {
        target,
        force,
        keep_going,
        jobs,
    })
}

fn action() -> impl Strategy<Value = Action> {
    let damage = prop::sample::select(vec![Damage::Garble, Damage::Empty, Damage::Delete]);
    let pick = any::<u8>;
    prop_oneof![
        8 => repro().prop_map(Action::Repro),
        3 => (pick(), 0u8..3).prop_map(|(input, value)| Action::EditInput(input, value)),
        2 => (0usize..2, 0u8..3).prop_map(|(param, value)| Action::EditParam(param, value)),
        2 => pick().prop_map(Action::DeleteOut),
        1 => pick().prop_map(Action::TamperWithOut),
        2 => (pick(), damage).prop_map(|(object, damage)| Action::DamageObject(object, damage)),
        2 => pick().prop_map(Action::ToggleFailure),
        3 => (pick(), any::<bool>(), repro())
            .prop_map(|(stage, is_late, repro)| Action::Kill { stage, is_late, repro }),
        2 => (pick(), any::<bool>(), repro())
            .prop_map(|(stage, twice, repro)| Action::Interrupt { stage, twice, repro }),
        2 => (pick(), pick(), 0u8..3, repro())
            .prop_map(|(stage, input, value, repro)| Action::EditMeanwhile { stage, input, value, repro }),
    ]
}

/// Does all of it, and then what a user does who wants the results.
fn live(graph: Graph, actions: &[Action]) {
    let mut world = World::new(graph);
    for action in actions {
        world.act(action);
    }
    world.settle();
}

#[test]
fn any_history_ends_well() {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config {
        cases,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let actions = prop::collection::vec(action(), 1..12);
    proptest!(config, |(graph in graph(), actions in actions)| live(graph, &actions));
}
