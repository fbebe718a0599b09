//! What `evaluate` measures, held against scikit-learn.

use std::path::Path;
use std::process::Command;

use super::{Project, SYNTHETIC, python, skip};

/// How an oracle ends where a package is missing.
const NO_PACKAGES: i32 = 77;

fn evaluated() -> Project {
    let project = Project::new(&SYNTHETIC.replace("epochs: 2", "epochs: 1"));
    project.run("prepare");
    project.run("train");
    project.run("evaluate --probabilities data/probabilities.csv");
    project
}

#[test]
fn scikit_learn_finds_the_same_numbers() {
    let project = evaluated();
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/evaluation.py");
    let output = Command::new(python())
        .arg(oracle)
        .arg(project.path(""))
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(NO_PACKAGES) => output,
        _ => return skip("evaluation", "python3 with numpy and scikit-learn"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{problems}");
    assert!(said.contains("numbers checked"), "{said}");
}

#[test]
fn the_worst_images_are_a_picture_and_speed_is_not_among_the_metrics() {
    let project = evaluated();
    let picture = image::open(project.path("reports/worst.png")).expect("a picture");
    assert!(
        picture.width() == 726 && picture.height() > 100,
        "{}",
        picture.width()
    );
    let weights = std::fs::metadata(project.path("models/cnn.safetensors")).expect("weights");
    let told = project.number("reports/metrics.json", "/model_bytes");
    assert!((told - f64::from(u32::try_from(weights.len()).expect("small"))).abs() < 0.5);
    assert!(project.number("logs/speed.json", "/latency_us") > 0.0);
    assert!(project.number("logs/speed.json", "/images_per_second") > 0.0);
    let metrics = std::fs::read_to_string(project.path("reports/metrics.json")).expect("metrics");
    assert!(!metrics.contains("latency"), "{metrics}");
    let confused = std::fs::read_to_string(project.path("reports/confused.csv")).expect("pairs");
    let counts: Vec<u32> = confused
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .nth(2)
                .and_then(|count| count.parse().ok())
                .expect("a count")
        })
        .collect();
    assert!(
        !counts.is_empty() && counts.is_sorted_by(|one, next| one >= next),
        "{confused}"
    );
}
