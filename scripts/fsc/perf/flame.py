# SPDX-License-Identifier: GPL-2.0
"""Flame graphs: folded stacks, and one self-contained SVG of them."""

import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from .parts import functions_of, role_of, where_is
from .recording import Recording

Stack = tuple[str, ...]    # the thread, then callers before callees

INLINED = " (inlined)"
_WIDTH, _HEIGHT, _MARGIN, _TOP = 1200.0, 17, 10, 40
_LETTER = 6.6        # width in 11px monospace
_THINNEST = 0.3      # narrower boxes are not drawn


def fold(recording: Recording, everybody: bool = False) -> dict[Stack, float]:
    """ns by stack, for the run's threads and for threads that did its deferred work."""
    found: dict[Stack, float] = defaultdict(float)
    for sample in recording.script.samples:
        name = recording.name(sample)
        if everybody or role_of(name) or where_is(name, functions_of(recording, sample), True)[0]:
            stack = [function for frame, inlined in recording.chain(sample) for function in (
                *(step.function + INLINED for step in inlined[:-1]), inlined[-1].function if inlined else frame.symbol)]
            found[name, *reversed(stack)] += recording.script.time_ns(sample)
    return dict(found)


@dataclass
class Box:
    ns: float = 0
    above: dict[str, "Box"] = field(default_factory=dict)


def _colour(name: str, level: int) -> str:
    # A name has the same colour in every graph.
    shade = zlib.crc32(name.encode()) % 16
    if not level:
        return f"hsl(200,45%,{68 + shade % 8}%)"
    return f"hsl({20 + 2 * shade},{45 if name.endswith(INLINED) else 85}%,{72 if name.endswith(INLINED) else 62}%)"


def _boxes(box: Box, left: float, level: int, scale: float, base: float, total: float) -> list[str]:
    lines = []
    for name, above in sorted(box.above.items()):
        width = above.ns * scale
        if width >= _THINNEST:
            y = base - (level + 1) * _HEIGHT
            title = f"{name}: {above.ns / 1e6:,.2f} ms, {100 * above.ns / total:.2f}%"
            fits = int((width - 4) / _LETTER)
            shown = name if len(name) <= fits else name[:fits - 2] + ".." if fits > 3 else ""
            lines.append(
                f'<g><title>{escape(title)}</title><rect x="{left:.1f}" y="{y}" width="{width:.1f}" '
                f'height="{_HEIGHT - 1}" fill="{_colour(name, level)}"/>'
                + (f'<text x="{left + 2:.1f}" y="{y + 12}">{escape(shown)}</text>' if shown else "") + "</g>")
            lines += _boxes(above, left, level + 1, scale, base, total)
        left += width
    return lines


def write(recording: Recording, file: Path, everybody: bool = False) -> str:
    """Draw a recording into @file; return a line about it."""
    params, stacks = recording.run["params"], fold(recording, everybody)
    title = f"folioscale {params['path']} {params['protocol']}, {recording.event}{recording.lost()}"
    file.write_text(draw(stacks, title), encoding="utf-8")
    return f"{file.name}: {len(stacks)} stacks{recording.lost()}\n"


def draw(stacks: dict[Stack, float], title: str) -> str:
    root = Box()
    for stack, ns in stacks.items():
        box = root
        box.ns += ns
        for name in stack:
            box = box.above.setdefault(name, Box())
            box.ns += ns
    base = _TOP + max(map(len, stacks), default=0) * _HEIGHT
    height = base + _MARGIN
    scale = (_WIDTH - 2 * _MARGIN) / root.ns if root.ns else 0
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{height}" '
        f'viewBox="0 0 {_WIDTH:.0f} {height}" font-family="monospace" font-size="11">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="{_MARGIN}" y="22" font-size="14">{escape(title)}, '
        f'{root.ns / 1e6:,.0f} ms in all</text>',
        *_boxes(root, _MARGIN, 0, scale, base, root.ns or 1), "</svg>", ""])
