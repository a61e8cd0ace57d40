# SPDX-License-Identifier: GPL-2.0
"""suites: list the suites, their questions, and how long they take."""

import argparse

from ..show.table import wrap
from ..vm import accel, versions
from . import bench

ARGUMENTS: dict[str, dict[str, str]] = {}


def main(_args: argparse.Namespace) -> None:
    series = versions.known().default
    *some, last = bench.not_in_all()
    print("\n".join(wrap(f"Minutes under emulation, or on the CPU itself for suites that ask for times, for 2 CPUs and KVER={series}; "
                         f"make bench SUITE=NAME. SUITE=all: all but {', '.join(some)} and {last}.")), end="\n\n")
    print(f"{'suite':<10}{'minutes':>8}{'boots':>7}{'points':>8}  question")
    for name in bench.names():
        found = bench.find_suite(name).on(series)
        boots = len(bench.passes(found, accel.TCG, True)) + (found.timed.repetitions if found.timed else 0)
        points = sum(len(part.points) for part in found.parts)
        minutes = found.minutes or bench.expected_s(found) / 60
        head = f"{name:<10}{minutes:>8.0f}{boots:>7}{points:>8}  "
        print("\n".join(wrap(found.question, head)))
