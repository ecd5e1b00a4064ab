//! Free slots that a worker lends, while it sleeps, to whoever enqueues in its process: what is
//! enqueued can be written as claimed into them, and starts without a claim of its own. Counts
//! them; runs no SQL.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::store::{Claimed, Claimer, NewWork};

/// What one worker lends.
pub(crate) struct Desk {
    worker: Uuid,
    functions: Vec<&'static str>,
    books: Mutex<Books>,
    /// Where loans come back to; false: nobody is there any more.
    back: Box<dyn Fn(Return) -> bool + Send + Sync>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Books {
    /// The worker sleeps. While it is awake, nobody takes slots but itself.
    open: bool,
    lent: HashMap<Arc<str>, Lent>,
    /// What was taken since it was awake.
    taken: Vec<(Arc<str>, i64)>,
    /// Ids of loans that have not come back.
    out: HashSet<Uuid>,
}

/// What it lends of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(crate) free: i64,
    /// Slots that are in use beside them.
    pub(crate) in_use: i64,
}

/// Slots for the items of one enqueue. Dropped, it counts as lost: what the statement came to is not
/// known.
#[derive(Debug)]
pub(crate) struct Loan {
    desk: Arc<Desk>,
    /// Slots that the worker has to have for it.
    slots: i64,
    back: Option<Return>,
}

/// A loan that comes back.
#[derive(Debug)]
pub(crate) struct Return {
    pub(crate) pool: Arc<str>,
    pub(crate) ids: Vec<Uuid>,
    /// All of them or none.
    pub(crate) claimed: Vec<Claimed>,
    /// They may be claimed without our knowing.
    pub(crate) lost: bool,
}

impl Desk {
    pub(crate) fn new(
        worker: Uuid,
        functions: Vec<&'static str>,
        back: impl Fn(Return) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (books, settled) = (Mutex::default(), Notify::new());
        Self { worker, functions, books, back: Box::new(back), settled }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no code panics with this lock")
    }

    /// The worker goes to sleep: lends what it has said.
    pub(crate) fn open(&self) {
        self.books().open = true;
    }

    /// The worker is awake. What was taken of its slots meanwhile, by pool: of those pools nothing is
    /// lent any more.
    pub(crate) fn close(&self) -> Vec<(Arc<str>, i64)> {
        let mut books = self.books();
        books.open = false;
        let taken = std::mem::take(&mut books.taken);
        for (pool, _) in &taken {
            books.lent.remove(pool);
        }
        taken
    }

    /// What is lent of a pool from now on.
    pub(crate) fn lend(&self, pool: &Arc<str>, lent: Option<Lent>) {
        let mut books = self.books();
        match lent {
            Some(lent) => drop(books.lent.insert(Arc::clone(pool), lent)),
            None => drop(books.lent.remove(pool)),
        }
    }

    /// Takes slots for all of these items, or for none: for what is alike, and due now.
    pub(crate) fn take(self: &Arc<Self>, items: &[NewWork]) -> Option<Loan> {
        let first = items.first()?;
        let wanted = i64::try_from(items.len()).ok()?;
        let mut books = self.books();
        let (pool, lent) = books.lent.get_key_value(&*first.pool)?;
        let (pool, lent) = (Arc::clone(pool), *lent);
        let free = books.open && lent.free >= wanted && self.functions.contains(&first.function);
        if !free || !NewWork::are_alike_and_due(items) {
            return None;
        }
        let lent = Lent { free: lent.free - wanted, in_use: lent.in_use + wanted };
        books.lent.insert(Arc::clone(&pool), lent);
        books.taken.push((Arc::clone(&pool), wanted));
        let ids: Vec<_> = items.iter().map(|item| item.id).collect();
        books.out.extend(&ids);
        let back = Some(Return { pool, ids, claimed: Vec::new(), lost: true });
        Some(Loan { desk: Arc::clone(self), slots: lent.in_use, back })
    }

    /// The ids of loans that have not come back: they may be claimed, and are not for others to take.
    pub(crate) fn out(&self) -> Vec<Uuid> {
        self.books().out.iter().copied().collect()
    }

    /// A loan has come back, and what it brought is in hand or given up.
    pub(crate) fn settle(&self, ids: &[Uuid]) {
        let mut books = self.books();
        for id in ids {
            books.out.remove(id);
        }
        if books.out.is_empty() {
            self.settled.notify_waiters();
        }
    }

    /// Resolves once all loans have come back.
    pub(crate) async fn settled(&self) {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            settled.as_mut().enable();
            if self.books().out.is_empty() {
                return;
            }
            settled.await;
        }
    }
}

impl Loan {
    /// Whose slots they are.
    pub(crate) fn claimer(&self) -> Claimer<'_> {
        Claimer { worker: self.desk.worker, slots: self.slots, functions: &self.desk.functions }
    }

    /// The statement was answered, with what it claimed.
    pub(crate) fn answered(mut self, claimed: Vec<Claimed>) {
        if let Some(back) = &mut self.back {
            (back.claimed, back.lost) = (claimed, false);
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(back) = self.back.take() else { return };
        let ids = back.ids.clone();
        if !(self.desk.back)(back) {
            // Whoever ends the worker hands back what is marked as its own.
            self.desk.settle(&ids);
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("worker", &self.worker).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Returns = Arc<Mutex<Vec<Return>>>;

    fn items(n: usize, function: &'static str) -> Vec<NewWork> {
        std::iter::repeat_with(|| NewWork::plain(function)).take(n).collect()
    }

    /// Of a worker of one function, with three free slots beside two; what comes back to it.
    fn desk(listens: bool) -> (Arc<Desk>, Returns) {
        let returns = Returns::default();
        let told = Arc::clone(&returns);
        let back = move |back| {
            told.lock().unwrap().push(back);
            listens
        };
        let desk = Desk::new(Uuid::nil(), vec!["send"], back);
        desk.lend(&"emails".into(), Some(Lent { free: 3, in_use: 2 }));
        (Arc::new(desk), returns)
    }

    #[test]
    fn slots_are_lent_once_and_only_while_the_worker_sleeps() {
        let (desk, _) = desk(true);
        assert!(desk.take(&items(1, "send")).is_none(), "it is awake");
        desk.open();
        assert!(desk.take(&items(4, "send")).is_none() && desk.take(&items(1, "other")).is_none());
        let loans = [desk.take(&items(2, "send")).unwrap(), desk.take(&items(1, "send")).unwrap()];
        assert_eq!(loans.each_ref().map(|loan| loan.claimer().slots), [4, 5]);
        assert!(desk.take(&items(1, "send")).is_none(), "none is left");
        let taken: i64 = desk.close().iter().map(|(_, slots)| slots).sum();
        assert_eq!((taken, desk.close().len(), desk.out().len()), (3, 0, 3));
    }

    #[test]
    fn what_was_left_of_a_pool_is_not_lent_when_the_worker_has_been_awake() {
        let (desk, _) = desk(true);
        desk.open();
        let _taken = desk.take(&items(1, "send")).unwrap();
        desk.close();
        desk.open();
        assert!(desk.take(&items(1, "send")).is_none(), "it may have used what was left");
    }

    #[test]
    fn a_loan_comes_back_as_lost_unless_it_was_answered() {
        let (desk, returns) = desk(true);
        desk.open();
        desk.take(&items(1, "send")).unwrap().answered(Vec::new());
        drop(desk.take(&items(1, "send")));
        let returns = std::mem::take(&mut *returns.lock().unwrap());
        assert_eq!(returns.iter().map(|back| back.lost).collect::<Vec<_>>(), [false, true]);
        assert_eq!(desk.out().len(), 2, "nobody has taken them in yet");
        for back in &returns {
            desk.settle(&back.ids);
        }
        assert!(desk.out().is_empty());
    }

    #[tokio::test]
    async fn loans_are_settled_when_nobody_is_there_to_take_them_back() {
        let (desk, _) = desk(false);
        desk.open();
        let loan = desk.take(&items(1, "send")).unwrap();
        let end = async { drop(loan) };
        // In this order: it waits for the loan.
        tokio::join!(biased; desk.settled(), end);
        assert!(desk.out().is_empty());
    }
}
