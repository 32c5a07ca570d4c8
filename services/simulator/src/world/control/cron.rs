//! Cron schedules as Kubernetes reads them: five fields, `@daily` and its like, `@every 90s`, with an optional time zone.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, Zoned, civil, tz::TimeZone};

/// When a CronJob runs.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    rule: Rule,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Fields(Fields),
    Every(Duration),
}

/// The allowed values of every field, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// A star in one of the two day fields: both must match; otherwise one of them is enough.
    any_day: bool,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// A schedule that never comes (30 February) is given up after this many years, as the library of the real controller does.
const YEARS: i64 = 5;

impl Schedule {
    /// Reads a schedule; the error is in the words of the real server.
    pub(crate) fn parse(text: &str, zone: Option<&str>) -> Result<Self, String> {
        let zone = match zone {
            Some(name) => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
            None => TimeZone::UTC,
        };
        let rule = match text.strip_prefix('@') {
            Some(name) => macro_rule(text, name)?,
            None => Rule::Fields(Fields::parse(text)?),
        };
        Ok(Self { rule, zone })
    }

    /// The first time after `from`.
    pub(crate) fn next(&self, from: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(period) => {
                let whole = Timestamp::from_second(from.as_second()).ok()?;
                Some(crate::world::obj::after(whole, *period))
            }
            Rule::Fields(fields) => fields.next(&from.to_zoned(self.zone.clone())).map(|at| at.timestamp()),
        }
    }

    /// The last time after `earliest` and not after `now`.
    pub(crate) fn latest(&self, earliest: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let first = self.next(earliest).filter(|at| *at <= now)?;
        let second = self.next(first).filter(|at| *at <= now);
        let Some(second) = second else { return Some(first) };
        // A long pause is skipped in one stride; schedules repeat evenly enough for that.
        let period = second.duration_since(first).as_secs().max(1);
        let strides = now.duration_since(first).as_secs() / period;
        let jump = Duration::from_secs(((strides - 2).max(0) * period).unsigned_abs());
        let mut latest = first;
        let mut at = self
            .next(crate::world::obj::after(earliest, jump))
            .filter(|at| *at <= now)
            .unwrap_or(first);
        loop {
            latest = latest.max(at);
            match self.next(at).filter(|next| *next <= now) {
                Some(next) => at = next,
                None => return Some(latest),
            }
        }
    }
}

fn macro_rule(text: &str, name: &str) -> Result<Rule, String> {
    if let Some(period) = name.strip_prefix("every ") {
        let span = crate::scenario::Span::parse(period)
            .map_err(|_| format!("failed to parse duration {text}: time: invalid duration \"{period}\""))?;
        return Ok(Rule::Every(Duration::from_secs(span.0.as_secs().max(1))));
    }
    let fields = match name {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        _ => return Err(format!("unrecognized descriptor: {text}")),
    };
    Fields::parse(fields).map(Rule::Fields)
}

impl Fields {
    fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" ")));
        };
        let star = |field: &str| field.starts_with('*') || field.starts_with('?');
        Ok(Self {
            minutes: bits(minute, 0, 59, &[])?,
            hours: bits(hour, 0, 23, &[])?,
            days: bits(day, 1, 31, &[])?,
            months: bits(month, 1, 12, MONTHS)?,
            weekdays: bits(weekday, 0, 6, WEEKDAYS)?,
            any_day: star(day) || star(weekday),
        })
    }

    fn day_fits(&self, date: civil::Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let (day, week) = (has(self.days, date.day()), has(self.weekdays, weekday));
        if self.any_day { day && week } else { day || week }
    }

    fn next(&self, from: &Zoned) -> Option<Zoned> {
        let last_year = i64::from(from.year()) + YEARS;
        let start = from.datetime().checked_add(1.minute()).ok()?;
        let mut at = civil::datetime(start.year(), start.month(), start.day(), start.hour(), start.minute(), 0, 0);
        while i64::from(at.year()) <= last_year {
            at = if !has(self.months, at.month()) {
                at.date().first_of_month().checked_add(1.month()).ok()?.at(0, 0, 0, 0)
            } else if !self.day_fits(at.date()) {
                at.date().tomorrow().ok()?.at(0, 0, 0, 0)
            } else if !has(self.hours, at.hour()) {
                at.date().at(at.hour(), 0, 0, 0).checked_add(1.hour()).ok()?
            } else if !has(self.minutes, at.minute()) {
                at.checked_add(1.minute()).ok()?
            } else {
                return at.to_zoned(from.time_zone().clone()).ok();
            };
        }
        None
    }
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

fn bits(field: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    let mut out = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step, &[])?)),
            None => (part, None),
        };
        let (low, high) = if range == "*" || range == "?" {
            (least, most)
        } else if let Some((low, high)) = range.split_once('-') {
            (number(low, names)?, number(high, names)?)
        } else {
            let one = number(range, names)?;
            (one, if step.is_some() { most } else { one })
        };
        if low < least {
            return Err(format!("beginning of range ({low}) below minimum ({least}): {part}"));
        }
        if high > most {
            return Err(format!("end of range ({high}) above maximum ({most}): {part}"));
        }
        if low > high {
            return Err(format!("beginning of range ({low}) beyond end of range ({high}): {part}"));
        }
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(format!("step of range should be a positive number: {part}"));
        }
        for value in (low..=high).step_by(step as usize) {
            out |= 1 << value;
        }
    }
    Ok(out)
}

/// A number, or a name counted from the place the field begins: months from one, weekdays from zero.
fn number(text: &str, names: &[&str]) -> Result<u32, String> {
    if let Some(i) = names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
        let first = u32::from(names.len() == MONTHS.len());
        return Ok(u32::try_from(i).unwrap_or(0) + first);
    }
    text.parse()
        .map_err(|_| format!("failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": invalid syntax"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_follows_the_fields() {
        for (schedule, from, next) in [
            ("*/5 * * * *", "2026-03-10T12:00:00Z", "2026-03-10T12:05:00Z"),
            ("30 2 * * *", "2026-03-10T12:00:00Z", "2026-03-11T02:30:00Z"),
            ("0 0 1 jan,Jul *", "2026-03-10T12:00:00Z", "2026-07-01T00:00:00Z"),
            ("0 9 * * MON-FRI", "2026-03-13T09:00:00Z", "2026-03-16T09:00:00Z"),
            // Both day fields given: either is enough.
            ("0 0 13 * 5", "2026-03-10T12:00:00Z", "2026-03-13T00:00:00Z"),
            ("0 0 20 * 2", "2026-03-18T12:00:00Z", "2026-03-20T00:00:00Z"),
            ("@hourly", "2026-03-10T12:00:30Z", "2026-03-10T13:00:00Z"),
            ("@every 1h30m", "2026-03-10T12:00:00Z", "2026-03-10T13:30:00Z"),
            ("0 0 29 2 *", "2026-03-10T12:00:00Z", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(
                Schedule::parse(schedule, None).unwrap().next(at(from)),
                Some(at(next)),
                "{schedule}"
            );
        }
        assert_eq!(Schedule::parse("0 0 30 2 *", None).unwrap().next(at("2026-03-10T12:00:00Z")), None);
    }

    #[test]
    fn a_time_zone_moves_the_schedule() {
        let schedule = Schedule::parse("0 9 * * *", Some("America/New_York")).unwrap();
        assert_eq!(schedule.next(at("2026-01-10T00:00:00Z")), Some(at("2026-01-10T14:00:00Z")));
    }

    #[test]
    fn the_latest_time_of_a_long_pause_is_found_at_once() {
        let schedule = Schedule::parse("*/10 * * * *", None).unwrap();
        let latest = schedule.latest(at("2025-03-10T12:03:00Z"), at("2026-03-10T12:34:00Z"));
        assert_eq!(latest, Some(at("2026-03-10T12:30:00Z")));
        assert_eq!(schedule.latest(at("2026-03-10T12:30:00Z"), at("2026-03-10T12:34:00Z")), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_the_words_of_the_server() {
        for (schedule, why) in [
            ("hourly", "expected exactly 5 fields, found 1: [hourly]"),
            ("61 * * * *", "end of range (61) above maximum (59): 61"),
            ("@never", "unrecognized descriptor: @never"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
        ] {
            assert_eq!(Schedule::parse(schedule, None).unwrap_err(), why);
        }
    }
}
