# SPDX-License-Identifier: GPL-2.0
"""answer: the answer of results as README.md has it, and what changed from one kernel's to another's.

One table of several suites, and what it does not say. The report and README show the same.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import traits
from ..result import metrics, result, stats
from ..result.environment import left_out, releases
from ..result.result import against_of
from ..show import changes, report_sections, summary, table
from ..show.report_sections import Point, Section
from ..verdict import PASS

PATH = "pagecache"
X = "free_rate"
# Protocols in the order of the table. Each is defined by what frees its descriptor; None: there is no choice.
DEFERRAL = {name: one["deferral"] if one["deferrals"] else None for name, one in traits.PROTOCOLS.items()}
LIMBO = {"limbo_descriptor_bytes_mean": "descriptors in limbo, mean B", "limbo_page_bytes_mean": "pages in limbo, mean B"}
GRACE_PERIOD = "gp_ns_mean"
# Where the clock is real.
SPEED = {metrics.TIME: "time / lookup", "turnovers_per_second": "turnovers/s"}
# Wilcox's, 1 to 3; and those that answer "or propose a fourth".
OPTIONS = ("typesafe", "rcu_desc", "rcu_full")
FOURTH = ("hazptr", "hazptr_cpu", "rcu_bounded")
ARGUMENTS = {"folder": {"nargs": "+", "metavar": "DIR", "help": "with a result.json or result.json.xz; one for each suite"},
             "--before": {"nargs": "+", "metavar": "DIR", "help": "those of an older kernel: show what changed"}}


@dataclass(frozen=True, eq=False)
class Measured:
    """A suite's result, and what of it is compared; each is its own key."""
    result: dict[str, Any]
    sections: list[Section]

    @property
    def environment(self) -> dict[str, Any]:
        return self.result["environment"]

    @property
    def name(self) -> str:
        return self.environment["suite"]["name"]


@dataclass(frozen=True)
class Figure:
    """A figure, its plot in the report, and beside it its interval and what a test said."""
    text: str
    plot: str = ""
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One cost of all options."""
    title: str
    source: Measured
    where: str                     # suite and workload
    cells: dict[str, Figure]       # by protocol
    metric: str
    points: dict[str, list[Point]]


def _own(section: Section, metric: str) -> dict[str, list[Point]]:
    """Points that passed and defer as the option does, by protocol."""
    found = result.grouped((point["protocol"], point) for point in section.having(metric) if point["verdict"] == PASS
                           and DEFERRAL.get(point["protocol"]) in (None, result.resolved(point).get("deferral")))
    return {name: found[name] for name in DEFERRAL if name in found}


def figure(points: list[Point], metric: str, plot: str) -> Figure:
    """Of one point its median and interval; of several the smallest and the largest median."""
    ordered = sorted(points, key=lambda point: point["summary"][metric]["median"])
    texts = [report_sections.told(point, metric) for point in (ordered[0], ordered[-1])]
    if len(points) > 1:
        return Figure(" to ".join(dict.fromkeys(text.partition(" ")[0] for text in texts)), plot)
    text, _, interval = texts[0].partition(" ")
    figures = points[0]["summary"][metric]
    # Instructions are compared with those written by hand alone.
    how = summary.ratio(figures, False) if "ratio" in figures and not metrics.METRICS[metric].deterministic else ""
    return Figure(text, plot, tuple(filter(None, (interval, how.strip("-")))))


def _row(source: Measured, section: Section, metric: str, title: str) -> Row | None:
    own = _own(section, metric)
    group = next((group for group in section.present() if metric in group.metrics), None)
    if not own or not group:
        return None
    counts = [len({rep["boot"] for rep in point["repetitions"] if metric in rep["metrics"] and not rep.get("stolen")})
              for points in own.values() for point in points]
    boots = max(counts)
    told = f"{min(counts)} to {boots}" if min(counts) < boots and _asks_for_times(source) else f"{boots}"
    emulated = any(not point["summary"][metric]["rankable"] for points in own.values() for point in points)
    return Row(f"{title}{f' ({metrics.why_not(metric)})' * emulated}", source,
               f"{source.name}: {section.title.partition(':')[0]}, {told} boot{'s' * (boots != 1)}",
               {name: figure(points, metric, section.plot_id(group)) for name, points in own.items()}, metric, own)


def _curves(source: Measured) -> Iterator[tuple[Section, str]]:
    """Sections over the free rate, and the rates in words."""
    for section in source.sections:
        rates = [point["axes"][X] for point in section.points if X in (point.get("axes") or {})]
        if section.path == PATH and section.x == X and rates:
            yield section, f"{table.si(min(rates))} to {table.si(max(rates))} frees/s asked for"


def _plain(sources: Sequence[Measured]) -> list[tuple[Measured, Section, str]]:
    """For each free rate the section with most options, the first of those."""
    by_rate = result.grouped(
        (section.points[0]["params"].get(X) or 0, (source, section)) for source in sources for section in source.sections
        if section.path == PATH and not section.x and _own(section, next(iter(LIMBO)))
        and section.points[0]["workload"] not in against_of(source.environment["suite"]))
    return [(*max(by_rate[rate], key=lambda one: len(_own(one[1], next(iter(LIMBO))))),
             f"{table.si(rate)} frees/s asked for" if rate else "full rate")
            for rate in sorted(by_rate, key=lambda rate: rate or float("inf"))]


def _asks_for_times(source: Measured) -> bool:
    """Whether its windows are too short for limbo, as they are many."""
    return source.environment["suite"].get("times", False)


def rows(sources: Sequence[Measured]) -> list[Row]:
    """What of the suites decides between the options, and may be said."""
    found: list[Row | None] = []
    plain = _plain([source for source in sources if not _asks_for_times(source)])
    for source in sources:
        if not source.environment["times_emulated"]:
            # A rate that freers were asked for is not what they could do.
            found += [_row(source, section, metric, f"{title}, {source.environment['suite']['workloads'][workload]}")
                      for metric, title in SPEED.items() for section in source.sections
                      if not section.x and (workload := section.points[0]["workload"]) not in
                      against_of(source.environment["suite"]) and (metric == metrics.TIME or not section.points[0]["params"].get(X))]
    for metric, title in LIMBO.items():
        found += [_row(source, section, metric, f"{title}, {where}")
                  for source in sources for section, where in _curves(source)]
        found += [_row(source, section, metric, f"{title}, {where}") for source, section, where in plain]
    found += [_row(source, section, GRACE_PERIOD, f"grace period, mean, {where}")
              for source in sources for section, where in _curves(source)]
    return [row for row in found if row]


def protocols(of: list[Row]) -> list[str]:
    """All that have a figure, in the order of the table."""
    return [name for name in DEFERRAL if any(name in row.cells for row in of)]


def revisions(sources: Sequence[Measured]) -> str:
    """That one answer is made of several revisions, if it is."""
    by_revision = result.grouped((source.environment["revision"], source.name) for source in sources)
    if len(by_revision) < 2:
        return ""
    told = "; ".join(f"{name} ({', '.join(names)})" for name, names in by_revision.items())
    return f"These suites ran at {len(by_revision)} revisions of folioscale, between which its code changed: {told}."


def _kernels(envs: list[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(name for env in envs for name in releases(env))) or "an unknown kernel"


def _place(point: Point) -> str:
    return point["workload"] if point["path"] == PATH else table.place(point["path"], point["workload"])


def _compared(other: str, tested: dict[str, Point], doubted: set[str]) -> str:
    """In which workloads the tests show that a lookup takes less, or more, than one of @other; @tested: a comparison for each;
    @doubted: where the loops by hand do not show it."""
    shown = [at for at, figures in tested.items() if figures["p"] < stats.ALPHA]
    few = [at for at, figures in tested.items() if at not in shown and figures.get("few")]

    def told(at: str) -> str:
        only = ", not shown by hand" * (at in doubted)
        return f"{at} ({tested[at]['ratio']:.2f}x{only})" if tested[at]["ratio"] else at

    # Beside a zero there is no ratio.
    less = [at for at in shown if tested[at]["ratio"] and tested[at]["ratio"] < 1]
    parts = {"less": less, "more": [at for at in shown if at not in less],
             "no difference shown": [at for at in tested if at not in shown + few], "too few boots": few}
    texts = {word: ", ".join(map(told, found)) for word, found in parts.items() if found}
    return f"against `{other}` {', '.join(f'{word} in {text}' for word, text in texts.items())}"


def _doubted(source: Measured) -> dict[frozenset[str], set[str]]:
    """For each pair of arms the workloads in which only the harness shows a difference, and the loops by hand do not."""
    found: dict[frozenset[str], set[str]] = defaultdict(set)
    for place, pairs in result.grouped((_place(pair), pair) for pair in source.result.get("pairs", [])).items():
        by_metric = result.grouped((pair["metric"], pair) for pair in pairs)
        doubted = result.only_in_harness(by_metric.get(metrics.TIME, []), by_metric.get(metrics.BY_HAND, []))
        for one, other in ((one, other) for one, others in doubted.items() for other in others):
            found[frozenset((one, other))].add(place)
    return found


def tested(of: list[Row]) -> Iterator[str]:
    """What the tests show of each protocol's lookups: against the baseline and, of Wilcox's options and the fourth ones,
    against those of them that are named before it."""
    own = [row for row in of if row.metric == metrics.TIME]
    names = protocols(own)
    for source in dict.fromkeys(row.source for row in own):
        baseline = source.environment["suite"]["baseline"]
        passed = {(_place(point), name) for row in own if row.source is source for name in row.points for point in row.points[name]}
        pairs = [pair for pair in source.result.get("pairs", []) if pair["metric"] == metrics.TIME and pair["p"] is not None
                 and {(_place(pair), pair["protocol"]), (_place(pair), pair["other"])} <= passed]
        # Each is also the comparison that is seen from the other arm.
        pairs = [one for pair in pairs for one in (
            pair, pair | {"protocol": pair["other"], "other": pair["protocol"], "ratio": pair["ratio"] and 1 / pair["ratio"]})]
        doubted = _doubted(source)
        for name in names:
            others = result.grouped((pair["other"], pair) for pair in pairs if pair["protocol"] == name)
            wanted = [other for other in [baseline, *names] if other in others and (
                other == baseline or (baseline != name and {name, other} <= {*OPTIONS, *FOURTH} and names.index(other) < names.index(name)))]
            if wanted:
                holds = all(summary.holds(point) for row in own if row.source is source for point in row.points.get(name, []))
                yield f"A lookup of `{name}`{'' if holds else ', which cannot hold a folio'}, time: " + "; ".join(
                    _compared(other, {_place(pair): pair for pair in others[other]}, doubted[frozenset((name, other))])
                    for other in dict.fromkeys(wanted)) + "."


def _calibrated(sources: Sequence[Measured]) -> Iterator[str]:
    """How today's arm compares with the kernel's own functions, which were timed beside it."""
    over, harness, called = "opencoded_ns_over_filemap_get_folio", "ns_per_lookup_over_opencoded", "called_ns_over_filemap_get_folio"
    for source in sources:
        for point in source.result["points"]:
            if {over, harness, called} <= point["summary"].keys() and point["verdict"] == PASS:
                yield (f"Calibration, in the same boots ({_place(point)}): a lookup of `{point['protocol']}` takes "
                       f"{report_sections.told(point, harness)} of the same by hand, and that takes {report_sections.told(point, over)} of "
                       f"filemap_get_folio() and folio_put() on a file in tmpfs ({report_sections.told(point, 'filemap_get_folio_ns')}). "
                       "Those are called, and lookups of all arms are inline: a lookup of that file by hand, through a function that is called, takes "
                       f"{report_sections.told(point, called)} of filemap_get_folio() and folio_put(). A "
                       f"kernel_read() of 64 bytes of that file takes {report_sections.told(point, 'kernel_read_ns')}.")


def says(of: list[Row]) -> list[str]:
    """What the table is of, what the tests show, and what it does not say; a list."""
    sources = list(dict.fromkeys(row.source for row in of))
    envs = [source.environment for source in sources]
    times = [env for env in envs if not env["times_emulated"]]
    emulated = [env for env in envs if env["times_emulated"]]
    baselines = dict.fromkeys(env["suite"]["baseline"] for env in emulated or envs if env["suite"]["baseline"])
    found = [f"Times are of {_kernels(times)}, on the CPU itself: "
             f"{', '.join(dict.fromkeys(str(env['cpu']) for env in times))}."] if times and emulated else []
    found.append(f"{'The rest is of' if found else 'Of'} {_kernels(emulated or envs)}"
                 + (f" with path={PATH}, under emulation (QEMU without KVM)." if emulated else ", on a real CPU's clock."))
    found += tested(of)
    found += _calibrated(sources)
    if emulated:
        found.append("Not known: " + "which option is faster on a real CPU, for a lookup or for a turnover, and " * (not times)
                     + f"how long memory takes to come back {'on a real CPU' if times else 'there'}.")
    if revisions(sources):
        found.append(revisions(sources))
    for own, what in ((times, "the times"), (emulated, "the rest")):
        missing = dict.fromkeys(left_out(env) for env in own)
        found += [f"Not in {what if times and emulated else 'these figures'}: {' | '.join(missing)}."] if own else []
    if emulated:
        found.append(report_sections.LIMBO_CLOCK)
    if baselines:
        found += ["In times every arm is tested against every other of its workload, and Holm is over those pairs: in one run of "
                  "twenty, at most, something wrong is said of a workload. x: a ratio of times within a boot, in the table to "
                  f"{', '.join(dict.fromkeys(str(env['suite']['baseline']) for env in times))}. Freers at full rate do not reach the same rate under "
                  "all arms (turnovers/s), so their readers do not meet as many removals."] * bool(times)
        found += [f"In limbo options 1, 2 and 3 ({', '.join(OPTIONS)}) are tested only against {', '.join(baselines)}, whose limbo is 0: no "
                  "order of them is claimed."] * bool(emulated or not times)
    found.append("[ ]: interval of the median over the boots of one run; a run on another day may lie outside. a to b: "
                 "smallest and largest median over the rates; one boot has no interval. " + _inexact(sources) + "Rates "
                 "asked for are not always reached (summary.txt has what was). full rate: what the freer of each arm reached, "
                 "which is not the same rate. Empty: not measured there."
                 + " n.d.: no difference shown; few: too few boots for that, as the host took a CPU away." * bool(times))
    return found


def _inexact(sources: Sequence[Measured]) -> str:
    """What a ~ stands for here."""
    limbos = [rep["limbo"] for source in sources for point in source.result["points"] for rep in point["repetitions"]
              if rep["limbo"] and not rep["limbo"]["exact"]]
    ways = {metrics.sampled(limbo) for limbo in limbos}
    said = ["an upper bound, up to two sheaves a CPU too high"] * (False in ways)
    said += ["an estimate, from samples of the slab 0.1 s apart"] * (True in ways)
    return f"~: {' or '.join(said)}. " if said else ""


def markdown(sources: Sequence[Measured]) -> str:
    """The answer as README.md has it."""
    of = rows(sources)
    names = protocols(of)
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for row in of:
        cells = [" ".join((row.cells[name].text, *row.cells[name].more)) if name in row.cells else "" for name in names]
        lines.append(f"| {row.title}; {row.where} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {text}" for text in says(of))]) + "\n"


def load(folders: Sequence[str]) -> list[Measured]:
    found = result.parts_of_all(result.read(result.file_of(Path(folder))) for folder in folders)
    return [Measured(part, report_sections.sections(part, f"s{number}"))
            for number, part in enumerate((part for parts in found for part in parts), 1)]


def main(args: argparse.Namespace) -> None:
    sources = load(args.folder)
    if args.before:
        before, after = ([source.result for source in found if not _asks_for_times(source)] for found in (load(args.before), sources))
        print(changes.markdown(before, after), end="")
    else:
        print(markdown(sources), end="")
