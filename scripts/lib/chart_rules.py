"""What must hold of every rendering of the chart, whatever the values. Each rule yields sentences about what breaks it."""

from typing import Iterator

REACH_CLUSTER = {"analysis", "executor"}
# Questions that are asked by creating something which is stored nowhere. The gateway asks whose a token is, where sources are service
# accounts; analysis asks whether an account may do what a log says was refused to it. They change nothing.
REVIEWS = {("gateway", "tokenreviews", "create"), ("analysis", "subjectaccessreviews", "create")}
# What the gateway may list and watch, to know what depends on what and what the cluster warns of.
WATCHED = {
    "pods", "services", "persistentvolumeclaims", "resourcequotas", "configmaps", "deployments", "replicasets", "statefulsets", "daemonsets",
    "jobs", "cronjobs", "rollouts", "endpointslices", "ingresses", "networkpolicies", "httproutes", "grpcroutes", "horizontalpodautoscalers",
    "poddisruptionbudgets", "certificates", "nodes", "namespaces", "events",
}
COMPONENT = "app.kubernetes.io/component"


def problems(objects: list[dict], values: dict) -> list[str]:
    """Every broken rule, with the object that breaks it. `values` are those it was rendered with, defaults included."""
    rules = (
        names_are_unique, pods_are_restricted, pods_are_probed, only_some_roles_reach_the_cluster, rights_are_minimal, selectors_match,
        grpc_is_ours, secrets_stay_secret,
    )
    found = [problem for rule in rules for problem in rule(objects)]
    return found + list(observe_changes_nothing(objects, values))


def of_kind(objects: list[dict], *kinds: str) -> Iterator[dict]:
    return (item for item in objects if item["kind"] in kinds)


def title(item: dict) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


def names_are_unique(objects: list[dict]) -> Iterator[str]:
    seen = set()
    for item in objects:
        key = (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        if key in seen:
            yield f"{title(item)} is rendered twice"
        seen.add(key)


def pods_are_restricted(objects: list[dict]) -> Iterator[str]:
    """The `restricted` Pod Security Standard, and a read-only root."""
    for item in of_kind(objects, "Deployment"):
        spec = item["spec"]["template"]["spec"]
        pod = spec.get("securityContext", {})
        if pod.get("runAsNonRoot") is not True or pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{title(item)}: the pod may run as root or without seccomp"
        for container in spec["containers"]:
            context = container.get("securityContext", {})
            if context.get("allowPrivilegeEscalation") is not False or context.get("capabilities", {}).get("drop") != ["ALL"]:
                yield f"{title(item)}: the container may gain privileges"
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{title(item)}: the root file system is writable"
            if not container.get("resources", {}).get("limits", {}).get("memory"):
                yield f"{title(item)}: no memory limit"
            names = [entry["name"] for entry in container["env"]]
            yield from (f"{title(item)}: {name} is set twice" for name in sorted({name for name in names if names.count(name) > 1}))


def pods_are_probed(objects: list[dict]) -> Iterator[str]:
    for item in of_kind(objects, "Deployment"):
        for container in item["spec"]["template"]["spec"]["containers"]:
            for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz"), ("startupProbe", "/healthz")):
                if container.get(probe, {}).get("httpGet", {}).get("path") != path:
                    yield f"{title(item)}: {probe} does not ask {path}"


def only_some_roles_reach_the_cluster(objects: list[dict]) -> Iterator[str]:
    for item in of_kind(objects, "Deployment"):
        role = item["metadata"]["labels"][COMPONENT]
        mounted = item["spec"]["template"]["spec"].get("automountServiceAccountToken")
        has_rights = role == "gateway" and any(right[3] == "gateway" for right in rules_of(objects))
        if mounted is not (role in REACH_CLUSTER or has_rights):
            yield f"{title(item)}: automountServiceAccountToken is {mounted}"
    for item in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        role = item["metadata"]["labels"][COMPONENT]
        if role not in REACH_CLUSTER | {"gateway"}:
            yield f"{title(item)}: {role} has no business with the API server"


def rules_of(objects: list[dict]) -> Iterator[tuple[dict, str, str, str]]:
    """(role object, resource, verb, component) of every right granted."""
    for item in of_kind(objects, "Role", "ClusterRole"):
        for rule in item["rules"]:
            for resource in rule.get("resources", []):
                for verb in rule["verbs"]:
                    yield item, resource, verb, item["metadata"]["labels"][COMPONENT]


WRITES = {
    ("deployments", "patch"), ("statefulsets", "patch"), ("daemonsets", "patch"), ("horizontalpodautoscalers", "patch"),
    ("poddisruptionbudgets", "patch"), ("pods", "patch"), ("pods", "delete"), ("pods/eviction", "create"), ("pods/resize", "patch"),
    ("configmaps", "patch"), ("persistentvolumeclaims", "patch"), ("jobs", "create"), ("jobs", "patch"), ("jobs", "delete"),
    ("cronjobs", "patch"), ("networkpolicies", "create"), ("networkpolicies", "patch"), ("networkpolicies", "delete"),
    ("volumesnapshots", "create"), ("volumesnapshots", "delete"), ("applications", "patch"), ("kustomizations", "patch"),
    ("helmreleases", "patch"), ("nodes", "patch"), ("pods/exec", "create"), ("pods/exec", "get"),
}


def rights_are_minimal(objects: list[dict]) -> Iterator[str]:
    for item, resource, verb, component in rules_of(objects):
        if (component, resource, verb) in REVIEWS:
            continue
        if component == "gateway":
            if resource not in WATCHED or verb not in ("list", "watch"):
                yield f"{title(item)}: the gateway watches and reviews tokens, and must not {verb} {resource}"
        elif resource == "secrets" or "*" in (resource, verb):
            yield f"{title(item)}: {verb} {resource} must never be granted"
        elif resource == "pods/exec" or verb not in ("get", "list", "watch"):
            if component != "executor" or (resource, verb) not in WRITES:
                yield f"{title(item)}: {component} must not {verb} {resource}"


def observe_changes_nothing(objects: list[dict], values: dict) -> Iterator[str]:
    """In mode observe no commands; no other right to change either, unless dry runs are wanted."""
    if values["cluster"]["mode"] != "observe":
        return
    dry_run = values["rbac"]["observeDryRun"]
    for item, resource, verb, component in rules_of(objects):
        if (component, resource, verb) in REVIEWS:
            continue
        if resource == "pods/exec" or (verb not in ("get", "list", "watch") and not dry_run):
            yield f"{title(item)}: mode observe must not {verb} {resource}"


def selectors_match(objects: list[dict]) -> Iterator[str]:
    """Services and disruption budgets select exactly one Deployment's pods; accounts and Ingress backends exist."""
    pods = {title(item): item["spec"]["template"]["metadata"]["labels"] for item in of_kind(objects, "Deployment")}
    names = {kind: {item["metadata"]["name"] for item in of_kind(objects, kind)} for kind in ("Service", "ServiceAccount")}
    for item in of_kind(objects, "Service", "PodDisruptionBudget"):
        selector = item["spec"]["selector"] if item["kind"] == "Service" else item["spec"]["selector"]["matchLabels"]
        chosen = [name for name, labels in pods.items() if selector.items() <= labels.items()]
        if len(chosen) != 1:
            yield f"{title(item)} selects {len(chosen)} deployments"
    for item in of_kind(objects, "Deployment"):
        if item["spec"]["template"]["spec"]["serviceAccountName"] not in names["ServiceAccount"]:
            yield f"{title(item)} runs as an account that is not there"
    for item in of_kind(objects, "Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if path["backend"]["service"]["name"] not in names["Service"]:
                    yield f"{title(item)} leads to a service that is not there"


def grpc_is_ours(objects: list[dict]) -> Iterator[str]:
    """A network policy, where there is one, opens the gRPC port to this release's pods only."""
    for item in of_kind(objects, "NetworkPolicy"):
        for rule in item["spec"]["ingress"]:
            if any(port["port"] == "grpc" for port in rule["ports"]) and not rule.get("from"):
                yield f"{title(item)} opens gRPC, and with it approvals, to everybody"


def secrets_stay_secret(objects: list[dict]) -> Iterator[str]:
    """The chart refers to secrets and makes none, so that none is in a values file."""
    yield from (f"{title(item)}: refer to an existing secret instead" for item in of_kind(objects, "Secret"))
    for item in of_kind(objects, "Deployment"):
        for container in item["spec"]["template"]["spec"]["containers"]:
            for entry in container["env"]:
                named = any(word in entry["name"] for word in ("TOKEN", "PASSWORD", "SECRET")) and not entry["name"].endswith("_FILE")
                if named and "value" in entry:
                    yield f"{title(item)}: {entry['name']} holds its value in the open"
