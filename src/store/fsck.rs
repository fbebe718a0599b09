//! Checks every byte in a cache. What is corrupt goes to the quarantine; what can be mended is.

use std::fs::File;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::{self, absent_as_none, failed};
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::gc::entries;
use crate::store::meter::Meter;
use crate::store::pack;
use crate::store::run_cache::RunCache;
use crate::store::users::{LOCK, PROJECTS};

/// The folders and files that a cache consists of.
const OWN: [&str; 7] = [
    "sha256",
    "packs",
    "new",
    "quarantine",
    PROJECTS,
    "run-log",
    LOCK,
];

/// What has been checked, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The objects.
    pub(crate) objects: u64,
    /// The bytes of objects.
    pub(crate) bytes: u64,
    /// The packs.
    pub(crate) packs: u64,
    /// The records of runs.
    pub(crate) runs: u64,
    /// What is wrong.
    pub(crate) damage: Vec<Damage>,
    /// What does not belong there.
    pub(crate) strays: Vec<PathBuf>,
}

/// Something that is wrong in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// An object is not what its name says. Its bytes are in the quarantine.
    Object {
        /// Which.
        digest: Digest,
        /// The pack that it was in, if it was.
        pack: Option<Digest>,
        /// Whether another copy of it is good.
        has_copy: bool,
    },
    /// What a pack says of its objects is wrong. What could be told apart was put into another.
    Pack {
        /// Which.
        name: Digest,
        /// Whether all of it could be saved.
        is_whole: bool,
    },
    /// Bytes among the records of runs that are no record, or of one that is broken. They are gone.
    Runs {
        /// How many.
        bytes: u64,
    },
    /// A registration does not say which project it is of.
    Registration {
        /// Its name.
        name: String,
        /// The project, if that could be found out; the registration is mended then.
        project: Option<PathBuf>,
    },
    /// The file that is for locking has something in it. It is gone.
    Lock,
    /// Something cannot be read, or not be changed where it should: nobody knows what it is worth.
    Unreadable {
        /// What could not be done with which file or folder.
        what: String,
        /// Why.
        reason: String,
        /// The object that it is, if it is one and no other copy of it can be had.
        digest: Option<Digest>,
    },
}

/// What is found in one pack.
struct PackReport {
    name: Digest,
    is_sound: bool,
    objects: u64,
    bytes: u64,
    bad: Vec<Digest>,
    /// The objects that the disk does not give.
    unreadable: Vec<(Digest, fs::Error)>,
}

impl Checked {
    /// Passes on how something went; what the system does not let us do is noted, and all else goes on.
    fn note<T, E: Into<Error>>(
        &mut self,
        outcome: Result<T, E>,
        digest: Option<Digest>,
    ) -> Result<Option<T>, Error> {
        match outcome.map_err(Into::into) {
            Ok(done) => Ok(Some(done)),
            Err(Error::File(error)) => {
                self.damage.push(Damage::Unreadable {
                    what: error.to_string(),
                    reason: error.source.to_string(),
                    digest,
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Cache {
    /// Checks everything.
    pub(crate) fn check(&self, runs: &RunCache, meter: &Meter) -> Result<Checked, Error> {
        if !fs::exists(&self.path(""))? {
            return Ok(Checked::default());
        }
        self.begin_use()?;
        let mut checked = Checked::default();
        let packs = checked.note(self.packs.names(), None)?.unwrap_or_default();
        let (listed, failures) = self.loose.list_some();
        for failure in failures {
            checked.note(Err::<(), _>(failure), None)?;
        }
        let size = |name: &Digest| {
            let path = pack::path_of(self.packs.folder(), *name);
            path.metadata().map_or(0, |metadata| metadata.len())
        };
        let loose: u64 = listed.objects.iter().map(|(_, size)| size).sum();
        let files = listed.objects.len() + packs.len();
        meter.expect(files as u64, loose + packs.iter().map(size).sum::<u64>());
        self.check_packs(&packs, &mut checked, meter)?;
        self.check_loose(&listed.objects, &mut checked, meter)?;
        checked.strays = listed.strays;
        let registrations = self.check_registrations(&mut checked);
        checked.note(registrations, None)?;
        let strays = self.find_strays(&mut checked);
        checked.note(strays, None)?;
        let torn = checked.note(runs.mend(&self.unfinished()), None)?;
        let torn = torn.filter(|bytes| *bytes > 0);
        let torn = torn.map(|bytes| Damage::Runs { bytes });
        checked.damage.extend(torn);
        checked.runs = checked.note(runs.count(), None)?.unwrap_or_default();
        let lock = self.check_lock(&mut checked);
        checked.note(lock, None)?;
        Ok(checked)
    }

    fn check_loose(
        &self,
        objects: &[(Digest, u64)],
        checked: &mut Checked,
        meter: &Meter,
    ) -> Result<(), Error> {
        let check = |(digest, size): &(Digest, u64)| {
            let verdict = self.loose.check(*digest);
            meter.add_file();
            meter.add_bytes(*size);
            (*digest, *size, verdict)
        };
        let verdicts: Vec<_> = objects.par_iter().map(check).collect();
        for (digest, size, verdict) in verdicts {
            checked.objects += 1;
            checked.bytes += size;
            let has_copy = || matches!(self.packed(digest), Ok(Ok(_)));
            match verdict {
                Ok(Some(false)) => {
                    checked.note(self.quarantine(digest), None)?;
                    let (pack, has_copy) = (None, has_copy());
                    checked.damage.push(Damage::Object {
                        digest,
                        pack,
                        has_copy,
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    let lost = (!has_copy()).then_some(digest);
                    checked.note(Err::<(), _>(error), lost)?;
                }
            }
        }
        Ok(())
    }

    fn check_packs(
        &self,
        names: &[Digest],
        checked: &mut Checked,
        meter: &Meter,
    ) -> Result<(), Error> {
        let check = |name: &Digest| self.check_pack(*name, meter);
        let reports: Vec<Result<_, Error>> = names.par_iter().map(check).collect();
        for report in reports {
            let Some(report) = checked.note(report, None)?.flatten() else {
                continue;
            };
            checked.packs += 1;
            checked.objects += report.objects;
            checked.bytes += report.bytes;
            let is_readable = report.unreadable.is_empty();
            for (digest, error) in report.unreadable {
                let is_lost = !matches!(self.verified(digest), Ok(Ok(_)));
                checked.note(Err::<(), _>(error), is_lost.then_some(digest))?;
            }
            // What cannot be read cannot be put into another pack.
            if is_readable && !(report.is_sound && report.bad.is_empty()) {
                self.mend_pack(report.name, report.is_sound, checked)?;
            }
        }
        Ok(())
    }

    fn mend_pack(&self, name: Digest, is_sound: bool, checked: &mut Checked) -> Result<(), Error> {
        let Some(salvaged) = checked.note(self.salvage(name), None)? else {
            return Ok(());
        };
        if !is_sound {
            let is_whole = matches!(self.packs.open(name), Ok(Some(_)));
            checked.damage.push(Damage::Pack { name, is_whole });
        }
        for digest in salvaged.lost {
            checked.damage.push(Damage::Object {
                digest,
                pack: Some(name),
                has_copy: matches!(self.verified(digest), Ok(Ok(_))),
            });
        }
        Ok(())
    }

    fn check_pack(&self, name: Digest, meter: &Meter) -> Result<Option<PackReport>, Error> {
        let Some((file, directory)) = self.packs.open(name)? else {
            return Ok(None);
        };
        let path = pack::path_of(self.packs.folder(), name);
        let mut report = PackReport {
            name,
            is_sound: directory.is_sound,
            objects: 0,
            bytes: 0,
            bad: Vec::new(),
            unreadable: Vec::new(),
        };
        // The slots of a directory that is wrong may lead anywhere.
        for slot in directory.slots.iter().filter(|_| directory.is_sound) {
            report.objects += 1;
            report.bytes += u64::from(slot.length);
            match pack::read_slot(&file, slot).map_err(failed("cannot read", &path)) {
                Ok(Some(_)) => {}
                Ok(None) => report.bad.push(slot.digest),
                Err(error) => report.unreadable.push((slot.digest, error)),
            }
            meter.add_bytes(slot.length.into());
        }
        meter.add_file();
        Ok(Some(report))
    }

    fn check_registrations(&self, checked: &mut Checked) -> Result<(), Error> {
        for project in self.projects()? {
            if project.path.is_some() {
                continue;
            }
            let path = self.path(PROJECTS).join(project.name.to_string());
            let bytes = fs::read(&path)?.unwrap_or_default();
            let mended = mend_registration(&bytes, project.name);
            if let Some(bytes) = &mended {
                self.write_registration(&path, bytes)?;
            }
            let as_path = |bytes| {
                use std::os::unix::ffi::OsStringExt;
                PathBuf::from(std::ffi::OsString::from_vec(bytes))
            };
            checked.damage.push(Damage::Registration {
                name: project.name.to_string(),
                project: mended.map(as_path),
            });
        }
        Ok(())
    }

    fn find_strays(&self, checked: &mut Checked) -> Result<(), Error> {
        for (path, name) in entries(&self.path(""))? {
            if !OWN.contains(&name.as_str()) {
                checked.strays.push(path);
            }
        }
        for (path, name) in entries(self.packs.folder())? {
            let digest = pack::name_of(&name);
            if digest.is_none_or(|digest| pack::path_of(self.packs.folder(), digest) != path) {
                checked.strays.push(path);
            }
        }
        for (path, name) in entries(&self.path(PROJECTS))? {
            let digest = name.parse::<Digest>();
            if digest.is_ok_and(|digest| digest.to_string() == name) {
                continue;
            }
            checked.strays.push(path);
        }
        Ok(())
    }

    fn check_lock(&self, checked: &mut Checked) -> Result<(), Error> {
        let path = self.path(LOCK);
        let metadata = absent_as_none(path.metadata());
        let metadata = metadata.map_err(failed("cannot read", &path))?;
        if metadata.is_some_and(|metadata| metadata.len() > 0) {
            let file = File::options().write(true).open(&path);
            let cut = file.and_then(|file| file.set_len(0));
            cut.map_err(failed("cannot write", &path))?;
            checked.damage.push(Damage::Lock);
        }
        Ok(())
    }
}

/// Finds the bytes that the name vouches for, where one byte is wrong.
fn mend_registration(bytes: &[u8], name: Digest) -> Option<Vec<u8>> {
    /// Longer than any path: trying takes time.
    const LONGEST: usize = 4096;
    if bytes.len() > LONGEST {
        return None;
    }
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        let found = bytes[at];
        for byte in 0..=u8::MAX {
            bytes[at] = byte;
            if Digest::of(&bytes) == name {
                return Some(bytes);
            }
        }
        bytes[at] = found;
    }
    None
}
