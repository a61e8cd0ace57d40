# SPDX-License-Identifier: GPL-2.0
"""The metrics of one repetition, from run.json and the runner's slab samples."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from .. import traits
from ..show import table

# struct kvfree_rcu_bulk_data: a page with a header of 40 bytes, and a pointer for each object.
POINTERS_PER_PAGE = 507
MEMDESC_WORD = 8
# Files of /sys/kernel/slab/folioscale_desc; kernels without sheaves have no sheaf_capacity.
LAYOUT = ("slab_size", "object_size", "objs_per_slab", "order", "sheaf_capacity", "cpu_partial")
# The most full sheaves: the main and the spare one of each CPU, and MAX_FULL_SHEAVES of a node (mm/slub.c).
SHEAVES_OF_A_CPU, SHEAVES_OF_A_BARN = 2, 10
PAGE, HUGE = 4096, 2 << 20
ENOUGH_WAITS = 100


@dataclass(frozen=True)
class Events:
    """Counters that make a metric per million lookups, and the steps a reader must have for it. A protocol without the
    step has no such metric: its 0 would mean nothing."""
    counters: tuple[str, ...]
    steps: tuple[str, ...]         # members of `resolved`, all of them 1
    but: tuple[str, ...] = ()      # and all of these 0


@dataclass(frozen=True)
class Metric:
    """What a metric is called where it stands alone, and how it may be used; plain() and icount() compute it."""
    title: str = ""
    time: bool = False             # depends on the clock: no ranking if that is emulated
    real: bool = False             # says nothing at all if the clock is emulated
    deterministic: bool = False    # counted, not sampled: no test
    alone: bool = False            # is a comparison itself: arms are not compared by it
    clocked: bool = False          # free rate x grace period, and both depend on the clock
    events: Events | None = None


def _latency(name: str, title: str, *kinds: str) -> dict[str, Metric]:
    """The metrics of one histogram."""
    words = {"p999": "p99.9", "max": "maximum"}
    return {f"{name}_ns_{kind}": Metric(f"{title}, {words.get(kind, kind)}", time=True) for kind in kinds}


_FALLBACKS = ("fallback_zero", "fallback_memdesc", "fallback_pmd", "fallback_pte")

METRICS = {
    "lookups_per_second": Metric("lookups/s", time=True),
    "ns_per_lookup": Metric("time of a reader, by lookup", time=True, real=True),
    "opencoded_ns_per_lookup": Metric("time of the same lookup by hand", time=True, real=True, alone=True),
    "ns_per_lookup_over_opencoded": Metric("time of a lookup over the same by hand", time=True, real=True, alone=True),
    "filemap_get_folio_ns": Metric("time of filemap_get_folio() and folio_put() on a file in tmpfs", time=True, real=True, alone=True),
    "opencoded_ns_over_filemap_get_folio": Metric("time of a lookup by hand over that", time=True, real=True, alone=True),
    "called_ns": Metric("time of a lookup by hand of that file, as a function that is called", time=True, real=True, alone=True),
    "called_ns_over_filemap_get_folio": Metric("that over filemap_get_folio() and folio_put()", time=True, real=True, alone=True),
    "kernel_read_ns": Metric("time of a kernel_read() of 64 bytes of that file", time=True, real=True, alone=True),
    "refscale_ns": Metric("time of the loop of refscale that is nearest to it", time=True, real=True, alone=True),
    "ns_per_lookup_over_refscale": Metric("time of a lookup over that", time=True, real=True, alone=True),
    "instructions_per_lookup": Metric("instructions per lookup", deterministic=True),
    "opencoded_instructions_per_lookup": Metric(deterministic=True),
    "instructions_per_lookup_over_opencoded": Metric(deterministic=True),
    "instructions_per_turnover": Metric("instructions per turnover", deterministic=True),
    # A lookup that falls back counts its cause there; under a lock a tryget cannot fail.
    "tryget_zero_per_million": Metric("tryget met zero, per million lookups", events=Events(
        ("tryget_zero",), ("refcounted",), but=("falls_back", "locked"))),
    "recheck_fail_per_million": Metric("recheck failed, per million lookups", events=Events(
        ("recheck_moved", "recheck_empty"), ("recheck",), but=("falls_back",))),
    "hazard_moved_per_million": Metric("hazard moved, per million lookups", events=Events(
        ("hazard_moved",), ("hazard",))),
    "seq_retries_per_million": Metric(events=Events(("seq_retries",), ("copies",))),
    "seq_fallbacks_per_million": Metric(events=Events(("seq_fallbacks",), ("copies",))),
    "fallbacks_per_million": Metric(events=Events(_FALLBACKS, ("falls_back",))),
    "fallback_zero_per_million": Metric(events=Events(("fallback_zero",), ("falls_back", "refcounted"))),
    "fallback_memdesc_per_million": Metric(events=Events(("fallback_memdesc",), ("falls_back",))),
    "fallback_pmd_per_million": Metric(events=Events(("fallback_pmd",), ("falls_back",))),
    "fallback_pte_per_million": Metric(events=Events(("fallback_pte",), ("falls_back",))),
    "trygets_per_million": Metric(events=Events(("trygets",), ("walks", "refcounted"))),
    "trygets_avoided_per_million": Metric(events=Events(("trygets_avoided",), ("walks", "refcounted"))),
    "turnovers_per_second": Metric("turnovers/s that were reached", time=True),
    "expedited_per_second": Metric(time=True),
    "limbo_descriptor_bytes_peak": Metric("descriptors in limbo, peak, B", clocked=True),
    "limbo_descriptor_bytes_mean": Metric("descriptors in limbo, mean, B", clocked=True),
    "limbo_page_bytes_peak": Metric("pages in limbo, peak, B", clocked=True),
    "limbo_page_bytes_mean": Metric("pages in limbo, mean, B", clocked=True),
    "limbo_pointer_bytes_bound": Metric("kfree_rcu's own pages of pointers, full ones, estimated, B", clocked=True),
    "cached_bytes_mean": Metric("cached by the slab, mean, B", clocked=True),
    "cached_percpu_bytes_mean": Metric("cached per CPU and barn, mean, B", clocked=True),
    "limbo_wait_ns_mean": Metric("time in limbo, mean", time=True),
    "limbo_over_little": Metric("mean in limbo, over rate x wait (Little's law)"),
    "rest_bytes_per_folio": Metric("descriptor and memdesc words, or struct pages, of a folio, B"),
    "reused_other_key_share": Metric("share of descriptors that came back under another key"),
    "tries_worst": Metric("tries of the lookup that needed most"),
    **_latency("reuse", "time until a descriptor came back", "p50", "p99"),
    **_latency("lookup", "time of a lookup", "p50", "p99", "p999", "max"),
    **_latency("allocate", "time of an allocation", "p50", "p99"),
    **_latency("reclaim", "from the first free until the pages are back", "p50", "p99", "max"),
    "throttled_share": Metric("share of a freer's time that it waited at limbo_max_mb", time=True),
    "alloc_failed_per_million": Metric("allocations that failed and were tried again, per million turnovers"),
    "largest_free_bytes": Metric("largest free block of the page allocator, as the window ends, B"),
    "free_in_2m_share": Metric("share of free memory in blocks of 2 MiB and more, as the window ends"),
    **_latency("gp", "grace period (probed)", "mean", "p50", "p99", "max"),
    "drain_ns": Metric("time until all was reusable, once the threads had stopped", time=True),
}

# What a suite that asks for times compares.
TIME = "ns_per_lookup"
# Of these, every arm with every other.
BY_HAND = "opencoded_ns_per_lookup"
PAIRED = (TIME, BY_HAND, "turnovers_per_second")
# The limbo of these protocols is a batch (hazptr) or has a ceiling (rcu_bounded), whatever the clock.
CONSTANT_LIMBO = tuple(name for name, one in traits.PROTOCOLS.items() if one["keeps_back"])
COUNTED = ("Instructions are counted on one emulated CPU: an atomic costs as much as an add, cache misses and contention "
           "cost nothing. Their order of the arms is not a real CPU's.")

CACHED = ("cached: free and reusable, but not given back by the slab; not in limbo. per CPU and barn: of it what is in sheaves "
          "and barns, before 7.0 in slabs that CPUs hold. >=: a lower bound, see the notes.")


def unit(metric: str) -> table.Unit:
    """The format of a metric that stands alone."""
    if "_over_" in metric and not metric.startswith("limbo"):
        return lambda value: f"{value:.3f}"
    if "instructions" in metric:
        return lambda value: f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    if "_bytes" in metric:
        return table.size
    return table.nanoseconds if "_ns" in metric or metric.startswith("ns_") else table.si


def ranks(metric: str, protocol: str, emulated: bool) -> bool:
    """Whether arms may be compared by a metric: under an emulated clock, not if it depends on the clock."""
    kind = METRICS[metric]
    return not emulated or not (kind.time or (kind.clocked and protocol not in CONSTANT_LIMBO))


def why_not(metric: str) -> str:
    """Why a metric ranks nothing under an emulated clock."""
    if METRICS[metric].time:
        return "emulated time"
    return "left by limbo: " * metric.startswith("cached_") + "rate x grace period, both emulated"


def sampled(limbo: dict[str, Any]) -> bool:
    """Whether the slab's samples are the measure of the descriptors in limbo. Not if the module counts them, and not if
    kfree_rcu() has sheaves: then the slab counts cached objects as used, and markers bound the limbo (marker.h)."""
    return not limbo["exact"] and limbo.get("bound") != "markers"


def estimated(point: dict[str, Any], metric: str) -> bool:
    """Whether it is kfree_rcu's limbo, which nothing counts."""
    return metric.startswith(("limbo_descriptor", "limbo_pointer")) and any(
        rep["limbo"] and not rep["limbo"]["exact"] for rep in point["repetitions"])


def at_least(point: dict[str, Any], metric: str) -> bool:
    """Whether a cached figure is a lower bound, because limbo is an upper bound."""
    return metric.startswith("cached_") and any(
        (rep.get("cached") or {}).get("bound") == "lower" for rep in point["repetitions"])


def mark(point: dict[str, Any], metric: str) -> str:
    """The mark before a figure that is not exact: ~ for an estimate, >= for a lower bound."""
    return "~" if estimated(point, metric) else ">=" if at_least(point, metric) else ""


def measured(point: dict[str, Any], metric: str) -> str:
    """How a figure was measured: figures that were measured in two ways are not compared."""
    if estimated(point, metric):
        slab = any(rep["limbo"] and sampled(rep["limbo"]) for rep in point["repetitions"])
        return "the slab's object count" if slab else "the markers' upper bound"
    if at_least(point, metric):
        return "a lower bound"
    if metric == "cached_percpu_bytes_mean":
        sheaves = any((rep.get("cache") or {}).get("sheaf_capacity") for rep in point["repetitions"])
        return "what sheaves and barns hold" if sheaves else "free objects of CPUs' slabs"
    return "a count"


def lookups(path: str) -> str:
    """What readers of a path count: on pfn a lookup is the decision about one frame."""
    return "frames" if path == "pfn" else "lookups"


def quantile(histogram: dict[str, Any] | None, q: float) -> int | None:
    """The upper edge (the largest value it holds) of the bucket in which the quantile
    lies; never above the exact maximum."""
    if not histogram or not histogram["count"]:
        return None
    seen = accumulate(count for _, _, count in histogram["buckets"])
    ends = (high - 1 for (_, high, _), below in zip(histogram["buckets"], seen) if below >= q * histogram["count"])
    return min(next(ends, histogram["max_ns"]), histogram["max_ns"])      # it may be in the overflow row


def mean(histogram: dict[str, Any] | None) -> float | None:
    """From the middles of buckets, limited to the exact extremes: wrong by half a bucket at most, except for the
    overflow, which counts as the maximum."""
    if not histogram or not histogram["count"]:
        return None
    least, most = histogram["min_ns"], histogram["max_ns"]
    total = sum(count * min(max((low + high - 1) / 2, least), most) for low, high, count in histogram["buckets"])
    return (total + histogram["overflow"] * most) / histogram["count"]


def slab_limbo(slab: dict[str, Any], live: int) -> dict[str, int] | None:
    """Limbo as the slab saw it: objects in use minus those that are published or about to be."""
    if not (objects := [max(0, sample - live) for sample in slab["objects"]]):
        return None
    peak, mean, size = max(objects), sum(objects) / len(objects), slab["slab_size"]
    # As slub_set_cpu_partial() computes it: partial slabs of a CPU, in addition to the one that it allocates from.
    partial = -(-2 * (slab.get("cpu_partial") or 0) // slab["objs_per_slab"])
    return {
        "samples": len(objects),
        "descriptor_objects_peak": peak,
        "descriptor_objects_mean_milli": round(mean * 1000),
        "descriptor_bytes_peak": peak * size,
        "descriptor_bytes_mean": round(mean * size),
        # CPUs' slabs, a slab that is being emptied, and what sheaves hold count as used: too low for a moment at
        # most, but too high by up to this.
        "accuracy_objects": slab["objs_per_slab"] * (slab["nr_cpus"] * (1 + partial) + 1)
                            + (slab.get("sheaf_capacity") or 0) * (SHEAVES_OF_A_CPU * slab["nr_cpus"]
                                                               + SHEAVES_OF_A_BARN * slab.get("nr_nodes", 1)),
        # The memory of a slab by object, including slack.
        "object_bytes_whole": -(-(4096 << slab["order"]) // slab["objs_per_slab"]),
        # Not in the figures above: kfree_rcu's own pages of pointers, if it could allocate them.
        "pointer_bytes_peak_bound": -(-peak // POINTERS_PER_PAGE) * 4096,
    }


def cached(run: dict[str, Any], slab: dict[str, Any] | None) -> dict[str, Any] | None:
    """Free objects that the slab keeps: all objects of its slabs, minus those that are live or in limbo.

    The file `objects` counts all objects as used except free ones in slabs on the node's partial list
    (mm/slub.c, show_slab_objects()). Those are the live ones, the ones in limbo, and "percpu": what sheaves and
    barns hold or, before 7.0, the free objects of slabs that CPUs hold. If only an upper bound of limbo is
    known, cached is a lower bound. If `objects` is the only measure of live and limbo, "percpu" is unknown.
    """
    if not slab or not slab.get("total_objects"):
        return None
    size, count = slab["slab_size"], len(slab["total_objects"])
    total, used = (sum(slab[name]) / count for name in ("total_objects", "objects"))
    by_slab = sampled(run["limbo"])
    taken = used if by_slab else (sum(slab["live"]) + sum(slab["limbo"])) / count
    objects, percpu = max(0.0, total - taken), max(0.0, used - taken)
    return {
        "bound": "exact" if run["limbo"]["exact"] else "lower", "samples": count,
        "objects_mean_milli": round(objects * 1000), "bytes_mean": round(objects * size),
        "percpu_objects_mean_milli": None if by_slab else round(percpu * 1000),
        "percpu_bytes_mean": None if by_slab else round(percpu * size),
    }


def layout(slab: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: slab.get(name) for name in LAYOUT} if slab else None


def limbo(run: dict[str, Any], slab: dict[str, Any] | None) -> dict[str, Any]:
    """The module's figures, and the slab's estimate."""
    estimate = slab_limbo(slab, int(run["params"]["nr_folios"])) if slab else None
    return run["limbo"] | {"slab": estimate}


def _limbo_metrics(figures: dict[str, Any]) -> dict[str, float | None]:
    source = figures["slab"] or {} if sampled(figures) else figures
    names = {f"descriptor_bytes_{kind}": source for kind in ("peak", "mean")}
    names |= {f"page_bytes_{kind}": figures for kind in ("peak", "mean")}
    return {f"limbo_{name}": found.get(name) for name, found in names.items()}


def _waits(figures: dict[str, Any]) -> dict[str, float]:
    """The mean time in limbo, and the mean limbo over rate x wait (Little's law). Only if the callback is ours, and
    with a hundred waits and, for the second, one object in limbo at least: fewer are chance."""
    if not figures.get("released") or (figures.get("waits") or 0) < ENOUGH_WAITS:
        return {}
    expected = figures["waited_ns"] / figures["window_ns"] * figures["frees"] / figures["waits"]
    mean_objects = (figures["descriptor_objects_mean_milli"] or 0) / 1000
    return {"limbo_wait_ns_mean": figures["wait_ns"] / figures["released"]} | (
        {"limbo_over_little": mean_objects / expected} if expected and mean_objects >= 1 else {})


def _rest(run: dict[str, Any], figures: dict[str, Any]) -> float | None:
    """Bytes that describe a folio at rest: descriptor and memdesc words, or struct pages."""
    order, resolved = run["params"].get("order"), run["resolved"]
    if not isinstance(order, int):      # several orders: folios differ
        return None
    if run["params"]["protocol"] == "overlay":
        return resolved["page_struct_bytes"] << order
    slab = figures["slab"]
    return slab["object_bytes_whole"] + (MEMDESC_WORD << order) if slab else None


def _own(run: dict[str, Any], figures: dict[str, Any]) -> dict[str, float | None]:
    """Metrics that only some protocols or some runs have."""
    counters, window = run["counters"], run["window"]
    values: dict[str, float | None] = {}
    if run["params"]["protocol"] == "rcu_bounded" and window["window_ns"]:
        values["expedited_per_second"] = counters["expedited"] * 1e9 / window["window_ns"]
    if sampled(figures) and figures["slab"]:
        values["limbo_pointer_bytes_bound"] = figures["slab"]["pointer_bytes_peak_bound"]
    if counters.get("recycled"):
        values["reused_other_key_share"] = counters["recycled_other_key"] / counters["recycled"]
    return values


def _times(run: dict[str, Any], name: str) -> dict[str, float | None]:
    """The metrics of one histogram, those that METRICS has."""
    histogram = run["latency"].get(name)
    values: dict[str, float | None] = {
        "mean": mean(histogram), "p50": quantile(histogram, 0.5), "p99": quantile(histogram, 0.99),
        "p999": quantile(histogram, 0.999), "max": histogram["max_ns"] if histogram else None}
    return {metric: value for kind, value in values.items() if (metric := f"{name}_ns_{kind}") in METRICS}


def _pressure(run: dict[str, Any]) -> dict[str, float | None]:
    """What freers do when memory is short."""
    counters = run["counters"]
    values: dict[str, float | None] = {}
    freers_ns = sum(t["end_ns"] - t["start_ns"] for t in run["threads"] if t["name"].startswith("freer/"))
    if freers_ns and "limbo_wait_ns" in counters:
        values["throttled_share"] = counters["limbo_wait_ns"] / freers_ns
    if counters["turnovers"]:
        values["alloc_failed_per_million"] = counters["alloc_failed"] * 1e6 / counters["turnovers"]
    if run["params"].get("churn") == "reclaim":
        values |= _times(run, "reclaim")
    return values


def free_blocks(buddyinfo: str) -> dict[str, float]:
    """Free memory from /proc/buddyinfo: the largest block, and the share in blocks of 2 MiB and more. Without zone DMA,
    which is hardly ever allocated from and always has blocks of all sizes."""
    zones = [line.partition("zone")[2].split() or ["DMA"] for line in buddyinfo.splitlines()]
    by_order = map(sum, zip(*(map(int, words) for zone, *words in zones if zone != "DMA")))
    free = {PAGE << order: blocks for order, blocks in enumerate(by_order) if blocks}
    huge = sum(size * blocks for size, blocks in free.items() if size >= HUGE)
    total = sum(size * blocks for size, blocks in free.items())
    return {"largest_free_bytes": float(max(free)), "free_in_2m_share": huge / total} if free else {}


def plain(run: dict[str, Any], figures: dict[str, Any], kept: dict[str, Any] | None = None) -> dict[str, float | None]:
    """Metrics of a point in an ordinary boot, without those that were not counted. @figures come from limbo(), @kept
    from cached()."""
    params, counters, resolved = run["params"], run["counters"], run["resolved"]
    values: dict[str, float | None] = {}
    if params["nr_readers"]:
        rate = run["rates"]["lookups_per_second"]
        values |= {name: sum(counters[counter] for counter in metric.events.counters) * 1e6 / counters["lookups"]
                   for name, metric in METRICS.items()
                   if metric.events and counters["lookups"] and all(resolved[step] for step in metric.events.steps)
                   and not any(resolved[step] for step in metric.events.but)}
        values |= {"lookups_per_second": rate, "ns_per_lookup": params["nr_readers"] * 1e9 / rate if rate else None}
        values |= _times(run, "lookup")
        # For readers that start over. The others have one try, whose failure is counted by its cause,
        # or two kinds of tries (copies).
        if resolved["refcounted"] and not any(resolved[way] for way in ("falls_back", "walks", "locked", "copies")):
            values["tries_worst"] = len(run.get("tries") or []) + 1
    if params["nr_freers"]:
        values["turnovers_per_second"] = run["rates"]["turnovers_per_second"]
        values |= _times(run, "reuse") | _times(run, "allocate")
        values["rest_bytes_per_folio"] = _rest(run, figures)
        values |= _own(run, figures) | _limbo_metrics(figures) | _waits(figures) | _pressure(run)
        values |= {f"cached_{name}": (kept or {}).get(name) for name in ("bytes_mean", "percpu_bytes_mean")}
        values["drain_ns"] = run["window"].get("drain_ns")
    if params.get("gp_probe_ms"):
        values |= _times(run, "gp")
    return {name: value for name, value in values.items() if value is not None}


def beside(run: dict[str, Any], timed: dict[str, dict[str, Any]]) -> dict[str, float]:
    """What was timed beside a point with one reader, in the same boot: the same by hand, and what the kernel itself does."""
    ns = {name: one["ns"] / one["lookups"] for name, one in timed.items() if one["lookups"] and one["good"]}
    found = {BY_HAND if name == "opencoded" else f"{name}_ns": value for name, value in ns.items()}
    if rate := run["rates"]["lookups_per_second"]:
        found |= {f"ns_per_lookup_over_{name}": run["params"]["nr_readers"] * 1e9 / rate / ns[name]
                  for name in ("opencoded", "refscale") if name in ns}
    if "filemap_get_folio" in ns:
        found |= {f"{name}_ns_over_filemap_get_folio": ns[name] / ns["filemap_get_folio"] for name in ("opencoded", "called") if name in ns}
    return found


def icount(run: dict[str, Any], opencoded: dict[str, Any] | None) -> dict[str, float]:
    """Metrics of a point in an icount boot, where a nanosecond is an instruction."""
    values: dict[str, float] = {}
    window, counters = run["window"], run["counters"]
    if counters["lookups"] and not run["params"]["nr_freers"]:
        own = window["window_ns"] * int(run["params"]["nr_readers"]) / counters["lookups"]
        values["instructions_per_lookup"] = own
        # An open-coded loop that did not do what it should cannot be compared.
        if opencoded and opencoded["lookups"] and opencoded["good"]:
            values["opencoded_instructions_per_lookup"] = opencoded["ns"] / opencoded["lookups"]
            values["instructions_per_lookup_over_opencoded"] = own * opencoded["lookups"] / opencoded["ns"]
    # If the kernel does not report its idle time, that would be counted as instructions.
    if window["whole_turnovers"] and not run["params"]["nr_readers"] and window["whole_idle_ns"] is not None:
        busy = window["whole_ns"] - window["whole_idle_ns"]
        values["instructions_per_turnover"] = busy / window["whole_turnovers"]
    return values
