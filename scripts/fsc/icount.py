# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale icount: the harness's instructions per lookup beside a hand-written floor's."""

from __future__ import annotations

import argparse
from typing import Any

from . import accel, bench, kernel
from .notes import FLOOR_LIMIT
from .session import Session, new_folder
from .verdict import EXIT_STATUS, FAIL, PASS

# Two boots count the same, but for what the timer interrupt catches.
BOOTS_LIMIT = 0.001
HARNESS, FLOOR = "instructions_per_lookup", "floor_instructions_per_lookup"
RATIO = "instructions_per_lookup_over_floor"
# overlay is the kernel's own: it need not have a floor.
MUST_HAVE_FLOOR = ("typesafe", "rcu_desc", "rcu_full")


def complaints(found: dict[str, Any]) -> list[str]:
    """What is wrong with the figures: over the limit, without a floor, or not reproducible."""
    wrong = []
    for point in found["points"]:
        protocol, figures = point["protocol"], point["summary"]
        over = figures.get(RATIO)
        if over and over["median"] > FLOOR_LIMIT:
            wrong.append(f"{protocol}: {over['median']:.3f}x of its floor, above {FLOOR_LIMIT:.2f}")
        if HARNESS in figures and not over and protocol in MUST_HAVE_FLOOR:
            wrong.append(f"{protocol}: no floor to compare with")
        for name in (HARNESS, FLOOR):
            seen = figures.get(name)
            if seen and seen["low"] and seen["high"] / seen["low"] - 1 > BOOTS_LIMIT:
                wrong.append(f"{protocol}: {name} is {seen['low']:.2f} in one boot, "
                             f"{seen['high']:.2f} in another")
    return wrong


def render(found: dict[str, Any]) -> str:
    lines = [f"{'instructions per lookup':<24}{'harness':>10}{'floor':>10}{'ratio':>8}{'boots differ by':>18}"]
    for point in found["points"]:
        figures = point["summary"]
        if HARNESS not in figures:
            lines.append(f"{point['protocol']:<24}{point['verdict']}: {point['reason']}")
            continue
        harness, floor, ratio = (figures.get(name) for name in (HARNESS, FLOOR, RATIO))
        spread = f"{100 * (harness['high'] / harness['low'] - 1):.3f}%" if harness["low"] else ""
        lines.append(f"{point['protocol']:<24}{harness['median']:>10.2f}"
                     + (f"{floor['median']:>10.2f}{ratio['median']:>8.3f}" if floor else f"{'-':>10}{'-':>8}")
                     + f"{spread:>18}")
    return "\n".join(line.rstrip() for line in lines)


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    chosen = bench.choose("icount", args)
    where = kernel.choose(args.kdir, args.kernel)
    session = Session(chosen, where, kernel.build_module(where, variables=kernel.WITH_FLOOR), accel.ICOUNT, 1, args.memory,
                      new_folder(chosen.name, args.out))
    found = session.run([(chosen.icount(), accel.ICOUNT)] * chosen.repetitions)
    print(render(found))
    wrong = complaints(found) if found["verdict"] == PASS else []
    for line in wrong:
        print(f"FAIL {line}")
    verdict = FAIL if wrong else found["verdict"]
    print(f"{verdict}: {bench.where_it_is(session.folder)}")
    return EXIT_STATUS[verdict]
