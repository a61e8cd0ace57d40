# SPDX-License-Identifier: GPL-2.0
"""Made-up runs in the shape of the module's run.json, for unit tests only."""

from __future__ import annotations

import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# pylint: disable=wrong-import-position
from fsc import traits  # noqa: E402
from fsc.result.result import BootRecord  # noqa: E402
from fsc.suite.suite import Point, Suite  # noqa: E402
from fsc.suite.suitefile import load  # noqa: E402

SUITES = Path(__file__).resolve().parents[2] / "suites"
FACTS = {name: 0 for name in ("init_on_alloc", "init_on_free", "page_poisoning", "debug_pagealloc",
                              "slub_rcu_debug", "kasan", "kcsan", "lockdep", "prove_rcu", "debug_vm")}
KERNEL = {"release": "6.12.0-test", "version": "#1", "preempt": "voluntary", "hz": 250,
          "nr_cpus": 2, "facts": FACTS}
SPEED = dict.fromkeys(traits.PROTOCOLS, 145) | {"overlay": 100, "typesafe": 140, "rcu_desc": 130, "rcu_full": 120,
                                                "seqcount": 150, "hazptr": 170, "hazptr_cpu": 175, "rcu_bounded": 135, "locked": 200}


def histogram(values: list[int]) -> dict[str, Any]:
    low = sorted(set(value & ~7 for value in values))
    return {"count": len(values), "min_ns": min(values, default=None), "max_ns": max(values, default=None),
            "overflow": 0,
            "buckets": [[edge, edge + 8, sum(1 for v in values if v & ~7 == edge)] for edge in low]}


def deferral(point: Point) -> str:
    """A point's deferral, with auto resolved."""
    asked = point.params.get("deferral", "auto")
    auto = {"rcu_desc": "kfree_rcu", "rcu_full": "call_rcu"}.get(point.protocol, "none")
    return auto if asked == "auto" else str(asked)


def resolved(point: Point) -> dict[str, Any]:
    """What the module reports about a protocol on a path."""
    protocol = point.protocol
    counts = protocol != "rcu_full"
    return {"deferral": deferral(point), "descriptor_bytes": 80, "page_struct_bytes": 64, "page_bytes": 4096, "refcounted": int(counts), "holds": int(protocol not in ("rcu_full", "seqcount")),
            "recheck": int(protocol in ("overlay", "typesafe", "seqcount")), "tryget": "cas" if counts else "none",
            "locked": int(point.protocol == "locked"),
            "falls_back": int(point.path == "gup" and point.protocol != "locked"), "walks": int(point.path == "pfn"),
            "copies": int(protocol == "seqcount"), "hazard": int(protocol == "hazptr")}


def events(lookups: int, turnovers: int) -> dict[str, int]:
    """Counters of events that only some readers have, each a different share of the lookups."""
    seen = lookups if turnovers else 0
    return {"hazard_moved": seen // 1000, "seq_retries": seen // 500, "seq_fallbacks": seen // 10_000,
            "fallback_zero": seen // 2000, "fallback_memdesc": seen // 4000, "fallback_pmd": seen // 100_000,
            "fallback_pte": seen // 50_000, "trygets": lookups * 6 // 10, "trygets_avoided": lookups * 4 // 10,
            "hugetlb_seen": 0, "expedited": turnovers // 1000}


def run(point: Point, seed: int = 1, **changes: Any) -> dict[str, Any]:
    """A plausible finished run; @changes replace members at its top level."""
    rng = random.Random(f"{point.id}/{seed}")
    params = {"nr_readers": 1, "nr_freers": 1, "nr_folios": 1024, "bounded_max": 512, "max_turnovers": 0, "path": point.path,
              "protocol": point.protocol} | point.params
    cost = SPEED[point.protocol]
    window = params["duration_ms"] * 1_000_000
    lookups = round(window / cost * (1 if point.icount else rng.uniform(0.8, 1.25))) if params["nr_readers"] else 0
    turnovers = rng.randrange(500_000, 700_000) if params["nr_freers"] else 0
    exact, limbo = int(deferral(point) != "kfree_rcu"), 0
    if turnovers and point.protocol.startswith("rcu"):
        limbo = rng.randrange(10_000, 20_000)
    pages = limbo if point.protocol == "rcu_full" else 0
    times = [rng.randrange(1_000, 90_000) for _ in range(20)]
    return {
        "schema": 1, "state": "done", "verdict": "PASS", "reason": "", "params": params, "kernel": KERNEL,
        "resolved": resolved(point),
        "clock": {"name": "tsc", "cost_ns": 40},
        "window": {"window_ns": window, "overlap_ppm": 999_000, "start_skew_ns": 900, "complete": 1, "throttled": 0,
                   "whole_ns": 50_000_000, "whole_idle_ns": 10_000_000, "drain_ns": 30_000_000 + seed,
                   "whole_turnovers": 20_000 if params["max_turnovers"] else 0},
        "counters": {"lookups": lookups, "tryget_zero": lookups // 3000 if turnovers else 0,
                     "recheck_moved": rng.randrange(3) if turnovers else 0, "recheck_empty": 0,
                     "turnovers": turnovers, "frees": turnovers, "alloc_failed": 0,
                     "recycled": turnovers, "recycled_other_key": turnovers * 9 // 10} | events(lookups, turnovers),
        "rates": {"lookups_per_second": lookups * 10**9 // window, "turnovers_per_second": turnovers * 10**9 // window},
        "threads": [], "cpu": {"softirq_ns": 1, "system_ns": 2, "irq_ns": 0, "idle_ns": 3},
        "latency": {"lookup": histogram(times), "reuse": histogram(times if turnovers else []),
                    "allocate": histogram(times if turnovers else []),
                    "gp": histogram([time * 1000 for time in times] if params.get("gp_probe_ms") else [])},
        "limbo": {"exact": exact, "samples": 200,
                  "descriptor_objects_peak": limbo, "descriptor_objects_mean_milli": limbo * 600,
                  "page_objects_peak": pages, "page_objects_mean_milli": pages * 600,
                  "descriptor_bytes_peak": limbo * 80, "descriptor_bytes_mean": limbo * 48,
                  "page_bytes_peak": pages * 4096, "page_bytes_mean": pages * 2458},
        "series": series(params, limbo, pages),
        "tries": [lookups // 3000, lookups // 9000] if turnovers else [], "violations": [], "balance": {},
    } | changes


def series(params: dict[str, Any], limbo: int, pages: int) -> dict[str, Any]:
    """A sawtooth that rises from the start of the warm-up."""
    rows = [[10_000_000 * (i + 1), 1000 * i, 100 * i, limbo * (i % 10) // 9, pages * (i % 10) // 9, 2800, 480_000]
            for i in range((params.get("warmup_ms", 500) + params["duration_ms"]) // 10)]
    return {"columns": ["t_ns", "lookups", "turnovers", "limbo_descriptors", "limbo_pages", "slab_pages", "free_pages"],
            "rows": rows if params.get("sample_ms", 10) else []}


def slab(objects: list[int]) -> dict[str, Any]:
    return {"slab_size": 80, "object_size": 80, "objs_per_slab": 51, "order": 0, "sheaf_capacity": None,
            "cpu_partial": 120, "nr_cpus": 2,
            "flags": {}, "objects": objects, "total_objects": [n + 200 for n in objects],
            "live": [1000] * len(objects), "limbo": [20] * len(objects)}


def opencoded(point: Point, **changes: Any) -> dict[str, Any]:
    """The hand-written loop; a walker's uses some of the frames that it decides about."""
    hits = 600 if point.path == "pfn" else 1000
    return {"path": point.path, "protocol": point.protocol, "lookups": 1000, "hits": hits, "good": 1,
            "ns": SPEED[point.protocol] * 1000 - 4000} | changes


MACHINE = """uname=Linux test 6.12.0-test
cmdline=console=ttyS0 init_on_alloc=0
clocksource=tsc
cpu=QEMU TCG CPU version 2.5+
vcpus=2
memory_kb=2000000
online=0-1
cpu0=package 0, core 0
rcu.rcu_expedited=0
rcu.rcu_normal=0
rcu.rcu_normal_wake_from_gp=0
rcu.enable_rcu_lazy=Y
took.rcu_nocbs="""


def boot(number: int, points: list[Point], accelerator: str = "tcg") -> BootRecord:
    """A boot that passed; its CPU has the name that QEMU's emulation gives it, or another one."""
    record = BootRecord(number, points, accelerator, state="PASS", reason="job exited 0", seconds=30.0)
    put(record, "config", {"kernel": KERNEL, "params": {}})
    said = MACHINE if accelerator in ("tcg", "icount") else MACHINE.replace("QEMU TCG CPU", "A real CPU")
    record.blobs["machine"] = said.encode()
    for point in points:
        put(record, f"run/{point.id}", run(point, number))
        if point.protocol != "overlay":
            put(record, f"slab/{point.id}", slab([1024, 9000 + 10 * number, 5000]))
        if point.opencoded:
            put(record, f"opencoded/{point.id}", opencoded(point))
    return record


def put(record: BootRecord, name: str, value: dict[str, Any]) -> None:
    record.blobs[name] = json.dumps(value).encode()


def with_curves(found: dict[str, Any], readers: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
    """A result that also has a matrix, made from churn, over free_rate (and readers). One of its points was lost."""
    found = copy.deepcopy(found)
    settings = found["environment"]["suite"]
    settings["workloads"]["rates"] = "1 freer, ever faster"
    settings["curves"] = {"rates": {"x": "free_rate", "show": ["limbo_descriptor_bytes_mean", "turnovers_per_second"]}}
    for churn in [point for point in found["points"] if point["workload"] == "churn"]:
        for rate in (0, 50, 1000, 20_000):
            for nr in readers:
                point = copy.deepcopy(churn)
                point |= {"workload": "rates", "axes": {"free_rate": rate, "nr_readers": nr}}
                point["params"] |= point["axes"]
                for figures in point["summary"].values():
                    figures |= {key: figures[key] * nr * (rate or 50_000) / 50_000 for key in ("median", "low", "high")}
                    for key in ("ratio", "ratio_low", "ratio_high", "p"):
                        figures.pop(key, None)
                found["points"].append(point)
    lost = found["points"][-1]
    lost |= {"verdict": "LOST", "reason": "silent at the timeout", "summary": {}}
    lost["repetitions"] = [rep | dict.fromkeys(("resolved", "latency", "counters", "limbo")) | {
        "verdict": "LOST", "metrics": {}} for rep in lost["repetitions"]]
    return found


def put_folder(folder: Path, found: dict[str, Any], of: list[BootRecord]) -> None:
    """Write what a suite leaves behind: its result, and the blobs of its boots."""
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(found))
    (folder / "command").write_text("# at revision test, in the top folder:\nscripts/folioscale bench --suite default\n")
    for record in of:
        runs = folder / f"boot-{record.number}/runs"
        runs.mkdir(parents=True)
        for name, data in record.blobs.items():
            (runs / name.replace("/", ".")).write_bytes(data)


def suite(name: str = "") -> Suite:
    """One of those in scripts/suites, or that of the unit tests."""
    return load(SUITES / f"{name}.toml" if name else Path(__file__).with_name("plain.toml"))


def boots(chosen: Suite, accelerator: str = "tcg", repetitions: int = 6) -> list[BootRecord]:
    found = [boot(number, chosen.order(number), accelerator) for number in range(1, repetitions + 1)]
    return found + [boot(repetitions + 1, chosen.icount(), "icount")]
