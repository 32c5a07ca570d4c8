"""Each rule of the chart finds a rendering that breaks it. The starting point is the golden rendering, which breaks none."""

import copy
import unittest

import yaml

from .support import SCRIPTS, load

rules = load("lib/chart_rules.py")
readme = load("lib/chart_readme.py")
GOLDEN = list(yaml.safe_load_all((SCRIPTS.parent / "charts/paramedic/golden/production.yaml").read_text()))


def values(mode: str, dry_run: bool = True) -> dict:
    return {"cluster": {"mode": mode}, "rbac": {"observeDryRun": dry_run}}


class Rules(unittest.TestCase):
    def broken(self, kind: str, name: str, change) -> list[str]:
        objects = copy.deepcopy(GOLDEN)
        change(next(item for item in objects if item["kind"] == kind and item["metadata"]["name"].endswith(name)))
        return rules.problems(objects, values("standard"))

    def test_the_golden_rendering_breaks_none(self):
        self.assertEqual([], rules.problems(GOLDEN, values("standard")))

    def test_a_right_to_read_secrets(self):
        found = self.broken("ClusterRole", "analysis", lambda item: item["rules"][0]["resources"].append("secrets"))
        self.assertIn("secrets must never be granted", found[0])

    def test_a_right_to_change_for_a_role_that_only_reads(self):
        found = self.broken("Role", "analysis", lambda item: item["rules"].append({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}))
        self.assertEqual(1, len(found), found)

    def test_a_review_by_a_role_that_does_not_ask(self):
        asks = {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]}
        self.assertIn("must not create", self.broken("ClusterRole", "executor", lambda item: item["rules"].append(asks))[0])
        self.assertEqual([], self.broken("ClusterRole", "analysis", lambda item: item["rules"].append(asks)))
        stores = {**asks, "resources": ["selfsubjectaccessreviews"]}
        self.assertIn("must not create", self.broken("ClusterRole", "analysis", lambda item: item["rules"].append(stores))[0])

    def test_a_right_the_executor_needs_not(self):
        self.assertEqual(1, len(self.broken("Role", "executor", lambda item: item["rules"][0]["verbs"].append("create"))[:1]))

    def test_a_right_of_the_gateway_beyond_watching_and_reviewing_tokens(self):
        found = self.broken("ClusterRole", "gateway", lambda item: item["rules"].append({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}))
        self.assertIn("the gateway watches and reviews tokens, and must not get pods", found[0])

    def test_changing_in_observe_mode(self):
        for dry_run, resource in ((True, "pods/exec"), (False, "deployments")):
            found = rules.problems(GOLDEN, values("observe", dry_run))
            self.assertTrue(any(f"mode observe must not {verb} {resource}" in problem for problem in found for verb in ("create", "patch")), found)

    def test_a_pod_that_may_run_as_root(self):
        found = self.broken("Deployment", "gateway", lambda item: item["spec"]["template"]["spec"]["securityContext"].update(runAsNonRoot=False))
        self.assertIn("may run as root", found[0])

    def test_a_token_where_none_is_needed(self):
        found = self.broken("Deployment", "planner", lambda item: item["spec"]["template"]["spec"].update(automountServiceAccountToken=True))
        self.assertIn("automountServiceAccountToken is True", found[0])

    def test_a_token_in_the_open(self):
        container = lambda item: item["spec"]["template"]["spec"]["containers"][0]  # noqa: E731
        found = self.broken("Deployment", "gateway", lambda item: container(item)["env"].append({"name": "X_TOKEN", "value": "abc"}))
        self.assertIn("in the open", found[0])

    def test_approvals_open_to_everybody(self):
        found = self.broken("NetworkPolicy", "paramedic", lambda item: item["spec"]["ingress"][1].pop("from"))
        self.assertIn("opens gRPC", found[0])

    def test_a_service_that_selects_nothing(self):
        found = self.broken("Service", "executor", lambda item: item["spec"]["selector"].update({"app.kubernetes.io/component": "nobody"}))
        self.assertIn("selects 0 deployments", found[0])


class Table(unittest.TestCase):
    VALUES = "# Prose.\n# -- One.\n# More.\na: 1\nb:\n  # -- Two.\n  c: [x]\n  d: 3\n"

    def test_rows_come_from_comments(self):
        self.assertEqual([("a", "One. More."), ("b.c", "Two.")], readme.described(self.VALUES))
        self.assertIn('| `b.c` | `["x"]` | Two. |', readme.table(self.VALUES))

    def test_a_value_without_a_comment_is_found(self):
        self.assertEqual(["b.d"], readme.undescribed(self.VALUES))
