# SPDX-License-Identifier: GPL-2.0
"""soak: random points for a long time, each of them checked."""

import argparse
import json
import random
import re
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import repo
from ..show import table
from ..suite import guest_script, session, soakpoint
from ..suite.progress import Ticker
from ..suite.soakpoint import Machine, Point
from ..verdict import EXIT_STATUS, FAIL, INCONCLUSIVE, LOST, PASS, SetupError
from ..vm import accel, console, kernel, setup_errors, vm
from ..vm.guest_test import complaint
from . import kernels, options
from .bench import where_it_is

SOAK_SH = repo.SCRIPTS / "guest/soak.sh"
ARGUMENTS = options.of(*options.MACHINE, "out") | {
    "--minutes": {"type": options.positive, "metavar": "N", "help": "(60; with --point: once)"},
    "--seed": {"type": options.number, "metavar": "S", "help": "of the points (a random one)"},
    "--point": {"type": options.number, "metavar": "K", "help": "this one alone"}}
MINUTES = 60
# On average a point takes at least half a second of guest time, even if some are refused.
_A_MINUTE = 150
# For booting, the point that runs when time is up, and counting memory; a hung machine is found sooner.
_OVERHEAD_S = 1800.0
# guest/soak.sh gives up on a run after 500 s; populating or draining may also be silent for long.
_QUIET_S = 700.0
_SHOW_S = 20.0
MEMORY_LIMIT = 0.01
# The machine gets the list of all points at the start.
MOST_MINUTES = 7 * 24 * 60
# If more than half of at least _FEW points are refused, the generator is at fault.
REFUSED_LIMIT, _FEW = 0.5, 10
INCONCLUSIVE_LIMIT = 0.5
# Reasons for which a point may be INCONCLUSIVE: it has shown nothing, but nothing wrong.
VACUOUS = ("a thread did not run in the window", "no turnover in the window",
           "vacuous: no lookup in the window found a folio", "vacuous: no descriptor came back under another key",
           "vacuous: no reader had a folio that was being freed")
STOPPED = "stopped before the window ended"
_NOT_ENDED = "the run has not ended"
# Reasons that are not about a single point begin with this.
ALL = "all points together: "
_CLEAN = re.compile(r"Invalid argument|Cannot allocate memory")


class Failure(Exception):
    """A point that is wrong; the text says why."""


def wrong(run: dict[str, Any], point: Point, during: bool = False) -> str:
    """What is wrong with the run.json of @point, read at its end or @during it."""
    if found := complaint(run):
        return found
    for name, value in point.params.items():
        if str(run["params"][name]) != str(value):
            return f"{name} is {run['params'][name]}, not {value}"
    if run["violations_total"] or run["verdict"] == FAIL:
        first = "".join(f"\n  {seen['what']} of key {seen['key']}: expected {seen['expected']}, found {seen['found']}"
                        for seen in run["violations"][:4])
        return f"{run['violations_total']} violations{first}" if run["violations_total"] else run["reason"]
    reasons = (*VACUOUS, *((STOPPED,) if point.how == "stop" else ()), *((_NOT_ENDED,) if during else ()))
    if run["verdict"] == INCONCLUSIVE and run["reason"] not in reasons:
        return f"{INCONCLUSIVE}: {run['reason']}"
    if run["state"] != "done" and not during:
        return f"the state is {run['state']}"
    return ""


def refusal(text: str) -> str:
    """The line in which the module refuses a point; empty if insmod failed for another reason."""
    line = setup_errors.REFUSED.search(text)
    return line[0] if line and _CLEAN.search(text) else ""


@dataclass(frozen=True)
class Memory:
    """Memory according to /proc/meminfo and /proc/zoneinfo."""
    total_kb: int
    free_kb: int
    slab_kb: int


def compared(start: Memory, end: Memory) -> tuple[str, bool]:
    """The comparison, and whether memory is the same within 1% of all memory."""
    free, slab = (end.free_kb - start.free_kb) / start.total_kb, (end.slab_kb - start.slab_kb) / start.total_kb
    text = (f"free at start {start.free_kb / 1024:,.1f} MiB, at end {end.free_kb / 1024:,.1f} MiB, {free:+.2%} of "
            f"{start.total_kb / 1024:,.0f} MiB; "
            f"slabs {start.slab_kb / 1024:,.1f} MiB, {end.slab_kb / 1024:,.1f} MiB, {slab:+.2%}")
    return text, abs(free) <= MEMORY_LIMIT and abs(slab) <= MEMORY_LIMIT


@dataclass
class Tally:
    """What a soak has seen so far, from the blobs of the guest."""
    points: dict[int, Point]
    folder: Path
    seconds: int = 0              # how long it is to take
    show: Callable[[str], None] = lambda text: None
    many: bool = True             # not only one point
    now: Point | None = None      # the current point, or the last one
    ended: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    inconclusive: Counter[str] = field(default_factory=Counter)
    lookups: int = 0
    turnovers: int = 0
    memory: dict[str, Memory] = field(default_factory=dict)
    _at: int = 0                  # how far the console has been read
    _ran: bool = False
    _begin: float = 0.0           # when the first point began

    def on_blob(self, name: str, data: bytes) -> None:
        """Take a blob of the guest. Raises Failure."""
        kind, _, which = name.partition("/")
        text = data.decode(errors="replace")
        if kind == "memory":
            self.memory[which] = Memory(**json.loads(text))
        elif kind == "begin":
            self.now, self._ran = self.points[int(which)], False
            self._begin = self._begin or time.monotonic()
            with (self.folder / "points.txt").open("a") as listed:
                print(self.now.line, file=listed)
        elif kind in ("run", "during"):
            self._run(text, kind == "during")
        elif kind == "refused":
            if not (line := refusal(text)):
                raise Failure(f"insmod failed without a reason: {text.strip()}")
            # Only the first start counts: a second one may find less memory.
            if not self._ran:
                self.refused[re.search(r"folioscale: (\w+)=", line)[1]] += 1
        elif kind == "trouble":
            raise Failure(text.strip())
        elif kind in ("error", "end"):
            self.ended += kind == "end"
            if found := self.complaints():
                raise Failure("\n".join(["on the console:", *found]))
            if kind == "error":
                raise SetupError(setup_errors.not_loaded(text))
            left = max(0.0, self.seconds - (time.monotonic() - self._begin))
            self.show(f"{self.ended} points, {table.si(self.lookups)} lookups, {table.si(self.turnovers)} turnovers, "
                      f"{left / 60:.1f} minutes left")

    def _run(self, text: str, during: bool) -> None:
        try:
            run = json.loads(text)
            found = wrong(run, self.now, during)
        except (ValueError, KeyError) as error:
            found = f"run.json: {error!r}"
        if found:
            (self.folder / f"point-{self.now.number}.run.json").write_text(text)
            raise Failure(found)
        if during:
            return
        self._ran = True
        if run["verdict"] == INCONCLUSIVE:
            self.inconclusive[run["reason"]] += 1
        self.lookups += run["counters"]["lookups"]
        self.turnovers += run["counters"]["turnovers"]

    def complaints(self) -> list[str]:
        """The kernel's complaints since the last call. They are about the current point."""
        log = self.folder / "console.log"
        if not log.exists():
            return []
        with log.open("rb") as lines:
            lines.seek(self._at)
            new = lines.read()
        whole = new[:new.rfind(b"\n") + 1]
        text = whole.decode(errors="replace")
        found = console.complaints(text if self._at else vm.in_job(text))
        self._at += len(whole)
        return found[:20]


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def judge(tally: Tally, boot: vm.Boot | None, why: str) -> tuple[str, str]:
    """Verdict and reason of a soak that ended, or was interrupted (@why, and no @boot)."""
    if boot and boot.state != PASS:
        return boot.state, boot.reason
    if {"start", "end"} <= tally.memory.keys():
        text, same = compared(tally.memory["start"], tally.memory["end"])
        if not same:
            return FAIL, f"{ALL}memory is not what it was: {text}"
    refused = tally.refused.total()
    if refused > REFUSED_LIMIT * tally.ended and tally.ended >= _FEW:
        return FAIL, f"{ALL}{refused} of {tally.ended} points were refused, so the generator is at fault"
    if why:
        return INCONCLUSIVE, why
    ran = tally.ended - refused
    if not ran:
        return INCONCLUSIVE, "no point was run"
    if tally.inconclusive.total() > INCONCLUSIVE_LIMIT * ran and ran >= _FEW:
        return INCONCLUSIVE, f"{tally.inconclusive.total()} of {ran} points have shown nothing"
    if boot and tally.many and "end" not in tally.memory:
        return INCONCLUSIVE, "too short to compare memory, which takes nine points"
    return PASS, ""


def render(tally: Tally) -> str:
    refused = tally.refused.total()
    share = f" ({refused / tally.ended:.0%}, by {counted(tally.refused)})" if refused else ""
    lines = [f"points        {tally.ended:,}, of which {refused} were refused{share}",
             f"inconclusive  {tally.inconclusive.total()}"
             f"{': ' if tally.inconclusive else ''}{counted(tally.inconclusive)}",
             f"checked       {tally.lookups:,} lookups, {tally.turnovers:,} turnovers "
             "(in windows; each lookup by the oracle)"]
    if {"start", "end"} <= tally.memory.keys():
        lines.append(f"memory        {compared(tally.memory['start'], tally.memory['end'])[0]}")
    else:
        lines.append("memory        not compared: that takes two counts, after the eighth point and after the last")
    return "\n".join(lines)


def again(args: argparse.Namespace, seed: int, number: int | None) -> str:
    """The command that runs point @number of @seed again, or all points."""
    words = [f"SEED={seed}"]
    words += [f"POINT={number}"] if number is not None else [f"MINUTES={args.minutes}"] if args.minutes else []
    machine = Machine()
    for name, value, usual in (("KVER", args.kver, None), ("KDIR", args.kdir, None), ("KERNEL", args.kernel, None),
                               ("ACCEL", args.accel, "auto"), ("VCPUS", args.vcpus, machine.vcpus), ("MEM", args.memory, machine.memory_mb)):
        words += [f"{name}={shlex.quote(str(value))}"] if value != usual else []
    return f"make soak {' '.join(words)}"


def told(verdict: str, reason: str, tally: Tally, args: argparse.Namespace, seed: int) -> str:
    """What went wrong, where, and how to repeat it."""
    if not (point := tally.now):
        return f"{verdict} before the first point: {reason}"
    if reason.startswith(ALL):
        return f"{verdict}: {reason}\n  {again(args, seed, None)}"
    return (f"{verdict} at point {point.number} of seed {seed}: {reason}\n\n"
            f"  {point.how}: {point.words}\n  {again(args, seed, point.number)}\n")


def run(where: kernel.Kernel, how: accel.Accel, args: argparse.Namespace, tally: Tally) -> tuple[str, str]:
    """Boot, and wait for the end, a failure, or an interruption; return verdict and reason."""
    spec = vm.BootSpec(
        kernel=where, accel=how, outdir=tally.folder, vcpus=args.vcpus, memory_mb=args.memory,
        job=f". /point.sh\n. /memory.sh\n. /soak.sh\nload error || exit 1\nrmmod folioscale\ncgroup {soakpoint.CGROUP}\nsoak /points {tally.seconds}\n",
        files={"folioscale.ko": kernel.build_module(where) / "folioscale.ko", "point.sh": guest_script.POINT_SH,
               "memory.sh": guest_script.MEMORY_SH, "soak.sh": SOAK_SH, "points": tally.folder / "points"},
        timeout_s=tally.seconds + _OVERHEAD_S, quiet_s=_QUIET_S, keep=False, on_blob=tally.on_blob)
    before = {number: signal.signal(number, session.interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        boot, why = vm.boot(spec), ""
    except Failure as failure:
        return FAIL, "\n".join([str(failure), *tally.complaints()])
    except session.Interrupted as name:
        if found := tally.complaints():
            return FAIL, "\n".join(["on the console:", *found])
        boot, why = None, f"{name} after {tally.ended} points; what was seen until then is kept"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return judge(tally, boot, why)


def main(args: argparse.Namespace) -> int:
    if args.point is not None and args.seed is None:
        raise SetupError(f"POINT={args.point}: allowed: with the SEED= that it is a point of")
    if args.minutes and args.minutes > MOST_MINUTES:
        raise SetupError(f"MINUTES={args.minutes}: allowed: 1 to {MOST_MINUTES}")
    seed = random.SystemRandom().getrandbits(32) if args.seed is None else args.seed
    print(f"seed {seed}" + ("" if args.point is None else f", point {args.point}"), flush=True)
    machine, most = Machine(args.vcpus, args.memory), (args.minutes or MINUTES) * _A_MINUTE
    # More than the guest can run, or the same point once or until the time is up.
    points = ([soakpoint.point(seed, number, machine) for number in range(most)] if args.point is None else
              [soakpoint.point(seed, args.point, machine)] * (most if args.minutes else 1))
    where, how = kernels.chosen(args)
    print(f"kernel {where.release}", flush=True)
    if how.max_vcpus:
        raise SetupError(f"ACCEL={args.accel}: allowed for soak: auto kvm tcg")
    folder = session.new_folder("soak", args.out)
    session.keep_command(folder, sys.argv if args.seed is not None else [*sys.argv, "--seed", str(seed)])
    (folder / "points").write_text("".join(f"{point.line}\n" for point in points))
    ticker = Ticker(_SHOW_S)
    tally = Tally({point.number: point for point in points}, folder, (args.minutes or MINUTES) * 60, ticker.tell,
                  args.point is None)
    verdict, reason = run(where, how, args, tally)
    ticker.end()
    print(render(tally))
    if verdict in (FAIL, LOST):
        print(told(verdict, reason, tally, args, seed))
        reason = ""
    kept = sorted(path.name for path in folder.iterdir() if path.suffix in (".json", ".log", ".txt"))
    print(f"{verdict}{': ' if reason else ''}{reason}: {where_it_is(folder)} has {', '.join(kept)}", flush=True)
    return EXIT_STATUS[verdict]
