# SPDX-License-Identifier: GPL-2.0
"""The boots that an interrupted suite has completed and kept."""

import hashlib
import json
import shutil
from pathlib import Path

from .. import repo
from ..result.environment import SOURCES
from ..result.result import BootRecord, write_text
from ..verdict import FAIL, INCONCLUSIVE, PASS, SetupError
from .suite import Point

FILE = "boot.json"
_AS_KEPT = ("state", "reason", "first", "at_boot", "seconds")


def sources() -> str:
    """A digest of the sources: git says the same about two trees with different uncommitted changes."""
    digest = hashlib.sha256()
    for file in sorted(path for name in SOURCES for path in (repo.ROOT / name, *(repo.ROOT / name).rglob("*"))
                       if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{file.relative_to(repo.ROOT)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _made(points: list[Point], made_by: dict[str, str]) -> dict[str, object]:
    return made_by | {"points": [[point.id, point.module_args] for point in points]}


def keep(record: BootRecord, outdir: Path, made_by: dict[str, str]) -> None:
    """Record that a boot is over, and all that must be the same for the others: what made it."""
    found = {name: getattr(record, name) for name in _AS_KEPT} | {"made": _made(record.points, made_by)}
    write_text(outdir / FILE, json.dumps(found, indent=1) + "\n")


def load(outdir: Path, number: int, points: list[Point], made_by: dict[str, str]) -> BootRecord | None:
    """Boot @number as it was kept; None if it was not completed or was lost (its folder is removed or renamed).

    A boot that does not belong to the rest is never removed: raise SetupError.
    """
    try:
        found = json.loads((outdir / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        shutil.rmtree(outdir, ignore_errors=True)
        return None
    except (OSError, ValueError) as error:
        raise SetupError(f"{outdir / FILE}: {error}") from None
    made = _made(points, made_by)
    if differ := [name for name, value in made.items() if found["made"].get(name) != value]:
        raise SetupError(f"RESUME={outdir.parent}: {outdir.name} was made with other {', '.join(differ)}: allowed: what "
                         "made it, or a new folder")
    if found["state"] == FAIL:
        raise SetupError(f"RESUME={outdir.parent}: {outdir.name} is FAIL ({found['reason'].splitlines()[0]}): a finding "
                         "stays; begin anew")
    if found["state"] not in (PASS, INCONCLUSIVE):
        outdir.rename(outdir.with_name(f"{outdir.name}-{found['state'].lower()}-{outdir.stat().st_mtime_ns}"))
        return None
    record = BootRecord(number, points, made_by["accelerator"], **{name: found[name] for name in _AS_KEPT})
    for file in sorted((outdir / "runs").iterdir()):
        # The reverse of _keeper(): the kind of a blob has no dot in it.
        record.keep(file.name.replace(".", "/", 1), file.read_bytes())
    return record


def check(folder: Path, command: str) -> None:
    """Refuse a folder of another command, or of none of ours."""
    file = folder / "command"
    try:
        kept = file.read_text(encoding="utf-8").splitlines()[-1]
    except (OSError, IndexError) as error:
        raise SetupError(f"RESUME={folder}: {file.name}: {getattr(error, 'strerror', 'empty')}: allowed: a folder that "
                         "make bench has written into") from None
    if kept != command:
        raise SetupError(f"RESUME={folder}: that was '{kept}', and this is '{command}'; allowed: the same")
