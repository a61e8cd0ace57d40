# SPDX-License-Identifier: GPL-2.0
"""A report's plots, each with a text that says what it shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from ..result import metrics
from . import svg, report_sections, summary, table
from .report_sections import Figures, Group, Point, Section

# Lines of a curve; if there are more, draw several plots, one for each place on the other axes.
MOST_LINES = 9
MOST_STEPS = 120                   # of a distribution's line: more cannot be told apart
BAR = "#6ba3d6"


@dataclass(frozen=True)
class Plot:
    """One figure of the page; without svg it is a sentence, because a plot would show nothing."""
    id: str
    title: str
    text: str                      # what the plot shows, for readers who cannot see it
    svg: str = ""
    caption: str = ""


def _labels(section: Section) -> dict[str, str]:
    """The label of each protocol, with a star if its readers cannot hold a folio."""
    return {point["protocol"]: summary.label(point) for point in section.points}


def _whiskers(found: list[Figures]) -> list[list[float]]:
    """Lengths of error bars: zero if there is no interval."""
    return [[abs(f["median"] - (f["median"] if f[end] is None else f[end])) for f in found] for end in ("low", "high")]


def _told(section: Section, group: Group) -> str:
    """All figures of a plot in words."""
    parts = []
    for metric, title in group.metrics.items():
        figures = [f"{point['protocol']} {report_sections.told(point, metric)}"
                   for point in section.having(metric)]
        parts += [f"{section.words(title)}: {', '.join(figures)}."] if figures else []
    if group.histogram and not parts:
        # Quantiles of histograms that no metric is made of.
        times = [f"{protocol} " + ", ".join(
            f"{name} {table.nanoseconds(median(metrics.quantile(histogram, q) or 0 for histogram in own))}"
            for name, q in (("p50", 0.5), ("p99", 0.99))) for protocol, own in section.timed(group).items()]
        parts = [f"{section.words(group.title)}, medians over boots: {'; '.join(times)}."]
    return " ".join(parts)


def _rows(ax: Axes, labels: list[str]) -> None:
    """Put the labels on the y axis, from top to bottom."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)


def _dots(section: Section, group: Group) -> str:
    """Plot medians with intervals: a row for each protocol, a marker for each metric."""
    names = [metric for metric in group.metrics if section.having(metric)]
    labels = _labels(section)
    protocols = [name for name in labels if any(section.having(metric, name) for metric in names)]
    figure, ax = svg.axes(0.65 + 0.3 * len(protocols))
    handles = []
    for number, metric in enumerate(names):
        look = svg.STYLES[number]
        shift = (number - (len(names) - 1) / 2) * 0.5 / len(names)
        points = section.having(metric)
        found = [point["summary"][metric] for point in points]
        handles.append(ax.errorbar(
            [f["median"] for f in found], [protocols.index(p["protocol"]) + shift for p in points],
            xerr=_whiskers(found), fmt=look.marker, color=look.colour, linewidth=1.4, linestyle="none",
            # Empty markers do not hide what they cover.
            markerfacecolor=look.colour if number == 0 else "white"))
    _rows(ax, [labels[name] for name in protocols])
    svg.scale(ax, "x", report_sections.numbers(section.figures(group)), metrics.unit(names[0]))
    if len(names) > 1:
        svg.legend(figure, handles, [section.words(group.metrics[metric]) for metric in names])
    return _done(figure, section, group)


def _bars(section: Section, group: Group) -> str:
    """Plot counted figures: a bar for each protocol, and a line at the open-coded loop."""
    metric, *opencodeds = group.metrics
    points = section.having(metric)
    labels = _labels(section)
    figure, ax = svg.axes(0.65 + 0.3 * len(points))
    top = max(point["summary"][metric]["median"] for point in points)
    opencoded = None
    for row, point in enumerate(points):
        value = point["summary"][metric]["median"]
        ax.barh(row, value, height=0.62, color=BAR)
        ax.text(value + 0.015 * top, row, metrics.unit(metric)(value), va="center", fontsize=9.5)
        if by_hand := opencodeds and point["summary"].get(opencodeds[0]):
            opencoded, = ax.plot([by_hand["median"]] * 2, [row - 0.42, row + 0.42], color="#000000", linewidth=2.4)
    _rows(ax, [labels[point["protocol"]] for point in points])
    svg.scale(ax, "x", [0, top], metrics.unit(metric))
    ax.set_xlim(0, 1.2 * top)
    if opencoded:
        svg.legend(figure, [Patch(color=BAR), opencoded],
                      [section.words(group.metrics[name]) for name in (metric, opencodeds[0])])
    return _done(figure, section, group)


def _distribution(histogram: Figures, edges: np.ndarray) -> np.ndarray:
    """The share that is known to be below each edge, from whole buckets only."""
    high = np.array([bucket[1] for bucket in histogram["buckets"]])
    below = np.cumsum([bucket[2] for bucket in histogram["buckets"]])
    return np.concatenate(([0], below))[np.searchsorted(high, edges, side="right")] / histogram["count"]


def _cdf(section: Section, group: Group) -> str:
    """Plot distributions of times: at each time the median over boots of the share that was faster."""
    figure, ax = svg.axes(2.5)
    handles, labels, seen = [], [], []
    for protocol, own in section.timed(group).items():
        edges = np.unique([edge for histogram in own for bucket in histogram["buckets"] for edge in bucket[:2]])
        edges = edges[edges > 0]
        edges = np.append(edges[:-1:max(1, len(edges) // MOST_STEPS)], edges[-1])
        look = svg.style(protocol)
        shares = np.median([_distribution(histogram, edges) for histogram in own], axis=0)
        handles += ax.plot(edges, shares, color=look.colour, linestyle=look.dashes, marker=look.marker, markersize=4,
                           markevery=(0.02 * len(handles), 0.2))
        labels.append(_labels(section)[protocol])
        seen += [edges[0], edges[-1]]
    if not handles:
        return ""
    svg.scale(ax, "x", seen, table.nanoseconds, log=True)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("share that was faster")
    svg.legend(figure, handles, labels)
    return _done(figure, section, group)


def _done(figure: Any, section: Section, group: Group) -> str:
    return svg.svg(figure, section.plot_id(group), f"{section.words(group.title)}, {section.title}",
                      _told(section, group))


# What draws each kind, and how to read it.
DRAWN = {
    "dots": (_dots, "Median and interval."),
    "bars": (_bars, "Counted under icount: no interval but that of a repetition, about 0.1%."),
    "cdf": (_cdf, "At each time the median over boots of the share of timed ones below it."),
}


def _not_compared(section: Section, group: Group) -> str:
    """Why arms must not be compared by this plot; empty if they may."""
    if not section.emulated:
        return ""
    unranked = dict.fromkeys(metrics.why_not(metric) for metric in group.metrics for point in section.having(metric)
                             if not point["summary"][metric]["rankable"])
    why = ["emulated time"] if group.histogram else list(unranked)
    words = f" {'; '.join(why)}: not to be compared." if why else ""
    return words[:2].upper() + words[2:]


def _group(section: Section, group: Group) -> Plot:
    """One plot of a section, or a sentence in its place."""
    title, (draw, caption) = section.words(group.title), DRAWN[group.kind]
    drawn = draw(section, group) if any(report_sections.numbers(section.figures(group))) or group.kind == "cdf" else ""
    if not drawn:
        names = [section.words(name) for metric, name in group.metrics.items() if section.having(metric)]
        return Plot(section.plot_id(group), title, f"{'; '.join(names)}: 0 in all.")
    return Plot(section.plot_id(group), title, _told(section, group), drawn, caption + _not_compared(section, group))


# Curves

# A protocol, and its values on the axes other than x.
Line = tuple[str, tuple[tuple[str, Any], ...]]
Lines = dict[Line, dict[Any, Point | None]]


def line_label(line: Line) -> str:
    return ", ".join([line[0], *(f"{axis}={value}" for axis, value in line[1])])


def lines(section: Section, metric: str) -> Lines:
    """The lines of a curve: points by the value of x, None for a point without a figure (a lost one, say)."""
    found: Lines = {}
    for point in section.points:
        axes = dict(point.get("axes") or {})
        x = axes.pop(section.x, point["params"].get(section.x))
        found.setdefault((point["protocol"], tuple(axes.items())), {})[x] = point if metric in point["summary"] else None
    return {line: by_x for line, by_x in found.items() if any(by_x.values())}


def places(found: Lines) -> list[Any]:
    """All values of x: numbers sorted, words in the order of the suite."""
    values = list(dict.fromkeys(x for by_x in found.values() for x in by_x))
    return sorted(values) if all(isinstance(x, (int, float)) for x in values) else values


def _drawn(found: Lines, metric: str) -> list[float]:
    """All values that the lines show."""
    return report_sections.numbers(point["summary"][metric] for by_x in found.values() for point in by_x.values() if point)


def _told_curve(found: Lines, metric: str, x: str) -> str:
    """Where each line begins and ends, and its highest point if that is neither."""
    parts = []
    for line, by_x in found.items():
        own = [(place, by_x[place]) for place in places(found) if by_x.get(place)]
        ends = [own[0], *([max(own, key=lambda one: one[1]["summary"][metric]["median"])]), own[-1]]
        ends = [one for number, one in enumerate(ends) if one not in ends[:number]]
        told = ", ".join(f"{report_sections.told(point, metric)} at {x}={place}" for place, point in ends)
        parts.append(f"{line_label(line)}: {told}")
    return "; ".join(parts) + "."


def _curve(section: Section, group: Group, part: str, found: Lines) -> str:
    """Plot lines with intervals, slightly shifted, so that none hides another."""
    metric = next(iter(group.metrics))
    xs = places(found)
    numeric = all(isinstance(x, (int, float)) for x in xs)
    figure, ax = svg.axes(2.7)
    handles = []
    others = list(dict.fromkeys(line[1] for line in found))
    svg.scale(ax, "y", _drawn(found, metric), metrics.unit(metric))
    if not numeric:
        ax.set_xticks(range(len(xs)), [str(x) for x in xs])
    elif svg.scale(ax, "x", xs, table.si):
        if len(xs) <= svg.MOST_TICKS and all(after >= 2 * before for before, after in zip(xs, xs[1:])):
            ax.set_xticks(xs)
        # On a log axis zero is apart: do not connect it with the next value.
        xs = [0, None, *xs[1:]] if xs[0] == 0 else xs
    for number, (line, by_x) in enumerate(found.items()):
        look, other = svg.style(line[0]), others.index(line[1])
        # Colour and marker show the protocol. With several places on the other axes, dashes show the place.
        dashes = look.dashes if len(others) == 1 else svg.STYLES[other % len(svg.STYLES)].dashes
        at = [np.nan if x is None else x for x in xs] if numeric else range(len(xs))
        drawn = [point["summary"][metric] if (point := by_x.get(x)) else {"median": np.nan, "low": None, "high": None}
                 for x in xs]
        apart = ScaledTranslation((number - (len(found) - 1) / 2) * 2 / 72, 0, figure.dpi_scale_trans)
        handles.append(ax.errorbar(at, [f["median"] for f in drawn], yerr=_whiskers(drawn), color=look.colour,
                                   marker=look.marker, linestyle=dashes, elinewidth=1, capsize=2.5,
                                   markerfacecolor=(look.colour, "white", "#c8c8c8")[other % 3]))
        for artist in (handles[-1].lines[0], *handles[-1].lines[1], *handles[-1].lines[2]):
            artist.set_transform(ax.transData + apart)
    ax.set_xlabel(section.x)
    svg.legend(figure, handles, [line_label(line) for line in found])
    return svg.svg(figure, section.plot_id(group) + part, f"{section.words(group.title)}, {section.title}",
                      _told_curve(found, metric, section.x))


def _curves(section: Section, group: Group) -> Iterator[Plot]:
    """One plot or, if there are many lines, one for each place on the other axes."""
    metric = next(iter(group.metrics))
    found = lines(section, metric)
    parts = [found]
    if len(found) > MOST_LINES and any(_drawn(found, metric)):
        parts = [{line: by_x for line, by_x in found.items() if line[1] == other}
                 for other in dict.fromkeys(line[1] for line in found)]
    several = any(figures["n"] > 1 for figures in section.figures(group))
    caption = "Medians with intervals, no tests." if several else "One boot, so no intervals."
    caption += _not_compared(section, group)
    missing = [f"{line_label(line)} at {section.x}={x}"
               for line, by_x in found.items() for x, point in by_x.items() if not point]
    caption += " free_rate=0: as many as a freer can." if section.x == "free_rate" and 0 in places(found) else ""
    caption += f" No figure, so a gap: {'; '.join(missing)}." if missing else ""
    for number, part in enumerate(parts):
        title = section.words(group.title)
        if len(parts) > 1:
            title += ", " + ", ".join(f"{axis}={value}" for axis, value in next(iter(part))[1])
        end = f"-part-{number}" if number else ""
        drawn = any(_drawn(part, metric))
        yield Plot(section.plot_id(group) + end, title, _told_curve(part, metric, section.x) if drawn else "0 at every point.",
                   _curve(section, group, end, part) if drawn else "", caption if drawn else "")


# Limbo over time

def _run(folder: Path, boot: int, kind: str, point: Point) -> dict[str, Any]:
    """What a boot sent about a point, if the folder has it."""
    file = folder / f"boot-{boot}/runs/{kind}.{point['workload']}.{point['path']}.{point['protocol']}"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def _series(folder: Path, point: Point) -> dict[str, Any] | None:
    """Times in seconds with objects in limbo, from the first boot that has them. kfree_rcu's is the slab's estimate if
    no markers bound it."""
    for rep in point["repetitions"]:
        run = _run(folder, rep["boot"], "run", point)
        series = run.get("series") or {}
        columns, rows = series.get("columns") or [], series.get("rows")
        if not rows or not {"t_ns", "limbo_descriptors", "limbo_pages"} <= set(columns):
            continue
        by_name = dict(zip(columns, np.array(rows, dtype=float).T))
        seconds = by_name["t_ns"] / 1e9
        begin = float(run["params"].get("warmup_ms") or 0) / 1e3
        found = {"boot": rep["boot"], "estimate": False,
                 "begin": begin, "end": begin + run["window"]["window_ns"] / 1e9,
                 "descriptors": (seconds, by_name["limbo_descriptors"]), "pages": (seconds, by_name["limbo_pages"])}
        if not metrics.sampled(run["limbo"]):
            return found | {"estimate": not run["limbo"]["exact"]}
        # Samples have no times: they were taken at equal intervals in the window.
        objects = np.array(_run(folder, rep["boot"], "slab", point).get("objects") or [], dtype=float)
        times = np.linspace(begin, found["end"], len(objects) + 1)[:-1]
        limbo = np.maximum(0, objects - float(run["params"]["nr_folios"]))
        return found | {"estimate": True, "descriptors": (times, limbo)}
    return None


def _over_time(section: Section, folder: Path) -> Iterator[Plot]:
    """Plot descriptors and pages in limbo from the warm-up to the end of one run."""
    found = {point["protocol"]: series for point in section.points if (series := _series(folder, point))}
    for what in ("descriptors", "pages"):
        if not (drawn := {name: series for name, series in found.items() if series[what][1].any()}):
            continue
        name = f"{section.id}-time-{what}"
        title = f"{what.capitalize()} in limbo over time"
        figure, ax = svg.axes(2.5)
        handles, peaks = [], []
        for protocol, series in drawn.items():
            look, mark = svg.style(protocol), "~" * (series["estimate"] and what == "descriptors")
            peaks.append(f"{protocol} up to {mark}{table.si(series[what][1].max())}, median {mark}{table.si(median(series[what][1]))}")
            # No dashes: they cannot be seen in a sawtooth.
            handles += ax.plot(*series[what], color=look.colour, linewidth=1, marker=look.marker, markersize=4.5,
                               markevery=max(1, len(series[what][0]) // 8))
        nothing = [protocol for protocol in found if protocol not in drawn]
        text = f"{what.capitalize()} in limbo: {'; '.join(peaks)}." + (
            f" None at any time: {', '.join(nothing)}." if nothing else "")
        first = next(iter(drawn.values()))
        ax.axvspan(first["begin"], first["end"], color="#eeeeee", zorder=0)
        svg.scale(ax, "y", [0, *(series[what][1].max() for series in drawn.values())], table.si)
        ax.set_xlabel("seconds; grey: measured")
        ax.set_ylabel(what)
        svg.legend(figure, handles, [_labels(section)[protocol] for protocol in drawn])
        boots = sorted({series["boot"] for series in drawn.values()})
        caption = f"One run each, of boot {', '.join(map(str, boots))}."
        if any("~" in peak for peak in peaks):
            caption += " kfree_rcu's (~) is not counted: the notes say what it is."
        yield Plot(name, title, text, svg.svg(figure, name, f"{title}, {section.title}", text), caption)


def of_section(section: Section, folder: Path) -> list[Plot]:
    found: list[Plot] = []
    if not section.x and section.having("limbo_descriptor_bytes_mean"):
        found += _over_time(section, folder)
    for group in section.present():
        found += _curves(section, group) if group.kind == "curve" else [_group(section, group)]
    return found
