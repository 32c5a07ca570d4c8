//! Other times: everything happened some days and hours later.

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, rngs::StdRng};
use regex::Regex;
use serde_json::{Value, json};

use super::{files::Files, texts};

/// Seconds since 1970 that are a time when something could have been recorded: the years 2001 to 2100.
const PLAUSIBLE: std::ops::Range<f64> = 1e9..4.1e9;

/// Shifts every time.
pub fn shift(files: &mut Files, chance: &mut StdRng) {
    let hours = chance.random_range(24 * 3..24 * 40);
    // Never whole days: another hour is another time of the day.
    let by = SignedDuration::from_hours(if hours % 24 == 0 { hours + 5 } else { hours });
    let Ok(pattern) = Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})") else {
        return;
    };
    // As AWS writes when a machine was ended.
    let Ok(spoken) = Regex::new(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) GMT") else {
        return;
    };
    for document in files.documents() {
        texts(document, &|text| {
            let plain = |found: &regex::Captures<'_>| later(&found[0], by).unwrap_or_else(|| found[0].to_owned());
            let said = |found: &regex::Captures<'_>| said_later(&found[1], &found[2], by).unwrap_or_else(|| found[0].to_owned());
            spoken.replace_all(&pattern.replace_all(text, plain), said).into_owned()
        });
        numbers(document, by);
    }
}

/// The same time later, with as many digits; `None` for the time that stands for none.
fn later(text: &str, by: SignedDuration) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    if time < Timestamp::UNIX_EPOCH {
        return None;
    }
    let digits = text
        .split_once('.')
        .map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    Some(format!("{:.digits$}", time.checked_add(by).ok()?))
}

/// The same of a time in words.
fn said_later(day: &str, clock: &str, by: SignedDuration) -> Option<String> {
    let time = later(&format!("{day}T{clock}Z"), by)?;
    Some(format!("{} GMT", time.trim_end_matches('Z').replace('T', " ")))
}

/// Times that are numbers: of spans in nanoseconds, and the values of series that are times.
fn numbers(value: &mut Value, by: SignedDuration) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|value| numbers(value, by)),
        Value::Object(map) => {
            let name = map.get("metric").and_then(|metric| metric["__name__"].as_str()).unwrap_or_default();
            let times = ["time", "created", "not_after", "not_before", "expir", "transition"]
                .iter()
                .any(|part| name.contains(part));
            for (name, value) in map {
                if name.ends_with("UnixNano") {
                    nanoseconds(value, by);
                } else if times && matches!(name.as_str(), "values" | "line" | "value") {
                    seconds(value, by);
                } else {
                    numbers(value, by);
                }
            }
        }
        _ => {}
    }
}

fn nanoseconds(value: &mut Value, by: SignedDuration) {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let later = number.and_then(|number| i64::try_from(i128::from(number) + by.as_nanos()).ok());
    if let Some(later) = later {
        *value = if value.is_string() {
            json!(later.to_string())
        } else {
            json!(later)
        };
    }
}

fn seconds(value: &mut Value, by: SignedDuration) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|value| seconds(value, by)),
        Value::Number(number) => {
            if let Some(seconds) = number.as_f64().filter(|seconds| PLAUSIBLE.contains(seconds)) {
                *value = json!(seconds + by.as_secs_f64());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: SignedDuration = SignedDuration::from_hours(29);

    #[test]
    fn a_time_keeps_its_form_and_the_time_that_stands_for_none_stays() {
        for (before, after) in [
            ("2026-03-02T14:20:00Z", Some("2026-03-03T19:20:00Z")),
            ("2026-03-02T14:20:00.250Z", Some("2026-03-03T19:20:00.250Z")),
            ("2026-03-02T15:20:00+01:00", Some("2026-03-03T19:20:00Z")),
            ("0001-01-01T00:00:00Z", None),
        ] {
            assert_eq!(later(before, BY).as_deref(), after, "{before}");
        }
        assert_eq!(said_later("2026-03-02", "14:20:00", BY).as_deref(), Some("2026-03-03 19:20:00 GMT"));
    }

    #[test]
    fn spans_and_series_of_times_are_shifted_and_other_numbers_are_not() {
        let mut value = json!([
            {"startTimeUnixNano": "1772461200000000000"},
            {"metric": {"__name__": "kube_pod_start_time"}, "values": [["x", 1_772_461_200]], "step": 5},
            {"metric": {"__name__": "memory_bytes"}, "values": [["x", 1_772_461_200]]},
            {"metric": {"__name__": "node_time_zone_offset"}, "values": [3600]},
        ]);
        numbers(&mut value, BY);
        assert_eq!(value[0]["startTimeUnixNano"], "1772565600000000000");
        assert_eq!(value[1]["values"][0][1], 1_772_565_600.0);
        assert_eq!(
            (&value[2]["values"][0][1], &value[3]["values"][0]),
            (&json!(1_772_461_200), &json!(3600))
        );
    }
}
