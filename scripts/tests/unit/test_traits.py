# SPDX-License-Identifier: GPL-2.0
"""What is made from the module's schema: tables of documents, rows of tests."""

import re
import unittest

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo, traits
from fsc.cmd import schema
from fsc.vm import guest_test

PARAMETERS = {
    "kind_of": {"kind": "choice", "default": "old", "choices": ["old", "new"], "meaning": "which", "misleads": ""},
    "shift": {"kind": "int", "default": 20, "min": -1, "max": 20, "meaning": "how far", "misleads": "not at once"},
    "order": {"kind": "text", "default": 0, "takes": "0 to 9", "meaning": "size|log2", "misleads": ""},
}


class TablesTest(unittest.TestCase):
    def test_documents(self) -> None:
        """Every table in a document matches the schema, and each table is in a document."""
        found = []
        for name in schema.DOCUMENTS:
            text = (repo.ROOT / name).read_text(encoding="utf-8")
            self.assertEqual(schema.with_tables(text, traits.KNOWN), text, f"{name}: scripts/folioscale schema writes it")
            found += schema.names(text)
        self.assertEqual(sorted(found), sorted(schema.TABLES))

    def test_negative_controls(self) -> None:
        """Those that only a kernel with its checker has are not in the schema: their table is written by hand."""
        headers = "".join(path.read_text(encoding="utf-8") for path in (repo.ROOT / "module/protocols").glob("*.h"))
        text = (repo.ROOT / "module/README.md").read_text(encoding="utf-8").partition("## Negative controls")[2]
        self.assertEqual(sorted(re.findall(r"^\| `(\w+)` \|", text, re.M)),
                         sorted(re.findall(r'\.bug\.name\s*= "(\w+)"', headers)))

    def test_table(self) -> None:
        text = "a\n<!-- schema: parameters -->\nold\n<!-- end -->\nb\n"
        self.assertEqual(schema.with_tables(text, {"parameters": PARAMETERS}), """a
<!-- schema: parameters -->
| name | default | range | meaning, and how it misleads |
|---|---|---|---|
| `kind_of` | old | old, new | which |
| `shift` | 20 | -1 to 20 | how far. Not at once |
| `order` | 0 | 0 to 9 | size\\|log2 |
<!-- end -->
b
""")


class OpencodedTest(unittest.TestCase):
    def test_every_lookup_is_written_out(self) -> None:
        """Without a hand-written lookup make icount has nothing to compare a protocol with."""
        wrong = []
        for path in traits.PATHS:
            source = f"module/opencoded/{path}.c"
            written = re.findall(r'^\t\{ "(\w+)", (?:true|false), \w+ \},$', (repo.ROOT / source).read_text(encoding="utf-8"), re.M)
            supported = traits.protocols_of(path)
            wrong += [f"{source}: no lookup of {name} in loops[]" for name in supported if name not in written]
            wrong += [f"{source}: path={path} does not support {name}" for name in written
                      if name.removesuffix("_plain") not in supported]     # a lookup that leaves something out
        self.assertEqual(wrong, [])


class RowsTest(unittest.TestCase):
    def test_protocols(self) -> None:
        rows = [row.split("|") for row in guest_test.protocol_rows(traits.PROTOCOLS)]
        self.assertEqual([row[0] for row in rows], list(traits.PROTOCOLS))
        typesafe = next(row for row in rows if row[0] == "typesafe")
        self.assertEqual(typesafe[1:3], ["pagecache gup pfn", "cas xadd"])
        self.assertEqual(set(typesafe[3].split()), {"refcounted", "recheck", "reused_before_gp", "own_descriptor"})

    def test_rows(self) -> None:
        rows = [row.split("|") for row in guest_test.params_rows(PARAMETERS)]
        self.assertEqual(rows[0], ["kind_of", "new", "old, new", "NEW newe ne 1"])
        self.assertEqual(rows[1], ["shift", "19", "-1 to 20", "-2 21 4294967296"])
        self.assertEqual(rows[2][:3], ["order", "0:8,2:4,9:1", "0 to 9"])

    def test_busted(self) -> None:
        rows = [row.split("|") for row in guest_test.busted_rows(traits.BUSTED)]
        self.assertEqual([row[0] for row in rows], list(traits.BUSTED))
        self.assertIn(["ignore_locked", "pagecache pfn", "protocol=rcu_desc tryget=xadd"], rows)

    def test_a_default_is_one_of_the_choices(self) -> None:
        for name, one in traits.PARAMETERS.items():
            if "choices" in one:
                self.assertIn(one["default"], one["choices"], name)

    def test_a_good_value_is_not_the_default(self) -> None:
        for name, good, _, bad in (row.split("|") for row in guest_test.params_rows(traits.PARAMETERS)):
            self.assertNotEqual(good, str(traits.PARAMETERS[name]["default"]), name)
            self.assertTrue(bad.split(), name)


if __name__ == "__main__":
    unittest.main()
