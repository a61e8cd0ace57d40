# SPDX-License-Identifier: GPL-2.0
"""mutate: patches and their heads, and how a test that finds one is told from one that does not."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo
from fsc.cmd import mutate
from fsc.verdict import SetupError

HEAD = "What: w\nShows: s\nKind: free\nFound by: check um-axes\n\ndiff --git a/x b/x\n"


class PatchesTest(unittest.TestCase):
    def test_all_are_whole_and_apply(self) -> None:
        self.assertGreaterEqual(len(mutate.chosen([])), 40)
        for one in mutate.chosen([]):
            with self.subTest(one.name):
                subprocess.run(["git", "apply", "--check", str(one.patch)], cwd=repo.ROOT, check=True)

    def test_heads(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.patch")
            path.write_text(HEAD)
            self.assertEqual(mutate.read(path), mutate.Mutation("x", "w", "check um-axes"))
            path.write_text(HEAD.replace("um-axes", "um-axis"))
            with self.assertRaisesRegex(SetupError, "x.patch: Found by: check um-axis: allowed: check um-lifecycle, "):
                mutate.read(path)
            path.write_text(HEAD.replace("Shows: s\n", ""))
            with self.assertRaisesRegex(SetupError, "x.patch: its head has no line that begins with 'Shows: '"):
                mutate.read(path)

    def test_names(self) -> None:
        self.assertEqual([one.name for one in mutate.chosen(["xadd-freezes-to-zero"])], ["xadd-freezes-to-zero"])
        with self.assertRaisesRegex(SetupError, "x: no such mutation; known: "):
            mutate.chosen(["x"])


class FinderTest(unittest.TestCase):
    def test_command(self) -> None:
        self.assertEqual(mutate.asked("check um-axes")[1:], ["check", "--only", "um-axes"])
        self.assertEqual(mutate.asked("check-debug uml-kasan kunit")[1:], ["check-debug", "--only", "kunit", "uml-kasan"])

    def test_what_it_says(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for script, said in (("exit 0", ""), ("echo '# failed: x'; echo 0 passed, 1 failed; exit 1", "x")):
                with mock.patch.object(mutate, "asked", return_value=["sh", "-c", script]), mock.patch.object(mutate, "TREE", Path(folder)):
                    self.assertEqual(mutate.found("check um-axes", Path(folder, "log")), said)
            with mock.patch.object(mutate, "asked", return_value=["sleep", "9"]), mock.patch.object(mutate, "TREE", Path(folder)), \
                    mock.patch.object(mutate, "_TIMEOUT_S", 0.1):
                self.assertEqual(mutate.found("check um-axes", Path(folder, "log")), "not finished after 0.1 s")
            # That it does not build finds nothing.
            with mock.patch.object(mutate, "asked", return_value=["sh", "-c", "echo no; exit 2"]), \
                    mock.patch.object(mutate, "TREE", Path(folder)), self.assertRaisesRegex(SetupError, "check um-axes: no "):
                mutate.found("check um-axes", Path(folder, "log"))


if __name__ == "__main__":
    unittest.main()
