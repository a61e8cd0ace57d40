# SPDX-License-Identifier: GPL-2.0
"""What a reader of the table must know before believing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import fairness, metrics, table
from .verdict import PASS

FLOOR_LIMIT = 1.10
ENOUGH_REPETITIONS = 6
# Threads' windows longer than asked, and the part of them that all threads share.
MAX_STRETCH, MIN_OVERLAP = 1.1, 0.95


def _about_environment(environment: dict[str, Any]) -> Iterator[str]:
    if environment["interrupted"]:
        yield f"the suite was cut short: {environment['interrupted']}"
    for boot in environment["boots"]:
        if boot["first"]:
            yield f"boot {boot['boot']}: {boot['first']}"
        if boot["state"] != PASS:
            yield f"boot {boot['boot']} ({boot['accelerator']}) {boot['state']}: {boot['reason']}"
    heavy = fairness.heavy((environment["kernel"] or {}).get("facts", {}))
    if heavy:
        yield f"debug kernel ({', '.join(heavy)}): slow, and not what anybody runs"
    if environment["icount"] is None:
        yield "no icount boot: instructions are not known"


def _about_limbo(point: dict[str, Any]) -> Iterator[str]:
    """kfree_rcu has no callback of ours: say how its limbo was had."""
    if "limbo_descriptor_bytes_peak" not in point["summary"]:
        return
    limbos = [rep["limbo"] for rep in point["repetitions"] if rep["limbo"] and not rep["limbo"]["exact"]]
    slabs = [limbo["slab"] for limbo in limbos if limbo["slab"]]
    if not slabs:
        return
    bound = max(limbo["descriptor_objects_peak"] or 0 for limbo in limbos)
    yield (f"kfree_rcu's limbo is an estimate, {min(s['samples'] for s in slabs)} samples of the slab a window, "
           f"up to {max(s['accuracy_objects'] for s in slabs)} descriptors too high (free ones of slabs in use "
           f"count); peaks between samples are missed; upper bound {table.si(bound)} (all queued since a barrier); up to "
           f"{table.size(max(s['pointer_bytes_peak_bound'] for s in slabs))}B of pointer pages on top")


def _about_point(point: dict[str, Any], wanted: int, known: set[str]) -> Iterator[str]:
    reps = [rep for rep in point["repetitions"] if rep["counters"]]

    def count(condition: Any) -> str:
        hits = sum(1 for rep in reps if condition(rep))
        return f"{hits} of {len(reps)} windows" if hits else ""

    if point["verdict"] != PASS and point["reason"] not in known:
        yield f"{point['verdict']}: {point['reason']}"
    if len(reps) < wanted:
        yield f"{len(reps)} of {wanted} repetitions"
    if throttled := count(lambda rep: rep["window"]["throttled"]):
        yield f"limbo_max_mb was reached in {throttled}: freers waited, limbo would be larger"
    wanted_ns = 1e6 * (point["params"].get("duration_ms") or 0)
    if wanted_ns and not point["params"].get("max_turnovers") and (starved := count(
            lambda rep: rep["window_ns"] > MAX_STRETCH * wanted_ns or rep["overlap"] < MIN_OVERLAP)):
        yield f"{starved} stretched or apart (over {MAX_STRETCH:.1f} of the time, or under {MIN_OVERLAP:.2f} " \
              "of it together): the host was busy"
    if incomplete := count(lambda rep: not rep["window"]["complete"]):
        yield f"{incomplete} too short for the limbo's cycle"
    if failed := sum(rep["counters"].get("alloc_failed") or 0 for rep in reps):
        yield f"{failed} allocations failed and were tried again"
    for name, unseen in (("reuse", "p99"), ("lookup", "p999")):
        if count(lambda rep: ((rep["latency"] or {}).get(name) or {}).get("overflow")):
            yield f"{name} latencies beyond the histogram: {unseen} may be its maximum"
    over = point["summary"].get("instructions_per_lookup_over_floor")
    if over and over["median"] > FLOOR_LIMIT:
        yield f"a lookup takes {over['median']:.3f}x of one written by hand (limit {FLOOR_LIMIT:.2f})"
    yield from _about_limbo(point)


def notes(result: dict[str, Any]) -> list[str]:
    """All warnings, those about one point with its name ahead."""
    environment, found = result["environment"], []
    found += _about_environment(environment)
    known = {boot["reason"] for boot in environment["boots"]}
    for point in result["points"]:
        icount = any(metrics.METRICS[name].deterministic for name in point["summary"])
        wanted = 1 if icount else environment["suite"]["repetitions"]
        found += [f"{point['workload']}, {point['protocol']}: {text}"
                  for text in _about_point(point, wanted, known)]
    if environment["suite"]["repetitions"] < ENOUGH_REPETITIONS:
        found.append(f"{environment['suite']['repetitions']} repetitions are too few: {ENOUGH_REPETITIONS} "
                     "give a 95% interval of a median (here it is smallest to largest, if there is one) and "
                     "can show a difference after Holm")
    return found
