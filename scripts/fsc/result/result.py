# SPDX-License-Identifier: GPL-2.0
"""result.json: what the boots sent, as points with repetitions and a summary."""

import json
import lzma
import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import jsonschema

from .. import repo, shape
from ..suite.suite import Point, Suite
from ..verdict import FAIL, INCONCLUSIVE, LOST, PASS, SETUP, SetupError, worst
from ..vm import accel, setup_errors, steal
from . import metrics, stats

SCHEMA = 2
NAME = "result.json"
SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
NOT_MEASURED = ["NUMA", "memory ordering weaker than x86's"]
# ... but where a point has account=.
CHARGING = "memcg charging (the threads are the root group's)"


# Times are a CPU's if no other program has the CPUs of busy threads for more than this share of the window.
MOST_STEAL = 0.01
# Why a point is INCONCLUSIVE: most of its windows had to wait.
BUSY = "the host was busy"
# Loops of fsc_opencoded, by what the guest calls what they send.
BESIDE = ("opencoded", "called", "filemap_get_folio", "kernel_read", "refscale")
# Members of run.json that go into a repetition as they are.
_AS_TOLD = ("resolved", "counters", "latency", "tries", "window", "rates", "clock", "cpu", "violations", "balance")


@dataclass
class BootRecord:
    """One boot (HOST=1: one pass) and all that it sent."""
    number: int
    points: list[Point]
    accelerator: str
    state: str = LOST
    reason: str = "interrupted"
    first: str = ""                # how earlier machines of this boot died
    at_boot: list[str] = field(default_factory=list)    # what its kernel complained of before the module was loaded
    seconds: float = 0.0
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The suite's [boot.NAME]; empty for the usual machine."""
        return self.points[0].boot if self.points else ""

    def keep(self, name: str, data: bytes) -> None:
        """Keep a blob. A broken one is an error of its point; it must not lose the rest."""
        kind, _, point_id = name.partition("/")
        if kind in ("config", "slabs", "run", "slab", *BESIDE, "steal", "mapped", "again"):
            try:
                json.loads(data)
            except ValueError as error:
                name, data = f"error/{point_id or kind}", f"{name} is not JSON: {error}".encode()
        self.blobs[name] = data

    def json(self, name: str) -> dict[str, Any] | None:
        return json.loads(self.blobs[name]) if name in self.blobs else None

    def text(self, name: str) -> str:
        return self.blobs.get(name, b"").decode(errors="replace").strip()


def repetition(point: Point, boot: BootRecord) -> dict[str, Any]:
    """One point in one boot; LOST, or SETUP, unless the boot reported otherwise."""
    run = boot.json(f"run/{point.id}")
    found: dict[str, Any] = {
        "boot": boot.number, "block": point.block, "verdict": LOST, "reason": boot.reason, "metrics": {},
    } | dict.fromkeys(("limbo", "cached", "cache", "window_ns", "overlap", "opencoded", *_AS_TOLD))
    if run is None and boot.state == SETUP:
        return found | {"verdict": SETUP}
    if f"error/{point.id}" in boot.blobs:
        text = boot.text(f"error/{point.id}")
        # A module that was not loaded has found nothing.
        return found | ({"verdict": SETUP, "reason": setup_errors.not_loaded(text)} if setup_errors.is_insmod(text) else
                        {"verdict": FAIL, "reason": text})
    if run is None:
        return found
    if run["state"] != "done":
        return found | {"verdict": FAIL, "reason": run["reason"] or f"ended as {run['state']}"}
    slab = boot.json(f"slab/{point.id}")
    limbo, cached = metrics.limbo(run, slab), metrics.cached(run, slab)
    opencoded = boot.json(f"opencoded/{point.id}")
    values = metrics.icount(run, opencoded) if point.icount else metrics.plain(run, limbo, cached) | metrics.free_blocks(
        boot.text(f"buddy/{point.id}"))
    if point.block:
        # A window is too short for memory to come back, and the clock of ARCH=um too coarse for one lookup.
        less = ("reuse_", "limbo_", "cached_", "drain_", "reused_") + ("lookup_",) * (boot.accelerator == "uml")
        values = {name: value for name, value in values.items() if not name.startswith(less)}
    beside = {kind: boot.json(f"{kind}/{point.id}") or boot.text(f"no{kind}/{point.id}") for kind in BESIDE
              if {f"{kind}/{point.id}", f"no{kind}/{point.id}"} & boot.blobs.keys()} if point.block else {}
    values |= metrics.beside(run, {kind: one for kind, one in beside.items() if isinstance(one, dict)}) if beside else {}
    waited = boot.json(f"steal/{point.id}")
    share = steal.share(waited, run["window"]["window_ns"]) if waited else None
    # A complaint on the console counts for every point of that boot.
    verdict, reason = (FAIL, boot.reason) if boot.state == FAIL else (run["verdict"], run["reason"] or "")
    return found | {
        "verdict": verdict, "reason": reason, "metrics": values, "opencoded": opencoded,
        "limbo": limbo, "cached": cached, "cache": metrics.layout(slab), "window_ns": run["window"]["window_ns"],
        "overlap": (run["window"]["overlap_ppm"] or 0) / 1e6,
        # A window of which the guest's shell or the runner saw too little had to wait, too.
        "again": boot.json(f"again/{point.id}") or [],
        "beside": beside,
        "steal": share, "stolen": boot.accelerator in accel.REAL and (share > MOST_STEAL if share is not None else point.block > 0),
    } | {key: run[key] for key in _AS_TOLD}


def _point(suite: Suite, point: Point, own: list[tuple[Point, BootRecord]]) -> dict[str, Any]:
    """A point of the suite, from @own: itself in each block of each boot."""
    repetitions = [repetition(one, boot) for one, boot in own]
    runs = (boot.json(f"run/{one.id}") for one, boot in own)
    params = next((run["params"] for run in runs if run), None)
    verdict = worst([rep["verdict"] for rep in repetitions])
    reason = next((rep["reason"] for rep in repetitions if rep["verdict"] == verdict and verdict != PASS), "")
    if verdict == PASS and 2 * sum(bool(rep.get("stolen")) for rep in repetitions) > len(repetitions):
        verdict, reason = INCONCLUSIVE, BUSY
    return {
        "suite": suite.name, "workload": point.workload, "path": point.path,
        "protocol": point.protocol, "axes": point.axes,
        "params": params or {"path": point.path, "protocol": point.protocol} | point.params,
        "verdict": verdict, "reason": reason,
        "repetitions": repetitions, "summary": {},
    }


def grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """The values of each key, both in the order in which they come."""
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def families_of(points: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    return grouped(((point["workload"], point["path"]), point) for point in points)


def resolved(point: dict[str, Any]) -> dict[str, Any]:
    """What the module made of a point's parameters; empty if no boot told."""
    return next((rep["resolved"] for rep in point["repetitions"] if rep["resolved"]), {})


def against_of(suite: dict[str, Any]) -> dict[str, str]:
    """Workloads that are compared with another one, and with which; older results have none."""
    return suite.get("against", {})


def _counts(point: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The repetitions that have a metric, without those whose machine had to wait for the host."""
    return [rep for rep in point["repetitions"] if name in rep["metrics"] and not rep.get("stolen")]


def shown_less(pairs: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Of pairs of one metric, workload and path: each arm that a test shows to have less than others, and which."""
    shown = [(pair["protocol"], pair["other"], pair["ratio"]) for pair in pairs
             if pair["p"] is not None and pair["p"] < stats.ALPHA and pair["ratio"]]
    return grouped((one, other) if ratio < 1 else (other, one) for one, other, ratio in shown)


def only_in_harness(times: Iterable[dict[str, Any]], by_hand: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Of what shown_less() says of @times: what the same lookups by hand, if there are any, do not show. The harness may cost
    one arm more than another, by where its folios lie if by nothing else."""
    known = shown_less(by_hand)
    found = {name: [other for other in others if other not in known.get(name, [])] for name, others in shown_less(times).items()}
    return {name: others for name, others in found.items() if others} if by_hand else {}


def values_of(point: dict[str, Any], name: str) -> list[float]:
    return [rep["metrics"][name] for rep in _counts(point, name)]


def _blocks_of(point: dict[str, Any], name: str) -> dict[tuple[int, int], float]:
    """The values by boot and block; empty if they are not compared within blocks."""
    return {(rep["boot"], rep["block"]): rep["metrics"][name] for rep in _counts(point, name) if rep.get("block")}


def _by_boot(values: dict[tuple[int, int], float]) -> list[float]:
    """The median of each boot: windows of one boot share its memory, and say less than windows of several."""
    return [median(found) for found in grouped((boot, value) for (boot, _), value in values.items()).values()]


def _figures(ratio: stats.Interval | None) -> dict[str, Any]:
    return {"ratio": ratio.centre, "ratio_low": ratio.low, "ratio_high": ratio.high} if ratio else {}


def _in_blocks(own: dict[tuple[int, int], float], base: dict[tuple[int, int], float]) -> dict[str, Any]:
    """The ratio within a block: its median by boot, then Hodges and Lehmann's of the boots, which are what is tested."""
    pairs = {at: (own[at], base[at]) for at in own if at in base}
    if not all(one > 0 and other > 0 for one, other in pairs.values()):     # a zero has no logarithm
        return {"p": stats.paired_p(_by_boot({at: one - other for at, (one, other) in pairs.items()}))}
    boots = _by_boot({at: log(one / other) for at, (one, other) in pairs.items()})
    return _figures(stats.of_ratios(stats.paired(boots))) | {"p": stats.paired_p(boots)} if boots else {}


def ratio_of(name: str, values: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    """Ratio and unadjusted p of a metric; what is counted has neither interval nor test."""
    ratio = stats.ratio(values, base)
    if metrics.METRICS[name].deterministic:
        return {"ratio": ratio and ratio.centre}
    return _figures(ratio) | {"p": stats.p_value(values, base)}


def _compare(name: str, point: dict[str, Any], base_point: dict[str, Any]) -> dict[str, Any]:
    """Ratio and unadjusted p; all None if the baseline is always 0."""
    none = dict.fromkeys(("ratio", "ratio_low", "ratio_high", "p"))
    values, base = values_of(point, name), values_of(base_point, name)
    if not any(base):
        return none
    blocks = _blocks_of(point, name)
    return none | (_in_blocks(blocks, _blocks_of(base_point, name)) if blocks else ratio_of(name, values, base))


def adjust(family: Iterable[dict[str, Any]]) -> int:
    """Adjust the p of figures that are tested together, and return how many are."""
    tested = [figures for figures in family if figures.get("p") is not None]
    for figures, p in zip(tested, stats.holm([figures["p"] for figures in tested])):
        figures["p"] = p
    return len(tested)


def _summaries(points: list[dict[str, Any]], bases: dict[str, dict[str, Any]], emulated: bool) -> None:
    """Fill in the summaries of one workload and path: the family that Holm adjusts over. @bases are the points that
    they are compared with, by protocol."""
    for name, kind in metrics.METRICS.items():
        if kind.real and emulated:
            continue
        having = [point for point in points if values_of(point, name)]
        for point in having:
            base, values = bases.get(point["protocol"]), values_of(point, name)
            found = (stats.spread if kind.deterministic else stats.median)(_by_boot(_blocks_of(point, name)) or values)
            point["summary"][name] = {"median": found.centre, "low": found.low, "high": found.high, "n": len(values),
                                      "coverage": found.coverage, "rankable": metrics.ranks(name, point["protocol"], emulated)}
            if base is not None and not kind.alone and values_of(base, name):
                point["summary"][name] |= _compare(name, point, base)
        adjust(point["summary"][name] for point in having)


def _pairs(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every arm of a workload and path against every other, within blocks; Holm adjusts over the pairs of one metric."""
    found: list[dict[str, Any]] = []
    for name in metrics.PAIRED:
        # A rate that is asked for is no cost.
        own = [(point, {boot for boot, _ in blocks}) for point in points if (blocks := _blocks_of(point, name))
               and (name == metrics.TIME or not point["params"].get("free_rate"))]
        pairs = [{"workload": one["workload"], "path": one["path"], "metric": name, "protocol": one["protocol"],
                  "other": other["protocol"], "boots": len(boots & others)} | _compare(name, one, other)
                 for (one, boots), (other, others) in combinations(own, 2)]
        least = stats.enough_boots(adjust(pairs))
        for pair in pairs:
            pair["few"] = pair["boots"] < least
        found += pairs
    return found


def _bases(suite: Suite, families: dict[tuple[str, str], list[dict[str, Any]]], workload: str,
           path: str) -> dict[str, dict[str, Any]]:
    """The points that those of a workload and path are compared with, by protocol: that of the baseline protocol or, if
    the workload is against another one, the same protocol there."""
    # A curve has intervals but no tests: there would be many, and nobody asked for them.
    if workload in suite.curves:
        return {}
    if workload in suite.against:
        return {point["protocol"]: point for point in families.get((suite.against[workload], path), [])}
    own = {point["protocol"]: point for point in families[workload, path]}
    base = own.pop(suite.baseline, None)
    return dict.fromkeys(own, base) if base else {}


def _verdict(points: list[dict[str, Any]], environment: dict[str, Any]) -> str:
    verdicts = [point["verdict"] for point in points] + [boot["state"] for boot in environment["boots"]]
    return worst(verdicts + [LOST] * bool(environment["interrupted"]))


def build(suite: Suite, boots: list[BootRecord], environment: dict[str, Any]) -> dict[str, Any]:
    """The whole result; environment["interrupted"] makes it LOST, whatever has arrived."""
    ran = grouped((one.place, (one, boot)) for boot in boots for one in boot.points)
    points = [_point(suite, point, ran[point.place]) for point in suite.points if point.place in ran]
    families = families_of(points)
    pairs: list[dict[str, Any]] = []
    for (workload, path), family in families.items():
        _summaries(family, _bases(suite, families, workload, path), environment["times_emulated"])
        if suite.times and suite.baseline and not environment["times_emulated"] and workload not in suite.curves and workload not in suite.against:
            own = _pairs(family)
            pairs += own
            # One test, one p: that of the pairs, which are more.
            for point, pair in product(family, own):
                if {pair["protocol"], pair["other"]} == {point["protocol"], suite.baseline} and point["protocol"] != suite.baseline:
                    for name in {metrics.TIME: (metrics.TIME, "lookups_per_second"), metrics.BY_HAND: ()}.get(pair["metric"], (pair["metric"],)):
                        point["summary"][name] |= {"p": pair["p"], "few": pair["few"]}
    return {"schema": SCHEMA, "environment": environment, "verdict": _verdict(points, environment),
            "points": points, "pairs": pairs}


def with_times(result: dict[str, Any], times: dict[str, Any]) -> dict[str, Any]:
    """The result of a suite, and that of the suite that its times were measured by."""
    return result | {"verdict": worst([result["verdict"], times["verdict"]]), "times": times}


def parts_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The results that one is made of, each with its own machine: times first, as they are what is asked for first."""
    if "times" not in result:
        return [result]
    rest = {name: value for name, value in result.items() if name != "times"}
    return [*parts_of(result["times"]), rest | {"verdict": _verdict(rest["points"], rest["environment"])}]


def parts_of_all(results: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The parts of each, but no times that one of the others is about as a whole."""
    results = list(results)
    wholes = {result["environment"]["suite"]["name"] for result in results}
    return [[*(part for part in times if part["environment"]["suite"]["name"] not in wholes), own]
            for *times, own in map(parts_of, results)]


def interrupted(result: dict[str, Any]) -> bool:
    return any(part["environment"]["interrupted"] for part in parts_of(result))


def lacks_boots(result: dict[str, Any]) -> bool:
    """Whether two arms that are compared have windows in fewer boots than their test needs: the host was busy."""
    return any(pair["few"] for pair in result["pairs"])


def widest(result: dict[str, Any], metric: str) -> float | None:
    """How far the interval of any ratio of @metric is from it, as a share; None if one has no interval yet."""
    ratios = [figures for point in result["points"] if (figures := point["summary"].get(metric, {})).get("ratio")]
    if any(figures["ratio_low"] is None for figures in ratios):
        return None
    return max((max(figures["ratio_high"] / figures["ratio"], figures["ratio"] / figures["ratio_low"]) - 1
                for figures in ratios), default=0.0)


def validate(result: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    schema["$defs"]["metric"]["enum"] = [*metrics.METRICS]
    shape.Validator(schema).validate(result)


def file_of(path: Path) -> Path:
    """The result.json of a folder, which may be compressed; if @path is not a folder, it is the file."""
    if not path.is_dir():
        return path
    here = [file for file in (path / NAME, path / f"{NAME}.xz") if file.is_file()]
    if len(here) > 1:
        raise SetupError(f"{path} has {' and '.join(file.name for file in here)}: name one of them, or remove one")
    return here[0] if here else path / NAME


def read(file: Path) -> dict[str, Any]:
    """Read a result; raise SetupError with the reason if it is not one of this schema."""
    try:
        data = file.read_bytes()
        found = json.loads(lzma.decompress(data) if file.suffix == ".xz" else data)
        validate(found)
    except lzma.LZMAError as error:
        why = f"not xz: {error}"
    except OSError as error:
        raise SetupError(f"{file}: {error.strerror}") from None
    except jsonschema.ValidationError as error:
        why = f"{error.json_path}: {textwrap.shorten(shape.plain(error)[1], 100)}"
    except ValueError as error:
        why = f"not JSON: {error}"
    else:
        return found
    raise SetupError(f"{file} is no result of this folioscale: {why}; what is one says "
                     f"{SCHEMA_FILE.relative_to(repo.ROOT)}")


def write_text(file: Path, text: str) -> None:
    """Write a file completely or not at all."""
    aside = file.with_name(f".{file.name}.new")
    with aside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    aside.rename(file)


def dumps(result: dict[str, Any]) -> str:
    """Indented, but a bucket or another list of plain values on one line. A newline in the
    text is never inside a string, because JSON escapes those."""
    return re.sub(r"\[\n\s+([^\[\]{}\n]*(?:\n[^\[\]{}\n]*)*?)\n\s*\]",
                  lambda found: "[" + re.sub(r"\n\s+", " ", found[1]) + "]",
                  json.dumps(result, indent=1)) + "\n"


def write(file: Path, result: dict[str, Any]) -> None:
    validate(result)
    write_text(file, dumps(result))
