# SPDX-License-Identifier: GPL-2.0
"""What a reader of the table must know before believing it."""

from collections.abc import Iterator
from typing import Any

from ..result import fairness, metrics, stats
from ..result.result import BUSY, MOST_STEAL, families_of, grouped
from ..verdict import INCONCLUSIVE, PASS
from . import table

OPENCODED_LIMIT = 1.10
# Two boots count the same instructions, except for code that timer interrupts run.
BOOTS_LIMIT = 0.001
ENOUGH_REPETITIONS = 6
# How much longer than asked windows may be, and the least part that all threads share.
MAX_STRETCH, MIN_OVERLAP = 1.1, 0.95
# A rate of fewer events per boot says little.
FEW_EVENTS = 10
# How far limbo's mean may be off rate x wait; a window of fewer waits is mostly edges.
LITTLE_LIMIT, LITTLE_WAITS = 0.05, 100


def _about_environment(environment: dict[str, Any]) -> Iterator[str]:
    if environment["interrupted"]:
        yield f"the suite was cut short: {environment['interrupted']}"
    for boot in environment["boots"]:
        if boot["first"]:
            yield f"boot {boot['boot']}: {boot['first']}"
        if boot["state"] != PASS:
            which = ", ".join(filter(None, (boot.get("name"), boot["accelerator"])))
            yield f"boot {boot['boot']} ({which}) {boot['state']}: {boot['reason']}"
    if heavy := fairness.heavy((environment["kernel"] or {}).get("facts", {})):
        yield f"debug kernel ({', '.join(heavy)}): slow, and not what anybody runs"
    if environment["icount"] is None and not environment["suite"].get("times"):
        yield "no icount boot: instructions are not known"


def _about_limbo(points: list[dict[str, Any]]) -> Iterator[str]:
    """kfree_rcu has no callback of ours: say how its limbo was measured."""
    limbos = [rep["limbo"] for point in points if "limbo_descriptor_bytes_peak" in point["summary"]
              for rep in point["repetitions"] if rep["limbo"] and not rep["limbo"]["exact"]]
    if marked := [limbo for limbo in limbos if not metrics.sampled(limbo)]:
        every = max(limbo["marker_every"] for limbo in marked)
        yield (f"kfree_rcu's limbo (~) is an upper bound: what callbacks of ours, one for each {every} frees of a CPU, have "
               f"not confirmed to be free; up to {2 * every} descriptors a CPU too high")
        if remote := max((rep["counters"] or {}).get("deferred_remote", 0) for point in points for rep in point["repetitions"]):
            yield (f"{remote} descriptors a window were freed on another node than theirs, where no callback of ours tells: "
                   "kfree_rcu's limbo (~) counts them as in limbo until a freer waits at the cap or the run ends")
    limbos = [limbo for limbo in limbos if metrics.sampled(limbo)]
    if not (slabs := [limbo["slab"] for limbo in limbos if limbo["slab"]]):
        return
    bound = max(limbo["descriptor_objects_peak"] or 0 for limbo in limbos)
    yield (f"kfree_rcu's limbo (~) is an estimate, {min(s['samples'] for s in slabs)} samples of the slab a window, "
           f"up to {max(s['accuracy_objects'] for s in slabs)} descriptors too high (free ones of slabs in use "
           f"count); samples are 0.1 s apart and miss peaks; upper bound {table.si(bound)} (all queued since a barrier); up to "
           f"{table.size(max(s['pointer_bytes_peak_bound'] for s in slabs))}B of pointer pages on top")


def _about_cached(points: list[dict[str, Any]]) -> Iterator[str]:
    """Only an upper bound of kfree_rcu's limbo is known, so only a lower bound of what is cached."""
    bounds = [rep["cached"] for point in points if "cached_bytes_mean" in point["summary"]
              for rep in point["repetitions"] if (rep.get("cached") or {}).get("bound") == "lower"]
    if any(cached["percpu_bytes_mean"] is None for cached in bounds):
        yield ("what is cached (>=) is a lower bound: free objects in slabs of the node's partial lists alone; those "
               "that CPUs hold cannot be told from limbo, and are in its estimate")
    elif bounds:
        yield "what is cached (>=) is a lower bound: what the limbo's upper bound counts too much, it counts too little"


def _miscounted(rep: dict[str, Any]) -> bool:
    """Whether limbo differs from rate x wait by more than its sampling explains."""
    found, limbo = rep["metrics"].get("limbo_over_little"), rep["limbo"] or {}
    if found is None or not limbo["exact"] or limbo["window_ns"] < LITTLE_WAITS * rep["metrics"]["limbo_wait_ns_mean"]:
        return False
    # For a level between 0 and twice its mean, the standard error is half of this.
    return abs(found - 1) > max(LITTLE_LIMIT, (limbo["samples"] or 1) ** -0.5)


def _about_protocol(points: list[dict[str, Any]]) -> Iterator[str]:
    """What is true of a protocol in all workloads; @points are all its points."""
    ran = [rep for point in points for rep in point["repetitions"] if rep["resolved"]]
    shares = [rep["metrics"]["seq_fallbacks_per_million"] / 1e4 for rep in ran
              if "seq_fallbacks_per_million" in rep["metrics"]]
    if any(shares):
        yield (f"{table.span(shares, lambda share: f'{table.si(share)}%')} of a window's lookups took a reference after all: they cost "
               "what typesafe's do, and the failed copies on top")


def _bounded(reps: list[dict[str, Any]]) -> str:
    """What the cap applies to if only a bound of limbo is known, and what the slab held."""
    peaks = [rep["limbo"]["slab"]["descriptor_bytes_peak"] for rep in reps
             if rep["window"]["throttled"] and metrics.sampled(rep["limbo"]) and rep["limbo"]["slab"]]
    return (f"; the cap is on all that was queued since a barrier, of which the slab held ~{table.size(max(peaks))}B"
            if peaks else "")


def _few_rechecks(points: list[dict[str, Any]]) -> Iterator[str]:
    """Workloads in which few rechecks failed."""
    found = {point["protocol"]: [rep["counters"]["recheck_moved"] + rep["counters"]["recheck_empty"]
                                 for rep in point["repetitions"] if rep["counters"]]
             for point in points if "recheck_fail_per_million" in point["summary"]}
    if few := [f"{min(events)} to {max(events)} under {protocol}" for protocol, events in found.items()
               if any(events) and min(events) < FEW_EVENTS]:
        yield f"recheck failed is of few events, a boot: {', '.join(few)}"


def _about_point(point: dict[str, Any], repetitions: int, known: set[str]) -> Iterator[str]:
    counted = any(metrics.METRICS[name].deterministic for name in point["summary"])
    wanted = 1 if counted else repetitions
    reps = [rep for rep in point["repetitions"] if rep["counters"] and not rep.get("stolen")]

    def count(condition: Any) -> str:
        hits = sum(1 for rep in reps if condition(rep))
        return f"{hits} of {len(reps)} windows" if hits else ""

    if point["verdict"] != PASS and point["reason"] not in known:
        yield f"{point['verdict']}: {point['reason']}"
    if len(reps) < wanted and point["reason"] != BUSY:
        yield f"{len(reps)} of {wanted} repetitions"
    if throttled := count(lambda rep: rep["window"]["throttled"]):
        yield (f"limbo_max_mb was reached in {throttled}: freers waited until all was flushed, which is this harness's "
               f"own rule, and limbo would be larger{_bounded(reps)}")
    # Not if instructions are counted: those of a tick that makes the window longer are, too.
    wanted_ns = 0 if counted else 1e6 * (point["params"].get("duration_ms") or 0)
    if wanted_ns and not point["params"].get("max_turnovers") and (starved := count(
            lambda rep: rep["window_ns"] > MAX_STRETCH * wanted_ns or rep["overlap"] < MIN_OVERLAP)):
        # Whether one lookup may take long enough to stretch a thread's window, or to shift it.
        stays = (point["params"].get("hold_ns") or 0) >= 10 ** 7 or (point["params"].get("stall_ms") or 0) >= 10
        why = "a lookup stays for as long as it does" if stays else "the host was busy"
        yield f"{starved} stretched or apart (over {MAX_STRETCH:.1f} of the time, or under {MIN_OVERLAP:.2f} " \
              f"of it together): {why}"
    if incomplete := count(lambda rep: not rep["window"]["complete"]):
        yield f"{incomplete} too short for the limbo's cycle"
    # Few bursts are timed, and each as a whole.
    if (point["params"].get("burst") or 1) == 1 and (miscounted := count(_miscounted)):
        yield (f"limbo's mean is off rate x wait by more than {LITTLE_LIMIT:.0%}, and than its sampling explains, in "
               f"{miscounted}")
    if failed := sum(rep["counters"].get("alloc_failed") or 0 for rep in reps):
        yield f"{failed} allocations failed and were tried again"
    for name, unseen in (("reuse", "p99"), ("lookup", "p999")):
        if count(lambda rep: ((rep["latency"] or {}).get(name) or {}).get("overflow")):
            yield f"{name} latencies beyond the histogram: {unseen} may be its maximum"
    over = point["summary"].get("instructions_per_lookup_over_opencoded")
    if over and over["median"] > OPENCODED_LIMIT:
        yield f"a lookup takes {over['median']:.3f}x of one written by hand (limit {OPENCODED_LIMIT:.2f})"


def _about_points(points: list[dict[str, Any]], repetitions: int, known: set[str]) -> Iterator[str]:
    """Notes on one point, or on all points of a curve; a note on several of them is given once."""
    told = grouped((text, point) for point in points for text in _about_point(point, repetitions, known))
    for text, own in told.items():
        axes = ", ".join(f"{axis}={value}" for axis, value in own[0].get("axes", {}).items())
        where = f"{len(own)} of {len(points)} points" if len(own) > 1 else axes
        yield f"{where}: {text}" if where else text
    yield from _about_limbo(points)
    yield from _about_cached(points)


def notes(result: dict[str, Any]) -> list[str]:
    """All warnings; those about one protocol or point begin with its name."""
    environment, points = result["environment"], result["points"]
    found = list(_about_environment(environment))
    windows = [rep for point in points for rep in point["repetitions"] if rep["counters"]]
    stolen = sum(bool(rep.get("stolen")) for rep in windows)
    again = {protocol: sum(own) for protocol, own in grouped(
        (point["protocol"], len(rep.get("again", []))) for point in points for rep in point["repetitions"]).items()}
    if stolen or any(again.values()):
        which = ", ".join(f"{protocol} {n}" for protocol, n in again.items())
        found.append(f"{sum(again.values())} windows were made again ({which}), and of the {len(windows)} that count {stolen} are left out: "
                     f"their virtual CPUs waited for one of the host's for more than {MOST_STEAL:.0%} of the time")
    failed = grouped((f"{kind}: {said if isinstance(said, str) else 'it did not do what it should'}", point) for point in points
                     for rep in point["repetitions"] for kind, said in rep.get("beside", {}).items()
                     if isinstance(said, str) or not said["good"])
    found += [f"not timed beside {len(own)} windows: {text}" for text, own in failed.items()]
    if busy := sum(1 for point in points if point["reason"] == BUSY):
        found.append(f"{INCONCLUSIVE}: {BUSY}: {busy} of {len(points)} points lost most of their windows to it; end what else "
                     "runs, and do it again")
    known = {boot["reason"] for boot in environment["boots"]} | {BUSY}
    several = len({point["path"] for point in points}) > 1
    for protocol, own in grouped((point["protocol"], point) for point in points).items():
        found += [f"{protocol}: {text}" for text in _about_protocol(own)]
    for (workload, path), own in families_of(point for point in points if not point.get("axes")).items():
        found += [f"{table.place(path, workload) if several else workload}: {text}" for text in _few_rechecks(own)]
    repetitions, curves = environment["suite"]["repetitions"], environment["suite"].get("curves", {})
    arms = grouped(((point["workload"], point["path"], point["protocol"]), point) for point in points)
    for (workload, path, protocol), own in arms.items():
        place = table.place(path, workload) if several else workload
        found += [f"{place}, {protocol}: {text}" for text in _about_points(own, repetitions, known)]
    pairs = max(map(len, grouped(((pair["workload"], pair["path"], pair["metric"]), pair) for pair in result.get("pairs", [])).values()),
                default=0)
    boots = len({rep["boot"] for rep in windows})
    if pairs and boots < (least := stats.enough_boots(pairs)):
        found.append(f"{boots} boots are too few: after Holm over {pairs} pairs no test shows anything with fewer than {least}")
    elif repetitions < ENOUGH_REPETITIONS and any(point["workload"] not in curves for point in points):
        found.append(f"{repetitions} repetitions are too few: {ENOUGH_REPETITIONS} "
                     "give a 95% interval of a median (here it is smallest to largest, if there is one) and "
                     "can show a difference after Holm")
    elif repetitions == 1:
        each = " of each machine" if environment["suite"].get("boots") else ""
        found.append(f"one boot{each}: how boots differ is not in these figures")
    return found
