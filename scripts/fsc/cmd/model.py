# SPDX-License-Identifier: GPL-2.0
"""model: what the model says of a result's limbo, and of other machines.

The grace period is the probe's. Probe and callback wait for the rest of the current one, for a whole one, and for their
CPU. But the probe asks a jiffy or two after its last grace period has ended, and a callback at any time.
"""

import argparse
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from ..result import result
from ..result.metrics import CONSTANT_LIMBO, POINTERS_PER_PAGE
from ..show import curves, table
from ..show.table import WIDTH, Table, wrap
from ..suite.suite import BOOT
from ..verdict import PASS, SetupError
from . import options

Point = dict[str, Any]

X = "free_rate"
RATES = (10_000, 100_000, 1_000_000)
MACHINES = {"16 GB": 16 << 30, "256 GB": 256 << 30, "4 TB": 4 << 40}
ARGUMENTS = {
    "folder": {"metavar": "DIR", "help": "with a result.json or result.json.xz that has free rates and probes"},
    "--rate": {"type": options.positive, "action": "append", "metavar": "N",
               "help": "frees a second of the whole machine; may be given again (10,000, 100,000 and 1,000,000)"},
    "--cpus": {"type": options.positive, "metavar": "N", "help": "CPUs that free (as many as in the result)"},
    "--grace-period": {"type": options.milliseconds, "metavar": "MS",
                       "help": "of the machine that is extrapolated to (what the result has probed)"}}
# CONFIG_RCU_CPU_STALL_TIMEOUT's default: how long a grace period may last before the kernel warns.
STALL_S = 21
DRAIN_NS = 5e9
# A timer of one jiffy expires at the second tick from now (kernel/time/timer.c, calc_index()).
JIFFIES_TO_START = 1.5
BATCHES = 2                        # of a CPU that may wait for grace periods at the same time
# As in module/protocols/hazptr.h.
HAZARD_FACTOR, HAZARD_BATCH_MIN = 2, 64
# What may differ between a point and a probe of the same load.
_NOT_THE_LOAD = {"protocol", "deferral", X, "gp_probe_ms", "warmup_ms", "duration_ms"}
_NOCB = re.compile(r"\b(rcu_nocbs|nohz_full)\b")


def batching_ns(per_cpu: float, hz: int, gp_ns: float) -> float:
    """How long kfree_rcu() keeps an object, on average, before it asks for a grace period; @per_cpu: frees a second.

    A rough model of Linux 6.12, kernel/rcu/tree.c: the first object starts a timer of 5 s; a full page of pointers
    shortens it to one jiffy (__schedule_delayed_monitor_work()); then all objects are queued (kvfree_rcu_queue_batch())
    if fewer than two batches still wait. Not modelled: pages that need no further grace period
    (kvfree_rcu_drain_ready()), the timer's own granularity, and the workers.
    """
    full = 1e9 * POINTERS_PER_PAGE / per_cpu + JIFFIES_TO_START * 1e9 / hz
    cycle = max(min(DRAIN_NS, full), gp_ns / BATCHES)
    # The first object waits for the whole cycle, later ones for half of it on average.
    others = per_cpu * cycle / 1e9
    return cycle * (1 + others / 2) / (1 + others)


def sheaf_ns(per_cpu: float, capacity: int) -> float:
    """How long kfree_rcu() keeps an object, on average, if the cache has sheaves; @per_cpu: frees a second.

    As in Linux 7.3, mm/slub.c:__kfree_rcu_sheaf(): objects fill a sheaf of the CPU; when full, it goes to call_rcu().
    The first object waits for all the others, the last for none. No timer flushes a sheaf that is not full.
    """
    return 1e9 * (capacity - 1) / 2 / per_cpu


@dataclass(frozen=True)
class Arm:
    """A protocol and deferral under a load, with the grace periods probed there."""
    label: str
    protocol: str
    deferral: str                  # as resolved by the module
    params: dict[str, Any]
    descriptor: int                # bytes
    pages: int                     # bytes of a folio's pages, if they wait as well
    hz: int
    probes: dict[int, float]       # by free rate of a freer: ns
    sheaf: int = 0                 # objects of a sheaf, if kfree_rcu() fills one

    @property
    def constant(self) -> bool:
        """Whether the limbo does not depend on grace periods."""
        return self.protocol in CONSTANT_LIMBO

    def gp_ns(self, per_cpu: float) -> float:
        """The grace period probed at the nearest rate, on a log scale."""
        return self.probes[min(self.probes, key=lambda probed: abs(math.log(probed / per_cpu)))]

    def batching_ns(self, per_cpu: float, gp_ns: float) -> float:
        if self.deferral != "kfree_rcu":
            return 0.0
        return sheaf_ns(per_cpu, self.sheaf) if self.sheaf else batching_ns(per_cpu, self.hz, gp_ns)

    def held(self, cpus: int) -> float:
        """Descriptors in limbo if that is constant: half a batch of each freer, or the ceiling of each CPU."""
        if self.protocol == "rcu_bounded":
            return float(self.params["bounded_max"]) * cpus
        return (max(HAZARD_FACTOR * self.params["nr_readers"], HAZARD_BATCH_MIN) - 1) / 2 * cpus


@dataclass(frozen=True)
class Predicted:
    """One point: what the model predicts, and what was measured."""
    arm: Arm
    pages: bool                    # limbo of pages; else of descriptors
    rate: float                    # that all freers reached
    gp_ns: float | None
    batching_ns: float | None
    bytes: float
    measured: float
    estimated: bool
    waited_ns: float | None        # mean wait in the measured window
    little: float | None           # measured over rate x wait

    @property
    def error(self) -> float | None:
        return self.bytes / self.measured - 1 if self.measured else None


@dataclass(frozen=True)
class Extrapolated:
    """One arm at a rate that was not measured."""
    arm: Arm
    rate: float                    # 0: at any rate
    gp_ns: float | None
    batching_ns: float | None
    bytes: float                   # descriptors, and pages if they wait
    each: float                    # bytes that a free adds inside a stalled grace period; 0: none

    @property
    def stalled(self) -> float:
        """Bytes in limbo at the end of a grace period that was stalled."""
        return self.bytes + self.rate * STALL_S * self.each

    def full_s(self, memory: int) -> float:
        """Seconds until limbo fills @memory if a grace period does not end."""
        return max(0.0, memory - self.bytes) / (self.rate * self.each) if self.each else math.inf


@dataclass(frozen=True)
class Model:
    """All that can be computed from a result."""
    predicted: dict[str, list[Predicted]]      # by path and workload
    arms: list[Arm]
    freers: int
    counts: list[int]              # of grace periods, one for each probed point
    left_out: list[str] = field(default_factory=list)

    def extrapolated(self, rates: Sequence[float], cpus: int, gp_ns: float | None) -> Iterator[Extrapolated]:
        labels = {arm.label for arm in self.arms}
        # call_rcu_hurry waits for the same as call_rcu: do not show both.
        arms = [arm for arm in self.arms if arm.deferral != "call_rcu_hurry"
                or arm.label.replace("call_rcu_hurry", "call_rcu") not in labels]
        for arm in (arm for arm in arms if arm.constant):
            yield Extrapolated(arm, 0, None, None, arm.held(cpus) * arm.descriptor, 0)
        for rate, arm in product(rates, (arm for arm in arms if not arm.constant)):
            period = gp_ns or arm.gp_ns(rate / cpus)
            batching, each = arm.batching_ns(rate / cpus, period), arm.descriptor + arm.pages
            yield Extrapolated(arm, rate, period, batching, rate * (period + batching) / 1e9 * each, each)


def _load(point: Point) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, value) for name, value in point["params"].items() if name not in _NOT_THE_LOAD))


def _arm(point: Point, probed: list[Point], hz: int) -> Arm:
    protocol, resolved = point["protocol"], result.resolved(point)
    # The probes of the same arm, else of the protocol, else of typesafe, which defers nothing.
    wanted = protocol, resolved["deferral"].removesuffix("_hurry")
    probes = result.grouped(((one["protocol"], result.resolved(one)["deferral"]), (one["axes"][X], one["summary"]["gp_ns_mean"]["median"]))
                            for one in probed)
    nearest = min(probes, key=lambda arm: (arm != wanted, arm[0] != protocol, arm[0] != "typesafe"))
    # A marker is queued for every sheaf's worth of frees, if the module saw that the cache has sheaves.
    sheaf = max((rep["limbo"]["marker_every"] for rep in point["repetitions"]
                 if rep["limbo"] and rep["limbo"].get("bound") == "markers"), default=0)
    return Arm(curves.arm(point, X), protocol, resolved["deferral"], point["params"], resolved["descriptor_bytes"],
               resolved["page_bytes"] if protocol == "rcu_full" else 0, hz, dict(probes[nearest]), sheaf)


def _point(point: Point, arm: Arm, vcpus: int) -> Iterator[Predicted]:
    reps = [rep for rep in point["repetitions"] if rep["counters"] and rep["window_ns"]]
    rate = median(rep["counters"]["frees"] * 1e9 / rep["window_ns"] for rep in reps)
    freers = min(point["params"]["nr_freers"], vcpus)
    gp = batching = None
    if arm.constant:
        objects = arm.held(freers)
    elif rate:
        gp = arm.gp_ns(point["axes"][X])
        batching = arm.batching_ns(rate / freers, gp)
        objects = rate * (gp + batching) / 1e9
    else:
        return
    waited, little = (point["summary"].get(metric, {}).get("median")
                      for metric in ("limbo_wait_ns_mean", "limbo_over_little"))
    estimated = any(rep["limbo"] and not rep["limbo"]["exact"] for rep in reps)
    for metric, each, pages in (("limbo_descriptor_bytes_mean", arm.descriptor, False), ("limbo_page_bytes_mean", arm.pages, True)):
        if each and metric in point["summary"]:
            yield Predicted(arm, pages, rate, gp, batching, objects * each, point["summary"][metric]["median"],
                            estimated and not pages, waited, little)


def of(found: dict[str, Any]) -> Model | str:
    """The model of a result, or what the result lacks for one."""
    environment = found["environment"]
    # HZ, command line and grace periods differ between machines: leave those out.
    passed = [point for point in found["points"]
              if point["verdict"] == PASS and (axes := point.get("axes") or {}).get(X) and BOOT not in axes
              and point["params"].get("nr_freers")]
    probed = [point for point in passed if point["params"].get("gp_probe_ms") and "gp_ns_mean" in point["summary"]]
    plain = [point for point in passed if not point["params"].get("gp_probe_ms")
             and "limbo_descriptor_bytes_mean" in point["summary"] and isinstance(point["params"].get("order"), int)]
    if not plain:
        return f"no point that passed has {X} as an axis, one order, and limbo"
    if not environment["kernel"]:
        return "its kernel's HZ"
    by_load = result.grouped((_load(point), point) for point in probed)
    nocb = _NOCB.search(environment["cmdline"] or "")
    predicted: dict[str, list[Predicted]] = {}
    arms: dict[str, Arm] = {}
    left_out: dict[str, None] = {}
    for point in plain:
        deferred = result.resolved(point)["deferral"] != "none" or point["protocol"] in CONSTANT_LIMBO
        if not deferred or _load(point) not in by_load:
            continue
        arm = _arm(point, by_load[_load(point)], environment["kernel"]["hz"])
        if (arm.deferral == "call_rcu" or arm.sheaf) and nocb:
            what = "a sheaf's call_rcu()" if arm.sheaf else "call_rcu()"
            left_out[f"{arm.label}: with {nocb[1]} {what} may be lazy, which is not in the model"] = None
            continue
        arms.setdefault(arm.label, arm)
        # Below half its ceiling, rcu_bounded's wait depends on how often others ask for grace periods.
        if arm.protocol != "rcu_bounded":
            predicted.setdefault(table.place(point["path"], point["workload"]), []).extend(
                _point(point, arm, environment["vcpus"] or 1))
    if not predicted:
        return f"no point of the same load has {X} as an axis, gp_probe_ms, and probed grace periods"
    freers = min(max(arm.params["nr_freers"] for arm in arms.values()), environment["vcpus"] or 1)
    counts = [sum(rep["latency"]["gp"]["count"] for rep in point["repetitions"] if rep["latency"]) for point in probed]
    return Model(predicted, list(arms.values()), freers, counts, list(left_out))


def _percent(part: float) -> str:
    return f"{table.si(100 * part)}%" if not part or part >= 0.000005 else "<0.001%"


def _error(error: float | None) -> str:
    return "-" if error is None else f"{100 * error:+.0f}%"


def _time(ns: float | None) -> str:
    return "-" if ns is None else table.nanoseconds(ns)


def _errors(model: Model) -> str:
    """How far off the model is where it can be checked."""
    errors = [row.error for rows in model.predicted.values() for row in rows if row.error is not None]
    return f"{_error(min(errors))} to {_error(max(errors))} at {len(errors)} places" if errors else "not known"


def _beside(place: str, rows: list[Predicted]) -> Table:
    little = any(row.little is not None for row in rows)
    groups = result.grouped((f"{row.arm.label}, {'pages' if row.pages else 'descriptors'}", [
        table.si(row.rate), _time(row.gp_ns), _time(row.batching_ns), table.size(row.bytes),
        "~" * row.estimated + table.size(row.measured), _error(row.error),
        *([_time(row.waited_ns), table.si(row.little) if row.little is not None else "-"] if little else [])])
        for row in rows)
    return Table(f"The model, {place}: mean bytes in limbo, predicted beside measured",
                 ["frees/s", "period", "batching", "predicted", "measured", "error", *["waited", "Little"] * little],
                 [*groups.items()])


def _elsewhere(rows: list[Extrapolated], cpus: int, errors: str) -> list[Table]:
    where = f"{cpus} freeing CPU{'s' * (cpus != 1)}"
    by_rate = result.grouped((f"{table.si(row.rate)} frees a second" if row.rate else "at any rate", row)
                             for row in rows)
    usual = {rate: [[row.arm.label, _time(row.gp_ns), _time(row.batching_ns), table.size(row.bytes),
                     *(_percent(row.bytes / memory) for memory in MACHINES.values())] for row in own]
             for rate, own in by_rate.items()}
    stalled = {rate: [[row.arm.label, table.size(row.stalled), *(
        _percent(row.stalled / memory) if row.stalled < memory else f"full {_time(1e9 * row.full_s(memory))}"
        for memory in MACHINES.values())] for row in own] for rate, own in by_rate.items()}
    return [Table(f"Extrapolated, not measured (error where it was: {errors}): mean bytes in limbo, {where}, and their share of "
                  "a machine's memory",
                  ["", "period", "batching", "bytes", *MACHINES], [*usual.items()]),
            Table(f"Extrapolated, not measured (error where it was: {errors}): in limbo after one grace period that is "
                  f"stalled for {STALL_S} s, {where}",
                  ["", "bytes", *MACHINES], [*stalled.items()])]


def tables(model: Model, rates: Sequence[float] = RATES, cpus: int = 0, gp_ns: float | None = None) -> list[Table]:
    """Predicted next to measured figures, then extrapolated ones; cpus 0: as many as were measured."""
    cpus = cpus or model.freers
    return ([_beside(place, rows) for place, rows in model.predicted.items()]
            + _elsewhere(list(model.extrapolated(rates, cpus, gp_ns)), cpus, _errors(model)))


def legend(model: Model, own: bool = False) -> list[str]:
    """How to read the tables; own: the user gave the grace period."""
    little = any(row.little is not None for rows in model.predicted.values() for row in rows)
    period = ("as given" if own else
              "the one probed on this machine, at the nearest rate a CPU on a log scale; --grace-period MS takes "
              "another machine's")
    batching = ("what kfree_rcu() waits before it asks for one: for a sheaf of the CPU to be full (what is measured is an "
                "upper bound, by up to two sheaves a CPU)" if any(arm.sheaf for arm in model.arms) else
                "what kfree_rcu() waits before it asks for one, roughly, by 6.12's code")
    return [
        "limbo = free rate x (grace period + batching) x bytes. frees/s: reached. period: mean of what a thread "
        "that asks for one waits, probed at the nearest free rate where the same is deferred (call_rcu_hurry: where "
        f"call_rcu is); {min(model.counts)} to {max(model.counts)} of them a rate, minutes before or after the "
        f"measured. batching: {batching}; none with call_rcu(). "
        "hazptr: half a batch a freer. Not in it: callbacks and workers that come late, and kfree_rcu()'s pages of "
        "pointers (8 bytes an object). rcu_bounded is not predicted: below half its ceiling it waits for grace periods "
        "that others ask for.",
        *(["waited: mean wait in the measured window, where the callback is ours; what period and batching should "
           "come to. Little: measured over rate x wait: how well limbo was counted. Far from 1 it is the count that is "
           "wrong, not the model."] if little else []),
        f"Error where it was measured: {_errors(model)}. An extrapolation may be off by as much, or by more.",
        f"Extrapolated, period: {period}. rcu_full: descriptor and pages; the others: descriptor. rcu_bounded: at "
        "most so much, a ceiling for each CPU, at which freers wait. hazptr: with as many readers as "
        f"were measured; a batch is twice their number, {HAZARD_BATCH_MIN} at least, and each that stalls keeps a "
        "descriptor. full: so long until all memory is in limbo. overlay and typesafe have no limbo.",
        *model.left_out]


def _text(found: Table) -> list[str]:
    """A table in 72 columns; a row's head that is too long for that has a line of its own."""
    rows = [found.heads, *(row for _, group in found.groups for row in group)]
    widths = [2 + max(map(len, column)) for column in list(zip(*rows))[1:]]
    name = min(max(len(row[0]) for row in rows), WIDTH - sum(widths))

    def line(head: str, *cells: str) -> list[str]:
        own = [head] if len(head) > name else []
        return own + [f"{'' if own else head:<{name}}" + "".join(f"{cell:>{n}}" for cell, n in zip(cells, widths))]

    groups = [text for title, group in found.groups for text in (f"{title}:", *(text for row in group for text in line(*row)))]
    return [*wrap(f"--- {found.caption} ---"), "", *line(*found.heads), *groups, ""]


def render(model: Model, rates: Sequence[float] = RATES, cpus: int = 0, gp_ns: float | None = None) -> list[str]:
    """The tables and how to read them, as text."""
    return ([line for found in tables(model, rates, cpus, gp_ns) for line in _text(found)]
            + [line for text in legend(model, gp_ns is not None) for line in wrap(text)])


def main(args: argparse.Namespace) -> None:
    file = result.file_of(Path(args.folder))
    found = result.read(file)
    model = of(found)
    if isinstance(model, str):
        raise SetupError(f"{file}: no model: {model}; make bench SUITE=limbo measures both")
    print("\n".join(render(model, args.rate or RATES, args.cpus or 0,
                           1e6 * args.grace_period if args.grace_period else None)))
