//! `Crew`: the threads that stages are worked on by, as many as ever worked at once.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// Something to be done, which must not panic.
type Work<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Threads that take up one piece of work after the other, until the crew is dropped.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    orders: Sender<Work<'scope>>,
    queue: Arc<Mutex<Receiver<Work<'scope>>>>,
    size: Cell<usize>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    /// Makes a crew of nobody.
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        let (orders, queue) = mpsc::channel();
        Self {
            scope,
            orders,
            queue: Arc::new(Mutex::new(queue)),
            size: Cell::new(0),
        }
    }

    /// Has something done at once; `busy` pieces of work are going on then, this one among them.
    pub(super) fn take_up(&self, work: impl FnOnce() + Send + 'scope, busy: usize) {
        while self.size.get() < busy {
            self.hire();
        }
        let sent = self.orders.send(Box::new(work));
        sent.expect("invariant: the receiver is in this crew");
    }

    fn hire(&self) {
        self.size.set(self.size.get() + 1);
        let queue = Arc::clone(&self.queue);
        self.scope.spawn(move || {
            // The guard goes before the work begins: one waits for work, the others for that one.
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok(work) = next() {
                work();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn work_goes_on_side_by_side_on_threads_that_stay() {
        let (together, threads) = (Barrier::new(2), Mutex::new(HashSet::new()));
        thread::scope(|scope| {
            let crew = Crew::new(scope);
            for _ in 0..5 {
                let (sender, done) = mpsc::channel();
                for busy in [1, 2] {
                    let (sender, together, threads) = (sender.clone(), &together, &threads);
                    let work = move || {
                        together.wait();
                        threads
                            .lock()
                            .expect("is whole")
                            .insert(thread::current().id());
                        sender.send(()).expect("is heard");
                    };
                    crew.take_up(work, busy);
                }
                drop(sender);
                assert_eq!(done.iter().count(), 2);
            }
        });
        assert_eq!(threads.lock().expect("is whole").len(), 2);
    }
}
