//! Small case folders.

use std::{fs, path::Path};

use tempfile::TempDir;

fn write(folder: &TempDir, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Revision 7 of a Deployment waits for an image that is not there; revision 6 serves on with two of three pods.
pub(crate) fn stuck_rollout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pods: Vec<String> = ["1", "2"].iter().map(|n| healthy(n)).collect();
    let cluster = format!(
        "{NODE}---\n{DEPLOYMENT}---\n{}---\n{}---\n{}---\n{STUCK}---\n{WEBHOOK}",
        set("web-old", 6, 2, "2.3.9", 2),
        set("web-new", 7, 2, "2.4.0", 0),
        pods.join("---\n")
    );
    write(
        &folder,
        &[
            ("cluster/all.yaml", &cluster),
            ("truth.yaml", "this is not YAML: ["),
            ("events.json", EVENTS),
            (
                "prom.json",
                r#"{"series": [{"metric": {"__name__": "web_ready", "namespace": "shop"}, "values": [["2026-03-02T13:00:00Z", 2]]}]}"#,
            ),
            (
                "after/prom.json",
                r#"{"series": [{"metric": {"__name__": "web_ready", "namespace": "shop"}, "values": [["2026-03-02T14:25:00Z", 3]]}]}"#,
            ),
        ],
    );
    folder
}

/// The only pod of a Deployment crashes.
pub(crate) fn crashing() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stream = r#"{"namespace": "shop", "pod": "worker-abc-x1", "container": "worker", "previous": "true"}"#;
    let line = format!("{{\"stream\": {stream}, \"ts\": \"2026-03-02T14:18:59Z\", \"line\": \"panic: no such table: jobs\"}}\n");
    write(&folder, &[("cluster/worker.yaml", WORKER), ("loki.jsonl", &line)]);
    folder
}

/// A pod with a log, a trace and its use of memory and CPU.
pub(crate) fn observed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stream = r#"{"namespace": "shop", "pod": "web-1", "app": "web"}"#;
    let line = |ts: &str, text: &str| format!("{{\"stream\": {stream}, \"ts\": \"{ts}\", \"line\": \"{text}\"}}\n");
    let lines = [
        line("2026-03-02T14:15:00Z", "timeout after 3 s"),
        line("2026-03-02T14:10:00Z", "started"),
    ]
    .concat();
    write(
        &folder,
        &[
            ("cluster/all.yaml", OBSERVED),
            ("loki.jsonl", &lines),
            ("prom.json", USED),
            ("jaeger.json", TRACES),
        ],
    );
    folder
}

const OBSERVED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop}
spec: {nodeName: node-a, containers: [{name: web, image: web, volumeMounts: [{name: logs, mountPath: /var/log/web}]}]}
status:
  phase: Running
  containerStatuses: [{name: web, ready: true, restartCount: 0, state: {running: {startedAt: '2026-03-01T00:00:00Z'}}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: policy}
webhooks: []
";

const USED: &str = r#"{
  "series": [
    {"metric": {"__name__": "container_memory_working_set_bytes", "namespace": "shop", "pod": "web-1", "container": "web"},
     "values": [["2026-03-02T13:00:00Z", 2097152]]},
    {"metric": {"__name__": "container_cpu_usage_seconds_total", "namespace": "shop", "pod": "web-1", "container": "web"},
     "start": "2026-03-02T13:00:00Z", "end": "2026-03-02T14:00:00Z", "line": [0, 1800]}
  ],
  "answers": {"absent(up)": 1}
}"#;

const TRACES: &str = r#"{
  "traces": [{"resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
    "scopeSpans": [{"scope": {}, "spans": [{
      "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "GET /cart", "kind": 2,
      "startTimeUnixNano": "1772460840000000000", "endTimeUnixNano": "1772460843000000000",
      "status": {"code": 2, "message": "deadline exceeded"}
    }]}]
  }]}],
  "dependencies": [{"parent": "web", "child": "db", "callCount": 7}]
}"#;

const NODE: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-a}
status:
  conditions: [{type: Ready, status: 'True', lastHeartbeatTime: '2026-03-02T14:19:00Z'}]
---
apiVersion: v1
kind: Node
metadata: {name: node-lost}
status:
  conditions: [{type: Ready, status: Unknown, reason: NodeStatusUnknown}]
";

/// As kubectl shows it, short of most defaults, and with a generation that its status has seen.
const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  generation: 7
  annotations: {deployment.kubernetes.io/revision: '7'}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'registry.local/web:2.4.0', ports: [{containerPort: 80}]}]
status: {observedGeneration: 7, replicas: 4, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 2}
";

const STUCK: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: web-new-1
    namespace: shop
    labels: {app: web}
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-new, controller: true}]
  spec: {nodeName: node-a, containers: [{name: web, image: 'registry.local/web:2.4.0'}]}
  status:
    phase: Pending
    conditions: [{type: Ready, status: 'False'}, {type: PodScheduled, status: 'True'}]
    containerStatuses:
    - {name: web, image: 'registry.local/web:2.4.0', ready: false, restartCount: 0, state: {waiting: {reason: ImagePullBackOff}}}
- apiVersion: v1
  kind: Pod
  metadata: {name: seller, namespace: shop}
  spec: {nodeName: node-a, containers: [{name: seller, image: seller}]}
  status: {phase: Running}
";

/// A kind that few clusters define, in a group nobody built in.
const WEBHOOK: &str = "
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web-tls, namespace: shop}
spec: {secretName: web-tls}
status: {conditions: [{type: Ready, status: 'True'}]}
";

const EVENTS: &str = r#"[{
    "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-new-1"}, "type": "Warning", "reason": "Failed",
    "message": "Failed to pull image: manifest unknown", "lastTimestamp": "2026-03-02T14:10:00Z"
}]"#;

fn set(name: &str, revision: u32, replicas: u32, tag: &str, ready: u32) -> String {
    format!(
        "
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: {name}
  namespace: shop
  annotations: {{deployment.kubernetes.io/revision: '{revision}', deployment.kubernetes.io/desired-replicas: '3'}}
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}}]
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: 'registry.local/web:{tag}', ports: [{{containerPort: 80}}]}}]
status: {{replicas: {replicas}, readyReplicas: {ready}, availableReplicas: {ready}}}
"
    )
}

fn healthy(n: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata:
  name: web-old-{n}
  namespace: shop
  labels: {{app: web}}
  ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-old, controller: true}}]
spec: {{nodeName: node-a, containers: [{{name: web, image: 'registry.local/web:2.3.9'}}]}}
status:
  phase: Running
  podIP: 10.0.0.{n}
  conditions: [{{type: Ready, status: 'True', lastTransitionTime: '2026-03-01T00:00:00Z'}}]
  containerStatuses: [{{name: web, ready: true, restartCount: 0, state: {{running: {{startedAt: '2026-03-01T00:00:00Z'}}}}}}]
"
    )
}

const WORKER: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: shop, annotations: {deployment.kubernetes.io/revision: '3'}}
spec:
  replicas: 1
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec: {containers: [{name: worker, image: worker:1}]}
status: {replicas: 1, updatedReplicas: 1, unavailableReplicas: 1}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: worker-abc
  namespace: shop
  annotations: {deployment.kubernetes.io/revision: '3'}
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: worker, controller: true}]
spec:
  replicas: 1
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec: {containers: [{name: worker, image: worker:1}]}
status: {replicas: 1}
---
apiVersion: v1
kind: Pod
metadata:
  name: worker-abc-x1
  namespace: shop
  labels: {app: worker}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: worker-abc, controller: true}]
spec: {nodeName: node-a, containers: [{name: worker, image: worker:1}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False'}]
  containerStatuses:
  - name: worker
    ready: false
    restartCount: 9
    state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container=worker pod=worker-abc-x1_shop}}
    lastState: {terminated: {exitCode: 2, reason: Error, startedAt: '2026-03-02T14:18:58Z', finishedAt: '2026-03-02T14:19:00Z'}}
";
