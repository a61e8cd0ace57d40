# SPDX-License-Identifier: GPL-2.0
"""The loads: scripts/shadow/*.sh, in the order in which they run."""

from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError

FOLDER = repo.SCRIPTS / "shadow"
ALL = "all"


@dataclass(frozen=True)
class Load:
    name: str
    does: str                     # in words


def _load(file: Path) -> Load:
    """The first comment that is neither a licence nor an order to a tool."""
    comments = (line[2:] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# "))
    return Load(file.stem, next(text for text in comments if not text.startswith(("SPDX", "shellcheck"))))


def known() -> list[Load]:
    return [_load(file) for file in sorted(FOLDER.glob("*.sh"))]


def chosen(names: str) -> list[Load]:
    """The loads of a list with spaces or commas; all is all of them."""
    found = {load.name: load for load in known()}
    words = names.replace(",", " ").split()
    for name in words:
        if name not in found and name != ALL:
            raise SetupError(f"LOADS={name}: no such load; known: {' '.join(found)}, or {ALL}")
    return list(found.values()) if ALL in words else [found[name] for name in dict.fromkeys(words)]
