//! `Picture`: an image that a stage has drawn itself, as it was in several revisions.

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::{self, Plot};
use crate::plots::frame::ending;
use crate::plots::gallery::{Side, lost, missing};

/// The kinds of images: how their names end, what browsers call them, how their bytes begin.
const KINDS: [(&str, &str, &[&[u8]]); 7] = [
    ("png", "image/png", &[b"\x89PNG"]),
    ("jpg", "image/jpeg", &[b"\xff\xd8"]),
    ("jpeg", "image/jpeg", &[b"\xff\xd8"]),
    ("gif", "image/gif", &[b"GIF8"]),
    ("webp", "image/webp", &[b"RIFF"]),
    ("bmp", "image/bmp", &[b"BM"]),
    ("svg", "image/svg+xml", &[b"<", b"\xef\xbb\xbf<"]),
];

/// An image in several revisions.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The name that people know it by.
    pub(crate) id: String,
    /// The file.
    pub(crate) path: RepoPath,
    /// The title.
    pub(crate) title: Option<String>,
    /// What browsers call its format.
    pub(crate) mime: &'static str,
    /// Its different contents, each with the revisions that have it, in their order.
    pub(crate) versions: Vec<(Vec<String>, Vec<u8>)>,
}

/// Whether a file of this name is an image.
pub(crate) fn is_image(name: &str) -> bool {
    kind_of(name).is_some()
}

fn kind_of(name: &str) -> Option<&'static (&'static str, &'static str, &'static [&'static [u8]])> {
    let ending = ending(name).to_lowercase();
    KINDS.iter().find(|(kind, ..)| *kind == ending)
}

impl Picture {
    /// Returns the title: its own, else the name.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }

    /// Reads an image of all sides; what cannot be read are faults.
    pub(super) fn read(plot: &Plot, sides: &[Side<'_>]) -> (Option<Self>, Vec<pipeline::Error>) {
        let path = &plot.sources[0].path;
        let mut faults = Vec::new();
        let Some((_, mime, beginnings)) = kind_of(path.name()) else {
            return (None, faults);
        };
        let mut versions: Vec<(Vec<String>, Vec<u8>)> = Vec::new();
        for side in sides {
            match side.snapshot.read(path) {
                Ok(Some(bytes))
                    if beginnings
                        .iter()
                        .any(|begin| bytes.trim_ascii_start().starts_with(begin)) =>
                {
                    match versions.iter_mut().find(|(_, other)| *other == bytes) {
                        Some((names, _)) => names.push(side.name.clone()),
                        None => versions.push((vec![side.name.clone()], bytes)),
                    }
                }
                Ok(Some(_)) => {
                    let label = side.snapshot.label(path);
                    let message = format!("`{label}` is no {} image", ending(path.name()));
                    let help = "look at what the stage has written there";
                    faults.push(Problem::new(&label, "", message).help(help).into());
                }
                Ok(None) if (side.had)(path) => faults.push(lost(path, &side.name)),
                Ok(None) => {}
                Err(error) => faults.push(error.into()),
            }
        }
        if versions.is_empty() && faults.is_empty() {
            faults.push(missing(path));
        }
        let picture = Self {
            id: plot.id.clone(),
            path: path.clone(),
            title: plot.style.title.clone(),
            mime,
            versions,
        };
        ((!picture.versions.is_empty()).then_some(picture), faults)
    }
}

/// Writes bytes as the text of a URL that holds them itself.
pub(crate) fn data_uri(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", base64(bytes))
}

/// Writes bytes in base 64, as RFC 4648 says.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |index: usize| u32::from(part.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let is_there = place <= part.len();
            text.push(if is_there {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
    }
}
