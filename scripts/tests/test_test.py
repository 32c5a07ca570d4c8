"""The test command counts what the runners report, and its table names every step."""

import unittest

from .support import load

test = load("test")


class CountsOfRunners(unittest.TestCase):
    def total(self, *lines: str) -> str:
        counts = test.Counts()
        for line in lines:
            counts.read(line)
        return str(counts)

    def test_nextest(self):
        self.assertEqual("120 passed, 0 failed, 3 skipped", self.total("     Summary [  12.345s] 120 tests run: 120 passed (2 slow), 3 skipped"))
        self.assertEqual("2 passed, 2 failed", self.total("     Summary [   1.0s] 4/9 tests run: 2 passed, 1 failed, 1 timed out, 0 skipped"))

    def test_colours_do_not_matter(self):
        self.assertEqual("5 passed, 0 failed", self.total("\x1b[32;1m     Summary\x1b[0m [   0.1s] \x1b[1m5\x1b[0m tests run: \x1b[1m5\x1b[0m passed, 0 skipped"))

    def test_runners_add_up(self):
        lines = ("Ran 19 tests in 0.422s", "test result: ok. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s")
        self.assertEqual("22 passed, 1 failed, 2 skipped", self.total(*lines))

    def test_the_table_ends_with_the_total(self):
        self.assertRegex(test.table([("fmt", "ok", 1.0), ("clippy", "FAILED", 2.5)]), r"(?s)fmt +ok +1\.0 s.*clippy +FAILED +2\.5 s.*total +3\.5 s")
