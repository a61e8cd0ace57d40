# SPDX-License-Identifier: GPL-2.0
"""A suite: one question, and the points (workload x path x protocol, or a matrix) that answer it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from ..vm import versions

# For loading, populating, draining and unloading, in addition to the phases.
POINT_OVERHEAD_S = 0.5
# The axis that is not a parameter of the module: which machine is booted.
BOOT = "boot"


@dataclass(frozen=True)
class Guest:
    """A machine that points are booted in: the suite's [boot.NAME], or the usual one."""
    title: str = ""
    cmdline: str = ""              # additional words
    flavour: str = ""              # of Debian's kernel; if empty, the suite's kernel is booted
    memory_mb: int = 0             # if 0, as the other machines have
    since: str = ""                # the kernel series that it is for: this one or newer, ...
    before: str = ""               # ... and older than this one; any if empty

    def not_on(self, series: str) -> str:
        """Why this is not booted on a kernel of @series; empty if it is."""
        number = versions.numbers(series)
        too_old = self.since and number < versions.numbers(self.since)
        too_new = self.before and number >= versions.numbers(self.before)
        wanted = [f"since {self.since}"] * bool(self.since) + [f"before {self.before}"] * bool(self.before)
        return f"for kernels {' and '.join(wanted)}, this is {series}" if too_old or too_new else ""


@dataclass(frozen=True)
class Point:
    """One workload under one protocol; a repetition runs it once."""
    workload: str
    title: str
    path: str
    protocol: str
    params: dict[str, int | str]
    icount: bool = False
    opencoded: bool = False
    axes: dict[str, int | str] = field(default_factory=dict)    # in a matrix: the point's value on each axis
    alone: bool = False            # has a boot of its own: leftovers of other points would change its figures
    block: int = 0                 # which block of its boot; 0 if values are not compared within blocks

    @property
    def place(self) -> str:
        """What it is, in whatever block."""
        return ".".join([self.workload, self.path, self.protocol,
                         *(f"{axis}={value}" for axis, value in self.axes.items())])

    @property
    def id(self) -> str:
        return f"{self.place}@{self.block}" if self.block else self.place

    @property
    def boot(self) -> str:
        """The [boot.NAME] that it runs in; empty for the usual machine."""
        return str(self.axes.get(BOOT, ""))

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
    """A workload that is a matrix: its x axis, and the metrics to show."""
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
    guests: dict[str, Guest] = field(default_factory=dict)    # by name
    against: dict[str, str] = field(default_factory=dict)     # a workload, and the one that it is compared with
    left_out: dict[str, str] = field(default_factory=dict)    # machines that are not booted here, and why
    times: bool = False            # it asks for times: it is refused where time is emulated
    blocks: int = 1                # times that a boot runs every point
    within: float = 0              # boots are added until the intervals of all ratios of rates are so near to them ...
    minutes: int = 0               # ... but none after so many
    timed: Self | None = None      # the suite that its times are measured by, if there is one ...
    no_times: str = ""             # ... and why it is not, where that is not possible

    @property
    def parts(self) -> list[Self]:
        """Itself, and the suite that its times are measured by."""
        return [self, self.timed] if self.timed else [self]

    def without(self, left: dict[str, str]) -> Self:
        """The suite without the machines that are not booted here; @left has the reasons."""
        return replace(self.only(lambda point: point.boot not in left), left_out=self.left_out | left)

    def on(self, series: str) -> Self:
        """The part of the suite that can be run on a kernel of @series."""
        return self.without({name: why for name, guest in self.guests.items() if (why := guest.not_on(series))})

    def only(self, keep: Callable[[Point], bool]) -> Self:
        """The suite with only the points that @keep accepts."""
        points = tuple(filter(keep, self.points))
        workloads, used = {point.workload for point in points}, {point.boot for point in points}
        return replace(self, points=points,
                       curves={name: curve for name, curve in self.curves.items() if name in workloads},
                       guests={name: guest for name, guest in self.guests.items() if name in used})

    def guest(self, points: list[Point]) -> Guest:
        """What to boot for points that share a boot."""
        return self.guests.get(points[0].boot, Guest())

    def plain(self) -> list[Point]:
        return [point for point in self.points if not point.icount]

    def icount(self) -> list[Point]:
        return [point for point in self.points if point.icount]

    def order(self, boot: int) -> list[Point]:
        """Every plain point once in each block, in an order that the seed and the boot decide."""
        chance = random.Random(f"{self.seed}/{boot}")
        found: list[Point] = []
        for block in range(1, self.blocks + 1):
            points = [replace(point, block=block if self.times or self.blocks > 1 else 0) for point in self.plain()]
            chance.shuffle(points)
            found += points
        return found

    def boots(self, repetition: int) -> list[list[Point]]:
        """The same points as boots: one for each machine, and one for each point that is alone, in the order of their
        first points."""
        found: dict[tuple[str, str], list[Point]] = {}
        for point in self.order(repetition):
            found.setdefault((point.boot, point.place if point.alone else ""), []).append(point)
        return list(found.values())
