"""check-sizes names the long file and keeps its own list of exceptions honest."""

import tempfile
import unittest
from pathlib import Path

from .support import load, write

sizes = load("check-sizes")


class Sizes(unittest.TestCase):
    def problems(self, files: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), files)
            return sizes.check(Path(folder))[0]

    def test_400_lines_hold_and_401_do_not(self):
        self.assertEqual([], self.problems({"services/a/src/lib.rs": "x\n" * 400}))
        self.assertTrue(self.problems({"services/a/src/lib.rs": "x\n" * 401})[0].startswith("services/a/src/lib.rs:401: 401 lines"))

    def test_a_listed_file_may_be_longer_up_to_its_own_limit(self):
        allow = "services/a/src/lib.rs 450 # one table\n"
        self.assertEqual([], self.problems({"services/a/src/lib.rs": "x\n" * 450, "scripts/sizes.allow": allow}))
        self.assertEqual(1, len(self.problems({"services/a/src/lib.rs": "x\n" * 451, "scripts/sizes.allow": allow})))

    def test_an_exception_without_a_reason_or_a_need_is_an_error(self):
        self.assertIn("want 'path limit # reason'", self.problems({"scripts/sizes.allow": "a.rs 450\n"})[0])
        self.assertIn("is gone", self.problems({"scripts/sizes.allow": "a.rs 450 # why\n"})[0])
        self.assertIn("needs no exception", self.problems({"a.rs": "x\n", "scripts/sizes.allow": "a.rs 450 # why\n"})[0])

    def test_main_only_calls(self):
        self.assertEqual([], self.problems({sizes.MAIN: "x\n" * 25}))
        self.assertIn("main only calls", self.problems({sizes.MAIN: "x\n" * 26})[0])

    def test_build_output_is_not_ours(self):
        self.assertEqual([], self.problems({"target/x.rs": "x\n" * 900, ".tools/y.rs": "x\n" * 900}))

    def test_percentile_is_the_nearest_rank(self):
        self.assertEqual(95, sizes.percentile(list(range(1, 101)), 0.95))
        self.assertEqual(7, sizes.percentile([7], 0.95))
