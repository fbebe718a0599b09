//! Holds `mlpipe::statistics` against scipy, statsmodels and scikit-learn on random cases, where
//! Python has them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mlpipe::statistics::classification::{Quality, Tally};
use mlpipe::statistics::newcombe::Agreement;
use mlpipe::statistics::{
    Confidence, Estimate, Interval, auc, bootstrap, classification, holm, mcnemar, mean, newcombe,
    normal, student, wilson,
};
use serde_json::Value;

/// How the oracle ends where a package is missing.
const NO_PACKAGES: i32 = 77;

#[test]
fn independent_implementations_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let oracle = root.join("tests/oracles/statistics.py");
    let output = match Command::new(python(root)).arg(oracle).output() {
        Ok(output) if output.status.code() != Some(NO_PACKAGES) => output,
        _ => return skip("python3 with scipy, statsmodels and scikit-learn"),
    };
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let text = String::from_utf8(output.stdout).expect("the oracle writes text");
    let mut count = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let found = evaluate(&case);
        let wanted = numbers(&case["wanted"]);
        assert_eq!(found.len(), wanted.len(), "{line}");
        let tolerance = case["tolerance"].as_f64().unwrap_or(1e-9);
        for (found, wanted) in found.iter().zip(&wanted) {
            let apart = (found - wanted).abs();
            assert!(apart <= tolerance, "found {found}, wanted {wanted}: {line}");
        }
        count += 1;
    }
    assert!(count > 2000, "the oracle made {count} cases only");
}

/// The Python that `.ci/run` has put the packages into, else the system's.
fn python(root: &Path) -> PathBuf {
    let prepared = root.join("target/ci-venv/bin/python");
    if prepared.exists() {
        prepared
    } else {
        "python3".into()
    }
}

/// Nobody must believe that it was tested.
fn skip(missing: &str) {
    let line = format!("SKIPPED: the statistics were not checked, for there is no {missing}\n");
    let mut terminal = std::io::stderr();
    terminal
        .write_all(line.as_bytes())
        .expect("a standard error");
}

/// Computes what the case asks for with our code.
fn evaluate(case: &Value) -> Vec<f64> {
    let list = |key: &str| numbers(&case[key]);
    let number = |key: &str| case[key].as_f64().expect("a number");
    let counts = |key: &str| -> Vec<u32> {
        let items = case[key].as_array().expect("a list");
        let count = |item: &Value| u32::try_from(item.as_u64().expect("a count")).expect("small");
        items.iter().map(count).collect()
    };
    let confidence = Confidence::new(case["confidence"].as_f64().unwrap_or(0.95)).expect("a share");
    match case["of"].as_str().expect("a name") {
        "normal" => {
            let z = number("z");
            vec![normal::cdf(z), normal::upper(z), normal::density(z)]
        }
        "quantile" => vec![normal::upper_quantile(number("q"))],
        "student" => {
            let freedom = number("freedom");
            let critical = student::critical(confidence, freedom);
            vec![student::two_sided(number("t"), freedom), critical]
        }
        "wilson" => {
            let [k, n] = counts("counts")[..] else {
                panic!("two counts")
            };
            ends(wilson::interval(k, n, confidence))
        }
        "mcnemar" => {
            let [b, c] = counts("counts")[..] else {
                panic!("two counts")
            };
            vec![mcnemar::exact(b, c), mcnemar::mid_p(b, c)]
        }
        "newcombe" => {
            let [both, only_base, only_here, neither] = counts("counts")[..] else {
                panic!("four counts")
            };
            let seen = Agreement {
                both,
                only_base,
                only_here,
                neither,
            };
            ends(newcombe::interval(&seen, confidence))
        }
        "holm" => holm::adjusted(&list("p_values")),
        "mean" => estimate(mean::compare(&list("base"), &list("here")), confidence),
        "auc" => {
            let is_positive: Vec<bool> = counts("actual").iter().map(|one| *one == 1).collect();
            let (base, here) = (list("base"), list("here"));
            let mut found = estimate(auc::compare(&is_positive, &base, &here), confidence);
            found.extend(auc::area(&is_positive, &here));
            found
        }
        "classification" => {
            let tallies = tallies(&counts("actual"), &counts("predicted"));
            let mut found = vec![classification::accuracy(&tallies)];
            let means = [
                classification::macro_mean(&tallies),
                classification::weighted_mean(&tallies),
            ];
            let qualities = means.into_iter().chain(tallies.iter().map(Tally::quality));
            found.extend(
                qualities
                    .flat_map(|quality: Quality| [quality.precision, quality.recall, quality.f1]),
            );
            found
        }
        "bootstrap" => bootstrapped_macro_f1(case, &counts("cells"), confidence),
        name => panic!("an unknown case `{name}`"),
    }
}

/// The cells are counts of (actual, base, here), of which `classes` says the numbers.
fn bootstrapped_macro_f1(case: &Value, cells: &[u32], confidence: Confidence) -> Vec<f64> {
    let kinds: Vec<Vec<f64>> = case["kinds"]
        .as_array()
        .map(|kinds| kinds.iter().map(numbers).collect())
        .expect("a list");
    let class = |kind: &[f64], position: usize| {
        (0..3_u32)
            .find(|class| f64::from(*class) >= kind[position])
            .expect("a class") as usize
    };
    let macro_f1 = |drawn: &[u32], position: usize| {
        let mut tallies = [Tally::default(); 3];
        for (kind, times) in kinds.iter().zip(drawn) {
            Tally::add(&mut tallies, class(kind, 0), class(kind, position), *times);
        }
        classification::macro_mean(&tallies).f1
    };
    let found = bootstrap::resample(cells, |drawn| vec![macro_f1(drawn, 2) - macro_f1(drawn, 1)]);
    ends(found[0].interval(confidence))
}

fn tallies(actual: &[u32], predicted: &[u32]) -> Vec<Tally> {
    let classes = actual
        .iter()
        .chain(predicted)
        .max()
        .map_or(0, |most| most + 1);
    let mut tallies = vec![Tally::default(); classes as usize];
    for (actual, predicted) in actual.iter().zip(predicted) {
        Tally::add(&mut tallies, *actual as usize, *predicted as usize, 1);
    }
    tallies
}

fn numbers(value: &Value) -> Vec<f64> {
    let items = value.as_array().expect("a list");
    items
        .iter()
        .map(|item| item.as_f64().expect("a number"))
        .collect()
}

fn ends(interval: Option<Interval>) -> Vec<f64> {
    interval.map_or(Vec::new(), |interval| vec![interval.low, interval.high])
}

fn estimate(estimate: Option<Estimate>, confidence: Confidence) -> Vec<f64> {
    let Some(estimate) = estimate else {
        return Vec::new();
    };
    let mut numbers = vec![estimate.base, estimate.here];
    numbers.extend(ends(estimate.interval(confidence)));
    numbers.extend(estimate.p_value());
    numbers
}
