# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale bench: a suite, from the module's build to the table."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from . import accel, host, kernel, repo, suite, summary
from .accel import Accel
from .session import Session, new_folder
from .suite import Point, Suite
from .verdict import EXIT_STATUS, SetupError

SUITES = repo.SCRIPTS / "suites"


def find_suite(name: str) -> Suite:
    """A suite by its name in scripts/suites, or by its file."""
    known = SUITES / f"{name}.toml"
    file = known if known.is_file() else Path(name)
    if not file.is_file():
        names = ", ".join(sorted(path.stem for path in SUITES.glob("*.toml")))
        raise SetupError(f"SUITE={name}: no such suite or file; known: {names}")
    return suite.load(file)


def passes(chosen: Suite, how: Accel | None, image: bool) -> list[tuple[list[Point], Accel | None]]:
    """Every repetition as a boot of its own, then one boot that counts instructions."""
    found: list[tuple[list[Point], Accel | None]] = []
    if chosen.plain() and how is not accel.ICOUNT:
        found += [(chosen.order(boot), how) for boot in range(1, chosen.repetitions + 1)]
    if chosen.icount() and image:
        found.append((chosen.icount(), accel.ICOUNT))
    return found


def choose(name: str, args: argparse.Namespace) -> Suite:
    chosen = find_suite(name)
    return replace(chosen, repetitions=args.repetitions) if args.repetitions else chosen


def where_it_is(folder: Path) -> Path:
    return folder.relative_to(repo.ROOT) if folder.is_relative_to(repo.ROOT) else folder


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    chosen = choose(args.suite, args)
    if args.host:
        host.consent_to(chosen, args.yes)
        where, how = kernel.running(), None
    else:
        where = kernel.choose(args.kdir, args.kernel)
        how = accel.choose(args.accel, where)
    todo = passes(chosen, how, where.image.is_file())
    if not todo:
        raise SetupError(f"suite {chosen.name} has nothing to run here")
    session = Session(chosen, where, kernel.build_module(where, variables=kernel.WITH_FLOOR), how, args.vcpus, args.memory,
                      new_folder(chosen.name, args.out))
    found = session.run(todo)
    print(summary.render(found))
    print(f"{found['verdict']}: {where_it_is(session.folder)} has result.json, summary.txt, "
          "the raw runs, the console logs, and the command")
    return EXIT_STATUS[found["verdict"]]
