//! Maintenance windows that people declare.

use paramedic_bus::{Start, streams};
use paramedic_domain::{maintenance::WindowChange, subject::Subject};
use paramedic_proto::v1::{AddWindowRequest, EndWindowRequest, ListWindowsRequest, add_window_request::End};
use paramedic_wire::Wire;
use tonic::Code;

use crate::harness::{Console, cluster, signed};

fn hour(matcher: &str, by: &str) -> AddWindowRequest {
    AddWindowRequest {
        cluster: String::new(),
        matchers: vec![matcher.into()],
        from: None,
        end: Some(End::Lasts(std::time::Duration::from_secs(3600).to_proto())),
        reason: "disks are being replaced".into(),
        by: by.into(),
    }
}

#[tokio::test]
async fn a_window_is_declared_listed_and_ended() {
    let mut console = Console::start("").await;
    let added = console.maintenance.add_window(hour("namespace=shop", "ann")).await.unwrap();
    let added = added.into_inner().window.unwrap();
    assert_eq!(
        (added.by.as_str(), &added.matchers[..]),
        ("ann", &["namespace=\"shop\"".to_owned()][..])
    );
    let list = ListWindowsRequest { cluster: String::new() };
    let listed = console.maintenance.list_windows(list.clone()).await.unwrap().into_inner().windows;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].open_until.is_some() && !listed[0].configured);

    let end = EndWindowRequest {
        cluster: String::new(),
        id: added.id.clone(),
        by: "bob".into(),
    };
    console.maintenance.end_window(end.clone()).await.unwrap();
    let again = console.maintenance.end_window(end).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound, "{again}");
    assert!(
        console
            .maintenance
            .list_windows(list.clone())
            .await
            .unwrap()
            .into_inner()
            .windows
            .is_empty()
    );

    let subject = Subject::Window { cluster: cluster() }.to_string();
    let stored = console.kit.bus.replay(streams::ALERTS, &subject, Start::Beginning).await.unwrap();
    let told: Vec<_> = stored
        .iter()
        .map(|message| paramedic_wire::decode_window(&message.payload).unwrap())
        .collect();
    assert!(matches!(&told[0].change, WindowChange::Added { window } if window.id.as_str() == added.id));
    assert!(matches!(&told[1].change, WindowChange::Ended { id, by } if id.as_str() == added.id && by == "bob"));
    assert_eq!(told.len(), 2);

    console.maintenance.add_window(hour("namespace=shop", "ann")).await.unwrap();
    console.kit.clock.advance(std::time::Duration::from_secs(3600));
    assert!(
        console
            .maintenance
            .list_windows(list)
            .await
            .unwrap()
            .into_inner()
            .windows
            .is_empty(),
        "it is over"
    );
    console.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_field() {
    let mut console = Console::start("").await;
    for (request, about) in [
        (hour("namespace", "ann"), "matchers"),
        (hour("namespace=~.*", "ann"), "one matcher at least"),
        (hour("namespace=shop", ""), "by"),
        (
            AddWindowRequest {
                end: None,
                ..hour("namespace=shop", "ann")
            },
            "until when",
        ),
        (
            AddWindowRequest {
                cluster: "no.cluster".into(),
                ..hour("namespace=shop", "ann")
            },
            "cluster",
        ),
    ] {
        let refused = console.maintenance.add_window(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(about), "{refused}");
    }
    console.stop().await;
}

#[tokio::test]
async fn only_responders_declare_windows_where_people_are_known() {
    let mut console = Console::guarded("responder", "0123456789abcdef").await;
    let refused = console.maintenance.add_window(hour("namespace=shop", "ann")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let added = console
        .maintenance
        .add_window(signed(hour("namespace=shop", "eve")))
        .await
        .unwrap()
        .into_inner()
        .window
        .unwrap();
    assert_eq!(added.by, "ann");
    console.stop().await;
}

#[tokio::test]
async fn windows_declared_at_the_same_time_are_all_kept() {
    let console = Console::start("").await;
    let adding = (0..8).map(|number| {
        let mut client = console.maintenance.clone();
        async move { client.add_window(hour(&format!("namespace=shop-{number}"), "ann")).await.unwrap() }
    });
    futures::future::join_all(adding).await;
    let mut client = console.maintenance.clone();
    let list = ListWindowsRequest { cluster: String::new() };
    assert_eq!(client.list_windows(list).await.unwrap().into_inner().windows.len(), 8);
    console.stop().await;
}
