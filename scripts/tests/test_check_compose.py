"""check_compose finds what the compose schema cannot see."""

import tempfile
import unittest
from pathlib import Path

import yaml

from .support import SCRIPTS, load

compose = load("lib/check_compose.py")
OURS = SCRIPTS.parent / "deploy/compose.yaml"


class Compose(unittest.TestCase):
    def problems(self, change) -> list[str]:
        document = yaml.safe_load(OURS.read_text())
        change(document["services"])
        with tempfile.TemporaryDirectory() as folder:
            for name in ("nats", "prometheus", "alertmanager"):
                (Path(folder) / name).symlink_to(OURS.parent / name)
            path = Path(folder) / "compose.yaml"
            path.write_text(yaml.safe_dump(document))
            return compose.problems(path)

    def test_ours_holds(self):
        self.assertEqual([], self.problems(lambda services: None))

    def test_what_is_missing_is_named(self):
        cases = {
            "role planner has no service": lambda services: services.pop("planner"),
            "service nats has no healthcheck": lambda services: services["nats"].pop("healthcheck"),
            "service mail: pin the image's tag": lambda services: services["mail"].update(image="axllent/mailpit"),
            "service nats mounts ./gone, which is not there": lambda services: services["nats"]["volumes"].append("./gone:/x"),
            "service planner calls nobody, which is not there": lambda services: services["planner"]["environment"].update(A="http://nobody:1"),
        }
        for expected, change in cases.items():
            self.assertIn(expected, self.problems(change))
