//! Data sets of the user's own, in every format that `prepare` reads.

use std::io::Write as _;
use std::path::Path;

use candle_core::{Device, Tensor};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, RgbImage};

use super::{Project, put};

const SIDE: usize = 28;
const CLASSES: usize = 3;

/// Images and labels that every format can hold; sorted by class, as folders are.
struct Examples {
    images: Vec<Vec<u8>>,
    labels: Vec<u8>,
}

impl Examples {
    fn new(count: usize, seed: usize) -> Self {
        let pixel = |image: usize, at: usize| u8::try_from((image * 31 + at * 7 + seed) % 256);
        let image = |image| (0..SIDE * SIDE).map(move |at| pixel(image, at).expect("a byte"));
        let label = |image: usize| u8::try_from(image * CLASSES / count).expect("small");
        Self {
            images: (0..count).map(|at| image(at).collect()).collect(),
            labels: (0..count).map(label).collect(),
        }
    }

    fn idx(&self) -> (Vec<u8>, Vec<u8>) {
        let number = |number: usize| u32::try_from(number).expect("small").to_be_bytes();
        let count = number(self.labels.len());
        let sizes = [count, number(SIDE), number(SIDE)].concat();
        let images = [vec![0, 0, 8, 3], sizes, self.images.concat()].concat();
        let labels = [vec![0, 0, 8, 1], count.to_vec(), self.labels.clone()].concat();
        (images, labels)
    }

    fn csv(&self) -> String {
        let mut text = "label".to_owned();
        for pixel in 0..SIDE * SIDE {
            text += &format!(",pixel{pixel}");
        }
        for (image, label) in self.images.iter().zip(&self.labels) {
            let pixels: Vec<String> = image.iter().map(u8::to_string).collect();
            text += &format!("\n{label},{}", pixels.join(","));
        }
        text + "\n"
    }

    fn write_folder(&self, folder: &Path) {
        for (at, (image, label)) in self.images.iter().zip(&self.labels).enumerate() {
            let side = u32::try_from(SIDE).expect("small");
            let picture = GrayImage::from_raw(side, side, image.clone()).expect("an image");
            let path = folder.join(label.to_string()).join(format!("{at:04}.png"));
            put(&path, b"");
            picture.save(&path).expect("writes");
        }
    }

    fn write_tensors(&self, path: &Path) {
        put(path, b"");
        let images = Tensor::from_vec(
            self.images.concat(),
            (self.labels.len(), SIDE, SIDE),
            &Device::Cpu,
        );
        let labels = Tensor::new(self.labels.as_slice(), &Device::Cpu).expect("labels");
        let tensors = [("images", images.expect("images")), ("labels", labels)];
        candle_core::safetensors::save(&tensors.into_iter().collect(), path).expect("writes");
    }
}

fn params(more: &str) -> String {
    format!("data:\n  source: files\n  path: mine\n  validation: 0.2\n  seed: 7\n{more}")
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("packs");
    packer.finish().expect("packs")
}

fn write_idx(folder: &Path, part: &str, examples: &Examples, ending: &str) {
    let (images, labels) = examples.idx();
    let pack = |bytes: Vec<u8>| match ending {
        "" => bytes,
        _ => packed(&bytes),
    };
    let name = |kind: &str| folder.join(format!("{part}-{kind}-ubyte{ending}"));
    put(&name("images-idx3"), &pack(images));
    put(&name("labels-idx1"), &pack(labels));
}

fn prepared(project: &Project) -> Vec<Vec<u8>> {
    project.run("prepare");
    let names = [
        "dataset.json",
        "train.safetensors",
        "validation.safetensors",
        "test.safetensors",
    ];
    let read = |name| std::fs::read(project.path(&format!("data/prepared/{name}")));
    names.map(|name| read(name).expect("prepared")).to_vec()
}

#[test]
fn the_same_images_are_the_same_data_in_every_format() {
    let (train, test) = (Examples::new(30, 1), Examples::new(12, 5));
    let mut found = Vec::new();
    for format in ["idx", "packed", "csv", "folder", "safetensors"] {
        let more = if format == "folder" {
            "  size: 28\n  color: grey\n"
        } else {
            ""
        };
        let project = Project::new(&params(more));
        let mine = project.path("mine");
        match format {
            "idx" | "packed" => {
                let ending = if format == "idx" { "" } else { ".gz" };
                write_idx(&mine, "train", &train, ending);
                write_idx(&mine, "t10k", &test, ending);
            }
            "csv" => {
                put(&mine.join("train.csv"), train.csv().as_bytes());
                put(&mine.join("test.csv"), test.csv().as_bytes());
            }
            "folder" => {
                train.write_folder(&mine.join("train"));
                test.write_folder(&mine.join("test"));
            }
            _ => {
                train.write_tensors(&mine.join("train.safetensors"));
                test.write_tensors(&mine.join("test.safetensors"));
            }
        }
        found.push((format, prepared(&project)));
    }
    for (format, data) in &found[1..] {
        assert!(*data == found[0].1, "{format} gives other data than idx");
    }
    let summary = String::from_utf8_lossy(&found[0].1[0]).into_owned();
    assert!(
        summary.contains("\"0\",\n    \"1\",\n    \"2\""),
        "{summary}"
    );
}

#[test]
fn a_test_part_is_split_off_where_there_is_none() {
    let project =
        Project::new(&params("  test: 0.25\n").replace("path: mine", "path: mine/all.csv"));
    put(
        &project.path("mine/all.csv"),
        Examples::new(40, 1).csv().as_bytes(),
    );
    let said = project.run("prepare");
    assert!(
        said.contains("24 images to train, 6 to validate, 10 to test"),
        "{said}"
    );

    let project = Project::new(&params("").replace("path: mine", "path: mine/all.csv"));
    put(
        &project.path("mine/all.csv"),
        Examples::new(40, 1).csv().as_bytes(),
    );
    let said = project.fail("prepare");
    assert!(
        said.contains("`mine/all.csv`: it has no test part"),
        "{said}"
    );
    assert!(said.contains("set `data.test`"), "{said}");
}

#[test]
fn photographs_of_any_size_are_resized_and_named_by_their_folders() {
    let project = Project::new(&params("  test: 0.2\n  size: 16\n  color: rgb\n"));
    for (class, color) in [("cat", [200, 10, 10]), ("dog", [10, 10, 200])] {
        for at in 0..8u32 {
            let picture = RgbImage::from_pixel(20 + at, 40, image::Rgb(color));
            let ending = if at % 2 == 0 { "png" } else { "jpg" };
            let path = project.path(&format!("mine/{class}/{at}.{ending}"));
            put(&path, b"");
            picture.save(&path).expect("writes");
        }
    }
    let said = project.run("prepare");
    assert!(
        said.contains("10 images to train, 3 to validate, 3 to test"),
        "{said}"
    );
    let summary = std::fs::read_to_string(project.path("data/prepared/dataset.json"));
    let summary = summary.expect("a summary");
    assert!(summary.contains("\"cat\",\n    \"dog\""), "{summary}");
    assert!(
        summary.contains("\"channels\": 3,\n    \"height\": 16,\n    \"width\": 16"),
        "{summary}"
    );

    // What follows knows nothing but the prepared form.
    let more = "model:\n  preset: mlp\ntrain:\n  batch_size: 4\n  epochs: 3\n  lr: 0.01\n  optimizer: adam\n  seed: 1\n";
    let params = std::fs::read_to_string(project.path("params.yaml")).expect("params") + more;
    put(&project.path("params.yaml"), params.as_bytes());
    let said = project.run("inspect");
    assert!(said.contains("16×16 RGB in 2 classes"), "{said}");
    project.run("train");
    project.run("evaluate");
    let recall = project.number("reports/metrics.json", "/recall/class_cat");
    assert!((0.0..=1.0).contains(&recall), "{recall}");
    let predictions = std::fs::read_to_string(project.path("data/predictions.csv"));
    assert!(predictions.expect("predictions").contains(",cat,"));
}

/// Writes a broken data set, and returns what is said of it.
fn complaint(more: &str, write: impl FnOnce(&Path)) -> String {
    let project = Project::new(&params(more));
    write(&project.path("mine"));
    let said = project.fail("prepare");
    assert!(!project.path("data").exists(), "something was written");
    assert!(said.contains("hint"), "no hint: {said}");
    said
}

#[test]
fn every_broken_input_is_named_with_its_row() {
    let good = Examples::new(30, 1);
    let csv = |from: &str, to: &str| {
        let text = good.csv().replacen(from, to, 1);
        complaint("  test: 0.2\n", |mine| {
            put(&mine.join("train.csv"), text.as_bytes());
        })
    };
    let said = csv("\n0,1,8,", "\n0,1,256,");
    assert!(
        said.contains("`mine/train.csv`, line 2: `256` in column `pixel1` is no whole number"),
        "{said}"
    );
    let said = csv("\n0,1,8,", "\n0,1,8,8,");
    assert!(
        said.contains("line 2: the row has 786 fields instead of 785"),
        "{said}"
    );
    let said = csv("\n0,1,8,", "\n,1,8,");
    assert!(said.contains("line 2: its label is empty"), "{said}");
    let said = csv("label,", "digit,");
    assert!(
        said.contains("line 1: there is no column `label`"),
        "{said}"
    );
    let said = csv(",pixel5,", ",");
    assert!(
        said.contains("line 1: 783 columns of pixels are no square image"),
        "{said}"
    );

    let idx = |damage: fn(&mut Vec<u8>)| {
        complaint("  test: 0.2\n", |mine| {
            let (mut images, labels) = good.idx();
            damage(&mut images);
            put(&mine.join("train-images-idx3-ubyte"), &images);
            put(&mine.join("train-labels-idx1-ubyte"), &labels);
        })
    };
    let said = idx(|images| images.truncate(5000));
    assert!(
        said.contains("train-images-idx3-ubyte`: it ends in image 6 of 30"),
        "{said}"
    );
    let said = idx(|images| images.push(0));
    assert!(
        said.contains("it goes on after its 30 images of 28×28"),
        "{said}"
    );
    let said = idx(|images| images[7] = 31);
    assert!(
        said.contains("it has 31 images, and `mine/train-labels-idx1-ubyte` has 30 labels"),
        "{said}"
    );
    let said = idx(|images| images[2] = 13);
    assert!(said.contains("of type 0x0d"), "{said}");

    let said = complaint("  test: 0.2\n  size: 28\n  color: grey\n", |mine| {
        good.write_folder(mine);
        put(&mine.join("1/0015.png"), b"\x89PNG\r\n\x1a\nno more");
    });
    assert!(
        said.contains("`mine/1/0015.png`: it cannot be decoded"),
        "{said}"
    );
    let said = complaint("  test: 0.2\n", |mine| good.write_folder(mine));
    assert!(said.contains("set `data.size`"), "{said}");

    let said = complaint("  test: 0.2\n", |mine| {
        let path = mine.join("train.safetensors");
        good.write_tensors(&path);
        let bytes = std::fs::read(&path).expect("tensors");
        put(&path, &bytes[..bytes.len() - 9]);
    });
    assert!(
        said.contains("lies behind its end: it was cut off"),
        "{said}"
    );
}

#[test]
fn a_class_that_only_the_test_has_is_refused() {
    let said = complaint("", |mine| {
        put(
            &mine.join("train.csv"),
            Examples::new(30, 1).csv().as_bytes(),
        );
        let test = Examples::new(12, 5).csv().replacen("\n2,", "\nseven,", 1);
        put(&mine.join("test.csv"), test.as_bytes());
    });
    assert!(
        said.contains("`mine/test.csv`: the class `seven` is not among those of"),
        "{said}"
    );
}

#[test]
fn fashions_names_and_unknown_folders_are_told_apart() {
    let project = Project::new(&params(""));
    write_idx(
        &project.path("mine"),
        "fashion-train",
        &Examples::new(30, 1),
        ".gz",
    );
    write_idx(
        &project.path("mine"),
        "fashion-t10k",
        &Examples::new(12, 5),
        ".gz",
    );
    project.run("prepare");
    let said = complaint("", |mine| put(&mine.join("readme.txt"), b"no data"));
    assert!(
        said.contains("`mine`: it is no data set that is known"),
        "{said}"
    );
    let said = complaint("  format: csv\n", |mine| {
        put(&mine.join("readme.txt"), b"no data");
    });
    assert!(
        said.contains("nothing in it looks like the format `csv`"),
        "{said}"
    );
    let said = Project::new(&params("")).fail("prepare");
    assert!(
        said.contains("`mine`: there is no such file or folder"),
        "{said}"
    );
    let said = Project::new(&params("  fromat: csv\n")).fail("prepare");
    assert!(
        said.contains("unknown key `fromat`") && said.contains("did you mean `format`"),
        "{said}"
    );
}

/// Trains a little on whatever was prepared.
const TRAIN: &str = "\
model:
  preset: mlp
train:
  batch_size: 32
  epochs: 1
  lr: 0.01
  optimizer: adam
  seed: 1
";

#[test]
fn a_thousand_classes_are_learned_and_told_of() {
    let project = Project::new(&(params("  test: 0.3\n") + TRAIN));
    let mut text = "label,p0,p1,p2,p3\n".to_owned();
    for at in 0..3000 {
        let (class, low, high) = (at % 1000, at % 250, at / 12);
        text += &format!("c{class},{low},{high},{},7\n", at % 7);
    }
    put(&project.path("mine/train.csv"), text.as_bytes());
    for stage in ["prepare", "inspect", "train"] {
        project.run(stage);
    }
    project.run("evaluate --probabilities probabilities.csv");
    let read = |name| std::fs::read_to_string(project.path(name)).expect("a file");
    let metrics = read("reports/metrics.json");
    assert!(metrics.contains("\"recall\": {}"), "{metrics}");
    assert!(!metrics.contains("roc_auc"), "{metrics}");
    assert_eq!(read("reports/per_class.csv").lines().count(), 1001);
    assert!(read("reports/confusion.csv").lines().count() <= 901);
    assert_eq!(read("probabilities.csv").lines().count(), 900_001);
    let predictions = read("data/predictions.csv");
    assert_eq!(predictions.lines().count(), 901);
    let labels = predictions.lines().skip(1);
    let mut labels: Vec<&str> = labels.filter_map(|line| line.split(',').nth(1)).collect();
    labels.sort_unstable();
    labels.dedup();
    // Drawn from a thousand, and none of them folded into a byte.
    assert!(labels.len() > 500, "only {} classes", labels.len());
}

#[test]
fn a_folder_may_have_more_classes_than_a_byte_counts() {
    let project = Project::new(&params("  test: 0.3\n  size: 4\n  color: grey\n"));
    let picture = GrayImage::from_fn(4, 4, |x, _| image::Luma([u8::from(x > 1) * 200]));
    for class in 0..300 {
        let path = project.path(&format!("mine/{class:03}/0.png"));
        put(&path, b"");
        picture.save(&path).expect("writes");
    }
    project.run("prepare");
    let said = project.run("inspect");
    assert!(said.contains("4×4 grey in 300 classes"), "{said}");
}

#[test]
fn labels_are_refused_from_65536_on() {
    let labelled = |label: u32| {
        let images = Tensor::from_vec((0..12).collect::<Vec<u8>>(), (3, 2, 2), &Device::Cpu);
        let labels = Tensor::new(&[0, label, 1], &Device::Cpu).expect("labels");
        let tensors = [("images", images.expect("images")), ("labels", labels)];
        tensors.into_iter().collect()
    };
    let write = |tensors: &std::collections::HashMap<&str, Tensor>, mine: &Path| {
        let path = mine.join("train.safetensors");
        put(&path, b"");
        candle_core::safetensors::save(tensors, path).expect("writes");
    };
    let project = Project::new(&params("  test: 0.3\n"));
    write(&labelled(65_535), &project.path("mine"));
    project.run("prepare");
    let said = project.run("inspect");
    assert!(said.contains("in 65536 classes"), "{said}");
    let said = complaint("  test: 0.3\n", |mine| write(&labelled(65_536), mine));
    assert!(
        said.contains("label 1: the label 65536 is no whole number below 65536"),
        "{said}"
    );
}

#[test]
fn a_large_share_for_the_test_leaves_enough_to_train_and_validate() {
    let project = Project::new(&params("  test: 0.9\n"));
    put(
        &project.path("mine/train.csv"),
        Examples::new(3, 1).csv().as_bytes(),
    );
    let said = project.run("prepare");
    assert!(
        said.contains("1 image to train, 1 to validate, 1 to test"),
        "{said}"
    );
}

#[test]
fn quoted_cells_are_read_and_empty_ones_are_named() {
    let good = Examples::new(30, 1).csv();
    let project = Project::new(&params("  test: 0.2\n"));
    let quoted = good.replacen("\n0,1,8,", "\n\"0\",\"1\", \"8\",", 1);
    let quoted = quoted.replace(", \"8\"", ",\" 8 \"");
    put(&project.path("mine/train.csv"), quoted.as_bytes());
    project.run("prepare");
    let complaint_of = |text: String| {
        complaint("  test: 0.2\n", |mine| {
            put(&mine.join("train.csv"), text.as_bytes());
        })
    };
    let said = complaint_of(good.replacen("\n0,1,8,", "\n0,1,,", 1));
    assert!(
        said.contains("`mine/train.csv`, line 2: column `pixel1` is empty"),
        "{said}"
    );
    let said = complaint_of(String::new());
    assert!(said.contains("`mine/train.csv`: it is empty"), "{said}");
    let said = complaint_of(good.lines().next().expect("a header").to_owned() + "\n");
    assert!(said.contains("it has fewer than 2 images"), "{said}");
}

#[test]
fn classes_without_images_are_named() {
    let said = complaint("  test: 0.2\n  size: 28\n  color: grey\n", |mine| {
        Examples::new(30, 1).write_folder(mine);
        put(&mine.join("9/.keep"), b"");
    });
    assert!(
        said.contains("`mine/9`: the folder of this class has no images"),
        "{said}"
    );
}
