# SPDX-License-Identifier: GPL-2.0
"""What changed from one kernel to the next: a table of the same points of both, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..result import metrics
from ..result.environment import releases
from ..result.result import grouped
from ..verdict import SetupError
from . import report_sections

Result = dict[str, Any]
# A boot of the suite rcu with the preemption model that is the kernel's own default.
DEFAULT_BOOT = ("voluntary", "preempt-lazy")


@dataclass(frozen=True)
class Change:
    """A point of a suite, and what in the kernel moves its figure. An axis may have another value on each kernel."""
    title: str
    suite: str
    workload: str
    protocol: str
    metric: str
    axes: dict[str, Any] = field(default_factory=dict)

    def text(self, results: Sequence[Result]) -> str:
        """The figure; nothing where it was not measured."""
        wanted = {axis: value if isinstance(value, tuple) else (value,) for axis, value in self.axes.items()}
        place = self.workload, "pagecache", self.protocol
        for point in (point for result in results if result["environment"]["suite"]["name"] == self.suite for point in result["points"]):
            axes = point.get("axes") or {}
            if ((point["workload"], point["path"], point["protocol"]) == place and self.metric in point["summary"]
                    and axes.keys() == wanted.keys() and all(axes[axis] in values for axis, values in wanted.items())):
                return report_sections.told(point, self.metric)
        return ""


def _rate(title: str, protocol: str, metric: str, deferral: str, rates: Sequence[int]) -> list[Change]:
    return [Change(f"{title}, {rate:,} frees/s asked for", "limbo", "rate", protocol, metric, {"free_rate": rate, "deferral": deferral})
            for rate in rates]


# Why, and the figures that show it.
CHANGES: tuple[tuple[str, tuple[Change, ...]], ...] = (
    ("kfree_rcu() collected pointers by the page, some 500 of a CPU, or for 5 s. Since 7.0 the cache has sheaves: "
     "kfree_rcu() fills one for each CPU, 60 descriptors here, and hands over full ones by call_rcu(), with no timer for "
     "those that are not full. ~ is an estimate from the slab's object count on 6.12, and an upper bound by markers on 7.3.",
     (*_rate("`rcu_desc`, kfree_rcu(): descriptors in limbo, mean B", "rcu_desc", "limbo_descriptor_bytes_mean", "kfree_rcu",
             (10, 1000, 100_000)),
      *_rate("`rcu_desc`, call_rcu(): descriptors in limbo, mean B", "rcu_desc", "limbo_descriptor_bytes_mean", "call_rcu",
             (1000,)))),
    ("A freed descriptor goes to the CPU's sheaf, whose last one is handed out first; before, to the list of free objects of "
     "its slab, which is allocated from when the CPU comes to that slab again.",
     tuple(_rate("`typesafe`: until a descriptor came back, p50", "typesafe", "reuse_ns_p50", "auto", (1000, 100_000)))),
    ("Debian's 7.3 has checks of shifts and array bounds compiled in (CONFIG_UBSAN_SHIFT, CONFIG_UBSAN_BOUNDS), its 6.12 has not: more "
     "instructions in every lookup. overlay's have grown by less, because folio_try_get() has lost its RCU section and its look for a fake "
     "head page (32c440d67e6c).",
     tuple(Change(f"`{name}`: instructions a lookup, counted", "default", "icount-lookup", name, "instructions_per_lookup")
           for name in ("overlay", "typesafe"))),
    ("Before, call_rcu()'s callbacks waited for a normal grace period; since 7.3 an expedited one that somebody else asks "
     "for releases them, too.",
     (Change("`rcu_full` beside synchronize_rcu() every ms: mean wait", "rcu", "released", "rcu_full", "limbo_wait_ns_mean",
             {"boot": DEFAULT_BOOT}),
      Change("`rcu_full` beside an expedited synchronize_rcu() every ms: mean wait", "rcu", "released", "rcu_full", "limbo_wait_ns_mean",
             {"boot": "expedited"}))),
)


def _kernel(results: Sequence[Result]) -> str:
    found = {releases(result["environment"])[0] for result in results}
    if len(found) != 1:
        raise SetupError(f"one kernel has a column, and these are results of {' and '.join(sorted(found))}")
    return found.pop()


def _error(results: Sequence[Result]) -> str:
    """By how much the slab's object count may be too high, where it stands for the limbo."""
    limbos = [rep["limbo"] for result in results if result["environment"]["suite"]["name"] == "limbo"
              for point in result["points"] for rep in point["repetitions"]]
    objects = [limbo["slab"]["accuracy_objects"] for limbo in limbos if limbo and metrics.sampled(limbo) and limbo["slab"]]
    return f" ~ of {_kernel(results)} may be too high by up to {max(objects)} descriptors." if objects else ""


def _revisions(results: Sequence[Result]) -> str:
    """Which of this tree's revisions the figures are of."""
    shown = {row.suite for _, rows in CHANGES for row in rows}
    ran = {(env["revision"], env["suite"]["name"]) for env in (result["environment"] for result in results)}
    by_revision = grouped(sorted(one for one in ran if one[1] in shown))
    return "; ".join(f"{name} ({', '.join(suites)})" for name, suites in by_revision.items())


def markdown(before: Sequence[Result], after: Sequence[Result]) -> str:
    """The table as README.md has it: what both have, with what in the kernel is behind it beside the first of its rows."""
    lines = [f"| | {_kernel(before)} | {_kernel(after)} | why |", "|---|---|---|---|"]
    for why, rows in CHANGES:
        own = [(row.title, row.text(before), row.text(after)) for row in rows]
        shown = [f"| {title} | {old} | {new} |" for title, old, new in own if old and new]
        lines += [f"{line} {why if line is shown[0] else ''} |" for line in shown]
    emulated = ("Both under emulation: limbo, waits and times depend on an emulated clock, come from one boot and have no test. "
                "Instructions are counted. " if any(result["environment"]["times_emulated"] for result in (*before, *after)) else "")
    lines += ["", emulated + f"Revisions of folioscale: {_revisions((*before, *after))}." + _error(before) + _error(after)]
    return "\n".join(lines) + "\n"
