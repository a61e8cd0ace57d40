# SPDX-License-Identifier: GPL-2.0
"""summary.txt: the table, fit to paste into a mail to linux-mm. Made of result.json alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import stats, table
from .metrics import METRICS
from .notes import notes
from .table import WIDTH, row, wrap
from .verdict import worst

Result = dict[str, Any]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One metric of a sub-table: median, interval, and ratio (or, for limbo, objects)."""
    metric: str
    title: str
    unit: table.Unit
    objects: str = ""


# Two to a sub-table: median, interval and ratio of two are what 72 columns hold.
SUB_TABLES = [
    [Column("lookups_per_second", "lookups/s", table.si),
     Column("turnovers_per_second", "turnovers/s", table.si)],
    [Column("tryget_zero_per_million", "tryget met zero /M lookups", table.si),
     Column("recheck_fail_per_million", "recheck failed /M lookups", table.si)],
    [Column("limbo_descriptor_bytes_peak", "descriptors in limbo, peak B", table.size,
            "descriptor_objects_peak"),
     Column("limbo_descriptor_bytes_mean", "mean B", table.size, "descriptor_objects_mean_milli")],
    [Column("limbo_page_bytes_peak", "pages in limbo, peak B", table.size, "page_objects_peak"),
     Column("limbo_page_bytes_mean", "mean B", table.size, "page_objects_mean_milli")],
    [Column("reuse_ns_p50", "reused after, p50", table.nanoseconds),
     Column("reuse_ns_p99", "p99", table.nanoseconds)],
]
NAME = table.NAME_WIDTH
MEDIAN, INTERVAL, RATIO = 8, -17, 6


def _boots(env: Figures) -> str:
    """How many boots there were of each kind."""
    icount = sum(boot["accelerator"] == "icount" for boot in env["boots"])
    plain = len(env["boots"]) - icount
    counts = [f"{plain} boot{'s' * (plain != 1)} of every point"] if plain else []
    return ", ".join(counts + ([f"{icount} that count{'s' * (icount == 1)} instructions"] if icount else []))


def _head(result: Result) -> list[str]:
    env = result["environment"]
    lines = ["folioscale: ways to RCU-free a folio", "=" * WIDTH]
    if env["times_emulated"]:
        lines += ["TIMES ARE EMULATED (QEMU without KVM): no ranking by time. Rates and",
                  "times show that the load ran, no more; compare instructions, counts",
                  "and limbo.", ""]
    kernel = env["kernel"]
    release = "unknown" if not kernel else (
        f"{kernel['release']}, preempt {kernel['preempt']}, HZ {kernel['hz']}")
    memory = f"{table.size(env['memory'])}B" if env["memory"] else "unknown memory"
    costs = [rep["clock"]["cost_ns"] for point in result["points"] for rep in point["repetitions"]
             if rep["clock"] and "instructions_per_lookup" not in rep["metrics"]]
    fields = {
        "question": env["suite"]["question"], "verdict": result["verdict"], "kernel": release,
        "machine": f"{env['cpu'] or 'unknown CPU'}, {env['vcpus'] or 'unknown'} CPUs, {memory}, "
                   f"accelerator {env['accelerator']}",
        "clock": (env["clocksource"] or "unknown") + (f", {median(costs):.0f} ns a reading" if costs else ""),
        "cmdline": env["cmdline"] or "unknown",
        "suite": f"{env['suite']['name']}, {_boots(env)}, seed {env['suite']['seed']}",
        "revision": f"{env['revision']}, {env['date']}",
    }
    for name, text in fields.items():
        lines += wrap(text, f"{name:<{NAME}}")
    return lines


def _ratio(figures: Figures, baseline: bool) -> str:
    if not figures["rankable"]:
        return ""
    if baseline:
        return "1"
    ratio, p = figures.get("ratio"), figures.get("p")
    if p is not None and p >= stats.ALPHA:
        return "n.d."
    if ratio is None:
        return "-" if p is None else "diff."
    return f"{ratio:.2f}x" if ratio < 99.995 else f"{table.si(ratio)}x"


def _objects(point: Figures, name: str) -> str:
    """The median over repetitions, out of the same source as the bytes."""
    found = []
    for rep in point["repetitions"]:
        limbo = rep["limbo"] or {"exact": 1}
        estimated = not limbo["exact"] and name.startswith("descriptor")
        value = (limbo["slab"] or {} if estimated else limbo).get(name)
        if value is not None:
            found.append(value / 1000 if name.endswith("_milli") else value)
    return table.si(median(found)) if found else ""


def _cell(point: Figures, column: Column, baseline: str) -> list[tuple[str, int]]:
    figures = point["summary"].get(column.metric)
    if figures is None:
        return [("-", MEDIAN), ("", INTERVAL), ("", RATIO)]
    last = (_objects(point, column.objects) if column.objects
            else _ratio(figures, point["protocol"] == baseline))
    return [(column.unit(figures["median"]), MEDIAN),
            (table.interval(figures, column.unit), INTERVAL), (last, RATIO)]


def _sub_table(points: list[Figures], columns: list[Column], baseline: str) -> list[str]:
    columns = [column for column in columns
               if any(column.metric in point["summary"] for point in points)]
    shown = {column.metric: [point["summary"][column.metric] for point in points
                             if column.metric in point["summary"]] for column in columns}
    if not any(f["median"] or f["high"] for found in shown.values() for f in found):
        return wrap(", ".join(column.title for column in columns) + ": 0 in all") + [""] if columns else []
    titles, heads = "", []
    for column in columns:
        rankable = any(figures["rankable"] for figures in shown[column.metric])
        titles += f"{'    ' + column.title:<{MEDIAN - INTERVAL + RATIO}}"
        heads += [("median", MEDIAN), ("[interval]", INTERVAL),
                  ("count" if column.objects else "ratio" if rankable else "", RATIO)]
    lines = [(" " * NAME + titles).rstrip(), row("", heads)]
    lines += [row(point["protocol"], [cell for column in columns for cell in _cell(point, column, baseline)])
              for point in points]
    return lines + [""]


def _workload(name: str, title: str, points: list[Figures], baseline: str) -> list[str]:
    tables = [_sub_table(points, columns, baseline) for columns in SUB_TABLES]
    lines = [line for sub in tables for line in sub]
    return [f"--- {name}: {title} ---", "", *lines] if lines else []


def _fitting(widths: dict[str, int]) -> Iterator[list[str]]:
    """Names in groups, each of which fits beside a protocol's name."""
    group: list[str] = []
    for name, width in widths.items():
        if group and sum(widths[other] for other in group) + width > WIDTH - NAME:
            yield group
            group = []
        group.append(name)
    yield group


def _verdicts(result: Result, workloads: list[str], protocols: list[str]) -> list[str]:
    found = {(workload, protocol): worst(own) for workload in workloads for protocol in protocols
             if (own := [p["verdict"] for p in result["points"]
                         if (p["workload"], p["protocol"]) == (workload, protocol)])}
    widths = {name: 2 + max(len(name), *(len(found.get((name, p), "")) for p in protocols))
              for name in workloads}
    lines: list[str] = []
    for group in _fitting(widths):
        lines.append(row("verdict", [(name, -widths[name]) for name in group]))
        lines += [row(protocol, [(found.get((name, protocol), ""), -widths[name]) for name in group])
                  for protocol in protocols]
        lines.append("")
    return lines


def _instructions(result: Result, protocols: list[str], baseline: str) -> list[str]:
    """Per lookup and per turnover side by side, though different points count them."""
    figures: dict[tuple[str, str], Figures] = {}
    for point in result["points"]:
        for name, found in point["summary"].items():
            if METRICS[name].deterministic:
                figures[point["protocol"], name] = found
    if not figures:
        return []
    columns = [("instructions_per_lookup", 10, True), ("floor_instructions_per_lookup", 9, False),
               ("instructions_per_lookup_over_floor", 9, False), ("instructions_per_turnover", 11, True)]
    lines = ["--- instructions: one icount boot, 1 CPU; repeats to about 0.1% ---", "",
             row("", [("per", 10), ("", 8), ("by hand", 9), ("of that", 9), ("per", 11), ("", 8)]),
             row("", [("lookup", 10), ("ratio", 8), ("(floor)", 9), ("", 9), ("turnover", 11), ("ratio", 8)])]
    for protocol in protocols:
        cells = []
        for name, width, compared in columns:
            found = figures.get((protocol, name))
            over = name.endswith("_over_floor")
            cells.append(("-" if not found else f"{found['median']:.3f}x" if over
                          else f"{found['median']:,.0f}" if name.endswith("_per_turnover")
                          else f"{found['median']:,.1f}", width))
            if compared:
                cells.append((_ratio(found, protocol == baseline) if found else "", 8))
        lines.append(row(protocol, cells))
    return lines + [""]


def _legend(result: Result) -> list[str]:
    env = result["environment"]
    baseline = env["suite"]["baseline"]
    seen = {figures["coverage"] for point in result["points"]
            for figures in point["summary"].values() if figures["coverage"] is not None}
    counts = {figures["n"] for point in result["points"] for figures in point["summary"].values()
              if figures["coverage"] is not None}
    lines: list[str] = []
    if seen:
        n = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        lines += wrap(f"median [interval]: of n = {n} boots; order statistics, exact coverage "
                      f"{100 * min(seen):.1f}%; none where all are alike. k, M: thousand, million; "
                      "of bytes (B): 1024.")
        if baseline:
            lines += wrap(f"ratio: to {baseline}, Hodges-Lehmann on logs (its interval is in result.json); "
                          f"n.d.: no difference shown (p >= {stats.ALPHA}; exact Mann-Whitney, permutation of "
                          "the ranks where there are ties; Holm over the protocols of one metric and "
                          f"workload); diff.: p below, but a zero has no ratio.")
    if seen and env["times_emulated"]:
        lines += wrap("No ratio and no test for times and rates: the clock is emulated, and drifts "
                      "between boots by more than protocols differ. A virtual CPU that the host takes away "
                      "in the middle of a removal lets readers meet zero many times over.")
    if seen:
        lines += wrap("tryget met zero: the reader found a folio being freed, and started over. recheck "
                      "failed: the reference was to a folio that had left its slot. limbo: freed by a freer, "
                      "not yet reusable. reused after: from its free until the same descriptor is allocated again.")
    lines += wrap("Per turnover: removal, free, allocation, publishing, and the deferred work.")
    return lines + wrap("Not measured: " + "; ".join(env["not_measured"]) + ".")


def render(result: Result) -> str:
    points, suite = result["points"], result["environment"]["suite"]
    workloads = list(dict.fromkeys(point["workload"] for point in points))
    protocols = list(dict.fromkeys(point["protocol"] for point in points))
    lines = _head(result) + [""] + _verdicts(result, workloads, protocols)
    lines += _instructions(result, protocols, suite["baseline"])
    for name, path in dict.fromkeys((point["workload"], point["path"]) for point in points):
        own = [point for point in points if (point["workload"], point["path"]) == (name, path)]
        lines += _workload(f"{path}, {name}", suite["workloads"][name], own, suite["baseline"])
    lines += _legend(result)
    found = notes(result)
    if found:
        lines += ["", "Notes:"]
        for text in found:
            lines += wrap(" ".join(text.split()), "- ")
    return "\n".join(lines) + "\n"
