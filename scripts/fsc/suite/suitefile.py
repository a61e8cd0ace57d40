# SPDX-License-Identifier: GPL-2.0
"""Read suites from scripts/suites/*.toml; refuse mistakes with their line."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .. import traits
from ..result import metrics
from ..verdict import SetupError
from ..vm import kernel, versions
from .suite import BOOT, Curve, Guest, Point, Suite

NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Kind:
    """The form that a parameter's value must have, because it becomes a word of a shell command."""
    says: str
    text: re.Pattern[str] | None = None
    integer: bool = False

    def takes(self, value: Any) -> bool:
        if isinstance(value, str):
            return self.text is not None and self.text.fullmatch(value) is not None
        return self.integer and type(value) is int


INT = Kind("an int", integer=True)
WORD = Kind("a name", NAME)
CPUS = Kind("a list of CPUs such as '0-1,3'", re.compile(r"([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?"))
ORDERS = Kind("an int, or orders with weights such as '0:8,2:4'",
              re.compile(r"[0-9]+:[0-9]+(,[0-9]+:[0-9]+)*"), integer=True)
SHARES = Kind("five weights such as '60:20:10:5:5'", re.compile(r"[0-9]+(:[0-9]+){4}"))

# The module's parameters that a suite may set: all except those that it sets by other keys. Wrong
# names and forms are refused here, with file and line; only the module knows which values are valid.
_TEXTS = {"order": ORDERS, "mix": SHARES, "reader_cpus": CPUS, "freer_cpus": CPUS}
PARAMS = {name: WORD if one["kind"] == "choice" else _TEXTS[name] if one["kind"] == "text" else INT
          for name, one in traits.PARAMETERS.items() if name not in ("protocol", "path", "autorun")}
TOP_KEYS: dict[str, type] = {
    "question": str, "repetitions": int, "seed": int, "paths": list,
    "protocols": list, "baseline": str, "params": dict, "boot": dict, "workload": dict,
}
BOOT_KEYS: dict[str, type] = {"title": str, "cmdline": str, "flavour": str, "memory_mb": int,
                              "since": str, "before": str}
LEAST_MB = 128    # Debian's kernel does not boot in less
WORDS = re.compile(r"[!-~]+( [!-~]+)*")
# A workload's own paths and protocols replace those at the top.
WORKLOAD_KEYS: dict[str, type] = {
    "title": str, "params": dict, "icount": bool, "opencoded": bool, "paths": list, "protocols": list,
    "matrix": dict, "exclude": list, "override": list, "show": list, "against": str, "alone": bool,
}
# An axis from 1 to the number of the machine's CPUs, each value twice the one before.
UP_TO_CPUS = "1..cpus"


def doubled(most: int) -> list[int]:
    """1, 2, 4 ... up to @most, which is always included."""
    return sorted({most, *(1 << shift for shift in range(most.bit_length()))} - {0})


class _Loader:
    def __init__(self, file: Path, cpus: int):
        self.file = file
        self.cpus = cpus
        self.curves: dict[str, Curve] = {}
        self.guests: dict[str, Guest] = {}
        try:
            self.text = file.read_text(encoding="utf-8")
            self.data = tomllib.loads(self.text)
        except OSError as err:
            raise SetupError(f"{file}: {err.strerror}") from err
        except tomllib.TOMLDecodeError as err:
            raise SetupError(f"{file}: {err}") from err

    def refuse(self, table: str, key: str, why: str) -> NoReturn:
        raise SetupError(f"{self.file}:{self.line(table, key)}: {why}")

    def line(self, table: str, key: str) -> int:
        """tomllib keeps no line numbers: find the key below its table's header."""
        here, start = "", 1
        word = re.compile(rf"(^|[{{,\s]){re.escape(key)}\s*=")
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[([^\]]+)\]", line)
            if header:
                here = header[1].strip()
            if here == table:
                start = number if header else start
                if not line.lstrip().startswith("#") and word.search(line):
                    return number
            if header and here == f"{table}.{key}".lstrip("."):
                return number
        return start

    def known(self, table: str, found: dict[str, Any], known: Iterable[str], at: str = "") -> None:
        for key in found:
            if key not in known:
                self.refuse(table, at or key, f"unknown key '{key}'; known: {', '.join(known)}")

    def keys(self, table: str, found: dict[str, Any], known: dict[str, type]) -> None:
        self.known(table, found, known)
        for key, value in found.items():
            if type(value) is not known[key]:
                self.refuse(table, key, f"'{key}' must be {known[key].__name__}, not {value!r}")

    def names(self, table: str, found: dict[str, Any], key: str) -> list[str]:
        """A list of names that will go into file names and command lines."""
        value = found[key]
        if not value or not all(isinstance(v, str) and NAME.fullmatch(v) for v in value):
            self.refuse(table, key, f"'{key}' must be a list of names")
        if len(set(value)) != len(value):
            self.refuse(table, key, f"'{key}' names something twice")
        return value

    def params(self, table: str, found: dict[str, Any], at: str = "") -> dict[str, int | str]:
        """Parameters of the module; @at is the key that has them, if they have no lines of their own."""
        self.known(table, found, PARAMS, at)
        for key, value in found.items():
            if not PARAMS[key].takes(value):
                self.refuse(table, at or key, f"'{key}' must be {PARAMS[key].says}, not {value!r}")
        return found

    def axis(self, table: str, key: str, value: Any) -> list[int | str]:
        """The values of one axis of a matrix."""
        if value == UP_TO_CPUS and key in ("nr_readers", "nr_freers"):
            return list(doubled(self.cpus))
        if not isinstance(value, list) or not value or len(set(map(repr, value))) != len(value):
            self.refuse(table, key, f"'{key}' must be a list of different values")
        self.known(table, {key: value}, (BOOT, *PARAMS))
        for one in value:
            if key != BOOT:
                self.params(table, {key: one})
            elif one not in [*self.guests]:
                self.refuse(table, key, f"no [boot.{one}]; known: {', '.join(self.guests) or 'none'}")
        return value

    def guest(self, name: str, found: Any) -> Guest:
        """A machine that points may be booted in."""
        table = f"{BOOT}.{name}"
        if not isinstance(found, dict) or not NAME.fullmatch(name):
            self.refuse(BOOT, name, f"'{name}' is no boot")
        self.keys(table, found, BOOT_KEYS)
        if not WORDS.fullmatch(found.get("cmdline", "quiet")):
            self.refuse(table, "cmdline", f"'cmdline' must be words with a space between, not {found['cmdline']!r}")
        if found.get("flavour", kernel.FLAVOURS[0]) not in kernel.FLAVOURS:
            self.refuse(table, "flavour", f"'flavour' must be one of: {', '.join(kernel.FLAVOURS)}")
        if found.get("memory_mb", LEAST_MB) < LEAST_MB:
            self.refuse(table, "memory_mb", f"'memory_mb' must be at least {LEAST_MB}")
        for key in ("since", "before"):
            if key in found and not versions.SERIES.fullmatch(found[key]):
                self.refuse(table, key, f"'{key}' must be a kernel series such as \"7.0\", not {found[key]!r}")
        if {"since", "before"} <= set(found) and versions.numbers(found["since"]) >= versions.numbers(found["before"]):
            self.refuse(table, "before", f"'before' must be newer than 'since', which is {found['since']}")
        return Guest(**found)

    def condition(self, table: str, key: str, found: Any, matrix: dict[str, list[int | str]],
                  names: dict[str, list[str]]) -> dict[str, list[int | str]]:
        """A condition on places in a matrix: axes, path and protocol, each with one or several values."""
        known = {"path": names["paths"], "protocol": names["protocols"]} | matrix
        if not isinstance(found, dict) or not found:
            self.refuse(table, key, f"'{key}' must have tables of: {', '.join(known)}")
        listed = {axis: value if isinstance(value, list) else [value] for axis, value in found.items()}
        for axis, values in listed.items():
            if axis not in known:
                self.refuse(table, key, f"'{key}': unknown axis '{axis}'; known: {', '.join(known)}")
            for value in values:
                if value not in known[axis]:
                    self.refuse(table, key, f"'{key}': {axis} is never {value!r}; it is one of: "
                                            f"{', '.join(map(str, known[axis]))}")
        return listed

    def curve(self, table: str, found: dict[str, Any], matrix: dict[str, list[int | str]]) -> Curve | None:
        """What is shown of a matrix; others must not have show, exclude or override."""
        if not matrix:
            for key in ("exclude", "override", "show"):
                if key in found:
                    self.refuse(table, key, f"'{key}' is for a workload that has a matrix")
            return None
        if BOOT in matrix and found.get("icount"):
            self.refuse(table, "matrix", f"'{BOOT}' is no axis of a workload with icount = true")
        for axis in matrix:
            if axis in found.get("params", {}):
                self.refuse(table, "params", f"'params' and 'matrix' both have '{axis}'")
        show = found.get("show", [])
        if not show:
            self.refuse(table, "matrix", "a matrix wants 'show', the metrics that are tabulated")
        for name in show:
            if not isinstance(name, str) or name not in metrics.METRICS:
                self.refuse(table, "show", f"unknown metric {name!r}; known: {', '.join(metrics.METRICS)}")
            if metrics.METRICS[name].deterministic != found.get("icount", False):
                self.refuse(table, "show", f"{name!r} is of a workload with icount = "
                                           f"{str(metrics.METRICS[name].deterministic).lower()}")
        if len(set(show)) != len(show):
            self.refuse(table, "show", "'show' names something twice")
        return Curve(next(iter(matrix)), tuple(show))

    def cells(self, table: str, found: dict[str, Any], names: dict[str, list[str]]) -> list[dict[str, Any]]:
        """Every place of a matrix that is not excluded: path, protocol, axes, and its own params."""
        matrix = {key: self.axis(f"{table}.matrix" if f"[{table}.matrix]" in self.text else table, key, value)
                  for key, value in found.get("matrix", {}).items()}
        excluded = [self.condition(table, "exclude", one, matrix, names) for one in found.get("exclude", [])]
        overrides = []
        for one in found.get("override", []):
            if not isinstance(one, dict) or set(one) != {"when", "params"}:
                self.refuse(table, "override", "'override' must have tables of: when, params")
            if both := [axis for axis in matrix if axis in one["params"]]:
                self.refuse(table, "override", f"'override' cannot set an axis: {', '.join(both)}")
            overrides.append((self.condition(table, "override", one["when"], matrix, names),
                              self.params(table, one["params"], "override")))

        def holds(condition: dict[str, list[int | str]], place: dict[str, int | str]) -> bool:
            return all(place[axis] in values for axis, values in condition.items())

        cells = []
        for path, protocol, *values in itertools.product(names["paths"], names["protocols"], *matrix.values()):
            axes = dict(zip(matrix, values))
            place = {"path": path, "protocol": protocol} | axes
            if any(holds(condition, place) for condition in excluded):
                continue
            own = {axis: value for axis, value in axes.items() if axis != BOOT}
            for condition, params in overrides:
                own |= params if holds(condition, place) else {}
            cells.append({"path": path, "protocol": protocol, "axes": axes, "params": own})
        if not cells:
            self.refuse(table, "exclude", "'exclude' leaves nothing")
        return cells

    def workload(self, name: str, top: dict[str, list[str]], common: dict[str, int | str]) -> list[Point]:
        table = f"workload.{name}"
        found = self.data["workload"][name]
        if not isinstance(found, dict) or not NAME.fullmatch(name):
            self.refuse("workload", name, f"'{name}' is no workload")
        self.keys(table, found, WORKLOAD_KEYS)
        params = common | self.params(table, found.get("params", {}))
        names = top | {key: self.names(table, found, key) for key in top if key in found}
        if found.get("opencoded") and not found.get("icount"):
            self.refuse(table, "opencoded", "'opencoded' counts instructions: it wants icount = true")
        if found.get("alone") and found.get("icount"):
            self.refuse(table, "alone", "'alone' is for boots that do not count instructions")
        if found.get("opencoded") and params.get("tryget", "cas") != "cas":
            self.refuse(table, "opencoded", "'opencoded' is written by hand for tryget = \"cas\" alone")
        curve = self.curve(table, found, found.get("matrix", {}))
        if curve:
            self.curves[name] = curve
        return [Point(workload=name, title=found.get("title", name), path=cell["path"], protocol=cell["protocol"],
                      params=params | cell["params"], icount=found.get("icount", False),
                      opencoded=found.get("opencoded", False), axes=cell["axes"], alone=found.get("alone", False))
                for cell in self.cells(table, found, names)]

    def against(self, points: list[Point]) -> dict[str, str]:
        """Workloads that are compared with another one of the same suite, point by point."""
        found: dict[str, str] = {}
        places = {(point.workload, point.path, point.protocol) for point in points}
        for name, other in ((name, own["against"]) for name, own in self.data["workload"].items() if "against" in own):
            theirs = [point for point in points if point.workload == other]
            own = [point for point in points if point.workload == name]
            without = [f"{p.path} {p.protocol}" for p in own if (other, p.path, p.protocol) not in places]
            why = ("is for a workload without a matrix, which has no tests" if name in self.curves
                   else f"'{other}' is no workload of this suite" if not theirs
                   else "a workload is not against itself" if other == name
                   else f"'{other}' has a matrix" if other in self.curves
                   else f"'{other}' must have the same icount" if own[0].icount != theirs[0].icount
                   else f"'{other}' has no {without[0]}" if without else "")
            if why:
                self.refuse(f"workload.{name}", "against", f"'against': {why}")
            found[name] = other
        return found

    def suite(self) -> Suite:
        data = self.data
        self.keys("", data, TOP_KEYS)
        for key in ("question", "repetitions", "paths", "protocols", "workload"):
            if not data.get(key):
                raise SetupError(f"{self.file}:1: '{key}' is missing or empty")
        if data["repetitions"] < 1:
            self.refuse("", "repetitions", "'repetitions' must be at least 1")
        top = {key: self.names("", data, key) for key in ("paths", "protocols")}
        common = self.params("params", data.get("params", {}))
        self.guests = {name: self.guest(name, found) for name, found in data.get(BOOT, {}).items()}
        points = [p for name in data["workload"] for p in self.workload(name, top, common)]
        for name in self.guests:
            if name not in {point.boot for point in points}:
                self.refuse(BOOT, name, f"no point is booted in [boot.{name}]")
        baseline = data.get("baseline", "")
        if baseline and baseline not in {point.protocol for point in points}:
            self.refuse("", "baseline", f"'{baseline}' is not among the protocols")
        return Suite(self.file.stem, self.file, data["question"], data["repetitions"],
                     data.get("seed", 1), baseline, tuple(points), self.curves, self.guests, self.against(points))


def load(file: Path, cpus: int = 2) -> Suite:
    """Read a suite for a machine with @cpus CPUs; raise SetupError with file and line if it is wrong."""
    return _Loader(file, cpus).suite()
