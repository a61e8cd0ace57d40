# SPDX-License-Identifier: GPL-2.0
"""icount: compare each protocol's lookup with a hand-written one, in instructions."""

import argparse
from typing import Any

from ..show.notes import BOOTS_LIMIT, OPENCODED_LIMIT
from ..suite.session import Session, new_folder
from ..verdict import EXIT_STATUS, FAIL, PASS
from ..vm import accel, kernel
from . import bench, options

HARNESS, OPENCODED = "instructions_per_lookup", "opencoded_instructions_per_lookup"
RATIO = "instructions_per_lookup_over_opencoded"
NAME_WIDTH = 29     # "pagecache rcu_bounded rcuref" and a blank
ARGUMENTS = options.of(*options.MACHINE, "repetitions", "out")


def _name(point: dict[str, Any]) -> str:
    """The parameters that choose a lookup's code. cas, the kernel's own tryget, is not named."""
    return f"{point['path']} {point['protocol']} {point['params'].get('tryget', 'cas')}".removesuffix(" cas")


def complaints(found: dict[str, Any]) -> list[str]:
    """What is wrong with the figures: over the limit, without an open-coded loop, or not reproducible."""
    wrong = []
    for point in found["points"]:
        name, figures = _name(point), point["summary"]
        if (over := figures.get(RATIO)) and over["median"] > OPENCODED_LIMIT:
            wrong.append(f"{name}: {over['median']:.3f}x of the open-coded loop, above {OPENCODED_LIMIT:.2f}")
        if HARNESS in figures and not over and point["params"].get("tryget", "cas") == "cas":     # only cas has an open-coded loop
            wrong.append(f"{name}: no open-coded loop to compare with")
        for metric in (HARNESS, OPENCODED):
            seen = figures.get(metric)
            if seen and seen["low"] and seen["high"] / seen["low"] - 1 > BOOTS_LIMIT:
                wrong.append(f"{name}: {metric} is {seen['low']:.2f} in one boot, "
                             f"{seen['high']:.2f} in another")
    return wrong


def render(found: dict[str, Any]) -> str:
    lines = [f"{'instructions per lookup':<{NAME_WIDTH}}{'harness':>9}{'by hand':>9}{'ratio':>8}{'boots differ by':>17}"]
    for point in found["points"]:
        name, figures = f"{_name(point):<{NAME_WIDTH}}", point["summary"]
        if HARNESS not in figures:
            lines.append(f"{name}{point['verdict']}: {point['reason']}")
            continue
        harness, opencoded, ratio = (figures.get(metric) for metric in (HARNESS, OPENCODED, RATIO))
        spread = f"{100 * (harness['high'] / harness['low'] - 1):.3f}%" if harness["low"] else ""
        lines.append(f"{name}{harness['median']:>9.2f}"
                     + (f"{opencoded['median']:>9.2f}{ratio['median']:>8.3f}" if opencoded else f"{'-':>9}{'-':>8}")
                     + f"{spread:>17}")
    return "\n".join(line.rstrip() for line in lines)


def main(args: argparse.Namespace) -> int:
    chosen = bench.choose("icount", args)
    where = kernel.choose(args.kdir, args.kernel, args.kver)
    session = Session(chosen, where, kernel.build_module(where, variables=kernel.WITH_OPENCODED), accel.ICOUNT, 1, args.memory,
                      new_folder(chosen.name, args.out))
    found = session.run([(chosen.icount(), accel.ICOUNT)] * chosen.repetitions)
    print(f"kernel {where.release}")
    print(render(found))
    wrong = complaints(found) if found["verdict"] == PASS else []
    for line in wrong:
        print(f"FAIL {line}")
    verdict = FAIL if wrong else found["verdict"]
    print(f"{verdict}: {bench.where_it_is(session.folder)}")
    return EXIT_STATUS[verdict]
