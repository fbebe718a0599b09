//! `Packed`: a commit without parents in git's pack format, made in memory: no repository is touched.

use git2::{Buf, Odb, Repository, Signature};

use crate::scm::error::Error;

/// A regular file, in git's numbers.
const FILE: i32 = 0o100_644;

/// A commit, and all that it names.
pub(crate) struct Packed {
    /// The commit's name.
    pub(crate) commit: String,
    /// The pack.
    pub(crate) bytes: Vec<u8>,
}

/// Packs a commit of these files, each at the top, with this message.
pub(crate) fn pack_root(files: &[(String, Vec<u8>)], message: &str) -> Result<Packed, Error> {
    let repo = Repository::from_odb(Odb::new()?)?;
    let odb = repo.odb()?;
    let memory = odb.add_new_mempack_backend(1)?;
    let mut tree = repo.treebuilder(None)?;
    for (name, content) in files {
        tree.insert(name, repo.blob(content)?, FILE)?;
    }
    let tree = repo.find_tree(tree.write()?)?;
    let author = Signature::now("mlpipe", "mlpipe@localhost")?;
    let commit = repo.commit(None, &author, &author, message, &tree, &[])?;
    let mut bytes = Buf::new();
    memory.dump(&repo, &mut bytes)?;
    Ok(Packed {
        commit: commit.to_string(),
        bytes: bytes.to_vec(),
    })
}
