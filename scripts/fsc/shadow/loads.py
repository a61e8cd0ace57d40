# SPDX-License-Identifier: GPL-2.0
"""The loads: scripts/shadow/*.sh, in the order in which they run."""

from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError

FOLDER = repo.SCRIPTS / "shadow"
ALL = "all"
_CONSOLE = "console: "


@dataclass(frozen=True)
class Load:
    name: str
    does: str                     # in words
    allow: tuple[str, ...]        # regular expressions of console lines that it must cause, from its "# console: " lines


def _load(file: Path) -> Load:
    """What it does is its first comment that is neither a licence nor for a tool."""
    comments = [line[2:] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    return Load(file.stem, next(text for text in comments if not text.startswith(("SPDX", "shellcheck"))),
                tuple(text.removeprefix(_CONSOLE) for text in comments if text.startswith(_CONSOLE)))


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
