//! Machines at AWS.

use paramedic_domain::evidence::Source;
use serde_json::json;

use super::{printed, seeking};
use crate::core::{
    clouds::{Answer, Place, Question},
    subjects::machines::Cause,
    timeline::Telling,
};

const MACHINE: &str = "aws:///eu-central-1a/i-0123456789abcdef0";
const RECLAIMED: &str = include_str!("ec2-reclaimed.json");
const RETIRING: &str = include_str!("ec2-status-retiring.json");

fn time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn question() -> Question {
    seeking(MACHINE).place.questions().remove(0)
}

/// An instance in a state, for a reason.
fn instance(state: &str, code: &str, transition: &str, lifecycle: Option<&str>) -> Answer {
    Answer::Json(json!({"Reservations": [{"Instances": [{
        "InstanceId": "i-0123456789abcdef0",
        "State": {"Name": state},
        "StateReason": {"Code": code, "Message": code},
        "StateTransitionReason": transition,
        "InstanceLifecycle": lifecycle,
    }]}]}))
}

fn ended_by(state: &str, code: &str, transition: &str, lifecycle: Option<&str>) -> Cause {
    let answers = [instance(state, code, transition, lifecycle)];
    seeking(MACHINE)
        .told(&answers, time("2026-03-02T12:00:00Z"))
        .unwrap()
        .machine()
        .ended_by
}

#[test]
fn identifiers_of_nodes_become_arguments_only_in_their_strict_form() {
    let words: Vec<String> = seeking(MACHINE).place.questions().iter().map(Question::words).collect();
    assert_eq!(
        words,
        [
            "aws ec2 describe-instances --instance-ids i-0123456789abcdef0 --region eu-central-1 --output json",
            "aws ec2 describe-instance-status --include-all-instances --instance-ids i-0123456789abcdef0 --region eu-central-1 --output json",
        ]
    );
    let region = |id: &str| Place::of_machine(id).and_then(|place| place.region().map(str::to_owned));
    assert_eq!(region("aws:///us-gov-west-1b/i-01234567").as_deref(), Some("us-gov-west-1"));
    assert_eq!(region("aws:///us-west-2-lax-1a/i-01234567").as_deref(), Some("us-west-2"));
    for other in [
        "",
        "aws:///eu-central-1a/i-0123456789ABCDEF0",
        "aws:///eu-central-1a/i-0123456789abcdef0\n",
        "aws:///eu-central-1a/i-0123456789abcdef0;id",
        "aws:///eu-central-1a/--instance-ids",
        "aws:///--endpoint-url/i-0123456789abcdef0",
        "aws:///eu-central-1a/0a1b2c/fargate-ip-10-0-0-1.eu-central-1.compute.internal",
    ] {
        assert_eq!(Place::of_machine(other), None, "{other}");
    }
}

#[test]
fn a_spot_machine_that_was_taken_back_says_so_with_its_time() {
    let told = seeking(MACHINE).told(&[printed(RECLAIMED)], time("2026-03-02T12:00:07Z")).unwrap();
    let machine = told.machine();
    assert_eq!(
        (machine.state.as_str(), machine.ended_by, machine.minutes_ago),
        ("terminated", Cause::Reclaimed, 8.0)
    );
    assert!(machine.known && machine.gone && machine.spot && !machine.healthy);
    assert_eq!(machine.reason, "Server.SpotInstanceTermination: Spot instance termination");
    let row = &told.moments[0];
    assert_eq!(
        (row.at, row.object.as_str(), row.telling),
        (time("2026-03-02T11:52:07Z"), "Node n1", Telling::Turn)
    );
    let quote = &told.quotes[0];
    assert_eq!((quote.source, quote.query.as_str()), (Source::Aws, question().words().as_str()));
    assert!(
        quote.excerpt.starts_with("spot instance i-0123456789abcdef0 is terminated"),
        "{}",
        quote.excerpt
    );
}

#[test]
fn checks_that_fail_and_what_is_announced_are_told_with_their_times_and_what_is_over_is_not() {
    let running = instance("running", "", "", None);
    let told = seeking(MACHINE)
        .told(&[running, printed(RETIRING)], time("2026-03-02T12:00:00Z"))
        .unwrap();
    assert_eq!(told.machine().failed_checks, ["system", "instance"]);
    assert_eq!(
        told.machine().scheduled,
        ["instance-retirement not before 2026-03-05T00:00:00Z: The instance is running on degraded hardware"]
    );
    assert!(!told.machine().healthy && !told.machine().gone);
    let rows: Vec<_> = told.moments.iter().map(|row| (row.at, row.telling)).collect();
    let expected = [
        (time("2026-03-02T11:44:00Z"), Telling::Turn),
        (time("2026-03-02T11:46:00Z"), Telling::Turn),
        (time("2026-03-05T00:00:00Z"), Telling::Ahead),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn only_a_machine_that_runs_and_passes_every_check_is_healthy() {
    let status = |system: &str| {
        Answer::Json(json!({"InstanceStatuses": [{
            "InstanceId": "i-0123456789abcdef0", "SystemStatus": {"Status": system}, "InstanceStatus": {"Status": "ok"},
        }]}))
    };
    let healthy = |answers: &[Answer]| {
        seeking(MACHINE)
            .told(answers, time("2026-03-02T12:00:00Z"))
            .unwrap()
            .machine()
            .healthy
    };
    let running = || instance("running", "", "", None);
    assert!(healthy(&[running(), status("ok")]));
    assert!(!healthy(&[running(), status("insufficient-data")]));
    assert!(!healthy(&[running()]), "its checks are not known");
    assert!(!healthy(&[instance("stopped", "", "", None), status("ok")]));
}

#[test]
fn who_ended_a_machine_is_read_from_codes_and_never_guessed() {
    let user = "User initiated (2026-03-02 11:39:20 GMT)";
    assert_eq!(ended_by("stopped", "Client.UserInitiatedShutdown", user, None), Cause::Request);
    assert_eq!(ended_by("terminated", "", user, Some("spot")), Cause::Request);
    assert_eq!(
        ended_by("stopped", "Server.SpotInstanceShutdown", "", Some("spot")),
        Cause::Reclaimed
    );
    assert_eq!(ended_by("terminated", "Client.InstanceInitiatedShutdown", "", None), Cause::Itself);
    assert_eq!(ended_by("stopped", "Server.ScheduledStop", "", None), Cause::Provider);
    assert_eq!(ended_by("stopped", "Server.InternalError", "", Some("spot")), Cause::Provider);
    assert_eq!(ended_by("stopped", "", "", Some("spot")), Cause::Unknown);
    assert_eq!(
        ended_by("running", "Client.UserInitiatedShutdown", user, None),
        Cause::Unknown,
        "it was started again"
    );
}

#[test]
fn answers_about_another_machine_or_of_another_shape_are_refused() {
    let about_another = RECLAIMED.replace("i-0123456789abcdef0", "i-0123456789abcdef1");
    for answer in [
        about_another.as_str(),
        r#"{"Reservations": []}"#,
        r#"{"Reservations": "none"}"#,
        "[]",
        "null",
        r#"{"Reservations": [{"Instances": [{"InstanceId": "i-0123456789abcdef0"}]}]}"#,
    ] {
        let told = seeking(MACHINE).told(&[printed(answer)], time("2026-03-02T12:00:00Z"));
        assert!(told.unwrap_err().contains("i-0123456789abcdef0"), "{answer}");
    }
    let wrong_status = printed(&RETIRING.replace("i-0123456789abcdef0", "i-0123456789abcdef1"));
    let answers = [instance("running", "", "", None), wrong_status];
    assert!(seeking(MACHINE).told(&answers, time("2026-03-02T12:00:00Z")).is_err());
}

#[test]
fn errors_are_told_in_one_clean_line_and_one_of_them_is_an_answer() {
    let absent = "\nAn error occurred (InvalidInstanceID.NotFound) when calling the DescribeInstances operation: The instance ID 'i-0123456789abcdef0' does not exist\n";
    let answer = question().answered(Some(254), b"", absent.as_bytes()).unwrap();
    let told = seeking(MACHINE).told(&[answer], time("2026-03-02T12:00:00Z")).unwrap();
    assert!(told.machine().gone && told.machine().state == "absent");
    assert_eq!((told.machine().ended_by, told.moments.len()), (Cause::Unknown, 0));

    let denied = "\u{1b}[31mAn error occurred (UnauthorizedOperation)\u{1b}[0m\nwhen calling: token=abc You are not authorized";
    let said = question().answered(Some(254), b"{}", denied.as_bytes()).unwrap_err();
    assert!(said.starts_with("it ended with exit code 254: "), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains('\n') && !said.contains("abc"), "{said}");
    assert!(question().answered(Some(0), b"<html>", b"").unwrap_err().contains("not JSON"));
    assert!(question().answered(None, b"", b"").unwrap_err().contains("signal"));
}

#[test]
fn texts_of_the_provider_are_data() {
    let long = format!(
        "\u{1b}]0;title\u{7}\u{202e}Ignore\u{1b}[2J password=hunter2 {}",
        "x".repeat(100_000)
    );
    let told = seeking(MACHINE)
        .told(&[instance("stopped", &long, &long, None)], time("2026-03-02T12:00:00Z"))
        .unwrap();
    for text in [&told.machine().reason, &told.quotes[0].excerpt] {
        assert!(
            text.chars().all(|c| !c.is_control() && c != '\u{202e}') && !text.contains("hunter2"),
            "{text}"
        );
        assert!(text.chars().count() < 1_000);
    }
}
