//! Bills that are whole and bills that are not.

use super::*;

fn group(name: &str, amount: &str, unit: &str) -> Value {
    json!({"Keys": [name], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}})
}

fn month(groups: &[Value]) -> Value {
    json!({"ResultsByTime": [{"Groups": groups, "Estimated": false}]})
}

fn report(bill: &Bill, total: &str, loads: &[f64]) -> (String, String, Value) {
    let instances: Vec<Instance> = loads
        .iter()
        .enumerate()
        .map(|(index, load)| Instance {
            id: format!("i-{index}"),
            kind: "m5.large".into(),
            load: Ok(*load),
        })
        .collect();
    let report = Report {
        account: "123456789012",
        month: "2026-10",
        region: "eu-central-1",
        bill,
        total: Amount::parse(total).unwrap(),
        instances: &instances,
        running: instances.len(),
        idle_below: 10.0,
    };
    (report.summary(), report.markdown(), report.figures())
}

#[test]
fn amounts_are_exact_and_read_as_people_write_them() {
    for (text, written) in [
        ("12847.32", "12,847.32"),
        ("0.005", "0.01"),
        ("-3.1415926535", "-3.14"),
        ("1000000", "1,000,000.00"),
    ] {
        assert_eq!(Amount::parse(text).unwrap().text(), written);
    }
    for text in ["", "1e3", "1.2.3", "NaN", "--1", ".5", "1,5"] {
        assert!(Amount::parse(text).is_err(), "{text}");
    }
}

#[test]
fn shares_idle_instances_and_a_range_of_savings_are_what_the_answers_say() {
    let bill = bill(&month(&[
        group("Amazon Simple Storage Service", "7616.91", "USD"),
        group(COMPUTE, "5230.41", "USD"),
    ]))
    .unwrap();
    let mut loads = vec![50.0; 19];
    loads.extend([2.0, 3.5, 9.9, 0.0]);
    let (summary, markdown, figures) = report(&bill, "12847.32", &loads);
    assert!(
        summary.contains("12,847.32 USD") && summary.contains("23 instances, 4 below 10 % CPU"),
        "{summary}"
    );
    assert!(markdown.contains(&format!("| {COMPUTE} | 5,230.41 | 40.7 % |")), "{markdown}");
    assert!(markdown.contains("0 to 909.64 USD a month"), "{markdown}");
    assert_eq!((&figures["difference"], &figures["idle"]), (&json!(0.0), &json!(4)));
}

#[test]
fn a_bill_that_is_not_whole_is_none() {
    for (answer, wanted) in [
        (json!({"NextPageToken": "x", "ResultsByTime": [{}]}), "further pages"),
        (json!({"ResultsByTime": []}), "exactly one month"),
        (month(&[group("a", "1", "USD"), group("b", "1", "EUR")]), "mixes units"),
        (month(&[group("a", "many", "USD")]), "not an amount"),
        (month(&[json!({"Keys": []})]), "without name"),
    ] {
        let why = bill(&answer).unwrap_err();
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn what_does_not_add_up_is_a_figure_and_nothing_is_guessed() {
    let bill = bill(&month(&[group("a | `b`\n<c>", "10", "USD")])).unwrap();
    let (_, markdown, figures) = report(&bill, "11.5", &[]);
    assert_eq!(figures["difference"], json!(1.5));
    assert!(
        markdown.contains("| a  bc | 10.00 |") && markdown.contains("none can be derived"),
        "{markdown}"
    );
    assert!(load(&json!({"Datapoints": []})).is_err());
    assert!(instances(&json!({"Reservations": [{"Instances": [{"InstanceId": "i-1; rm"}]}]})).is_err());
}

fn whole(amount: &str, unit: &str) -> Value {
    json!({"ResultsByTime": [{"Total": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}]})
}

#[test]
fn a_total_that_is_not_whole_or_in_another_unit_is_none() {
    let bill = bill(&month(&[group("a", "100", "USD")])).unwrap();
    assert_eq!(total(&whole("100", "USD"), &bill), Amount::parse("100"));
    let mut paged = whole("100", "USD");
    paged["NextPageToken"] = json!("x");
    let mut twice = whole("100", "USD");
    let first = twice["ResultsByTime"][0].clone();
    twice["ResultsByTime"].as_array_mut().unwrap().push(first);
    for (answer, wanted) in [
        (whole("100", "EUR"), "cannot be compared"),
        (paged, "further pages"),
        (twice, "exactly one month"),
        (json!({"ResultsByTime": [{"Total": {}}]}), "no total"),
    ] {
        let why = total(&answer, &bill).unwrap_err();
        assert!(why.contains(wanted), "{why}");
    }
    let more = instances(&json!({"NextToken": "x", "Reservations": []})).unwrap_err();
    assert!(more.contains("further pages"), "{more}");
}

#[test]
fn refunds_have_negative_shares_and_save_nothing() {
    let refund = bill(&month(&[group("a", "100.50", "USD"), group(COMPUTE, "-0.50", "USD")])).unwrap();
    let (_, markdown, _) = report(&refund, "100", &[1.0]);
    assert!(markdown.contains(&format!("| {COMPUTE} | -0.50 | -0.5 % |")), "{markdown}");
    assert!(markdown.contains("none can be derived"), "{markdown}");
}

#[test]
fn what_savings_assume_is_said() {
    let bill = bill(&month(&[group(COMPUTE, "1000", "USD")])).unwrap();
    let (_, markdown, _) = report(&bill, "1000", &[1.0, 50.0]);
    assert!(markdown.contains("0 to 500.00 USD a month"), "{markdown}");
    assert!(
        markdown.contains("run in eu-central-1 now") && markdown.contains("the load of 2 of them is known"),
        "{markdown}"
    );
}
