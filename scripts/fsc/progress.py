# SPDX-License-Identifier: GPL-2.0
"""One line that says how far the suite is: rewritten on a terminal, else a line a point."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from . import metrics, table
from .suite import Point


def figures(point: Point, run: dict[str, Any], limbo: dict[str, Any]) -> str:
    """The rate and the limbo of a finished point, or what it counted under icount."""
    if point.icount:
        values = metrics.icount(run, None)
        return ", ".join(f"{value:.1f} {name.replace('_', ' ')}" for name, value in values.items())
    units = {"lookups_per_second": metrics.lookups(point.path), "turnovers_per_second": "turnovers"}
    words = [f"{table.si(run['rates'][name])} {unit}/s" for name, unit in units.items() if run["rates"][name]]
    if run["params"]["nr_freers"]:
        source = limbo["slab"] or {} if metrics.sampled(limbo) else limbo
        peak = (source.get("descriptor_bytes_peak") or 0) + (limbo.get("page_bytes_peak") or 0)
        words.append(f"limbo {table.size(peak)}B")
    return ", ".join(words) or run["verdict"]


class Line:
    """One line of progress."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._shown = False

    def end(self) -> None:
        """Leave the line to what was shown last."""
        if self._tty and self._shown:
            print(file=self._stream, flush=True)

    def _show(self, text: str) -> None:
        self._shown = True
        if self._tty:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{text[:width]}\x1b[K")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


class Ticker(Line):
    """Told what there is to say as often as one likes; shows it now and then."""

    def __init__(self, every_s: float, stream: TextIO | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._every_s = 0 if self._tty else every_s
        self._clock = clock
        self._last = clock()

    def tell(self, text: str) -> None:
        if self._clock() - self._last >= self._every_s:
            self._last = self._clock()
            self._show(text)


class Progress(Line):
    """Told of every point that ends; knows from the plan what is still to come."""

    def __init__(self, plan: list[float], stream: TextIO | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._plan = plan           # the seconds each point is expected to take, in order
        self._clock = clock
        self._begin = clock()
        self._done = self._skipped = 0

    def eta(self) -> str:
        """What the rest of the plan takes at the speed seen so far."""
        planned, left = sum(self._plan[self._skipped:self._done]), sum(self._plan[self._done:])
        pace = (self._clock() - self._begin) / planned if planned else 1.0
        minutes, seconds = divmod(round(left * pace), 60)
        return f"{minutes}:{seconds:02d}"

    def point(self, boot: str, point: Point, text: str) -> None:
        self._done += 1
        where = " ".join([point.workload, point.protocol, *(f"{axis}={value}" for axis, value in point.axes.items())])
        self._show(f"[{self._done}/{len(self._plan)}] {boot} {where}: {text}, ETA {self.eta()}")

    def skip(self, text: str, points: int) -> None:
        """So many points need not be run: they were, the time before. None has been run yet."""
        self._done = self._skipped = self._done + points
        self._show(f"[{self._done}/{len(self._plan)}] {text}")

    def leave_out(self, text: str, points: int) -> None:
        """So many points that were to come are left out."""
        del self._plan[self._done:self._done + points]
        self._show(text)

    def say(self, text: str) -> None:
        """Something that is no point, to be overwritten by the next one."""
        if self._tty:
            self._show(text)
