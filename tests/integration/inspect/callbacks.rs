//! Callbacks that are still to run, and parked ones.

use workpool::inspect::CallbackState::{self, Due, Parked, Running};
use workpool_tests::Stage;

use crate::functions::{echo, ended};

/// So many callbacks that are due, because no worker is there.
async fn due(stage: &Stage, items: usize) {
    let texts = (0..items).map(|n| n.to_string());
    echo::enqueue_batch(stage.workpool(), texts).on_complete::<ended>("c".into()).await.unwrap();
    stage.workpool().pool("echo").cancel_all().run().await.unwrap();
}

#[tokio::test]
async fn parked_ones_come_first_and_each_is_in_the_list_of_its_state() {
    let stage = Stage::new().await;
    due(&stage, 6).await;
    stage
        .execute(
            "UPDATE workpool.callbacks SET parked_at = now(), error = '{\"kind\":\"error\",\"message\":\"no\"}'
             WHERE id IN (SELECT id FROM workpool.callbacks ORDER BY id LIMIT 2);
             UPDATE workpool.callbacks SET worker = gen_random_uuid()
             WHERE id IN (SELECT id FROM workpool.callbacks WHERE parked_at IS NULL ORDER BY id LIMIT 1)",
        )
        .await;
    let inspector = stage.workpool().inspect();
    let states = async |state: Option<CallbackState>, limit| {
        let (mut states, mut after) = (Vec::new(), None);
        for _ in 0..20 {
            let page = inspector.callbacks(state, after.as_ref(), limit).await.unwrap();
            states.extend(page.rows.iter().map(|row| row.state));
            after = page.next;
            if after.is_none() {
                return states;
            }
        }
        panic!("no end")
    };
    for limit in [1, 2, 3, 10] {
        let all = states(None, limit).await;
        assert_eq!(all[..2], [Parked, Parked], "limit {limit}");
        assert_eq!(all.len(), 6, "limit {limit}");
        assert_eq!(states(Some(Parked), limit).await, [Parked; 2]);
        assert_eq!(states(Some(Running), limit).await, [Running]);
        assert_eq!(states(Some(Due), limit).await, [Due; 3]);
    }
    let page = inspector.callbacks(Some(Parked), None, 1).await.unwrap();
    assert_eq!(page.rows[0].failure.as_ref().unwrap().message(), "no");
    assert!(page.rows[0].callback.ends_with("ended"));
}

#[tokio::test]
async fn a_replayed_callback_runs_and_the_replay_is_on_record() {
    let stage = Stage::new().await;
    due(&stage, 1).await;
    stage.execute("UPDATE workpool.callbacks SET parked_at = now()").await;
    let inspector = stage.workpool().inspect().acting_as("ada");
    let parked = inspector.callbacks(Some(CallbackState::Parked), None, 10).await.unwrap();
    let id = parked.rows[0].work_id;
    assert_eq!(inspector.replay_callbacks(&[id]).await.unwrap(), 1);
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.notes().await, ["c: canceled after 0"]);
    let act = inspector.audit(10).await.unwrap().remove(0);
    assert_eq!((&*act.who, &*act.action, &*act.outcome), ("ada", "replay_callbacks", "1"));
    assert_eq!(act.target, id.to_string());
}
