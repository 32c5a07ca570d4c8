"""check_settings finds the variable that names no key."""

import tempfile
import unittest
from pathlib import Path

from .support import load, write

settings = load("lib/check_settings.py")


class Variables(unittest.TestCase):
    def problems(self, compose: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            files = {
                "services/kit/runtime/defaults.toml": "[bus]\nurl = ''\n",
                "services/gateway/source.toml": "[gateway.sources.NAME]\ntokens = []\n",
                "services/notifier/defaults.toml": "[notifier]\napproval_url = ''\n[notifier.email]\nurl = ''\n",
                "deploy/compose.yaml": compose,
                "deploy/Dockerfile": "ENV PARAMEDIC_BUS__URL=x\n",
            }
            write(Path(folder), files)
            return settings.problems(Path(folder))

    def test_known_keys_hold(self):
        self.assertEqual([], self.problems("PARAMEDIC_NOTIFIER__EMAIL__URL: a\nPARAMEDIC_NOTIFIER__APPROVAL_URL: b\nPARAMEDIC_CLUSTER_NAME: c\n"))

    def test_a_table_with_names_of_its_own_holds_its_keys_under_any_name(self):
        self.assertEqual([], self.problems("PARAMEDIC_GATEWAY__SOURCES__GRAFANA__TOKENS: a\n"))
        self.assertIn("no such key", self.problems("PARAMEDIC_GATEWAY__SOURCES__GRAFANA__TOKEN: a\n")[0])

    def test_a_key_that_is_not_there_is_named_with_its_line(self):
        self.assertEqual(["deploy/compose.yaml:2: PARAMEDIC_BUS__URI sets bus.uri: no such key"], self.problems("\nPARAMEDIC_BUS__URI: a\n"))

    def test_a_section_that_is_not_there(self):
        self.assertIn("no defaults.toml has a section [gatewy]", self.problems("PARAMEDIC_GATEWY__TOKENS: a\n")[0])
