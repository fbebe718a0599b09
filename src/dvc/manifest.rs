//! The manifest of a folder in DVC's cache: a JSON list of files.

use crate::base::path::RepoPath;
use crate::dvc::md5::Era;
use crate::dvc::records::Object;

/// One file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its path in the folder.
    pub(crate) path: String,
    /// Its content.
    pub(crate) object: Object,
}

/// Reads a manifest; `None` if it is none, or if a path in it leads elsewhere.
pub(crate) fn parse(bytes: &[u8], era: Era) -> Option<Vec<Member>> {
    let serde_json::Value::Array(items) = serde_json::from_slice(bytes).ok()? else {
        return None;
    };
    let member = |item: &serde_json::Value| {
        let path = item.get("relpath")?.as_str()?;
        let path = RepoPath::parse(path).ok().filter(|path| !path.is_root())?;
        let object = Object::parse(item.get("md5")?.as_str()?, era)?;
        (!object.is_folder).then(|| Member {
            path: path.as_str().to_owned(),
            object,
        })
    };
    let mut members: Vec<Member> = items.iter().map(member).collect::<Option<_>>()?;
    members.sort_by(|one, other| one.path.cmp(&other.path));
    let is_twice = |pair: &[Member]| pair[0].path == pair[1].path;
    (!members.windows(2).any(is_twice)).then_some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_and_come_once() {
        let md5 = "b202f333fba4fd38d4b8e5e693077aab";
        let text = |paths: &[&str]| {
            let items: Vec<String> = paths
                .iter()
                .map(|path| format!("{{\"md5\": \"{md5}\", \"relpath\": \"{path}\"}}"))
                .collect();
            format!("[{}]", items.join(", "))
        };
        let read = |paths: &[&str]| parse(text(paths).as_bytes(), Era::Three);
        let members = read(&["b/c", "a"]).expect("a manifest");
        assert_eq!(members[0].path, "a");
        assert_eq!(members[1].object.md5.to_string(), md5);
        assert_eq!(read(&["../a"]), None);
        assert_eq!(read(&["/a"]), None);
        assert_eq!(read(&["a", "a"]), None);
        let whole = text(&["a", "b"]);
        assert_eq!(
            parse(&whole.as_bytes()[..whole.len() - 4], Era::Three),
            None
        );
    }
}
