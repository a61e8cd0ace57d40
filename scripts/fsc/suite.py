# SPDX-License-Identifier: GPL-2.0
"""A suite: one question, and the points (workload x path x protocol, or a matrix) that answer it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

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
    axes: dict[str, int | str] = field(default_factory=dict)    # of a matrix: where in it this point is

    @property
    def id(self) -> str:
        return ".".join([self.workload, self.path, self.protocol,
                         *(f"{axis}={value}" for axis, value in self.axes.items())])

    @property
    def module_args(self) -> str:
        words = {"path": self.path, "protocol": self.protocol} | self.params
        return " ".join(f"{name}={value}" for name, value in words.items())

    @property
    def seconds(self) -> float:
        ms = int(self.params.get("warmup_ms", 500)) + int(self.params.get("duration_ms", 2000))
        return ms / 1000 + POINT_OVERHEAD_S


@dataclass(frozen=True)
class Curve:
    """A workload that is a matrix: what is drawn of it, and against what."""
    x: str
    show: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    name: str
    file: Path
    question: str
    repetitions: int
    seed: int
    baseline: str
    points: tuple[Point, ...]
    curves: dict[str, Curve] = field(default_factory=dict)    # by workload

    def plain(self) -> list[Point]:
        return [point for point in self.points if not point.icount]

    def icount(self) -> list[Point]:
        return [point for point in self.points if point.icount]

    def order(self, boot: int) -> list[Point]:
        """Every plain point once, in an order that the seed and the boot decide."""
        points = self.plain()
        random.Random(f"{self.seed}/{boot}").shuffle(points)
        return points
