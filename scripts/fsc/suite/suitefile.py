# SPDX-License-Identifier: GPL-2.0
"""Read suites from scripts/suites/*.toml; refuse mistakes with their line."""

import itertools
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from .. import shape, traits
from ..result import metrics
from ..verdict import SetupError
from ..vm import kernel, versions
from . import guest_script
from .suite import BOOT, Curve, Guest, Point, Suite

SCHEMA_FILE = Path(__file__).with_name("suite.schema.json")
Values = dict[str, int | str]


def _schema() -> dict[str, Any]:
    """Read the schema, and add the module's parameters, the metrics, and the flavours of Debian's kernel."""
    found = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    defs = found["$defs"]
    workload = defs["workload"]["properties"]
    # Only the form of a value, because it becomes a word of a shell command: the module checks the value itself. A suite
    # sets path and protocol by other keys.
    for name, one in traits.PARAMETERS.items():
        if name not in ("protocol", "path", "autorun"):
            form = {"choice": {"$ref": "#/$defs/name"}, "text": {"$ref": f"#/$defs/{name}"}}.get(one["kind"], {"type": "integer"})
            defs["params"]["properties"][name] = form
            workload["matrix"]["properties"].setdefault(name, {"$ref": "#/$defs/axis", "items": form})
    workload["show"]["items"]["enum"] = [*metrics.METRICS]
    defs["boot"]["properties"]["flavour"]["enum"] = [*kernel.FLAVOURS]
    return found


SHAPE = shape.Validator(_schema())


# What the loops of module/opencoded/ look up: a suite that times them beside the harness must ask that for the same.
_BY_HAND = {"nr_readers": 1, "nr_freers": 0, "nr_folios": 1024, "nr_mappings": 1, "order": "0", "popularity": "uniform", "hold_ns": 0, "gap_ns": 0,
            "lookups_per_section": 1, "touch_bytes": 64}


# The guest's shell may see the warm-up late.
_LEAST_WARMUP_MS = guest_script.LEAD_MS + 30


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
        except ValueError as err:       # not TOML, or not UTF-8
            raise SetupError(f"{file}: {err}") from err
        # The first mistake in the schema's order: unknown keys before missing ones.
        if wrong := next(SHAPE.iter_errors(self.data), None):
            self.refuse(*shape.plain(wrong))

    def refuse(self, path: Sequence[str | int], why: str) -> NoReturn:
        raise SetupError(f"{self.file}:{self.line(path)}: {why}")

    def line(self, path: Sequence[str | int]) -> int:
        """tomllib keeps no line numbers: find the first line whose key or table header matches most of @path."""
        here: list[str] = []
        most, found = 0, 1
        for number, line in enumerate(self.text.splitlines(), 1):
            if match := re.match(r"\s*(\[*)([^][{}=]+)[]=]", line):
                keys = [key.strip(" \t\"'") for key in match[2].split(".")]
                here, keys = (keys, keys) if match[1] else (here, here + keys)
                if keys == [*path[:len(keys)]] and len(keys) > most:
                    most, found = len(keys), number
        return found

    def places(self, table: tuple[str, ...], names: dict[str, Any]) -> list[tuple[str, str]]:
        """Each path with each of its protocols."""
        if names["protocols"] != "all":
            return list(itertools.product(names["paths"], names["protocols"]))
        if unknown := [path for path in names["paths"] if path not in traits.PATHS]:
            self.refuse((*table, "paths") if "paths" in self.data["workload"][table[-1]] else ("paths",),
                        f"'paths': protocols = \"all\" knows no path {unknown[0]!r}; known: {', '.join(traits.PATHS)}")
        return [(path, name) for path in names["paths"] for name in traits.protocols_of(path)]

    def condition(self, at: tuple[str, ...], found: dict[str, Any], matrix: dict[str, list[int | str]],
                  places: list[tuple[str, str]]) -> dict[str, list[int | str]]:
        """A condition on places in a matrix: axes, path and protocol, each with one or several values."""
        paths, protocols = (list(dict.fromkeys(names)) for names in zip(*places))
        known = {"path": paths, "protocol": protocols} | matrix
        listed = {axis: value if isinstance(value, list) else [value] for axis, value in found.items()}
        for axis, values in listed.items():
            if axis not in known:
                self.refuse(at, f"'{at[-1]}': unknown axis {axis!r}; known: {', '.join(known)}")
            for value in values:
                if value not in known[axis]:
                    self.refuse(at, f"'{at[-1]}': {axis} is never {value!r}; it is one of: "
                                    f"{', '.join(map(str, known[axis]))}")
        return listed

    def curve(self, table: tuple[str, ...], found: dict[str, Any]) -> Curve:
        """What is shown of a matrix."""
        matrix = found["matrix"]
        if BOOT in matrix and found.get("icount"):
            self.refuse((*table, "matrix"), f"'{BOOT}' is no axis of a workload with icount = true")
        for axis in matrix:
            if axis in found.get("params", {}):
                self.refuse((*table, "params"), f"'params' and 'matrix' both have '{axis}'")
        for name in found["show"]:
            if metrics.METRICS[name].deterministic != found.get("icount", False):
                self.refuse((*table, "show"), f"{name!r} is of a workload with icount = "
                                              f"{str(metrics.METRICS[name].deterministic).lower()}")
        return Curve(next(iter(matrix)), tuple(found["show"]))

    def cells(self, table: tuple[str, ...], found: dict[str, Any], names: dict[str, Any]) -> list[tuple[str, str, Values, Values]]:
        """Every place of a matrix that is not excluded: path, protocol, axes, and its own params."""
        places, matrix = self.places(table, names), found.get("matrix", {})
        if unknown := [one for one in matrix.get(BOOT, ()) if one not in self.guests]:
            self.refuse((*table, "matrix", BOOT), f"no [boot.{unknown[0]}]; known: {', '.join(self.guests) or 'none'}")
        matrix = {key: doubled(self.cpus) if value == "1..cpus" else value for key, value in matrix.items()}
        excluded = [self.condition((*table, "exclude"), one, matrix, places) for one in found.get("exclude", [])]
        overrides = []
        for one in found.get("override", []):
            if both := [axis for axis in matrix if axis in one["params"]]:
                self.refuse((*table, "override"), f"'override' cannot set an axis: {', '.join(both)}")
            overrides.append((self.condition((*table, "override"), one["when"], matrix, places), one["params"]))

        def holds(condition: dict[str, list[int | str]], place: Values) -> bool:
            return all(place[axis] in values for axis, values in condition.items())

        cells = []
        for (path, protocol), *values in itertools.product(places, *matrix.values()):
            axes = dict(zip(matrix, values))
            place = {"path": path, "protocol": protocol} | axes
            if any(holds(condition, place) for condition in excluded):
                continue
            own = {axis: value for axis, value in axes.items() if axis != BOOT}
            for condition, params in overrides:
                own |= params if holds(condition, place) else {}
            cells.append((path, protocol, axes, own))
        if not cells:
            self.refuse((*table, "exclude"), "'exclude' leaves nothing")
        return cells

    def workload(self, name: str) -> list[Point]:
        table, found = ("workload", name), self.data["workload"][name]
        params = self.data.get("params", {}) | found.get("params", {})
        names = {key: found.get(key, self.data[key]) for key in ("paths", "protocols")}
        icount, opencoded, alone = (found.get(key, False) for key in ("icount", "opencoded", "alone"))
        if opencoded and not icount and not self.data.get("times"):
            self.refuse((*table, "opencoded"), "'opencoded' counts instructions or takes time: it wants icount = true, or times = true of the suite")
        if alone and icount:
            self.refuse((*table, "alone"), "'alone' is for boots that do not count instructions")
        for key, wanted in _BY_HAND.items() if opencoded and not icount else ():
            if str(given := params.get(key, traits.PARAMETERS[key]["default"])) != str(wanted):
                self.refuse((*table, "opencoded"), f"'opencoded' is of {key} = {wanted!r}, not {given!r}: what the loop by hand does")
        if opencoded and params.get("tryget", "cas") != "cas":
            self.refuse((*table, "opencoded"), "'opencoded' is written by hand for tryget = \"cas\" alone")
        if "matrix" in found:
            self.curves[name] = self.curve(table, found)
        return [Point(name, found.get("title", name), path, protocol, params | own, icount, opencoded, axes, alone)
                for path, protocol, axes, own in self.cells(table, found, names)]

    def against(self, points: list[Point]) -> dict[str, str]:
        """Workloads that are compared with another one of the same suite, point by point."""
        found: dict[str, str] = {}
        places = {(point.workload, point.path, point.protocol) for point in points}
        for name, other in ((name, own["against"]) for name, own in self.data["workload"].items() if "against" in own):
            own, theirs = ([point for point in points if point.workload == one] for one in (name, other))
            without = [f"{p.path} {p.protocol}" for p in own if (other, p.path, p.protocol) not in places]
            why = ("is for a workload without a matrix, which has no tests" if name in self.curves
                   else f"'{other}' is no workload of this suite" if not theirs
                   else "a workload is not against itself" if other == name
                   else f"'{other}' has a matrix" if other in self.curves
                   else f"'{other}' must have the same icount" if own[0].icount != theirs[0].icount
                   else f"'{other}' has no {without[0]}" if without else "")
            if why:
                self.refuse(("workload", name, "against"), f"'against': {why}")
            found[name] = other
        return found

    def timed(self, points: list[Point]) -> Suite | None:
        """The suite that times are measured by, with the protocols of @points."""
        if not (found := self.data.get("times_of")):
            return None
        file = self.file.with_name(f"{found['suite']}.toml")
        if not file.is_file():
            self.refuse(("times_of", "suite"), f"'suite': there is no {file}")
        whole, protocols = load(file, self.cpus), {point.protocol for point in points}
        if self.data.get("times") or not whole.times:
            self.refuse(("times_of",), "'times_of' wants a suite with times = true, and is of one without")
        if whole.baseline not in protocols:
            self.refuse(("times_of", "suite"), f"'suite': its baseline, {whole.baseline}, is not among the protocols")
        return replace(whole.only(lambda point: point.protocol in protocols), repetitions=found["repetitions"], minutes=found["minutes"])

    def suite(self) -> Suite:
        data = self.data
        for name, found in data.get(BOOT, {}).items():
            if {"since", "before"} <= set(found) and versions.numbers(found["since"]) >= versions.numbers(found["before"]):
                self.refuse((BOOT, name, "before"), f"'before' must be newer than 'since', which is {found['since']}")
            self.guests[name] = Guest(**found)
        points = [point for name in data["workload"] for point in self.workload(name)]
        for name in self.guests:
            if name not in {point.boot for point in points}:
                self.refuse((BOOT, name), f"no point is booted in [boot.{name}]")
        if data.get("times") and (self.guests or any(point.alone for point in points)):
            self.refuse(("times",), "'times' compares points of one boot: neither 'alone' nor [boot.NAME] is allowed with it")
        if data.get("times") and (hasty := [point for point in points if int(point.params.get("warmup_ms", 500)) < _LEAST_WARMUP_MS]):
            self.refuse(("workload", hasty[0].workload), f"'warmup_ms' must be at least {_LEAST_WARMUP_MS} where times are asked for: the host is "
                                                         "looked at before the window begins")
        baseline = data.get("baseline", "")
        if baseline and baseline not in {point.protocol for point in points}:
            self.refuse(("baseline",), f"'{baseline}' is not among the protocols")
        return Suite(self.file.stem, self.file, data["question"], data["repetitions"],
                     data.get("seed", 1), baseline, tuple(points), self.curves, self.guests, self.against(points),
                     times=data.get("times", False), blocks=data.get("blocks", 1), within=data.get("within", 0),
                     minutes=data.get("minutes", 0), timed=self.timed(points))


def load(file: Path, cpus: int = 2) -> Suite:
    """Read a suite for a machine with @cpus CPUs; raise SetupError with file and line if it is wrong."""
    return _Loader(file, cpus).suite()
