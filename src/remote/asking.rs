//! Small requests of our own, for what the client lacks.

use reqwest::blocking::{Client, RequestBuilder, Response};

use crate::base::cancel::CancelToken;
use crate::remote::pace::retry_pause;
use crate::remote::place::Place;

/// How often a request is sent that does not get through.
pub(super) const ATTEMPTS: u32 = 4;

/// Sends a request until it gets through. The error's text has no address, which may hold a token.
pub(super) fn ask(
    place: &Place,
    cancel: &CancelToken,
    request: impl Fn(&Client) -> RequestBuilder,
) -> Result<Response, String> {
    let client = Client::builder().timeout(place.step());
    let client = client.build().map_err(|error| error.to_string())?;
    let mut pause = retry_pause();
    for attempt in 1.. {
        let sent = request(&client).send();
        match sent.and_then(Response::error_for_status) {
            Ok(answer) => return Ok(answer),
            Err(error) if attempt == ATTEMPTS || !cancel.pause(pause) => {
                return Err(error.without_url().to_string());
            }
            Err(_) => pause *= 2,
        }
    }
    Err("nobody answered".to_owned())
}

/// Returns the text of an answer.
pub(super) fn text_of(answer: Response) -> Result<String, String> {
    answer
        .text()
        .map_err(|error| error.without_url().to_string())
}
