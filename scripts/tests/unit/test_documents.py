# SPDX-License-Identifier: GPL-2.0
"""The documents: their length, their links, and the suites that they name."""

import re
import subprocess
import unittest
from pathlib import Path

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo

README = repo.ROOT / "README.md"
# What a reader has patience for.
LINES = 200


def documents() -> list[Path]:
    listed = subprocess.run(["git", "-C", repo.ROOT, "ls-files", "*.md"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [repo.ROOT / name for name in listed.splitlines()]


def anchors(text: str) -> set[str]:
    """Of headings, as they are linked to."""
    return {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.M)}


class DocumentsTest(unittest.TestCase):
    def test_length(self) -> None:
        self.assertLessEqual(len(README.read_text().splitlines()), LINES)

    def test_suites(self) -> None:
        """README.md has a question for each suite."""
        rows = README.read_text().partition("| suite | question |")[2].partition("\n\n")[0]
        named = [name.strip() for names in re.findall(r"^\| ([a-z, -]+) \|", rows, re.M) for name in names.split(",")]
        self.assertEqual(sorted(named), sorted(path.stem for path in (repo.SCRIPTS / "suites").glob("*.toml")))

    def test_links(self) -> None:
        dead = []
        for document in documents():
            for path, anchor in re.findall(r"\]\(([^)\s#]*)#?([^)\s]*)\)", document.read_text()):
                if path.startswith(("http:", "https:")):
                    continue
                target = document.parent / path if path else document
                if not target.exists() or anchor and anchor not in anchors(target.read_text()):
                    dead.append(f"{document.relative_to(repo.ROOT)}: {path}#{anchor}")
        self.assertEqual(dead, [])


if __name__ == "__main__":
    unittest.main()
