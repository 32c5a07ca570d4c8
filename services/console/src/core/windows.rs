//! Declaring and ending maintenance windows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    id::{ClusterId, WindowId},
    maintenance::{Schedule, Window, WindowTold, Windows},
    matcher::Matcher,
};

/// Longest window that somebody declares: what is expected for longer belongs into the configuration.
const MAX_LASTS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Most windows of people at one time.
const MAX_WINDOWS: usize = 1000;

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it is about.
    pub matchers: Vec<Matcher>,
    /// `None`: from now on.
    pub from: Option<Timestamp>,
    /// Its end.
    pub end: End,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// The end of a window.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// At this time.
    At(Timestamp),
    /// After this time.
    After(Duration),
}

/// The window that is wanted.
///
/// # Errors
/// Why it cannot be, in a sentence.
pub fn add(windows: &Windows, cluster: &ClusterId, wanted: Wanted, now: Timestamp) -> Result<Window, String> {
    let from = wanted.from.unwrap_or(now);
    let until = match wanted.end {
        End::At(until) => until,
        End::After(lasts) => from
            .checked_add(lasts)
            .map_err(|_| "the window ends after the end of time".to_owned())?,
    };
    if until <= now {
        return Err(format!("the window ends at {until}, which is over"));
    }
    if until.duration_since(from) > MAX_LASTS {
        return Err("the window is longer than 90 days: declare it in the configuration".into());
    }
    if windows.added().count() >= MAX_WINDOWS {
        return Err(format!("there are {MAX_WINDOWS} windows already: end some of them"));
    }
    let texts: Vec<String> = wanted.matchers.iter().map(ToString::to_string).collect();
    let times = [from.to_string(), until.to_string(), now.to_string()];
    let mut parts = vec![cluster.as_str(), &wanted.by];
    parts.extend(texts.iter().chain(&times).map(String::as_str));
    let window = Window {
        id: WindowId::derive(&parts),
        matchers: wanted.matchers,
        schedule: Schedule::Once { from, until },
        reason: wanted.reason.trim().to_owned(),
        by: wanted.by,
    };
    window.validate()?;
    Ok(window)
}

/// The window that is to be ended.
///
/// # Errors
/// Why it cannot be, in a sentence.
pub fn end(windows: &Windows, id: &WindowId) -> Result<Window, String> {
    if windows.configured().iter().any(|window| window.id == *id) {
        return Err(format!(
            "{id} is declared in the configuration (gateway.maintenance): change it there"
        ));
    }
    let found = windows.added().find(|window| window.id == *id);
    found.cloned().ok_or_else(|| format!("there is no window {id}, or it is over"))
}

/// The windows after all that was said about them.
pub fn fold(told: impl IntoIterator<Item = WindowTold>) -> Windows {
    let mut windows = Windows::default();
    for told in told {
        windows.apply(&told);
    }
    windows
}

#[cfg(test)]
mod tests {
    use paramedic_domain::maintenance::WindowChange;

    use super::*;

    fn time(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn wanted(matcher: &str, end: End) -> Wanted {
        Wanted {
            matchers: vec![matcher.parse().unwrap()],
            from: None,
            end,
            reason: " disks ".into(),
            by: "ann".into(),
        }
    }

    fn cluster() -> ClusterId {
        "prod".parse().unwrap()
    }

    #[test]
    fn a_window_begins_now_and_lasts_as_long_as_is_said() {
        let window = add(
            &Windows::default(),
            &cluster(),
            wanted("namespace=shop", End::After(Duration::from_secs(3600))),
            time(5),
        )
        .unwrap();
        assert_eq!(
            window.schedule,
            Schedule::Once {
                from: time(5),
                until: time(65)
            }
        );
        assert_eq!(window.reason, "disks");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let hour = End::After(Duration::from_secs(3600));
        for (wanted, reason) in [
            (wanted("namespace=shop", End::At(time(5))), "is over"),
            (wanted("namespace=shop", End::After(Duration::from_secs(91 * 86_400))), "90 days"),
            (wanted("namespace=shop", End::After(Duration::MAX)), "end of time"),
            (wanted("namespace!=shop", hour), "one matcher at least"),
            (
                Wanted {
                    reason: String::new(),
                    ..wanted("namespace=shop", hour)
                },
                "reason",
            ),
        ] {
            let problem = add(&Windows::default(), &cluster(), wanted, time(5)).unwrap_err();
            assert!(problem.contains(reason), "{problem}");
        }
    }

    #[test]
    fn only_windows_of_people_are_ended_by_people() {
        let hour = End::After(Duration::from_secs(3600));
        let mine = add(&Windows::default(), &cluster(), wanted("namespace=shop", hour), time(5)).unwrap();
        let configured = add(&Windows::default(), &cluster(), wanted("namespace=pay", hour), time(5)).unwrap();
        let changes = [
            WindowChange::Added { window: mine.clone() },
            WindowChange::Configured {
                windows: vec![configured.clone()],
            },
        ];
        let windows = fold(changes.map(|change| WindowTold { told_at: time(5), change }));
        assert_eq!(end(&windows, &mine.id).unwrap(), mine);
        assert!(end(&windows, &configured.id).unwrap_err().contains("configuration"));
        assert!(end(&windows, &WindowId::derive(&["other"])).unwrap_err().contains("no window"));
    }
}
