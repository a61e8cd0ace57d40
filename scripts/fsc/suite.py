# SPDX-License-Identifier: GPL-2.0
"""A suite: one question, and the points (workload x path x protocol) that answer it."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .verdict import SetupError

# The module's parameters that a suite may set. Names and types are refused
# here, with file and line; what a value may be only the module knows.
PARAMS: dict[str, type] = {
    "busted": str, "nr_readers": int, "nr_freers": int, "nr_folios": int,
    "nr_mappings": int, "order": int, "popularity": str, "seed": int,
    "removal": str, "free_rate": int, "reuse_distance": int, "publish_ns": int,
    "gap_ns": int, "hold_ns": int, "touch_bytes": int,
    "lookups_per_section": int, "sample_shift": int, "deferral": str,
    "freeptr": str, "warmup_ms": int, "duration_ms": int, "max_turnovers": int,
    "sample_ms": int, "gp_probe_ms": int, "limbo_max_mb": int,
}
TOP_KEYS: dict[str, type] = {
    "question": str, "repetitions": int, "seed": int, "paths": list,
    "protocols": list, "baseline": str, "params": dict, "workload": dict,
}
WORKLOAD_KEYS: dict[str, type] = {
    "title": str, "params": dict, "icount": bool, "floor": bool,
}
NAME = re.compile(r"[a-z][a-z0-9_-]*")
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

    def keys(self, table: str, found: dict[str, Any], known: dict[str, type]) -> None:
        for key, value in found.items():
            if key not in known:
                self.refuse(table, key, f"unknown key '{key}'; known: {', '.join(known)}")
            if type(value) is not known[key]:
                self.refuse(table, key, f"'{key}' must be {known[key].__name__}, not {value!r}")

    def names(self, key: str) -> list[str]:
        """A list of names that will go into file names and command lines."""
        value = self.data.get(key)
        if not value or not all(isinstance(v, str) and NAME.fullmatch(v) for v in value):
            self.refuse("", key, f"'{key}' must be a list of names")
        if len(set(value)) != len(value):
            self.refuse("", key, f"'{key}' names something twice")
        return value

    def params(self, table: str, found: dict[str, Any]) -> dict[str, int | str]:
        self.keys(table, found, PARAMS)
        for key, value in found.items():
            if isinstance(value, str) and not NAME.fullmatch(value):
                self.refuse(table, key, f"'{key}' must be a name, not {value!r}")
        return found

    def workload(self, name: str, common: dict[str, int | str]) -> list[Point]:
        table = f"workload.{name}"
        found = self.data["workload"][name]
        if not isinstance(found, dict) or not NAME.fullmatch(name):
            self.refuse("workload", name, f"'{name}' is no workload")
        self.keys(table, found, WORKLOAD_KEYS)
        own = self.params(table, found.get("params", {}))
        if found.get("floor") and not found.get("icount"):
            self.refuse(table, "floor", "'floor' counts instructions: it wants icount = true")
        return [Point(workload=name, title=found.get("title", name), path=path,
                      protocol=protocol, params=common | own,
                      icount=found.get("icount", False), floor=found.get("floor", False))
                for path in self.names("paths") for protocol in self.names("protocols")]

    def suite(self) -> Suite:
        data = self.data
        self.keys("", data, TOP_KEYS)
        for key in ("question", "repetitions", "paths", "protocols", "workload"):
            if not data.get(key):
                raise SetupError(f"{self.file}:1: '{key}' is missing or empty")
        if data["repetitions"] < 1:
            self.refuse("", "repetitions", "'repetitions' must be at least 1")
        baseline = data.get("baseline", "")
        if baseline and baseline not in self.names("protocols"):
            self.refuse("", "baseline", f"'{baseline}' is not among the protocols")
        common = self.params("params", data.get("params", {}))
        points = [p for name in data["workload"] for p in self.workload(name, common)]
        return Suite(self.file.stem, self.file, data["question"], data["repetitions"],
                     data.get("seed", 1), baseline, tuple(points))


def load(file: Path) -> Suite:
    """Read a suite; a wrong one is a SetupError that names file and line."""
    return _Loader(file).suite()
