# SPDX-License-Identifier: GPL-2.0
"""bench: run a suite and print its table."""

import argparse
import itertools
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import repo
from ..result import result
from ..show import summary
from ..suite import guest_script, resume, suitefile
from ..suite.session import Flavours, Session, again, keep_command, new_folder
from ..suite.suite import Point, Suite
from ..verdict import EXIT_STATUS, SETUP, SetupError, worst
from ..vm import accel, host, kernel, versions
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from . import compare, kernels, options, report

SUITES = repo.SCRIPTS / "suites"
ALL = "all"
ARGUMENTS = options.of(*options.MACHINE, "repetitions") | {
    "--kver": options.KNOWN["kver"] | {"help": f"{options.KNOWN['kver']['help']}; several with commas between are compared"},
    "--minutes": {"type": options.positive, "metavar": "N", "help": "no boot is added after so many (default: the suite's)"},
    **options.of("out", "host", "yes"),
    "--suite": {"default": "default", "help": "name, path of a .toml, or all"},
    "--resume": {"metavar": "DIR", "help": "go on with what was interrupted, in its folder"}}


def names() -> list[str]:
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def not_in_all() -> list[str]:
    """Suites that ask for times have a kernel of their own; icount has its own command, and measures nothing that the
    others do not."""
    return [name for name in names() if name == "icount" or find_suite(name).times]


def find_suite(name: str, cpus: int = 2) -> Suite:
    """Load a suite, given by its name in scripts/suites or by its file."""
    known = SUITES / f"{name}.toml"
    file = known if known.is_file() else Path(name)
    if not file.is_file():
        raise SetupError(f"SUITE={name}: no such suite or file; known: {', '.join(names())}, {ALL}")
    return suitefile.load(file, cpus)


def expected_s(chosen: Suite) -> float:
    """Seconds that a suite takes under emulation, boots included, and its times as long as they may at most."""
    return sum(sum(guest_script.plan(points)) for points, _ in passes(chosen, accel.TCG, True)) + (
        60 * chosen.timed.minutes if chosen.timed else 0)


def passes(chosen: Suite, how: Accel | None, image: bool) -> list[tuple[list[Point], Accel | None]]:
    """The boots: one for each repetition, or for each of its machines, then one that counts instructions."""
    found: list[tuple[list[Point], Accel | None]] = []
    if chosen.plain() and how is not accel.ICOUNT:
        found += [(points, how) for repetition in range(1, chosen.repetitions + 1)
                  for points in chosen.boots(repetition)]
    if chosen.icount() and image:
        found.append((chosen.icount(), accel.ICOUNT))
    return found


def choose(name: str, args: argparse.Namespace) -> Suite:
    chosen = find_suite(name, (os.cpu_count() or 1) if getattr(args, "host", False) else args.vcpus)
    minutes = getattr(args, "minutes", None)
    if minutes and (args.repetitions or not (chosen.timed or chosen).within):
        raise SetupError(f"MINUTES={minutes}: {'REPS= says how many boots' if args.repetitions else f'{chosen.name} has a number of boots'}: "
                         "allowed: a suite with within= or times_of=, without REPS=")

    def asked(suite: Suite) -> Suite:
        timed = asked(suite.timed) if suite.timed else None
        if args.repetitions:
            return replace(suite, repetitions=args.repetitions, within=0, timed=timed)
        return replace(suite, minutes=minutes if minutes and suite.within else suite.minutes, timed=timed)

    return asked(chosen)


def _missing(series: str, flavour: str) -> str:
    """Why that kernel of Debian's is not available; empty if it is."""
    try:
        kernel.debian(series, flavour)
    except SetupError as error:
        return str(error)
    return ""


def here(chosen: Suite, args: argparse.Namespace) -> Suite:
    """The suite without the machines that are not available. Print and keep the reason for each."""
    if args.host:
        left = dict.fromkeys(chosen.guests, "HOST=1 is one machine")
    else:
        series = versions.of(kernel.tree(args.kdir, args.kernel).release) if args.kdir else versions.chosen(args.kver)[0]
        left = {}
        for name, guest in chosen.guests.items():
            why = guest.not_on(series)
            if not why and guest.flavour:
                why = ("KDIR= and KERNEL= are one kernel" if args.kdir or args.kernel else
                       "ACCEL=uml has one kernel" if args.accel == accel.UML.name else _missing(series, guest.flavour))
            if why:
                left[name] = why
    for why, own in result.grouped((why, name) for name, why in left.items()).items():
        print(f"{why[0].upper()}{why[1:]}: {chosen.name} leaves out what is booted in {', '.join(sorted(own))}", flush=True)
    return chosen.without(left)


def flavours(chosen: Suite, series: str) -> Flavours:
    """Debian's other flavours of kernel @series that a suite boots, and the modules built for them."""
    kernels = {guest.flavour: kernel.debian(series, guest.flavour) for guest in chosen.guests.values() if guest.flavour}
    return {name: (where, kernel.build_module(where)) for name, where in kernels.items()}


def where_it_is(folder: Path) -> Path:
    return folder.relative_to(repo.ROOT) if folder.is_relative_to(repo.ROOT) else folder


@dataclass(frozen=True)
class Engine:
    """What points run on."""
    where: Kernel
    how: Accel | None              # None: this machine itself
    modules: Path

    def passes(self, chosen: Suite) -> list[tuple[list[Point], Accel | None]]:
        # QEMU counts instructions, and HOST=1's image may be missing.
        return passes(chosen, self.how, self.where.image.is_file() and not self.where.um)

    def session(self, chosen: Suite, args: argparse.Namespace, folder: Path, **more: Any) -> Session:
        return Session(chosen, self.where, self.modules, self.how, args.vcpus, args.memory, folder, **more)


@dataclass(frozen=True)
class Plan:
    """The suites to run on one kernel, and all that running them needs."""
    chosen: list[Suite]
    engine: Engine
    timed: Engine | None          # for the times of suites that have them measured by another one
    others: dict[str, Flavours]   # by suite


def _folder(plan: Plan, args: argparse.Namespace) -> Path:
    """The folder for all output of this command."""
    if not args.resume:
        folder = new_folder(args.suite if args.suite == ALL else plan.chosen[0].name, args.out)
    elif args.out:
        raise SetupError("RESUME= continues in its own folder: OUT= is not allowed with it")
    else:
        resume.check(Path(args.resume), again(sys.argv))
        folder = Path(args.resume).resolve()
    keep_command(folder)
    return folder


def _run(chosen: Suite, plan: Plan, args: argparse.Namespace, folder: Path) -> tuple[str, bool]:
    """Run one suite and print its table; return its verdict, and whether it was completed."""
    times, stopped, failed = None, False, ""
    if (timed := chosen.timed) and (engine := plan.timed):
        print(f"Times: {timed.name}, {'on this machine' if engine.how is None else f'by {engine.how.name}'}, {engine.where.release}", flush=True)
        (folder / timed.name).mkdir(exist_ok=True)
        try:
            session = engine.session(timed, args, folder / timed.name, part=True)
            times, stopped = session.run(engine.passes(timed)), session.stopped
        except SetupError as error:
            failed = str(error)
            chosen = replace(chosen, timed=None, no_times=failed)
    session = plan.engine.session(chosen, args, folder, flavours=plan.others[chosen.name], times=times)
    # After a signal nothing more is run, but what has arrived is written.
    found = session.run([] if stopped else plan.engine.passes(chosen))
    print(summary.render(found))
    report.write([folder], folder / report.NAME)
    if failed:
        print(f"{SETUP}: no times: {failed}")
    verdict = worst([found["verdict"], *[SETUP] * bool(failed)])
    print(f"{verdict}: {where_it_is(folder)} has {report.NAME} to open, result.json, summary.txt, "
          "the raw runs, the console logs, and the command", flush=True)
    return verdict, not result.interrupted(found)


def _some(chosen: list[Suite], args: argparse.Namespace) -> list[Suite]:
    if not chosen:
        raise SetupError(f"suite {args.suite} has nothing to run here")
    return chosen


def _plan(args: argparse.Namespace) -> Plan:
    """Fetch and build all that the suites need on one kernel."""
    # The default suite answers the main question: run it first.
    every = sorted(names(), key=lambda name: (name != "default", name))
    wanted = [name for name in every if name not in not_in_all()] if args.suite == ALL else [args.suite]
    chosen = _some([one for name in wanted if (one := here(choose(name, args), args)).points], args)
    if args.host:
        host.consent_to([part for one in chosen for part in one.parts], args.yes)

    def engine_of(times: bool) -> tuple[Kernel, Accel | None]:
        return (kernel.running(), None) if args.host else kernels.chosen(args, times)

    def built(where: Kernel, how: Accel | None) -> Engine:
        return Engine(where, how, kernel.build_module(where, variables=kernel.WITH_OPENCODED))

    engine = built(*engine_of(any(one.times for one in chosen)))
    chosen = _some([one for one in chosen if engine.passes(one)], args)
    timed = None
    if any(one.timed for one in chosen):
        try:
            of_times = engine_of(True)
        except SetupError as error:
            print(f"No times: {error}", flush=True)
            chosen = [replace(one, timed=None, no_times=str(error)) if one.timed else one for one in chosen]
        else:
            timed = built(*of_times)
    series = versions.chosen(args.kver)[0]
    return Plan(chosen, engine, timed, {one.name: flavours(one, series) for one in chosen})


def _measure(plan: Plan, args: argparse.Namespace, folder: Path, top: Path) -> tuple[dict[Path, str], str, bool]:
    """Run the suites on one kernel, below @folder; return verdicts by folder, the worst, and if all is complete."""
    several = args.suite == ALL
    done: dict[Path, str] = {}
    refused: dict[str, list[str]] = {}      # why suites could not be run, and which
    whole = True
    for one in plan.chosen:
        below = folder / one.name if several else folder
        below.mkdir(exist_ok=True)
        try:
            done[below], whole = _run(one, plan, args, below)
        except SetupError as error:
            refused.setdefault(str(error), []).append(one.name)
            continue
        if not whole:
            print(f"Cut short; what is missing is made by {again(sys.argv)} --resume {where_it_is(top)}")
            break
    causes = [f"{', '.join(suites)}: {why}" if several else why for why, suites in refused.items()]
    if not done:
        raise SetupError("; ".join(causes))
    verdict = worst([*done.values(), *[SETUP] * len(causes)])
    if several:
        report.write(list(done), folder / report.NAME)
        for cause in causes:
            print(f"{SETUP}: {cause}")
        print(f"{verdict}: {where_it_is(folder)} has {report.NAME} of all of them, and a folder for each")
    return done, verdict, whole


def _on_each(series: list[str], args: argparse.Namespace) -> int:
    """Run the suites on several kernels, oldest first, and compare each with the next one that has results."""
    plans = {one: _plan(argparse.Namespace(**vars(args) | {"kver": one})) for one in series}
    folder = _folder(plans[series[0]], args)
    verdicts: list[str] = []
    results: dict[str, list[Path]] = {}
    for one, plan in plans.items():
        print(f"Kernel {one}: {plan.engine.where.release}", flush=True)
        (folder / one).mkdir(exist_ok=True)
        try:
            done, verdict, whole = _measure(plan, args, folder / one, folder)
        except SetupError as error:
            print(f"{SETUP}: kernel {one}: {error}")
            done, verdict, whole = {}, SETUP, True
        verdicts.append(verdict)
        results[one] = list(done)
        if not whole:
            return EXIT_STATUS[worst(verdicts)]
    by_suite = result.grouped((below.relative_to(folder / one), (one, below)) for one, done in results.items() for below in done)
    for suite_of, found in by_suite.items():
        for (before, old), (after, new) in itertools.pairwise(found):
            try:
                text = compare.render(compare.whole(compare.load("A", str(old)), compare.load("B", str(new))))
            except SetupError as error:
                text = f"The kernels are not compared: {error}\n"
            words = [*([suite_of.name] if args.suite == ALL else []), *([before, after] if len(series) > 2 else [])]
            (folder / f"{'-'.join(['compare', *words])}.txt").write_text(text, encoding="utf-8")
            print(text, end="")
    print(f"{worst(verdicts)}: {where_it_is(folder)} has a folder for each of {', '.join(series)}")
    return EXIT_STATUS[worst(verdicts)]


def main(args: argparse.Namespace) -> int:
    kernel.refuse_both(args.kdir, args.kernel, args.kver)
    if args.host:
        host.refuse_kver(args.kver)
    series = versions.chosen(args.kver, several=True)
    if len(series) > 1:
        return _on_each(series, args)
    plan = _plan(args)
    folder = _folder(plan, args)
    return EXIT_STATUS[_measure(plan, args, folder, folder)[1]]
