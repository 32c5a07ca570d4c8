//! A role with people, links, a Slack and a gate that two people must not open by any trick.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use paramedic_domain::{
    approval::GateState,
    button::{self, Subject},
    event::Event,
    invariant,
    people::Audience,
    terms::{Escalation, Terms},
};
use paramedic_people::token_hash;
use paramedic_proto::v1;
use paramedic_runtime::{Clock, People};
use paramedic_testkit::slack::SlackStandIn;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Request;

use crate::{
    core::{
        fixture::{Log, at},
        slack::signature::sign,
    },
    shell::tests::site::{Doors, Site, answer, links_of},
};

pub(super) const SIGNING: &str = "the signing secret of the app";
const NOTIFIER: &str = "token-of-the-notifier";

/// Ann may approve; what each of the others lacks is in their line.
fn people() -> String {
    let token = |of: &str| token_hash(&format!("token-of-{of}"));
    format!(
        "people:
  - {{id: ann@example.com, emails: [a.smith@example.com], slack: [U-ANN], tokens: [\"{ann}\"], roles: [{{role: approver}}]}}
  - {{id: abe@example.com, slack: [T9/U-ABE], tokens: [\"{abe}\"], roles: [{{role: approver}}], teams: [payments]}}
  - {{id: oth@example.com, slack: [U-OTH], tokens: [\"{oth}\"], roles: [{{role: approver, namespaces: [shop]}}]}}
  - {{id: far@example.com, tokens: [\"{far}\"], roles: [{{role: admin, clusters: [stage-*]}}]}}
  - {{id: res@example.com, slack: [U-RES], tokens: [\"{res}\"], roles: [{{role: responder}}]}}
  - {{id: vic@example.com, slack: [U-VIC], tokens: [\"{vic}\"], roles: [{{role: viewer}}]}}
  - {{id: non@example.com, slack: [U-NON], tokens: [\"{non}\"]}}
  - {{id: sub@example.com, tokens: [\"{sub}\"]}}
  - {{id: was@example.com, tokens: [\"{was}\"]}}
delegations:
  - {{from: ann@example.com, to: sub@example.com, starts: 2026-05-28T00:00:00Z, ends: 2026-12-30T00:00:00Z, reason: holidays}}
  - {{from: ann@example.com, to: was@example.com, starts: 2025-05-28T00:00:00Z, ends: 2025-12-30T00:00:00Z, reason: holidays}}
",
        ann = token("ann"),
        abe = token("abe"),
        oth = token("oth"),
        far = token("far"),
        res = token("res"),
        vic = token("vic"),
        non = token("non"),
        sub = token("sub"),
        was = token("was"),
    )
}

pub(super) struct World {
    pub(super) site: Site,
    pub(super) slack: SlackStandIn,
    pub(super) fixture: Log,
    pub(super) clock: Clock,
    file: PathBuf,
    sent: AtomicUsize,
    approvals: AtomicUsize,
    _folder: TempDir,
}

impl World {
    /// A waiting gate that one approver suffices for.
    pub(super) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// A waiting gate on these terms.
    pub(super) async fn with(terms: impl Fn(&mut Terms)) -> Self {
        Self::prepared(|log| log.rewrite_terms(terms)).await
    }

    /// A waiting gate of an incident that differs from the fixture.
    pub(super) async fn prepared(prepare: impl FnOnce(&mut Log)) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("people.yaml");
        fs::write(&file, people()).unwrap();
        let slack = SlackStandIn::start("xoxb-1").await.unwrap();
        let clock = Clock::manual(at(0));
        let doors = Doors {
            notifier: NOTIFIER,
            signing_secret: SIGNING,
            slack_url: slack.url(),
        };
        let site = Site::start_as(&folder, clock.clone(), People::open(&file), doors).await;
        let mut fixture = Log::with_plan(2);
        prepare(&mut fixture);
        site.append(&fixture).await;
        site.waiting(&fixture).await;
        Self {
            site,
            slack,
            fixture,
            clock,
            file,
            sent: AtomicUsize::new(0),
            approvals: AtomicUsize::new(0),
            _folder: folder,
        }
    }

    /// Other people from now on.
    pub(super) fn people(&self, edit: impl Fn(String) -> String) {
        fs::write(&self.file, edit(people())).unwrap();
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Somebody's honest approval through gRPC, which counts.
    pub(super) async fn honest(&self, who: &str) {
        let told = self.decide(who, |_| {}).await;
        assert!(told.starts_with("counted") || told.starts_with("approved"), "{told}");
        self.approvals.fetch_add(1, Ordering::Relaxed);
    }

    /// What a caller with somebody's token is told about an approval of the first gate, edited.
    pub(super) async fn decide(&self, who: &str, edit: impl FnOnce(&mut v1::DecideRequest)) -> String {
        self.call(&format!("Bearer token-of-{who}"), edit).await
    }

    pub(super) async fn call(&self, authorization: &str, edit: impl FnOnce(&mut v1::DecideRequest)) -> String {
        let mut message = answer(&self.fixture, "ann@example.com", v1::Answer::Approve);
        edit(&mut message);
        let mut request = Request::new(message);
        if !authorization.is_empty() {
            request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        }
        match self.site.client(0).await.decide(request).await {
            Ok(told) => told.into_inner().message,
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        }
    }

    /// Appends what else happens to the incident.
    pub(super) async fn happens(&self, event: Event) {
        let incident = &self.fixture.incident;
        let mut events = vec![event];
        let log = &self.site.kit.log;
        let decided = log.decide(&incident.cluster, &incident.id, None, &self.clock, |_, _| {
            std::mem::take(&mut events)
        });
        decided.await.unwrap();
    }

    /// The token of a signed link to approve.
    pub(super) async fn link(&self, recipient: &str) -> String {
        self.links(recipient).await.approve_url.rsplit('/').next().unwrap().to_owned()
    }

    pub(super) async fn links(&self, recipient: &str) -> v1::LinksResponse {
        let mut request = Request::new(links_of(&self.fixture, recipient));
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {NOTIFIER}").parse().unwrap());
        self.site.client(0).await.links(request).await.unwrap().into_inner()
    }

    /// What whoever confirms on a link's page reads.
    pub(super) async fn confirm(&self, token: &str, replica: usize) -> String {
        let link = format!("{}/approvals/{token}", self.site.http[replica]);
        let answer = self.site.kit.cluster.http.post(link).form(&[("reason", "")]).send().await.unwrap();
        let status = answer.status();
        format!("{status} {}", answer.text().await.unwrap())
    }

    /// What whoever clicks in Slack is told: the status, and what was whispered.
    pub(super) async fn click(&self, user: &str, edit: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.payload(user);
        edit(&mut payload);
        let body = self.form(&payload);
        self.send(&body, 0, SIGNING, 0).await
    }

    pub(super) fn payload(&self, user: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": user, "team_id": "T1"},
            "trigger_id": format!("trigger-{}", self.sent.fetch_add(1, Ordering::Relaxed)),
            "response_url": self.slack.response_url(),
            "actions": [{"type": "button", "action_id": button::APPROVE, "value": serde_json::to_string(&self.subject()).unwrap()}],
        })
    }

    pub(super) fn subject(&self) -> Subject {
        let gate = &self.fixture.incident.plan.as_ref().unwrap().gates[0];
        Subject {
            cluster: self.fixture.incident.cluster.clone(),
            incident: self.fixture.incident.id.clone(),
            gate: gate.id.clone(),
            digest: gate.digest,
        }
    }

    pub(super) fn form(&self, payload: &Value) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &payload.to_string()).finish()
    }

    pub(super) async fn send(&self, body: &str, age: i64, secret: &str, replica: usize) -> String {
        let timestamp = (self.clock.now().as_second() - age).to_string();
        let signature = sign(secret.as_bytes(), &timestamp, body.as_bytes());
        self.deliver(
            body,
            &[("x-slack-request-timestamp", timestamp), ("x-slack-signature", signature)],
            replica,
        )
        .await
    }

    pub(super) async fn deliver(&self, body: &str, headers: &[(&'static str, String)], replica: usize) -> String {
        let before = self.slack.whispers().len();
        let mut request = self
            .site
            .kit
            .cluster
            .http
            .post(format!("{}/slack/interactions", self.site.http[replica]));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let status = answer.status();
        let said = answer.text().await.unwrap();
        format!("{status} {said} {}", self.slack.whispers()[before..].join(" "))
    }

    /// The log keeps that somebody's answer did not count.
    pub(super) async fn kept(&self, wanted: &str) {
        let log = self.site.log(&self.fixture).await;
        let codes: Vec<&str> = log
            .iter()
            .filter_map(|one| match &one.envelope.event {
                Event::ApprovalRefused { code, .. } => Some(code.as_str()),
                _ => None,
            })
            .collect();
        assert!(codes.contains(&wanted), "{wanted} is not among {codes:?}");
    }

    /// Nothing but honest approvals was counted.
    pub(super) async fn untouched(&self) {
        let log = self.site.log(&self.fixture).await;
        let granted = log
            .iter()
            .filter(|one| matches!(one.envelope.event, Event::ApprovalGranted { .. }))
            .count();
        assert_eq!(granted, self.approvals.load(Ordering::Relaxed), "an approval was counted");
        assert_eq!(invariant::check_log(&log), Vec::new());
        let incident = self.site.incident(&self.fixture).await;
        assert_eq!(incident.misfits, 0);
        let open = |state: &&GateState| matches!(state, GateState::Granted { approvals, .. } if approvals.is_empty());
        assert_eq!(incident.gates.values().filter(open).count(), 0);
    }
}

/// A link's claims, changed, with the signature that it had.
pub(super) fn tampered(token: &str, edit: impl FnOnce(&mut Value)) -> String {
    let (body, signature) = token.split_once('.').unwrap();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    edit(&mut claims);
    format!("{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Terms by which somebody is asked later.
pub(super) fn escalating(to: &str) -> impl Fn(&mut Terms) {
    let to: Audience = to.parse().unwrap();
    move |terms| {
        terms.from = vec![vec!["team:payments".parse().unwrap()]];
        terms.escalations = vec![Escalation {
            after: Duration::from_secs(600),
            to: vec![to.clone()],
            during: None,
            outside: None,
        }];
    }
}
