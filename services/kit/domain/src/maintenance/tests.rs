use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tell(windows: &mut Windows, change: &WindowChange, told_at: Timestamp) {
    let change = change.clone();
    windows.apply(&WindowTold { told_at, change });
}

fn labels(namespace: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("namespace".to_owned(), namespace.to_owned())])
}

fn once(name: &str, namespace: &str, from: &str, until: &str) -> Window {
    Window {
        id: WindowId::derive(&[name]),
        matchers: vec![format!("namespace={namespace}").parse().unwrap()],
        schedule: Schedule::Once {
            from: time(from),
            until: time(until),
        },
        reason: name.into(),
        by: "ann".into(),
    }
}

fn weekly(days: &[Day], from: &str, until: &str, zone: &str) -> Schedule {
    Schedule::Weekly {
        days: days.to_vec(),
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
        zone: zone.parse().unwrap(),
    }
}

#[test]
fn a_window_holds_what_it_is_about_from_its_beginning_to_before_its_end() {
    let mut windows = Windows::default();
    let window = once("disks", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    tell(&mut windows, &WindowChange::Added { window }, time("2026-03-02T09:00:00Z"));
    for (at, held) in [("09:59:59", false), ("10:00:00", true), ("11:59:59", true), ("12:00:00", false)] {
        let at = time(&format!("2026-03-02T{at}Z"));
        assert_eq!(windows.holding(&labels("shop"), at).is_some(), held, "{at}");
        assert_eq!(windows.holding(&labels("else"), at), None);
    }
    let held = windows.holding(&labels("shop"), time("2026-03-02T11:00:00Z")).unwrap();
    assert!(held.by.contains("of ann: disks"), "{}", held.by);
    assert_eq!(held.until, Some(time("2026-03-02T12:00:00Z")));
}

#[test]
fn a_weekly_window_follows_the_clock_of_its_place_through_the_change_of_the_clocks() {
    // Germany went from UTC+1 to UTC+2 on Sunday 2026-03-29.
    let schedule = weekly(&[Day::Sat, Day::Sun], "22:00", "02:30", "Europe/Berlin");
    for (at, open) in [
        ("2026-03-21T20:59:59Z", false),
        ("2026-03-21T21:00:00Z", true),
        ("2026-03-22T01:29:59Z", true),
        ("2026-03-22T01:30:00Z", false),
        ("2026-03-29T19:59:59Z", false),
        ("2026-03-29T20:00:00Z", true),
        ("2026-03-30T00:29:59Z", true),
        ("2026-03-30T00:30:00Z", false),
        ("2026-03-25T22:00:00Z", false),
    ] {
        assert_eq!(schedule.span_at(time(at)).is_some(), open, "{at}");
    }
}

#[test]
fn a_day_from_midnight_to_midnight_is_a_whole_day() {
    let schedule = weekly(&[Day::Wed], "00:00", "00:00", "UTC");
    assert!(schedule.span_at(time("2026-03-25T23:59:59Z")).is_some());
    assert!(schedule.span_at(time("2026-03-26T00:00:00Z")).is_none());
}

#[test]
fn edges_are_found_one_after_the_other() {
    let schedule = weekly(&[Day::Mon], "22:00", "02:00", "UTC");
    let mut at = time("2026-03-23T00:00:00Z");
    let mut edges = Vec::new();
    for _ in 0..4 {
        at = schedule.next_edge(at).unwrap();
        edges.push(at.to_string());
    }
    let expected = [
        "2026-03-23T22:00:00Z",
        "2026-03-24T02:00:00Z",
        "2026-03-30T22:00:00Z",
        "2026-03-31T02:00:00Z",
    ];
    assert_eq!(edges, expected);
    let over = once("a", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z").schedule;
    assert_eq!(over.next_edge(time("2026-03-02T12:00:00Z")), None);
}

#[test]
fn windows_of_people_end_when_they_say_so_and_are_forgotten_when_over() {
    let mut windows = Windows::default();
    let (one, two) = (
        once("one", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z"),
        once("two", "shop", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"),
    );
    for window in [&one, &two] {
        tell(
            &mut windows,
            &WindowChange::Added { window: window.clone() },
            time("2026-03-02T09:00:00Z"),
        );
    }
    let at = time("2026-03-02T10:30:00Z");
    assert_eq!(
        windows.holding(&labels("shop"), at).unwrap().until,
        Some(time("2026-03-02T12:00:00Z")),
        "the longest"
    );
    let ended = WindowChange::Ended {
        id: one.id.clone(),
        by: "bob".into(),
    };
    tell(&mut windows, &ended, at);
    assert_eq!(windows.added().collect::<Vec<_>>(), [&two]);
    tell(&mut windows, &ended, time("2026-03-02T11:00:00Z"));
    assert_eq!(windows.added().count(), 0);
}

#[test]
fn configuration_replaces_what_it_said_before_and_nothing_else() {
    let mut windows = Windows::default();
    let at = time("2026-03-02T09:00:00Z");
    let added = once("one", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    let mut nightly = once("nightly", "batch", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    nightly.schedule = weekly(&[Day::Mon], "22:00", "02:00", "UTC");
    tell(&mut windows, &WindowChange::Added { window: added }, at);
    tell(&mut windows, &WindowChange::Configured { windows: vec![nightly] }, at);
    assert_eq!((windows.configured().len(), windows.added().count()), (1, 1));
    assert!(windows.holding(&labels("batch"), time("2026-03-09T23:00:00Z")).is_some());
    tell(&mut windows, &WindowChange::Configured { windows: Vec::new() }, at);
    assert_eq!((windows.configured().len(), windows.added().count()), (0, 1));
}

#[test]
fn a_window_without_matchers_is_about_nothing() {
    let mut window = once("all", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    window.matchers.clear();
    assert!(!window.matches(&labels("shop")));
}

#[test]
fn what_is_no_place_has_no_time_zone() {
    assert!("Europe/Atlantis".parse::<Zone>().is_err());
    assert!("Europe/Berlin".parse::<Zone>().is_ok());
}

#[test]
fn a_window_must_say_what_it_is_about_why_and_until_when() {
    let good = once("disks", "shop", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    assert_eq!(good.validate(), Ok(()));
    let mut wrong = vec![good.clone(); 5];
    wrong[0].matchers.clear();
    wrong[1].matchers = vec!["team!=a".parse().unwrap(), "namespace=~.*".parse().unwrap()];
    wrong[2].reason = " ".into();
    wrong[3].schedule = once("a", "b", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z").schedule;
    wrong[4].schedule = weekly(&[], "22:00", "02:00", "UTC");
    for window in wrong {
        assert!(window.validate().is_err(), "{window:?}");
    }
}
