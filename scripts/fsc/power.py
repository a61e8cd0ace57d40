# SPDX-License-Identifier: GPL-2.0
"""How often a comparison errs, and what it can see: simulated from how much the boots of a result differ.

A boot is drawn lognormal, with the standard deviation that the logs of the repetitions have within their arms: effects
are ratios here and the test sees ranks, so that this is all it depends on, and a dozen boots tell no finer shape than a
spread. They do not tell that well either: each draw has a spread of its own, out of those that they leave possible. A
spread of 0 stays 0; a repetition that was 0 has no logarithm, and is drawn as often as it was met. Arms are drawn
independently, as the test supposes: how often equal ones differ is then the size of a rank test, whatever was measured.
Boots that are slow for both arms make it err less; a place in the boot that is worse than another, more. Whether the
runs are like that only equal arms that were run can say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, log
from typing import Any

import numpy as np

from . import stats
from .metrics import METRICS
from .result import values_of

DRAWS = 2000
SEED = 1
PLANTED = 1.1
EFFECTS = (1.01, 1.02, 1.05, PLANTED, 1.2, 1.5, 2.0, 5.0)
ENOUGH = 0.8            # of the draws: an effect that is seen so often counts as seen
# Ties want the permutation test for each way they can fall: 6 against 6 relabelled are 924.
MOST_TIED = 1000


@dataclass(frozen=True)
class Arms:
    """What pairs of arms are drawn from."""
    boots: int
    base_boots: int
    spread: float       # standard deviation of the logs
    zeros: float        # share of boots that have a 0
    freedom: int = 0    # by which the spread is known; 0: exactly


@dataclass(frozen=True)
class Power:
    """Shares of the draws in which arms are called different."""
    spread: float
    equal: float        # though nothing is
    planted: float
    least: float | None     # the smallest of EFFECTS that is seen often enough


@dataclass(frozen=True)
class Row:
    """One metric of one point that is against another; power is None where nothing could be drawn."""
    workload: str
    path: str
    protocol: str
    metric: str
    differs: bool       # in the result itself
    equal: bool         # the parameters of both are the same
    alike: bool         # all boots of both have the same value
    power: Power | None


def measured(values: Sequence[float], base: Sequence[float]) -> Arms | None:
    """The spread within two arms; None where it cannot be known or drawn."""
    logs = [np.log([value for value in arm if value]) for arm in (values, base)]
    freedom = sum(max(0, len(arm) - 1) for arm in logs)
    zeros = 1 - sum(map(len, logs)) / (len(values) + len(base))
    squares = sum(float(np.var(arm)) * len(arm) for arm in logs if len(arm))
    spread = float(np.sqrt(squares / freedom)) if freedom else 0.0
    if not freedom or ((zeros or not spread) and comb(len(values) + len(base), len(base)) > MOST_TIED):
        return None
    return Arms(len(values), len(base), spread, zeros, freedom)


def p_values(samples: np.ndarray, bases: np.ndarray) -> np.ndarray:
    """Those of stats, which depend on nothing but all ranks and the sum of the sample's: once for each of these."""
    n = samples.shape[1]
    pooled = np.hstack([samples, bases])
    # rankdata() goes row by row, which takes ten times as long.
    one, other = pooled[:, :, None], pooled[:, None, :]
    ranks = ((one > other).sum(axis=2) + (one >= other).sum(axis=2) + 1) / 2
    keys = np.column_stack([np.sort(ranks, axis=1), ranks[:, :n].sum(axis=1)])
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return stats.p_values(ranks[first, :n], ranks[first, n:])[which.ravel()]


def _draw(rng: np.random.Generator, arms: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Logs of pairs of arms, one in a row."""
    spread = np.full((DRAWS, 1), arms.spread)
    if arms.freedom:
        spread *= np.sqrt(arms.freedom / rng.chisquare(arms.freedom, (DRAWS, 1)))
    logs = spread * rng.standard_normal((DRAWS, arms.boots + arms.base_boots))
    logs[rng.random(logs.shape) < arms.zeros] = -np.inf
    return logs[:, :arms.boots], logs[:, arms.boots:]


@lru_cache
def family(members: tuple[Arms | None, ...]) -> tuple[Power | None, ...]:
    """Power of points that Holm adjusts together. An effect is in one of them, and the others are equal: there
    the adjustment takes the most. One of which nothing can be drawn is still adjusted for."""
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
    """All that is tested of workloads that are against another one, of the metrics @shown."""
    found = {(point["workload"], point["path"], point["protocol"]): point for point in result["points"]}
    against = result["environment"]["suite"].get("against", {})
    for workload, path in dict.fromkeys(key[:2] for key in found if key[0] in against):
        own = {key[2]: point for key, point in found.items() if key[:2] == (workload, path)}
        of_pair: list[Row] = []
        for metric in (name for name in METRICS if name in shown):
            tested = {protocol: figures for protocol, point in own.items()
                      if (figures := point["summary"].get(metric)) and figures["rankable"]
                      and figures.get("p") is not None}
            pairs = [(found[workload, path, protocol], found[against[workload], path, protocol])
                     for protocol in tested]
            both = [tuple(values_of(point, metric) for point in pair) for pair in pairs]
            powers = family(tuple(measured(*values) for values in both)) if both else ()
            of_pair += [Row(workload, path, protocol, metric, tested[protocol]["p"] < stats.ALPHA,
                            one["params"] == other["params"], len({*values[0], *values[1]}) == 1, power)
                        for protocol, (one, other), values, power in zip(tested, pairs, both, powers)]
        yield from sorted(of_pair, key=lambda row: list(own).index(row.protocol))
