# SPDX-License-Identifier: GPL-2.0
"""A suite's progress: one line, rewritten, on a terminal, else a line for each point."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from ..result import metrics
from ..show import table
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
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._shown = False

    def end(self) -> None:
        """End the line, so that the last text stays visible."""
        if self._tty and self._shown:
            print(file=self._stream, flush=True)

    def _show(self, text: str) -> None:
        self._shown = True
        line = f"\r{text[:shutil.get_terminal_size().columns - 1]}\x1b[K" if self._tty else f"{text}\n"
        print(line, end="", file=self._stream, flush=True)


class Ticker(Line):
    """Takes texts as often as the caller likes, and shows one now and then."""

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self._every_s = 0 if self._tty else every_s
        self._last = time.monotonic()

    def tell(self, text: str) -> None:
        if time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            self._show(text)


class Progress(Line):
    """Is told every point that ends, and knows the points to come from the plan."""

    def __init__(self, plan: list[float], stream: TextIO | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._plan = plan           # the seconds each point is expected to take, in order
        self._clock = clock
        self._begin = clock()
        self._done = self._skipped = 0

    def point(self, boot: str, point: Point, text: str) -> None:
        self._done += 1
        where = " ".join([point.workload, point.protocol, *(f"{axis}={value}" for axis, value in point.axes.items())])
        planned, left = sum(self._plan[self._skipped:self._done]), sum(self._plan[self._done:])
        # The rest of the plan at the speed seen so far.
        minutes, seconds = divmod(round(left * ((self._clock() - self._begin) / planned if planned else 1.0)), 60)
        self._show(f"[{self._done}/{len(self._plan)}] {boot} {where}: {text}, ETA {minutes}:{seconds:02d}")

    def again(self, boot: str, point: Point, text: str) -> None:
        """The last point is made again: it is still to come."""
        self._done -= 1
        self.say(f"{boot} {point.workload} {point.protocol} is made again: {text}")

    def skip(self, text: str, points: int) -> None:
        """Skip @points points that were run before the suite was resumed. Called before any point is run."""
        self._done = self._skipped = self._done + points
        self._show(f"[{self._done}/{len(self._plan)}] {text}")

    def add(self, plan: list[float]) -> None:
        self._plan += plan

    def leave_out(self, text: str, points: int) -> None:
        """Remove the next @points points from the plan."""
        del self._plan[self._done:self._done + points]
        self._show(text)

    def say(self, text: str) -> None:
        """Show a text on a terminal, where the next point overwrites it."""
        if self._tty:
            self._show(text)
