# SPDX-License-Identifier: GPL-2.0
"""Text tables of a workload that is a matrix: one for each metric, with a row for each arm, a column for each x."""

from __future__ import annotations

from typing import Any

from ..result import metrics
from ..verdict import PASS
from . import table
from .table import WIDTH, wrap

_GAP = 2


# The title of a metric that stands alone.
TITLES = {
    "lookups_per_second": "lookups/s",
    "instructions_per_lookup": "instructions per lookup",
    "turnovers_per_second": "turnovers/s that were reached",
    "tryget_zero_per_million": "tryget met zero, per million lookups",
    "recheck_fail_per_million": "recheck failed, per million lookups",
    "limbo_descriptor_bytes_peak": "descriptors in limbo, peak, B",
    "limbo_descriptor_bytes_mean": "descriptors in limbo, mean, B",
    "limbo_page_bytes_peak": "pages in limbo, peak, B",
    "limbo_page_bytes_mean": "pages in limbo, mean, B",
    "limbo_pointer_bytes_bound": "kfree_rcu's own pages of pointers, full ones, estimated, B",
    "cached_bytes_mean": "cached by the slab, mean, B",
    "cached_percpu_bytes_mean": "cached per CPU and barn, mean, B",
    "limbo_wait_ns_mean": "time in limbo, mean",
    "limbo_over_little": "mean in limbo, over rate x wait (Little's law)",
    "hazard_moved_per_million": "hazard moved, per million lookups",
    "instructions_per_turnover": "instructions per turnover",
    "rest_bytes_per_folio": "descriptor and memdesc words, or struct pages, of a folio, B",
    "reused_other_key_share": "share of descriptors that came back under another key",
    "tries_worst": "tries of the lookup that needed most",
    "throttled_share": "share of a freer's time that it waited at limbo_max_mb",
    "alloc_failed_per_million": "allocations that failed and were tried again, per million turnovers",
    "largest_free_bytes": "largest free block of the page allocator, as the window ends, B",
    "free_in_2m_share": "share of free memory in blocks of 2 MiB and more, as the window ends",
    "drain_ns": "time until all was reusable, once the threads had stopped",
} | {
    f"{latency}_ns_{kind}": f"{title}, {word}"
    for latency, title in (("reuse", "time until a descriptor came back"), ("allocate", "time of an allocation"),
                           ("reclaim", "from the first free until the pages are back"),
                           ("lookup", "time of a lookup"), ("gp", "grace period (probed)"))
    for kind, word in {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "maximum", "mean": "mean"}.items()
}


def title(metric: str) -> str:
    return TITLES.get(metric) or metric.replace("_", " ")


def arm(point: dict[str, Any], x: str) -> str:
    """The name of a row: the protocol, and the point's values on all axes but @x."""
    return " ".join([point["protocol"], *(f"{value}" if isinstance(value, str) else f"{axis}={value}"
                                          for axis, value in point["axes"].items() if axis != x)])


def _number(value: int | str) -> str:
    return table.si(value) if isinstance(value, int) else value


def _cell(point: dict[str, Any], metric: str) -> str:
    """The median, marked if it is not exact or did not pass."""
    figures, bad = point["summary"].get(metric), "" if point["verdict"] == PASS else "!"
    if not figures:
        return point["verdict"] if bad else "-"
    return metrics.mark(point, metric) + metrics.unit(metric)(figures["median"]) + bad


def metric_table(points: list[dict[str, Any]], metric: str, x: str) -> list[str]:
    """A metric's table, in blocks of columns that fit. An arm without the metric has no row."""
    having = {arm(point, x) for point in points if metric in point["summary"]}
    arms: dict[str, dict[int | str, str]] = {}
    for point in points:
        if (name := arm(point, x)) in having:
            arms.setdefault(name, {})[point["axes"][x]] = _cell(point, metric)
    if not arms:
        return []
    columns = list(dict.fromkeys(point["axes"][x] for point in points))
    name_width = max(len(name) for name in (*arms, x))
    texts = [*map(_number, columns), *(cell for row in arms.values() for cell in row.values())]
    width = _GAP + max(map(len, texts))
    fit = max(1, (WIDTH - name_width) // width)
    lines = wrap(title(metric))
    for at in range(0, len(columns), fit):
        block = columns[at:at + fit]
        lines.append(f"{x:<{name_width}}" + "".join(f"{_number(value):>{width}}" for value in block))
        lines += [(f"{name:<{name_width}}" + "".join(f"{row.get(value, ''):>{width}}" for value in block)).rstrip()
                  for name, row in arms.items()]
    return lines + [""]


def legend(suite: dict[str, Any]) -> list[str]:
    """Explains the tables of a suite's curves."""
    found = suite.get("curves", {})
    if not found:
        return []
    shown = {metric for curve in found.values() for metric in curve["show"]}
    boots = suite["repetitions"]
    lines = ["A table for each metric, a column for each value of " + ", ".join(dict.fromkeys(
        curve["x"] for curve in found.values())) + ": " + (
        f"medians of {boots} boots, whose intervals are in result.json" if boots > 1 else "one boot, so no intervals")
        + ", and no tests. -: nothing was seen. ~: an estimate, see the notes. !: did not pass. k, M: thousand, "
          "million; of bytes (B): 1024."]
    if any(metric.startswith("limbo_") for metric in shown):
        lines.append("limbo: freed by a freer, not yet reusable.")
    if any(metric.startswith("cached_") for metric in shown):
        lines.append(metrics.CACHED)
    return lines


def render(name: str, points: list[dict[str, Any]], curve: dict[str, Any], text: str) -> list[str]:
    """The tables of all metrics shown for one workload on one path."""
    lines = [line for metric in curve["show"] for line in metric_table(points, metric, curve["x"])]
    counted = any(metrics.METRICS[metric].deterministic for metric in curve["show"])
    return (wrap(f"--- {name}: {text} ---") + ["", *(wrap(metrics.COUNTED) + [""]) * counted, *lines]) if lines else []
