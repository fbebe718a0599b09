//! The page: one file of HTML with all plots, which needs nothing else, neither files nor a network.

use std::io::Read;

use flate2::read::GzDecoder;
use serde::Serialize;

use crate::base::markup::escape_html;
use crate::base::problem::Problem;
use crate::plots::escape::script_json;
use crate::plots::gallery::Gallery;
use crate::plots::image::{Picture, data_uri};
use crate::plots::palette;
use crate::plots::sheet::{Content, Sheet};
use crate::plots::svg::draw;

const FRAME_STYLE: &str = include_str!("assets/page.css");
const PLOT_STYLE: &str = include_str!("assets/plots.css");
const SCRIPT: &str = include_str!("assets/page.js");

/// The scripts that draw Vega-Lite, in the order in which they need each other.
const VEGA: [&[u8]; 3] = [
    include_bytes!("assets/vendor/vega.min.js.gz"),
    include_bytes!("assets/vendor/vega-lite.min.js.gz"),
    include_bytes!("assets/vendor/vega-embed.min.js.gz"),
];

/// The user's own HTML around the plots.
#[derive(Debug)]
pub(crate) struct PageTemplate(String);

impl PageTemplate {
    /// Where the plots go; the name is DVC's.
    const PLOTS: &str = "{plot_divs}";

    /// Takes the text of the file called `label`, which must say where the plots go.
    pub(crate) fn parse(label: &str, text: String) -> Result<Self, Problem> {
        if text.contains(Self::PLOTS) {
            return Ok(Self(text));
        }
        let message = format!("the page template has no `{}`", Self::PLOTS);
        Err(Problem::new(label, &text, message).help("write it where the plots shall stand"))
    }
}

/// All plots as a part of a page of HTML. The page has the colours: `--paper`, `--ink`, `--soft`,
/// `--edge`.
#[derive(Debug, Serialize)]
pub(crate) struct Fragment {
    /// The style sheet of plots.
    pub(crate) style: String,
    /// The plots.
    pub(crate) html: String,
    /// The scripts, which come last in the page.
    pub(crate) scripts: String,
    /// Whether there is a plot that a script of Vega's draws.
    pub(crate) has_vega: bool,
}

impl Fragment {
    /// Draws all.
    pub(crate) fn new(gallery: &Gallery, sheets: &[Sheet]) -> Self {
        let has_vega = (sheets.iter()).any(|sheet| matches!(sheet.content, Content::Vega(_)));
        let vega = if has_vega {
            vega_scripts()
        } else {
            String::new()
        };
        Self {
            style: palette::page_rules() + PLOT_STYLE,
            html: plots(gallery, sheets),
            scripts: format!("{vega}<script>{SCRIPT}</script>"),
            has_vega,
        }
    }
}

/// Writes the page.
pub(crate) fn page(gallery: &Gallery, sheets: &[Sheet], template: Option<&PageTemplate>) -> String {
    let Fragment {
        style,
        html: plots,
        scripts,
        has_vega,
    } = Fragment::new(gallery, sheets);
    if let Some(PageTemplate(text)) = template {
        let all = format!("<style>{FRAME_STYLE}{style}</style>{plots}{scripts}");
        return text
            .replace("{refresh_tag}", "")
            .replacen(PageTemplate::PLOTS, &all, 1);
    }
    let revisions: Vec<String> = gallery
        .revisions
        .iter()
        .map(|name| escape_html(name))
        .collect();
    let revisions = revisions.join(" → ");
    // Whatever stands in a file or a branch's name can neither run nor call home.
    let eval = if has_vega { " 'unsafe-eval'" } else { "" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'{eval}\">\n\
         <title>plots · {revisions}</title>\n<style>{FRAME_STYLE}{style}</style>\n</head>\n<body>\n\
         <header><h1>plots</h1><p class=\"revisions\">{revisions}</p><button type=\"button\" id=\"theme\" title=\"light or dark\">◐</button></header>\n\
         {plots}{scripts}\n</body>\n</html>\n"
    )
}

fn plots(gallery: &Gallery, sheets: &[Sheet]) -> String {
    let mut html = String::from("<div class=\"gallery\">\n");
    for sheet in sheets {
        html += &figure(sheet);
    }
    for picture in &gallery.pictures {
        html += &pictures(picture);
    }
    if sheets.is_empty() && gallery.pictures.is_empty() {
        html += "<p class=\"empty\">there is nothing to draw</p>\n";
    }
    html += "</div>\n";
    if !gallery.faults.is_empty() {
        html += "<section class=\"faults\"><h2>not drawn</h2><ul>";
        for fault in &gallery.faults {
            html += &format!("<li>{}</li>", escape_html(&fault.to_string()));
        }
        html += "</ul></section>\n";
    }
    html
}

fn figure(sheet: &Sheet) -> String {
    let id = escape_html(&sheet.id);
    match &sheet.content {
        Content::Chart(chart) => {
            let drawn = draw(chart);
            let hover = drawn.hover.as_ref().map(|hover| {
                let json = script_json(hover);
                format!("<script type=\"application/json\">{json}</script>")
            });
            let hover = hover.unwrap_or_default();
            let svg = drawn.to_element();
            format!("<figure class=\"chart\" data-id=\"{id}\">{svg}{hover}</figure>\n")
        }
        Content::Vega(spec) => {
            let json = script_json(spec);
            format!(
                "<figure class=\"vega\" data-id=\"{id}\"><div></div><script type=\"application/json\">{json}</script></figure>\n"
            )
        }
    }
}

fn pictures(picture: &Picture) -> String {
    let title = escape_html(picture.title());
    let mut html = format!(
        "<figure class=\"images\" data-id=\"{}\"><h2>{title}</h2><div class=\"row\">",
        escape_html(&picture.id)
    );
    for (revisions, bytes) in &picture.versions {
        let names: Vec<String> = revisions.iter().map(|name| escape_html(name)).collect();
        let same = if names.len() > 1 { " (the same)" } else { "" };
        let names = names.join(", ");
        html += &format!(
            "<div class=\"image\"><span>{names}{same}</span><img alt=\"{title} of {names}\" src=\"{}\"></div>",
            data_uri(picture.mime, bytes)
        );
    }
    html + "</div></figure>\n"
}

fn vega_scripts() -> String {
    VEGA.map(|packed| {
        let mut script = String::new();
        GzDecoder::new(packed)
            .read_to_string(&mut script)
            .expect("invariant: packed here, as text");
        // Nothing in a script may look like its end.
        let script = script.replace("</script", "<\\/script");
        format!("<script>{script}</script>\n")
    })
    .concat()
}
