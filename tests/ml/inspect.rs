//! `mlpipe ml inspect`: what it counts, and what it refuses.

use std::collections::HashMap;
use std::process::Command;

use candle_core::{DType, Device, Tensor};

use super::{Project, SYNTHETIC, put};

const PARTS: [&str; 3] = ["train", "validation", "test"];

/// Prepared data that can be damaged.
struct Data(Project);

impl Data {
    fn new() -> Self {
        let project = Project::new(SYNTHETIC);
        project.run("prepare");
        Self(project)
    }

    fn tensors(&self, part: &str) -> HashMap<String, Tensor> {
        let path = self.0.path(&format!("data/prepared/{part}.safetensors"));
        candle_core::safetensors::load(path, &Device::Cpu).expect("tensors")
    }

    /// Changes a part, and the summary's digest of the test part with it.
    fn change(&self, part: &str, change: impl FnOnce(&mut HashMap<String, Tensor>)) -> &Self {
        let mut tensors = self.tensors(part);
        change(&mut tensors);
        let path = self.0.path(&format!("data/prepared/{part}.safetensors"));
        candle_core::safetensors::save(&tensors, path).expect("writes");
        self
    }

    /// Has the summary tell the brightness that the train part has.
    fn tell_brightness(&self) {
        let images = self.tensors("train")["images"].to_dtype(DType::F64);
        let images = images.and_then(|images| images.affine(1.0 / 255.0, 0.0));
        let images = images.expect("brightnesses");
        let mean = |tensor: &Tensor| {
            let mean = tensor.mean_all().and_then(|mean| mean.to_scalar::<f64>());
            mean.expect("a number")
        };
        let (average, squares) = (mean(&images), mean(&images.sqr().expect("squares")));
        let path = self.0.path("data/prepared/dataset.json");
        let text = std::fs::read(&path).expect("a summary");
        let mut summary: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        summary["mean"] = average.into();
        summary["std"] = (squares - average * average).sqrt().into();
        put(&path, summary.to_string().as_bytes());
    }

    fn number(&self, pointer: &str) -> f64 {
        self.0.number("reports/data.json", pointer)
    }
}

/// Compares counts, which are whole.
#[track_caller]
fn is(found: f64, wanted: u32) {
    assert!(
        (found - f64::from(wanted)).abs() < 1e-9,
        "{found}, not {wanted}"
    );
}

#[test]
fn sound_data_pass_and_every_finding_is_a_metric() {
    let data = Data::new();
    let said = data.0.run("inspect");
    assert!(said.contains("28×28 grey in 10 classes"), "{said}");
    is(data.number("/train/count"), 120);
    is(data.number("/faults"), 0);
    is(data.number("/leaks/test_in_train"), 0);
    let shares: f64 = (0..10)
        .map(|class| data.number(&format!("/train/share/class_{class}")))
        .sum();
    assert!((shares - 1.0).abs() < 1e-4, "{shares}");
    let mean = data.number("/train/mean");
    let told = data.0.number("data/prepared/dataset.json", "/mean");
    assert!((mean - told).abs() < 1e-5, "{mean} {told}");
    let std = data.number("/train/std");
    let told = data.0.number("data/prepared/dataset.json", "/std");
    assert!((std - told).abs() < 1e-5, "{std} {told}");
}

#[test]
fn duplicates_leaks_and_blank_images_are_counted() {
    let data = Data::new();
    let test = data.tensors("test")["images"].clone();
    data.change("train", |tensors| {
        let images = tensors["images"].clone();
        let leaked = test.narrow(0, 0, 3).expect("three");
        let blank = Tensor::zeros((1, 28, 28), DType::U8, &Device::Cpu).expect("blank");
        let again = images.narrow(0, 10, 2).expect("two");
        let rest = images.narrow(0, 6, 114).expect("the rest");
        let images = Tensor::cat(&[&leaked, &blank, &again, &rest], 0).expect("images");
        tensors.insert("images".to_owned(), images);
    });
    data.tell_brightness();
    let said = data.0.run("inspect");
    is(data.number("/leaks/test_in_train"), 3);
    is(data.number("/leaks/validation_in_train"), 0);
    is(data.number("/train/duplicates"), 2);
    is(data.number("/train/constant_images"), 1);
    assert!(said.contains("3 images: in test and in train"), "{said}");
}

#[test]
fn broken_data_fail_with_a_table_of_what_is_wrong() {
    let data = Data::new();
    data.change("train", |tensors| {
        let mut labels = tensors["labels"].to_vec1::<u8>().expect("labels");
        labels[7] = 200;
        let labels = Tensor::new(labels, &Device::Cpu).expect("labels");
        tensors.insert("labels".to_owned(), labels);
    });
    data.change("validation", |tensors| {
        let images = tensors["images"].to_dtype(DType::F32).expect("floats");
        let mut values = images
            .flatten_all()
            .and_then(|values| values.to_vec1::<f32>())
            .expect("values");
        for value in &mut values {
            *value /= 255.0;
        }
        values[3] = f32::NAN;
        values[4] = f32::INFINITY;
        values[5] = 2.5;
        let images = Tensor::from_vec(values, (30, 28, 28), &Device::Cpu).expect("images");
        tensors.insert("images".to_owned(), images);
        tensors.remove("ids");
    });
    data.change("test", |tensors| {
        let images = tensors["images"]
            .narrow(2, 0, 27)
            .and_then(|images| images.contiguous());
        tensors.insert("images".to_owned(), images.expect("narrower"));
    });
    let said = data.0.fail("inspect");
    for fault in [
        "1 of its labels are of no class: there are 10, and label 7 is 200",
        "its type is F32 instead of U8",
        "2 of its values are NaN or infinite",
        "1 of its values lie outside 0 to 1",
        "it is not a U32 for each of the 30 images",
        "its shape is [40, 28, 27] instead of [images, 28, 28]",
        "`dataset.json` tells of another test part",
    ] {
        assert!(said.contains(fault), "no `{fault}` in {said}");
    }
    assert!(said.contains("cannot be used: 7 faults above"), "{said}");
    is(data.number("/faults"), 7);
    is(data.number("/validation/not_finite"), 2);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn files_that_are_missing_or_no_tensors_are_faults_too() {
    let data = Data::new();
    put(
        &data.0.path("data/prepared/train.safetensors"),
        b"no tensors at all",
    );
    let part = data.0.path("data/prepared/validation.safetensors");
    std::fs::remove_file(part).expect("removes");
    let said = data.0.fail("inspect");
    assert!(said.contains("it is no safetensors file"), "{said}");
    assert!(said.contains("No such file"), "{said}");
}

#[test]
fn drift_is_told_against_a_revision_and_against_a_file() {
    let data = Data::new();
    data.0.run("inspect");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(data.0.path(""))
            .args(["-c", "user.name=a", "-c", "user.email=a@b"]);
        assert!(
            command
                .args(args)
                .output()
                .expect("git runs")
                .status
                .success()
        );
    };
    git(&["init", "-q", "-b", "main"]);
    put(&data.0.path("pipeline.yaml"), b"stages: {}\n");
    git(&["add", "reports/data.json", "pipeline.yaml"]);
    git(&["commit", "-qm", "data"]);
    data.0.run("inspect --against main");
    let drift = |part: &str, key: &str| {
        data.0
            .number("reports/drift.json", &format!("/{part}/{key}"))
    };
    for part in PARTS {
        is(drift(part, "shares"), 0);
        is(drift(part, "mean"), 0);
    }
    put(
        &data.0.path("params.yaml"),
        SYNTHETIC
            .replace("train_count: 150", "train_count: 300")
            .as_bytes(),
    );
    data.0.run("prepare");
    let said = data.0.run("inspect --against main");
    assert!(said.contains("drift from main"), "{said}");
    is(drift("train", "count"), 1);
    assert!(drift("train", "shares") > 0.0 && drift("train", "mean") > 0.0);
    data.0.run("inspect --against reports/data.json");
    is(drift("train", "count"), 0);
    let said = data.0.fail("inspect --against nowhere");
    assert!(said.contains("nowhere"), "{said}");
    let said = data
        .0
        .fail("inspect --against main --metrics reports/other.json");
    assert!(
        said.contains("there is no `reports/other.json` at `main`"),
        "{said}"
    );
}

#[test]
fn what_stands_after_the_tensors_is_a_fault() {
    let data = Data::new();
    let path = data.0.path("data/prepared/validation.safetensors");
    let mut bytes = std::fs::read(&path).expect("a part");
    bytes.extend(b"more");
    put(&path, &bytes);
    let said = data.0.fail("inspect");
    assert!(said.contains("it has 4 bytes after its tensors"), "{said}");
    is(data.number("/faults"), 1);
}

#[test]
fn a_false_mean_or_spread_is_a_fault() {
    let data = Data::new();
    let path = data.0.path("data/prepared/dataset.json");
    let whole = std::fs::read_to_string(&path).expect("a summary");
    for (key, at) in [("mean", "/train/mean"), ("std", "/train/std")] {
        let start = whole.find(&format!("\"{key}\": ")).expect("the key") + key.len() + 4;
        let end = start + whole[start..].find(',').expect("more keys");
        let (before, after) = (&whole[..start], &whole[end..]);
        put(&path, format!("{before}0.25{after}").as_bytes());
        let said = data.0.fail("inspect");
        assert!(
            said.contains(&format!(
                "its `{key}` is 0.25, and that of the images is {}",
                data.number(at)
            )),
            "{said}"
        );
        is(data.number("/faults"), 1);
        put(&path, format!("{before}-1{after}").as_bytes());
        let said = data.0.fail("train");
        assert!(said.contains(&format!("its `{key}` is -1")), "{said}");
    }
}

#[test]
fn findings_are_the_same_with_any_number_of_threads() {
    let mut data = Data::new();
    // Fractions, whose sums depend on their order.
    data.change("train", |tensors| {
        let images = tensors["images"].to_dtype(DType::F32);
        let images = images.and_then(|images| images.affine(1.0 / 255.3, 1e-3));
        tensors.insert("images".to_owned(), images.expect("floats"));
    });
    let mut found = ["1", "2", "5"].map(|threads| {
        data.0.threads = Some(threads);
        let said = data.0.fail("inspect");
        (
            said,
            std::fs::read(data.0.path("reports/data.json")).expect("findings"),
        )
    });
    let first = found[0].clone();
    found.iter_mut().for_each(|found| assert_eq!(*found, first));
}
