//! kubectl, unmodified, against the simulator with its world running. Takes the `kubectl` of the search path.

#![allow(clippy::unwrap_used, missing_docs)]

mod kubectl_support;

use kubectl_support::{Kubectl, has, texts};

const DEPLOYMENT: &str = "deployment/payment-service";

#[tokio::test]
async fn reading() {
    let kubectl = Kubectl::start().await;
    has(
        &kubectl.ok("get pods -o wide").await,
        &["NAME", "READY", "RESTARTS", "NODE", "payment-service-", "worker-"],
    );
    has(
        &kubectl.ok("get deploy,rs,sts,svc,hpa,cm,quota,endpoints").await,
        &["payment-service", "/4 ", "/70%", "ClusterIP"],
    );
    has(&kubectl.ok("get nodes -o wide").await, &["Ready", "containerd://"]);
    has(&kubectl.ok("get all -A").await, &["deployment.apps/coredns"]);
    has(
        &kubectl.ok("get deployment payment-service -o yaml").await,
        &["progressDeadlineSeconds: 600", "kind: Deployment"],
    );
    assert_eq!(
        kubectl
            .ok("get pods -l app=payment-service --no-headers --chunk-size=2")
            .await
            .lines()
            .count(),
        4
    );
    has(
        &kubectl.refused("get deployment nope").await,
        &["Error from server (NotFound): deployments.apps \"nope\" not found"],
    );

    let described = kubectl.ok("describe deployment payment-service").await;
    has(
        &described,
        &[
            "RollingUpdateStrategy:",
            "25% max unavailable, 25% max surge",
            "NewReplicaSet:",
            "memory:  2Gi",
        ],
    );
    has(
        &kubectl.ok("describe pod -l app=payment-service").await,
        &["Limits:", "Readiness:", "Controlled By:", "QoS Class:"],
    );
    has(
        &kubectl.ok("describe node worker-1").await,
        &["Allocated resources:", "Non-terminated Pods:"],
    );
    has(
        &kubectl.ok("describe hpa payment-service-hpa").await,
        &["Min replicas:", "Max replicas:"],
    );

    has(&kubectl.ok("top pods --containers=false").await, &["payment-service-", "Mi", "m "]);
    has(&kubectl.ok("top nodes").await, &["worker-1", "%"]);
    has(
        &kubectl.ok("explain deployment.spec.strategy.rollingUpdate").await,
        &["maxSurge", "maxUnavailable"],
    );
    has(
        &kubectl.ok("api-resources").await,
        &["deployments", "horizontalpodautoscalers", "PodMetrics"],
    );
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn logs_commands_and_events() {
    let kubectl = Kubectl::start().await;
    let pod = kubectl.payment_pod().await;
    assert_eq!(kubectl.ok(&format!("logs {pod} --tail=5")).await.lines().count(), 5);
    has(
        &kubectl.ok(&format!("logs {pod} --since=1h --timestamps --tail=1")).await,
        &["T", "Z "],
    );
    // One pod was restarted before: its earlier log is there, the others have none.
    let restarted = "get pods -l app=payment-service -o jsonpath='{range .items[?(@.status.containerStatuses[0].restartCount>0)]}{.metadata.name}{end}'";
    let restarted = kubectl.ok(restarted).await;
    assert!(!restarted.is_empty(), "no pod was restarted");
    assert!(!kubectl.ok(&format!("logs {restarted} --previous --tail=3")).await.is_empty());
    has(
        &kubectl.refused("logs payments-db-0 --previous").await,
        &["previous terminated container \"postgres\" in pod \"payments-db-0\" not found"],
    );
    // kubectl learned to run commands over WebSockets in 1.30; before, it spoke SPDY only.
    if kubectl.minor().await >= 30 {
        assert_eq!(
            kubectl.ok(&format!("exec {pod} -- hostname")).await.trim(),
            pod.trim_start_matches("pod/")
        );
        has(&kubectl.refused(&format!("exec {pod} -- false")).await, &["exit code 1"]);
    }
    kubectl.ok("delete pod payments-db-1").await;
    kubectl.ok("wait --for=condition=Ready pod/payments-db-1 --timeout=30s").await;
    has(
        &kubectl.ok("get events --sort-by=.lastTimestamp").await,
        &["Killing", "pod/payments-db-1"],
    );
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn patches_scale_and_rollouts() {
    let kubectl = Kubectl::start().await;
    let memory = "/spec/template/spec/containers/0/resources/limits/memory";
    let json = |seen: &str| {
        format!(
            "patch {DEPLOYMENT} --type=json -p '[{{\"op\":\"test\",\"path\":\"{memory}\",\"value\":\"{seen}\"}},\
             {{\"op\":\"replace\",\"path\":\"{memory}\",\"value\":\"3Gi\"}}]'"
        )
    };
    has(&kubectl.ok(&format!("{} --dry-run=server", json("2Gi"))).await, &["patched"]);
    // Older kubectl shortens the server's words.
    let why = kubectl.refused(&json("9Gi")).await;
    assert!(
        why.contains("the server rejected our request due to an error in our request") || why.contains("The request is invalid"),
        "{why}"
    );
    kubectl.ok(&json("2Gi")).await;
    has(
        &kubectl.ok(&format!("rollout status {DEPLOYMENT} --timeout=60s")).await,
        &["successfully rolled out"],
    );
    let old = kubectl
        .ok("get rs -l app=payment-service -o jsonpath='{.items[*].spec.replicas}'")
        .await;
    assert_eq!(old.split_whitespace().filter(|n| *n == "4").count(), 1, "{old}");

    kubectl
        .ok(&format!(
            "patch {DEPLOYMENT} --type=merge -p '{{\"metadata\":{{\"annotations\":{{\"note\":\"x\"}}}}}}'"
        ))
        .await;
    let strategic = "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"payment-service\",\"env\":[{\"name\":\"NEW\",\"value\":\"1\"}]}]}}}}";
    kubectl.ok(&format!("patch {DEPLOYMENT} -p '{strategic}'")).await;
    let env = kubectl
        .ok(&format!(
            "get {DEPLOYMENT} -o jsonpath='{{.spec.template.spec.containers[0].env[*].name}}'"
        ))
        .await;
    has(&env, &["NEW", "LOG_LEVEL"]);

    has(
        &kubectl
            .ok(&format!(
                "set image {DEPLOYMENT} payment-service=registry.example.com/payments/payment-service:3.16.4"
            ))
            .await,
        &["image updated"],
    );
    has(
        &kubectl.ok(&format!("rollout status {DEPLOYMENT} --timeout=60s")).await,
        &["successfully rolled out"],
    );
    let history = kubectl.ok(&format!("rollout history {DEPLOYMENT}")).await;
    assert!(history.lines().count() >= 5, "{history}");
    has(&kubectl.ok(&format!("rollout undo {DEPLOYMENT}")).await, &["rolled back"]);
    kubectl.ok(&format!("rollout status {DEPLOYMENT} --timeout=60s")).await;
    has(&kubectl.ok(&format!("get {DEPLOYMENT} -o wide")).await, &["payment-service:3.17.2"]);
    has(&kubectl.ok("rollout restart deployment/ledger-api").await, &["restarted"]);
    kubectl.ok("rollout status deployment/ledger-api --timeout=60s").await;
    kubectl.ok("rollout pause deployment/ledger-api").await;
    kubectl.ok("rollout resume deployment/ledger-api").await;

    has(&kubectl.ok("scale deployment/receipt-worker --replicas=3").await, &["scaled"]);
    kubectl.ok("rollout status deployment/receipt-worker --timeout=60s").await;
    assert_eq!(
        kubectl
            .ok("get deployment receipt-worker -o jsonpath='{.status.availableReplicas}'")
            .await,
        "3"
    );
    has(
        &kubectl
            .refused("scale deployment/receipt-worker --current-replicas=9 --replicas=1")
            .await,
        &["xpected replicas"],
    );

    let mutations = kubectl.simulator.audit().into_iter().filter(|entry| entry.is_mutation()).count();
    assert!(mutations >= 8, "{mutations}");
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn apply_diff_and_delete() {
    let kubectl = Kubectl::start().await;
    let manifest = |memory: &str, field: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: tiny, namespace: production}}\nspec:\n  replicas: 1\n  \
             selector: {{matchLabels: {{app: tiny}}}}\n  template:\n    metadata: {{labels: {{app: tiny}}}}\n    spec:\n      containers:\n      \
             - name: c\n        {field}: registry.example.com/payments/receipt-worker:2.9.3\n        \
             resources: {{limits: {{cpu: 100m, memory: {memory}}}}}\n"
        )
    };
    let first = kubectl.file("first.yaml", &manifest("100Mi", "image"));
    let second = kubectl.file("second.yaml", &manifest("120Mi", "image"));
    let wrong = kubectl.file("wrong.yaml", &manifest("120Mi", "imagge"));
    let too_small = kubectl.file("zero.yaml", &manifest("lots", "image"));
    let (first, second) = (first.display(), second.display());

    has(
        &kubectl.ok(&format!("apply -f {first} --dry-run=server")).await,
        &["created (server dry run)"],
    );
    has(&kubectl.refused("get deployment tiny").await, &["NotFound"]);
    has(&kubectl.ok(&format!("apply -f {first}")).await, &["deployment.apps/tiny created"]);
    has(&kubectl.ok(&format!("apply -f {first}")).await, &["unchanged"]);
    let diff = kubectl.output(&format!("diff -f {second}")).await;
    assert_eq!(diff.status.code(), Some(1), "{:?}", texts(&diff));
    has(&texts(&diff).0, &["-            memory: 100Mi", "+            memory: 120Mi"]);
    has(&kubectl.ok(&format!("apply -f {second}")).await, &["configured"]);
    has(
        &kubectl.refused(&format!("apply -f {}", wrong.display())).await,
        &["unknown field", "imagge"],
    );
    has(
        &kubectl.refused(&format!("apply -f {}", too_small.display())).await,
        &["quantities must match the regular expression"],
    );

    has(
        &kubectl
            .ok(&format!("apply --server-side --field-manager=one --force-conflicts -f {first}"))
            .await,
        &["serverside-applied"],
    );
    let conflict = kubectl
        .refused(&format!("apply --server-side --field-manager=two -f {second}"))
        .await;
    has(
        &conflict,
        &[
            "conflict with \"one\"",
            ".spec.template.spec.containers[name=\"c\"].resources.limits.memory",
        ],
    );
    kubectl
        .ok(&format!("apply --server-side --field-manager=two --force-conflicts -f {second}"))
        .await;

    kubectl.ok("rollout status deployment/tiny --timeout=60s").await;
    has(&kubectl.ok("delete deployment tiny").await, &["deployment.apps \"tiny\" deleted"]);
    has(&kubectl.refused("get deployment tiny").await, &["NotFound"]);
    // Already gone is an error for older kubectl.
    let gone = kubectl.output("wait --for=delete pod -l app=tiny --timeout=60s").await;
    assert!(
        gone.status.success() || texts(&gone).1.contains("no matching resources found"),
        "{:?}",
        texts(&gone)
    );
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn a_watch_shows_changes_as_they_come() {
    let kubectl = Kubectl::start().await;
    let mut watch = kubectl.watch("get pods -l app=ledger-api --watch");
    // Deleted only once the watch stands: a watch that starts later would see the new pods alone.
    watch.until(&["ledger-api-", "Running"]).await;
    has(&kubectl.ok("delete pod -l app=ledger-api --wait=false").await, &["deleted"]);
    watch.until(&["Terminating", "ContainerCreating", "Running"]).await;
    drop(watch);
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn objects_that_kubectl_makes_itself() {
    let kubectl = Kubectl::start().await;
    assert_eq!(kubectl.ok("auth can-i patch deployments").await.trim(), "yes");
    has(&kubectl.ok("create namespace extra").await, &["namespace/extra created"]);
    kubectl.ok("create configmap notes --from-literal=a=1").await;
    assert_eq!(kubectl.ok("get configmap notes -o jsonpath='{.data.a}'").await, "1");
    kubectl.ok("create secret generic token --from-literal=a=1").await;
    assert_eq!(kubectl.ok("get secret token -o jsonpath='{.data.a}'").await, "MQ==");
    kubectl
        .ok("create deployment tiny --image=registry.example.com/payments/receipt-worker:2.9.3")
        .await;
    // The namespace has a quota: pods without limits are not let in.
    kubectl.ok("set resources deployment/tiny --limits=cpu=100m,memory=100Mi").await;
    kubectl.ok("rollout status deployment/tiny --timeout=60s").await;
    kubectl.ok("autoscale deployment tiny --min=1 --max=3 --cpu-percent=50").await;
    has(&kubectl.ok("get hpa tiny").await, &["Deployment/tiny", "/50%"]);
    kubectl.ok("expose deployment tiny --port=80").await;
    kubectl.ok("create service clusterip other --tcp=80:8080").await;
    assert_eq!(
        kubectl.ok("get service other -o jsonpath='{.spec.ports[0].targetPort}'").await,
        "8080"
    );
    // Before 1.21 kubectl made only policy/v1beta1, which is gone.
    if kubectl.minor().await >= 21 {
        kubectl
            .ok("create poddisruptionbudget tiny --min-available=50% --selector=app=tiny")
            .await;
        has(&kubectl.ok("get pdb tiny").await, &["50%"]);
    }
    kubectl.ok("delete namespace extra").await;
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn cordon_and_drain_respect_the_budget() {
    let kubectl = Kubectl::start().await;
    has(&kubectl.ok("cordon worker-2").await, &["node/worker-2 cordoned"]);
    has(&kubectl.ok("get node worker-2").await, &["Ready,SchedulingDisabled"]);
    kubectl
        .ok("drain worker-2 --ignore-daemonsets --delete-emptydir-data --force --timeout=90s")
        .await;
    has(&kubectl.ok("uncordon worker-2").await, &["node/worker-2 uncordoned"]);
    kubectl.simulator.shutdown().await;
}

#[tokio::test]
async fn jobs_and_cron_jobs_run() {
    let kubectl = Kubectl::start().await;
    kubectl.ok("create namespace batch").await;
    kubectl.ok("-n batch create job one --image=example/tool:1 -- sleep 5").await;
    kubectl.ok("-n batch wait --for=condition=complete job/one --timeout=60s").await;
    kubectl
        .ok("-n batch create cronjob tick --image=example/tool:1 --schedule=@hourly --restart=Never")
        .await;
    has(&kubectl.ok("-n batch get cronjob tick").await, &["SCHEDULE", "@hourly", "False"]);
    kubectl.ok("-n batch create job two --from=cronjob/tick").await;
    kubectl.ok("-n batch wait --for=condition=complete job/two --timeout=60s").await;
    has(&kubectl.ok("-n batch get jobs").await, &["one", "two", "1/1"]);
    kubectl.ok("-n batch delete job one").await;
    has(&kubectl.ok("api-resources").await, &["customresourcedefinitions", "pods"]);
    kubectl.simulator.shutdown().await;
}
