# SPDX-License-Identifier: GPL-2.0
"""summary.txt: the table, ready to paste into a mail to linux-mm. It is made of result.json alone."""

import re
from collections.abc import Iterator
from statistics import median
from typing import Any

from ..cmd import model
from ..result import power, stats
from ..result.environment import left_out, releases
from ..result.metrics import BY_HAND, CACHED, COUNTED, METRICS, TIME, estimated, lookups, mark, sampled, unit
from ..result.result import against_of, families_of, grouped, only_in_harness, parts_of, shown_less, values_of
from ..verdict import SETUP, worst
from . import curves, table
from .notes import notes
from .table import WIDTH, row, wrap

Result = dict[str, Any]
Figures = dict[str, Any]


# Metrics and their titles; {lookups}, {lookup}: what the path's readers count. Two in a sub-table: 72 columns hold median,
# interval and ratio (or, for limbo, objects) of two.
SUB_TABLES = [
    {"lookups_per_second": "{lookups}/s", "turnovers_per_second": "turnovers/s"},
    {"tryget_zero_per_million": "tryget met zero /M {lookups}",
     "recheck_fail_per_million": "recheck failed /M {lookups}"},
    {"limbo_descriptor_bytes_peak": "descriptors in limbo, peak B", "limbo_descriptor_bytes_mean": "mean B"},
    {"limbo_page_bytes_peak": "pages in limbo, peak B", "limbo_page_bytes_mean": "mean B"},
    {"cached_bytes_mean": "cached by the slab, mean B", "cached_percpu_bytes_mean": "per CPU and barn, mean B"},
    {"reuse_ns_p50": "reused after, p50", "reuse_ns_p99": "p99"},
]
# Only where the clock is a real CPU's.
TIMES = {"ns_per_lookup": "time / {lookup}", "lookup_ns_p99": "of those timed, p99"}
BESIDE = [
    {"opencoded_ns_per_lookup": "the same by hand", "ns_per_lookup_over_opencoded": "time / {lookup} over that"},
    {"filemap_get_folio_ns": "filemap_get_folio()", "opencoded_ns_over_filemap_get_folio": "by hand over that"},
    {"called_ns": "by hand, called, on a file", "called_ns_over_filemap_get_folio": "that over filemap_get_folio"},
    {"kernel_read_ns": "kernel_read() of 64 B"},
    {"refscale_ns": "refscale", "ns_per_lookup_over_refscale": "time / {lookup} over that"},
]
# Metrics of only some paths or protocols; the others have no row.
OWN_TABLES = [
    {"trygets_per_million": "trygets /M {lookups}", "trygets_avoided_per_million": "trygets avoided /M {lookups}"},
    {"fallbacks_per_million": "fell back /M {lookups}", "fallback_zero_per_million": "of them: tryget met zero"},
    {"fallback_memdesc_per_million": "of them: memdesc changed", "fallback_pmd_per_million": "of them: pmd changed"},
    {"fallback_pte_per_million": "of them: pte changed"},
    {"hazard_moved_per_million": "hazard moved /M {lookups}", "expedited_per_second": "expedited asked for/s"},
    {"seq_retries_per_million": "copied again /M {lookups}", "seq_fallbacks_per_million": "took a ref. /M {lookups}"},
]
NAME = table.NAME_WIDTH
TITLE = "folioscale: ways to RCU-free a folio"
EMULATED = ("TIMES ARE EMULATED (QEMU without KVM): no ranking by time. Rates and times show that the load ran, no more. Limbo is rate x "
            "grace period, both emulated: no ranking by it either, except by a batch (hazptr) or a ceiling (rcu_bounded).")
NOT_KNOWN = "Which option is faster on a real CPU is not known."
COMPLAINED = "THE KERNEL COMPLAINED WHILE IT BOOTED, before the module was there: a fact of this machine, no verdict."
AT_BOOT = 4                    # of these lines are shown
MEDIAN, INTERVAL, RATIO = 7, -17, 6


def _boots(env: Figures) -> str:
    icount = sum(boot["accelerator"] == "icount" for boot in env["boots"])
    plain, several, blocks = len(env["boots"]) - icount, machines(env), env["suite"].get("blocks", 1)
    of = f"{len(several)} machines" if several else "every point" + f", {blocks} windows in each" * (blocks > 1)
    return ", ".join([f"{plain} boot{'s' * (plain != 1)} of {of}"] * bool(plain)
                     + [f"{icount} that count{'s' * (icount == 1)} instructions"] * bool(icount))


def _memory(found: Figures) -> str:
    return f"{table.size(found['memory'])}B" if found["memory"] else "unknown memory"


def _deferring(said: Figures) -> list[str]:
    """How a kernel defers: RCU's settings, and slab's sheaves. Empty for a result that does not record them."""
    rcu, found = said.get("rcu"), []
    if rcu:
        found += [f"{name} {rcu[name]}" for name in ("rcu_normal_wake_from_gp", "rcu_expedited", "rcu_normal")
                  if rcu[name] is not None]
        lazy = "lazy" if rcu["enable_rcu_lazy"] else "not lazy"
        found.append(f"callbacks of CPU {rcu['nocb_cpus']} offloaded, {lazy}" if rcu["nocb_cpus"] else
                     "no callbacks offloaded")
    sheaf = said.get("sheaf_capacity")
    return found + ([f"sheaves of {sheaf} descriptors"] if sheaf not in (None, "0") else [])


def _common_deferring(env: Figures) -> list[str]:
    """The parts of that that all boots share."""
    told = [_deferring(boot) for boot in env["boots"] if boot.get("rcu") and boot["accelerator"] != "icount"]
    told = told or [_deferring(env)]
    return [text for text in told[0] if all(text in other for other in told)]


def machines(env: Figures) -> dict[str, str]:
    """The machines of a suite that has several: what was asked of each, and what its first boot reported."""
    found: dict[str, str] = {}
    common = _common_deferring(env)
    asked_of = env["suite"].get("boots", {})
    if asked_of and any(not boot["name"] and boot["accelerator"] != "icount" for boot in env["boots"]):
        asked_of = {"": {"cmdline": "", "title": "of workloads that name no boot"}} | asked_of
    for name, asked in asked_of.items():
        own = [boot for boot in env["boots"] if boot["name"] == name and boot["accelerator"] != "icount"]
        said = next((boot for boot in own if boot["release"]), None)
        parts = ["not available (see Notes)" if any(boot["state"] == SETUP for boot in own)
                 else f"{said['release']}, preempt {said['preempt']}, {_memory(said)}" if said
                 else "said nothing" if own else "not booted",
                 ", ".join(text for text in _deferring(said or {}) if text not in common),
                 asked["cmdline"] and f"words added: {asked['cmdline']}", asked["title"]]
        found[name or "-"] = "; ".join(filter(None, parts))
    return found


def all_machines(env: Figures) -> dict[str, str]:
    """The same, and the machines that were left out, with the reason."""
    return machines(env) | {name: f"left out: {why}" for name, why in env["suite"].get("left_out", {}).items()}


def facts(result: Result) -> dict[str, str]:
    """The question, the verdict, and what it was measured on, as text."""
    env = result["environment"]
    kernel = env["kernel"]
    release = "unknown" if not kernel else (
        f"{kernel['release']}, preempt {kernel['preempt']}, HZ {kernel['hz']}")
    memory, cmdline, mapped = _memory(env), env["cmdline"] or "unknown", env.get("mapped")
    # Of a machine that is a process.
    huge = f" (huge pages map {mapped['huge'] / mapped['all']:.0%} of the memory in use)" if mapped and mapped["all"] else ""
    rcu = ", ".join(_common_deferring(env))
    no_times = env["suite"].get("no_times")
    if env["suite"].get("boots"):
        release, memory = f"{', '.join(releases(env)) or 'unknown'} (see boots)", "memory (see boots)"
        rcu = rcu and f"{rcu} (more: see boots)"
        first, *others = [boot["cmdline"].split() for boot in env["boots"] if boot["cmdline"] and boot["accelerator"] != "icount"] or [[]]
        cmdline = f"{' '.join(word for word in first if all(word in other for other in others)) or 'unknown'} (more: see boots)"
    costs = [rep["clock"]["cost_ns"] for point in result["points"] for rep in point["repetitions"]
             if rep["clock"] and "instructions_per_lookup" not in rep["metrics"]]
    return {
        "question": env["suite"]["question"], "verdict": result["verdict"], "kernel": release, **({"rcu": rcu} if rcu else {}),
        "machine": f"{env['cpu'] or 'unknown CPU'}, {env['vcpus'] or 'unknown'} CPUs, {memory}{huge}, "
                   f"accelerator {env['accelerator']}",
        "clock": (env["clocksource"] or "unknown") + (f", {median(costs):.0f} ns a reading" if costs else ""),
        "cmdline": cmdline, **({"no times": no_times} if no_times else {}),
        "suite": f"{env['suite']['name']}, {_boots(env)}, seed {env['suite']['seed']}",
        "revision": f"{env['revision']}, {env['date']}",
        "left out": left_out(env),
    }


def _head(result: Result, alone: bool) -> list[str]:
    """@alone: no other part has times of a real CPU."""
    lines, env = [], result["environment"]
    if env["times_emulated"]:
        lines += [*wrap(f"{EMULATED} {NOT_KNOWN}" if alone else EMULATED), ""]
    # Each complaint once, whatever the time and the boot.
    if said := dict.fromkeys(re.sub(r"^\[ *[\d.]+\] *|CPU: \d+ PID: \d+ ", "", line) for boot in env["boots"] for line in boot.get("at_boot", [])):
        lines += [*wrap(COMPLAINED), *(line for text in [*said][:AT_BOOT] for line in wrap(text, "- "))]
        lines += [f"- and {len(said) - AT_BOOT} more"] * (len(said) > AT_BOOT) + [""]
    lines += [line for name, text in facts(result).items() for line in wrap(text, f"{name:<{NAME}}")]
    if found := all_machines(env):
        lines += ["", "boots, each a machine of its own"]
        lines += [line for name, text in found.items() for line in wrap(text, f"{name:<{max(NAME, len(name) + 1)}}", " " * NAME)]
    return lines


def ratio(figures: Figures, baseline: bool) -> str:
    """How figures compare with the baseline's; empty if they must not be ranked."""
    if not figures["rankable"]:
        return ""
    if baseline:
        return "1"
    found, p = figures.get("ratio"), figures.get("p")
    if p is not None and p >= stats.ALPHA:
        return "few" if figures.get("few") else "n.d."
    if found is None:
        return "-" if p is None else "diff."
    return f"{found:.2f}x" if found < 99.995 else f"{table.si(found)}x"


def _objects(point: Figures, metric: str) -> str:
    """The median of objects in limbo, from the same source as the bytes."""
    name = metric.removeprefix("limbo_").replace("bytes", "objects") + "_milli" * metric.endswith("_mean")
    limbos = [rep["limbo"] for rep in point["repetitions"] if rep["limbo"]]
    values = [(limbo["slab"] or {} if sampled(limbo) and name.startswith("descriptor") else limbo).get(name) for limbo in limbos]
    found = [value / 1000 if name.endswith("_milli") else value for value in values if value is not None]
    return "~" * estimated(point, metric) + table.si(median(found)) if found else ""


def _cell(point: Figures, metric: str, last: str, baseline: str) -> list[tuple[str, int]]:
    """Median, interval, and what is @last: the count of objects, the ratio, or nothing."""
    figures, how = point["summary"].get(metric), unit(metric)
    if figures is None:
        return [("-", MEDIAN), ("", INTERVAL), ("", RATIO)]
    text = _objects(point, metric) if last == "count" else ratio(figures, point["protocol"] == baseline) if last else ""
    return [(mark(point, metric) + how(figures["median"]), MEDIAN), (table.interval(figures, how), INTERVAL), (text, RATIO)]


def holds(point: Figures) -> bool:
    """Whether its readers can hold a folio; True for a point that never ran."""
    return all(rep["resolved"].get("holds", 1) for rep in point["repetitions"] if rep["resolved"])


def label(point: Figures) -> str:
    return point["protocol"] + ("" if holds(point) else "*")


def _sub_table(points: list[Figures], columns: dict[str, str], baseline: str, against: str) -> list[str]:
    shown = {metric: {point["protocol"]: point["summary"][metric] for point in points if metric in point["summary"]}
             for metric in columns if any(metric in point["summary"] for point in points)}
    titles = [columns[metric].format(lookups=lookups(points[0]["path"]), lookup=lookups(points[0]["path"])[:-1]) for metric in shown]
    if not any(f["median"] or f["high"] for found in shown.values() for f in found.values()):
        return wrap(", ".join(titles) + ": 0 in all") + [""] if shown else []
    lasts = {}
    for metric, found in shown.items():
        compared = (any("ratio" in figures and figures["rankable"] for figures in found.values()) if against
                    else found.get(baseline, {}).get("rankable"))
        # Against another workload a ratio says more than a count.
        lasts[metric] = "" if METRICS[metric].alone else "count" if metric.startswith("limbo_") and not against else "ratio" if compared else ""
    heads = [head for last in lasts.values() for head in (("median", MEDIAN), ("[interval]", INTERVAL), (last, RATIO))]
    lines = [(" " * NAME + "".join(f"{'    ' + title:<{MEDIAN - INTERVAL + RATIO}}" for title in titles)).rstrip(),
             row("", heads)]
    lines += [row(label(point), [cell for metric, last in lasts.items()
                                 for cell in _cell(point, metric, last, baseline)]) for point in points]
    return lines + [""]


def _workload(name: str, title: str, points: list[Figures], baseline: str, against: str) -> list[str]:
    """@against is another workload, which replaces the baseline."""
    baseline = "" if against else baseline
    real = any("ns_per_lookup" in point["summary"] for point in points)
    # Where time is shown, the same as a rate is not.
    rates = [{name: title for name, title in columns.items() if not real or name != "lookups_per_second"} for columns in SUB_TABLES]
    lines = [line for columns in [TIMES] * real + rates for line in _sub_table(points, columns, baseline, against)]
    for columns in BESIDE + OWN_TABLES:
        if own := [point for point in points if columns.keys() & point["summary"].keys()]:
            lines += _sub_table(own, columns, baseline, against)
    return wrap(f"--- {name}: {title} ---") + ["", *lines] if lines else []


def _less(pairs: list[Figures], by_hand: list[Figures], labels: dict[str, str]) -> list[str]:
    """Which arm's lookups a test shows to take less time than which others', and what of that not @by_hand."""
    if not pairs:
        return []
    lookup = lookups(pairs[0]["path"]).removesuffix("s")
    if not (found := shown_less(pairs)):
        return [*wrap(f"no pair is shown to differ in time / {lookup}"), ""]
    lines = [f"a {lookup} of ... is shown to take less time than one of"]
    for name in sorted(found, key=lambda name: (-len(found[name]), [*labels].index(name))):
        lines += wrap(", ".join(sorted(found[name], key=[*labels].index)), f"{labels[name]:<{NAME}}")
    if doubted := only_in_harness(pairs, by_hand):
        told = "; ".join(f"{name} than {', '.join(others)}" for name, others in doubted.items())
        lines += wrap(f"of these by hand not shown: {told}")
    return [*lines, ""]


def _fitting(widths: dict[str, int]) -> Iterator[list[str]]:
    """Names in groups that fit on a line with a protocol's name."""
    group: list[str] = []
    for name, width in widths.items():
        # The blank after the last name is not printed.
        if group and sum(widths[other] for other in group) + width - 1 > WIDTH - NAME:
            yield group
            group = []
        group.append(name)
    yield group


def _verdicts(result: Result, workloads: list[str], protocols: list[str]) -> list[str]:
    """A protocol that no workload of a group has gets no row there."""
    by_place = grouped(((point["workload"], point["protocol"]), point["verdict"]) for point in result["points"])
    found = {place: worst(verdicts) for place, verdicts in by_place.items()}
    widths = {name: 2 + max(len(name), *(len(found.get((name, p), "")) for p in protocols)) for name in workloads}
    lines: list[str] = []
    for group in _fitting(widths):
        lines.append(row("verdict", [(name, -widths[name]) for name in group]))
        lines += [row(protocol, [(found.get((name, protocol), ""), -widths[name]) for name in group])
                  for protocol in protocols if any((name, protocol) in found for name in group)]
        lines.append("")
    return lines


# These change a point's size, not what a lookup or a turnover does; poison is the oracle's.
_EXTENT = {"protocol", "nr_readers", "nr_freers", "warmup_ms", "duration_ms", "max_turnovers", "sample_ms", "poison"}


def kinds_of(points: list[Figures], against: dict[str, str]) -> dict[str, list[Figures]]:
    """Group points by path, parameters, and what they are compared with; the key says how a group differs. The first
    group of a path has the path alone as its key."""
    first: dict[str, Figures] = {}
    kinds: dict[str, list[Figures]] = {}
    for point in points:
        params = first.setdefault(point["path"], point["params"])
        words = [f"{name}={value}" for name, value in point["params"].items()
                 if name not in _EXTENT and params.get(name) != value]
        words += [f"against {against[point['workload']]}"] if point["workload"] in against else []
        kinds.setdefault(", ".join([point["path"], *words]), []).append(point)
    return kinds


def counts(points: list[Figures]) -> bool:
    """Whether any of these points counts instructions."""
    return any(METRICS[name].deterministic for point in points for name in point["summary"])


def _instructions(points: list[Figures], against: dict[str, str]) -> list[str]:
    """A table for each kind of point that was counted. No arm is compared with another."""
    kinds = kinds_of([point for point in points if counts([point])], against)
    lines = ["--- instructions: one icount boot, 1 CPU; repeats to about 0.1% ---", "", *wrap(COUNTED), ""] if kinds else []
    for words, points in kinds.items():
        lines += (wrap(f"{words}:") if len(kinds) > 1 else []) + _instruction_table(points)
    return lines


def _instruction_table(points: list[Figures]) -> list[str]:
    """Instructions per lookup and per turnover side by side, though different points count them."""
    figures: dict[str, Figures] = {}
    labels = {point["protocol"]: label(point) for point in points}
    for point in points:
        figures.setdefault(point["protocol"], {}).update(point["summary"])
    columns = {"instructions_per_lookup": "{:,.1f}", "opencoded_instructions_per_lookup": "{:,.1f}",
               "instructions_per_lookup_over_opencoded": "{:.3f}x", "instructions_per_turnover": "{:,.0f}"}
    widths = (10, 9, 9, 11)
    lookup = lookups(points[0]["path"]).removesuffix("s")
    rows = [["", "per", "by hand", "of that", "per"], ["", lookup, "", "", "turnover"]]
    rows += [[labels[protocol], *(how.format(own[name]["median"]) if name in own else "-" for name, how in columns.items())]
             for protocol, own in figures.items()]
    return [*(row(head, [*zip(cells, widths)]) for head, *cells in rows), ""]


# Shown if there is such a metric.
LEGENDS = {
    "cached_bytes_mean": CACHED,
    "trygets_avoided_per_million":
        "frames: what a walker decided about, used or not; a tryget that met zero or whose recheck failed skips "
        "the frame. trygets avoided: frames of what has a count that pass one decided without one.",
    "fallbacks_per_million":
        "fell back: the lookup gave up and left it to the slow path: a tryget that met zero, or the memdesc "
        "word, the pmd or the pte had changed when it was read again, or the word was gone at once.",
    "hazard_moved_per_million":
        "hazard moved: another folio stood there once the hazard pointer was published; the reader started "
        "over, on gup fell back, on pfn skipped the frame.",
    "expedited_per_second":
        "expedited asked for: the limbo was at its ceiling, and who freed asked for an expedited grace period.",
    "seq_retries_per_million":
        "copied again: something was removed meanwhile. took a ref.: so often that the lookup was done as "
        "typesafe does it.",
}


SHOWN = tuple(metric for columns in SUB_TABLES + OWN_TABLES for metric in columns)


def _compared(result: Result) -> str:
    """What ratios are relative to."""
    suite = result["environment"]["suite"]
    pairs = grouped((other, name) for name, other in against_of(suite).items())
    return ", ".join([f"to {suite['baseline']}"] * bool(suite["baseline"]) + [
        f"in {' and '.join(names)} to the same protocol of {other}" for other, names in pairs.items()])


def _drift(result: Result) -> str:
    """How much the boots of one arm differ in a rate that no parameter limits."""
    found = [max(values) / min(values) for point in result["points"] if not point["params"].get("free_rate")
             for name in ("lookups_per_second", "turnovers_per_second")
             if len(values := values_of(point, name)) > 1 and min(values)]
    return f" Rates of one arm differ by up to {max(found):.1f}x between the boots of this run." if found else ""


def _without(result: Result, baseline: str) -> str:
    """The workloads that have nothing to compare with."""
    compared = {point["workload"] for point in result["points"] if point["protocol"] == baseline}
    compared |= against_of(result["environment"]["suite"]).keys()
    missing = dict.fromkeys(point["workload"] for point in result["points"] if point["workload"] not in compared)
    return f"; none in {', '.join(missing)}, where {baseline} is not" if missing and baseline else ""


def legend(result: Result) -> list[str]:
    """What the words and figures mean, a paragraph each."""
    env = result["environment"]
    baseline = env["suite"]["baseline"]
    seen = [(figures["n"], figures["coverage"]) for point in result["points"] for figures in point["summary"].values()
            if figures["coverage"] is not None]
    found: list[str] = []
    estimates = any(estimated(point, name) for point in result["points"] for name in point["summary"])
    if seen:
        counts, coverages = zip(*seen)
        times = env["suite"].get("times", False)
        found.append(f"median [interval]: of n = {table.span(counts)} {'windows, the interval over boots' if times else 'boots'}; order "
                     f"statistics, exact coverage {100 * min(coverages):.1f}%; none where all are alike. k, M: thousand, million; "
                     "of bytes (B): 1024. They are boots of one run: a run on another day may lie outside of the "
                     "interval." + " ~: an estimate, see the notes." * estimates)
        if compared := _compared(result):
            how = ("Hodges-Lehmann of the boots' ratios within a block, on logs", "signed-rank test over boots") if times else (
                "Hodges-Lehmann on logs", "exact Mann-Whitney, permutation of the ranks where there are ties")
            paired = " In time a lookup and in turnovers/s every arm is tested against every other of its workload, and Holm is over "
            paired += f"those pairs (in result.json); in what else there is, against {baseline} alone. Intervals are not adjusted."
            found.append(f"ratio: {compared}, {how[0]} (its interval is in result.json); "
                         f"n.d.: no difference shown{', few: too few boots for that, as windows were stolen' if times else ''} (p >= {stats.ALPHA}; {how[1]}; Holm over the {'tests' if times else 'protocols'} of one "
                         "metric and workload); diff.: p below, but a zero has no ratio" + _without(result, baseline) + "."
                         + ("" if not baseline else paired if times else f" Arms are tested against {baseline} alone, not against each other."))
    if seen and env["times_emulated"]:
        found.append(f"No ratio and no test for times, rates and limbo (except hazptr's and rcu_bounded's): the clock is "
                     f"emulated.{_drift(result)} A virtual CPU that the host takes away in the middle of a removal lets readers meet zero many times over.")
    if seen:
        found.append("tryget met zero: the reader found a folio being freed, and started over. recheck "
                     "failed: the reference was to a folio that had left its slot."
                     + " limbo: freed by a freer, not yet reusable. reused after: from its free until the same descriptor is "
                     "allocated again." * (not env["suite"].get("times", False)))
    if not all(holds(point) for point in result["points"]):
        found.append("*: cannot hold a folio past its section: nobody who keeps one (I/O, pins) can be served.")
    found += curves.legend(env["suite"])
    told = {name for point in result["points"] if not point.get("axes") for name in point["summary"]}
    found += [text for name, text in LEGENDS.items() if name in told and text not in found]
    if any("instructions_per_turnover" in point["summary"] for point in result["points"]):
        found.append("Per turnover: removal, free, allocation, publishing, and the deferred work.")
    return found


def render(result: Result) -> str:
    """The table of a result, or of all its parts: a machine has its own table."""
    lines, own = [TITLE, "=" * WIDTH], parts_of(result)
    if len(own) > 1:
        lines += wrap(f"{result['verdict']}: {' and '.join(_engine(part) for part in own)}. Figures of one are not compared with the other's.")
    for part in own:
        if len(own) > 1:
            lines += ["", f" {_engine(part)} ".center(WIDTH, "="), ""]
        lines += _part(part, all(other["environment"]["times_emulated"] for other in own))
    return "\n".join(lines) + "\n"


def _engine(result: Result) -> str:
    """A part of a result: its suite, and what it ran on."""
    accelerators = dict.fromkeys(boot["accelerator"] for boot in result["environment"]["boots"])
    return f"{result['environment']['suite']['name']} by {' and '.join(accelerators) or 'nothing'}"


def _part(result: Result, alone: bool) -> list[str]:
    points, suite = result["points"], result["environment"]["suite"]
    workloads = list(dict.fromkeys(point["workload"] for point in points))
    protocols = list(dict.fromkeys(point["protocol"] for point in points))
    lines = _head(result, alone) + [""] + _verdicts(result, workloads, protocols)
    for (name, path), own in families_of(points).items():
        where, title = table.place(path, name), suite["workloads"][name]
        curve = suite.get("curves", {}).get(name)
        lines += (curves.render(where, own, curve, title) if curve
                  else _workload(where, title, own, suite["baseline"], against_of(suite).get(name, "")))
        pairs = grouped((pair["metric"], pair) for pair in result.get("pairs", []) if (pair["workload"], pair["path"]) == (name, path))
        lines += _less(pairs.get(TIME, []), pairs.get(BY_HAND, []), {point["protocol"]: label(point) for point in own})
    lines += _instructions([point for point in points if not point.get("axes")], against_of(suite))
    lines += power.render(result, SHOWN)
    said = model.of(result)
    lines += [*model.render(said), ""] if isinstance(said, model.Model) else []
    lines += [line for text in legend(result) for line in wrap(text)]
    if found := [line for text in notes(result) for line in wrap(" ".join(text.split()), "- ")]:
        lines += ["", "Notes:", *found]
    return lines
