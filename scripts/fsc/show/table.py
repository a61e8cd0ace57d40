# SPDX-License-Identifier: GPL-2.0
"""Plain text that fits a mail: numbers in three digits, rows in 72 columns."""

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

WIDTH = 72
NAME_WIDTH = 12    # the longest protocol has 11
Unit = Callable[[float], str]


@dataclass(frozen=True)
class Table:
    """For text and HTML: the first of @heads is above the heads of the rows, the first cell of a row is its head, and a
    group of rows may have a title."""
    caption: str
    heads: list[str]
    groups: list[tuple[str, list[list[Any]]]]
    kind: str = ""                 # its class in HTML


def _scaled(value: float, step: int, suffixes: tuple[str, ...]) -> str:
    # 999.5 would be printed as 1,000: use the next suffix if three digits are not enough.
    for suffix in suffixes:
        if abs(value) < 999.5:
            break
        if suffix != suffixes[-1]:
            value /= step
    if value == 0:
        return "0"
    digits = 3 if abs(value) < 0.995 else 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{digits}f}"
    if digits and suffix == suffixes[0]:
        text = text.rstrip("0").rstrip(".") or "0"
    return text + suffix


def si(value: float) -> str:
    return _scaled(value, 1000, ("", "k", "M", "G"))


def size(value: float) -> str:
    return _scaled(value, 1024, ("", "K", "M", "G"))


def nanoseconds(value: float) -> str:
    return _scaled(value, 1000, ("ns", "us", "ms", "s"))


def span(values: Iterable[Any], unit: Callable[[Any], str] = str) -> str:
    """From the smallest to the largest; one, if they look alike."""
    found = sorted(values)
    return " to ".join(dict.fromkeys(map(unit, (found[0], found[-1]))))


def interval(figures: dict[str, Any], unit: Unit) -> str:
    if figures["low"] is None or figures["low"] == figures["high"]:
        return ""
    return f"[{unit(figures['low'])}, {unit(figures['high'])}]"


def row(name: str, cells: list[tuple[str, int]]) -> str:
    """A name, then cells right-aligned in columns; a negative width aligns left."""
    return "".join([f"{name:<{NAME_WIDTH}}", *(f"{content:>{width}}" if width > 0 else f" {content:<{-width - 1}}"
                                               for content, width in cells)]).rstrip()


def place(path: str, workload: str) -> str:
    """Path and workload of a figure; only the workload if its name begins with the path."""
    return workload if workload.startswith(path) else f"{path}, {workload}"


def wrap(text: str, first: str = "", rest: str | None = None) -> list[str]:
    indent = " " * len(first) if rest is None else rest
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent,
                         break_on_hyphens=False) or [first.rstrip()]
