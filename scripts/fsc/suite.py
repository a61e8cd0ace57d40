# SPDX-License-Identifier: GPL-2.0
"""A suite: one question, and the points (workload x path x protocol) that answer it."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .verdict import SetupError

NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Kind:
    """What a parameter's value may look like; it becomes a word of a shell command."""
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

# The module's parameters that a suite may set. Names and looks are refused
# here, with file and line; what a value may be only the module knows.
PARAMS = dict.fromkeys((
    "nr_readers", "nr_freers", "nr_folios", "nr_mappings", "nr_mms", "seed", "free_rate", "reuse_distance",
    "burst", "publish_ns", "gap_ns", "hold_ns", "touch_bytes", "lookups_per_section", "sample_shift",
    "cross_cpu", "stall_ms", "stall_every_ms", "passes", "bounded_max", "warmup_ms", "duration_ms",
    "max_turnovers", "sample_ms", "gp_probe_ms", "limbo_max_mb"), INT)
PARAMS |= dict.fromkeys((
    "busted", "popularity", "removal", "deferral", "freeptr", "tryget", "churn", "pin"), WORD)
PARAMS |= {"order": ORDERS, "mix": SHARES, "reader_cpus": CPUS, "freer_cpus": CPUS}
TOP_KEYS: dict[str, type] = {
    "question": str, "repetitions": int, "seed": int, "paths": list,
    "protocols": list, "baseline": str, "params": dict, "workload": dict,
}
# A workload's own paths and protocols stand in place of the top ones.
WORKLOAD_KEYS: dict[str, type] = {
    "title": str, "params": dict, "icount": bool, "floor": bool, "paths": list, "protocols": list,
}
# Loading, populating, draining and unloading, beside the phases themselves.
POINT_OVERHEAD_S = 0.5


@dataclass(frozen=True)
class Point:
    """One workload under one protocol; a repetition runs it once."""
    workload: str
    title: str
    path: str
    protocol: str
    params: dict[str, int | str]
    icount: bool = False
    floor: bool = False

    @property
    def id(self) -> str:
        return f"{self.workload}.{self.path}.{self.protocol}"

    @property
    def module_args(self) -> str:
        words = {"path": self.path, "protocol": self.protocol} | self.params
        return " ".join(f"{name}={value}" for name, value in words.items())

    @property
    def seconds(self) -> float:
        ms = int(self.params.get("warmup_ms", 500)) + int(self.params.get("duration_ms", 2000))
        return ms / 1000 + POINT_OVERHEAD_S


@dataclass(frozen=True)
class Suite:
    name: str
    file: Path
    question: str
    repetitions: int
    seed: int
    baseline: str
    points: tuple[Point, ...]

    def plain(self) -> list[Point]:
        return [point for point in self.points if not point.icount]

    def icount(self) -> list[Point]:
        return [point for point in self.points if point.icount]

    def order(self, boot: int) -> list[Point]:
        """Every plain point once, in an order that the seed and the boot decide."""
        points = self.plain()
        random.Random(f"{self.seed}/{boot}").shuffle(points)
        return points


class _Loader:
    def __init__(self, file: Path):
        self.file = file
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

    def known(self, table: str, found: dict[str, Any], known: Iterable[str]) -> None:
        for key in found:
            if key not in known:
                self.refuse(table, key, f"unknown key '{key}'; known: {', '.join(known)}")

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

    def params(self, table: str, found: dict[str, Any]) -> dict[str, int | str]:
        self.known(table, found, PARAMS)
        for key, value in found.items():
            if not PARAMS[key].takes(value):
                self.refuse(table, key, f"'{key}' must be {PARAMS[key].says}, not {value!r}")
        return found

    def workload(self, name: str, top: dict[str, list[str]], common: dict[str, int | str]) -> list[Point]:
        table = f"workload.{name}"
        found = self.data["workload"][name]
        if not isinstance(found, dict) or not NAME.fullmatch(name):
            self.refuse("workload", name, f"'{name}' is no workload")
        self.keys(table, found, WORKLOAD_KEYS)
        params = common | self.params(table, found.get("params", {}))
        names = top | {key: self.names(table, found, key) for key in top if key in found}
        if found.get("floor") and not found.get("icount"):
            self.refuse(table, "floor", "'floor' counts instructions: it wants icount = true")
        if found.get("floor") and params.get("tryget", "cas") != "cas":
            self.refuse(table, "floor", "'floor' is written by hand for tryget = \"cas\" alone")
        return [Point(workload=name, title=found.get("title", name), path=path,
                      protocol=protocol, params=params,
                      icount=found.get("icount", False), floor=found.get("floor", False))
                for path in names["paths"] for protocol in names["protocols"]]

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
        points = [p for name in data["workload"] for p in self.workload(name, top, common)]
        baseline = data.get("baseline", "")
        if baseline and baseline not in {point.protocol for point in points}:
            self.refuse("", "baseline", f"'{baseline}' is not among the protocols")
        return Suite(self.file.stem, self.file, data["question"], data["repetitions"],
                     data.get("seed", 1), baseline, tuple(points))


def load(file: Path) -> Suite:
    """Read a suite; a wrong one is a SetupError that names file and line."""
    return _Loader(file).suite()
