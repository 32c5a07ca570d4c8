//! Windows and silences.

use jiff::civil::Time;
use paramedic_domain::{
    maintenance::{Day, Schedule, Window, WindowChange, WindowTold},
    matcher::{Comparison, Matcher},
    silence::{Muted, Quiet, Silence},
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
};

use super::base::{id, text, texts, time};

fn matcher() -> impl Strategy<Value = Matcher> {
    let plain = (select(vec![Comparison::Equal, Comparison::NotEqual]), text());
    let pattern = (
        select(vec![Comparison::Matches, Comparison::MatchesNot]),
        "[a-z.*\"\\\\|]{0,8}".prop_map(|text| regex_text(&text)),
    );
    ("[a-z_]{1,8}", prop_oneof![plain, pattern])
        .prop_filter_map("it is too long", |(name, (comparison, value))| {
            Matcher::new(&name, comparison, &value).ok()
        })
        .boxed()
}

/// A text with special characters as a pattern that is one.
fn regex_text(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_ascii_lowercase() { vec![c] } else { vec!['\\', c] })
        .collect()
}

pub(super) fn schedule() -> impl Strategy<Value = Schedule> {
    let day = select(vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun]);
    let clock = || (0i8..24, 0i8..60).prop_map(|(hour, minute)| Time::new(hour, minute, 0, 0).unwrap());
    let zone = select(vec!["UTC", "Europe/Berlin", "America/New_York"]).prop_map(|name| name.parse().unwrap());
    prop_oneof![
        (time(), time()).prop_map(|(from, until)| Schedule::Once { from, until }),
        (vec(day, 0..4), clock(), clock(), zone).prop_map(|(days, from, until, zone)| Schedule::Weekly { days, from, until, zone }),
    ]
    .boxed()
}

fn window() -> impl Strategy<Value = Window> {
    (id("mw_"), vec(matcher(), 0..3), schedule(), text(), text())
        .prop_map(|(id, matchers, schedule, reason, by)| Window {
            id,
            matchers,
            schedule,
            reason,
            by,
        })
        .boxed()
}

pub(crate) fn window_told() -> impl Strategy<Value = WindowTold> {
    let change = prop_oneof![
        vec(window(), 0..3).prop_map(|windows| WindowChange::Configured { windows }),
        window().prop_map(|window| WindowChange::Added { window }),
        (id("mw_"), text()).prop_map(|(id, by)| WindowChange::Ended { id, by }),
    ];
    (time(), change)
        .prop_map(|(told_at, change)| WindowTold { told_at, change })
        .boxed()
}

pub(crate) fn quiet() -> impl Strategy<Value = Quiet> {
    let silence = (vec(matcher(), 0..3), time(), time(), text(), text()).prop_map(|(matchers, starts_at, ends_at, by, comment)| Silence {
        matchers,
        starts_at,
        ends_at,
        by,
        comment,
    });
    let muted = (texts(), texts()).prop_map(|(silenced_by, inhibited_by)| Muted { silenced_by, inhibited_by });
    (text(), time(), btree_map(text(), silence, 0..3), btree_map(text(), muted, 0..3))
        .prop_map(|(source, seen_at, silences, alerts)| Quiet {
            source,
            seen_at,
            silences,
            alerts,
        })
        .boxed()
}
