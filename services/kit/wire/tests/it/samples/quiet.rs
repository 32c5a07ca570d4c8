//! Windows and silences.

use std::collections::BTreeMap;

use paramedic_domain::{
    id::WindowId,
    maintenance::{Day, Schedule, Window, WindowChange, WindowTold},
    silence::{Muted, Quiet, Silence},
};

use super::values::{alert, time};

fn window(name: &str, schedule: Schedule) -> Window {
    Window {
        id: WindowId::derive(&[name]),
        matchers: vec!["namespace=shop".parse().unwrap(), r#"pod!~"a|\"b\"""#.parse().unwrap()],
        schedule,
        reason: format!("{name}: disks are being replaced"),
        by: "ana".into(),
    }
}

fn once() -> Window {
    let schedule = Schedule::Once {
        from: time("2026-03-02T10:00:00Z"),
        until: time("2026-03-02T12:00:00Z"),
    };
    window("once", schedule)
}

fn weekly() -> Window {
    let schedule = Schedule::Weekly {
        days: vec![Day::Sat, Day::Sun],
        from: "22:00".parse().unwrap(),
        until: "04:30".parse().unwrap(),
        zone: "Europe/Berlin".parse().unwrap(),
    };
    window("weekly", schedule)
}

/// One of each kind.
pub(crate) fn windows() -> [(&'static str, WindowTold); 3] {
    let told = |change| WindowTold {
        told_at: time("2026-03-02T09:59:58.75Z"),
        change,
    };
    let ended = WindowChange::Ended {
        id: once().id,
        by: "bob".into(),
    };
    [
        (
            "windows_configured",
            told(WindowChange::Configured {
                windows: vec![weekly(), once()],
            }),
        ),
        ("window_added", told(WindowChange::Added { window: once() })),
        ("window_ended", told(ended)),
    ]
}

/// With everything set.
pub(crate) fn quiet() -> Quiet {
    let silence = Silence {
        matchers: vec!["alertname=~\"Disk.*\"".parse().unwrap()],
        starts_at: time("2026-03-02T10:00:00Z"),
        ends_at: time("2026-03-02T12:00:00Z"),
        by: "ana".into(),
        comment: "disks".into(),
    };
    let muted = Muted {
        silenced_by: vec!["6f1e".into()],
        inhibited_by: vec!["b0b0".into()],
    };
    Quiet {
        source: "alertmanager".into(),
        seen_at: time("2026-03-02T10:00:03Z"),
        silences: BTreeMap::from([("6f1e".to_owned(), silence)]),
        alerts: BTreeMap::from([(alert().fingerprint, muted)]),
    }
}
