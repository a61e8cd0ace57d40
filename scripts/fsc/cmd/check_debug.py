# SPDX-License-Identifier: GPL-2.0
"""check-debug: run the tests in which the module runs on debug kernels, and show that those see what they are for.

On each kernel the functional matrix and a churn must cause no report. And each of the kernel's
checkers must report a bug that it is shown in a boot of its own: otherwise the rest proves nothing.
"""

import argparse
import dataclasses
import json
import os
import re
import shlex
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import repo, traits
from ..ktap import Ktap
from ..result import environment
from ..verdict import EXIT_STATUS, FAIL, INCONCLUSIVE, PASS, SetupError
from ..vm import accel, console, guest_test, kernel, versions, vm
from . import check, kernels, options
from .check import Guest, Machine

OUT = repo.BUILD / "check-debug"
ARGUMENTS = options.of("kver", "accel", "only") | {
    "name": {"nargs": "?", "default": "all", "help": "one of the debug kernels (all)"},
    "--quick": {"action": "store_true", "help": "the least of each"}}
# KCSAN reports the kernel's own races, too. A race of ours names the module, at least among the callers.
_NOT_OURS = r"BUG: KCSAN: (?!.*\[folioscale\])"
# Races that a caller cannot avoid are not ours either. The fast clock: memcpy(), which KCSAN does not
# see, writes one half of its latch while readers use the other half (kernel/time/timekeeping.c:
# update_fast_timekeeper). A sleeper that tests whether its timer has expired: both accesses are
# hrtimer's, and the word is on the sleeper's stack (kernel/time/hrtimer.c:hrtimer_wakeup).
_CLOCK = r"BUG: KCSAN: data-race in ktime_get_mono_fast_ns\+"
_SLEEPER = r"BUG: KCSAN: data-race in hrtimer_wakeup / schedule_hrtimeout_range_clock\b"


def _warning(function: str) -> str:
    """Match a WARN() in @function: 7.2 prints it after the source line, older kernels at the end."""
    return rf"WARNING: .*\b{function}\+0x"


# kmemleak slows a boot from 9 s to 37 s, and all that runs later alike: it is on only in groups
# that test for leaks. Those groups read its findings themselves (no_leak).
_NO_KMEMLEAK: dict[str, Any] = {
    "cmdline": ("kmemleak=off",), "allow": (r"\[ +0\.000000\] kmemleak: Kernel memory leak detector disabled",)}
_SCANS: dict[str, Any] = {"allow": (r"kmemleak: \d+ new suspected memory leaks",)}
# Compiled in, but off by default.
_POISON = ("page_poison=1",)
_PAGES = (*_POISON, "page_owner=on")
# Emulated, instrumented, and next to two others, a test takes seconds.
_TIMEOUT_S = 7200.0
# Up to ten times slower, rare events come late: seqcount falls back after four retries in a row.
_PATIENCE = "FSC_PATIENCE_S=600"


@dataclass(frozen=True)
class Control(Guest):
    """A bug that a checker of the kernel must report."""
    report: str = ""              # the console must have a line like this
    names: str = ""               # one of the lines below must have this

    def shown(self, console_log: str) -> str:
        """The first line of the report; empty if this bug is not reported."""
        lines = console_log.splitlines()
        return next((line.strip() for number, line in enumerate(lines) if re.search(self.report, line)
                     and any(self.names in below for below in lines[number:number + _REPORT_LINES])), "")

    def caught(self, folder: Path) -> str:
        """The same for the machine whose files are in @folder."""
        log = folder / "console.log"
        return self.shown(log.read_text(errors="replace") if log.exists() else "")

    def run(self, out: Ktap, machine: Machine, folder: Path) -> None:
        out.feed("KTAP version 1")
        out.feed("1..2")
        below = out.below()
        super().run(below, machine, folder)
        out.end(below, f"{self.name} in a machine")
        found = self.caught(folder)
        out.result(bool(found), f"{self.name} is reported",
                   found or f"INCONCLUSIVE: no line has {self.report}{f' and {self.names} under it' if self.names else ''}")


# Lines of lockdep's report until it names the lock.
_REPORT_LINES = 60


def _control(busted: str, report: str, names: str = "") -> Control:
    return Control("armed", busted, env=f"FSC_ARMED={busted} FSC_REPORT={shlex.quote(report)}", report=report, names=names,
                   cmdline=_NO_KMEMLEAK["cmdline"], allow=(report, *_NO_KMEMLEAK["allow"]))


# Which kind of bug KASAN reports depends on who owns the page by then.
EARLY_PAGES = _control("early_pages", r"BUG: KASAN: [a-z-]+ in pagecache_early_pages_.*\[folioscale\]")
EARLY_FREE = _control("early_free", r"BUG: KASAN: slab-use-after-free in pagecache_early_free_.*\[folioscale\]")
# If KCSAN saw only one side of the race, an offset follows the name.
PLAIN_RACE = _control("plain_race", r"BUG: KCSAN: data-race in fsc_plain_race_count[+ ].*\[folioscale\]")
LOCK_INVERSION = _control("lock_inversion", "WARNING: possible circular locking dependency detected",
                          names="fsc_inverted_a")

FUNCTIONAL = (
    Guest("matrix", "matrix", **_NO_KMEMLEAK),
    Guest("paths", "paths", **_NO_KMEMLEAK),
    Guest("axes", "axes", **_NO_KMEMLEAK),
    Guest("churn", "churn", **_SCANS),
)
# Since 7.2 suites run at module load only with kunit.autorun=1 or if the configured default, off with allnoconfig, says
# so. 6.12 does not know the word, and needs none.
KUNIT = Guest("kunit", "kunit", cmdline=(*_NO_KMEMLEAK["cmdline"], "kunit.autorun=1"), allow=_NO_KMEMLEAK["allow"])
# overlay's descriptors are in the pages: poison overwrites what a recycled one is recognized by.
POISON = Guest("churn", "poison", cmdline=_POISON, env="FSC_NO_RECYCLING=overlay")
# Tests that need a kernel with fault injection and kmemleak.
TROUBLE = (
    # vmalloc() fails and warns if it gets no memory to split a free range of addresses.
    Guest("failslab", "failslab", allow=(_warning("alloc_vmap_area"), *_SCANS["allow"])),
    Guest("nth", "nth", **_SCANS),
    # After this warning the script checks which tasks the kernel lists.
    Guest("hotplug", "hotplug", vcpus=4, allow=(_warning("sched_cpu_dying"), *_SCANS["allow"])),
    Guest("memcg", "memcg", **_SCANS),
    Guest("memcg", "memcg-512", memory_mb=512, **_SCANS),
    # With page_owner and poison a load takes ten times as long, and this test loads a thousand times.
    Guest("cycles", "cycles", **{**_NO_KMEMLEAK, "cmdline": (*_NO_KMEMLEAK["cmdline"], "page_owner=off", "page_poison=0")}),
    # A new seed each time, unless FSC_SEED repeats one. debugfs warns if a file is opened after rmmod has
    # taken the module's last reference but before the module's state says that it goes.
    Guest("fuzz", "fuzz", env=f"FSC_SEED={shlex.quote(os.environ.get('FSC_SEED') or str(int(time.time())))}",
          allow=(_warning(r"full_proxy_open\w*"), *_SCANS["allow"])),
)
# The fewest tests that cover every path, protocol and removal.
QUICK = (
    Guest("paths", "paths", env="FSC_QUICK=1", **_NO_KMEMLEAK),
    Guest("churn", "churn", env="FSC_CHURN_S=40", **_NO_KMEMLEAK),
)


@dataclass(frozen=True)
class Plan:
    controls: tuple[Control, ...]
    more: tuple[Guest, ...] = ()  # in addition to FUNCTIONAL
    quick: tuple[Guest, ...] = ()  # in addition to QUICK
    allow: tuple[str, ...] = ()
    cmdline: tuple[str, ...] = ()
    env: str = ""
    says: str = ""                # what its runs cannot show

    def groups(self, least: bool) -> tuple[Guest, ...]:
        found = (*(QUICK if least else FUNCTIONAL), *(self.quick if least else self.more), *self.controls)
        return tuple(dataclasses.replace(group, timeout_s=_TIMEOUT_S, allow=(*group.allow, *self.allow),
                                         cmdline=(_NO_LA57, *self.cmdline, *group.cmdline),     # last, so that these win
                                         env=f"{group.env} {self.env} {_PATIENCE}".strip())
                     for group in found)


# While identify_cpu() has cleared the boot CPU's features, KASAN takes 5-level paging for off: an interrupt there has it
# report a direct map address, and that report turns it and lockdep off for all that follows.
_NO_LA57 = "no5lvl"
_NO_RECYCLING = f"FSC_NO_RECYCLING='{' '.join(name for name, one in traits.PROTOCOLS.items() if one['reused_before_gp'])}'"
_NOT_RECYCLED = ("SLUB_RCU_DEBUG: no descriptor is recycled while a reader looks, "
                 "so of recycling these runs show nothing; recycle, rt and kcsan are for that")
_KASAN = Plan((EARLY_PAGES, EARLY_FREE, LOCK_INVERSION), (KUNIT, *TROUBLE), (KUNIT,), cmdline=_PAGES, env=_NO_RECYCLING,
              says=_NOT_RECYCLED)
_RECYCLE = Plan((LOCK_INVERSION,), (KUNIT, POISON), (KUNIT,))
PLANS = {
    "kasan": _KASAN,
    "recycle": _RECYCLE,
    "kcsan": Plan((PLAIN_RACE, LOCK_INVERSION), allow=(_NOT_OURS, _CLOCK, _SLEEPER)),
    "rt": Plan((LOCK_INVERSION,)),
    "strict": Plan((EARLY_PAGES, EARLY_FREE, LOCK_INVERSION), cmdline=_PAGES, env=_NO_RECYCLING,
                   says=_NOT_RECYCLED),
    # Natively, where minutes become seconds. ARCH=um takes no CPU away.
    "uml-kasan": dataclasses.replace(_KASAN, more=tuple(group for group in _KASAN.more if group.script != "hotplug")),
    "uml-lockdep": _RECYCLE,
}


@dataclass
class Row:
    """A kernel's row of the final table."""
    name: str
    revision: str                 # of folioscale
    minutes: float
    work: dict[str, int]
    tests: str
    reports: int
    caught: int
    controls: int
    failed: int                   # failed tests, not counting reports that controls lack
    unwatched: int = 0            # machines in which a checker was off before the module was there

    def __str__(self) -> str:
        cells = (self.name, self.revision, *(f"{self.work[name]:,}" for name in ("runs", "lookups", "turnovers")), self.tests,
                 self.reports, f"{self.caught} of {self.controls}", f"{self.minutes:.0f}")
        return f"| {' | '.join(map(str, cells))} |"


HEAD = ("| kernel | of | runs | lookups | turnovers | tests | reports | controls caught | minutes |\n"
        "|---|---|---|---|---|---|---|---|---|")


# After such a report KASAN and lockdep are off.
_TURNS_OFF = re.compile(r"BUG: KASAN|possible |suspicious |inconsistent lock|non-static key")


def complaints(log: Path, allow: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The kernel's complaints during the job, and those before it, which are not the module's."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return console.complaints(vm.in_job(text), allow), console.complaints(vm.before_job(text), allow)


def on_kernel(out: Ktap, name: str, groups: tuple[Guest, ...], where: kernel.Kernel, how: accel.Accel) -> Row:
    begin = time.monotonic()
    revision = environment.revision()
    named = [dataclasses.replace(group, name=f"{name}-{group.name}") for group in groups]
    kernel.build_module(where, variables=kernel.WITH_OPENCODED)
    below = out.below(len(named))
    check.run_groups(below, named, Machine(where, how, [], OUT))
    out.end(below, name)
    work: Counter[str] = Counter()
    reports = unwatched = 0
    for group in named:
        folder = OUT / group.name
        if (file := folder / guest_test.WORK).is_file():
            work.update(json.loads(file.read_text(encoding="utf-8")))
        reported, at_boot = complaints(folder / "console.log", group.allow)
        reports += len(reported)
        unwatched += any(map(_TURNS_OFF.search, at_boot))
        for line in at_boot:
            out.note(f"{group.name}: before the module was there: {line}")
    controls = [group for group in named if isinstance(group, Control)]
    caught = sum(bool(group.caught(OUT / group.name)) for group in controls)
    return Row(name, revision, (time.monotonic() - begin) / 60, work, str(below.count), reports, caught, len(controls),
               below.count.failed - (len(controls) - caught), unwatched)


def judge(rows: list[Row]) -> str:
    """The verdict on all kernels. A failure counts whatever was caught."""
    if any(row.failed or row.reports for row in rows):
        return FAIL
    return INCONCLUSIVE if any(row.caught < row.controls or row.unwatched for row in rows) else PASS


def chosen(name: str, series: str, only: list[str], least: bool) -> tuple[tuple[str, tuple[Guest, ...]], ...]:
    """The kernels, and the groups to run on each; with @only, just those."""
    if name not in (*kernels.DEBUG, kernels.ALL):
        raise SetupError(f"KERNEL={name}: allowed: {' '.join(kernels.DEBUG)} {kernels.ALL}")
    names = [one for one in kernels.DEBUG if series in kernels.series_of(one)] if name == kernels.ALL else [name]
    plans = {name: PLANS[name].groups(least) for name in names}
    known = {group.name: group for groups in plans.values() for group in groups}
    check.chosen(only, tuple(known.values()))
    found = {name: tuple(group for group in groups if not only or group.name in only) for name, groups in plans.items()}
    return tuple((name, groups) for name, groups in found.items() if groups)


def main(args: argparse.Namespace) -> int:
    # Refuse it before hours of building.
    if args.accel in (accel.ICOUNT.name, accel.UML.name):
        raise SetupError(f"ACCEL={args.accel}: allowed for check-debug: auto kvm tcg (KERNEL=uml-kasan and uml-lockdep are processes)")
    [series] = versions.chosen(args.kver)
    plans = chosen(args.name, series, args.only, args.quick)
    built = {name: kernels.build(name, series) for name, _ in plans}
    booted = next((where for where in built.values() if not where.um), None)
    how = accel.choose(args.accel, booted) if booted else accel.UML
    check.start(OUT)
    begin = time.monotonic()
    out = Ktap(lambda line: print(line, flush=True), len(plans))
    rows = []
    for name, groups in plans:
        rows.append(on_kernel(out, name, groups, built[name], how))
        if PLANS[name].says:
            print(f"# {name}: {PLANS[name].says}")
    print("\n".join(["", HEAD, *map(str, rows), ""]))
    print(f"# {time.monotonic() - begin:.0f} s")
    out.repeat_failures()
    print(out.count)
    verdict = judge(rows)
    if verdict == INCONCLUSIVE:
        print(f"{INCONCLUSIVE}: a checker did not report what it was shown, or was off before the module was there")
    return EXIT_STATUS[verdict]
