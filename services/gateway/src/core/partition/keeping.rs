//! Alerts that do not count now: what is out of scope, and what people or other alerts keep quiet.

use std::sync::Arc;

use paramedic_domain::{
    alert::{Alert, AlertStatus},
    id::IncidentId,
    incident::Suppressed,
    maintenance::WindowTold,
    silence::Quiet,
};

use super::{
    Outcome, Partition, Turn,
    change::{Aside, Change},
};
use crate::core::{facts::Facts, gate::Admission};

impl Partition {
    /// Takes what somebody said about maintenance windows.
    pub fn windows(&mut self, told: &WindowTold, sequence: u64) -> Outcome {
        self.advance(told.told_at);
        self.gate.window(told);
        let mut turn = Turn::new(sequence);
        self.release(&mut turn);
        turn.outcome
    }

    /// Takes what an Alertmanager keeps quiet.
    pub fn kept_quiet(&mut self, quiet: Quiet, sequence: u64) -> Outcome {
        self.advance(quiet.seen_at);
        self.gate.quiet(quiet);
        let mut turn = Turn::new(sequence);
        self.release(&mut turn);
        turn.outcome
    }

    /// What is known of namespaces and workloads.
    #[must_use]
    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// Firing alerts that are kept quiet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.gate.held()
    }

    /// Whether an alert counts. `goes_on`: it is the same firing that was reported before. What an incident has goes on in it, and ends in it,
    /// whoever keeps it quiet meanwhile.
    pub(super) fn passes(&mut self, alert: &Alert, goes_on: bool, turn: &mut Turn) -> bool {
        let is_member = self
            .correlator
            .home(&alert.fingerprint)
            .is_some_and(|home| self.correlator.incident(home).is_some());
        if is_member && goes_on && alert.status == AlertStatus::Firing {
            return true;
        }
        let (word, why) = match self.gate.admit(alert, &self.facts, self.now) {
            Admission::Counts => return true,
            Admission::OutOfScope(_) | Admission::Held(_) | Admission::EndedQuietly
                if is_member && alert.status == AlertStatus::Resolved =>
            {
                return true;
            }
            Admission::OutOfScope(why) => (why.word(), format!("it is out of scope: {}", why.word())),
            Admission::Held(Suppressed { by, until: Some(until) }) => ("kept_quiet", format!("it is kept quiet until {until} by {by}")),
            Admission::Held(Suppressed { by, until: None }) => ("kept_quiet", format!("it is kept quiet by {by}")),
            Admission::EndedQuietly => ("ended_quietly", String::new()),
        };
        turn.outcome.words.push(word);
        if alert.status == AlertStatus::Firing && !goes_on {
            turn.outcome.aside.push(Aside::new(alert, why));
        }
        false
    }

    /// Lets go what nobody keeps quiet any longer, and tells open incidents, once somebody began or ceased to.
    pub(super) fn release(&mut self, turn: &mut Turn) {
        let Some(released) = self.gate.released(self.now) else {
            return;
        };
        for mut alert in released {
            // A late message may have brought what had ended.
            if self.presence.fires_since(&alert.fingerprint).is_none() {
                continue;
            }
            // It counts from now on, however long it fires already.
            self.presence.count_from(&alert.fingerprint, self.now);
            alert.starts_at = self.now;
            turn.outcome.words.push("released");
            let decisions = self.correlator.observe(&alert, self.now);
            self.decisions(decisions, Some(&alert), None, turn);
        }
        let open: Vec<IncidentId> = self.correlator.incidents().map(|incident| incident.id.clone()).collect();
        for incident in open {
            turn.add(incident, Change::Keep(self.gate.keepers().clone(), self.now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use jiff::Timestamp;
    use paramedic_domain::{
        alert::Notification,
        correlation::{Notice, Told},
        id::WindowId,
        maintenance::{Schedule, Window, WindowChange},
        silence::Silence,
    };

    use super::*;
    use crate::core::scope::Scope;

    fn time(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn partition() -> Partition {
        let all = ["*".to_owned()];
        let scope = Scope::new("cluster", &all, &all, &["kube-*".to_owned()]).unwrap();
        Partition::new("prod".parse().unwrap(), Duration::from_secs(900), scope)
    }

    fn alert(name: &str, namespace: &str, status: AlertStatus, since: i64) -> Alert {
        let labels = [
            ("alertname", "PodCrashLooping"),
            ("namespace", namespace),
            ("deployment", name),
            ("severity", "critical"),
        ];
        Alert {
            fingerprint: name.into(),
            status,
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            annotations: BTreeMap::new(),
            starts_at: time(since),
            ends_at: None,
            generator_url: String::new(),
            group_key: "g".into(),
        }
    }

    fn notify(partition: &mut Partition, sequence: u64, minute: i64, alerts: Vec<Alert>) -> Outcome {
        let notification = Notification {
            source: "alertmanager".into(),
            group_key: "g".into(),
            received_at: time(minute),
            whole_group: false,
            from: String::new(),
            until: String::new(),
            alerts,
        };
        partition.notified(&notification, sequence)
    }

    fn window(namespace: &str, from: i64, until: i64) -> WindowTold {
        let window = Window {
            id: WindowId::derive(&[namespace]),
            matchers: vec![format!("namespace={namespace}").parse().unwrap()],
            schedule: Schedule::Once {
                from: time(from),
                until: time(until),
            },
            reason: "disks".into(),
            by: "ann".into(),
        };
        WindowTold {
            told_at: time(from),
            change: WindowChange::Added { window },
        }
    }

    fn silence(minute: i64, until: i64) -> Quiet {
        let silence = Silence {
            matchers: vec!["namespace=shop".parse().unwrap()],
            starts_at: time(minute),
            ends_at: time(until),
            by: "ann".into(),
            comment: "disks".into(),
        };
        Quiet {
            source: "alertmanager".into(),
            seen_at: time(minute),
            silences: [("s".to_owned(), silence)].into(),
            alerts: BTreeMap::new(),
        }
    }

    fn tick(partition: &mut Partition, sequence: u64, minute: i64) -> Outcome {
        let told = Told {
            cluster: "prod".parse().unwrap(),
            at: time(minute),
            notice: Notice::Tick,
        };
        partition.told(&told, sequence)
    }

    fn opened(outcome: &Outcome) -> Vec<(&str, Timestamp)> {
        let opened = outcome.effects.iter().filter_map(|effect| match &effect.change {
            Change::Open(alert) => Some((alert.fingerprint.as_str(), alert.starts_at)),
            _ => None,
        });
        opened.collect()
    }

    fn kept(outcome: &Outcome) -> usize {
        outcome
            .effects
            .iter()
            .filter(|effect| matches!(effect.change, Change::Keep(..)))
            .count()
    }

    #[test]
    fn what_fires_in_a_window_opens_an_incident_when_it_ends() {
        let mut partition = partition();
        partition.windows(&window("shop", 10, 20), 1);
        let firing = |name| alert(name, "shop", AlertStatus::Firing, 11);
        let held = notify(&mut partition, 2, 12, vec![firing("a"), firing("b")]);
        assert_eq!(
            (held.effects.len(), &held.words[..], partition.held()),
            (0, &["kept_quiet"; 2][..], 2)
        );
        let ended = notify(&mut partition, 3, 15, vec![alert("b", "shop", AlertStatus::Resolved, 11)]);
        assert_eq!((ended.effects.len(), &ended.words[..]), (0, &["ended_quietly"][..]));
        assert_eq!(partition.tick_due(), Some(time(20)));
        let released = tick(&mut partition, 4, 20);
        assert_eq!(opened(&released), [("a", time(20))]);
        assert_eq!(partition.held(), 0);
        let again = notify(&mut partition, 5, 21, vec![firing("a")]);
        assert_eq!(again.words, ["repeated"]);
        let ended = notify(&mut partition, 6, 22, vec![alert("a", "shop", AlertStatus::Resolved, 11)]);
        assert!(ended.words.contains(&"resolved"), "{:?}", ended.words);
    }

    #[test]
    fn what_is_out_of_scope_leads_to_nothing() {
        let mut partition = partition();
        let out = notify(&mut partition, 1, 1, vec![alert("a", "kube-system", AlertStatus::Firing, 0)]);
        assert_eq!((out.effects.len(), &out.words[..], partition.held()), (0, &["excluded"][..], 0));
    }

    #[test]
    fn of_what_is_in_no_incident_it_is_said_once_why() {
        let mut partition = partition();
        partition.windows(&window("shop", 0, 20), 1);
        let watchdog = Alert {
            labels: [("alertname".to_owned(), "Watchdog".to_owned())].into(),
            ..alert("w", "pay", AlertStatus::Firing, 0)
        };
        let all = || {
            vec![
                alert("a", "kube-system", AlertStatus::Firing, 0),
                alert("b", "shop", AlertStatus::Firing, 1),
                alert("c", "pay", AlertStatus::Firing, 1),
                watchdog.clone(),
            ]
        };
        let said =
            |outcome: Outcome| -> Vec<(String, String)> { outcome.aside.into_iter().map(|one| (one.fingerprint, one.why)).collect() };
        let first = said(notify(&mut partition, 2, 2, all()));
        let fingerprints: Vec<&str> = first.iter().map(|(fingerprint, _)| fingerprint.as_str()).collect();
        assert_eq!(fingerprints, ["a", "b", "w"], "c has an incident: {first:?}");
        assert!(
            first[0].1.contains("excluded") && first[1].1.contains(&time(20).to_string()),
            "{first:?}"
        );
        assert_eq!(said(notify(&mut partition, 3, 3, all())), []);
    }

    #[test]
    fn open_incidents_are_told_when_a_silence_begins_and_when_it_ends() {
        let mut partition = partition();
        let open = notify(&mut partition, 1, 1, vec![alert("a", "shop", AlertStatus::Firing, 0)]);
        assert_eq!((opened(&open).len(), kept(&open)), (1, 0));
        assert_eq!(kept(&partition.kept_quiet(silence(5, 30), 2)), 1);
        tick(&mut partition, 4, 10);
        assert_eq!(partition.tick_due(), Some(time(30)));
        let over = tick(&mut partition, 5, 30);
        assert_eq!(kept(&over), 1, "{:?}", over.effects);
        assert_eq!(partition.tick_due(), None);
    }

    #[test]
    fn a_member_that_begins_anew_while_it_is_silenced_waits_and_ends_in_its_incident() {
        let mut partition = partition();
        notify(&mut partition, 1, 1, vec![alert("a", "shop", AlertStatus::Firing, 0)]);
        partition.kept_quiet(silence(5, 30), 2);
        let same = notify(&mut partition, 3, 6, vec![alert("a", "shop", AlertStatus::Firing, 0)]);
        assert_eq!(same.words, ["repeated"]);
        let anew = notify(&mut partition, 4, 7, vec![alert("a", "shop", AlertStatus::Firing, 7)]);
        assert_eq!((anew.effects.len(), &anew.words[..]), (0, &["kept_quiet"][..]));
        let ended = notify(&mut partition, 5, 8, vec![alert("a", "shop", AlertStatus::Resolved, 7)]);
        assert!(ended.words.contains(&"resolved"), "{:?}", ended.words);
        assert_eq!(partition.held(), 0);
    }

    #[test]
    fn a_late_message_about_what_had_ended_is_not_let_go() {
        let mut partition = partition();
        notify(&mut partition, 1, 1, vec![alert("a", "shop", AlertStatus::Resolved, 0)]);
        partition.windows(&window("shop", 2, 20), 2);
        notify(&mut partition, 3, 3, vec![alert("a", "shop", AlertStatus::Firing, 0)]);
        assert_eq!(opened(&tick(&mut partition, 4, 20)), []);
    }

    #[test]
    fn the_same_messages_lead_to_the_same_effects() {
        let run = || {
            let mut partition = partition();
            let mut effects = partition.windows(&window("shop", 10, 20), 1).effects;
            effects.extend(notify(&mut partition, 2, 9, vec![alert("z", "pay", AlertStatus::Firing, 8)]).effects);
            let firing = (0..20).map(|number| alert(&format!("a{number}"), "shop", AlertStatus::Firing, 11));
            effects.extend(notify(&mut partition, 3, 12, firing.collect()).effects);
            effects.extend(partition.kept_quiet(silence(15, 40), 4).effects);
            effects.extend(tick(&mut partition, 5, 20).effects);
            effects.extend(tick(&mut partition, 6, 40).effects);
            effects
        };
        let effects = run();
        assert!(effects.len() > 20);
        assert_eq!(effects, run());
    }
}
