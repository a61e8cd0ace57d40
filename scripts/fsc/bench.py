# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale bench: suites, from the module's build to the table."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from . import accel, host, job, kernel, repo, report, resume, suitefile, summary
from .accel import Accel
from .kernel import Kernel
from .session import Session, again, keep_command, new_folder
from .suite import Point, Suite
from .verdict import EXIT_STATUS, SetupError, worst

SUITES = repo.SCRIPTS / "suites"
ALL = "all"
# Has a command of its own, and nothing that the others have not.
_NOT_IN_ALL = ("icount",)


def names() -> list[str]:
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def find_suite(name: str, cpus: int = 2) -> Suite:
    """A suite by its name in scripts/suites, or by its file."""
    known = SUITES / f"{name}.toml"
    file = known if known.is_file() else Path(name)
    if not file.is_file():
        raise SetupError(f"SUITE={name}: no such suite or file; known: {', '.join(names())}, {ALL}")
    return suitefile.load(file, cpus)


def expected_s(chosen: Suite) -> float:
    """Seconds that a suite takes under emulation, boots included."""
    plain = chosen.repetitions * sum(job.plan(chosen.plain())) if chosen.plain() else 0
    return plain + (sum(job.plan(chosen.icount())) if chosen.icount() else 0)


def passes(chosen: Suite, how: Accel | None, image: bool) -> list[tuple[list[Point], Accel | None]]:
    """Every repetition as a boot of its own, then one boot that counts instructions."""
    found: list[tuple[list[Point], Accel | None]] = []
    if chosen.plain() and how is not accel.ICOUNT:
        found += [(chosen.order(boot), how) for boot in range(1, chosen.repetitions + 1)]
    if chosen.icount() and image:
        found.append((chosen.icount(), accel.ICOUNT))
    return found


def choose(name: str, args: argparse.Namespace) -> Suite:
    chosen = find_suite(name, (os.cpu_count() or 1) if getattr(args, "host", False) else args.vcpus)
    return replace(chosen, repetitions=args.repetitions) if args.repetitions else chosen


def where_it_is(folder: Path) -> Path:
    return folder.relative_to(repo.ROOT) if folder.is_relative_to(repo.ROOT) else folder


def _folder(name: str, args: argparse.Namespace) -> Path:
    """Where all of this command goes."""
    if not args.resume:
        return new_folder(name, args.out)
    if args.out:
        raise SetupError("RESUME= goes on where it was: OUT= cannot be had with it")
    resume.check(Path(args.resume), again(sys.argv))
    return Path(args.resume).resolve()


def _run(chosen: Suite, where: Kernel, modules: Path, how: Accel | None, args: argparse.Namespace,
         folder: Path) -> tuple[str, bool]:
    """Run one suite and print its table; return its verdict, and whether it is whole."""
    session = Session(chosen, where, modules, how, args.vcpus, args.memory, folder)
    found = session.run(passes(chosen, how, where.image.is_file()))
    print(summary.render(found))
    report.write([session.folder], session.folder / report.NAME)
    print(f"{found['verdict']}: {where_it_is(session.folder)} has {report.NAME} to open, result.json, summary.txt, "
          "the raw runs, the console logs, and the command", flush=True)
    return found["verdict"], not found["environment"]["interrupted"]


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    several = args.suite == ALL
    chosen = [choose(name, args) for name in ([name for name in names() if name not in _NOT_IN_ALL] if several
                                              else [args.suite])]
    if args.host:
        host.consent_to(chosen, args.yes)
        where, how = kernel.running(), None
    else:
        where = kernel.choose(args.kdir, args.kernel)
        how = accel.choose(args.accel, where)
    chosen = [one for one in chosen if passes(one, how, where.image.is_file())]
    if not chosen:
        raise SetupError(f"suite {args.suite} has nothing to run here")
    modules = kernel.build_module(where, variables=kernel.WITH_FLOOR)
    folder = _folder(args.suite if several else chosen[0].name, args)
    if several:
        keep_command(folder)
    done: dict[Path, str] = {}
    for one in chosen:
        below = folder / one.name if several else folder
        below.mkdir(exist_ok=True)
        done[below], whole = _run(one, where, modules, how, args, below)
        if not whole:
            print(f"Cut short; what is missing is made by {again(sys.argv)} --resume {where_it_is(folder)}")
            break
    if several:
        report.write(list(done), folder / report.NAME)
        print(f"{worst(list(done.values()))}: {where_it_is(folder)} has {report.NAME} of all of them, and a folder for each")
    return EXIT_STATUS[worst(list(done.values()))]
