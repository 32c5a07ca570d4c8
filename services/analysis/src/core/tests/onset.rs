//! Change points: shifts are found where they are, noise is not one, and what comes back is over.

use jiff::SignedDuration;
use paramedic_domain::{diagnosis::Factor, evidence::Source};
use proptest::prelude::*;

use super::fixtures::{ago, facts, knobs, pod, revision};
use crate::core::{
    contest::diagnose,
    facts::Facts,
    onset::{Onset, Signal, change_points, shift},
};

/// Noise that is the same every time: between -1 and 1.
fn noise(seed: u64, n: usize) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n as u64).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) as f64 / u64::MAX as f64).mul_add(2.0, -1.0)
}

fn minutes(values: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
    values.into_iter().enumerate().map(|(n, value)| (n as f64 * 60.0, value)).collect()
}

#[test]
fn a_rise_that_came_back_and_one_that_was_always_there_are_no_onsets() {
    let level = |n: usize| if (60..90).contains(&n) { 4.0 } else { 0.2 };
    assert_eq!(shift(Signal::Latency, &minutes((0..180).map(level)), None), None);
    assert_eq!(
        shift(Signal::Latency, &minutes([4.0; 180]), Some(0.2)),
        None,
        "since before the window"
    );
    assert_eq!(shift(Signal::Latency, &minutes([0.2; 180]), None), None);
    assert_eq!(shift(Signal::Latency, &[], None), None);
}

#[test]
fn what_is_usual_at_this_hour_of_other_days_is_no_onset() {
    let morning = minutes((0..180).map(|n| if n < 60 { 0.2 } else { 0.5 }));
    assert!(shift(Signal::Latency, &morning, None).is_some());
    assert_eq!(shift(Signal::Latency, &morning, Some(0.45)), None);
}

#[test]
fn a_rate_that_rises_over_some_minutes_begins_with_its_first() {
    let slope = |n: usize| if n < 100 { 0.0 } else { ((n - 99) as f64 * 0.02).min(0.1) };
    let found = shift(Signal::Errors, &minutes((0..180).map(slope)), None).unwrap();
    assert_eq!(found.at, 6_000.0);
}

fn release() -> Facts {
    let mut facts = facts("shop", "cart", "cart", 1e9);
    pod(
        &mut facts,
        "cart-2-a",
        "rs-2",
        4,
        Some(super::fixtures::exit_1()),
        Some("CrashLoopBackOff"),
    );
    revision(
        &mut facts,
        2,
        SignedDuration::from_mins(30),
        0,
        &["template.spec.containers[0].image: a -> b"],
    );
    revision(&mut facts, 1, SignedDuration::from_hours(200), 3, &[]);
    facts
}

#[test]
fn a_release_after_the_onset_is_less_certain_than_one_before_it_and_says_why() {
    let with_onset = |ago_minutes: i64| {
        let mut facts = release();
        let evidence = facts.cite(Source::Prometheus, "p99", "p99 left its usual level", None);
        facts.onsets.push(Onset {
            signal: Signal::Latency,
            at: ago(SignedDuration::from_mins(ago_minutes)),
            usual: 0.2,
            level: 4.0,
            evidence,
        });
        diagnose(&facts, &knobs())
    };
    let after = with_onset(25).unwrap();
    let before = with_onset(60);
    let against = |factor: &&Factor| factor.weight < 0.0 && factor.text.contains("before the rollout");
    assert!(after.factors.iter().find(against).is_none(), "{:#?}", after.factors);
    match before {
        Ok(found) => {
            assert!(found.confidence < after.confidence, "{} and {}", found.confidence, after.confidence);
            assert!(found.factors.iter().find(against).is_some(), "{:#?}", found.factors);
        }
        Err(reasons) => assert!(
            reasons.iter().any(|reason| reason.starts_with("bad_release: possible")),
            "{reasons:#?}"
        ),
    }
}

proptest! {
    #[test]
    fn a_shift_of_several_times_the_noise_is_found_where_it_is(
        seed in any::<u64>(), at in 20_usize..160, usual in 0.1_f64..1.0, times in 3.0_f64..20.0, share in 0.0_f64..0.15,
    ) {
        let value = |n: usize| {
            let level = if n < at { usual } else { usual * times };
            level + usual * share * noise(seed, n)
        };
        let found = shift(Signal::Latency, &minutes((0..180).map(value)), None).unwrap();
        let off = (found.at / 60.0 - at as f64).abs();
        prop_assert!(off <= 2.0, "found at minute {} instead of {at}", found.at / 60.0);
        prop_assert!((found.level / (usual * times) - 1.0).abs() < 0.2 && (found.usual / usual - 1.0).abs() < 0.2);
    }

    #[test]
    fn noise_around_one_level_is_no_onset(seed in any::<u64>(), level in 0.2_f64..5.0, share in 0.0_f64..0.3) {
        let points = minutes((0..180).map(|n| level * (1.0 + share * noise(seed, n))));
        prop_assert_eq!(shift(Signal::Latency, &points, None), None);
    }

    #[test]
    fn change_points_lie_within_the_series_in_order_and_apart(values in proptest::collection::vec(-1e6_f64..1e6, 0..120)) {
        let found = change_points(&values);
        prop_assert!(found.is_sorted());
        let mut bounds = vec![0];
        bounds.extend(&found);
        bounds.push(values.len());
        prop_assert!(found.is_empty() || bounds.windows(2).all(|pair| pair[1] - pair[0] >= 3));
    }
}
