//! What the requests so far have made of the world. Pure.

use crate::{audit::Entry, recording::RequestPattern};

/// What a world turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Fixed,
    Wrong,
}

/// Recorded => Wrong => Fixed, where Wrong may be passed over.
#[derive(Debug)]
pub(super) struct Course {
    /// Requests that fix the world, and whether each has come.
    fixed_by: Vec<(RequestPattern, bool)>,
    harmless: Vec<RequestPattern>,
    /// There is a world for those who change something else.
    can_go_wrong: bool,
    /// What it has turned into.
    turned: Option<Turn>,
}

impl Course {
    pub(super) fn new(fixed_by: Vec<RequestPattern>, harmless: Vec<RequestPattern>, can_go_wrong: bool) -> Self {
        Self {
            fixed_by: fixed_by.into_iter().map(|pattern| (pattern, false)).collect(),
            harmless,
            can_go_wrong,
            turned: None,
        }
    }

    /// What the world has turned into.
    pub(super) fn turned(&self) -> Option<Turn> {
        self.turned
    }

    /// What the world turns into with this request, if that is something else than before.
    pub(super) fn after(&mut self, request: &Entry) -> Option<Turn> {
        if !request.is_mutation() || self.turned == Some(Turn::Fixed) {
            return None;
        }
        let mut known = self.harmless.iter().any(|pattern| pattern.fits(request));
        for (pattern, come) in &mut self.fixed_by {
            if pattern.fits(request) {
                *come = true;
                known = true;
            }
        }
        let fixed = !self.fixed_by.is_empty() && self.fixed_by.iter().all(|(_, come)| *come);
        let turn = if fixed {
            Turn::Fixed
        } else if !known && self.can_go_wrong {
            Turn::Wrong
        } else {
            return None;
        };
        (self.turned != Some(turn)).then(|| {
            self.turned = Some(turn);
            turn
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(verb: &str, kind: &str, dry_run: bool, code: u16) -> Entry {
        serde_json::from_value(json!({
            "time": "2026-03-02T14:20:00Z", "verb": verb, "path": "/", "kind": kind, "namespace": "shop", "name": "web",
            "query": "", "dry_run": dry_run, "user_agent": "", "field_manager": "", "content_type": "", "body": null, "code": code,
        }))
        .unwrap()
    }

    fn patterns(of: Value) -> Vec<RequestPattern> {
        serde_json::from_value(of).unwrap()
    }

    #[test]
    fn a_world_is_fixed_once_every_request_has_come_and_stays_so() {
        let mut course = Course::new(patterns(json!([{"kind": "ConfigMap"}, {"kind": "Deployment"}])), Vec::new(), true);
        assert_eq!(
            course.after(&request("patch", "Deployment", true, 200)),
            None,
            "a dry run changes nothing"
        );
        assert_eq!(
            course.after(&request("patch", "Deployment", false, 409)),
            None,
            "a refused request changes nothing"
        );
        assert_eq!(course.after(&request("patch", "Deployment", false, 200)), None);
        assert_eq!(course.after(&request("patch", "ConfigMap", false, 200)), Some(Turn::Fixed));
        assert_eq!(course.after(&request("delete", "Service", false, 200)), None);
    }

    #[test]
    fn a_change_that_is_neither_helpful_nor_harmless_is_wrong_until_the_world_is_fixed() {
        let mut course = Course::new(
            patterns(json!([{"kind": "Deployment"}])),
            patterns(json!([{"kind": "ConfigMap"}])),
            true,
        );
        for (verb, kind) in [("patch", "ConfigMap"), ("get", "Service"), ("create", "Event"), ("update", "Lease")] {
            assert_eq!(course.after(&request(verb, kind, false, 200)), None, "{verb} {kind}");
        }
        assert_eq!(course.after(&request("delete", "Pod", false, 200)), Some(Turn::Wrong));
        assert_eq!(course.after(&request("delete", "Pod", false, 200)), None);
        assert_eq!(course.after(&request("patch", "Deployment", false, 200)), Some(Turn::Fixed));
    }

    #[test]
    fn without_a_wrong_world_nothing_goes_wrong_and_without_a_way_to_fix_it_nothing_is_fixed() {
        let mut course = Course::new(Vec::new(), Vec::new(), false);
        assert_eq!(course.after(&request("delete", "Pod", false, 200)), None);
    }
}
