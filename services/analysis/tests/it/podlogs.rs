//! Without Loki, the last words of what crashed come from the API server.

use paramedic_analysis::{
    core::decide::Conclusion,
    shell::{investigate::investigate, probes::Probes},
};
use paramedic_domain::evidence::Source as Kept;
use paramedic_simulator::Source;

use crate::{
    cases::{alerts, folder, recorded, truth},
    world::{access, clock, config, rules},
};

#[tokio::test(flavor = "multi_thread")]
async fn with_loki_down_the_last_words_of_a_crash_come_from_the_api_server() {
    let words = [
        ("C11-postgres-crashloop-two-apps", "could not map anonymous shared memory"),
        ("P16-misdirection-and-injection", "fatal: bad release"),
    ];
    for (name, words) in words {
        let case = folder().join(name);
        let simulator = recorded(&case, truth(&case).now.unwrap(), vec![Source::Loki]).await;
        let probes = Probes::new(&access(&simulator).await, clock(&simulator), config(), rules());
        let conclusion = investigate(&probes, alerts(&case), &mut |_, _| {}).await.unwrap();
        simulator.shutdown().await;
        let evidence = match &conclusion {
            Conclusion::Found(found) => &found.evidence,
            Conclusion::Inconclusive { evidence, .. } => evidence,
        };
        let found = evidence
            .iter()
            .any(|one| one.source == Kept::Kubernetes && one.query.contains("/log?container=") && one.excerpt.contains(words));
        assert!(found, "{name}: {evidence:#?}");
    }
}
