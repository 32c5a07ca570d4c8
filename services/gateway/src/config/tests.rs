use super::*;
use crate::{config::source::Sends, core::format::Format};

#[derive(Deserialize)]
struct File {
    gateway: Config,
}

fn load_with(extra: &str, variables: &[(&str, &str)]) -> Config {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    paramedic_runtime::config::load::<File>(&[DEFAULTS, extra], None, variables, &LISTS)
        .unwrap()
        .gateway
}

fn load(extra: &str) -> Config {
    load_with(extra, &[])
}

fn source(settings: &str) -> Config {
    load(&format!("[gateway.sources.alertmanager]\n{settings}"))
}

#[test]
fn the_defaults_accept_nobody_and_say_what_to_do() {
    let error = load("").validate().unwrap_err();
    assert!(
        error.to_string().contains("gateway.sources.alertmanager.tokens: is missing"),
        "{error}"
    );
}

#[test]
fn the_documented_defaults_of_a_source_are_its_defaults() {
    let documented = load(&SOURCE_DEFAULTS.replace("NAME", "alertmanager"));
    let implied = load("[gateway.sources.alertmanager]");
    assert_eq!(format!("{:?}", documented.sources), format!("{:?}", implied.sources));
}

#[test]
fn one_variable_is_enough() {
    let config = load_with(
        "",
        &[(
            "PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS",
            "0123456789abcdef,fedcba9876543210",
        )],
    );
    config.validate().unwrap();
    let alertmanager = &config.sources["alertmanager"];
    assert_eq!(alertmanager.tokens.len(), 2);
    assert_eq!(alertmanager.sends("alertmanager"), Ok(Sends::Alerts(Format::Alertmanager)));
    assert_eq!(alertmanager.validate("alertmanager").unwrap(), "/api/v1/alerts/alertmanager");
}

#[test]
fn every_way_to_know_a_source_is_enough() {
    for settings in [
        "anonymous = true",
        "tokens = ['0123456789abcdef']",
        "tokens_file = 'tokens'",
        "basic = ['alertmanager:0123456789abcdef']",
        "basic_file = 'pairs'",
        "service_accounts = ['monitoring/alertmanager']",
        "client_names = ['alertmanager.monitoring.svc']",
        "kind = 'pagerduty'\nsigning_secrets = ['0123456789abcdef']",
        "kind = 'pagerduty'\nsigning_secrets_file = 'secrets'",
    ] {
        source(settings).validate().unwrap();
    }
}

#[test]
fn the_cluster_is_asked_by_whoever_watches_it_or_reviews_tokens() {
    let unwatched = |settings| source(&format!("{settings}\n[gateway.topology]\nenabled = false"));
    assert!(source("anonymous = true").reaches_cluster());
    assert!(unwatched("service_accounts = ['monitoring/alertmanager']").reaches_cluster());
    assert!(!unwatched("anonymous = true").reaches_cluster());
}

#[test]
fn bounds_of_the_topology_name_their_key() {
    for (text, key) in [
        ("debounce_seconds = 0", "gateway.topology.debounce_seconds"),
        ("pods_seconds = 29", "gateway.topology.pods_seconds"),
        ("namespaces = ['a/b']", "gateway.topology.namespaces"),
    ] {
        let error = source(&format!("anonymous = true\n[gateway.topology]\n{text}"))
            .validate()
            .unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// A file with a maintenance window that says this besides.
fn maintenance(settings: &str) -> String {
    let (mut from, mut until) = ("from = '2026-03-02T10:00:00Z'\n", "until = '2026-03-02T12:00:00Z'\n");
    if settings.contains("from = ") {
        from = "";
    }
    if settings.contains("until = ") {
        until = "";
    }
    format!("[gateway.sources.alertmanager]\nanonymous = true\n[[gateway.maintenance]]\nname = 'disks'\n{from}{until}{settings}")
}

#[test]
fn windows_of_maintenance_are_configuration() {
    let once = load(&maintenance("matchers = ['namespace=shop', 'severity!=critical']"));
    let windows = once.windows().unwrap();
    assert_eq!((windows.len(), windows[0].matchers.len(), &*windows[0].reason), (1, 2, "disks"));
    let weekly = load(&maintenance(
        "matchers = ['namespace=shop']\ndays = ['sat', 'sun']\nfrom = '22:00'\nuntil = '02:00'\ntime_zone = 'Europe/Berlin'",
    ));
    let at = |text: &str| weekly.windows().unwrap()[0].schedule.span_at(text.parse().unwrap());
    assert!(at("2026-03-07T21:00:00Z").is_some() && at("2026-03-07T20:59:59Z").is_none());
}

#[test]
fn values_out_of_range_name_their_key() {
    let open = "[gateway.sources.alertmanager]\nanonymous = true\n";
    for (text, key) in [
        (format!("{open}[gateway]\nmax_body_bytes = 12"), "gateway.max_body_bytes"),
        (
            format!("{open}[gateway]\nmax_in_flight_bytes = 67108863"),
            "gateway.max_in_flight_bytes",
        ),
        (
            format!("{open}[gateway]\nappend_timeout_seconds = 0"),
            "gateway.append_timeout_seconds",
        ),
        (format!("{open}[gateway.spool]\nmax_bytes = 1000"), "gateway.spool.max_bytes"),
        (format!("{open}kind = 'nagios'"), "gateway.sources.alertmanager.kind"),
        (format!("{open}kind = 'json'"), "gateway.sources.alertmanager.mapping.name"),
        (
            format!("{open}kind = 'json'\nmapping = {{ name = '/n', labels = {{ pod = 'pod' }} }}"),
            "gateway.sources.alertmanager.mapping.labels.pod",
        ),
        (format!("{open}mapping = {{ name = '/n' }}"), "gateway.sources.alertmanager.mapping"),
        (
            format!("{open}signing_secrets = ['0123456789abcdef']"),
            "gateway.sources.alertmanager.signing_secrets",
        ),
        (
            format!("{open}kind = 'pagerduty'\nsigning_secrets = ['short']"),
            "gateway.sources.alertmanager.signing_secrets",
        ),
        (
            format!("{open}kind = 'grafana'\nalertmanager_url = 'http://x'"),
            "gateway.sources.alertmanager.alertmanager_url",
        ),
        (format!("{open}path = '/healthz'"), "gateway.sources.alertmanager.path"),
        (format!("{open}path = '/api/{{x}}'"), "gateway.sources.alertmanager.path"),
        (format!("{open}tokens = ['short']"), "gateway.sources.alertmanager.tokens"),
        (format!("{open}basic = ['0123456789abcdef']"), "gateway.sources.alertmanager.basic"),
        (
            format!("{open}service_accounts = ['alertmanager']"),
            "gateway.sources.alertmanager.service_accounts",
        ),
        (
            format!("{open}[gateway.sources.second]\ntokens = ['0123456789abcdef']"),
            "gateway.sources.second.kind",
        ),
        (
            format!("{open}[gateway.sources.second]\nkind = 'alertmanager'"),
            "gateway.sources.second.tokens",
        ),
        (
            format!("{open}[gateway.sources.b]\nkind = 'alertmanager'\npath = '/api/v1/alerts/alertmanager'\nanonymous = true"),
            "gateway.sources.b.path",
        ),
        (format!("{open}[gateway.scope]\nnamespaces = ['']"), "gateway.scope.namespaces"),
        (
            format!(
                "{open}[[gateway.triage.rules]]\nwhen = 'true'\npriority = 'P1'\n[[gateway.triage.rules]]\nwhen = 'tem'\npriority = 'P1'"
            ),
            "gateway.triage.rules[1].when",
        ),
        (maintenance("matchers = ['namespace!=shop']"), "gateway.maintenance[0].matchers"),
        (maintenance("matchers = ['namespace']"), "gateway.maintenance[0].matchers"),
        (maintenance("matchers = ['a=b']\nfrom = 'now'"), "gateway.maintenance[0].from"),
        (maintenance("matchers = ['a=b']\ndays = ['sun']"), "gateway.maintenance[0].from"),
        (
            maintenance("matchers = ['a=b']\ndays = ['sun']\nfrom = '22:00'\nuntil = '02:00'\ntime_zone = 'Mars'"),
            "gateway.maintenance[0].time_zone",
        ),
        (
            maintenance("matchers = ['a=b']\n") + &maintenance("matchers = ['a=b']")[open.len()..],
            "gateway.maintenance[1].name",
        ),
        (
            format!("{open}[gateway.silences]\npoll_seconds = 301"),
            "gateway.silences.poll_seconds",
        ),
        ("[gateway.sources.'a b']\nanonymous = true".into(), "gateway.sources.\"a b\""),
    ] {
        assert_eq!(load(&text).validate().unwrap_err().key, key, "{text}");
    }
}

#[test]
fn the_name_says_the_kind_and_the_path() {
    for (name, path) in [
        ("grafana", "/api/v1/alerts/grafana"),
        ("pagerduty", "/api/v1/alerts/pagerduty"),
        ("report", "/api/v1/alerts/report"),
        ("prometheus", "/api/v1/alerts/prometheus/api/v2/alerts"),
    ] {
        let config = load(&format!("[gateway.sources.{name}]\nanonymous = true"));
        assert_eq!(config.sources[name].validate(name).unwrap(), path);
    }
}

#[test]
fn secrets_are_not_printed() {
    let config = source("tokens = ['0123456789abcdef']\nbasic = ['user:0123456789abcdef']");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn rules_of_triage_and_words_of_severity_are_configuration() {
    let open = "[gateway.sources.alertmanager]\nanonymous = true\n";
    let rules = "[[gateway.triage.rules]]\nwhen = 'alert.labels.team == \"pay\" && environment == \"production\"'\npriority = 'P1'\n\
                 severity = 'critical'\n[gateway.triage.severities]\nSev1 = 'critical'";
    let triage = load(&format!("{open}{rules}")).triage.compiled().unwrap();
    assert_eq!(
        triage.rules[0].name,
        "alert.labels.team == \"pay\" && environment == \"production\""
    );
    assert_eq!(
        triage.severities.get("sev1"),
        triage.severities.get("critical"),
        "those of the defaults are kept"
    );
}
