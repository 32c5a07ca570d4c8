//! List, get, log, cancel.

use paramedic_domain::incident::Incident;
use paramedic_proto::v1::{CancelIncidentRequest, GetIncidentRequest, IncidentStatus, ListIncidentsRequest, LogRequest};
use tonic::Code;

use crate::harness::{Console, cluster, opened, resolved, signed};

fn cancel(incident: &str) -> CancelIncidentRequest {
    CancelIncidentRequest {
        cluster: "prod".into(),
        incident: incident.into(),
        by: "ann".into(),
        reason: "a drill".into(),
    }
}

#[tokio::test]
async fn a_list_shows_what_was_just_written_newest_first() {
    let mut console = Console::start("").await;
    let request = ListIncidentsRequest {
        cluster: None,
        open_only: false,
        limit: 0,
    };
    assert_eq!(console.client.list(request.clone()).await.unwrap().into_inner().total, 0);
    console.append("1", vec![opened("first")]).await;
    console.append("2", vec![opened("second"), resolved()]).await;
    console.append("3", vec![opened("third")]).await;

    let all = console.client.list(request.clone()).await.unwrap().into_inner();
    let titles: Vec<_> = all.incidents.iter().map(|incident| incident.title.as_str()).collect();
    assert_eq!((titles, all.total), (vec!["third", "second", "first"], 3));
    assert_eq!(all.incidents[1].status(), IncidentStatus::Resolved);
    assert_eq!(all.incidents[1].end_reason, "verified");

    let open = ListIncidentsRequest {
        open_only: true,
        limit: 1,
        ..request.clone()
    };
    let open = console.client.list(open).await.unwrap().into_inner();
    assert_eq!(
        (open.incidents.len(), open.total, open.incidents[0].title.as_str()),
        (1, 2, "third")
    );

    let elsewhere = ListIncidentsRequest {
        cluster: Some("other".into()),
        ..request
    };
    assert_eq!(console.client.list(elsewhere).await.unwrap().into_inner().total, 0);
    console.stop().await;
}

#[tokio::test]
async fn get_and_log_agree_with_the_stored_chain() {
    let mut console = Console::start("").await;
    let id = console.append("1", vec![opened("first"), resolved()]).await;
    let (cluster_name, incident) = (cluster().to_string(), id.to_string());
    let got = console
        .client
        .get(GetIncidentRequest {
            cluster: cluster_name.clone(),
            incident: incident.clone(),
        })
        .await
        .unwrap()
        .into_inner();
    let state: Incident = serde_json::from_str(&got.state_json).unwrap();
    assert_eq!(got.summary.unwrap().version, 2);

    let mut stream = console
        .client
        .log(LogRequest {
            cluster: cluster_name,
            incident,
        })
        .await
        .unwrap()
        .into_inner();
    let mut log = Vec::new();
    while let Some(entry) = stream.message().await.unwrap() {
        log.push(paramedic_wire::decode(&entry.envelope).unwrap());
    }
    assert_eq!(Incident::fold(cluster(), id, &log).unwrap(), state);
}

#[tokio::test]
async fn a_cancelled_incident_stays_cancelled_once() {
    let mut console = Console::start("").await;
    let id = console.append("1", vec![opened("first")]).await.to_string();
    let first = console.client.cancel(cancel(&id)).await.unwrap().into_inner();
    assert!(!first.already_ended);
    assert_eq!(first.summary.unwrap().status(), IncidentStatus::Cancelled);
    let second = console.client.cancel(cancel(&id)).await.unwrap().into_inner();
    assert!(second.already_ended);
    assert_eq!(second.summary.unwrap().version, 2);
}

#[tokio::test]
async fn where_people_are_known_a_token_is_needed_to_look_and_a_role_to_cancel() {
    for (role, may) in [("viewer", false), ("responder", true)] {
        let mut console = Console::guarded(role, "0123456789abcdef").await;
        let id = console.append("1", vec![opened("first")]).await.to_string();
        assert_eq!(console.client.cancel(cancel(&id)).await.unwrap_err().code(), Code::Unauthenticated);
        let everything = ListIncidentsRequest::default();
        assert_eq!(
            console.client.list(everything.clone()).await.unwrap_err().code(),
            Code::Unauthenticated
        );
        console.client.list(signed(everything)).await.unwrap();
        let cancelled = console.client.cancel(signed(cancel(&id))).await;
        let log = console.kit.log.read(&cluster(), &id.parse().unwrap()).await.unwrap();
        if may {
            cancelled.unwrap();
            assert_eq!(serde_json::to_value(&log[1].envelope.event).unwrap()["by"], "ann");
        } else {
            assert_eq!(cancelled.unwrap_err().code(), Code::PermissionDenied);
            assert_eq!(log.len(), 1);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let mut console = Console::start("").await;
    for (cluster, incident, code, says) in [
        (
            "prod",
            "inc_nothere",
            Code::NotFound,
            "there is no incident inc_nothere in cluster prod",
        ),
        ("prod", "inc_a.*", Code::InvalidArgument, "incident: invalid incident id"),
        ("", "inc_a", Code::InvalidArgument, "cluster: invalid cluster name"),
    ] {
        let (cluster, incident) = (cluster.to_owned(), incident.to_owned());
        let get = GetIncidentRequest {
            cluster: cluster.clone(),
            incident: incident.clone(),
        };
        let log = LogRequest {
            cluster: cluster.clone(),
            incident: incident.clone(),
        };
        let cancel = CancelIncidentRequest {
            cluster,
            ..cancel(&incident)
        };
        for error in [
            console.client.get(get).await.unwrap_err(),
            console.client.log(log).await.map(|_| ()).unwrap_err(),
            console.client.cancel(cancel).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), code);
            assert!(error.message().starts_with(says), "{error}");
        }
    }
}
