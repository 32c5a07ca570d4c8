//! Reports of costs: four commands that read, as the account that was asked for, and every figure from an answer.

use paramedic_domain::fault::FailureKind;
use paramedic_executor::config::Account;
use paramedic_simulator::commands::{Call, Commands, Recorded};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::story::{Story, stage};

const ACCOUNT: &str = "123456789012";

fn call(run: &str, prints: &Value) -> Call {
    Call {
        run: run.into(),
        prints: prints.to_string(),
        ..Call::default()
    }
}

fn answers(identity: &str) -> Vec<Call> {
    let group = |name: &str, amount: &str| json!({"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}});
    let groups = [
        group("Amazon Elastic Compute Cloud - Compute", "5230.41"),
        group("Amazon Relational Database Service", "3120.05"),
        group("Amazon Simple Storage Service", "4496.86"),
    ];
    let instances: Vec<Value> = (0..23)
        .map(|n| json!({"Instances": [{"InstanceId": format!("i-{n:04}"), "InstanceType": "m5.large"}]}))
        .collect();
    let total = json!({"UnblendedCost": {"Amount": "12847.32", "Unit": "USD"}});
    let mut calls = vec![
        call(
            "sts get-caller-identity *",
            &json!({"Account": identity, "Arn": "arn:aws:iam::123456789012:role/reader"}),
        ),
        call(
            "ce get-cost-and-usage --time-period Start=2026-10-01,End=2026-11-01 *--group-by Type=DIMENSION,Key=SERVICE*",
            &json!({"ResultsByTime": [{"Groups": groups, "Estimated": false}]}),
        ),
        call(
            "ce get-cost-and-usage --time-period Start=2026-10-01,End=2026-11-01 *",
            &json!({"ResultsByTime": [{"Total": total}]}),
        ),
        call("ec2 describe-instances *", &json!({"Reservations": instances})),
        Call {
            exits: 254,
            complains: "An error occurred (Throttling)".into(),
            ..call("cloudwatch get-metric-statistics *InstanceId,Value=i-0022*", &json!({}))
        },
    ];
    let idle = json!({"Datapoints": [{"Average": 3.0}, {"Average": 5.0}]});
    calls.extend((0..4).map(|n| call(&format!("cloudwatch get-metric-statistics *InstanceId,Value=i-000{n} *"), &idle)));
    calls.push(call(
        "cloudwatch get-metric-statistics *",
        &json!({"Datapoints": [{"Average": 41.0}]}),
    ));
    calls
}

async fn asked(calls: Vec<Call>) -> (TempDir, Commands, Story) {
    let folder = tempfile::tempdir().unwrap();
    let recorded = Recorded {
        tools: [("aws".to_owned(), calls)].into(),
    };
    let commands = recorded.install(folder.path()).unwrap();
    let account = Account {
        id: ACCOUNT.into(),
        region: "eu-central-1".into(),
        program: commands.tool("aws").display().to_string(),
        secrets_folder: std::path::PathBuf::new(),
    };
    let stage = stage(|config| config.accounts.push(account), Vec::new()).await;
    let wanted = json!({"account": ACCOUNT, "month": "2026-10"});
    let story = Story::of(stage, &[("costs", "aws_cost_report", wanted, &[])]).await;
    (folder, commands, story)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_holds_what_the_answers_say_and_keeps_them() {
    let (_folder, commands, story) = asked(answers(ACCOUNT)).await;
    let summary = story.succeeds().await;
    assert_eq!(
        summary,
        "2026-10, account 123456789012: 12,847.32 USD; Amazon Elastic Compute Cloud - Compute 5,230.41 (40.7 %); 23 instances, 4 below 10 % CPU"
    );
    assert_eq!(story.kept("figures.json").await["difference"], json!(0.0));
    assert_eq!(story.kept("sts.json").await["Account"], json!(ACCOUNT));
    let run = story.stage.incident().await.run.unwrap();
    let report = run.steps[&story.plan.steps[0].id]
        .artifacts
        .iter()
        .find(|artifact| artifact.name.ends_with("report.md"))
        .unwrap();
    let blobs = story.stage.kit.bus.blobs(paramedic_bus::streams::ARTIFACTS).await.unwrap();
    let report = String::from_utf8(blobs.get(&report.name).await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        report.contains("i-0022 (m5.large): load not known") && report.contains("Throttling"),
        "{report}"
    );
    assert!(report.contains("- i-0003 (m5.large): 4.0 % (cpu-i-0003.json)"), "{report}");
    assert!(report.contains("0 to 909.64 USD a month"), "{report}");
    let reads = [
        "sts get-caller-identity",
        "ce get-cost-and-usage",
        "ec2 describe-instances",
        "cloudwatch get-metric-statistics",
    ];
    for call in commands.calls() {
        assert!(reads.iter().any(|read| call.starts_with(&format!("aws {read} "))), "{call}");
    }
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_are_asked_nothing_else() {
    let (_folder, commands, story) = asked(answers("999999999999")).await;
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Permanent);
    assert!(message.contains("are of account 999999999999, not 123456789012"), "{message}");
    assert_eq!(commands.calls().len(), 1, "{:?}", commands.calls());
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bill_that_cannot_be_had_is_said_with_the_reason() {
    let mut calls = answers(ACCOUNT);
    calls.retain(|call| !call.run.contains("--group-by"));
    let denied = Call {
        exits: 254,
        complains: "AccessDeniedException: not authorized to perform ce:GetCostAndUsage".into(),
        ..call("ce get-cost-and-usage *", &json!({}))
    };
    calls.insert(0, denied);
    let (_folder, _, story) = asked(calls).await;
    let (_, _, message) = story.fails().await;
    assert!(
        message.contains("aws ce get-cost-and-usage of account 123456789012: AccessDenied"),
        "{message}"
    );
    story.stage.end().await;
}
