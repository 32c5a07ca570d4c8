//! People say which alerts belong together.

use std::collections::BTreeMap;

use paramedic_bus::{Start, streams};
use paramedic_domain::{
    alert::{Alert, AlertStatus, Severity},
    correlation::{Correction, Notice},
    event::Event,
    subject::Subject,
};
use paramedic_proto::v1::RegroupRequest;
use paramedic_wire::Wire;
use tonic::Code;

use crate::harness::{Console, cluster, resolved};

fn with_alerts(fingerprints: &[&str]) -> Event {
    let alert = |fingerprint: &&str| Alert {
        fingerprint: (*fingerprint).into(),
        status: AlertStatus::Firing,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: "2026-11-21T22:00:00Z".parse().unwrap(),
        ends_at: None,
        generator_url: String::new(),
        group_key: String::new(),
    };
    Event::IncidentOpened {
        title: "t".into(),
        severity: Severity::Critical,
        alerts: fingerprints.iter().map(alert).collect(),
        traceparent: None,
        request: None,
    }
}

fn request(correction: &Correction) -> RegroupRequest {
    RegroupRequest {
        cluster: cluster().to_string(),
        correction: Some(correction.to_proto()),
        by: "ann".into(),
    }
}

#[tokio::test]
async fn a_correction_is_told_to_the_correlator_once_it_makes_sense() {
    let mut console = Console::start("").await;
    let one = console.append("one", vec![with_alerts(&["a", "b"])]).await;
    let two = console.append("two", vec![with_alerts(&["c"])]).await;
    let over = console.append("three", vec![with_alerts(&["d"]), resolved()]).await;

    let merge = |from: &_, into: &_| Correction::Merge {
        from: Clone::clone(from),
        into: Clone::clone(into),
    };
    let answer = console.client.regroup(request(&merge(&two, &one))).await.unwrap();
    assert_eq!(answer.into_inner().alerts, 1);
    let split = Correction::Split {
        from: one.clone(),
        fingerprints: vec!["b".into()],
    };
    console.client.regroup(request(&split)).await.unwrap();

    let refused = console.client.regroup(request(&merge(&one, &over))).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("is over (verified)"), "{refused}");
    let unknown = merge(&one, &"inc_nobody".parse().unwrap());
    assert_eq!(console.client.regroup(request(&unknown)).await.unwrap_err().code(), Code::NotFound);
    let nothing = RegroupRequest {
        correction: None,
        ..request(&split)
    };
    assert_eq!(console.client.regroup(nothing).await.unwrap_err().code(), Code::InvalidArgument);

    let subject = Subject::Told { cluster: cluster() }.to_string();
    let stored = console.kit.bus.replay(streams::ALERTS, &subject, Start::Beginning).await.unwrap();
    let told: Vec<Notice> = stored
        .iter()
        .map(|message| paramedic_wire::decode_told(&message.payload).unwrap().notice)
        .collect();
    let corrected = |correction| Notice::Corrected {
        correction,
        by: "ann".into(),
    };
    assert_eq!(told, [corrected(merge(&two, &one)), corrected(split)]);
    console.stop().await;
}
