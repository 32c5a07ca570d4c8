//! The order of ways out by what was measured.

use paramedic_domain::plan::{Approach, Plan, PlanOption, Refusal};

use super::{fixtures::Case, p01::seven};
use crate::core::{
    cooldown::Tally,
    experience::Success,
    options::Wanted,
    ranking::{Track, ranked},
};

fn option(title: &str) -> PlanOption {
    PlanOption {
        approach: Approach::Fix,
        title: title.into(),
        tradeoff: String::new(),
        recommendations: seven(),
        refusals: Vec::new(),
        rollback: None,
    }
}

fn here(failed: u32, brief: u32) -> Track {
    Track {
        here: Tally { held: 0, brief, failed },
        elsewhere: Vec::new(),
    }
}

fn elsewhere(verified: u32, tried: u32) -> Track {
    Track {
        here: Tally::default(),
        elsewhere: vec![("restart_pod".into(), Success { tried, verified })],
    }
}

/// The titles in their new order, and the notes.
fn order(tracks: [Track; 3], only: Option<usize>) -> (Vec<String>, Vec<String>) {
    let wanted = Wanted {
        options: ["one", "two", "three"].map(option).into(),
        only,
        by_person: false,
        notes: Vec::new(),
    };
    let plan = Case::of(seven()).plan().unwrap();
    let outcomes = ["1", "2", "3"].map(|summary| {
        let summary = summary.to_owned();
        Ok(Plan { summary, ..plan.clone() })
    });
    let (wanted, outcomes) = ranked(wanted, outcomes.into(), tracks.into(), "memory_leak");
    let titles: Vec<String> = wanted.options.into_iter().map(|option| option.title).collect();
    let summaries: Vec<String> = outcomes
        .into_iter()
        .map(|outcome: Result<Plan, Vec<Refusal>>| outcome.unwrap().summary)
        .collect();
    let numbers = ["one", "two", "three"];
    let moved: Vec<&str> = summaries
        .iter()
        .map(|number| numbers[number.parse::<usize>().unwrap() - 1])
        .collect();
    assert_eq!(titles, moved, "what an option would become stays with it");
    (titles, wanted.notes)
}

#[test]
fn what_failed_or_did_not_last_here_comes_last_and_what_rarely_helps_behind_its_equals() {
    let none = Track::default;
    let table = [
        ([none(), none(), none()], ["one", "two", "three"]),
        ([here(1, 0), none(), none()], ["two", "three", "one"]),
        ([here(0, 2), here(1, 0), none()], ["three", "two", "one"]),
        ([elsewhere(1, 4), none(), none()], ["two", "three", "one"]),
        ([elsewhere(1, 4), here(1, 0), none()], ["three", "one", "two"]),
        // two tries say nothing, and half is not rare
        ([elsewhere(0, 2), elsewhere(2, 4), none()], ["one", "two", "three"]),
    ];
    for (tracks, expected) in table {
        assert_eq!(order(tracks.clone(), None).0, expected, "{tracks:?}");
    }
}

#[test]
fn the_numbers_are_said_with_what_they_changed_and_a_choice_is_not_reordered() {
    let tracks = || [elsewhere(1, 4), elsewhere(3, 4), here(0, 1)];
    let (_, notes) = order(tracks(), None);
    assert_eq!(
        notes,
        [
            "measured before: option 1 (two): restart_pod worked 3 of 4 times against memory_leak in this cluster",
            "measured before: option 2 (one): restart_pod worked 1 of 4 times against memory_leak in this cluster; proposed as option 1, and put \
             behind others for that",
            "measured before: option 3 (three): on this target it worked 1 of 1 times, and did not last 1 times",
        ]
    );
    let (titles, notes) = order(tracks(), Some(0));
    assert_eq!((titles[0].as_str(), notes.len()), ("one", 3));
}
