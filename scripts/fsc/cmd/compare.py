# SPDX-License-Identifier: GPL-2.0
"""compare: two results: what differs between them, and by how much."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..result import result, stats
from ..result.environment import releases
from ..result.metrics import METRICS, at_least, estimated, measured, unit
from ..show import table
from ..show.notes import BOOTS_LIMIT, ENOUGH_REPETITIONS
from ..show.table import WIDTH, row, wrap
from ..verdict import PASS, SetupError, worst

SCHEMA = 1
NO_DIFFERENCE, SAME, DIFFER = "no difference shown", "same", "differ"
# More of these rates is better, and less of these times. No direction is better for the other
# metrics: more expedited grace periods are not faster, nor is a descriptor that is reused sooner.
RATES = ("lookups_per_second", "turnovers_per_second")
TIMES = ("lookup_ns_p50", "lookup_ns_p99", "lookup_ns_p999", "lookup_ns_max")
# Parts of an environment that have a line of their own, or differ in every run.
ELSEWHERE = ("uname", "cmdline", "accelerator", "times_emulated", "revision", "date", "interrupted", "suite",
             "boots", "not_measured", "icount", "kernel.release")
MEDIAN, INTERVAL = 10, -19
_RESULT = "folder of a result, or its result.json or result.json.xz"
ARGUMENTS = {"a": {"metavar": "A", "help": _RESULT}, "b": {"metavar": "B", "help": _RESULT},
             "--json": {"metavar": "FILE", "help": "write the comparison there as well"},
             "--force": {"action": "store_true", "help": "compare even if emulation, accelerator or parameters differ"}}

Point = dict[str, Any]
Figures = dict[str, Any]
Key = tuple[str, str, str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True)
class Side:
    """One of the two results."""
    letter: str
    file: Path
    result: dict[str, Any]

    @property
    def env(self) -> dict[str, Any]:
        return self.result["environment"]

    def points(self) -> dict[Key, Point]:
        found: dict[Key, Point] = {}
        for point in self.result["points"]:
            if key(point) in found:
                raise SetupError(f"{self.letter}: {self.file}: {name_of(point)} is there twice; each point must be "
                                 "there once")
            found[key(point)] = point
        return found


def key(point: Point) -> Key:
    """Identifies the same point in both results."""
    return point["workload"], point["path"], point["protocol"], tuple(sorted(point.get("axes", {}).items()))


def label(point: Point) -> str:
    return " ".join([point["protocol"], *(f"{name}={value}" for name, value in point.get("axes", {}).items())])


def name_of(point: Point) -> str:
    return f"{table.place(point['path'], point['workload'])}, {label(point)}"


def load(letter: str, path: str) -> list[Side]:
    """Read the parts of a result, given as its folder or its file."""
    file = result.file_of(Path(path))
    if not file.is_file():
        raise SetupError(f"{letter}: {file}: no such file; A and B are folders of results, or their result.json or result.json.xz")
    try:
        return [Side(letter, file, part) for part in result.parts_of(result.read(file))]
    except SetupError as error:
        raise SetupError(f"{letter}: {error}") from None


def _and_more(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _said(value: Any) -> str:
    return "unknown" if value is None else str(value) or "empty"


def _check(a: Side, b: Side, pairs: list[tuple[Point, Point]]) -> None:
    """Refuse results that allow no conclusion, with or without --force."""
    for side in (a, b):
        verdict = worst([side.result["verdict"], *(point["verdict"] for point in side.result["points"])])
        if verdict != PASS:
            raise SetupError(f"{side.letter}: {side.file}: its verdict is {verdict}; only {PASS} is compared")
    if not pairs:
        known = " and ".join(f"{side.letter} ({side.env['suite']['name']}) has "
                             f"{', '.join(dict.fromkeys(point['workload'] for point in side.result['points']))}"
                             for side in (a, b))
        raise SetupError(f"no point is in both: workloads, {known}; results of the same suite have them")
    for side, own in ((a, [pair[0] for pair in pairs]), (b, [pair[1] for pair in pairs])):
        for point in own:
            # Points with axes are a matrix's, with one or two boots: show figures side by side, untested.
            tested = not point.get("axes") and any(not METRICS[name].deterministic for name in point["summary"])
            if tested and len(point["repetitions"]) < ENOUGH_REPETITIONS:
                raise SetupError(f"{side.letter}: {side.file}: {name_of(point)}: {len(point['repetitions'])} "
                                 f"repetitions; a test takes {ENOUGH_REPETITIONS} at least")


def _unlike(a: Side, b: Side, pairs: list[tuple[Point, Point]]) -> Iterator[str]:
    """Reasons to refuse that --force overrides."""
    if a.env["times_emulated"] != b.env["times_emulated"]:
        how = {True: "emulated", False: "real"}
        yield (f"times are {how[a.env['times_emulated']]} in A, {how[b.env['times_emulated']]} in B; both must be "
               "emulated, or both real")
    if a.env["accelerator"] != b.env["accelerator"]:
        yield (f"the accelerator is {_said(a.env['accelerator'])} in A, {_said(b.env['accelerator'])} in B; both "
               "must have the same")
    where = result.grouped(((name, _said(both["a"]), _said(both["b"])), name_of(one)) for one, other in pairs
                           for name, both in _differences(one["params"], other["params"]).items())
    if where:
        yield ("parameters must be the same: "
               + ", ".join(f"{name} is {one} in A, {other} in B ({_and_more(points)})"
                           for (name, one, other), points in where.items()))


def _otherwise(name: str, a: Point, b: Point) -> str:
    """How each side measured a figure, if that allows no ratio (two ways, or a lower bound); empty if it does."""
    one, other = measured(a, name), measured(b, name)
    return f"{one} in A, {other} in B" if one != other or at_least(a, name) else ""


def _compare(name: str, a: Point, b: Point) -> Figures:
    """Compare one metric of two points. p is not adjusted and tests have no verdict: both need the whole family."""
    found: Figures = {letter: {member: point["summary"][name][member]
                               for member in ("median", "low", "high", "n", "coverage")}
                     | {"estimated": estimated(point, name), "at_least": at_least(point, name)}
                      for letter, point in (("a", a), ("b", b))}
    found |= {"rankable": a["summary"][name]["rankable"] and b["summary"][name]["rankable"]
              and not _otherwise(name, a, b)}
    found |= dict.fromkeys(("ratio", "ratio_low", "ratio_high", "p", "verdict"))
    one, other = result.values_of(a, name), result.values_of(b, name)
    # Some events, such as the reuse of a descriptor, may have been seen in too few boots.
    if not found["rankable"] or (not METRICS[name].deterministic and min(len(one), len(other)) < ENOUGH_REPETITIONS):
        return found
    found |= result.ratio_of(name, other, one)
    if METRICS[name].deterministic:
        by = found["ratio"] and found["ratio"] - 1
        found["verdict"] = ((SAME if one == other else DIFFER) if by is None else
                            SAME if abs(by) <= BOOTS_LIMIT else f"{DIFFER} by {100 * by:+.1f}%")
    return found


def family(pairs: list[tuple[Point, Point]]) -> list[dict[str, Figures]]:
    """Compare the points of one workload and path. Holm adjusts each metric separately."""
    found: list[dict[str, Figures]] = [{} for _ in pairs]
    for name in METRICS:
        having = [(own, a, b) for own, (a, b) in zip(found, pairs) if name in a["summary"] and name in b["summary"]]
        for own, a, b in having:
            own[name] = _compare(name, a, b)
        result.adjust(own[name] for own, _, _ in having)
        for figures, a, b in ((own[name], a, b) for own, a, b in having if own[name]["p"] is not None):
            more = stats.larger(result.values_of(b, name), result.values_of(a, name))
            words = ("less", "more") if name not in RATES + TIMES else ("slower", "faster") if name in RATES else ("faster", "slower")
            figures["verdict"] = words[more] if figures["p"] < stats.ALPHA else NO_DIFFERENCE
    return found


def _flat(found: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if prefix + name not in ELSEWHERE:
            flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _machine(env: dict[str, Any]) -> dict[str, Any]:
    """A machine's facts; memory is rounded, as it differs by a few KB with every kernel."""
    return _flat(env | {"memory": f"{table.size(env['memory'])}B" if env["memory"] else None})


def _differences(a: dict[str, Any], b: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"a": a.get(name), "b": b.get(name)} for name in a | b if a.get(name) != b.get(name)}


def _told(env: dict[str, Any], name: str) -> dict[str, Any]:
    """What the suite asked of one of its machines, and what the machine reported."""
    said = next((boot for boot in env["boots"] if boot["name"] == name), {})
    return env["suite"]["boots"][name] | {key: said.get(key) for key in ("release", "preempt", "sheaf_capacity")} | (said.get("rcu") or {})


def _environment(a: dict[str, Any], b: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Facts that differ: of the machine, of the one that counted instructions, of those that both suites boot, of the suite."""
    found = _differences(_machine(a), _machine(b))
    if a["icount"] and b["icount"]:
        # Do not repeat differences that it shares with the other machine.
        found |= {f"icount {name}": both for name, both in _differences(
            _machine(a["icount"]), _machine(b["icount"])).items() if both != found.get(name)}
    found |= {f"boot {name} {key}": both for name in a["suite"].get("boots", {}) if name in b["suite"].get("boots", {})
              for key, both in _differences(_told(a, name), _told(b, name)).items()}
    suites = [{f"suite {name}": env["suite"][name] for name in ("name", "seed", "repetitions")} for env in (a, b)]
    return found | _differences(*suites)


def _side(side: Side, other: Side) -> dict[str, Any]:
    env, others = side.env, (other.env["cmdline"] or "").split()
    return {"file": str(side.file), "kernel": ", ".join(releases(env)) or None,
            "accelerator": env["accelerator"], "revision": env["revision"], "date": env["date"],
            "times_emulated": env["times_emulated"],
            "cmdline_alone": [word for word in (env["cmdline"] or "").split() if word not in others]}


def _alone(own: dict[Key, Point], other: dict[Key, Point], letter: str) -> Iterator[str]:
    """Points that only one result has, a line for each workload and path."""
    found = result.grouped((table.place(point["path"], point["workload"]), label(point))
                           for name, point in own.items() if name not in other)
    for place, labels in found.items():
        yield f"only in {letter}: {place}: {', '.join(labels)}"


def _about_family(place: str, points: list[Point], compared: list[dict[str, Figures]]) -> Iterator[str]:
    """What a reader must know about one workload and path before believing its verdicts."""
    hopeless: list[str] = []
    untested = 0
    for name in METRICS:
        own = [(point, figures[name]) for point, figures in zip(points, compared) if name in figures]
        if tested := [figures for _, figures in own if figures["p"] is not None]:
            least = min(stats.p_value(range(f["a"]["n"]), range(f["a"]["n"], f["a"]["n"] + f["b"]["n"])) or 1
                        for f in tested)
            hopeless += [name] if least * len(tested) >= stats.ALPHA else []
        for point, figures in own:
            if figures["rankable"] and not figures["verdict"]:
                if point.get("axes"):
                    untested += 1
                    continue
                yield (f"{place}, {label(point)}: {name}: not tested, {figures['a']['n']} boots have it in A, "
                       f"{figures['b']['n']} in B ({ENOUGH_REPETITIONS} are enough)")
    if untested:
        yield (f"{place}: {untested} figures of the matrix are of fewer than {ENOUGH_REPETITIONS} boots, so not tested: "
               "two boots of one kernel may differ as much")
    if hopeless:
        yield (f"{place}: so many points are tested that nothing can be shown of {_and_more(hopeless)}: Holm wants "
               "more repetitions, or fewer points")


def _otherwise_in(pairs: Sequence[tuple[Point, Point]]) -> Iterator[str]:
    """Metrics that one side lacks, or that the two measured in different ways, so they have neither ratio nor verdict."""
    for a, b in pairs:
        for letter, one, other in (("A", a, b), ("B", b, a)):
            if names := [name for name in METRICS if name in one["summary"] and name not in other["summary"]]:
                yield f"only in {letter}: {name_of(one)}: {', '.join(names)}"
    found = result.grouped(((name, how), name_of(a)) for a, b in pairs for name in METRICS
                           if name in a["summary"] and name in b["summary"] and (how := _otherwise(name, a, b)))
    for (name, how), points in found.items():
        yield f"{name} is {how}, so not compared: {_and_more(points)}"


def compare(a: Side, b: Side, force: bool = False) -> dict[str, Any]:
    """The whole comparison, as --json writes it."""
    of_a, of_b = a.points(), b.points()
    common = [(point, of_b[name]) for name, point in of_a.items() if name in of_b]
    _check(a, b, common)
    unlike = list(_unlike(a, b, common))
    if unlike and not force:
        raise SetupError(f"comparison refused: {'; '.join(unlike)} (--force compares all the same)")

    families = result.grouped(((a["workload"], a["path"]), (a, b)) for a, b in common)
    notes = [*_alone(of_a, of_b, "A"), *_alone(of_b, of_a, "B"), *_otherwise_in(common)]
    points = []
    for (workload, path), pairs in families.items():
        compared = family(pairs)
        own = [one for one, _ in pairs]
        notes += _about_family(table.place(path, workload), own, compared)
        points += [{"workload": workload, "title": a.env["suite"]["workloads"].get(workload, workload), "path": path,
                    "protocol": point["protocol"], "axes": point.get("axes", {}), "metrics": figures}
                   for point, figures in zip(own, compared)]
    return {"schema": SCHEMA, "a": _side(a, b), "b": _side(b, a), "overridden": unlike,
            "environment": _environment(a.env, b.env), "points": points, "notes": notes}


def whole(a: list[Side], b: list[Side], force: bool = False) -> dict[str, Any]:
    """The comparison of two results; where both have a part with times of its own, of that as well, under "times".

    Parts are of the same suite. Those that cannot be compared do not keep the others from it.
    """
    sides = [{side.env["suite"]["name"]: side for side in own} for own in (a, b)]
    names = [name for name in sides[0] if name in sides[1]]
    if not names:
        return compare(a[-1], b[-1], force)
    notes = [f"only in {side.letter}: times, of the suite {name}" for own in sides for name, side in own.items() if name not in names]
    done, refused = [], []
    for name in names:
        try:
            done.append(compare(sides[0][name], sides[1][name], force))
        except SetupError as error:
            refused.append(f"{name}: {error}" if len(names) > 1 else str(error))
    if not done:
        raise SetupError("; ".join(refused))
    *times, found = done
    found = found | {"notes": [*(f"not compared: {why}" for why in refused), *notes, *found["notes"]]}
    return found | {"times": times[0]} if times else found


def _times(value: float) -> str:
    return (f"{value:#.3g}".rstrip(".") if value < 999.5 else table.si(value)) + "x"


def _second_line(figures: Figures) -> str:
    """Ratio and verdict; empty if there is neither."""
    ratio, ends = figures["ratio"], (figures["ratio_low"], figures["ratio_high"])
    if ratio is None and not figures["verdict"]:
        return ""
    interval = f" [{', '.join(map(_times, ends))}]" if ends[0] is not None else ""
    verdict = figures["verdict"] and figures["verdict"] + (f", p {figures['p']:.2g}" if figures["p"] is not None else "")
    return row("", [(f"B/A {_times(ratio)}{interval}" if ratio is not None else "B/A: none, a zero has no ratio", -31), (verdict or "", -30)])


def _is_nothing(figures: Figures) -> bool:
    return not any(figures[side][member] for side in "ab" for member in ("median", "high"))


def _metric(name: str, points: list[Point]) -> list[str]:
    """A metric under every protocol: a line of figures for each, and a second line if they are compared."""
    # What is compared to within 0.1% needs all digits.
    how = "{:,.1f}".format if METRICS[name].deterministic and not name.endswith("_over_opencoded") else unit(name)
    lines, nothing = [name], []
    for point in points:
        figures, words = point["metrics"][name], label(point)
        if _is_nothing(figures):
            nothing.append(words)
            continue
        if len(words) >= table.NAME_WIDTH:
            lines += wrap(words)
            words = ""
        lines.append(row(words, [cell for side in (figures["a"], figures["b"]) for cell in (
            (("~" if side["estimated"] else ">=" * side["at_least"]) + how(side["median"]), MEDIAN), (table.interval(side, how), INTERVAL))]))
        lines += filter(None, [_second_line(figures)])
    return lines + (wrap(f"0 in A and B: {', '.join(nothing)}") if nothing else []) + [""]


def _workload(points: list[Point]) -> list[str]:
    lines = wrap(f"--- {table.place(points[0]['path'], points[0]['workload'])}: {points[0]['title']} ---")
    lines += [row("", [("A median", MEDIAN), ("[interval]", INTERVAL), ("B median", MEDIAN), ("[interval]", INTERVAL)])]
    nothing = []
    for name in METRICS:
        own = [point for point in points if name in point["metrics"]]
        if own and all(_is_nothing(point["metrics"][name]) for point in own):
            nothing.append(name)
        elif own:
            lines += _metric(name, own)
    return lines + (wrap(f"0 in all of A and B: {', '.join(nothing)}") + [""] if nothing else [])


def _verdicts(figures: list[Figures]) -> str:
    """How often each verdict was given: what a reader looks at first."""
    tested = Counter(f["verdict"] for f in figures if f["p"] is not None)
    counted = Counter(f["verdict"].split()[0] for f in figures if f["verdict"] and f["p"] is None)
    parts = [f"of {seen.total()} {how}: " + ", ".join(f"{count} {word}" for word, count in sorted(seen.items()))
             for how, seen in (("tested", tested), ("counted", counted)) if seen]
    return "; ".join(parts) or "none"


def _head(found: dict[str, Any], figures: list[Figures]) -> list[str]:
    lines = ["folioscale: B against A", "=" * WIDTH]
    lines += [line for reason in found["overridden"] for line in (*wrap(f"FORCED. Refused otherwise: {reason}."), "")]
    if emulated := [side.upper() for side in "ab" if found[side]["times_emulated"]]:
        lines += wrap(f"TIMES ARE EMULATED in {' and '.join(emulated)} (QEMU without KVM), and a clock that is "
                      "emulated ranks nothing: no ratio and no verdict for times, rates and limbo, which is rate x grace "
                      "period, except where it is a batch (hazptr) or has a ceiling (rcu_bounded).") + [""]
    fields = {side.upper(): f"{own['file']}: {_said(own['kernel'])}, accelerator {_said(own['accelerator'])}, "
                            f"revision {own['revision']}, {own['date']}"
              for side, own in (("a", found["a"]), ("b", found["b"]))}
    alone = [f"only in {side.upper()}: {' '.join(words)}" for side in "ab" if (words := found[side]["cmdline_alone"])]
    fields |= {"cmdline": "; ".join(alone) or "the same words in both",
               "environment": "; ".join(f"{name}: {_said(both['a'])} in A, {_said(both['b'])} in B"
                                        for name, both in found["environment"].items()) or "the same in both",
               "verdicts": _verdicts(figures)}
    return lines + [line for name, text in fields.items() for line in wrap(text, f"{name:<{table.NAME_WIDTH + 1}}")] + [""]


def _legend(figures: list[Figures]) -> list[str]:
    lines: list[str] = []
    if sampled := [f for f in figures if f["a"]["coverage"] is not None and f["b"]["coverage"] is not None]:
        coverage = min(f[side]["coverage"] for f in sampled for side in "ab")
        boots = [table.span(f[side]["n"] for f in sampled) for side in "ab"]
        lines += wrap(f"median [interval]: of {boots[0]} boots in A, {boots[1]} in B; order "
                      f"statistics, exact coverage {100 * coverage:.1f}%; none where all are alike. k, M: thousand, "
                      "million; of bytes: 1024.")
    if any(f["p"] is not None for f in figures):
        lines += wrap("B/A: Hodges-Lehmann on logs, with the interval that inverts the test at 95% or more, not "
                      "adjusted. faster, slower, more, less: that is what B is. p: exact Mann-Whitney, permutation of "
                      "the ranks where there are ties; Holm over the points of one metric, workload and path: of "
                      f"twenty such groups one may show what is none. {NO_DIFFERENCE}: p >= {stats.ALPHA}, and so is "
                      "what is 0 in A and B. The test tells the runs apart, not why: the host's load and the day are in it, too.")
    if any(f[side]["estimated"] for f in figures for side in "ab"):
        lines += wrap("~: an estimate.")
    if any(f[side]["at_least"] for f in figures for side in "ab"):
        lines += wrap(">=: a lower bound.")
    if any(f["p"] is None and f["verdict"] for f in figures):
        lines += wrap(f"instructions: counted, no test. {SAME}: within {100 * BOOTS_LIMIT:g}%, by which "
                      "boots of one kernel differ.")
    return lines


def render(found: dict[str, Any]) -> str:
    """The comparison as text, made only of what --json writes: of times first."""
    return "\n".join(_render(part) for part in (found.get("times"), found) if part)


def _render(found: dict[str, Any]) -> str:
    figures = [figures for point in found["points"] for figures in point["metrics"].values()]
    workloads = [line for points in result.families_of(found["points"]).values() for line in _workload(points)]
    notes = [line for text in found["notes"] for line in wrap(text, "- ")]
    return "\n".join([*_head(found, figures), *workloads, *_legend(figures), *["", "Notes:"] * bool(notes), *notes]) + "\n"


def main(args: argparse.Namespace) -> None:
    sides = [load("A", args.a), load("B", args.b)]
    file = Path(args.json) if args.json else None
    if file and (file.is_dir() or file.resolve() in [side.file.resolve() for found in sides for side in found]):
        raise SetupError(f"--json {file}: is a folder or one of the results; it must be a file of its own")
    found = whole(*sides, args.force)
    if file:
        result.write_text(file, result.dumps(found))
    print(render(found), end="")
