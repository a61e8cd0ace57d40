# SPDX-License-Identifier: GPL-2.0
"""What an interrupted suite has kept of the boots that it had done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from . import environment
from .result import BootRecord, write_text
from .suite import Point
from .verdict import INCONCLUSIVE, PASS, SetupError

_FILE = "boot.json"
_AS_KEPT = ("state", "reason", "first", "seconds")


def keep(record: BootRecord, outdir: Path) -> None:
    """Say of a boot that it is over; what it sent is in its runs/ already."""
    found = {name: getattr(record, name) for name in _AS_KEPT}
    found |= {"accelerator": record.accelerator, "points": [[point.id, point.module_args] for point in record.points]}
    write_text(outdir / _FILE, json.dumps(found, indent=1) + "\n")


def load(outdir: Path, number: int, points: list[Point], accelerator: str) -> BootRecord | None:
    """Boot @number as it was; None, and its folder is gone, if it was not done, or not this one."""
    try:
        found = json.loads((outdir / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if (found.get("state") not in (PASS, INCONCLUSIVE) or found["accelerator"] != accelerator
            or found["points"] != [[point.id, point.module_args] for point in points]):
        shutil.rmtree(outdir, ignore_errors=True)
        return None
    record = BootRecord(number, points, accelerator, **{name: found[name] for name in _AS_KEPT})
    for file in sorted((outdir / "runs").iterdir()):
        # As _keeper() calls them: what a blob is has no dot in it.
        record.keep(file.name.replace(".", "/", 1), file.read_bytes())
    return record


def check(folder: Path) -> None:
    """Refuse a folder that is none of ours, or of another revision: its boots ran other code."""
    file = folder / "command"
    try:
        first = file.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        raise SetupError(f"RESUME={folder}: {file.name}: {error.strerror}: allowed: a folder that make bench "
                         "has written into") from None
    if f"revision {environment.revision()}," not in first:
        raise SetupError(f"RESUME={folder}: it is of {first.strip('# ').partition(',')[0].removeprefix('at ')}, "
                         f"this tree is {environment.revision()}: begin anew, or check that revision out")
