# SPDX-License-Identifier: GPL-2.0
"""report: write report.html for results that are there."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from .. import traits
from ..result import fairness, metrics, power, result, stats
from ..result.environment import left_out, releases
from ..show import report_sections, curves, plots, summary
from ..show.report_sections import Group, Point, Section
from ..show.notes import notes
from ..show.plots import Plot
from ..show.table import Table, place, span
from ..verdict import PASS, SetupError, worst
from . import answer, model
from .answer import Figure, Measured

CSS = Path(__file__).with_name("report.css")
TEMPLATE = Path(__file__).with_name("report.html.j2")
PARTS = TEMPLATE.with_name("report_parts.html.j2")
NAME = "report.html"
ARGUMENTS = {"folder": {"nargs": "+", "metavar": "DIR", "help": "with a result.json or result.json.xz; one for each suite"},
             "--out": {"metavar": "FILE", "help": "(report.html in the first folder)"},
             "--plot": {"metavar": "ID", "action": "append", "default": [], "help": "write this plot beside it, as ID.svg; may be given again"}}
# The protocols by the module's names, and what each does.
OPTIONS = {name: f"descriptor: {one['descriptor']}; pages: {one['pages']}; a reader: {one['reader']}"
           for name, one in traits.PROTOCOLS.items()}
METHOD = (
    "A kernel module has descriptor caches of its own over real page allocations; kernel threads look folios up, "
    "others remove, free, allocate and publish them, and every lookup is checked. A repetition is a boot that runs "
    f"every point once in an order of its own. {metrics.COUNTED}")
# The path is in a point's name, and the protocol in the table of options.
_NAMED = ("path", "protocol")
_PARTS = {"answer": "The answer", "plots": "Plots", "method": "Method", "about": "Machine, fairness, parameters, warnings"}


@dataclass(frozen=True, eq=False)
class Source(Measured):
    """One folder, and what is in it."""
    folder: Path
    plots: dict[str, list[Plot]]     # by the id of their section


# A figure without a plot is a text to highlight.
Cell = str | Figure
Row = list[Cell]


@dataclass(frozen=True)
class Part:
    """A part of the answer: tables, and the text before and after them."""
    title: str = ""
    before: Sequence[str] = ()
    tables: Sequence[Table] = ()
    after: Sequence[str] = ()


def load(folders: Sequence[Path]) -> list[Source]:
    """Read folders and draw what is in them; a part of a result has a folder below that of the whole."""
    sources: list[Source] = []
    for folder, (*times, own) in zip(folders, result.parts_of_all(result.read(result.file_of(folder)) for folder in folders)):
        for part, where in (*((part, folder / part["environment"]["suite"]["name"]) for part in times), (own, folder)):
            sections = report_sections.sections(part, f"s{len(sources) + 1}")
            sources.append(Source(part, sections, where, {section.id: plots.of_section(section, where) for section in sections}))
    return sources


# The answer

def _does(points: list[Point]) -> str:
    """What a lookup does to be sure of its folio."""
    resolved = next(filter(None, map(result.resolved, points)), None)
    if resolved is None:
        return "unknown"
    if resolved.get("locked"):
        return "takes a lock"
    if resolved.get("copies"):
        return "copies, looks at a sequence"
    steps = [word for key, word in (("hazard", "hazard"), ("refcounted", "tryget"), ("recheck", "recheck"))
             if resolved.get(key)]
    return ", ".join(steps) or "nothing"


def _cell(section: Section, group: Group, metric: str, protocol: str) -> Cell:
    """A figure with its interval and a link to its plot; for a curve, the smallest and the largest median."""
    if not (points := section.having(metric, protocol)):
        lost = [point["verdict"] for point in section.points if point["protocol"] == protocol and not point["summary"]]
        return worst(lost) if lost else "n/a"
    return answer.figure(points, metric, section.plot_id(group))


def _verdicts(section: Section, protocols: list[str]) -> list[Row]:
    """A row, unless all points have passed."""
    found = {protocol: [p["verdict"] for p in section.points if p["protocol"] == protocol] for protocol in protocols}
    if all(verdict == PASS for own in found.values() for verdict in own):
        return []
    return [["verdict", *(Figure(worst(own)) if own and worst(own) != PASS else PASS if own else "n/a"
                          for own in found.values())]]


def _metric(section: Section, group: Group, metric: str, protocols: Iterable[str]) -> Row:
    unranked = any(not point["summary"][metric]["rankable"] for point in section.having(metric))
    head = section.words(group.metrics[metric]) + f" ({metrics.why_not(metric)})" * unranked
    return [head, *(_cell(section, group, metric, protocol) for protocol in protocols)]


def _readers(own: dict[str, list[Point]]) -> list[Row]:
    """What a reader does under each option, and if it can hold."""
    ran = [list(filter(result.resolved, points)) for points in own.values()]
    return [["a reader does", *map(_does, own.values())],
            ["can hold a folio past its section", *("unknown" if not points else "yes" if all(map(summary.holds, points)) else "no"
                                                    for points in ran)]]


def _answer(source: Measured, path: str, title: str) -> Part:
    sections = [section for section in source.sections if section.path == path]
    points = [point for point in source.result["points"] if point["path"] == path]
    own = result.grouped((point["protocol"], point) for point in points)
    baseline = source.environment["suite"]["baseline"]
    groups = [("", _readers(own))]
    for section in sections:
        head = section.title + (f", over {section.x}: smallest to largest median" if section.x else "")
        rows = [_metric(section, group, metric, own) for group in section.present() for metric in group.metrics
                if section.having(metric)]
        groups.append((head + f". {metrics.COUNTED}" * section.counted, _verdicts(section, list(own)) + rows))
    pairs = result.against_of(source.environment["suite"])
    others = any(point["workload"] in pairs for point in points)
    to = " or ".join([baseline] * bool(baseline) + ["the same of the workload that a title says against"] * others)
    compared = f", and how it compares with {to} (n.d.: no difference shown; diff.: one is, but 0 has no ratio)"
    caption = (f"{path}: what each option costs. Median, [interval]{compared if to else ''}. n/a: no such step, "
               "or not in this workload. ~: an estimate. Figures lead to their plots.")
    times = source.environment["suite"].get("times", False)
    return Part(title, report_sections.says(sections, baseline, times), [Table(caption, ["cost", *own], groups)])


def _pairs(source: Measured) -> list[Part]:
    """Every arm against every other."""
    groups = []
    for (metric, path, workload), own in result.grouped(((pair["metric"], pair["path"], pair["workload"]), pair)
                                                        for pair in source.result.get("pairs", [])).items():
        rows: list[Row] = [[f"{pair['protocol']} / {pair['other']}", *_ratio_cells(pair)] for pair in own]
        groups.append((f"{curves.title(metric)}, {place(path, workload)}", rows))
    heads = ["pair", "ratio [interval]", "p", "says"]
    return [Part(tables=[Table("Every arm against every other, ratios within a block; Holm over the pairs of a metric, workload and "
                               "path", heads, groups)])] if groups else []


def _ratio_cells(pair: dict[str, Any]) -> list[str]:
    """A pair's ratio with its interval, p, and what they say."""
    if pair["ratio"] is None or pair["p"] is None:
        return ["-", "-", "not tested"]
    interval = "" if pair["ratio_low"] is None else f" [{pair['ratio_low']:.2f}, {pair['ratio_high']:.2f}]"
    says = ("too few boots" if pair.get("few") else "no difference shown") if pair["p"] >= stats.ALPHA else "less" if pair["ratio"] < 1 else "more"
    return [f"{pair['ratio']:.2f}x{interval}", f"{pair['p']:.2g}", says]


def _overview(sources: Sequence[Measured]) -> list[Part]:
    """One table for several suites, which README shows as well."""
    of = answer.rows(sources)
    if len(sources) < 2 or not of:
        return []
    names = answer.protocols(of)
    points = [point for source in sources for section in source.sections if section.path == answer.PATH
              for point in section.points]
    rows = _readers({name: [point for point in points if point["protocol"] == name] for name in names})
    rows += [[f"{row.title}; {row.where}", *(row.cells.get(name, "n/a") for name in names)] for row in of]
    table = Table("What the options keep in limbo. Figures lead to their plots.", ["cost", *names], [("", rows)])
    return [Part("The options in one table", tables=[table], after=answer.says(of))]


def _errs(source: Measured) -> list[Part]:
    """How often comparisons between workloads err."""
    rows, pairs = list(power.rows(source.result, summary.SHOWN)), result.against_of(source.environment["suite"])
    if not rows:
        return []
    groups = result.grouped((f"{place(one.path, one.workload)} against {pairs[one.workload]}, {one.protocol}",
                             [curves.title(one.metric), *power.cells(one.power), "yes" if one.differs else "no"])
                            for one in rows)
    heads = ["metric", *power.HEADS, "called different here"]
    return [Part(tables=[Table("How often this comparison errs", heads, [*groups.items()])], after=power.words(source.result, rows))]


def _answers(sources: Sequence[Measured]) -> list[Part]:
    parts = _overview(sources)
    for source in sources:
        paths = list(dict.fromkeys(section.path for section in source.sections))
        for path in paths:
            where = f", {path}" if len(paths) > 1 or path != "pagecache" else ""
            parts.append(_answer(source, path, f"{source.environment['suite']['question']} ({source.name + where})"))
        parts += _pairs(source)
        parts += _errs(source)
        if not paths:
            parts.append(Part(source.name, ["Nothing was measured."]))
        said = model.of(source.result)
        parts += [] if isinstance(said, str) else [Part(tables=model.tables(said), after=model.legend(said))]
    return parts


def answers(sources: Sequence[Measured]) -> str:
    """The HTML of all parts before the plots."""
    return str(_template(PARTS).module.answer(_answers(sources)))    # type: ignore[attr-defined]


# Plots

def _figures(section: Section, group: Group) -> Table:
    """A curve's figures as a table, for readers who want them exactly."""
    metric = next(iter(group.metrics))
    found = plots.lines(section, metric)
    groups: list[tuple[str, list[Row]]] = [
        (plots.line_label(line), [[str(x), report_sections.told(by_x[x], metric) if by_x[x] else "none"]
                                  for x in plots.places(found) if x in by_x])
        for line, by_x in found.items()]
    return Table(f"{section.words(group.title)}, by {section.x}", [str(section.x), "median [interval]"], groups)


# What it was measured on

def _parameters(source: Source) -> dict[str, Any]:
    """The parameters that are the same everywhere, and the others by workload."""
    families = result.families_of(source.result["points"])
    # A lost point has only the parameters that the suite sets.
    params = {place: result.grouped((name, str(value)) for point in own for name, value in point["params"].items() if name not in _NAMED)
              for place, own in families.items()}
    values = {name: {value for own in params.values() for value in own.get(name, [])} for own in params.values() for name in own}
    common = {name: next(iter(own)) for name, own in values.items() if len(own) == 1}
    differing = [name for name in values if name not in common]
    rows: list[Row] = [[f"{workload}, {path}", *(", ".join(dict.fromkeys(own.get(name, []))) for name in differing)]
                       for (workload, path), own in params.items()]
    return {"parameters": Table("Parameters of the module that differ", ["workload, path", *differing], [("", rows)]),
            "common": " ".join(f"{name}={value}" for name, value in common.items())}


def _fair(source: Source) -> dict[str, Any]:
    """The facts that decide whether a comparison is fair, and the other facts of the kernel."""
    facts = (source.environment["kernel"] or {}).get("facts") or {}
    wanted = dict.fromkeys(facts, "") | dict.fromkeys(fairness.HEAVY_FACTS, "slows everything down")
    rows = [[name, {1: "on", 0: "off"}.get(facts.get(name), "unknown"), "must be off" if name in fairness.UNFAIR_FACTS else wanted[name]]
            for name in dict.fromkeys((*fairness.UNFAIR_FACTS, *facts))]
    unfair = fairness.complaints(facts, {})
    unknown = [name for name in fairness.UNFAIR_FACTS if facts.get(name) is None]
    said = [f"Not known: {', '.join(unknown)}."] if unknown else []
    if not unfair and not unknown:
        said.append(f"Off, as a comparison needs: {', '.join(fairness.UNFAIR_FACTS)}.")
    said.append(f"What slows every option down: {', '.join(fairness.heavy(facts)) or 'nothing that is known'}.")
    said.append("slab_debug is looked for before the first run and after each: with it there is no result.")
    return {"unfair": unfair, "fair": said, "kernel_facts": Table("Kernel facts", ["fact", "is", "for a comparison"], [("", rows)], "text")}


def _boots(source: Source) -> Table:
    keys = ["boot", *["name"] * bool(source.environment["suite"].get("boots")), "accelerator", "state", "seconds", "reason"]
    rows: list[Row] = [[str(boot[key]) for key in keys] for boot in source.environment["boots"]]
    return Table("Boots", keys, [("", rows)], "text")


def _suite(source: Source) -> dict[str, Any]:
    """A suite's plots, and all about it that is not a figure."""
    several = len({section.path for section in source.sections}) > 1
    sections = [{"id": section.id, "title": f"{section.path}, {section.title}" if several else section.title,
                 "said": [metrics.COUNTED] * section.counted, "plots": source.plots[section.id],
                 "figures": {section.plot_id(group): _figures(section, group) for group in section.present() if group.kind == "curve"}}
                for section in source.sections]
    command = source.folder / "command"
    kept = command.read_text(encoding="utf-8", errors="replace") if command.is_file() else ""
    layout = "; ".join(f"{name}: {text}" for name, text in source.environment["cpu_layout"].items())
    return {"name": source.name, "sections": sections,
            "timed": any("-time-" in plot.id for found in source.plots.values() for plot in found),
            "facts": summary.facts(source.result) | {"CPU layout": layout or "unknown"},
            "machines": summary.all_machines(source.environment), "boots": _boots(source),
            "notes": [" ".join(text.split()) for text in notes(source.result)],
            "command": kept} | _fair(source) | _parameters(source)


def _of_runs(sources: list[Source]) -> str:
    """A line on suites that have the same verdict: the verdict, machines, revisions and dates."""
    envs = [source.environment for source in sources]
    names, kernels, cpus, revisions = (", ".join(dict.fromkeys(found)) for found in (
        (source.name for source in sources), (name for env in envs for name in releases(env)),
        (env["cpu"] or "unknown CPU" for env in envs), (env["revision"] for env in envs)))
    line = (f"Suite{'s' * (len(sources) > 1)} {names}: {sources[0].result['verdict']}; {kernels or 'an unknown kernel'}, {cpus}; "
            f"folioscale {revisions}, {span(env['date'] for env in envs)}.")
    return line + "".join(f" Cut short: {env['interrupted']}." for env in envs if env["interrupted"])


def render(sources: list[Source]) -> str:
    """The page: self-contained, without scripts."""
    emulated = [source for source in sources if source.environment["times_emulated"]]
    whose = "" if len(emulated) == len(sources) else f" ({', '.join(source.name for source in emulated)})"
    well = [source for source in sources if source.result["verdict"] == PASS and not source.environment["interrupted"]]
    used = list(dict.fromkeys(point["protocol"] for source in sources for point in source.result["points"]))
    return _template(TEMPLATE).render(
        title=summary.TITLE, names=", ".join(source.name for source in sources), css=CSS.read_text(encoding="utf-8"), parts=_PARTS,
        emulated=summary.EMULATED + (whose or f" {summary.NOT_KNOWN}") if emulated else "", well=[_of_runs(well)] if well else [],
        warnings=[*filter(None, [answer.revisions(sources)]), *(_of_runs([source]) for source in sources if source not in well)],
        answers=_answers(sources), suites=[_suite(source) for source in sources],
        method=METHOD, options={name: OPTIONS.get(name, "not described here") for name in used},
        legends=dict.fromkeys(text for source in sources for text in summary.legend(source.result)),
        left_out=dict.fromkeys(left_out(source.environment) for source in sources)) + "\n"


def _template(file: Path) -> Template:
    found = Environment(loader=FileSystemLoader(file.parent), autoescape=True, undefined=StrictUndefined)
    return found.get_template(file.name)


def write(folders: list[Path], file: Path, wanted: Sequence[str] = ()) -> list[Path]:
    """Write the report, and the @wanted plots as files, each completely or not at all; return the files."""
    sources = load(folders)
    # A link to a plot in the page ends with its id.
    known = {plot.id: plot.svg for source in sources for plots_of in source.plots.values() for plot in plots_of if plot.svg}
    if unknown := [name for name in wanted if name not in known]:
        raise SetupError(f"--plot {unknown[0]}: no such plot; known: {', '.join(known)}")
    texts = {file: render(sources)} | {file.with_name(f"{name}.svg"): f"{known[name]}\n" for name in wanted}
    for path, text in texts.items():
        result.write_text(path, text)
    return list(texts)


def main(args: argparse.Namespace) -> None:
    folders = [Path(folder) for folder in args.folder]
    first = folders[0] if folders[0].is_dir() else folders[0].parent
    file = Path(args.out) if args.out else first / NAME
    print("\n".join(str(path) for path in write(folders, file, args.plot)))
