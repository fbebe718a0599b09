//! `mlpipe plots`: one page, SVG, PNG or text, of the workspace or of several revisions.

use std::fs;

use serde_json::{Value, json};

use crate::support::Project;

const PIPELINE: &str = "\
stages:
  train:
    cmd: 'true'
    plots:
      # drawn after each run
      - loss.csv: {cache: false, persist: true, x: step, y: loss, title: Training}
      - classes.csv:
          cache: false
          persist: true
          template: confusion
          x: actual
          y: predicted
";

const LOSS: &str = "step,loss\n0,0.9\n10,0.5\n20,0.25\n";

/// A project whose stage draws a curve and a confusion matrix; one commit.
fn project() -> Project {
    let project = Project::with(PIPELINE);
    project.write("loss.csv", LOSS);
    project.write(
        "classes.csv",
        "actual,predicted\ncat,cat\ncat,dog\ndog,dog\n",
    );
    project.commit();
    project
}

fn page(project: &Project) -> String {
    project.read("mlpipe_plots/index.html")
}

fn json_of(project: &Project, arguments: &[&str]) -> Value {
    let text = project.run(arguments).data();
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_page_holds_all_plots_and_needs_nothing_else() {
    let project = project();
    let link = project.run(&["plots", "show"]).data();
    let root = fs::canonicalize(project.root()).expect("is there");
    assert!(
        link.starts_with("file:///") && link.ends_with("mlpipe_plots/index.html\n"),
        "{link}"
    );
    assert!(root.join("mlpipe_plots/index.html").exists());
    let page = page(&project);
    for text in [
        ">Training<",
        ">classes.csv<",
        ">predicted<",
        "data-id=\"loss.csv\"",
        ">cat<",
    ] {
        assert!(page.contains(text), "{text} is missing");
    }
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["http://", "https://", "src=\"/", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.len() < 60_000, "{} bytes", page.len());
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn revisions_lie_over_each_other_without_a_checkout() {
    let project = project();
    project.git(&["tag", "v1"]);
    project.write("loss.csv", "step,loss\n0,0.8\n10,0.3\n20,0.1\n");
    project.commit();
    project.git(&["tag", "v2"]);
    project.write("loss.csv", "step,loss\n0,0.7\n10,0.2\n20,0.05\n");
    let json = json_of(
        &project,
        &[
            "plots",
            "diff",
            "v1",
            "v2",
            "workspace",
            "--targets",
            "loss.csv",
            "--json",
        ],
    );
    assert_eq!(json["revisions"], json!(["v1", "v2", "workspace"]));
    let lasts: Vec<&Value> = (json["plots"][0]["series"]
        .as_array()
        .expect("a list")
        .iter())
    .map(|one| &one["y"]["values"][2])
    .collect();
    assert_eq!(lasts, [&json!(0.25), &json!(0.1), &json!(0.05)]);
    // HEAD and the workspace are compared where nobody says what.
    project.run(&["plots", "diff"]).data();
    let page = page(&project);
    assert!(page.contains("HEAD → workspace"), "{page}");
    assert!(
        page.contains("stroke-dasharray"),
        "colours are not all that tells curves apart"
    );
    let one = json_of(&project, &["plots", "diff", "v1", "--json"]);
    assert_eq!(one["revisions"], json!(["v1", "workspace"]));
    assert_eq!(project.git(&["status", "--porcelain"]), " M loss.csv\n");
}

#[test]
fn a_page_is_the_same_each_time() {
    let project = project();
    project.run(&["plots", "show"]).data();
    let first = page(&project);
    project.run(&["plots", "show"]).data();
    assert_eq!(page(&project), first);
}

#[test]
fn every_format_of_data_points_is_read() {
    let project = Project::with("stages: {}\nplots: [a.json, b.yaml, c.tsv, d.jsonl, e.csv]\n");
    project.write("a.json", r#"{"train": [{"loss": 0.5}, {"loss": NaN}]}"#);
    project.write("b.yaml", "- {loss: 0.5}\n- {loss: 0.25}\n");
    project.write("c.tsv", "loss\n0.5\n0.25\n");
    project.write("d.jsonl", "{\"loss\": 0.5}\n{\"loss\": 0.25}\n");
    project.write("e.csv", "loss\n0.5\n\n0.25\n");
    let json = json_of(&project, &["plots", "show", "--json"]);
    let plots = json["plots"].as_array().expect("a list");
    assert_eq!(plots.len(), 5);
    for plot in plots {
        let series = &plot["series"][0];
        assert_eq!(series["y"]["column"], "loss");
        assert_eq!(series["y"]["values"][0], json!(0.5));
        assert_eq!(series["x"], json!({"column": "step", "values": [0, 1]}));
    }
}

#[test]
fn definitions_beside_the_stages_name_columns_of_several_files() {
    let project = Project::with(
        "stages: {}\nplots:\n  - both: {x: step, y: {a.csv: [loss, acc], b.csv: loss}, title: Both, x_label: steps, y_label: value}\n  \
         - across: {x: {steps.csv: at}, y: {a.csv: loss}, template: scatter}\n  - a.csv: {y: acc}\n",
    );
    project.write("a.csv", "step,loss,acc\n0,1,0.1\n5,2,0.2\n");
    project.write("b.csv", "step,loss\n0,3\n5,4\n");
    project.write("steps.csv", "at\n100\n200\n");
    let json = json_of(&project, &["plots", "show", "--json"]);
    let plots = json["plots"].as_array().expect("a list");
    let ids: Vec<&str> = plots
        .iter()
        .filter_map(|plot| plot["id"].as_str())
        .collect();
    assert_eq!(ids, ["both", "across", "a.csv"]);
    let columns: Vec<(&str, &str)> = (plots[0]["series"].as_array().expect("a list").iter())
        .map(|one| {
            (
                one["path"].as_str().expect("text"),
                one["y"]["column"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        columns,
        [("a.csv", "loss"), ("a.csv", "acc"), ("b.csv", "loss")]
    );
    assert_eq!(plots[0]["x_label"], "steps");
    assert_eq!(plots[1]["series"][0]["x"]["values"], json!([100.0, 200.0]));
    assert_eq!(plots[2]["series"][0]["y"]["values"], json!([0.1, 0.2]));
    // Without a column the file's own steps are taken, which DVC overwrites with the rows' numbers.
    assert_eq!(plots[2]["series"][0]["x"]["values"], json!([0.0, 5.0]));
}

#[test]
fn a_plot_beside_the_stages_says_how_a_stages_file_is_drawn() {
    let project = project();
    project.edit(
        "pipeline.yaml",
        "stages:\n",
        "plots: [loss.csv: {y: step, title: Steps}]\nstages:\n",
    );
    let json = json_of(&project, &["plots", "show", "--json"]);
    let titles: Vec<&Value> = (json["plots"].as_array().expect("a list").iter())
        .map(|plot| &plot["title"])
        .collect();
    assert_eq!(titles, ["classes.csv", "Steps"]);
}

#[test]
fn the_command_line_has_the_last_word() {
    let project = project();
    let json = json_of(
        &project,
        &[
            "plots",
            "show",
            "loss.csv",
            "-t",
            "scatter",
            "-x",
            "loss",
            "-y",
            "step",
            "--title",
            "T",
            "--x-label",
            "X",
            "--y-label",
            "Y",
            "--json",
        ],
    );
    let plot = &json["plots"][0];
    assert_eq!(
        (
            &plot["template"],
            &plot["title"],
            &plot["x_label"],
            &plot["y_label"]
        ),
        (&json!("scatter"), &json!("T"), &json!("X"), &json!("Y"))
    );
    assert_eq!(plot["series"][0]["x"]["column"], "loss");
    project.write("bare.csv", "1,2\n3,4\n");
    let json = json_of(
        &project,
        &[
            "plots",
            "show",
            "bare.csv",
            "--no-header",
            "-y",
            "0",
            "--json",
        ],
    );
    assert_eq!(
        json["plots"][0]["series"][0]["y"]["values"],
        json!([1.0, 3.0])
    );
}

#[test]
fn a_folder_stands_for_its_files() {
    let project = Project::with("stages: {}\nplots: [plots, {plots/b.csv: {title: B}}]\n");
    project.write("plots/a.csv", "y\n1\n2\n");
    project.write("plots/b.csv", "y\n1\n2\n");
    project.write("plots/deep/c.tsv", "y\n1\n2\n");
    project.write("plots/notes.txt", "not drawn\n");
    let json = json_of(&project, &["plots", "show", "--json"]);
    let ids: Vec<&str> = (json["plots"].as_array().expect("a list").iter())
        .filter_map(|plot| plot["id"].as_str())
        .collect();
    assert_eq!(ids, ["plots/a.csv", "plots/deep/c.tsv", "plots/b.csv"]);
    let one = json_of(
        &project,
        &["--cd", "plots", "plots", "show", "deep", "--json"],
    );
    assert_eq!(one["plots"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_cached_folder_of_another_revision_comes_from_the_cache() {
    let project = Project::with(
        "stages:\n  draw:\n    cmd: mkdir -p plots && cp in.csv plots/a.csv\n    deps: [in.csv]\n    plots: [plots]\n",
    );
    project.write("in.csv", "y\n1\n2\n");
    project.run(&["repro"]).success();
    project.commit();
    project.write("in.csv", "y\n5\n6\n");
    project.run(&["repro"]).success();
    let json = json_of(&project, &["plots", "diff", "--json"]);
    let values: Vec<&Value> = (json["plots"][0]["series"]
        .as_array()
        .expect("a list")
        .iter())
    .map(|one| &one["y"]["values"][0])
    .collect();
    assert_eq!(values, [&json!(1.0), &json!(5.0)]);
    project.remove("plots");
    let json = json_of(&project, &["plots", "show", "--json"]);
    assert_eq!(
        json["plots"][0]["series"][0]["y"]["values"],
        json!([5.0, 6.0])
    );
}

#[test]
fn what_cannot_be_drawn_is_named_and_the_rest_comes() {
    let project = project();
    project.edit("pipeline.yaml", "stages:\n", "plots: [missing.csv, broken.json, text.csv, loss.csv: {y: lost}, odd.csv: {template: confusoin}]\nstages:\n");
    project.write("broken.json", "[{\"a\": 1},\n");
    project.write("text.csv", "y\none\n");
    project.write("odd.csv", "y\n1\n");
    let output = project.run(&["plots", "show"]);
    assert!(output.stdout.starts_with("file://"), "{}", output.stdout);
    let text = output.failure(1);
    for message in [
        "error: the plot's file `missing.csv` is not there",
        "[broken.json:1:10]",
        "the column `y` has `one`, which is no number",
        "there is no column `lost`",
        "did you mean `loss`?",
        "there is no plot template `confusoin`",
        "did you mean `confusion`?",
    ] {
        assert!(text.contains(message), "`{message}` is missing in\n{text}");
    }
    let page = page(&project);
    assert!(page.contains("data-id=\"classes.csv\""));
    assert!(
        page.contains("not drawn") && page.contains("missing.csv"),
        "the page says it too"
    );
}

/// DVC says nothing of it and exits with 0.
#[test]
fn a_target_that_is_nothing_is_an_error() {
    let project = project();
    let text = project.run(&["plots", "show", "nope.csv"]).failure(1);
    assert!(
        text.contains("`nope.csv` is neither a plot nor a file"),
        "{text}"
    );
    assert!(!project.exists("mlpipe_plots"));
    let text = project.run(&["plots", "diff", "mian"]).failure(1);
    assert!(text.contains("there is no revision `mian`"), "{text}");
}

#[test]
fn a_plot_that_came_later_is_drawn_where_it_is() {
    let project = Project::with("stages: {}\n");
    project.commit();
    project.write("pipeline.yaml", "stages: {}\nplots: [new.csv]\n");
    project.write("new.csv", "y\n1\n2\n");
    let json = json_of(&project, &["plots", "diff", "--json"]);
    let series = json["plots"][0]["series"].as_array().expect("a list");
    assert_eq!(series.len(), 1);
    assert_eq!(series[0]["revision"], "workspace");
    assert_eq!(json["errors"], json!([]));
}

#[test]
fn no_plots_are_no_mistake() {
    let project = Project::with("stages: {}\n");
    let text = project.run(&["plots", "show"]).success();
    assert_eq!(text, "no plots: neither a stage nor `plots` lists any\n");
    assert!(!project.exists("mlpipe_plots"));
}

#[test]
fn hostile_text_stays_text() {
    let project = Project::with(
        "stages: {}\nplots:\n  - \"<img src=x onerror=alert(1)>.csv\": {title: \"</script><script>alert(2)</script>\", y_label: \"\\\"><b>\"}\n",
    );
    project.write(
        "<img src=x onerror=alert(1)>.csv",
        "\"</text><script>alert(3)</script>\",y\n\"</script>\",1\nx\u{202e},2\n",
    );
    project.commit();
    project.git(&["branch", "a\"><script>x"]);
    project
        .run(&[
            "plots",
            "diff",
            "a\"><script>x",
            "-x",
            "</text><script>alert(3)</script>",
        ])
        .data();
    let page = page(&project);
    for evil in [
        "<img src=x",
        "<script>alert",
        "</script><script>a",
        "<b>",
        "<script>x",
        "\u{202e}",
    ] {
        assert!(!page.contains(evil), "{evil}");
    }
    assert!(
        page.contains("&lt;/script&gt;&lt;script&gt;alert(2)"),
        "the title is shown"
    );
}

#[test]
fn each_plot_becomes_an_image_of_its_own() {
    let project = project();
    let printed = project.run(&["plots", "show", "--svg", "out"]).data();
    assert!(
        printed.contains("loss.csv.svg") && printed.contains("classes.csv.svg"),
        "{printed}"
    );
    let svg = project.read("out/loss.csv.svg");
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.contains(">Training<")
    );
    assert!(
        svg.contains("prefers-color-scheme:dark") && !svg.contains(" id="),
        "{svg}"
    );
    project.run(&["plots", "show", "--png", "out"]).data();
    let png = fs::read(project.path("out/loss.csv.png")).expect("reads");
    assert!(png.starts_with(b"\x89PNG"));
    // Twice the size of the SVG, in the header of the file.
    assert_eq!(png[16..20], 1440u32.to_be_bytes());
    assert!(!project.exists("mlpipe_plots"));
}

#[test]
fn a_small_svg_is_written_as_always() {
    let project = project();
    project
        .run(&["plots", "show", "loss.csv", "--svg", "out"])
        .data();
    let svg = project.read("out/loss.csv.svg");
    let body = svg.split("</style>").nth(1).expect("a body");
    insta::assert_snapshot!(body.replace("><", ">\n<"), @r#"
    <rect width="720" height="402" class="paper"/>
    <text x="16" y="28" class="title ink">Training</text>
    <text x="16" y="52" class="soft">loss</text>
    <text x="38.3" y="358" class="soft end">0.2</text>
    <text x="38.3" y="316.6" class="soft end">0.3</text>
    <text x="38.3" y="275.1" class="soft end">0.4</text>
    <text x="38.3" y="233.7" class="soft end">0.5</text>
    <text x="38.3" y="192.3" class="soft end">0.6</text>
    <text x="38.3" y="150.9" class="soft end">0.7</text>
    <text x="38.3" y="109.4" class="soft end">0.8</text>
    <text x="38.3" y="68" class="soft end">0.9</text>
    <text x="55.8" y="373" class="soft mid">0</text>
    <text x="119.3" y="373" class="soft mid">2</text>
    <text x="182.8" y="373" class="soft mid">4</text>
    <text x="246.2" y="373" class="soft mid">6</text>
    <text x="309.7" y="373" class="soft mid">8</text>
    <text x="373.2" y="373" class="soft mid">10</text>
    <text x="436.6" y="373" class="soft mid">12</text>
    <text x="500.1" y="373" class="soft mid">14</text>
    <text x="563.6" y="373" class="soft mid">16</text>
    <text x="627" y="373" class="soft mid">18</text>
    <text x="690.5" y="373" class="soft mid">20</text>
    <path class="grid" d="M46.3 354H700M46.3 312.6H700M46.3 271.1H700M46.3 229.7H700M46.3 188.3H700M46.3 146.9H700M46.3 105.4H700M46.3 64H700"/>
    <path class="axis" d="M46.3 354H700M55.8 354v5M119.3 354v5M182.8 354v5M246.2 354v5M309.7 354v5M373.2 354v5M436.6 354v5M500.1 354v5M563.6 354v5M627 354v5M690.5 354v5"/>
    <text x="373.2" y="392" class="soft mid">step</text>
    <g class="c0 series" data-s="0">
    <path class="line" d="M55.8 64L373.2 229.7L690.5 333.3"/>
    <path class="dots" stroke-linecap="round" stroke-width="6" d="M55.8 64h.01M373.2 229.7h.01M690.5 333.3h.01"/>
    </g>
    </svg>
    "#);
}

#[test]
fn the_terminal_shows_curves_and_matrices() {
    let project = project();
    let mut command = project.command(&["plots", "show", "--text"]);
    command.env("COLUMNS", "60");
    let text = crate::support::Output::of(&mut command).data();
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
    let is_braille = |character: char| ('\u{2801}'..='\u{28ff}').contains(&character);
    assert!(
        text.contains("Training\n") && text.contains(is_braille),
        "{text}"
    );
    assert!(
        text.contains("predicted ↓  actual →\n      cat  dog\ncat │   1\ndog │   1    1\n"),
        "{text}"
    );
    assert!(
        !text.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
}

#[test]
fn images_of_revisions_stand_side_by_side() {
    let project = Project::with("stages: {}\nplots: [img, {tree.svg: {title: Tree}}]\n");
    project.write("img/a.gif", "GIF89a-old");
    project.write("tree.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    project.write("img/no.png", "text");
    project.commit();
    project.write("img/a.gif", "GIF89a-new");
    let output = project.run(&["plots", "diff"]);
    let page = page(&project);
    let text = output.failure(1);
    assert!(text.contains("is no png image"), "{text}");
    assert!(page.contains("data:image/gif;base64,R0lGODlhLW9sZA=="));
    assert!(page.contains("data:image/gif;base64,R0lGODlhLW5ldw=="));
    assert!(
        page.contains("HEAD, workspace (the same)"),
        "equal images are there once"
    );
    assert_eq!(page.matches("data:image/svg+xml").count(), 1);
}

#[test]
fn own_templates_are_drawn_by_vega_in_the_page() {
    let project = project();
    let template = json!({
        "data": {"values": "<DVC_METRIC_DATA>"},
        "title": "<DVC_METRIC_TITLE>",
        "mark": "area",
        "encoding": {"x": {"field": "<DVC_METRIC_X>"}, "y": {"field": "<DVC_METRIC_Y>", "title": "of <DVC_METRIC_Y_LABEL>"}, "color": {"field": "rev"}},
    });
    project.write(".dvc/plots/area.json", &template.to_string());
    assert!(
        project
            .run(&["plots", "templates"])
            .data()
            .contains("\narea\n")
    );
    let text = project
        .run(&["plots", "show", "loss.csv", "-t", "area", "--show-vega"])
        .data();
    let spec: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        spec["data"]["values"][1],
        json!({"step": 10.0, "loss": 0.5, "rev": "workspace", "filename": "loss.csv", "field": "loss"})
    );
    assert_eq!(
        spec["encoding"]["y"],
        json!({"field": "loss", "title": "of loss"})
    );
    project
        .run(&["plots", "show", "loss.csv", "-t", ".dvc/plots/area.json"])
        .data();
    let page = page(&project);
    assert!(
        page.contains("vegaEmbed=") && page.len() > 500_000,
        "the scripts are in the page"
    );
    project.write("bad.json", "{\"mark\": \"area\"}");
    let text = project
        .run(&["plots", "show", "loss.csv", "-t", "bad.json"])
        .failure(1);
    assert!(text.contains("has no place for the data"), "{text}");
    project.write("bad.json", "{\"mark\":\n area}");
    let text = project
        .run(&["plots", "show", "loss.csv", "-t", "bad.json"])
        .failure(1);
    assert!(text.contains("[bad.json:2:"), "{text}");
}

#[test]
fn built_in_templates_can_be_printed_and_filled() {
    let project = project();
    let names = project.run(&["plots", "templates"]).data();
    for name in names.lines() {
        let text = project.run(&["plots", "templates", name]).data();
        assert!(text.contains("<DVC_METRIC_DATA>"), "{text}");
        let text = project
            .run(&["plots", "show", "loss.csv", "-t", name, "--show-vega"])
            .data();
        assert!(!text.contains("<DVC_METRIC"), "{text}");
        project
            .run(&["plots", "show", "loss.csv", "-t", name, "--svg", "out"])
            .data();
    }
    assert_eq!(names.lines().count(), 9);
    let text = project.run(&["plots", "show", "--show-vega"]).failure(2);
    assert!(text.contains("name one of loss.csv, classes.csv"), "{text}");
    let text = project.run(&["plots", "templates", "lineer"]).failure(1);
    assert!(text.contains("did you mean `linear`?"), "{text}");
}

#[test]
fn the_page_stands_in_html_of_the_users() {
    let project = project();
    project.write(
        "around.html",
        "<html><head>{refresh_tag}</head><body><h1>Ours</h1>{plot_divs}</body></html>",
    );
    let link = project
        .run(&[
            "plots",
            "show",
            "--html-template",
            "around.html",
            "-o",
            "site",
        ])
        .data();
    assert!(link.ends_with("/site/index.html\n"), "{link}");
    let page = project.read("site/index.html");
    assert!(
        page.starts_with("<html><head></head><body><h1>Ours</h1><style>"),
        "{page}"
    );
    assert!(page.contains("data-id=\"loss.csv\"") && !project.exists("site/.gitignore"));
    project.write("around.html", "<html></html>");
    let text = project
        .run(&["plots", "show", "--html-template", "around.html"])
        .failure(1);
    assert!(text.contains("has no `{plot_divs}`"), "{text}");
}

#[test]
fn the_browser_is_started_with_the_page() {
    let project = project();
    let mut command = project.command(&["plots", "show", "--open"]);
    command.env("BROWSER", "true");
    crate::support::Output::of(&mut command).data();
    let mut command = project.command(&["plots", "show", "--open"]);
    command.env("BROWSER", "no-such-browser");
    let text = crate::support::Output::of(&mut command).failure(1);
    assert!(text.contains("cannot start `no-such-browser`"), "{text}");
}

#[test]
fn properties_are_changed_in_the_pipeline_file() {
    let project = project();
    let modify = |arguments: &[&str]| project.run(&[&["plots", "modify"], arguments].concat());
    modify(&[
        "loss.csv",
        "-t",
        "smooth",
        "--title",
        "Loss",
        "--x-label",
        "steps",
        "--y-label",
        "nats",
        "--unset",
        "x",
    ])
    .success();
    let text = project.read("pipeline.yaml");
    assert!(text.contains("# drawn after each run\n"), "{text}");
    let json = json_of(&project, &["plots", "show", "loss.csv", "--json"]);
    let plot = &json["plots"][0];
    assert_eq!(
        (&plot["template"], &plot["title"], &plot["x_label"]),
        (&json!("smooth"), &json!("Loss"), &json!("steps"))
    );
    assert!(!text.contains("x: step"), "{text}");
    let text = modify(&["los.csv", "-x", "a"]).failure(1);
    assert!(text.contains("did you mean `loss.csv`?"), "{text}");
    let text = modify(&["loss.csv", "-t", "nope"]).failure(1);
    assert!(text.contains("there is no plot template `nope`"), "{text}");
    modify(&["loss.csv"]).failure(2);
    modify(&["loss.csv", "--unset", "colour"]).failure(2);
}

#[test]
fn plots_beside_the_stages_are_changed_by_their_ids() {
    let project = Project::with(
        "stages:\n  a:\n    cmd: 'true'\n    plots: [out.csv]\nplots:\n  - plain.csv # keep\n  - id: {y: {a.csv: v}}\n",
    );
    project
        .run(&["plots", "modify", "plain.csv", "--title", "P"])
        .success();
    project
        .run(&["plots", "modify", "id", "-x", "k", "--no-header"])
        .success();
    project
        .run(&["plots", "modify", "out.csv", "-y", "b"])
        .success();
    let text = project.read("pipeline.yaml");
    assert!(text.contains("# keep"), "{text}");
    assert!(
        text.contains("x: k") && text.contains("header: false"),
        "{text}"
    );
    project.write("plain.csv", "v\n1\n");
    project.write("out.csv", "b\n1\n");
    let value = json_of(&project, &["plots", "show", "plain.csv", "--json"]);
    assert_eq!(value["plots"][0]["title"], "P");
    assert_eq!(
        json_of(&project, &["plots", "show", "out.csv", "--json"])["plots"][0]["series"][0]["y"]["column"],
        "b"
    );
}

#[test]
fn a_hundred_thousand_points_make_a_small_page() {
    let project = Project::with(
        "stages: {}\nplots: [many.csv, {cloud: {y: {many.csv: v}, template: scatter}}]\n",
    );
    let mut rows = String::from("v\n");
    for index in 0..100_000u32 {
        let noise = f64::from(index.wrapping_mul(2_654_435_761) >> 16) / 65536.0;
        rows += &format!("{:.4}\n", (f64::from(index) / 9000.0).sin() + noise);
    }
    project.write("many.csv", &rows);
    project.run(&["plots", "show"]).data();
    let size = page(&project).len();
    assert!(size < 1_500_000, "{size} bytes");
}

#[test]
fn a_plot_needs_a_column_on_y() {
    for y in ["[]", "{}", "{loss.csv: []}"] {
        let project = project();
        let pipeline = format!("{PIPELINE}plots:\n  - loss.csv: {{y: {y}}}\n");
        project.write("pipeline.yaml", &pipeline);
        let text = project.run(&["plots", "show"]).failure(1);
        assert!(
            text.contains("plot `loss.csv` has no column on y"),
            "{text}"
        );
    }
}

#[test]
fn a_stages_plot_has_one_column_and_others_several() {
    let project = project();
    project.edit("pipeline.yaml", "y: loss", "y: [loss, step]");
    let text = project.run(&["plots", "show"]).failure(1);
    assert!(
        text.contains("`y` of a stage's plot must be one column, not a list")
            && text.contains("plots beside the stages draw several"),
        "{text}"
    );
}

#[test]
fn what_a_logarithmic_axis_cannot_show_is_said() {
    let project = Project::with("stages: {}\nplots: [l.csv: {y_scale: log}]\n");
    project.write("l.csv", "step,loss\n0,0\n1,-1\n2,0.1\n3,10\n");
    let text = project.run(&["plots", "show", "--text"]).data();
    assert!(
        text.contains("loss (2 values not above 0 left out)\n"),
        "{text}"
    );
    project.write("l.csv", "step,loss\n0,0\n1,-1\n");
    let text = project.run(&["plots", "show", "--text"]).failure(1);
    let told = "no value of `loss` is above 0, as a logarithmic axis needs\n  in l.csv\n";
    assert!(text.contains(told), "{text}");
    project.write("l.csv", "step,loss\n0,nan\n1,\n");
    let text = project.run(&["plots", "show", "--text"]).failure(1);
    assert!(
        text.contains("the column `loss` has no number to draw"),
        "{text}"
    );
    project.commit();
    let text = project.run(&["plots", "diff", "HEAD", "l.csv"]).failure(2);
    assert!(
        text.contains("`l.csv` is a file: `--targets l.csv`"),
        "{text}"
    );
}

#[test]
fn a_matrix_of_too_many_classes_is_no_plot() {
    let project = project();
    let rows = (0..1_001).map(|class| format!("{class},{class}\n"));
    let text = format!("actual,predicted\n{}", rows.collect::<String>());
    project.write("classes.csv", &text);
    let text = project.run(&["plots", "show", "classes.csv"]).failure(1);
    assert!(
        text.contains("a matrix of 1,001 by 1,001 classes is too large to draw"),
        "{text}"
    );
}

#[test]
fn what_is_missing_or_no_number_is_a_gap() {
    let project = Project::with("stages: {}\nplots: [a.csv: {y: loss}, b.json: {y: loss}]\n");
    project.write(
        "a.csv",
        "step,loss\n0,0.9\n1,NA\n2,null\n3,\n4,nan\n5,0.5\n",
    );
    project.write(
        "b.json",
        "[{\"loss\": 0.9}, {\"loss\": null}, {\"loss\": NaN}, {\"loss\": \"NA\"}, {}, {\"loss\": 0.5}]",
    );
    let value = json_of(&project, &["plots", "show", "--json"]);
    for plot in value["plots"].as_array().expect("plots") {
        let values = &plot["series"][0]["y"]["values"];
        assert_eq!(
            values,
            &json!([0.9, null, null, null, null, 0.5]),
            "{}",
            plot["id"]
        );
    }
    project.run(&["plots", "show"]).success();
}

#[test]
fn a_table_without_rows_is_said_to_be_empty() {
    let project = project();
    project.write("loss.csv", "step,loss\n");
    let output = project.run(&["plots", "show", "--text"]);
    assert!(!output.stdout.contains("Training"), "{}", output.stdout);
    let text = output.failure(1);
    assert!(
        text.contains("`loss.csv` is empty: there are no data points in it"),
        "{text}"
    );
    // The base's points are drawn all the same.
    let output = project.run(&["plots", "diff", "--text"]);
    assert!(output.stdout.contains("Training"), "{}", output.stdout);
    output.failure(1);
    for (name, text) in [("loss.csv", ""), ("loss.json", "[]"), ("loss.jsonl", "")] {
        project.write(name, text);
        let text = project.run(&["plots", "show", name]).failure(1);
        assert!(
            text.contains("is empty: there are no data points"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_file_of_the_base_that_the_cache_lacks_is_told() {
    let project = Project::with(
        "stages:\n  make:\n    cmd: cp made.csv loss.csv; cp made.csv loss.png\n    deps: [made.csv]\n    plots: [loss.csv, loss.png]\n",
    );
    project.write("made.csv", "step,loss\n0,0.9\n");
    project.run(&["repro"]).success();
    project.commit();
    project.write("made.csv", "step,loss\n0,0.8\n");
    project.run(&["repro"]).success();
    project.remove(".mlpipe/cache");
    let output = project.run(&["plots", "diff", "--text"]);
    assert!(output.stdout.contains("loss.csv"), "{}", output.stdout);
    let text = output.failure(1);
    let told = "the plot's file `loss.csv` of HEAD is neither in git nor in the cache";
    assert!(text.contains(told), "{text}");
    assert!(text.contains("`loss.png` of HEAD is neither"), "{text}");
}

#[test]
fn all_classes_of_a_wide_matrix_are_named() {
    let project = Project::with(
        "stages: {}\nplots: [c.csv: {template: confusion, x: predicted, y: actual}]\n",
    );
    let rows = (10..34).map(|class| format!("class_{class}_of_many,class_{class}_of_many\n"));
    project.write(
        "c.csv",
        &format!("actual,predicted\n{}", rows.collect::<String>()),
    );
    project.run(&["plots", "show", "--svg", "svg"]).success();
    let svg = project.read("svg/c.csv.svg");
    let upright = svg.matches("rotate(-90)").count();
    assert_eq!(upright, 24, "each column has its name");
    let text = project.run(&["plots", "show", "--text"]).data();
    let names = text.lines().nth(2).expect("the columns' names");
    let names: Vec<&str> = names.split_whitespace().collect();
    assert_eq!(
        (names.len(), names[0], names[23]),
        (24, "10", "33"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn several_rows_of_a_category_are_one_bar() {
    let plot = "stages: {}\nplots: [c.csv: {template: bar_horizontal, x: count, y: actual}]\n";
    let project = Project::with(plot);
    project.write(
        "c.csv",
        "actual,predicted,count\n8,1,10\n8,0,3\n8,2,\n9,4,0.1234567\n",
    );
    let text = project.run(&["plots", "show", "--text"]).data();
    let ends: Vec<&str> = text
        .lines()
        .filter(|line| line.contains('│'))
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(ends, ["13", "0.1235"], "{text}");
}

#[test]
fn columns_that_are_separated_otherwise_are_told() {
    let project = Project::with("stages: {}\n");
    project.write("semi.csv", "step;loss\n1;0.5\n");
    let text = project
        .run(&["plots", "show", "semi.csv", "--text"])
        .failure(1);
    let told = "the columns are separated by `;`, not by `,`";
    assert!(
        text.contains(told) && text.contains("semi.csv:1:1"),
        "{text}"
    );
    project.write("ragged.csv", "step,loss\n1\n");
    let text = project
        .run(&["plots", "show", "ragged.csv", "--text"])
        .failure(1);
    let told = "not a table: the row has 1 value, the first one 2 values";
    assert!(
        text.contains(told) && text.contains("ragged.csv:2:1"),
        "{text}"
    );
    // What is wrong with the data says more than that there is nothing to print.
    let text = project
        .run(&["plots", "show", "ragged.csv", "--show-vega"])
        .failure(1);
    assert!(text.contains(told), "{text}");
}

#[test]
fn what_is_measured_now_and_then_is_one_curve() {
    let plot = "stages: {}\nplots: [h.csv: {x: step, y: loss}]\n";
    let project = Project::with(plot);
    let curve = |rows: &str| {
        project.write("h.csv", &format!("step,loss\n{rows}"));
        project.run(&["plots", "show", "--svg", "out"]).success();
        let svg = project.read("out/h.csv.svg");
        let (_, line) = svg.split_once("class=\"line\"").expect("a curve");
        let line = line.split_once("/>").expect("an end").0;
        line.matches('M').count()
    };
    assert_eq!(curve("0,0.9\n1,\n2,0.8\n3,\n4,0.7\n"), 1);
    // Where most follow on each other, one that lacks is a gap.
    assert_eq!(curve("0,0.9\n1,0.8\n2,\n3,0.7\n4,0.6\n"), 2);
    assert_eq!(curve("0,0.9\n1,nan\n2,0.8\n3,\n4,0.7\n5,0.7\n"), 3);
}
