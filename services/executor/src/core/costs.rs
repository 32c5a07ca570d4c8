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
    let month = one_month(answer, "costs.json")?;
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

/// The only month of an answer that is whole.
fn one_month<'a>(answer: &'a Value, file: &str) -> Result<&'a Value, String> {
    if more(answer, "NextPageToken") {
        return Err(format!("{file} has further pages: a part of a bill is no bill"));
    }
    match answer["ResultsByTime"].as_array().map(Vec::as_slice).unwrap_or_default() {
        [month] => Ok(month),
        _ => Err(format!("{file} does not hold exactly one month")),
    }
}

fn more(answer: &Value, token: &str) -> bool {
    answer.get(token).is_some_and(|token| !token.is_null() && token != "")
}

/// The total in an answer that is not grouped, in the unit of `bill`.
///
/// # Errors
/// When it is not one amount of one month in that unit.
pub fn total(answer: &Value, bill: &Bill) -> Result<Amount, String> {
    let total = &one_month(answer, "total.json")?["Total"]["UnblendedCost"];
    let (Some(amount), Some(unit)) = (total["Amount"].as_str(), total["Unit"].as_str()) else {
        return Err("total.json holds no total with a unit".into());
    };
    if unit != bill.unit {
        return Err(format!(
            "total.json is in {unit:?} and costs.json in {:?}: they cannot be compared",
            bill.unit
        ));
    }
    Amount::parse(amount)
}

/// Id and type of each instance.
///
/// # Errors
/// When an id is none: it becomes an argument of a command.
pub fn instances(answer: &Value) -> Result<Vec<(String, String)>, String> {
    if more(answer, "NextToken") {
        return Err("instances.json has further pages: a part of a list is no list".into());
    }
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
    unmarked(text, 80)
}

/// On one line, without what Markdown would make something of.
fn unmarked(text: &str, most: usize) -> String {
    let kept = text.chars().filter(|c| !c.is_control() && !r"|<>`[]*\".contains(*c));
    kept.take(most).collect()
}

/// A whole report.
pub struct Report<'a> {
    /// The account.
    pub account: &'a str,
    /// `2026-10`.
    pub month: &'a str,
    /// Where the instances were looked for.
    pub region: &'a str,
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
                let (part, whole) = (amount.0.abs() * 1000, total.abs());
                let tenths = (part * 2 + whole) / (whole * 2);
                let negative = tenths > 0 && (amount.0 < 0) != (total < 0);
                format!("{}{}.{} %", if negative { "-" } else { "" }, tenths / 10, tenths % 10)
            }
        }
    }

    /// At most what the idle ones cost, if instances cost the same: what they do is not known, so the least is nothing.
    fn savings(&self) -> Option<String> {
        let (_, compute) = self.bill.services.iter().find(|(name, _)| name == COMPUTE)?;
        let known = self.instances.iter().filter(|one| one.load.is_ok()).count();
        let (idle, running) = (self.idle().count() as i128, self.running as i128);
        (idle > 0 && compute.0 > 0).then(|| {
            format!(
                "0 to {} {} a month: if none of the {idle} is needed, each costs as much as the average of the {running}, and these {running}, which \
                 run in {} now, are all that the month was paid for ({COMPUTE} of all regions, costs.json); the load of {known} of them is known",
                Amount(compute.0 * idle / running).text(),
                self.bill.unit,
                self.region
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
            "\n{} instances run in {} now (instances.json), {} of them below {} % CPU on average:\n",
            self.running,
            self.region,
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
                line(format!(
                    "- {} ({}): load not known: {}",
                    instance.id,
                    instance.kind,
                    unmarked(why, 300)
                ));
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
mod tests;
