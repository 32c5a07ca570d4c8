//! A report of costs from the answers of the AWS CLI: every figure says which answer it comes from, and none is made up.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Compute, in the words of Cost Explorer.
const COMPUTE: &str = "Amazon Elastic Compute Cloud - Compute";
/// Decimals that amounts are kept with: Cost Explorer gives ten.
const DECIMALS: usize = 10;

/// An amount, in 10⁻¹⁰ of its unit: sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

/// What services cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// By service, the dearest first.
    pub services: Vec<(String, Amount)>,
    /// The unit of all amounts.
    pub unit: String,
    /// Preliminary: the month is not closed.
    pub estimated: bool,
}

/// A running instance and the average load of its processors in percent; `None`: it could not be read, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The load.
    pub load: Result<f64, String>,
}

impl Amount {
    /// Reads a decimal number as Cost Explorer writes it.
    ///
    /// # Errors
    /// The text, when it is no such number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not an amount");
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 20 || part.len() > 20 || !all_digits(whole) || !all_digits(part) {
            return Err(bad());
        }
        let part: String = part.chars().chain(std::iter::repeat('0')).take(DECIMALS).collect();
        let value: i128 = format!("{whole}{part}").parse().map_err(|_| bad())?;
        Ok(Self(if negative { -value } else { value }))
    }

    /// Rounded to cents, with commas between thousands.
    #[must_use]
    pub fn text(self) -> String {
        let cent = 10_i128.pow(8);
        let cents = (self.0.abs() + cent / 2) / cent;
        let whole = (cents / 100).to_string();
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        format!("{sign}{grouped}.{:02}", cents % 100)
    }

    /// As a plain number, for criteria.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a figure that is compared, not added")]
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e10
    }
}

/// The account of the credentials.
///
/// # Errors
/// When the answer does not say it.
pub fn identity(answer: &Value) -> Result<&str, String> {
    answer["Account"].as_str().ok_or_else(|| "sts.json names no account".into())
}

/// The bill in an answer of `ce get-cost-and-usage` by service for one month.
///
/// # Errors
/// When it is not the whole of one month in one unit.
pub fn bill(answer: &Value) -> Result<Bill, String> {
    if answer["NextPageToken"].as_str().is_some_and(|token| !token.is_empty()) {
        return Err("costs.json has further pages: a part of a bill is no bill".into());
    }
    let [month] = answer["ResultsByTime"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err("costs.json does not hold exactly one month".into());
    };
    let mut services = Vec::new();
    let mut units = std::collections::BTreeSet::new();
    for group in month["Groups"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = group.pointer("/Keys/0").and_then(Value::as_str);
        let cost = &group["Metrics"]["UnblendedCost"];
        let (Some(name), Some(amount), Some(unit)) = (name, cost["Amount"].as_str(), cost["Unit"].as_str()) else {
            return Err(format!("costs.json holds a group without name, amount or unit: {group}"));
        };
        services.push((plain(name), Amount::parse(amount)?));
        units.insert(unit.to_owned());
    }
    if units.len() > 1 {
        return Err(format!("costs.json mixes units, which cannot be added: {units:?}"));
    }
    services.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Ok(Bill {
        services,
        unit: units.into_iter().next().unwrap_or_else(|| "USD".into()),
        estimated: month["Estimated"].as_bool().unwrap_or(false),
    })
}

/// The total in an answer that is not grouped.
///
/// # Errors
/// When it is not one amount.
pub fn total(answer: &Value) -> Result<Amount, String> {
    let amount = answer
        .pointer("/ResultsByTime/0/Total/UnblendedCost/Amount")
        .and_then(Value::as_str);
    Amount::parse(amount.ok_or("total.json holds no total")?)
}

/// Id and type of each instance.
///
/// # Errors
/// When an id is none: it becomes an argument of a command.
pub fn instances(answer: &Value) -> Result<Vec<(String, String)>, String> {
    let reservations = answer["Reservations"].as_array().ok_or("instances.json holds no list")?;
    let all = reservations.iter().filter_map(|one| one["Instances"].as_array()).flatten();
    all.map(|instance| {
        let id = instance["InstanceId"].as_str().unwrap_or_default();
        let good = id
            .strip_prefix("i-")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
        match good {
            true => Ok((id.to_owned(), plain(instance["InstanceType"].as_str().unwrap_or("?")))),
            false => Err(format!("instances.json holds {id:?}, which is no id of an instance")),
        }
    })
    .collect()
}

/// The average of daily averages in percent.
///
/// # Errors
/// When there is none.
#[allow(clippy::cast_precision_loss, reason = "a month has 31 days")]
pub fn load(answer: &Value) -> Result<f64, String> {
    let points = answer["Datapoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let averages: Vec<f64> = points.iter().filter_map(|point| point["Average"].as_f64()).collect();
    match averages.is_empty() {
        true => Err("CloudWatch has no figures of it".into()),
        false => Ok(averages.iter().sum::<f64>() / averages.len() as f64),
    }
}

/// Names are the provider's words: on one line, and no longer than a name.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control() && !matches!(c, '|' | '<' | '>' | '`'));
    kept.take(80).collect()
}

/// A whole report.
pub struct Report<'a> {
    /// The account.
    pub account: &'a str,
    /// `2026-10`.
    pub month: &'a str,
    /// By service.
    pub bill: &'a Bill,
    /// The account's total, asked for by itself.
    pub total: Amount,
    /// Running instances that were looked at.
    pub instances: &'a [Instance],
    /// How many there are.
    pub running: usize,
    /// Below this an instance counts as idle, percent.
    pub idle_below: f64,
}

impl Report<'_> {
    fn idle(&self) -> impl Iterator<Item = (&Instance, f64)> {
        let loads = self.instances.iter().filter_map(|one| Some((one, *one.load.as_ref().ok()?)));
        loads.filter(|(_, load)| *load < self.idle_below)
    }

    fn sum(&self) -> Amount {
        Amount(self.bill.services.iter().map(|(_, amount)| amount.0).sum())
    }

    fn share(&self, amount: Amount) -> String {
        match self.total.0 {
            0 => "0.0 %".into(),
            total => {
                let tenths = (amount.0 * 1000 * 2 + total) / (total * 2);
                format!("{}.{} %", tenths / 10, (tenths % 10).abs())
            }
        }
    }

    /// At most what the idle ones cost, if instances cost the same: what they do is not known, so the least is nothing.
    fn savings(&self) -> Option<String> {
        let (_, compute) = self.bill.services.iter().find(|(name, _)| name == COMPUTE)?;
        let (idle, looked) = (self.idle().count() as i128, self.running as i128);
        (idle > 0 && looked > 0).then(|| {
            format!(
                "0 to {} {} a month: if none of the {idle} is needed, and each costs as much as the average of the {looked} ({COMPUTE}, costs.json)",
                Amount(compute.0 * idle / looked).text(),
                self.bill.unit
            )
        })
    }

    /// One line.
    #[must_use]
    pub fn summary(&self) -> String {
        let dearest = self.bill.services.first().map_or_else(String::new, |(name, amount)| {
            format!("; {name} {} ({})", amount.text(), self.share(*amount))
        });
        format!(
            "{}, account {}: {} {}{dearest}; {} instances, {} below {} % CPU",
            self.month,
            self.account,
            self.total.text(),
            self.bill.unit,
            self.running,
            self.idle().count(),
            self.idle_below
        )
    }

    /// Figures that criteria measure.
    #[must_use]
    pub fn figures(&self) -> Value {
        let difference = Amount((self.sum().0 - self.total.0).abs());
        json!({
            "total": self.total.value(),
            "services_sum": self.sum().value(),
            "difference": difference.value(),
            "instances": self.running,
            "idle": self.idle().count(),
        })
    }

    /// The report, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let unit = &self.bill.unit;
        let mut text = format!(
            "# Account {}, {}\n\nAccount: sts.json. Total: **{} {unit}** (total.json){}.\n\n| service | {unit} (costs.json) | share |\n|---|---|---|\n",
            self.account,
            self.month,
            self.total.text(),
            if self.bill.estimated {
                ", preliminary: the month is not closed"
            } else {
                ""
            }
        );
        let mut line = |line: String| writeln!(text, "{line}").expect("a string takes every line");
        for (name, amount) in &self.bill.services {
            line(format!("| {name} | {} | {} |", amount.text(), self.share(*amount)));
        }
        line(format!("| sum | {} | {} |", self.sum().text(), self.share(self.sum())));
        line(format!(
            "\n{} running instances (instances.json), {} of them below {} % CPU on average:\n",
            self.running,
            self.idle().count(),
            self.idle_below
        ));
        for (instance, load) in self.idle() {
            line(format!(
                "- {} ({}): {load:.1} % (cpu-{}.json)",
                instance.id, instance.kind, instance.id
            ));
        }
        for instance in self.instances {
            if let Err(why) = &instance.load {
                line(format!("- {} ({}): load not known: {why}", instance.id, instance.kind));
            }
        }
        if self.running > self.instances.len() {
            line(format!(
                "- the load of {} further instances was not asked for",
                self.running - self.instances.len()
            ));
        }
        line(match self.savings() {
            Some(savings) => format!("\nPossible savings: {savings}."),
            None => "\nPossible savings: none can be derived from these figures.".into(),
        });
        text
    }
}

#[cfg(test)]
mod tests {
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
}
