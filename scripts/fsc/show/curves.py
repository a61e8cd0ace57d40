# SPDX-License-Identifier: GPL-2.0
"""Text tables of a workload that is a matrix: one for each metric, with a row for each arm, a column for each x."""

from typing import Any

from ..result import metrics
from ..verdict import PASS
from . import table
from .table import WIDTH, wrap

_GAP = 2


def title(metric: str) -> str:
    return metrics.METRICS[metric].title or metric.replace("_", " ")


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
    if not (found := suite.get("curves", {})):
        return []
    shown = {metric for curve in found.values() for metric in curve["show"]}
    boots = suite["repetitions"]
    of = f"medians of {boots} boots, whose intervals are in result.json" if boots > 1 else "one boot, so no intervals"
    lines = [f"A table for each metric, a column for each value of {', '.join(dict.fromkeys(curve['x'] for curve in found.values()))}: {of}, "
             "and no tests. -: nothing was seen. ~: an estimate, see the notes. !: did not pass. k, M: thousand, million; of "
             "bytes (B): 1024."]
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
