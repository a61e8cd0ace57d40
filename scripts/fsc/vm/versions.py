# SPDX-License-Identifier: GPL-2.0
"""scripts/kernels/versions: the kernel series that are supported, and where to get them."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError

FILE = repo.SCRIPTS / "kernels/versions"
_COMPILERS = "gcc"
SERIES = re.compile(r"\d+\.\d+")
_SUITE = re.compile(r"[a-z][a-z-]*")


@dataclass(frozen=True)
class Versions:
    series: dict[str, tuple[str, ...]]  # suites of each, oldest series first
    compilers: tuple[str, ...]          # suites that have compilers

    @property
    def default(self) -> str:
        return list(self.series)[-1]


def parse(text: str, name: str = FILE.name) -> Versions:
    """Read the file; raise SetupError with the line if one is wrong."""
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not (words := line.partition("#")[0].split()):
            continue
        key, *suites = words
        why = ("must be a series such as 1.2, or gcc" if not SERIES.fullmatch(key) and key != _COMPILERS
               else "is there twice" if key in found
               else "has no suite" if not suites
               else next((f"'{suite}' is no name of a suite" for suite in suites if not _SUITE.fullmatch(suite)), ""))
        if why:
            raise SetupError(f"{name}:{number}: {key}: {why}")
        found[key] = tuple(suites)
    compilers = found.pop(_COMPILERS, ())
    if not found or not compilers:
        raise SetupError(f"{name}: no {'gcc' if found else 'series'}")
    if list(found) != sorted(found, key=numbers):
        raise SetupError(f"{name}: the series must stand oldest first")
    return Versions(found, compilers)


def numbers(series: str) -> tuple[int, ...]:
    """The numbers that series are ordered by."""
    return tuple(map(int, series.split(".")))


def of(release: str) -> str:
    """The series of kernel @release: 7.3 for 7.3.4+deb13-amd64."""
    if not (found := SERIES.match(release)):
        raise SetupError(f"kernel {release}: its name does not begin with a series such as 7.3")
    return found[0]


@functools.cache
def known() -> Versions:
    return parse(Path(FILE).read_text(encoding="utf-8"))


def chosen(kver: str | None, several: bool = False) -> list[str]:
    """The series that KVER names, oldest first; the default if it names none."""
    if not kver:
        return [known().default]
    names = kver.split(",")
    for name in names:
        if name not in known().series:
            raise SetupError(f"KVER={kver}: no kernel {name or 'without a name'}; allowed: {' '.join(known().series)}")
    if len(set(names)) < len(names):
        raise SetupError(f"KVER={kver}: names a kernel twice")
    if len(names) > 1 and not several:
        raise SetupError(f"KVER={kver}: allowed: one of {' '.join(known().series)}; only bench takes several")
    return sorted(names, key=numbers)
