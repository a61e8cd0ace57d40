# SPDX-License-Identifier: GPL-2.0
"""A page without what takes most of its time, for tests that do not look at it: the drawings in its plots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TextIO
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.show import svg


class Nothing:
    """Stands in for matplotlib's figures, axes and lines, and for what they return: takes all that is done to it."""

    def __init__(self, *_: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Nothing:
        return self

    def __getattr__(self, _: str) -> Nothing:
        return self

    def __getitem__(self, _: Any) -> Nothing:
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Nothing]:
        yield self

    def __add__(self, _: Any) -> Nothing:
        return self

    __rtruediv__ = __rsub__ = __add__

    def print_svg(self, out: TextIO, **_: Any) -> None:
        out.write('<svg viewBox="0 0 1 1"><g id="figure_1"></g></svg>')


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Plots have all that they have otherwise, ids and texts, around an empty drawing."""
    with mock.patch.multiple(svg, axes=lambda height: (Nothing(), Nothing()), FigureCanvasSVG=Nothing):
        yield
