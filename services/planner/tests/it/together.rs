//! Two incidents with one root target become one remediation.

use paramedic_domain::{
    event::{Event, WorkflowOutcome},
    incident::Status,
    object::ObjectRef,
};
use paramedic_planner::shell::claims::{Claimed, Claims};
use paramedic_testkit::eventually;

use crate::{
    executor::{Pretend, Served},
    world::{cluster, config, diagnosis, run, seven},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_incident_joins_the_first_with_its_alerts() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let one = running.opened("one", &["aa"]).await;
    let two = running.opened("two", &["bb", "cc"]).await;
    running.reached("one", diagnosis(seven())).await;
    running.until(&one, |incident| incident.plan.is_some()).await;
    running.reached("two", diagnosis(seven())).await;
    let joined = running.until(&two, |incident| incident.end.is_some()).await;
    assert_eq!(joined.status(), Status::Merged);
    assert!(joined.plan.is_none());
    let reason = joined.end.unwrap().reason;
    assert!(reason.contains("is at fault here too") && reason.contains(one.as_str()), "{reason}");
    let survivor = running.until(&one, |incident| incident.alerts.len() == 3).await;
    assert_eq!((survivor.plans, survivor.misfits), (1, 0));
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_incidents_that_wait_for_each_others_targets_one_is_always_left() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let claims = Claims::open(&running.bus, running.log.clone(), running.clock.clone())
        .await
        .unwrap();
    let target = |name: &str| ObjectRef::new("apps/v1", "Deployment", Some("production"), name);
    for round in 0..60 {
        let ring = 2 + round % 2;
        let mut all = Vec::new();
        for one in 0..ring {
            let name = format!("{round}-{one}");
            let id = running.opened(&name, &[name.as_str()]).await;
            let log = running.log.read(&cluster(), &id).await.unwrap();
            let incident = running.log.load(&cluster(), &id).await.unwrap();
            let cause = log[0].envelope.clone();
            assert_eq!(claims.claim(&incident, &target(&name), &cause).await.unwrap(), Claimed::Ours);
            all.push((incident, cause));
        }
        let crossing = all.iter().enumerate().map(|(one, (incident, cause))| {
            let (claims, log) = (claims.clone(), running.log.clone());
            let wanted = target(&format!("{round}-{}", (one + 1) % ring));
            async move {
                // As the planner does it: again as long as the incident needs a plan.
                while claims.claim(incident, &wanted, cause).await.unwrap() == Claimed::Busy
                    && log.load(&cluster(), &incident.id).await.unwrap().end.is_none()
                {
                    tokio::task::yield_now().await;
                }
            }
        });
        futures::future::join_all(crossing).await;
        let mut left = 0;
        for (incident, _) in &all {
            left += usize::from(running.log.load(&cluster(), &incident.id).await.unwrap().end.is_none());
        }
        assert_eq!(left, 1, "round {round}");
    }
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_never_becomes_a_part_of_an_incident_and_is_told_which_one_works_on_its_target() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let one = running.opened("one", &["aa"]).await;
    running.reached("one", diagnosis(seven())).await;
    running.until(&one, |incident| incident.plan.is_some()).await;
    let two = running.asked("two").await;
    running.reached("two", diagnosis(seven())).await;
    let refused = running.until(&two, |incident| incident.refusals.is_some()).await;
    let reason = &refused.refusals.as_ref().unwrap()[0].reason;
    assert!(
        reason.contains(one.as_str()) && reason.contains("ask again when it has ended"),
        "{reason}"
    );
    assert!(refused.end.is_none(), "whoever looks after it tells people");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_does_not_become_a_part_of_a_request_and_is_planned_after_it() {
    let served = Served::start(Pretend::default()).await;
    let mut config = config(&served.url);
    config.cooldown_seconds = 0;
    let running = run(config).await;
    let one = running.asked("one").await;
    running.reached("one", diagnosis(seven())).await;
    running.until(&one, |incident| incident.plan.is_some()).await;
    let two = running.opened("two", &["aa"]).await;
    running.reached("two", diagnosis(seven())).await;
    running.ran(&one, WorkflowOutcome::Succeeded, None).await;
    running.append(&one, vec![Event::IncidentResolved { reason: "well".into() }]).await;
    let planned = running
        .until(&two, |incident| incident.plan.is_some() || incident.end.is_some())
        .await;
    assert!(planned.plan.is_some() && planned.end.is_none(), "{:?}", planned.end);
    let request = running.until(&one, |incident| incident.end.is_some()).await;
    assert!(request.alerts.is_empty(), "the alerts stay where they are");
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_ended_gives_its_target_back() {
    let served = Served::start(Pretend::default()).await;
    let mut config = config(&served.url);
    config.cooldown_seconds = 0;
    let running = run(config).await;
    let one = running.opened("one", &["aa"]).await;
    running.reached("one", diagnosis(seven())).await;
    running.until(&one, |incident| incident.plan.is_some()).await;
    running.ran(&one, WorkflowOutcome::Succeeded, None).await;
    running.append(&one, vec![Event::IncidentResolved { reason: "well".into() }]).await;
    let leases = running.bus.kv("leases", None).await.unwrap();
    eventually!(leases.keys().await.unwrap().is_empty(), "the claim is still there");
    let two = running.opened("two", &["bb"]).await;
    running.reached("two", diagnosis(seven())).await;
    let planned = running.until(&two, |incident| incident.plan.is_some()).await;
    assert!(planned.end.is_none());
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_its_owner_forgot_holds_nobody_up() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let leases = running.bus.kv("leases", None).await.unwrap();
    let key = format!("root/{}", diagnosis(seven()).target.lease_key(&cluster()));
    let gone = running.opened("gone", &[]).await;
    running.append(&gone, vec![Event::IncidentResolved { reason: "well".into() }]).await;
    leases.create(&key, gone.as_str().to_owned().into()).await.unwrap();
    let id = running.diagnosed(seven()).await;
    let planned = running.until(&id, |incident| incident.plan.is_some()).await;
    assert!(planned.end.is_none());
    let holder = leases.get(&key).await.unwrap().unwrap().value.unwrap();
    assert_eq!(&holder[..], id.as_str().as_bytes());
    running.stop().await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_plan_leaves_its_target_to_others() {
    let served = Served::start(Pretend::default()).await;
    let running = run(config(&served.url)).await;
    let one = running.opened("one", &["aa"]).await;
    running
        .reached("one", diagnosis(serde_json::json!([{"id": "a", "action": "drop_database"}])))
        .await;
    running.until(&one, |incident| incident.refusals.is_some()).await;
    let leases = running.bus.kv("leases", None).await.unwrap();
    eventually!(leases.keys().await.unwrap().is_empty(), "the claim is still there");
    let two = running.opened("two", &["bb"]).await;
    running.reached("two", diagnosis(seven())).await;
    running.until(&two, |incident| incident.plan.is_some()).await;
    running.stop().await;
    served.stop().await;
}
