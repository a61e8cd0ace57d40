# SPDX-License-Identifier: GPL-2.0
"""Small SVG figures for a page: one look, axes that can show zero, ids that are unique on the page."""

import html
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import repo, traits
from .table import Unit, size

# Before the import: use neither the cache nor the matplotlibrc in the user's home.
os.environ["MPLCONFIGDIR"] = str(repo.BUILD / "matplotlib")

# pylint: disable=wrong-import-position
import matplotlib  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator  # noqa: E402

# Inches of 72 units: about the width of a phone's screen, so a phone shows the figure unscaled.
WIDTH = 4.2
# Text stays text: it can be searched and copied, and takes a third of the bytes. Its place is computed for
# DejaVu Sans, which is wider than the fonts that replace it where it is missing.
LOOK = {
    "svg.fonttype": "none", "svg.hashsalt": "folioscale", "text.parse_math": False,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 10,
    "axes.labelsize": 10, "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "legend.fontsize": 9.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#d8d8d8", "grid.linewidth": 0.6, "lines.linewidth": 1.6, "lines.markersize": 6,
    "errorbar.capsize": 3, "legend.frameon": False, "legend.handlelength": 2.8,
}
# Ignore a matplotlibrc in the current folder.
matplotlib.rcdefaults()
matplotlib.rcParams.update(LOOK)
LEGEND_ROW = 0.19                  # inches
MOST_TICKS = 5
LOG_SPAN = 100                     # from two decades on, a linear axis hides small values


@dataclass(frozen=True)
class Style:
    """The look of a line: colour and, for readers who cannot see that, marker and dashes."""
    colour: str
    marker: str
    dashes: Any


# After Okabe and Ito, and Tol; each has a contrast to white of 3 or more.
STYLES = (
    Style("#000000", "o", "-"), Style("#0072b2", "s", (0, (5, 1.5))), Style("#d55e00", "^", (0, (1.2, 1.2))),
    Style("#117733", "D", (0, (6, 1.5, 1.2, 1.5))), Style("#aa4499", "v", (0, (3, 1, 1, 1, 1, 1))),
    Style("#8c6d00", "P", (0, (9, 2))), Style("#238b81", "X", (0, (3, 2))), Style("#767676", "*", (0, (1, 3))),
)
# The same protocol looks the same in every plot.
_KNOWN = tuple(traits.PROTOCOLS)


def style(protocol: str) -> Style:
    """A protocol's style, of no other protocol; an unknown one shares that of a known one, always the same."""
    number = _KNOWN.index(protocol) if protocol in _KNOWN else sum(protocol.encode()) % len(_KNOWN)
    again, first = divmod(number, len(STYLES))
    # Those after the first eight have the colours once more, with other markers and dashes.
    other = STYLES[(first + again) % len(STYLES)]
    return Style(STYLES[first].colour, other.marker, other.dashes)


def axes(height: float) -> tuple[Figure, Axes]:
    """An empty figure of this height, in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put a legend above the axes, where it covers no line, in as many columns as fit."""
    columns = max(1, min(len(labels), int(53 / (max(map(len, labels)) + 8))))
    height = 0.08 + LEGEND_ROW * -(-len(labels) // columns)
    whole = figure.get_figheight() + height
    figure.set_figheight(whole)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - height / whole))
    figure.legend(handles, labels, loc="upper left", ncol=columns, columnspacing=1.4, borderaxespad=0.2,
                  labelspacing=0.3)


def scale(ax: Axes, which: str, values: Iterable[float], unit: Unit, log: bool = False) -> bool:
    """Scale an axis (x or y) to show all of @values: linear from zero or, if they span LOG_SPAN or @log is set,
    logarithmic with a place for zero. Return whether it is logarithmic."""
    axis = getattr(ax, f"{which}axis")
    found = list(values)
    positive, zero = [value for value in found if value > 0], any(value == 0 for value in found)
    top = max(positive, default=1.0)
    log = bool(positive) and (log or top / min(positive) >= LOG_SPAN)
    if log:
        low = min(positive)
        if zero:
            low = 10 ** math.floor(math.log10(low))
            getattr(ax, f"set_{which}scale")("symlog", linthresh=low, linscale=0.5)
        else:
            getattr(ax, f"set_{which}scale")("log")
        getattr(ax, f"set_{which}lim")(-low / 3 if zero else low / 1.5, top * 1.6)
        # Powers, MOST_TICKS at most.
        base = 2 if unit is size else 10
        first, last = math.ceil(math.log(low, base) - 1e-9), math.floor(math.log(top * 1.6, base) + 1e-9)
        step = next(step for step in (1, 2, 3, 5, 10, 20, 40) if (last - first) // step < MOST_TICKS)
        ticks = [float(base) ** power for power in range(first, last + 1) if power % step == 0]
        axis.set_major_locator(FixedLocator([0.0, *ticks] if zero else ticks))
        axis.set_minor_locator(NullLocator())
    else:
        getattr(ax, f"set_{which}lim")(-0.03 * top, 1.08 * top)
        step = 2 ** math.ceil(math.log2(top / 4))
        axis.set_major_locator(FixedLocator([step * n for n in range(5)]) if unit is size else MaxNLocator(4))
    # Last, as setting a scale replaces it. Without trailing zeros, which tables keep: 1k, not 1.00k.
    axis.set_major_formatter(FuncFormatter(lambda value, _: re.sub(r"(\.\d*[1-9])0+(?=\D|$)|\.0+(?=\D|$)", r"\1", unit(value))))
    return log


def svg(figure: Figure, name: str, title: str, text: str) -> str:
    """The figure as an element of a page. @name prefixes all ids, and @text describes what the figure shows."""
    out = io.StringIO()
    # Not savefig(): it draws twice, the first time only to lay the figure out, which drawing does as well.
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    whole = out.getvalue()
    box = re.search(r'viewBox="([^"]*)"', whole)
    # Leave out the header of the file, and its style, which would apply to the whole page.
    body = whole[whole.index('<g id="figure_1">'):whole.rindex("</svg>")]
    # A screen does not show less than a hundredth of a unit.
    body = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\d\.\d\d)\d+", r"\1", found[0]), body)
    # Most ids are never referred to, and line breaks are for a reader of the source: a fifth of the bytes.
    used = set(re.findall(r"#([\w.-]+)", body))
    body = re.sub(r'\s+id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", body))
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    return (f'<svg role="img" aria-labelledby="{name}-title {name}-desc" viewBox="{box[1] if box else ""}" '
            'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            f'<title id="{name}-title">{html.escape(title)}</title><desc id="{name}-desc">{html.escape(text)}</desc>'
            f"{body}</svg>")
