# SPDX-License-Identifier: GPL-2.0
"""The figures of a load: what the module, /proc/vmstat and the load itself said, over all runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..result import stats
from ..show import table
from ..verdict import FAIL, LOST, PASS

Numbers = dict[str, int]


def numbers(text: str) -> Numbers:
    """NAME NUMBER lines; others are left out."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].lstrip("-").isdecimal()}


@dataclass
class Series:
    columns: list[str]
    rows: list[list[int]]

    def column(self, name: str) -> list[int]:
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def series(text: str) -> Series:
    head, *lines = text.splitlines() or [""]
    return Series(head.split(), [[int(word) for word in line.split()] for line in lines])


@dataclass
class Run:
    """One run of a load; what it sent (config, summary, series, vmstat, told), and what is wrong with its machine."""
    blobs: dict[str, str] = field(default_factory=dict)
    machine: str = ""

    @property
    def summary(self) -> Numbers:
        return numbers(self.blobs.get("summary", ""))

    @property
    def status(self) -> int | None:
        return numbers(self.blobs.get("told", "").partition("\n")[0]).get("status")

    @property
    def trouble(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if self.machine:
            return self.machine
        if self.status is None or not self.summary:
            return "did not end" + (f", exit status {self.status}: {self.last}" if self.status else "")
        if wrong := unbalanced(self.summary):
            return f"the module: {wrong}"
        return f"exit status {self.status}: {self.last}" if self.status else ""

    @property
    def last(self) -> str:
        """The last line that it printed."""
        return " ".join(self.blobs.get("told", "").partition("\n")[2].strip().splitlines()[-1:])

    @property
    def verdict(self) -> str:
        return LOST if self.status is None else FAIL if self.trouble else PASS

    def document(self) -> dict[str, Any]:
        found = series(self.blobs.get("series", ""))
        return {"verdict": self.verdict, "trouble": self.trouble, "summary": self.summary,
                "vmstat": numbers(self.blobs.get("vmstat", "")),
                "series": {"columns": found.columns, "rows": found.rows}, "told": self.blobs.get("told", "")}


def unbalanced(summary: Numbers) -> str:
    """What of a summary cannot be: each folio that is counted enters limbo once and leaves it once."""
    for what in ("folios", "pages"):
        counts = [summary[f"{how}_{what}"] for how in ("freed", "entered", "left")]
        if len(set(counts)) != 1:
            return f"{what}: {counts[0]} freed, {counts[1]} entered limbo, {counts[2]} left it"
    least, most = summary["pgfree_least"], summary["pgfree_most"]
    # A page is counted by the probe before pgfree, and a batch between them may be of any CPU.
    if not least - ON_THE_WAY <= summary["pgfree_counted"] <= most + ON_THE_WAY:
        return f"{summary['pgfree_counted']} pages were counted, and by pgfree of /proc/vmstat {least} to {most}"
    return ""


# Pages that CPUs are freeing while pgfree is read; in compaction (mm/compaction.c:compaction_free()) some pass the
# tracepoint and are never counted in pgfree.
ON_THE_WAY = 4096


@dataclass(frozen=True)
class Figure:
    """A column of the table, from a summary."""
    name: str
    title: str
    unit: Callable[[float], str]
    of: Callable[[Numbers], float]


def percent(value: float) -> str:
    return f"{value:.2f}%" if value < 10 else f"{value:.0f}%"


def _ppm(name: str) -> Callable[[Numbers], float]:
    return lambda summary: summary[name] / 1e4


def _as_is(name: str, scale: float = 1) -> Callable[[Numbers], float]:
    return lambda summary: summary[name] * scale


FIGURES = (
    Figure("folios_per_second", "folios/s", table.si, _as_is("folios_per_second")),
    Figure("folios_per_second_peak", "peak", table.si, _as_is("folios_per_second_peak")),
    Figure("wait_ns_mean", "wait", table.nanoseconds, _as_is("wait_us_mean", 1000)),
    Figure("option2_peak_bytes", "option 2 peak", table.size, _as_is("option2_peak_bytes")),
    Figure("option2_p99_bytes", "p99", table.size, _as_is("option2_p99_bytes")),
    Figure("option2_mean_bytes", "mean", table.size, _as_is("option2_mean_bytes")),
    Figure("option2_of_memory", "of memory", percent, _ppm("option2_peak_of_memory_ppm")),
    Figure("option3_peak_bytes", "option 3 peak", table.size, _as_is("option3_peak_bytes")),
    Figure("option3_p99_bytes", "p99", table.size, _as_is("option3_p99_bytes")),
    Figure("option3_mean_bytes", "mean", table.size, _as_is("option3_mean_bytes")),
    Figure("option3_of_memory", "of memory", percent, _ppm("option3_peak_of_memory_ppm")),
    Figure("option3_of_free", "of free", percent, _ppm("option3_peak_of_free_ppm")),
    Figure("below_low_ns", "below low", table.nanoseconds, _as_is("option3_below_low_us", 1000)),
    Figure("below_min_ns", "below min", table.nanoseconds, _as_is("option3_below_min_us", 1000)),
    Figure("drain_ns", "drain", table.nanoseconds, _as_is("drain_us", 1000)),
)
MODELS = {"kfree_rcu": "kfree_rcu() in batches of a page of pointers, or of 5 s",
          "sheaves": "kfree_rcu() by full sheaves", "bounded": "with a ceiling for each CPU, as rcu_bounded has"}


@dataclass
class Loaded:
    """A load with its runs."""
    name: str
    does: str
    runs: list[Run]

    def good(self) -> list[Numbers]:
        return [run.summary for run in self.runs if run.verdict == PASS]

    def over_runs(self, figure: Figure) -> dict[str, float | None]:
        found = stats.median([figure.of(summary) for summary in self.good()])
        return {"median": found.centre, "low": found.low, "high": found.high}

    def cell(self, figure: Figure) -> str:
        found = self.over_runs(figure)
        return " ".join(filter(None, (figure.unit(found["median"]), table.interval(found, figure.unit))))

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "does": self.does, "runs": [run.document() for run in self.runs],
                "figures": {figure.name: self.over_runs(figure) for figure in FIGURES} if self.good() else {}}
