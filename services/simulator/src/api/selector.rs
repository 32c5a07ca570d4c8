//! Label selectors, in the words of the real parser.

use serde_json::Value;

use crate::store::Status;

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Greater(String, i64),
    Less(String, i64),
}

/// A label selector; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(&'static str),
    End,
}

impl Labels {
    /// Parses `a=b,c!=d,e in (f,g),!h`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut parser = Parser {
            tokens: tokens(text),
            at: 0,
        };
        let parsed = parser.selector();
        parsed
            .map(Self)
            .map_err(|why| Status::bad_request(format!("unable to parse requirement: {why}")))
    }

    /// Reads `metav1.LabelSelector` (`matchLabels`, `matchExpressions`); `None` for a missing selector, which selects nothing.
    pub fn from_object(selector: &Value) -> Option<Self> {
        let selector = selector.as_object()?;
        let mut out = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            out.push(Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]));
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            let values: Vec<String> = expression["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            out.push(match expression["operator"].as_str() {
                Some("In") => Requirement::In(key, values),
                Some("NotIn") => Requirement::NotIn(key, values),
                Some("DoesNotExist") => Requirement::Missing(key),
                _ => Requirement::Exists(key),
            });
        }
        Some(Self(out))
    }

    /// True when the labels (`metadata.labels`, or null) satisfy every requirement.
    pub fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        let number = |key: &str| value(key).and_then(|text| text.parse::<i64>().ok());
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => value(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|v| !values.iter().any(|w| w == v)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
            Requirement::Greater(key, bound) => number(key).is_some_and(|v| v > *bound),
            Requirement::Less(key, bound) => number(key).is_some_and(|v| v < *bound),
        })
    }

    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `app=web,tier in (a,b)`: as `status.selector` of a scale is written.
    pub fn text(&self) -> String {
        let one = |requirement: &Requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => format!("{key}={}", values[0]),
            Requirement::In(key, values) => format!("{key} in ({})", values.join(",")),
            Requirement::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
            Requirement::Exists(key) => key.clone(),
            Requirement::Missing(key) => format!("!{key}"),
            Requirement::Greater(key, bound) => format!("{key}>{bound}"),
            Requirement::Less(key, bound) => format!("{key}<{bound}"),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

fn tokens(text: &str) -> Vec<Token> {
    const SIGNS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            out.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || "=!(),><".contains(c))
                .unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    out.push(Token::End);
    out
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut out = Vec::new();
        if *self.peek() == Token::End {
            return Ok(out);
        }
        loop {
            out.push(self.requirement()?);
            match self.next() {
                Token::End => return Ok(out),
                Token::Sign(",") => {}
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", shown(&other))),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = *self.peek() == Token::Sign("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(word) => word,
            other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", shown(&other))),
        };
        if absent {
            return Ok(Requirement::Missing(key));
        }
        match self.peek().clone() {
            Token::End | Token::Sign(",") => Ok(Requirement::Exists(key)),
            Token::Sign("=" | "==") => {
                self.next();
                Ok(Requirement::In(key, vec![self.exact()?]))
            }
            Token::Sign("!=") => {
                self.next();
                Ok(Requirement::NotIn(key, vec![self.exact()?]))
            }
            Token::Sign(sign @ (">" | "<")) => {
                self.next();
                let text = self.exact()?;
                let bound = text
                    .parse()
                    .map_err(|_| format!("for 'Gt', 'Lt' operators, the value must be an integer: {text}"))?;
                Ok(if sign == ">" {
                    Requirement::Greater(key, bound)
                } else {
                    Requirement::Less(key, bound)
                })
            }
            Token::Word(word) if word == "in" => {
                self.next();
                Ok(Requirement::In(key, self.values()?))
            }
            Token::Word(word) if word == "notin" => {
                self.next();
                Ok(Requirement::NotIn(key, self.values()?))
            }
            other => Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", shown(&other))),
        }
    }

    fn exact(&mut self) -> Result<String, String> {
        match self.peek().clone() {
            Token::End | Token::Sign(",") => Ok(String::new()),
            Token::Word(word) => {
                self.next();
                Ok(word)
            }
            other @ Token::Sign(_) => Err(format!("found '{}', expected: identifier", shown(&other))),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Sign("(") => {}
            other => return Err(format!("found '{}' expected: '('", shown(&other))),
        }
        let mut out = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => out.push(word),
                Token::Sign(",") => {}
                Token::Sign(")") => return Ok(out),
                other => return Err(format!("found '{}', expected: ',', or identifier", shown(&other))),
            }
        }
    }
}

fn shown(token: &Token) -> &str {
    match token {
        Token::Word(word) => word,
        Token::Sign(sign) => sign,
        Token::End => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Labels;

    #[test]
    fn the_usual_forms_select_what_they_say() {
        let labels = json!({"app": "web", "tier": "front", "n": "5"});
        for yes in [
            "",
            "app=web",
            "app==web,tier in (front, back)",
            "app",
            "!gone",
            "gone!=x",
            "tier notin (back)",
            "n>4",
        ] {
            assert!(Labels::parse(yes).unwrap().matches(&labels), "{yes}");
        }
        for no in ["app=db", "!app", "tier in (back)", "app!=web", "n<5", "gone"] {
            assert!(!Labels::parse(no).unwrap().matches(&labels), "{no}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_the_words_of_the_real_parser() {
        let error = Labels::parse("a===b").unwrap_err();
        assert_eq!(error.message, "unable to parse requirement: found '=', expected: identifier");
    }
}
