//! Credentials: from options in settings that are not committed, the environment, and the usual
//! files of each cloud. They go to the client and nowhere else: never into a message or a file.

use std::env;
use std::path::{Path, PathBuf};

use crate::remote::error::Error;
use crate::remote::place::{Kind, Options, Place};

/// The options that hold secrets, and may not stand in settings that are committed.
pub(crate) const SECRETS: [&str; 11] = [
    "secret_access_key",
    "session_token",
    "access_key_id",
    "account_key",
    "sas_token",
    "connection_string",
    "password",
    "token",
    "access_token",
    "refresh_token",
    "client_secret",
];

/// Tells the client what options and the environment say; an option wins.
pub(super) fn fill(place: &mut Place, options: &Options) -> Result<(), Error> {
    match place.kind {
        Kind::S3 => s3(place, options),
        Kind::Gcs => gcs(place, options),
        Kind::Azure => return azure(place, options),
        Kind::Drive => return drive(place, options),
        Kind::Sftp => {
            place.set_some("key", option(options, &["keyfile"]));
            let strategy = option(options, &["known_hosts"]);
            place.set(
                "known_hosts_strategy",
                strategy.as_deref().unwrap_or("Strict"),
            );
        }
        Kind::Webdav | Kind::Http => {
            place.set_some("username", option(options, &["user"]));
            place.set_some("password", option(options, &["password"]));
            place.set_some("token", option(options, &["token"]));
        }
        Kind::Webhdfs => {
            place.set_some("user_name", option(options, &["user"]));
            place.set_some("delegation", option(options, &["token"]));
        }
        Kind::Folder => {}
    }
    Ok(())
}

fn s3(place: &mut Place, options: &Options) {
    let either = |name: &str, variables: &[&str]| {
        option(options, &[name]).or_else(|| variables.iter().find_map(|name| variable(name)))
    };
    place.set_some(
        "endpoint",
        either("endpointurl", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
    );
    let region = either("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]);
    let profile = option(options, &["profile"]).or_else(|| variable("AWS_PROFILE"));
    let region = region.or_else(|| region_of(profile.as_deref().unwrap_or("default")));
    place.set("region", region.as_deref().unwrap_or("us-east-1"));
    place.set_some("profile", option(options, &["profile"]));
    for name in ["access_key_id", "secret_access_key", "session_token"] {
        place.set_some(name, option(options, &[name]));
    }
    if is_set(options, "allow_anonymous_login") {
        place.set("skip_signature", "true");
    }
    // The address by which machines of Amazon's get theirs answers nobody elsewhere, slowly.
    if !is_at_amazon() {
        place.set("disable_ec2_metadata", "true");
    }
    if option(options, &["path_style"]).as_deref() == Some("false") {
        place.set("enable_virtual_host_style", "true");
    }
    place.set_some("server_side_encryption", option(options, &["sse"]));
    place.set_some("default_acl", option(options, &["acl"]));
}

/// Returns the region that the user's file has for a profile.
fn region_of(profile: &str) -> Option<String> {
    let file = variable("AWS_CONFIG_FILE").map(PathBuf::from);
    let file = file.or_else(|| Some(home()?.join(".aws/config")))?;
    let text = std::fs::read_to_string(file).ok()?;
    let mut is_here = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            let section = section.trim();
            is_here = section.strip_prefix("profile ").unwrap_or(section).trim() == profile;
        } else if is_here
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "region"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

fn is_at_amazon() -> bool {
    let vendor = std::fs::read_to_string("/sys/devices/virtual/dmi/id/sys_vendor");
    vendor.is_ok_and(|vendor| vendor.contains("Amazon"))
}

fn gcs(place: &mut Place, options: &Options) {
    place.set_some("credential_path", option(options, &["credentialpath"]));
    place.set_some("endpoint", option(options, &["endpointurl"]));
    place.set_some("token", option(options, &["token"]));
    if is_set(options, "allow_anonymous_login") {
        place.set("skip_signature", "true");
    }
    let vendor = std::fs::read_to_string("/sys/devices/virtual/dmi/id/sys_vendor");
    if !vendor.is_ok_and(|vendor| vendor.contains("Google")) {
        place.set("disable_vm_metadata", "true");
    }
}

fn azure(place: &mut Place, options: &Options) -> Result<(), Error> {
    let connection = option(options, &["connection_string"]);
    let connection = connection.or_else(|| variable("AZURE_STORAGE_CONNECTION_STRING"));
    let part = |name: &str| {
        let parts = connection.as_deref().unwrap_or_default().split(';');
        let mut parts = parts.filter_map(|part| part.split_once('='));
        let found = parts.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let either = |name: &str, part: Option<String>, variable_name: &str| {
        option(options, &[name])
            .or(part)
            .or_else(|| variable(variable_name))
    };
    let account = either("account_name", part("AccountName"), "AZURE_STORAGE_ACCOUNT");
    let key = either("account_key", part("AccountKey"), "AZURE_STORAGE_KEY");
    let sas = either(
        "sas_token",
        part("SharedAccessSignature"),
        "AZURE_STORAGE_SAS_TOKEN",
    );
    let endpoint = option(options, &["endpointurl"]).or_else(|| part("BlobEndpoint"));
    let Some(account) = account else {
        let message = format!("`{}` needs the name of a storage account", place.url);
        let help = "set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING, or \
                    `mlpipe remote modify NAME account_name ACCOUNT`";
        return Err(Error::Setting {
            message,
            help: help.to_owned(),
        });
    };
    let own = || format!("https://{account}.blob.core.windows.net");
    place.set("endpoint", &endpoint.unwrap_or_else(own));
    place.set("account_name", &account);
    place.set_some("account_key", key);
    place.set_some("sas_token", sas);
    if is_set(options, "allow_anonymous_login") {
        place.set("skip_signature", "true");
    }
    Ok(())
}

fn drive(place: &mut Place, options: &Options) -> Result<(), Error> {
    let data = variable("GDRIVE_CREDENTIALS_DATA");
    let data: serde_json::Value = match &data {
        Some(text) => serde_json::from_str(text).map_err(|_| Error::Setting {
            message: "GDRIVE_CREDENTIALS_DATA is not JSON".to_owned(),
            help: "it is an object with `refresh_token`, `client_id` and `client_secret`"
                .to_owned(),
        })?,
        None => serde_json::Value::Null,
    };
    for (name, own) in [
        ("access_token", "access_token"),
        ("refresh_token", "refresh_token"),
        ("client_id", "gdrive_client_id"),
        ("client_secret", "gdrive_client_secret"),
    ] {
        let given = option(options, &[name, own]);
        place.set_some(
            name,
            given.or_else(|| Some(data[name].as_str()?.to_owned())),
        );
    }
    Ok(())
}

/// Refuses a place for which there are no credentials at all, before anything is asked there.
pub(super) fn check(place: &Place) -> Result<(), Error> {
    let has = |name: &str| place.settings.contains_key(name);
    let looked = looked_at(place.kind);
    let is_known = match place.kind {
        Kind::S3 => {
            has("skip_signature")
                || has("access_key_id")
                || !has("disable_ec2_metadata")
                || looked.iter().any(|one| one.is_there)
        }
        Kind::Gcs => {
            has("skip_signature")
                || has("credential_path")
                || has("token")
                || !has("disable_vm_metadata")
                || looked.iter().any(|one| one.is_there)
        }
        Kind::Azure => {
            has("skip_signature")
                || has("account_key")
                || has("sas_token")
                || looked.iter().any(|one| one.is_there)
        }
        Kind::Drive => has("access_token") || has("refresh_token"),
        _ => true,
    };
    if is_known {
        return Ok(());
    }
    Err(Error::NoCredentials {
        url: place.url.clone(),
        looked: looked.into_iter().map(|one| one.name).collect(),
    })
}

/// Somewhere that credentials may be.
struct Source {
    name: String,
    is_there: bool,
}

fn looked_at(kind: Kind) -> Vec<Source> {
    let of_variable = |name: &str| Source {
        name: name.to_owned(),
        is_there: variable(name).is_some(),
    };
    let of_file = |moved_by: &str, path: &str| {
        let file = variable(moved_by).map(PathBuf::from);
        let file = file.or_else(|| Some(home()?.join(path)));
        Source {
            name: file.as_deref().map_or_else(|| format!("~/{path}"), shown),
            is_there: file.is_some_and(|file| file.is_file()),
        }
    };
    let of_option = |name: &str| Source {
        name: format!("the option `{name}`"),
        is_there: false,
    };
    match kind {
        Kind::S3 => vec![
            of_option("access_key_id"),
            of_variable("AWS_ACCESS_KEY_ID"),
            of_variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
            of_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            of_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            of_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            of_file("AWS_CONFIG_FILE", ".aws/config"),
        ],
        Kind::Gcs => vec![
            of_option("credentialpath"),
            of_variable("GOOGLE_APPLICATION_CREDENTIALS"),
            of_file(
                "CLOUDSDK_APPLICATION_CREDENTIALS",
                ".config/gcloud/application_default_credentials.json",
            ),
        ],
        Kind::Azure => vec![
            of_option("account_key"),
            of_option("sas_token"),
            of_option("connection_string"),
            of_variable("AZURE_STORAGE_KEY"),
            of_variable("AZURE_STORAGE_SAS_TOKEN"),
            of_variable("AZURE_STORAGE_CONNECTION_STRING"),
            of_variable("AZURE_CLIENT_SECRET"),
            of_variable("AZURE_FEDERATED_TOKEN_FILE"),
        ],
        Kind::Drive => vec![
            of_option("refresh_token"),
            of_option("access_token"),
            of_variable("GDRIVE_CREDENTIALS_DATA"),
        ],
        _ => Vec::new(),
    }
}

fn shown(file: &Path) -> String {
    let inner = home().and_then(|home| Some(file.strip_prefix(home).ok()?.to_owned()));
    inner.map_or_else(
        || file.display().to_string(),
        |inner| format!("~/{}", inner.display()),
    )
}

fn option(options: &Options, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| options.get(*name)).cloned()
}

fn is_set(options: &Options, name: &str) -> bool {
    options.get(name).is_some_and(|value| value == "true")
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn home() -> Option<PathBuf> {
    env::var_os("HOME").map(PathBuf::from)
}
