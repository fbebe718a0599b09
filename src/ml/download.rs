//! Fetches the files of MNIST that a folder lacks; nothing unverified gets a name there.

use std::path::Path;
use std::time::Duration;

use reqwest::blocking::Client;

use crate::base::fs;
use crate::ml::error::Error;
use crate::ml::event::Event;
use crate::ml::idx::{FILES, IdxFile};

/// Where MNIST is published, in the order in which the places are asked.
const MIRRORS: [&str; 2] = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];

/// Makes sure that `folder` has all files; `mirror` is asked instead of the public places.
pub(crate) fn complete(
    folder: &Path,
    mirror: Option<&str>,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for file in FILES {
        if file.find(folder)?.is_none() {
            missing.push(file);
        }
    }
    let fetched = missing.iter().try_for_each(|file| {
        let bytes = fetch_from_any(*file, mirror, on_event)?;
        Ok(fs::write_atomic(&folder.join(file.packed_name()), &bytes)?)
    });
    fetched.map_err(|source| match source {
        Error::Download { .. } | Error::Delivered { .. } => Error::Unobtainable {
            folder: folder.to_owned(),
            names: missing.iter().map(IdxFile::packed_name).collect(),
            source: Box::new(source),
        },
        other => other,
    })
}

/// Asks the mirrors one after the other; the last one's answer counts when none has the file.
fn fetch_from_any(
    file: IdxFile,
    mirror: Option<&str>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<u8>, Error> {
    let mirrors = mirror.map_or(MIRRORS.to_vec(), |mirror| vec![mirror]);
    let mut outcome = None;
    for mirror in mirrors {
        let url = format!("{}/{}", mirror.trim_end_matches('/'), file.packed_name());
        on_event(Event::Downloading { url: url.clone() });
        match fetch(file, &url) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => outcome = Some(error),
        }
    }
    Err(outcome.expect("invariant: there is a mirror"))
}

fn fetch(file: IdxFile, url: &str) -> Result<Vec<u8>, Error> {
    let body = || {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(5));
        let response = client.build()?.get(url).send()?;
        response.error_for_status()?.bytes()
    };
    let bytes = body().map_err(|source| Error::Download {
        url: url.to_owned(),
        source: source.without_url(),
    })?;
    if file.is(&bytes) {
        Ok(bytes.to_vec())
    } else {
        Err(Error::Delivered {
            url: url.to_owned(),
        })
    }
}
