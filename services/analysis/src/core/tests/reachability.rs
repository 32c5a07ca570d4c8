//! NetworkPolicies as their documentation explains them, one example a row.

use serde_json::{Value, json};

use crate::core::{
    reachability::{Direction, Port, Side, blockers},
    snapshot::{Snapshot, kinds},
};

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new("2026-03-02T12:00:00Z".parse().unwrap(), Default::default());
    let namespaces = vec![
        json!({"metadata": {"name": "shop"}}),
        json!({"metadata": {"name": "ops", "labels": {"team": "ops"}}}),
    ];
    snapshot.file(kinds::named("Namespace").unwrap(), namespaces);
    snapshot
}

fn template(role: &str) -> Value {
    json!({"metadata": {"labels": {"role": role}}, "spec": {"containers": [{"name": "main", "ports": [{"name": "web", "containerPort": 8080}]}]}})
}

/// Whether `client` (namespace and role) reaches a TCP port of the pods with role `db` in `shop`, given policies of `shop`, or of the
/// client's namespace where their name begins with `out`.
fn reached(policies: &[Value], client: (&str, &str), number: i64) -> bool {
    let snapshot = snapshot();
    let (client_template, server_template) = (template(client.1), template("db"));
    let policies: Vec<Value> = policies
        .iter()
        .enumerate()
        .map(|(i, spec)| {
            let namespace = if spec.get("egress").is_some() { client.0 } else { "shop" };
            json!({"metadata": {"name": format!("p{i}"), "namespace": namespace}, "spec": spec})
        })
        .collect();
    let client = Side::of_template(&snapshot, client.0, &client_template);
    let server = Side::of_template(&snapshot, "shop", &server_template);
    let port = Port {
        number: Some(number),
        protocol: "TCP",
    };
    blockers(&policies, &client, &server, port).is_empty()
}

/// What it shows, policies, client, port, whether it is reached.
type Row = (&'static str, Vec<Value>, (&'static str, &'static str), i64, bool);

const WEB: (&str, &str) = ("shop", "web");
const MONITOR: (&str, &str) = ("ops", "monitor");
const STRANGER: (&str, &str) = ("elsewhere", "monitor");

#[test]
fn each_example_of_the_documentation_says_what_it_says() {
    let all = json!({});
    let db = json!({"matchLabels": {"role": "db"}});
    let web = json!({"podSelector": {"matchLabels": {"role": "web"}}});
    let ops = json!({"namespaceSelector": {"matchLabels": {"team": "ops"}}});
    let monitors = json!({"namespaceSelector": {"matchLabels": {"team": "ops"}}, "podSelector": {"matchLabels": {"role": "monitor"}}});
    let named = json!({"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["elsewhere"]}]}});
    let from = |peers: Value| json!({"podSelector": db, "policyTypes": ["Ingress"], "ingress": [{"from": peers}]});
    let ports = |ports: Value| json!({"podSelector": db, "ingress": [{"ports": ports}]});
    let deny_in = json!({"podSelector": all, "policyTypes": ["Ingress"]});
    let deny_out = json!({"podSelector": all, "policyTypes": ["Egress"], "egress": []});
    let dns_only =
        json!({"podSelector": all, "policyTypes": ["Egress"], "egress": [{"ports": [{"protocol": "UDP", "port": 53}, {"port": 53}]}]});
    let rows: Vec<Row> = vec![
        ("no policy", vec![], STRANGER, 8080, true),
        ("default deny ingress", vec![deny_in.clone()], WEB, 8080, false),
        (
            "of several policies one is enough",
            vec![deny_in.clone(), from(json!([web]))],
            WEB,
            8080,
            true,
        ),
        (
            "allow all ingress",
            vec![json!({"podSelector": all, "ingress": [{}], "policyTypes": ["Ingress"]})],
            STRANGER,
            8080,
            true,
        ),
        ("default deny egress", vec![deny_out.clone()], WEB, 8080, false),
        (
            "egress of another namespace does not concern it",
            vec![json!({"podSelector": {"matchLabels": {"role": "other"}}, "egress": []})],
            WEB,
            8080,
            true,
        ),
        ("egress to names only", vec![dns_only], WEB, 8080, false),
        (
            "egress rules count without a type, too",
            vec![json!({"podSelector": all, "ingress": [{}], "egress": [{"ports": [{"port": 1}]}]})],
            WEB,
            8080,
            false,
        ),
        (
            "no egress rules and no type: no say about egress",
            vec![json!({"podSelector": all, "ingress": [{}], "egress": []})],
            WEB,
            8080,
            true,
        ),
        (
            "and let through what they name",
            vec![json!({"podSelector": all, "ingress": [{}], "egress": [{"to": [{"podSelector": db}]}]})],
            WEB,
            8080,
            true,
        ),
        (
            "a pod selector means pods of the policy's namespace",
            vec![from(json!([{"podSelector": {"matchLabels": {"role": "monitor"}}}]))],
            MONITOR,
            8080,
            false,
        ),
        (
            "a namespace selector means all of its pods",
            vec![from(json!([ops]))],
            MONITOR,
            8080,
            true,
        ),
        ("another namespace", vec![from(json!([ops]))], STRANGER, 8080, false),
        (
            "both selectors in one peer must fit",
            vec![from(json!([monitors]))],
            ("ops", "web"),
            8080,
            false,
        ),
        ("both selectors in one peer fit", vec![from(json!([monitors]))], MONITOR, 8080, true),
        (
            "two peers: either is enough",
            vec![from(json!([ops, web]))],
            ("ops", "web"),
            8080,
            true,
        ),
        (
            "every namespace has a label with its name",
            vec![from(json!([named]))],
            STRANGER,
            8080,
            true,
        ),
        (
            "addresses are not known here",
            vec![from(json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]))],
            STRANGER,
            8080,
            true,
        ),
        ("another port", vec![ports(json!([{"port": 5432}]))], WEB, 8080, false),
        ("that port", vec![ports(json!([{"port": 5432}]))], WEB, 5432, true),
        ("a named port of the server", vec![ports(json!([{"port": "web"}]))], WEB, 8080, true),
        (
            "a name that the server does not declare",
            vec![ports(json!([{"port": "grpc"}]))],
            WEB,
            8080,
            false,
        ),
        ("a range", vec![ports(json!([{"port": 8000, "endPort": 8100}]))], WEB, 8080, true),
        (
            "beyond a range",
            vec![ports(json!([{"port": 8000, "endPort": 8079}]))],
            WEB,
            8080,
            false,
        ),
        (
            "another protocol",
            vec![ports(json!([{"port": 8080, "protocol": "UDP"}]))],
            WEB,
            8080,
            false,
        ),
        (
            "all ports of a protocol",
            vec![ports(json!([{"protocol": "TCP"}]))],
            WEB,
            8080,
            true,
        ),
    ];
    for (what, policies, client, port, wanted) in rows {
        assert_eq!(reached(&policies, client, port), wanted, "{what}");
    }
}

#[test]
fn every_policy_of_the_side_that_forbids_is_named() {
    let snapshot = snapshot();
    let (web, db) = (template("web"), template("db"));
    let policy = |name: &str, spec: Value| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    let policies = [
        policy("a", json!({"podSelector": {}, "policyTypes": ["Ingress"]})),
        policy(
            "b",
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 1}]}]}),
        ),
        policy("c", json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]})),
    ];
    let (client, server) = (
        Side::of_template(&snapshot, "shop", &web),
        Side::of_template(&snapshot, "shop", &db),
    );
    let port = Port {
        number: Some(8080),
        protocol: "TCP",
    };
    let found = blockers(&policies, &client, &server, port);
    let names: Vec<(&str, Direction)> = found
        .iter()
        .map(|(policy, direction)| (policy["metadata"]["name"].as_str().unwrap(), *direction))
        .collect();
    assert_eq!(names, [("a", Direction::Ingress), ("b", Direction::Ingress)]);
}

#[test]
fn address_blocks_are_compared_with_the_addresses_of_the_pods() {
    let server = template("db");
    let from = |cidr: &str, except: &[&str]| {
        let block = json!({"cidr": cidr, "except": except});
        json!([{"metadata": {"name": "in", "namespace": "shop"}, "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}]}}])
    };
    // Addresses of the client's pods, the block, its exceptions, whether the server is reached.
    type Row = (&'static [&'static str], &'static str, &'static [&'static str], bool);
    let rows: [Row; 11] = [
        (&[], "192.168.0.0/16", &[], true),
        (&["10.1.2.3"], "10.0.0.0/8", &[], true),
        (&["10.1.2.3"], "192.168.0.0/16", &[], false),
        (&["10.1.2.3"], "10.0.0.0/8", &["10.1.0.0/16"], false),
        (&["10.1.2.3", "10.2.2.3"], "10.0.0.0/8", &["10.1.0.0/16"], true),
        (&["10.1.2.3"], "0.0.0.0/0", &[], true),
        (&["10.1.2.3"], "10.1.2.3/32", &[], true),
        (&["10.1.2.3"], "10.1.2.2/32", &[], false),
        (&["fd00::1:2"], "fd00::/64", &[], true),
        (&["fd00:0:0:1::2"], "fd00::/64", &[], false),
        (&["10.1.2.3"], "nonsense", &[], false),
    ];
    for (addresses, cidr, except, expected) in rows {
        let mut snapshot = snapshot();
        snapshot.scope.insert("shop".to_owned());
        let pods = addresses.iter().enumerate().map(|(number, ip)| {
            json!({"metadata": {"name": format!("web-{number}"), "namespace": "shop", "labels": {"role": "web", "hash": "x"}},
                "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}})
        });
        let gone = json!({"metadata": {"name": "web-gone", "namespace": "shop", "labels": {"role": "web"}},
            "status": {"phase": "Succeeded", "podIP": "192.168.0.1"}});
        snapshot.file(kinds::named("Pod").unwrap(), pods.chain([gone]).collect());
        let client_template = template("web");
        let client = Side::of_template(&snapshot, "shop", &client_template);
        let server = Side::of_template(&snapshot, "shop", &server);
        let policies = from(cidr, except);
        let port = Port {
            number: Some(8080),
            protocol: "TCP",
        };
        let reached = blockers(policies.as_array().unwrap(), &client, &server, port).is_empty();
        assert_eq!(reached, expected, "{addresses:?} and {cidr} without {except:?}");
    }
}

#[test]
fn a_pod_in_the_network_of_its_node_is_selected_by_no_policy() {
    let snapshot = snapshot();
    let mut host = template("web");
    host["spec"]["hostNetwork"] = json!(true);
    let plain = template("db");
    let policy = |spec: Value| vec![json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": spec})];
    let reaches = |policies: &[Value], client: &Value, server: &Value| {
        let client = Side::of_template(&snapshot, "shop", client);
        let server = Side::of_template(&snapshot, "shop", server);
        let port = Port {
            number: Some(8080),
            protocol: "TCP",
        };
        blockers(policies, &client, &server, port).is_empty()
    };
    let deny = policy(json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    assert!(!reaches(&deny, &plain, &plain));
    assert!(!reaches(&deny, &host, &plain), "what it calls is selected all the same");
    let deny_in = policy(json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
    assert!(reaches(&deny_in, &plain, &host));
    let some = policy(json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "api"}}}]}]}));
    assert!(!reaches(&some, &plain, &plain));
    assert!(reaches(&some, &host, &plain), "whether a selector means it is not known");
}
