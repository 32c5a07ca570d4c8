//! Files of an incident are handed out whole, and no others.

use paramedic_bus::streams;
use paramedic_domain::{diagnosis, id::IncidentId};
use paramedic_proto::v1::ArtifactRequest;
use tonic::Code;

use crate::harness::Console;

#[tokio::test]
async fn a_file_is_read_by_its_name_and_only_of_its_own_incident() {
    let mut console = Console::start("").await;
    let (incident, other) = (IncidentId::derive(&["a"]), IncidentId::derive(&["b"]));
    let name = diagnosis::seen(&incident, 1);
    let content: Vec<u8> = (0..2_500_000_u32).map(|i| (i % 251) as u8).collect();
    let bucket = console.kit.bus.blobs(streams::ARTIFACTS).await.unwrap();
    bucket.put(&name, content.clone().into()).await.unwrap();
    bucket.put("topology/abc", "not of an incident".into()).await.unwrap();

    let request = |incident: &IncidentId, name: &str| ArtifactRequest {
        incident: incident.to_string(),
        name: name.to_owned(),
    };
    let mut parts = console.client.artifact(request(&incident, &name)).await.unwrap().into_inner();
    let (mut read, mut count) = (Vec::new(), 0);
    while let Some(part) = parts.message().await.unwrap() {
        read.extend(part.content);
        count += 1;
    }
    assert_eq!((read == content, count), (true, 3), "whole, and in parts of a megabyte");
    for (incident, name) in [
        (&other, name.as_str()),
        (&incident, "topology/abc"),
        (&incident, "absent"),
        (&incident, &diagnosis::seen(&incident, 2)),
        (&incident, incident.as_str()),
    ] {
        let refused = console.client.artifact(request(incident, name)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{incident} {name}");
    }
    console.stop().await;
}
