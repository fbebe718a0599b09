//! A file as the body of a single request, read as it goes, for storage that takes no parts: the client
//! would have all of it in memory.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use crate::base::fs::failed;
use crate::remote::asking::ATTEMPTS;
use crate::remote::backend::Backend;
use crate::remote::error::{Error, Reason};
use crate::remote::pace::retry_pause;
use crate::remote::place::Kind;
use crate::remote::streams::PART;
use crate::remote::{drive, hdfs};
use crate::store::Meter;

/// How often it is looked how far it has come.
const TICK: Duration = Duration::from_millis(100);

/// So many steps long an answer is waited for once all has been sent.
const PATIENCE: u32 = 5;

/// Why a request did not get through.
enum Failure {
    /// It may the next time.
    Passing(String),
    Lasting(Error),
}

/// A file that is being sent.
struct Uplink<'b> {
    to: &'b str,
    from: &'b Path,
    size: u64,
    meter: &'b Meter,
    /// How many of its bytes the meter knows.
    told: u64,
}

impl Backend {
    /// Returns whether so many bytes would be in memory at once while the client uploads them.
    pub(super) fn is_one_piece(&self, size: u64) -> bool {
        let takes_one = matches!(self.kind(), Kind::Webdav | Kind::Drive | Kind::Webhdfs);
        takes_one && size > PART
    }

    /// Writes a file as an object by one request.
    pub(super) fn upload_piece(
        &self,
        to: &str,
        from: &Path,
        size: u64,
        meter: &Meter,
    ) -> Result<(), Error> {
        let mut uplink = Uplink {
            to,
            from,
            size,
            meter,
            told: 0,
        };
        self.make_folder(to)?;
        let mut pause = retry_pause();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let reason = match self.send(&mut uplink) {
                Ok(()) => return Ok(()),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(reason)) => reason,
            };
            if attempt == ATTEMPTS {
                return Err(self.cannot_write(to, reason));
            }
            if !self.cancel().pause(pause) {
                return Err(Error::Cancelled);
            }
            pause *= 2;
        }
    }

    /// Makes the folder that a file is to lie in.
    fn make_folder(&self, path: &str) -> Result<(), Error> {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return Ok(());
        };
        let made = self.run(self.operator.create_dir(&format!("{folder}/")))?;
        made.map_err(|error| self.explain(&error, "write", path))
    }

    fn send(&self, uplink: &mut Uplink<'_>) -> Result<(), Failure> {
        let request = self
            .request(uplink.to, uplink.size)
            .map_err(Failure::Passing)?;
        let open = || {
            let file = File::open(uplink.from)?;
            Ok::<_, io::Error>((file.try_clone()?, file))
        };
        let opened = open().map_err(failed("cannot read", uplink.from));
        let (file, watched) = opened.map_err(|error| Failure::Lasting(error.into()))?;
        let request = request.header("Content-Length", uplink.size);
        let step = self.place.step();
        let sent = self.run(async {
            let body = tokio::fs::File::from_std(file);
            uplink.watch(request.body(body), watched, step).await
        });
        let answer = sent.map_err(Failure::Lasting)?.map_err(Failure::Passing)?;
        self.judge(uplink.to, &answer)
    }

    /// Returns a request that takes the bytes of an object.
    fn request(&self, to: &str, size: u64) -> Result<RequestBuilder, String> {
        let place = &self.place;
        let setting = |name: &str| place.settings.get(name).map(String::as_str);
        match self.kind() {
            Kind::Webhdfs => Ok(client().put(hdfs::begin_upload(place, to, &self.cancel)?)),
            Kind::Drive => Ok(client().put(drive::begin_upload(place, to, size, &self.cancel)?)),
            _ => {
                let text = |error: url::ParseError| error.to_string();
                let mut url = Url::parse(setting("endpoint").unwrap_or_default()).map_err(text)?;
                let root = setting("root").unwrap_or_default();
                url.set_path(&format!("/{}/{to}", root.trim_matches('/')).replace("//", "/"));
                let request = client().put(url);
                Ok(match (setting("token"), setting("username")) {
                    (Some(token), _) => request.bearer_auth(token),
                    (None, Some(user)) => request.basic_auth(user, setting("password")),
                    (None, None) => request,
                })
            }
        }
    }

    /// Says what an answer means.
    fn judge(&self, path: &str, answer: &Response) -> Result<(), Failure> {
        let status = answer.status();
        let reason = format!("the answer is {status}");
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::Lasting(Error::Denied {
                    action: "write",
                    path: path.to_owned(),
                    url: self.place.url.clone(),
                    reason,
                }))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Passing(reason))
            }
            _ if status.is_server_error() => Err(Failure::Passing(reason)),
            _ => Err(Failure::Lasting(self.cannot_write(path, reason))),
        }
    }

    fn cannot_write(&self, path: &str, reason: String) -> Error {
        Error::Failed {
            action: "write",
            path: path.to_owned(),
            url: self.place.url.clone(),
            source: Box::new(Reason(reason)),
        }
    }
}

impl Uplink<'_> {
    /// Waits for the answer, as long as something moves. What has been read of the file is seen by its
    /// second descriptor, which shares the position.
    async fn watch(
        &mut self,
        request: RequestBuilder,
        mut file: File,
        step: Duration,
    ) -> Result<Response, String> {
        let mut sent = pin!(request.send());
        let (mut reached, mut since) = (0, Instant::now());
        loop {
            if let Ok(answer) = tokio::time::timeout(TICK, sent.as_mut()).await {
                self.tell(self.size);
                return answer.map_err(|error| chain_of(&error.without_url()));
            }
            let position = file.stream_position().unwrap_or(reached);
            if position > reached {
                (reached, since) = (position, Instant::now());
                self.tell(position);
                continue;
            }
            // What has all arrived may yet have to be put in its place.
            let patience = if reached < self.size {
                step
            } else {
                step * PATIENCE
            };
            if since.elapsed() >= patience {
                return Err(format!("nothing moved for {} s", patience.as_secs()));
            }
        }
    }

    /// Tells the meter how far it is; what was sent before in vain counts once.
    fn tell(&mut self, reached: u64) {
        let reached = reached.min(self.size);
        self.meter.add_bytes(reached.saturating_sub(self.told));
        self.told = self.told.max(reached);
    }
}

/// The one client: it keeps connections open.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(Client::new)
}

/// Returns what an error says, with its causes.
fn chain_of(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
