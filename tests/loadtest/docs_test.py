# SPDX-License-Identifier: Apache-2.0
"""The documentation's figures are those that were recorded."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import docs  # noqa: E402

RECORDED = """$ ./dev bench -k some --record
A machine, 2 CPUs; load average before: 0.1
first of two, 3 rounds
                                                p50 ms          p99 ms
  fiber                                           0.12            2.91
  a label longer than the place for it, ns           1.00            2.00
  Go                                             58.16
  16 x cpu                                      load/s
  fiber                                          90.29
"""


class PagesTest(unittest.TestCase):
    def test_every_table_is_what_was_recorded(self) -> None:
        for name in docs.PAGES:
            text = (ROOT / name).read_text()
            self.assertEqual(text, docs.page(text), f"{name} is out of date; ./dev docs fills it again")
            self.assertEqual(len(docs.PLACE.findall(text)), text.count("<!-- table"), f"{name}: a mark without its end")


class FillingTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = Path(folder.name)
        (self.results / "some.txt").write_text(RECORDED)

    def filled(self, words: str) -> list[str]:
        return docs.filled(words, self.results).splitlines()

    def test_takes_rows_and_columns_in_the_order_asked_for(self) -> None:
        lines = self.filled('some "first of" rows Go fiber columns "p99 ms" "p50 ms"')
        self.assertEqual(lines[0], "| | p99 ms | p50 ms |")
        self.assertEqual(lines[2:4], ["| Go |  | 58.16 |", "| fiber | 2.91 | 0.12 |"])
        self.assertEqual(lines[-1], "`./dev bench -k some`")

    def test_a_long_label_moves_its_cells(self) -> None:
        lines = self.filled('some "first of" rows "a label longer than the place for it, ns" columns "p99 ms"')
        self.assertEqual(lines[2], "| a label longer than the place for it, ns | 2.00 |")

    def test_finds_a_table_by_the_words_over_its_first_column(self) -> None:
        self.assertEqual(self.filled('some "16 x cpu" rows fiber columns load/s')[2], "| fiber | 90.29 |")

    def test_replaces_what_stood_there_and_nothing_else(self) -> None:
        mark = '<!-- table some "16 x cpu" rows fiber columns load/s -->'
        text = f"before\n{mark}\n| fiber | 1.00 |\n<!-- end -->\nafter 1.00\n"
        new = docs.page(text, self.results)
        self.assertIn("| fiber | 90.29 |", new)
        self.assertTrue(new.startswith(f"before\n{mark}\n") and new.endswith("<!-- end -->\nafter 1.00\n"))
        self.assertEqual(docs.page(new, self.results), new)

    def test_refuses_what_was_not_recorded(self) -> None:
        for words in (
            'some "first of" rows nginx columns "p50 ms"',
            'some "first of" rows fiber columns p90',
            "some nothing rows fiber columns p90",
            "some first fiber",
        ):
            with self.subTest(words), self.assertRaises(ValueError):
                self.filled(words)


if __name__ == "__main__":
    unittest.main()
