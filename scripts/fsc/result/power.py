# SPDX-License-Identifier: GPL-2.0
"""How often a comparison errs, and which effects it can detect, simulated from how much the boots of a result differ.

Boots are drawn lognormal, with the standard deviation that the logs of repetitions have within their arms. Effects are
ratios here and the test uses ranks, so nothing else matters, and a dozen boots show no finer shape than a spread. They
do not show that exactly either, so each draw has its own spread, out of those that they leave possible. A spread of 0
stays 0. A repetition of 0 has no logarithm; zeros are drawn as often as they occurred. Arms are drawn independently, as
the test assumes: how often equal arms differ is then the size of a rank test, whatever was measured. The test errs less
if boots are slow for both arms, and more if one place in the boot is worse than another. Only a run of equal arms shows
whether real runs are like that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, log
from typing import Any

import numpy as np

from ..show import curves, table
from . import stats
from .metrics import METRICS, TIME
from .result import against_of, grouped, values_of

DRAWS = 2000
SEED = 1
PLANTED = 1.1
EFFECTS = (1.01, 1.02, 1.05, PLANTED, 1.2, 1.5, 2.0, 5.0)
ENOUGH = 0.8            # share of draws: an effect that is detected this often counts as detected
# Each pattern of ties needs a permutation test of its own: 6 against 6 have 924 relabellings.
MOST_TIED = 1000


@dataclass(frozen=True)
class Arms:
    """Pairs of arms are drawn from this."""
    boots: int
    base_boots: int
    spread: float       # standard deviation of the logs
    zeros: float        # share of boots that have a 0
    freedom: int = 0    # of the spread's estimate; 0: it is exact


@dataclass(frozen=True)
class Power:
    """Shares of the draws in which arms are called different."""
    spread: float
    equal: float        # though they are equal
    planted: float
    least: float | None     # the smallest of EFFECTS that is detected often enough


@dataclass(frozen=True)
class Row:
    """One metric of one point that is compared with another; power is None if nothing could be drawn."""
    workload: str
    path: str
    protocol: str
    metric: str
    differs: bool       # in the result itself
    equal: bool         # the parameters of both are the same
    alike: bool         # all boots of both have the same value
    power: Power | None


def measured(values: Sequence[float], base: Sequence[float]) -> Arms | None:
    """The spread within two arms; None if it is unknown or cannot be drawn."""
    logs = [np.log([value for value in arm if value]) for arm in (values, base)]
    freedom = sum(max(0, len(arm) - 1) for arm in logs)
    zeros = 1 - sum(map(len, logs)) / (len(values) + len(base))
    squares = sum(float(np.var(arm)) * len(arm) for arm in logs if len(arm))
    spread = float(np.sqrt(squares / freedom)) if freedom else 0.0
    if not freedom or ((zeros or not spread) and comb(len(values) + len(base), len(base)) > MOST_TIED):
        return None
    return Arms(len(values), len(base), spread, zeros, freedom)


def p_values(samples: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """The p values of stats. They depend only on all ranks and the sum of the sample's: compute each case once."""
    n = samples.shape[1]
    pooled = np.hstack([samples, bases])
    # Not by rankdata(): it works row by row, which takes ten times as long.
    one, other = pooled[:, :, None], pooled[:, None, :]
    ranks = ((one > other).sum(axis=2) + (one >= other).sum(axis=2) + 1) / 2
    keys = np.column_stack([np.sort(ranks, axis=1), ranks[:, :n].sum(axis=1)])
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return stats.p_values(ranks[first, :n], ranks[first, n:])[which.ravel()]


def _draw(rng: np.random.Generator, arms: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Logs of pairs of arms, a pair in each row."""
    spread = np.full((DRAWS, 1), arms.spread)
    if arms.freedom:
        spread *= np.sqrt(arms.freedom / rng.chisquare(arms.freedom, (DRAWS, 1)))
    logs = spread * rng.standard_normal((DRAWS, arms.boots + arms.base_boots))
    logs[rng.random(logs.shape) < arms.zeros] = -np.inf
    return logs[:, :arms.boots], logs[:, arms.boots:]


@lru_cache
def family(members: tuple[Arms | None, ...]) -> tuple[Power | None, ...]:
    """Power of points that Holm adjusts together. One has an effect, and the others are equal: then the adjustment
    costs the most. Points that cannot be drawn are still adjusted for."""
    rng = np.random.default_rng(SEED)
    drawn = [_draw(rng, arms) if arms else None for arms in members]
    equal = np.column_stack([p_values(*pair) if pair else np.ones(DRAWS) for pair in drawn])

    def called(index: int, p: np.ndarray) -> float:
        return float(np.mean(stats.holm_rows(p)[:, index] < stats.ALPHA))

    def seen(index: int, effect: float) -> float:
        sample, base = drawn[index]
        p = equal.copy()
        p[:, index] = p_values(sample + log(effect), base)
        return called(index, p)

    return tuple(Power(arms.spread, called(index, equal), seen(index, PLANTED),
                       next((effect for effect in EFFECTS if seen(index, effect) >= ENOUGH), None)) if arms else None
                 for index, arms in enumerate(members))


def rows(result: dict[str, Any], shown: Sequence[str]) -> Iterator[Row]:
    """All tests of the metrics @shown in workloads that are compared with another one."""
    found = {(point["workload"], point["path"], point["protocol"]): point for point in result["points"]}
    suite = result["environment"]["suite"]
    against, times = against_of(suite), suite.get("times", False)
    for workload, path in dict.fromkeys(key[:2] for key in found if key[0] in against):
        own = {key[2]: point for key, point in found.items() if key[:2] == (workload, path)}
        of_pair: list[Row] = []
        for metric in (name for name in METRICS if name in ([TIME] if times else shown)):
            tested = {protocol: figures for protocol, point in own.items()
                      if (figures := point["summary"].get(metric)) and figures["rankable"]
                      and figures.get("p") is not None}
            pairs = [(found[workload, path, protocol], found[against[workload], path, protocol])
                     for protocol in tested]
            both = [tuple(values_of(point, metric) for point in pair) for pair in pairs]
            # What is drawn here is not in blocks.
            powers = ([None] * len(both) if times else
                      family(tuple(measured(*values) for values in both)) if both else ())
            of_pair += [Row(workload, path, protocol, metric, tested[protocol]["p"] < stats.ALPHA,
                            one["params"] == other["params"], len({*values[0], *values[1]}) == 1, power)
                        for protocol, (one, other), values, power in zip(tested, pairs, both, powers)]
        yield from sorted(of_pair, key=lambda row: list(own).index(row.protocol))


# The titles of the table's columns.
HEADS = ("spread", "equal", "10% more", "least")


def cells(found: Power | None) -> list[str]:
    """The cells of one row, under HEADS."""
    if found is None:
        return ["-"] * len(HEADS)
    least = ("none" if found.least is None else f"{found.least:.0f}x" if found.least >= 2
             else f"{100 * (found.least - 1):.0f}%")
    return [f"{found.spread:.2g}", f"{100 * found.equal:.1f}%", f"{100 * found.planted:.0f}%", least]


def words(result: dict[str, Any], of: list[Row]) -> list[str]:
    """What the tests of each workload gave in this result, and how to read the table of power; a paragraph each."""
    pairs = against_of(result["environment"]["suite"])
    found = []
    for name, own in grouped((row.workload, row) for row in of).items():
        several = len({(row.path, row.protocol) for row in own}) > 1
        differ = [f"{curves.title(row.metric)}{f' ({row.path}, {row.protocol})' if several else ''}"
                  for row in own if row.differs]
        found.append(f"In this run {name} was called different from {pairs[name]} in {len(differ)} of {len(own)} tests"
                     + (f": {'; '.join(differ)}." if differ else "."))
    if equal := [row for row in of if row.equal and not row.alike]:
        called = sum(row.differs for row in equal)
        found.append(f"Arms with the same parameters: {called} of {len(equal)} tests called them different, which leaves "
                     f"up to {100 * stats.at_most(called, len(equal)):.0f}% possible (95%, as if each test were by "
                     f"itself); {sum(row.equal and row.alike for row in of)} more could not differ, as all boots "
                     "had the same value.")
    if result["environment"]["suite"].get("times"):
        return found
    found.append(
        f"Each figure is of {DRAWS:,} simulated runs: boots are drawn lognormal, with the standard deviation "
        "that their logs have within the arms (spread; as many are 0 as were), which is itself drawn as loosely as so "
        "few boots tell it, and arms are judged by the test behind the ratios. equal: called different though drawn "
        f"alike, which is the test's own size, {100 * stats.ALPHA:.0f}% at most. 10% more: called different if one arm "
        "has so much more. least: the smallest of 1, 2, 5, 10, 20, 50%, "
        f"2x and 5x that is called different {100 * ENOUGH:.0f}% of the time; what is smaller may be there and "
        "not be seen. none: not even 5x. -: too little to draw from.")
    return found


def render(result: dict[str, Any], shown: Sequence[str]) -> list[str]:
    """The table of how often comparisons between workloads err."""
    of, suite = list(rows(result, shown)), result["environment"]["suite"]
    if not of:
        return []

    def line(head: str, *texts: str) -> str:
        return f"{head:<37}" + "".join(f"{text:>{width}}" for text, width in zip(texts, (8, 8, 10, 8)))

    lines = ["--- how often this comparison errs ---", ""]
    if not suite.get("times"):
        lines.append(line("", *HEADS))
        for head, own in grouped((f"{table.place(one.path, one.workload)} against {against_of(suite)[one.workload]}, {one.protocol}:", one)
                                 for one in of).items():
            lines += table.wrap(head) + [line(curves.title(one.metric), *cells(one.power)) for one in own]
        lines.append("")
    return lines + [text for paragraph in words(result, of) for text in table.wrap(paragraph)] + [""]
