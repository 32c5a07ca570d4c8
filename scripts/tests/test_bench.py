"""What `scripts/bench` offers is there to be run."""

import importlib.machinery
import importlib.util
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def bench():
    loader = importlib.machinery.SourceFileLoader("bench", str(ROOT / "scripts" / "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


class Benches(unittest.TestCase):
    def test_every_bench_has_its_program(self):
        for package, example in bench().BENCHES.values():
            with self.subTest(example):
                self.assertEqual(len(list(ROOT.glob(f"services/**/{package_folder(package)}/examples/{example}/main.rs"))), 1)


def package_folder(package: str) -> str:
    """`paramedic-bus` lives in a folder `bus`."""
    return package.removeprefix("paramedic-")


if __name__ == "__main__":
    unittest.main()
