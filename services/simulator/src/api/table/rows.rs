//! Cells per kind, in the order of the columns.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::catalog::Resource,
    columns,
    text::{age, count, span, text_or, wanted},
};

/// The cells of one object.
pub(super) fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    columns::list(resource)
        .iter()
        .map(|(column, ..)| cell(resource, column, object, now))
        .collect()
}

fn cell(resource: &Resource, column: &str, o: &Value, now: Timestamp) -> Value {
    match column {
        "Name" => return o["metadata"]["name"].clone(),
        "Age" => return json!(age(&o["metadata"]["creationTimestamp"], now)),
        _ => {}
    }
    let (spec, status) = (&o["spec"], &o["status"]);
    match (resource.plural, column) {
        (_, "Containers") => json!(template(o, "name")),
        (_, "Images") => json!(template(o, "image")),
        (_, "Selector") => json!(selector(&spec["selector"])),
        ("pods", _) => pod(column, o, now),
        ("deployments", "Ready") | ("statefulsets", "Ready") => {
            json!(format!("{}/{}", count(&status["readyReplicas"]), wanted(spec)))
        }
        ("deployments", "Up-to-date") => json!(count(&status["updatedReplicas"])),
        ("deployments", "Available") => json!(count(&status["availableReplicas"])),
        ("replicasets", "Desired") => json!(wanted(spec)),
        ("replicasets", "Current") => json!(count(&status["replicas"])),
        ("replicasets", "Ready") => json!(count(&status["readyReplicas"])),
        ("daemonsets", "Desired") => json!(count(&status["desiredNumberScheduled"])),
        ("daemonsets", "Current") => json!(count(&status["currentNumberScheduled"])),
        ("daemonsets", "Ready") => json!(count(&status["numberReady"])),
        ("daemonsets", "Up-to-date") => json!(count(&status["updatedNumberScheduled"])),
        ("daemonsets", "Available") => json!(count(&status["numberAvailable"])),
        ("daemonsets", "Node Selector") => json!(pairs(&spec["template"]["spec"]["nodeSelector"])),
        ("horizontalpodautoscalers", _) => hpa(column, o),
        ("nodes", _) => node(column, o),
        ("events", _) => event(column, o, now),
        ("services", _) => service(column, o),
        ("configmaps" | "secrets", "Data") => {
            let size = |key: &str| o[key].as_object().map_or(0, |m| m.len());
            json!((size("data") + size("binaryData")).to_string())
        }
        ("secrets", "Type") => o["type"].clone(),
        ("namespaces" | "persistentvolumeclaims", "Status") => status["phase"].clone(),
        ("endpoints", "Endpoints") => json!(endpoints(o)),
        ("resourcequotas", "Request") => json!(quota(o, |key| !key.starts_with("limits."))),
        ("resourcequotas", "Limit") => json!(quota(o, |key| key.starts_with("limits."))),
        ("poddisruptionbudgets", "Min Available") => json!(text_or(&spec["minAvailable"], "N/A")),
        ("poddisruptionbudgets", "Max Unavailable") => json!(text_or(&spec["maxUnavailable"], "N/A")),
        ("poddisruptionbudgets", "Allowed Disruptions") => json!(count(&status["disruptionsAllowed"])),
        ("jobs", "Completions") => json!(format!("{}/{}", count(&status["succeeded"]), text_or(&spec["completions"], "1"))),
        ("jobs", "Status") => json!(job_status(status)),
        ("jobs", "Duration") => json!(span(&status["startTime"], &status["completionTime"], now)),
        ("cronjobs", "Schedule") => spec["schedule"].clone(),
        ("cronjobs", "Timezone") => json!(text_or(&spec["timeZone"], "<none>")),
        ("cronjobs", "Suspend") => json!(if spec["suspend"] == true { "True" } else { "False" }),
        ("cronjobs", "Active") => json!(status["active"].as_array().map_or(0, Vec::len)),
        ("cronjobs", "Last Schedule") if status["lastScheduleTime"].is_string() => {
            json!(span(&status["lastScheduleTime"], &Value::Null, now))
        }
        ("endpointslices", "AddressType") => o["addressType"].clone(),
        ("endpointslices", "Ports") => json!(joined(&o["ports"], "port")),
        ("endpointslices", "Endpoints") => {
            let all: Vec<&str> = o["endpoints"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|e| e["addresses"][0].as_str())
                .collect();
            json!(if all.is_empty() { "<unset>".to_owned() } else { all.join(",") })
        }
        ("persistentvolumeclaims", "Volume") => json!(spec["volumeName"].as_str().unwrap_or_default()),
        ("persistentvolumeclaims", "Capacity") => json!(status["capacity"]["storage"].as_str().unwrap_or_default()),
        ("persistentvolumeclaims", "StorageClass") => json!(spec["storageClassName"].as_str().unwrap_or_default()),
        _ => json!("<none>"),
    }
}

/// `kubectl get pods`: readiness, the telling status, restarts.
fn pod(column: &str, o: &Value, now: Timestamp) -> Value {
    let (spec, status) = (&o["spec"], &o["status"]);
    let statuses = || status["containerStatuses"].as_array().into_iter().flatten();
    match column {
        "Ready" => {
            let ready = statuses().filter(|s| s["ready"] == true).count();
            json!(format!("{ready}/{}", spec["containers"].as_array().map_or(0, Vec::len)))
        }
        "Status" => json!(pod_status(o)),
        "Restarts" => {
            let total: i64 = statuses().map(|s| s["restartCount"].as_i64().unwrap_or(0)).sum();
            let last = statuses().filter_map(|s| s["lastState"]["terminated"]["finishedAt"].as_str()).max();
            match last.filter(|_| total > 0) {
                Some(at) => json!(format!("{total} ({} ago)", age(&json!(at), now))),
                None => json!(total.to_string()),
            }
        }
        "IP" => json!(text_or(&status["podIP"], "<none>")),
        "Node" => json!(text_or(&spec["nodeName"], "<none>")),
        "Nominated Node" => json!(text_or(&status["nominatedNodeName"], "<none>")),
        _ => json!("<none>"),
    }
}

/// The one word for a pod's state: phase, or the reason of the last container that is not running.
fn pod_status(o: &Value) -> String {
    let status = &o["status"];
    let mut word = text_or(&status["reason"], &text_or(&status["phase"], "Unknown"));
    let mut running = false;
    for s in status["containerStatuses"].as_array().into_iter().flatten().rev() {
        let (waiting, terminated) = (&s["state"]["waiting"], &s["state"]["terminated"]);
        if let Some(reason) = waiting["reason"].as_str() {
            word = reason.to_owned();
        } else if let Some(reason) = terminated["reason"].as_str() {
            word = reason.to_owned();
        } else if terminated.is_object() {
            word = match terminated["signal"].as_i64() {
                Some(signal) if signal != 0 => format!("Signal:{signal}"),
                _ => format!("ExitCode:{}", count(&terminated["exitCode"])),
            };
        } else if s["ready"] == true && s["state"]["running"].is_object() {
            running = true;
        }
    }
    if word == "Completed" && running {
        let ready = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Ready" && c["status"] == "True");
        word = if ready { "Running" } else { "NotReady" }.to_owned();
    }
    if o["metadata"]["deletionTimestamp"].is_string() {
        word = if status["reason"] == "NodeLost" { "Unknown" } else { "Terminating" }.to_owned();
    }
    word
}

fn hpa(column: &str, o: &Value) -> Value {
    let (spec, status) = (&o["spec"], &o["status"]);
    match column {
        "Reference" => {
            let target = &spec["scaleTargetRef"];
            json!(format!("{}/{}", text_or(&target["kind"], ""), text_or(&target["name"], "")))
        }
        "Targets" => json!(hpa_targets(spec, status)),
        "MinPods" => json!(text_or(&spec["minReplicas"], "<unset>")),
        "MaxPods" => json!(count(&spec["maxReplicas"])),
        _ => json!(count(&status["currentReplicas"])),
    }
}

fn hpa_targets(spec: &Value, status: &Value) -> String {
    let Some(metrics) = spec["metrics"].as_array() else {
        let current = text_or(&status["currentCPUUtilizationPercentage"], "<unknown>");
        return format!("cpu: {current}%/{}%", text_or(&spec["targetCPUUtilizationPercentage"], "80")).replace("<unknown>%", "<unknown>");
    };
    let one = |(index, metric): (usize, &Value)| {
        let current = &status["currentMetrics"][index]["resource"]["current"];
        let target = &metric["resource"]["target"];
        let name = metric["resource"]["name"].as_str().unwrap_or("metric");
        match target.get("averageUtilization") {
            Some(wanted) => {
                let now = current
                    .get("averageUtilization")
                    .map_or("<unknown>".to_owned(), |v| format!("{v}%"));
                format!("{name}: {now}/{wanted}%")
            }
            None => format!(
                "{name}: {}/{}",
                text_or(&current["averageValue"], "<unknown>"),
                text_or(&target["averageValue"], "?")
            ),
        }
    };
    let all: Vec<String> = metrics.iter().enumerate().map(one).collect();
    if all.is_empty() { "<none>".to_owned() } else { all.join(", ") }
}

fn node(column: &str, o: &Value) -> Value {
    let info = &o["status"]["nodeInfo"];
    let address = |kind: &str| {
        let found = o["status"]["addresses"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|a| a["type"] == kind);
        json!(found.and_then(|a| a["address"].as_str()).unwrap_or("<none>"))
    };
    match column {
        "Status" => {
            let ready = o["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|c| c["type"] == "Ready");
            let mut word = match ready.and_then(|c| c["status"].as_str()) {
                Some("True") => "Ready",
                Some(_) => "NotReady",
                None => "Unknown",
            }
            .to_owned();
            if o["spec"]["unschedulable"] == true {
                word.push_str(",SchedulingDisabled");
            }
            json!(word)
        }
        "Roles" => {
            let prefix = "node-role.kubernetes.io/";
            let labels = o["metadata"]["labels"].as_object().into_iter().flatten();
            let roles: Vec<&str> = labels.filter_map(|(key, _)| key.strip_prefix(prefix)).collect();
            json!(if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") })
        }
        "Version" => info["kubeletVersion"].clone(),
        "Internal-IP" => address("InternalIP"),
        "External-IP" => address("ExternalIP"),
        "OS-Image" => info["osImage"].clone(),
        "Kernel-Version" => info["kernelVersion"].clone(),
        _ => info["containerRuntimeVersion"].clone(),
    }
}

fn event(column: &str, o: &Value, now: Timestamp) -> Value {
    let about = if o["regarding"].is_object() {
        &o["regarding"]
    } else {
        &o["involvedObject"]
    };
    let pick = |names: &[&str]| names.iter().map(|n| &o[*n]).find(|v| v.is_string()).cloned().unwrap_or(Value::Null);
    match column {
        "Last Seen" => {
            let series = &o["series"]["lastObservedTime"];
            let at = if series.is_string() {
                series.clone()
            } else {
                pick(&["lastTimestamp", "deprecatedLastTimestamp", "eventTime"])
            };
            json!(age(&at, now))
        }
        "First Seen" => json!(age(&pick(&["firstTimestamp", "deprecatedFirstTimestamp", "eventTime"]), now)),
        "Type" => o["type"].clone(),
        "Reason" => o["reason"].clone(),
        "Object" => json!(format!(
            "{}/{}",
            text_or(&about["kind"], "").to_lowercase(),
            text_or(&about["name"], "")
        )),
        "Subobject" => json!(text_or(&about["fieldPath"], "")),
        "Source" => {
            let source = if o["deprecatedSource"].is_object() {
                &o["deprecatedSource"]
            } else {
                &o["source"]
            };
            let who = text_or(
                &source["component"],
                &text_or(&pick(&["reportingComponent", "reportingController"]), ""),
            );
            let host = text_or(&source["host"], "");
            json!(if host.is_empty() { who } else { format!("{who}, {host}") })
        }
        "Message" => json!(text_or(&pick(&["message", "note"]), "").trim()),
        _ => json!(o["count"].as_i64().or(o["deprecatedCount"].as_i64()).unwrap_or(1)),
    }
}

fn service(column: &str, o: &Value) -> Value {
    let spec = &o["spec"];
    match column {
        "Type" => spec["type"].clone(),
        "Cluster-IP" => json!(text_or(&spec["clusterIP"], "<none>")),
        "External-IP" => {
            let ingress = o["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
            let all: Vec<&str> = ingress.filter_map(|i| i["ip"].as_str().or(i["hostname"].as_str())).collect();
            json!(match (all.is_empty(), spec["type"] == "LoadBalancer") {
                (false, _) => all.join(","),
                (true, true) => "<pending>".to_owned(),
                (true, false) => "<none>".to_owned(),
            })
        }
        _ => {
            let port = |p: &Value| {
                let node = p["nodePort"].as_i64().filter(|n| *n > 0).map_or(String::new(), |n| format!(":{n}"));
                format!("{}{node}/{}", count(&p["port"]), text_or(&p["protocol"], "TCP"))
            };
            let all: Vec<String> = spec["ports"].as_array().into_iter().flatten().map(port).collect();
            json!(if all.is_empty() { "<none>".to_owned() } else { all.join(",") })
        }
    }
}

fn endpoints(o: &Value) -> String {
    let mut all = Vec::new();
    for subset in o["subsets"].as_array().into_iter().flatten() {
        for address in subset["addresses"].as_array().into_iter().flatten() {
            for port in subset["ports"].as_array().into_iter().flatten() {
                all.push(format!("{}:{}", text_or(&address["ip"], ""), count(&port["port"])));
            }
        }
    }
    match all.len() {
        0 => "<none>".to_owned(),
        1..=3 => all.join(","),
        n => format!("{} + {} more...", all[..3].join(","), n - 3),
    }
}

fn quota(o: &Value, takes: impl Fn(&str) -> bool) -> String {
    let hard = o["status"]["hard"].as_object().into_iter().flatten();
    let one = |(key, hard): (&String, &Value)| format!("{key}: {}/{}", text_or(&o["status"]["used"][key], "0"), text_or(hard, "0"));
    hard.filter(|(key, _)| takes(key)).map(one).collect::<Vec<_>>().join(", ")
}

fn job_status(status: &Value) -> &'static str {
    let holds = |kind: &str| {
        status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["type"] == kind && c["status"] == "True")
    };
    match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if holds("Suspended") => "Suspended",
        () => "Running",
    }
}

fn template(o: &Value, field: &str) -> String {
    joined(&o["spec"]["template"]["spec"]["containers"], field)
}

fn joined(items: &Value, field: &str) -> String {
    items
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| text_or(&c[field], ""))
        .collect::<Vec<_>>()
        .join(",")
}

fn selector(selector: &Value) -> String {
    if let Some(labels) = super::super::selector::Labels::from_object(selector).filter(|s| !s.is_empty()) {
        return labels.text();
    }
    pairs(selector)
}

fn pairs(map: &Value) -> String {
    let all: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", text_or(v, "")))
        .collect();
    if all.is_empty() { "<none>".to_owned() } else { all.join(",") }
}
