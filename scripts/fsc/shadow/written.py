# SPDX-License-Identifier: GPL-2.0
"""summary.txt for a mail, and report.html with what was in limbo over time."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..show import svg, table
from ..show.plots import Plot
from ..show.table import Table
from .figures import FIGURES, MODELS, Loaded, Numbers, percent, series

_CMD = Path(__file__).parents[1] / "cmd"
_LEGEND = (
    "option 2: descriptors (80 bytes each, 51 in a slab page) in limbo; option 3: pages in limbo, until a grace period that began "
    "after the free has ended; peak, p99 and mean over time. wait: mean time in limbo. "
    "below low, below min: how long free memory less option 3's pages was below the sum of the zones' watermarks. "
    "What would have followed, reclaim above all, is not in it: nothing was held back.")


def _numbers(loaded: Loaded) -> list[tuple[str, str]]:
    """The figures of a load in words."""
    cells = {figure.name: loaded.cell(figure) for figure in FIGURES}
    found: Numbers = loaded.good()[0]
    kinds = ", ".join(f"{table.si(found[f'pages_{kind}'])} {kind}" for kind in ("anon", "file", "shmem", "slab", "kmem", "unmarked")
                      if found[f"pages_{kind}"])
    return [
        ("freed", f"{cells['folios_per_second']} folios/s, {cells['folios_per_second_peak']}/s at most; in pages: {kinds}"),
        ("option 2", f"peak {cells['option2_peak_bytes']}, p99 {cells['option2_p99_bytes']}, mean {cells['option2_mean_bytes']}; "
                     f"{cells['option2_of_memory']} of memory"),
        *((f"  {name}", f"model: {words}: peak {table.size(found[f'model_{name}_peak_bytes'])}, "
                        f"mean {table.size(found[f'model_{name}_mean_bytes'])}"
                        + (f"; {table.si(found['model_bounded_waits'])} frees above it" if name == "bounded" else ""))
          for name, words in MODELS.items()),
        ("option 3", f"peak {cells['option3_peak_bytes']}, p99 {cells['option3_p99_bytes']}, mean {cells['option3_mean_bytes']}; "
                     f"{cells['option3_of_memory']} of memory, {cells['option3_of_free']} of what was free"),
        ("free", f"{table.size(found['free_mean_bytes'])} on average, {table.size(found['free_least_bytes'])} at least, of "
                 f"{table.size(found['memory_bytes'])}; less option 3's pages below low for {cells['below_low_ns']}, below min "
                 f"for {cells['below_min_ns']}; as it is below low for {table.nanoseconds(found['is_below_low_us'] * 1e3)}"),
        ("waits", f"mean {cells['wait_ns_mean']}; {found['grace_periods']} grace periods, "
                  f"{table.nanoseconds(found['grace_period_wait_ns_p99'])} p99, {table.nanoseconds(found['grace_period_wait_ns_most'])} "
                  f"at most; rate x mean wait is {table.si(found['folios_per_second'] * found['wait_us_mean'] / 1e6)} descriptors, "
                  f"{table.si(found['option2_mean_milli'] / 1e3)} were seen; limbo empty {cells['drain_ns']} after the end"),
        ("cost", f"{found['cost_probe_ns']} ns a free for the probe alone; page allocated and freed {found['cost_free_ns_without']} ns "
                 f"without it, {found['cost_free_ns_with']} ns with it; epochs "
                 f"{percent(found['cost_epochs_ppm_of_a_cpu'] / 1e4)} of a CPU, late by {found['epoch_late_us_most']} us at most"),
    ]


def _warnings(document: dict[str, Any]) -> list[str]:
    found = []
    if document["emulated"]:
        found.append("The CPU is emulated: grace periods and rates are the emulator's, and so is limbo, which is rate x wait. "
                     "Counts are exact. No time here is a real machine's.")
    if document["params"]["busted"] != "none":
        found.append(f"busted={document['params']['busted']}: a negative control, these figures are wrong on purpose.")
    return found


def summary(document: dict[str, Any], loads: list[Loaded]) -> str:
    lines = [f"What would be in limbo if folios were freed by RCU: kernel {document['kernel']}, {document['where']}", ""]
    for text in _warnings(document):
        lines += [*table.wrap(text), ""]
    if len(loads) > 1:
        shown = [figure for figure in FIGURES if figure.name in ("option2_peak_bytes", "option3_peak_bytes", "option3_of_memory", "below_min_ns")]
        lines += [f"{'load':<14}" + "".join(f"{figure.title:>20}" for figure in shown)]
        lines += [f"{loaded.name:<14}" + "".join(f"{loaded.cell(figure) if loaded.good() else '-':>20}" for figure in shown)
                  for loaded in loads]
        lines += [""]
    for loaded in loads:
        lines += table.wrap(f"{loaded.name}: {loaded.does}", rest="  ")
        if len(loaded.runs) > 1:
            lines += [f"  {len(loaded.good())} runs; medians with their interval, what has none is of the first"]
        lines += [f"  {run.verdict}: {run.trouble}" for run in loaded.runs if run.trouble]
        if loaded.good():
            for name, text in _numbers(loaded):
                lines += table.wrap(text, first=f"  {name:<12}", rest=" " * 14)
        lines += [""]
    return "\n".join([*lines, *table.wrap(_LEGEND)]) + "\n"


def _plot(loaded: Loaded, number: int, what: str, bytes_each: float, name: str) -> Plot:
    """One run: limbo against time, and free memory beside it if that is in bytes of pages."""
    run = next(run for run in loaded.runs if not run.trouble)
    found = series(run.blobs["series"])
    at = [us / 1e6 for us in found.column("end_us")]
    peaks = [value * bytes_each for value in found.column(f"limbo_{what}_peak")]
    figure, ax = svg.axes(2.5)
    handles = [ax.plot(at, peaks, color=svg.STYLES[2].colour, linewidth=1.2)[0]]
    labels = [f"{name} in limbo"]
    values = peaks
    if what == "pages":
        # The kthread's last row has no look at free memory if limbo was empty at once.
        free = [value * bytes_each or None for value in found.column("free_least")]
        handles.append(ax.plot(at, [value if value else float("nan") for value in free], color=svg.STYLES[1].colour, linewidth=1.2,
                               linestyle=svg.STYLES[1].dashes)[0])
        labels.append("free memory")
        values = peaks + [value for value in free if value]
        for watermark, style in (("low", ":"), ("min", "-.")):
            handles.append(ax.axhline(run.summary[f"{watermark}_bytes"], color="#000000", linewidth=0.8, linestyle=style))
            labels.append(watermark)
    ax.set_xlabel("seconds")
    svg.scale(ax, "y", [0, *values], table.size)
    svg.legend(figure, handles, labels)
    title = f"{loaded.name}: {name} in limbo"
    text = f"{name} up to {table.size(max(peaks, default=0))}."
    ident = f"l{number}-{what}"
    return Plot(ident, title, text, svg.svg(figure, ident, title, text), "One run; the peak of each row of the series.")


def page(document: dict[str, Any], loads: list[Loaded]) -> str:
    """report.html."""
    env = Environment(loader=FileSystemLoader([Path(__file__).parent, _CMD]), undefined=StrictUndefined, autoescape=True,
                      trim_blocks=False)
    good = [loaded for loaded in loads if loaded.good()]
    rows = [[loaded.name, *(loaded.cell(figure) for figure in FIGURES)] for loaded in good]
    heads = ["load", *(figure.title for figure in FIGURES)]
    plots = {loaded.name: [_plot(loaded, number, "pages", found["page_bytes"], "option 3's pages"),
                           _plot(loaded, number, "folios", found["page_bytes"] / 51, "option 2's descriptors")]
             for number, loaded in enumerate(good) for found in loaded.good()[:1]}
    return env.get_template("page.html.j2").render(
        title="What would be in limbo if folios were freed by RCU", kernel=document["kernel"], where=document["where"],
        warnings=_warnings(document), legend=_LEGEND, table=Table("Medians over the runs, with their intervals", heads, [("", rows)]),
        loads=[{"name": loaded.name, "does": loaded.does, "numbers": dict(_numbers(loaded)) if loaded.good() else {},
                "troubles": [f"{run.verdict}: {run.trouble}" for run in loaded.runs if run.trouble],
                "plots": plots.get(loaded.name, [])} for loaded in loads],
        params=", ".join(f"{name}={value}" for name, value in document["params"].items()), command=document["command"],
        css=(_CMD / "report.css").read_text(encoding="utf-8"))
