//! Maintenance windows, as they can be typed.

use clap::{Args, Subcommand};

use super::Server;

/// Commands about maintenance windows.
#[derive(Debug, Subcommand)]
pub enum Maintenance {
    /// Expect alerts for a time: they open nothing, and count once it is over if they still fire then.
    Add(Add),
    /// List windows that are not over, and those of the configuration.
    List {
        #[command(flatten)]
        server: Server,
        /// Cluster; without it, the server's.
        #[arg(long, default_value = "")]
        cluster: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a window before its time.
    End {
        #[command(flatten)]
        server: Server,
        /// Cluster; without it, the server's.
        #[arg(long, default_value = "")]
        cluster: String,
        /// Its id, as `paramedic maintenance list` shows it.
        id: String,
        /// Your name, where the server does not know you by a token.
        #[arg(long, env = "USER", default_value = "")]
        by: String,
    },
}

/// A window.
#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    pub server: Server,
    /// Cluster; without it, the server's.
    #[arg(long, default_value = "")]
    pub cluster: String,
    /// What it is about, as in namespace=shop, severity!=critical, pod=~"cart-.*". Given several times, all must match.
    #[arg(long = "match", value_name = "MATCHER", required = true)]
    pub matchers: Vec<String>,
    /// When it begins (2026-03-02T22:00:00Z); without it, now.
    #[arg(long, value_name = "TIME")]
    pub from: Option<jiff::Timestamp>,
    /// When it ends (2026-03-03T02:00:00Z), or how long it lasts (2h, 45m, 1h30m).
    #[arg(long, value_name = "TIME|DURATION")]
    pub until: Until,
    /// Why; people read it.
    #[arg(long)]
    pub reason: String,
    /// Your name, where the server does not know you by a token.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
}

/// The end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// At this time.
    At(jiff::Timestamp),
    /// After this time.
    After(std::time::Duration),
}

impl std::str::FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let lasts = text.parse::<jiff::SignedDuration>().ok();
        lasts
            .and_then(|lasts| lasts.try_into().ok())
            .map(Self::After)
            .ok_or_else(|| format!("{text:?} is neither a time (2026-03-03T02:00:00Z) nor a duration (2h, 45m, 1h30m)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_duration() {
        assert_eq!("2h".parse(), Ok(Until::After(std::time::Duration::from_secs(7200))));
        assert_eq!("1h30m".parse(), Ok(Until::After(std::time::Duration::from_secs(5400))));
        assert_eq!(
            "2026-03-03T02:00:00Z".parse(),
            Ok(Until::At("2026-03-03T02:00:00Z".parse().unwrap()))
        );
        for text in ["", "2", "-2h", "tomorrow"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }
}
