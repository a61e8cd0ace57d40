# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale report: report.html, results for somebody who has neither this tree nor the time to read it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from . import answer, costs, curves, fairness, metrics, model, plots, power, result, summary, traits
from .answer import Measured
from .costs import Group, Point, Section
from .environment import left_out, releases
from .notes import notes
from .plots import Plot
from .table import place
from .verdict import PASS, SetupError, worst

CSS = Path(__file__).with_name("report.css")
NAME = "report.html"
# What the module calls them, and what they are.
OPTIONS = {name: f"descriptor: {one['descriptor']}; pages: {one['pages']}; a reader: {one['reader']}"
           for name, one in traits.PROTOCOLS.items()}
METHOD = (
    "A kernel module has descriptor caches of its own over real page allocations; kernel threads look folios up, "
    "others remove, free, allocate and publish them, and every lookup is checked. A repetition is a boot that runs "
    f"every point once in an order of its own. {metrics.COUNTED}")
# A parameter that names the point, and one that stands in the table of options.
_NAMED = ("path", "protocol")


@dataclass(frozen=True)
class Source(Measured):
    """One folder, and what is in it."""
    folder: Path
    plots: dict[str, list[Plot]]     # by a section's id


def load(folder: Path, number: int) -> Source:
    """Read a folder and draw what is in it."""
    found = result.read(result.file_of(folder))
    sections = costs.sections(found, f"s{number}")
    return Source(found, sections, folder, {section.id: plots.of_section(section, folder) for section in sections})


def _table(caption: str, head: list[str], body: str, kind: str = "") -> str:
    """A table in a box that scrolls; the first of @head is over the rows' own heads."""
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    return (f'<div class="box" role="region" tabindex="0" aria-label="{escape(caption)}"><table class="{kind}">'
            f"<caption><span>{escape(caption)}</span></caption><thead><tr>{heads}</tr></thead>{body}</table></div>")


def _row(head: str, cells: list[str]) -> str:
    """Cells are HTML already."""
    return f'<tr><th scope="row">{escape(head)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _group(title: str, columns: int, rows: str) -> str:
    """Rows under a head of their own."""
    return (f'<tbody><tr><th scope="rowgroup" colspan="{columns}"><span>{escape(title)}</span></th></tr>'
            f"{rows}</tbody>")


def _list(pairs: dict[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in pairs.items())}</dl>"


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{inside}</details>"


# The answer

def _does(points: list[Point]) -> str:
    """What a lookup does to be sure of its folio."""
    resolved = next((rep["resolved"] for point in points for rep in point["repetitions"] if rep["resolved"]), None)
    if resolved is None:
        return "unknown"
    if resolved.get("locked"):
        return "takes a lock"
    if resolved.get("copies"):
        return "copies, looks at a sequence"
    steps = [word for key, word in (("hazard", "hazard"), ("refcounted", "tryget"), ("recheck", "recheck"))
             if resolved.get(key)]
    return ", ".join(steps) or "nothing"


def _holds(points: list[Point]) -> str:
    ran = [point for point in points if any(rep["resolved"] for rep in point["repetitions"])]
    return "unknown" if not ran else "yes" if all(map(summary.holds, ran)) else "no"


def _cell(section: Section, group: Group, metric: str, protocol: str) -> str:
    """A figure with its interval, linked to its plot; of a curve the smallest and the largest median."""
    points = section.having(metric, protocol)
    if not points:
        lost = [point["verdict"] for point in section.points if point["protocol"] == protocol and not point["summary"]]
        return escape(worst(lost)) if lost else "n/a"
    return _figure(answer.cell(points, metric), section.plot_id(group))


def _figure(cell: answer.Cell, plot: str) -> str:
    return (f'<a href="#{plot}">{escape(cell.text)}</a>' + "".join(f"<span>{escape(line)}</span>" for line in cell.more))


def _verdicts(section: Section, protocols: list[str]) -> str:
    """A row where not all have passed."""
    found = {protocol: [p["verdict"] for p in section.points if p["protocol"] == protocol] for protocol in protocols}
    if all(verdict == PASS for own in found.values() for verdict in own):
        return ""
    return _row("verdict", [f"<strong>{escape(worst(own))}</strong>" if own and worst(own) != PASS
                            else PASS if own else "n/a" for own in found.values()])


def _metric(section: Section, group: Group, metric: str, protocols: Iterable[str]) -> str:
    """A row of figures."""
    unranked = any(not point["summary"][metric]["rankable"] for point in section.having(metric))
    head = section.words(group.metrics[metric]) + f" ({metrics.why_not(metric)})" * unranked
    return _row(head, [_cell(section, group, metric, protocol) for protocol in protocols])


def _readers(own: dict[str, list[Point]]) -> str:
    """What a reader does under each option, and what it can."""
    return (_row("a reader does", [escape(_does(found)) for found in own.values()])
            + _row("can hold a folio past its section", [_holds(found) for found in own.values()]))


def _answer(source: Measured, path: str) -> str:
    """The table of one path."""
    sections = [section for section in source.sections if section.path == path]
    points = [point for point in source.result["points"] if point["path"] == path]
    own = {name: [p for p in points if p["protocol"] == name] for name in dict.fromkeys(p["protocol"] for p in points)}
    baseline = source.environment["suite"]["baseline"]
    body = f"<tbody>{_readers(own)}</tbody>"
    for section in sections:
        title = section.title + (f", over {section.x}: smallest to largest median" if section.x else "")
        rows = [_metric(section, group, metric, own) for group in section.present() for metric in group.metrics
                if section.having(metric)]
        title += f". {metrics.COUNTED}" * section.counted
        body += _group(title, len(own) + 1, _verdicts(section, list(own)) + "".join(rows))
    said = "".join(f"<p>{escape(text)}</p>" for text in costs.says(sections, baseline))
    pairs = result.against_of(source.environment["suite"])
    others = any(point["workload"] in pairs for point in points)
    to = " or ".join([baseline] * bool(baseline) + ["the same of the workload that a title says against"] * others)
    compared = f", and how it compares with {to} (n.d.: no difference shown; diff.: one is, but 0 has no ratio)"
    caption = (f"{path}: what each option costs. Median, [interval]{compared if to else ''}. n/a: no such step, "
               "or not in this workload. ~: an estimate. Figures lead to their plots.")
    return f"{said}{_table(caption, ['cost', *own], body)}"


def _overview(sources: Sequence[Measured]) -> str:
    """Of several suites one table, which README shows as well."""
    of = answer.rows(sources)
    if len(sources) < 2 or not of:
        return ""
    names = answer.protocols(of)
    points = [point for source in sources for section in source.sections if section.path == answer.PATH
              for point in section.points]
    body = _readers({name: [point for point in points if point["protocol"] == name] for name in names})
    for row in of:
        body += _row(f"{row.title}; {row.where}", [_figure(row.cells[name], row.plot) if name in row.cells else "n/a"
                                                   for name in names])
    table = _table("What the options keep in limbo. Figures lead to their plots.", ["cost", *names], f"<tbody>{body}</tbody>")
    return f"<h3>The options in one table</h3>{table}{''.join(f'<p>{escape(text)}</p>' for text in answer.says(of))}"


def _errs(source: Measured) -> str:
    """How often comparisons of workloads with one another err."""
    rows, pairs = list(power.rows(source.result, summary.SHOWN)), result.against_of(source.environment["suite"])
    if not rows:
        return ""
    groups: dict[str, str] = {}
    for one in rows:
        head = f"{place(one.path, one.workload)} against {pairs[one.workload]}, {one.protocol}"
        groups[head] = groups.get(head, "") + _row(curves.title(one.metric), [
            escape(cell) for cell in (*power.cells(one.power), "yes" if one.differs else "no")])
    heads = ["metric", *power.HEADS, "called different here"]
    body = "".join(_group(head, len(heads), inside) for head, inside in groups.items())
    said = "".join(f"<p>{escape(text)}</p>" for text in power.words(source.result, rows))
    return _table("How often this comparison errs", heads, body) + said


def _model(source: Measured) -> str:
    """What the model says of this suite, if it says anything."""
    said = model.of(source.result)
    if isinstance(said, str):
        return ""
    parts = []
    for found in model.tables(said):
        body = "".join(_group(title, len(found.head), "".join(_row(row[0], list(map(escape, row[1:]))) for row in rows))
                       for title, rows in found.groups.items())
        parts.append(_table(found.title, found.head, body))
    return "".join(parts) + "".join(f"<p>{escape(text)}</p>" for text in model.legend(said))


def answers(sources: Sequence[Measured]) -> str:
    """All that is said ahead of the plots."""
    parts = [_overview(sources)]
    for source in sources:
        paths = list(dict.fromkeys(section.path for section in source.sections))
        for path in paths:
            where = f", {path}" if len(paths) > 1 or path != "pagecache" else ""
            parts.append(f"<h3>{escape(source.environment['suite']['question'])} ({escape(source.name + where)})</h3>"
                         + _answer(source, path))
        parts.append(_errs(source))
        if not paths:
            parts.append(f"<h3>{escape(source.name)}</h3><p>Nothing was measured.</p>")
        parts.append(_model(source))
    return "".join(parts)


# Plots

def _figures(section: Section, group: Group) -> str:
    """A curve's figures as a table, for who wants them exactly."""
    metric = next(iter(group.metrics))
    found = plots.lines(section, metric)
    body = ""
    for line, by_x in found.items():
        rows = [_row(str(x), [escape(costs.told(by_x[x], metric)) if by_x[x] else "none"])
                for x in plots.places(found) if x in by_x]
        body += _group(plots.line_label(line), 2, "".join(rows))
    caption = f"{section.words(group.title)}, by {section.x}"
    return _folded("The figures", _table(caption, [section.x, "median [interval]"], body))


def _plot(plot: Plot, more: str) -> str:
    if not plot.svg:
        return f'<p id="{plot.id}"><b>{escape(plot.title)}</b>: {escape(plot.text)}</p>'
    caption = f"<figcaption><b>{escape(plot.title)}.</b> {escape(plot.caption)}</figcaption>"
    return f'<figure id="{plot.id}">{caption}{plot.svg}{more}</figure>'


def _all_plots(source: Source) -> str:
    parts = []
    several = len({section.path for section in source.sections}) > 1
    for section in source.sections:
        groups = {section.plot_id(group): group for group in section.present() if group.kind == "curve"}
        drawn = "".join(_plot(plot, _figures(section, groups[plot.id]) if plot.id in groups and plot.svg else "")
                        for plot in source.plots[section.id])
        head = f"{section.path}, {section.title}" if several else section.title
        parts.append(f'<h4 id="{section.id}">{escape(head)}</h4>{f"<p>{escape(metrics.COUNTED)}</p>" * section.counted}'
                     f'<div class="plots">{drawn or "<p>No figures.</p>"}</div>')
    timed = any("-time-" in plot.id for found in source.plots.values() for plot in found)
    if not timed:
        parts.append("<p>Limbo over time is not drawn: the folder has no runs with a time series "
                     "(boot-N/runs/run.POINT), or nothing was in limbo.</p>")
    return "".join(parts)


# What it was measured on

def _parameters(source: Source) -> str:
    """What is the same everywhere, and what is not, by workload."""
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for point in source.result["points"]:
        own = found.setdefault((point["workload"], point["path"]), {})
        for name, value in point["params"].items():
            if name not in _NAMED and value not in own.setdefault(name, []):
                own[name].append(value)
    # One that was lost knows no more than what the suite has set.
    names = list(dict.fromkeys(name for own in found.values() for name in own))
    values = {name: {str(v) for own in found.values() for v in own.get(name, [])} for name in names}
    common = {name: next(iter(values[name])) for name in names if len(values[name]) == 1}
    differing = [name for name in names if name not in common]
    rows = "".join(_row(f"{workload}, {path}", [escape(", ".join(map(str, own.get(name, [])))) for name in differing])
                   for (workload, path), own in found.items())
    table = _table("Parameters of the module that differ", ["workload, path", *differing], f"<tbody>{rows}</tbody>")
    text = " ".join(f"{name}={value}" for name, value in common.items())
    return f"{table}<p>The same everywhere: {escape(text)}</p>"


def _facts(source: Source) -> str:
    """What decides whether a comparison is fair, and what else is known of the kernel."""
    facts = (source.environment["kernel"] or {}).get("facts") or {}
    rows = []
    for name in (*fairness.UNFAIR_FACTS, *(name for name in facts if name not in fairness.UNFAIR_FACTS)):
        wanted = ("must be off" if name in fairness.UNFAIR_FACTS else
                  "slows everything down" if name in fairness.HEAVY_FACTS else "")
        is_on = {1: "on", 0: "off"}.get(facts.get(name), "unknown")
        rows.append(_row(name, [is_on, wanted]))
    return _table("Kernel facts", ["fact", "is", "for a comparison"], f"<tbody>{''.join(rows)}</tbody>", "text")


def _fair(source: Source) -> str:
    facts = (source.environment["kernel"] or {}).get("facts") or {}
    unfair = fairness.complaints(facts, {})
    unknown = [name for name in fairness.UNFAIR_FACTS if facts.get(name) is None]
    heavy = fairness.heavy(facts)
    parts = [f'<p class="warning">Not a fair comparison: {escape(text)}</p>' for text in unfair]
    parts += [f"<p>Not known: {escape(', '.join(unknown))}.</p>"] if unknown else []
    if not unfair and not unknown:
        parts.append(f"<p>Off, as a comparison needs: {escape(', '.join(fairness.UNFAIR_FACTS))}.</p>")
    parts.append(f"<p>What slows every option down: {escape(', '.join(heavy) or 'nothing that is known')}.</p>")
    parts.append("<p>slab_debug is looked for before the first run and after each: with it there is no result.</p>")
    return "".join(parts) + _folded("All facts", _facts(source))


def _boots(source: Source) -> str:
    keys = ["accelerator", "state", "seconds", "reason"]
    if source.environment["suite"].get("boots"):
        keys.insert(0, "name")
    rows = "".join(_row(str(boot["boot"]), [escape(str(boot[key])) for key in keys])
                   for boot in source.environment["boots"])
    return _folded("Boots", _table("Boots", ["boot", *keys], f"<tbody>{rows}</tbody>", "text"))


def _machines(source: Source) -> str:
    """The machines of a suite that has several."""
    found = summary.all_machines(source.environment)
    return f"<p>Boots, each a machine of its own:</p>{_list(found)}" if found else ""


def _machine(source: Source) -> str:
    layout = "; ".join(f"{name}: {text}" for name, text in source.environment["cpu_layout"].items())
    facts = summary.facts(source.result) | {"CPU layout": layout or "unknown"}
    return _list(facts) + _machines(source) + _boots(source)


def _command(source: Source) -> str:
    try:
        text = (source.folder / "command").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "<p>The folder has no file command, which would say it.</p>"
    return f"<pre><code>{escape(text)}</code></pre>"


def _about(source: Source) -> str:
    """All of a suite that is no figure."""
    warnings = "".join(f"<li>{escape(' '.join(text.split()))}</li>" for text in notes(source.result))
    return "".join((
        f"<h3>{escape(source.name)}: machine</h3>", _machine(source),
        f"<h3>{escape(source.name)}: fairness</h3>", _fair(source),
        f"<h3>{escape(source.name)}: parameters</h3>", _parameters(source),
        f"<h3>{escape(source.name)}: warnings</h3>", f"<ul>{warnings}</ul>" if warnings else "<p>None.</p>",
        f"<h3>{escape(source.name)}: to repeat it</h3>", _command(source)))


def _method(sources: list[Source]) -> str:
    used = list(dict.fromkeys(point["protocol"] for source in sources for point in source.result["points"]))
    legends = dict.fromkeys(text for source in sources for text in summary.legend(source.result))
    missing = dict.fromkeys(left_out(source.environment) for source in sources)
    return (f"<p>{escape(METHOD)}</p>" + _list({name: OPTIONS.get(name, "not described here") for name in used})
            + "".join(f"<p>{escape(text)}</p>" for text in legends)
            + f"<h3>Not measured</h3><ul>{''.join(f'<li>{escape(text)}</li>' for text in missing)}</ul>")


def _of_runs(sources: list[Source]) -> str:
    """What came of suites that have the same verdict, and what they were run on and by."""
    envs = [source.environment for source in sources]

    def all_of(values: Iterable[str]) -> str:
        return ", ".join(dict.fromkeys(values))

    dates = sorted(env["date"] for env in envs)
    line = (f"Suite{'s' * (len(sources) > 1)} {all_of(source.name for source in sources)}: {sources[0].result['verdict']}; "
            f"{all_of(name for env in envs for name in releases(env)) or 'an unknown kernel'}, "
            f"{all_of(env['cpu'] or 'unknown CPU' for env in envs)}; folioscale {all_of(env['revision'] for env in envs)}, "
            f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}.")
    return line + "".join(f" Cut short: {env['interrupted']}." for env in envs if env["interrupted"])


def _top(sources: list[Source]) -> str:
    """What must be known before any figure is read."""
    emulated = [source for source in sources if source.environment["times_emulated"]]
    parts = []
    if emulated:
        whose = "" if len(emulated) == len(sources) else f" ({', '.join(source.name for source in emulated)})"
        parts.append(f'<p class="warning"><strong>{escape(" ".join(summary.EMULATED) + whose)}</strong></p>')
    well = [source for source in sources if source.result["verdict"] == PASS and not source.environment["interrupted"]]
    parts += [f"<p>{escape(_of_runs(well))}</p>"] if well else []
    parts += [f'<p class="warning">{escape(text)}</p>'] if (text := answer.revisions(sources)) else []
    parts += [f'<p class="warning">{escape(_of_runs([source]))}</p>' for source in sources if source not in well]
    return "".join(parts)


def render(sources: list[Source]) -> str:
    """The page: whole in itself, without a script."""
    parts = (("answer", "The answer", answers(sources)),
             ("plots", "Plots", "".join(f"<h3>{escape(source.name)}</h3>{_all_plots(source)}" for source in sources)),
             ("method", "Method", _method(sources)),
             ("about", "Machine, fairness, parameters, warnings", "".join(map(_about, sources))))
    links = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in parts)
    main = "".join(f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{inside}</section>'
                   for name, title, inside in parts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(summary.TITLE)}: {escape(', '.join(source.name for source in sources))}</title>
<style>
{CSS.read_text(encoding="utf-8")}</style>
</head>
<body>
<a class="skip" href="#answer">To the answer</a>
<header><h1>{escape(summary.TITLE)}</h1>{_top(sources)}<nav aria-label="Parts"><ul>{links}</ul></nav></header>
<main>{main}</main>
<footer><p>Made of result.json by scripts/folioscale report.</p></footer>
</body>
</html>
"""


def _svgs(sources: list[Source], wanted: Sequence[str]) -> dict[str, str]:
    """Plots by their ids, which a link to one in the page ends in."""
    known = {plot.id: plot.svg for source in sources for plots_of in source.plots.values() for plot in plots_of if plot.svg}
    if unknown := [name for name in wanted if name not in known]:
        raise SetupError(f"--plot {unknown[0]}: no such plot; known: {', '.join(known)}")
    return {name: known[name] for name in wanted}


def write(folders: list[Path], file: Path, plots_wanted: Sequence[str] = ()) -> list[Path]:
    """Whole or not at all; return the files, the plots that are wanted as files of their own as well."""
    sources = [load(folder, number) for number, folder in enumerate(folders, 1)]
    texts = {file: render(sources)} | {file.with_name(f"{name}.svg"): f"{svg}\n"
                                       for name, svg in _svgs(sources, plots_wanted).items()}
    for path, text in texts.items():
        result.write_text(path, text)
    return list(texts)


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    folders = [Path(folder) for folder in args.folder]
    first = folders[0] if folders[0].is_dir() else folders[0].parent
    file = Path(args.out) if args.out else first / NAME
    print("\n".join(str(path) for path in write(folders, file, args.plot)))
    return 0
