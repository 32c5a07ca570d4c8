//! What is derived from a few lines of metrics.

use super::*;

const HEADS: &str = "microservice,web,db,web,db\nmetric,latency,latency,availability,availability\n\
                     statistic,Average,Average,Average,Average\nunix_timestamp,,,,\n";

fn case() -> Case {
    serde_json::from_str(
        r#"{"target": {"node": "web", "metric": "latency", "agg": "Average", "timestamp": 1250}, "root_cause": {"node": "db", "metric": null}}"#,
    )
    .unwrap()
}

#[test]
fn what_is_far_from_usual_in_the_bad_direction_is_an_alert() {
    let usual = series(&format!("{HEADS}0,1.0,2.0,100,100\n300,1.1,2.2,100,100\n600,0.9,1.8,100,100\n"));
    let observed = series(&format!("{HEADS}900,1.2,2.1,99,150\n1200,1.4,1.0,,98\n"));
    let storm = storm(&case(), &observed, &usual, ",web,db\nweb,0.0,1.0\ndb,0.0,0.0\n");
    let alerts: BTreeSet<(String, String, i64)> = storm
        .posts
        .iter()
        .flat_map(|post| &post.webhook.alerts)
        .map(|alert| {
            (
                alert.labels["alertname"].clone(),
                alert.labels["service"].clone(),
                alert.starts_at.as_second(),
            )
        })
        .collect();
    // web: 1.0 +- 0.1, so 1.2 is near and 1.4 is far; db: faster is not worse; availability: 100 +- 0.5, so 98 is far and 150 is well.
    let expected = [("ServiceLatencyHigh", "web", 1500), ("ServiceAvailabilityLow", "db", 1500)];
    assert_eq!(
        alerts,
        expected
            .map(|(alert, service, at)| (alert.to_owned(), service.to_owned(), at))
            .into()
    );
    assert_eq!(storm.topology.edges.len(), 1);
    assert_eq!(storm.truth.incidents[0].root.to_string(), "Service/petshop/db");
}

#[test]
fn what_is_off_from_the_first_moment_began_before_the_issue_and_what_was_so_while_all_was_well_is_no_alert() {
    let usual = series(&format!("{HEADS}0,1.0,2.0,100,100\n300,1.1,2.2,100,100\n600,0.9,9.8,100,100\n"));
    let observed = series(&format!("{HEADS}900,1.2,9.7,99,90\n1200,1.4,9.7,100,90\n"));
    let storm = storm(&case(), &observed, &usual, ",web,db\nweb,0.0,1.0\ndb,0.0,0.0\n");
    let truths: Vec<(i64, bool)> = storm
        .truth
        .alerts
        .iter()
        .map(|alert| (alert.starts_at.as_second(), alert.incident.is_some()))
        .collect();
    // web's latency within the data; db's availability for as long as there is data; its latency was as high in quiet times.
    let standing = STANDING.as_secs();
    assert_eq!(truths, [(1500, true), (1200 - standing, false)]);
    assert_eq!(storm.posts[0].at.as_second(), 1200 - standing + 30);
}

#[test]
fn an_address_leads_to_what_answers_there() {
    let calls = [
        ("PetSite", "servi-searc.us-west-2.elb.amazonaws.com_remote"),
        ("PetSearch_AWS::ECS::Fargate", "S3_AWS::S3"),
        ("payforadoption_AWS::ECS::Container", "execute-api.us-west-2.amazonaws.com_remote"),
        ("payforadoption_AWS::ECS::Container", "Updater/prod_AWS::ApiGateway::Stage"),
        ("payforadoption_AWS::ECS::Container", "www.amazon.com_remote"),
    ];
    let calls = calls.map(|(caller, callee)| (caller.to_owned(), callee.to_owned()));
    let behind = [
        ("execute-api.us-west-2.amazonaws.com_remote", "Updater/prod_AWS::ApiGateway::Stage"),
        ("servi-searc.us-west-2.elb.amazonaws.com_remote", "PetSearch_AWS::ECS::Fargate"),
    ];
    assert_eq!(
        behind_fronts(&calls),
        behind.map(|(front, behind)| (front.to_owned(), behind.to_owned()))
    );
}

#[test]
fn the_target_is_alerted_about_even_if_the_rule_does_not_see_it() {
    let storm = storm(&case(), &Series::new(), &Series::new(), ",web\nweb,0.0\n");
    assert_eq!(storm.truth.alerts.len(), 1);
    assert_eq!(storm.posts[0].webhook.alerts[0].labels["service"], "web");
}
