# SPDX-License-Identifier: GPL-2.0
"""What a report compares: sections of points, and groups of metrics that share a plot and are rows of the table."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..result import metrics
from ..result.result import against_of, grouped
from ..verdict import PASS, worst
from . import summary, table
from .curves import title as title_of

Point = dict[str, Any]
Figures = dict[str, Any]


LIMBO_CLOCK = ("Limbo is the rate of frees x the grace period, and the emulated clock makes both: it does not rank the arms, "
               "except where it is a batch (hazptr) or has a ceiling (rcu_bounded).")


@dataclass(frozen=True)
class Group:
    """The metrics of one plot, with their titles. {lookups} stands for what the path's readers count."""
    key: str
    title: str
    metrics: dict[str, str]
    kind: str = "dots"             # dots, bars, cdf, curve
    ranked: bool = False           # only speed: left out if the clock is emulated
    histogram: str = ""            # the latency that a cdf shows


INSTRUCTIONS = (
    Group("lookup", "Instructions per {lookup}", {
        "instructions_per_lookup": "instructions per {lookup}",
        "opencoded_instructions_per_lookup": "the same open-coded"}, "bars"),
    Group("turnover", "Instructions per turnover", {"instructions_per_turnover": "instructions per turnover"}, "bars"),
)
GROUPS = (
    Group("limbo-descriptors", "Descriptors in limbo", {
        "limbo_descriptor_bytes_peak": "descriptors in limbo, peak bytes",
        "limbo_descriptor_bytes_mean": "descriptors in limbo, mean bytes",
        "limbo_pointer_bytes_bound": "kfree_rcu's full pages of pointers, estimated, bytes"}),
    Group("limbo-pages", "Pages in limbo", {
        "limbo_page_bytes_peak": "pages in limbo, peak bytes",
        "limbo_page_bytes_mean": "pages in limbo, mean bytes"}),
    Group("cached", "Free descriptors that the slab has cached", {
        "cached_bytes_mean": "cached by the slab, mean bytes",
        "cached_percpu_bytes_mean": "cached per CPU and barn, mean bytes"}),
    Group("retries", "What kept {lookups} from succeeding at once", {
        "tryget_zero_per_million": "tryget met zero, per million {lookups}",
        "recheck_fail_per_million": "recheck failed, per million {lookups}",
        "fallbacks_per_million": "fell back, per million {lookups}",
        "hazard_moved_per_million": "hazard moved, per million {lookups}",
        "seq_retries_per_million": "copied again, per million {lookups}",
        "seq_fallbacks_per_million": "took a reference after all, per million {lookups}"}),
    Group("tries", "Tries of the worst lookup", {"tries_worst": "tries of the worst lookup"}),
    Group("reuse", "From a descriptor's free to its next allocation", {
        "reuse_ns_p50": "reused after, p50",
        "reuse_ns_p99": "reused after, p99"}),
    Group("gp", "Grace periods", {
        "gp_ns_mean": "grace period, mean",
        "gp_ns_p50": "grace period, p50",
        "gp_ns_p99": "grace period, p99"}, "cdf", histogram="gp"),
    Group("drain", "Until all was reusable", {"drain_ns": "until all was reusable, at the end"}),
    Group("latency", "Lookup latency", {
        "lookup_ns_p50": "lookup latency, p50",
        "lookup_ns_p99": "lookup latency, p99"}, "cdf", histogram="lookup"),
    Group("expedited", "Expedited grace periods", {"expedited_per_second": "expedited grace periods, per second"}),
    Group("time", "Time by {lookup}", {"ns_per_lookup": "time of a reader, by {lookup}"}, ranked=True),
    Group("beside", "Beside a {lookup}", {
        "opencoded_ns_per_lookup": "the same by hand",
        "called_ns": "by hand, called, on a file",
        "filemap_get_folio_ns": "filemap_get_folio() and folio_put()",
        "kernel_read_ns": "kernel_read() of 64 bytes",
        "refscale_ns": "refscale's loop of its like"}, ranked=True),
    Group("over", "A {lookup} over what was timed beside it", {
        "ns_per_lookup_over_opencoded": "over the same by hand",
        "opencoded_ns_over_filemap_get_folio": "by hand, over filemap_get_folio() and folio_put()",
        "called_ns_over_filemap_get_folio": "by hand, called, on the same file, over that",
        "ns_per_lookup_over_refscale": "over refscale's loop of its like"}, ranked=True),
    Group("lookups", "{lookups} per second", {"lookups_per_second": "{lookups} per second"}, ranked=True),
    Group("turnovers", "Turnovers per second", {"turnovers_per_second": "turnovers per second"}, ranked=True),
)


@dataclass(frozen=True)
class Section:
    """Points that are compared with one another, and by which groups."""
    id: str                        # in HTML; the ids of the plots begin with it
    title: str
    path: str
    points: list[Point]
    groups: tuple[Group, ...]
    x: str = ""                    # the parameter on a curve's x axis
    counted: bool = False          # it is instructions
    emulated: bool = False         # the clock is emulated

    def plot_id(self, group: Group) -> str:
        return f"{self.id}-{group.key}"

    def words(self, text: str) -> str:
        """A group's or a metric's title on this path."""
        lookups = metrics.lookups(self.path)
        text = text.replace("{lookups}", lookups).replace("{lookup}", lookups.removesuffix("s"))
        return text[:1].upper() + text[1:] if text.startswith(lookups) else text

    def having(self, metric: str, protocol: str = "") -> list[Point]:
        return [point for point in self.points if metric in point["summary"] and protocol in ("", point["protocol"])]

    def figures(self, group: Group) -> list[Figures]:
        return [point["summary"][metric] for metric in group.metrics for point in self.having(metric)]

    def timed(self, group: Group) -> dict[str, list[Figures]]:
        """Histograms of each protocol that has timed anything: one for each repetition."""
        found = ((point["protocol"], (rep["latency"] or {}).get(group.histogram)) for point in self.points for rep in point["repetitions"])
        return grouped((protocol, own) for protocol, own in found if own and own["count"] and own["buckets"])

    def present(self) -> list[Group]:
        """Groups for which any point has a figure or a histogram."""
        return [group for group in self.groups if self.figures(group) or (group.histogram and self.timed(group))]


def told(point: Point, metric: str) -> str:
    """Median and interval, with a mark if they are not exact."""
    how, figures = metrics.unit(metric), point["summary"][metric]
    return f"{metrics.mark(point, metric)}{how(figures['median'])} {table.interval(figures, how)}".rstrip()


def numbers(found: Iterable[Figures]) -> list[float]:
    """All values that a plot of these figures shows."""
    return [value for figures in found for value in (figures["median"], figures["low"], figures["high"])
            if value is not None]


def _counted(points: list[Point], against: dict[str, str]) -> list[tuple[str, list[Point]]]:
    """Points that count instructions, by what they count. A lost point goes with the others of its workload."""
    workloads = {point["workload"] for point in points if any("instructions" in name for name in point["summary"])}
    own = [point for point in points if point["workload"] in workloads]
    kinds = summary.kinds_of([point for point in own if point["summary"]], against)
    for point in own:
        if not point["summary"]:
            next(found for found in kinds.values() if point["workload"] in {p["workload"] for p in found}).append(point)
    return [(words, sorted(found, key=points.index)) for words, found in kinds.items()]


def _of_path(result: dict[str, Any], path: str) -> list[tuple[str, list[Point], tuple[Group, ...], str]]:
    suite = result["environment"]["suite"]
    curves = suite.get("curves") or {}
    own = [point for point in result["points"] if point["path"] == path]
    against = against_of(suite)
    counted = _counted([point for point in own if point["workload"] not in curves], against)
    done = {point["workload"] for _, points in counted for point in points}
    found: list[tuple[str, list[Point], tuple[Group, ...], str]] = []
    plain = tuple(group for group in GROUPS if not (group.ranked and result["environment"]["times_emulated"]))
    # A curve's metric has the title that it has in other plots, if any.
    titles = {name: title for group in INSTRUCTIONS + GROUPS for name, title in group.metrics.items()}
    for workload, points in grouped((point["workload"], point) for point in own).items():
        title = f"{workload}: {suite['workloads'].get(workload, workload)}"
        title += f", against {against[workload]}" if workload in against else ""
        if workload in curves:
            names = {metric: titles.get(metric) or title_of(metric) for metric in curves[workload]["show"]}
            groups = tuple(Group(f"curve-{metric.replace('_', '-')}", (own := name[:1].upper() + name[1:]), {metric: own}, "curve")
                           for metric, name in names.items())
            found.append((title, points, groups, curves[workload]["x"]))
        elif workload not in done:
            found.append((title, points, plain, ""))
    # Last, because they explain and rank nothing.
    found += [("".join(["instructions", *words.partition(", ")[1:]]), points, INSTRUCTIONS, "") for words, points in counted]
    return sorted(found, key=lambda one: summary.counts(one[1]))


def sections(result: dict[str, Any], prefix: str = "s") -> list[Section]:
    """The sections of a result, path by path; their ids begin with @prefix."""
    parts = [(path, *part) for path in dict.fromkeys(point["path"] for point in result["points"]) for part in _of_path(result, path)]
    return [Section(f"{prefix}-{number}", title, path, points, groups, x, summary.counts(points), result["environment"]["times_emulated"])
            for number, (path, title, points, groups, x) in enumerate(parts, 1)]


def _believed(section: Section, metric: str) -> list[Point]:
    """Points that have the metric and passed."""
    return [point for point in section.having(metric) if point["verdict"] == PASS]


def _tested(point: Point, metric: str, baseline: str) -> str:
    """A figure, and the outcome of its test against the baseline."""
    figures = point["summary"][metric]
    words = {"": "", "-": "", "n.d.": f", no difference to {baseline} shown", "few": ", too few boots for a test", "diff.": f", different from {baseline}"}
    how = summary.ratio(figures, False) if "ratio" in figures else ""
    said = words.get(how, f", {how} of {baseline}")
    p = f" (p {figures['p']:.2g})" if said and figures["p"] is not None else ""
    return f"{point['protocol']} {told(point, metric)}{said}{p}"


def _lookups(section: Section, baseline: str) -> str:
    """Lookups per second, unless the clock is emulated."""
    points = _believed(section, "lookups_per_second")
    if not points or not all(point["summary"]["lookups_per_second"]["rankable"] for point in points):
        return ""
    return (f"{section.words('{lookups}')} per second ({section.title.partition(':')[0]}): "
            f"{'; '.join(_tested(point, 'lookups_per_second', baseline) for point in points)}.")


def _limbo(section: Section) -> str:
    """The mean bytes in limbo of each protocol."""
    kinds = {"limbo_page_bytes_mean": "of pages", "limbo_descriptor_bytes_mean": "of descriptors"}
    held = grouped((point["protocol"], f"{told(point, metric)} {kind}" * any(point["summary"][metric][end] for end in ("median", "high")))
                   for metric, kind in kinds.items() for point in _believed(section, metric))
    if not held:
        return ""
    nothing = [protocol for protocol, texts in held.items() if not any(texts)]
    parts = [f"{protocol} {' and '.join(filter(None, texts))}" for protocol, texts in held.items() if any(texts)]
    parts += [f"nothing under {', '.join(nothing)}"] if nothing else []
    return f"Mean bytes in limbo ({section.title.partition(':')[0]}): {'; '.join(parts)}."


def says(found: list[Section], baseline: str = "", times: bool = False) -> list[str]:
    """A few sentences on the sections of one path: figures that passed, in the suite's order, with no claim beyond the
    tests, and no rates if the clock is emulated."""
    points = [point for section in found for point in section.points]
    sentences = []
    if bad := [point for point in points if point["verdict"] != PASS]:
        sentences.append(f"{len(bad)} of {len(points)} points did not pass ({worst([p['verdict'] for p in bad])} at "
                         "worst); their figures are in the table and not in these sentences.")
    plain = [section for section in found if not section.counted and not section.x]
    limbo = next(filter(None, map(_limbo, plain)), "")
    sentences += filter(None, (next(filter(None, (_lookups(section, baseline) for section in plain)), ""), limbo))
    if limbo and any(section.emulated for section in plain):
        sentences.append(LIMBO_CLOCK)
    if baseline and plain:
        sentences.append("Every arm is tested against every other in time and in turnovers: see the pairs." if times else
                         f"Arms are tested against {baseline} alone, not against each other: no order of them is claimed.")
    if without := dict.fromkeys(point["protocol"] for point in points if not summary.holds(point)):
        sentences.append(f"{', '.join(without)} cannot hold a folio past its section: the figures are of users who "
                         "need not.")
    return sentences
