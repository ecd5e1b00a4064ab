//! Turns of many ends: one connection writes them while another one claims, since the server can do
//! both at once, and a commit more is little for so many.

use sqlx::postgres::PgConnection;
use tokio::sync::oneshot;

use super::ends::{self, Step};
use super::turn::Turn;
use crate::store::{SqlResult, Turned};

/// From so many ends on that is faster than one statement for both.
pub(super) const MANY: usize = 64;

impl Turn {
    /// What came of the ends, with what was claimed, and whether that is known. The claim is committed once the
    /// ends are known to be, so that nobody sees more run than the limit; else it is rolled back.
    pub(super) async fn send_beside(&self) -> (SqlResult<Turned>, SqlResult<()>) {
        let shared = &self.shared;
        let (tell, told) = oneshot::channel();
        let end = async {
            let sent = ends::send(shared, (self.fence(), Step::Succeed), &self.ends, false).await;
            // Where the claim has failed, nobody waits for that.
            let _ = tell.send(sent.is_ok());
            sent
        };
        let claim = async |conn: &mut PgConnection| {
            let (store, worker) = (shared.store(), shared.worker);
            let mut tx = store.begin(conn).await?;
            let claimed = store.claim(&mut tx, worker, &self.asks, &shared.functions).await?;
            if told.await == Ok(true) {
                tx.commit().await?;
                return Ok(claimed);
            }
            tx.rollback().await?;
            Ok(Vec::new())
        };
        let (sent, claim) = tokio::join!(end, shared.control(claim));
        let (claimed, claim) = match claim {
            Ok(claimed) => (claimed, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let ended = |sent: ends::Sent| sent.matched.into_iter().collect();
        (sent.map(|sent| Turned { claimed, ended: ended(sent), marked: false }), claim)
    }
}
