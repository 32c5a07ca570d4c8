//! The topology that was announced last.

use paramedic_bus::topologies::Topologies;
use paramedic_domain::{digest::Digest, topology::TopologyTaken};
use paramedic_proto::v1::TopologyRequest;
use paramedic_wire::Wire;
use tonic::Code;

use crate::harness::{Console, cluster};

#[tokio::test]
async fn the_last_topology_is_handed_out_as_it_was_stored() {
    let mut console = Console::start("").await;
    let own = TopologyRequest { cluster: None };
    let nothing = console.client.topology(own.clone()).await.unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    let topologies = Topologies::open(&console.kit.bus).await.unwrap();
    let mut after = 0;
    for content in ["first", "second", "first"] {
        let taken = TopologyTaken {
            taken_at: console.kit.clock.now(),
            digest: Digest::of(content.as_bytes()),
            artifact: format!("topology/{content}"),
            entities: 2,
            edges: 1,
        };
        let seq = topologies.announce(&cluster(), &taken, content.into(), after).await.unwrap();
        // Whoever does not know the last one is not heard.
        topologies.announce(&cluster(), &taken, content.into(), after).await.unwrap_err();
        after = seq;
        let answer = console.client.topology(own.clone()).await.unwrap().into_inner();
        assert_eq!(answer.content, content.as_bytes());
        assert_eq!(TopologyTaken::from_proto(answer.taken.unwrap()).unwrap(), taken);
    }
    let other = TopologyRequest {
        cluster: Some("other".into()),
    };
    assert_eq!(console.client.topology(other).await.unwrap_err().code(), Code::NotFound);
    console.stop().await;
}
