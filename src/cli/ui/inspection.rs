//! Shows what a check of prepared data found.

use crate::base::human;
use crate::cli::ui::table::{Column, aligned};
use crate::ml::{Drift, Fault, Findings, PartFindings};

/// Lays the parts, what they share, the drift and the faults out below each other.
pub(crate) fn report(findings: &Findings, drift: Option<&Drift>, faults: &[Fault]) -> String {
    let mut blocks = vec![parts(findings), shared(findings)];
    if let Some(drift) = drift {
        blocks.push(drifts(drift));
    }
    if !faults.is_empty() {
        blocks.push(fault_table(faults));
    }
    blocks.join("\n")
}

fn parts(findings: &Findings) -> String {
    let columns = [
        "images",
        "mean",
        "std",
        "duplicates",
        "constant",
        "imbalance",
    ];
    let row = |name: &str, part: &PartFindings| {
        vec![
            name.to_owned(),
            human::thousands(part.count),
            format!("{:.4}", part.mean),
            format!("{:.4}", part.std),
            human::thousands(part.duplicates),
            human::thousands(part.constant_images),
            format!("{:.2}", part.imbalance),
        ]
    };
    let rows = [
        row("train", &findings.train),
        row("validation", &findings.validation),
        row("test", &findings.test),
    ];
    table("part", &columns, &rows)
}

fn shared(findings: &Findings) -> String {
    let leaks = &findings.leaks;
    let mut lines = vec![format!(
        "{} in {}",
        findings.shape,
        match findings.classes {
            1 => "1 class".to_owned(),
            classes => format!("{classes} classes"),
        }
    )];
    let mut tell = |count: usize, what: &str| {
        if count > 0 {
            lines.push(format!("{}: {what}", human::count(count, "image")));
        }
    };
    tell(leaks.test_in_train, "in test and in train");
    tell(leaks.test_in_validation, "in test and in validation");
    tell(leaks.validation_in_train, "in validation and in train");
    tell(findings.conflicting_labels, "again with another label");
    lines.join("\n")
}

fn drifts(drift: &Drift) -> String {
    let columns = ["images", "mean", "std", "class shares"];
    let parts = [
        ("train", drift.train),
        ("validation", drift.validation),
        ("test", drift.test),
    ];
    let rows: Vec<Vec<String>> = parts
        .into_iter()
        .map(|(name, part)| {
            let numbers = part.map(|part| [part.count, part.mean, part.std, part.shares]);
            let texts = numbers.map_or([const { String::new() }; 4], |numbers| {
                numbers.map(|number| format!("{number:.4}"))
            });
            [vec![name.to_owned()], texts.to_vec()].concat()
        })
        .collect();
    let name = format!("drift from {}", drift.against);
    table(&name, &columns, &rows)
}

fn fault_table(faults: &[Fault]) -> String {
    let columns = ["file", "tensor", "what is wrong"].map(|name| Column {
        name,
        is_number: false,
    });
    let row = |fault: &Fault| vec![fault.file.clone(), fault.tensor.clone(), fault.what.clone()];
    let rows: Vec<Vec<String>> = faults.iter().map(row).collect();
    aligned(&columns, &rows)
}

fn table(first: &str, numbers: &[&str], rows: &[Vec<String>]) -> String {
    let mut columns = vec![Column {
        name: first,
        is_number: false,
    }];
    columns.extend(numbers.iter().map(|name| Column {
        name,
        is_number: true,
    }));
    aligned(&columns, rows)
}
