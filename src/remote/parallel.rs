//! Work on many things at once, by threads that wait for the other side.

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::remote::error::Error;
use crate::remote::streams::PART;

/// So many transfers of big objects run at once, each with several parts in memory.
const BIG_AT_ONCE: usize = 4;

/// Does `work` for each item, several at once; the first error ends it.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    cancel: &CancelToken,
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items
                .get(index)
                .filter(|_| !is_over.load(Ordering::Relaxed))
            else {
                return Ok(done);
            };
            let outcome = if cancel.is_cancelled() {
                Err(Error::Cancelled)
            } else {
                work(item)
            };
            match outcome {
                Ok(value) => done.push((index, value)),
                Err(error) => {
                    is_over.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let jobs = jobs.min(items.len());
    if jobs <= 1 {
        let done: Vec<(usize, R)> = worker()?;
        return Ok(done.into_iter().map(|(_, value)| value).collect());
    }
    let outcomes: Vec<Result<Vec<(usize, R)>, Error>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect()
    });
    let mut all = Vec::with_capacity(items.len());
    for outcome in outcomes {
        all.extend(outcome?);
    }
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

/// Does `work` for each object, given with its size, as `in_parallel` does: first for those that travel
/// in one part, then for the others, of which fewer travel at once. The order of the results is that.
pub(super) fn by_size<R: Send>(
    jobs: usize,
    objects: &[(Digest, u64)],
    cancel: &CancelToken,
    work: impl Fn(&(Digest, u64)) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let (big, small): (Vec<_>, Vec<_>) =
        objects.iter().copied().partition(|(_, size)| *size > PART);
    let mut done = in_parallel(jobs, &small, cancel, &work)?;
    done.extend(in_parallel(jobs.min(BIG_AT_ONCE), &big, cancel, &work)?);
    Ok(done)
}
