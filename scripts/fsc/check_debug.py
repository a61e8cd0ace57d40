# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale check-debug: the module on kernels that look at what it does.

Each kernel runs the functional matrix and a churn, with no report; and in a boot of its own
each of its checkers is shown a bug that it must report, or all the rest proves nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from . import accel, check, console, guest_test, kernel, kernels
from .check import Guest, Machine
from .ktap import Ktap
from .verdict import EXIT_STATUS, FAIL, INCONCLUSIVE, PASS, SetupError

# KCSAN sees the kernel's own races, too; those of ours name the module.
_NOT_OURS = r"BUG: KCSAN: (?!.*\[folioscale\])"
# It takes a kernel from 9 s of boot to 37, and all that it runs likewise: it is on only where
# leaks are what is asked for.
_NO_KMEMLEAK = ("kmemleak=off",)
# Emulated, instrumented, and beside two others: a test takes seconds.
_TIMEOUT_S = 7200.0


@dataclass(frozen=True)
class Control(Guest):
    """A bug that a checker of the kernel must report."""
    report: str = ""              # the line that the console must have

    def run(self, out: Ktap, machine: Machine, folder: Path) -> None:
        out.feed("KTAP version 1")
        out.feed("1..2")
        below = out.below()
        super().run(below, machine, folder)
        out.end(below, f"{self.name} in a machine")
        log = folder / "console.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        found = re.search(f".*{self.report}.*", text)
        out.result(bool(found), f"{self.name} is reported",
                   found[0].strip() if found else f"INCONCLUSIVE: no line has {self.report}")


def _control(busted: str, report: str, **how) -> Control:
    return Control("armed", busted, env=f"FSC_ARMED={busted}", report=report, allow=(report, *how.pop("allow", ())),
                   cmdline=_NO_KMEMLEAK, **how)


EARLY_PAGES = _control("early_pages", r"BUG: KASAN: use-after-free in pagecache_early_pages_.*\[folioscale\]")
EARLY_FREE = _control("early_free", r"BUG: KASAN: slab-use-after-free in pagecache_early_free_.*\[folioscale\]")
PLAIN_RACE = _control("plain_race", r"BUG: KCSAN: data-race in pagecache_plain_race_.*\[folioscale\]", allow=(_NOT_OURS,))
LOCK_INVERSION = _control("lock_inversion", "WARNING: possible circular locking dependency detected")

FUNCTIONAL = (
    Guest("matrix", "matrix", cmdline=_NO_KMEMLEAK),
    Guest("paths", "paths", cmdline=_NO_KMEMLEAK),
    Guest("axes", "axes", cmdline=_NO_KMEMLEAK),
    Guest("churn", "churn", cmdline=_NO_KMEMLEAK),
)
# What only a kernel with KUnit, fault injection and kmemleak can run.
TROUBLE = (
    Guest("kunit", "kunit"),
    Guest("failslab", "failslab"),
    Guest("nth", "nth"),
    # Of that the script has a look at what the kernel lists.
    Guest("hotplug", "hotplug", vcpus=4, allow=(r"WARNING: CPU: .* sched_cpu_dying\+",)),
    Guest("memcg", "memcg"),
    Guest("memcg", "memcg-512", memory_mb=512),
    Guest("cycles", "cycles"),
    Guest("fuzz", "fuzz"),
)
# The least that meets every path, protocol and removal.
QUICK = (
    Guest("paths", "paths", env="FSC_QUICK=1", cmdline=_NO_KMEMLEAK),
    Guest("churn", "churn", env="FSC_CHURN_S=40", cmdline=_NO_KMEMLEAK),
)
QUICK_TROUBLE = (
    Guest("kunit", "kunit", cmdline=_NO_KMEMLEAK),
)


@dataclass(frozen=True)
class Plan:
    """What is run on a kernel."""
    controls: tuple[Control, ...]
    more: tuple[Guest, ...] = ()  # beside FUNCTIONAL
    quick: tuple[Guest, ...] = ()  # beside QUICK
    allow: tuple[str, ...] = ()
    env: str = ""
    says: str = ""                # what its runs cannot show

    def groups(self, least: bool) -> tuple[Guest, ...]:
        found = (*(QUICK if least else FUNCTIONAL), *(self.quick if least else self.more), *self.controls)
        return tuple(dataclasses.replace(group, timeout_s=_TIMEOUT_S, allow=(*group.allow, *self.allow),
                                         env=f"{group.env} {self.env}".strip())
                     for group in found)


_NO_RECYCLING = "FSC_NO_RECYCLING=1"
_NOT_RECYCLED = ("SLUB_RCU_DEBUG: no descriptor is recycled while a reader looks, "
                 "so of recycling these runs show nothing; recycle, rt and kcsan are for that")
PLANS = {
    "kasan": Plan((EARLY_PAGES, EARLY_FREE, LOCK_INVERSION), TROUBLE, QUICK_TROUBLE, env=_NO_RECYCLING, says=_NOT_RECYCLED),
    "recycle": Plan((LOCK_INVERSION,)),
    "kcsan": Plan((PLAIN_RACE, LOCK_INVERSION), allow=(_NOT_OURS,)),
    "rt": Plan((LOCK_INVERSION,)),
    "strict": Plan((EARLY_PAGES, EARLY_FREE, LOCK_INVERSION), env=_NO_RECYCLING, says=_NOT_RECYCLED),
}


@dataclass
class Row:
    """What is said of a kernel in the end."""
    name: str
    minutes: float
    work: dict[str, int]
    tests: str
    reports: int
    caught: int
    controls: int

    def __str__(self) -> str:
        cells = (self.name, *(f"{self.work[name]:,}" for name in ("runs", "lookups", "turnovers")), self.tests,
                 self.reports, f"{self.caught} of {self.controls}", f"{self.minutes:.0f}")
        return f"| {' | '.join(map(str, cells))} |"


HEAD = ("| kernel | runs | lookups | turnovers | tests | reports | controls caught | minutes |\n"
        "|---|---|---|---|---|---|---|---|")


def _work(folder: Path) -> dict[str, int]:
    try:
        return json.loads((folder / guest_test.WORK).read_text(encoding="utf-8"))
    except OSError:
        return {}


def on_kernel(out: Ktap, name: str, groups: tuple[Guest, ...], where: kernel.Kernel, how: accel.Accel) -> Row:
    """Run @groups on one kernel."""
    begin = time.monotonic()
    named = [dataclasses.replace(group, name=f"{name}-{group.name}") for group in groups]
    kernel.build_module(where, variables=kernel.WITH_FLOOR)
    below = out.below(len(named))
    lists = check.run_groups(below, named, Machine(where, how, []))
    out.end(below, name)
    work = dict.fromkeys(("runs", "lookups", "turnovers"), 0)
    reports = 0
    for group in named:
        folder = check.OUT / group.name
        for key, value in _work(folder).items():
            work[key] += value
        log = folder / "console.log"
        reports += len(console.complaints(log.read_text(errors="replace"), group.allow)) if log.exists() else 0
    controls = [lists[group.name] for group in named if isinstance(group, Control)]
    return Row(name, (time.monotonic() - begin) / 60, work, str(below.count), reports,
               sum(not each.count.failed for each in controls), len(controls))


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    if args.name not in (*kernels.KERNELS, kernels.ALL):
        raise SetupError(f"KERNEL={args.name}: allowed: {' '.join(kernels.KERNELS)} {kernels.ALL}")
    names = list(kernels.KERNELS) if args.name == kernels.ALL else [args.name]
    chosen = {name: tuple(check.chosen(args.only, PLANS[name].groups(args.quick))) for name in names}
    built = {name: kernels.build(name) for name in names}
    how = accel.choose(args.accel, built[names[0]])
    check.start()
    begin = time.monotonic()
    out = Ktap(lambda line: print(line, flush=True), len(names))
    rows = []
    for name in names:
        rows.append(on_kernel(out, name, chosen[name], built[name], how))
        if PLANS[name].says:
            print(f"# {name}: {PLANS[name].says}")
    print("\n".join(["", HEAD, *map(str, rows), ""]))
    print(f"# {time.monotonic() - begin:.0f} s")
    print(out.count)
    if any(row.caught < row.controls for row in rows):
        print(f"{INCONCLUSIVE}: a checker did not report what it was shown")
        return EXIT_STATUS[FAIL if any(row.reports for row in rows) else INCONCLUSIVE]
    return EXIT_STATUS[FAIL if out.count.failed else PASS]
