//! The kill switch.

use paramedic_proto::v1::{GetKillSwitchRequest, KillSwitchPosition, SetKillSwitchRequest};
use tonic::Code;

use crate::harness::{Console, signed};

fn moved(thrown: bool, reason: &str) -> SetKillSwitchRequest {
    SetKillSwitchRequest {
        thrown,
        reason: reason.into(),
        by: "ann".into(),
    }
}

async fn position(console: &mut Console) -> KillSwitchPosition {
    let answer = console.safety.get_kill_switch(GetKillSwitchRequest {}).await.unwrap();
    answer.into_inner().position.unwrap()
}

#[tokio::test]
async fn it_is_thrown_and_released_by_name_and_reason() {
    let mut console = Console::start("").await;
    assert_eq!(position(&mut console).await, KillSwitchPosition::default());
    console
        .safety
        .set_kill_switch(moved(true, "fire in the data centre"))
        .await
        .unwrap();
    let thrown = position(&mut console).await;
    assert_eq!(
        (thrown.thrown, thrown.by.as_str(), thrown.reason.as_str()),
        (true, "ann", "fire in the data centre")
    );
    assert!(thrown.at.is_some());
    console.safety.set_kill_switch(moved(false, "it is out")).await.unwrap();
    assert!(!position(&mut console).await.thrown);
    console.stop().await;
}

#[tokio::test]
async fn without_a_reason_or_a_token_it_stays_where_it_is() {
    let mut console = Console::start("").await;
    let refused = console.safety.set_kill_switch(moved(true, "  ")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    console.stop().await;
    let mut guarded = Console::guarded("responder", "0123456789abcdef").await;
    let refused = guarded.safety.set_kill_switch(moved(true, "because")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    guarded.safety.set_kill_switch(signed(moved(true, "it burns"))).await.unwrap();
    let released = guarded.safety.set_kill_switch(signed(moved(false, "it is out"))).await.unwrap_err();
    assert_eq!(released.code(), Code::PermissionDenied, "to let everything go on takes an admin");
    let asked = guarded.safety.get_kill_switch(signed(GetKillSwitchRequest {})).await.unwrap();
    assert!(asked.into_inner().position.unwrap().thrown);
    guarded.stop().await;
}
