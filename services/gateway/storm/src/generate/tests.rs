use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{fingerprint::fingerprint, format::Post, intake};

fn spec() -> impl Strategy<Value = Spec> {
    let variants = prop_oneof![Just(Variant::Plain), Just(Variant::Maintenance), Just(Variant::Twins)];
    (any::<u64>(), 6_usize..50, 0_usize..6, variants).prop_map(|(seed, services, incidents, variant)| Spec {
        seed,
        services,
        incidents,
        variant,
    })
}

fn plain(seed: u64, services: usize, incidents: usize) -> Storm {
    generate(Spec {
        seed,
        services,
        incidents,
        variant: Variant::Plain,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_seed_is_one_storm(spec in spec()) {
        prop_assert_eq!(generate(spec), generate(spec));
    }

    #[test]
    fn every_alert_is_in_a_post_or_lost_and_every_posted_alert_has_its_truth(spec in spec()) {
        let storm = generate(spec);
        let posted: BTreeSet<_> = alerts(&storm).map(|alert| (alert.fingerprint.clone(), alert.starts_at)).collect();
        let told: BTreeMap<_, _> = storm.truth.alerts.iter().map(|alert| ((alert.fingerprint.clone(), alert.starts_at), alert.lost)).collect();
        prop_assert_eq!(told.len(), storm.truth.alerts.len(), "an alert is there once");
        for (alert, lost) in &told {
            prop_assert_eq!(!lost, posted.contains(alert), "{:?}", alert);
        }
        for alert in &posted {
            prop_assert!(told.contains_key(alert), "{:?}", alert);
        }
    }

    #[test]
    fn times_follow_one_another(spec in spec()) {
        let storm = generate(spec);
        prop_assert!(storm.posts.is_sorted_by_key(|post| post.at));
        for post in &storm.posts {
            for alert in &post.webhook.alerts {
                prop_assert!(alert.starts_at <= post.at);
                if alert.status == "resolved" {
                    let ended: jiff::Timestamp = alert.ends_at.parse().unwrap();
                    prop_assert!(alert.starts_at < ended && ended <= post.at);
                }
            }
        }
        for incident in &storm.truth.incidents {
            for alert in storm.truth.alerts.iter().filter(|alert| alert.incident.as_ref() == Some(&incident.id)) {
                prop_assert!(incident.onset <= alert.starts_at);
            }
        }
    }

    #[test]
    fn there_are_as_many_incidents_as_asked_for_of_the_size_and_with_roots_of_their_own(spec in spec()) {
        let storm = generate(spec);
        prop_assert_eq!(storm.truth.incidents.len(), spec.incidents);
        let mut roots = BTreeSet::new();
        for incident in &storm.truth.incidents {
            let mine = || storm.truth.alerts.iter().filter(|alert| alert.incident.as_ref() == Some(&incident.id));
            let label_sets: BTreeSet<_> = mine().map(|alert| &alert.fingerprint).collect();
            prop_assert!((SMALLEST..=LARGEST).contains(&label_sets.len()), "{} alerts", label_sets.len());
            prop_assert!(roots.insert(&incident.root));
            let known = |entity: &Entity| storm.topology.entities.contains(entity);
            prop_assert!(known(&incident.root) || incident.aliases.iter().any(known), "somebody can name {}", incident.root);
        }
    }

    #[test]
    fn the_gateway_takes_every_post(spec in spec()) {
        let storm = generate(spec);
        for post in &storm.posts {
            let alerts = intake::read(serde_json::to_vec(&post.webhook).unwrap()).unwrap();
            prop_assert_eq!(alerts.len(), post.webhook.alerts.len());
        }
    }

    #[test]
    fn labels_say_nothing_of_the_truth(spec in spec()) {
        let storm = generate(spec);
        for alert in alerts(&storm) {
            prop_assert_eq!(&alert.fingerprint, &fingerprint(&alert.labels));
            for value in alert.labels.values() {
                prop_assert!(!value.starts_with("incident-") && !value.starts_with("maintenance-"));
                prop_assert!(Fault::ALL.iter().all(|fault| *value != word(fault)), "{}", value);
            }
        }
    }
}

fn alerts(storm: &Storm) -> impl Iterator<Item = &crate::format::WebhookAlert> {
    storm.posts.iter().flat_map(|post| &post.webhook.alerts)
}

#[test]
fn the_storm_of_a_seed_stays_as_it_is() {
    let storm = plain(1, 6, 1);
    let incident = &storm.truth.incidents[0];
    let mut lines = vec![format!("{} {} at {}", incident.fault, incident.root, incident.onset)];
    let truth: BTreeMap<_, _> = storm.truth.alerts.iter().map(|alert| (&alert.fingerprint, alert)).collect();
    let line = |post: &Post| {
        let members = post.webhook.alerts.iter().map(|alert| {
            let mark = truth[&alert.fingerprint].incident.as_ref().map_or("", |_| "!");
            format!("{mark}{}:{}", &alert.fingerprint[..4], &alert.status[..1])
        });
        format!(
            "{} {} {}",
            post.at.strftime("%T"),
            post.webhook.group_key,
            members.collect::<Vec<_>>().join(" ")
        )
    };
    lines.extend(storm.posts.iter().map(line));
    lines.push(format!(
        "in all {}",
        fingerprint(&BTreeMap::from([
            ("posts".to_owned(), serde_json::to_string(&storm.posts).unwrap()),
            ("topology".to_owned(), serde_json::to_string(&storm.topology).unwrap()),
            ("truth".to_owned(), serde_json::to_string(&storm.truth).unwrap()),
        ]))
    ));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn files_hold_the_whole_storm() {
    let folder = tempfile::tempdir().unwrap();
    for variant in [Variant::Plain, Variant::Maintenance] {
        let storm = generate(Spec {
            seed: 3,
            services: 12,
            incidents: 2,
            variant,
        });
        let folder = folder.path().join(variant.name());
        storm.write(&folder).unwrap();
        assert_eq!(Storm::read(&folder).unwrap(), storm);
    }
}

#[test]
fn a_file_of_another_form_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    plain(3, 6, 0).write(folder.path()).unwrap();
    let posts = folder.path().join("posts.jsonl");
    let first = std::fs::read_to_string(&posts).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(&posts, first + "\n{\"at\": 7}\n").unwrap();
    let error = Storm::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("posts.jsonl:2 is not of the form"), "{error}");
}

#[test]
fn every_fault_comes_to_pass() {
    let seen: BTreeSet<String> = (0..60)
        .flat_map(|seed| plain(seed, 40, 3).truth.incidents)
        .map(|incident| incident.fault)
        .collect();
    assert_eq!(seen.len(), Fault::ALL.len(), "{seen:?}");
}

#[test]
fn alerts_are_lost_and_posts_come_twice_and_late_as_often_as_the_model_says() {
    let storms: Vec<Storm> = (0..30).map(|seed| plain(seed, 40, 3)).collect();
    let all: Vec<_> = storms.iter().flat_map(|storm| &storm.truth.alerts).collect();
    let lost = all.iter().filter(|alert| alert.lost).count() as f64 / all.len() as f64;
    // Beside those that Prometheus loses there are those that end before they are told.
    assert!((0.05..0.15).contains(&lost), "{lost}");
    let (mut posts, mut twice) = (0.0, 0.0);
    for storm in &storms {
        let distinct: BTreeSet<String> = storm
            .posts
            .iter()
            .map(|post| serde_json::to_string(&post.webhook).unwrap())
            .collect();
        posts += distinct.len() as f64;
        twice += (storm.posts.len() - distinct.len()) as f64;
    }
    assert!((0.08..0.12).contains(&(twice / posts)), "{}", twice / posts);
}

#[test]
fn what_a_drain_makes_fire_belongs_to_its_window() {
    let mut found = 0;
    for seed in 0..10 {
        let storm = generate(Spec {
            seed,
            services: 12,
            incidents: 1,
            variant: Variant::Maintenance,
        });
        let window = &storm.windows[0];
        assert!(storm.topology.entities.contains(&window.entity));
        for alert in storm.truth.alerts.iter().filter(|alert| alert.window.is_some()) {
            assert_eq!((alert.window.as_ref(), &alert.incident), (Some(&window.id), &None));
            assert!(window.from < alert.starts_at && alert.starts_at < window.until);
            found += 1;
        }
    }
    assert!(found >= 30, "{found}");
}

#[test]
fn twins_begin_together_and_show_the_same_or_have_one_cause() {
    for seed in 0..20 {
        let storm = generate(Spec {
            seed,
            services: 40,
            incidents: 2,
            variant: Variant::Twins,
        });
        let [one, other] = &storm.truth.incidents[..] else {
            panic!("two were asked for")
        };
        let apart = one.onset.duration_until(other.onset).abs();
        assert!(apart <= jiff::SignedDuration::from_secs(60), "{apart}");
        if one.fault != other.fault {
            let telling = [
                &rules::ROLLOUT_STUCK,
                &rules::OOM_KILLED,
                &rules::MEMORY_NEAR_LIMIT,
                &rules::POSTGRES_DOWN,
            ]
            .map(|rule| rule.name);
            let masked: BTreeSet<_> = storm
                .truth
                .alerts
                .iter()
                .filter(|alert| alert.incident.is_some())
                .map(|alert| &alert.fingerprint)
                .collect();
            for alert in alerts(&storm).filter(|alert| masked.contains(&alert.fingerprint)) {
                assert!(!telling.contains(&alert.labels["alertname"].as_str()), "{:?}", alert.labels);
            }
        }
    }
}
