//! LogQL as far as people use it to look: a stream selector, line filters, `| json`-free.

use promql_parser::{
    label::Matchers,
    parser::{self, Expr},
};
use regex::Regex;

/// A parsed query: streams, and what their lines must satisfy.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) streams: Matchers,
    pub(crate) filters: Vec<Filter>,
    /// `count_over_time` or `rate` over this many seconds, instead of the lines themselves.
    pub(crate) counted: Option<Counted>,
}

/// A metric query over log lines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) seconds: f64,
    pub(crate) per_second: bool,
    /// `sum(...)`: labels to keep.
    pub(crate) sum: Option<Vec<String>>,
}

/// One line filter.
#[derive(Debug)]
pub(crate) enum Filter {
    Contains(String),
    Lacks(String),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Filter {
    pub(crate) fn keeps(&self, line: &str) -> bool {
        match self {
            Self::Contains(text) => line.contains(text),
            Self::Lacks(text) => !line.contains(text),
            Self::Matches(regex) => regex.is_match(line),
            Self::MatchesNot(regex) => !regex.is_match(line),
        }
    }
}

/// Parses a query; the error is for the user.
pub(crate) fn parse(query: &str) -> Result<Query, String> {
    let query = query.trim();
    if query.starts_with('{') {
        let (streams, filters) = pipeline(query)?;
        return Ok(Query {
            streams,
            filters,
            counted: None,
        });
    }
    let (sum, inner) = match query.strip_prefix("sum") {
        Some(rest) => sum_of(rest)?,
        None => (None, query.to_owned()),
    };
    let (name, rest) = inner
        .split_once('(')
        .ok_or_else(|| syntax(query, "expected a stream selector {...}"))?;
    let per_second = match name.trim() {
        "rate" => true,
        "count_over_time" => false,
        other => {
            return Err(syntax(
                query,
                &format!("{other} is not supported; use a stream selector, count_over_time or rate"),
            ));
        }
    };
    let body = rest.trim().strip_suffix(')').ok_or_else(|| syntax(query, "missing )"))?;
    let (body, range) = body.rsplit_once('[').ok_or_else(|| syntax(query, "missing [range]"))?;
    let range = range.trim().strip_suffix(']').ok_or_else(|| syntax(query, "missing ]"))?;
    let seconds = crate::scenario::Span::parse(range)
        .map_err(|error| syntax(query, &error))?
        .as_secs_f64();
    let (streams, filters) = pipeline(body.trim())?;
    Ok(Query {
        streams,
        filters,
        counted: Some(Counted { seconds, per_second, sum }),
    })
}

/// `[by (a, b)] (inner)` or `(inner) by (a, b)`.
fn sum_of(rest: &str) -> Result<(Option<Vec<String>>, String), String> {
    let rest = rest.trim();
    let labels = |text: &str| {
        text.split(',')
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect::<Vec<_>>()
    };
    if let Some(rest) = rest.strip_prefix("by") {
        let (list, inner) = rest
            .trim()
            .strip_prefix('(')
            .and_then(|r| r.split_once(')'))
            .ok_or("sum by needs (labels)")?;
        let inner = inner
            .trim()
            .strip_prefix('(')
            .and_then(|r| r.strip_suffix(')'))
            .ok_or("sum by (...) needs (expression)")?;
        return Ok((Some(labels(list)), inner.to_owned()));
    }
    let (inner, by) = match rest.rsplit_once(" by ") {
        Some((inner, by)) => (inner.trim(), labels(by.trim().trim_start_matches('(').trim_end_matches(')'))),
        None => (rest, Vec::new()),
    };
    let inner = inner
        .strip_prefix('(')
        .and_then(|r| r.strip_suffix(')'))
        .ok_or("sum needs (expression)")?;
    Ok((Some(by), inner.to_owned()))
}

fn pipeline(text: &str) -> Result<(Matchers, Vec<Filter>), String> {
    let end = closing_brace(text).ok_or_else(|| syntax(text, "the stream selector is not closed"))?;
    let selector = &text[..=end];
    let streams = match parser::parse(selector) {
        Ok(Expr::VectorSelector(selector)) => selector.matchers,
        Ok(_) => return Err(syntax(text, "expected a stream selector")),
        Err(error) => return Err(syntax(text, &error)),
    };
    let mut filters = Vec::new();
    let mut rest = text[end + 1..].trim_start();
    while !rest.is_empty() {
        let (op, after) = rest.split_at_checked(2).ok_or_else(|| syntax(text, "unfinished filter"))?;
        let known = matches!(op, "|=" | "!=" | "|~" | "!~");
        if !known {
            // Parsers and formatters (`| logfmt`, `| json`) change nothing for plain lines.
            let stage = rest
                .strip_prefix('|')
                .map(str::trim_start)
                .ok_or_else(|| syntax(text, "expected a line filter"))?;
            let name = stage.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            if !matches!(name, "json" | "logfmt" | "unpack") {
                return Err(syntax(text, &format!("the stage | {name} is not supported")));
            }
            rest = stage[name.len()..].trim_start();
            continue;
        }
        let (value, after) = quoted(after.trim_start()).ok_or_else(|| syntax(text, "a line filter needs a quoted text"))?;
        let regex = |text: &str| Regex::new(text).map_err(|error| syntax(text, &error.to_string()));
        filters.push(match op {
            "|=" => Filter::Contains(value),
            "!=" => Filter::Lacks(value),
            "|~" => Filter::Matches(regex(&value)?),
            _ => Filter::MatchesNot(regex(&value)?),
        });
        rest = after.trim_start();
    }
    Ok((streams, filters))
}

/// The brace that closes the one at the start, outside of quotes.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if c == '}' => return Some(i),
            None => {}
        }
    }
    None
}

/// A text in double quotes (with escapes) or backticks (without), and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('`') {
        let (value, after) = rest.split_once('`')?;
        return Some((value.to_owned(), after));
    }
    let rest = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = rest.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((out, &rest[i + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                other @ ('"' | '\\') => out.push(other),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            c => out.push(c),
        }
    }
    None
}

fn syntax(query: &str, why: &str) -> String {
    format!("parse error in {query}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_filters_and_counts_are_understood() {
        let query = parse(r#"{namespace="production", pod=~"payment.*"} |= "pool size" != "x\"y" |~ `\d+` !~ "debug""#).unwrap();
        assert_eq!(query.filters.len(), 4);
        let keeps = |line: &str| query.filters.iter().all(|filter| filter.keeps(line));
        assert!(keeps("pool size 12") && !keeps("pool size") && !keeps("pool size 12 debug") && !keeps("pool size 12 x\"y"));
        let query = parse(r#"sum by (pod) (count_over_time({app="a"} |= "error" [5m]))"#).unwrap();
        let counted = Counted {
            seconds: 300.0,
            per_second: false,
            sum: Some(vec!["pod".to_owned()]),
        };
        assert_eq!(query.counted, Some(counted));
        assert!(parse(r#"rate({app="a"}[1m])"#).unwrap().counted.unwrap().per_second);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_query() {
        for query in [
            "",
            "{app=",
            r#"{app="a"} |= error"#,
            r#"{app="a"} | line_format "x""#,
            r#"topk(1, {app="a"})"#,
        ] {
            let error = parse(query).unwrap_err();
            assert!(error.starts_with("parse error") || error.contains("needs"), "{query}: {error}");
        }
    }
}
