# SPDX-License-Identifier: GPL-2.0
"""Statistics over repetitions: medians, exact tests, ratios. Formulas are scipy's where
it has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
ALPHA = 0.05
# Up to this many relabellings all are tried (8 against 8 have 12,870); above that, a sample.
RELABELLINGS = 50_000


@dataclass(frozen=True)
class Interval:
    centre: float
    low: float | None
    high: float | None
    coverage: float | None      # exact, under the test's own assumptions


def _interval(values: np.ndarray, rank: tuple[int, float] | None) -> Interval:
    """The median, and how far the ordered values go to both sides: @rank of them from each end are left out, with this coverage."""
    ordered = np.sort(values)
    low, high, coverage = (float(ordered[rank[0] - 1]), float(ordered[-rank[0]]), rank[1]) if rank else (None, None, None)
    return Interval(float(np.median(ordered)), low, high, coverage)


def of_ratios(logs: Interval) -> Interval:
    """The same of what they are logs of."""
    low, high = (None if end is None else float(np.exp(end)) for end in (logs.low, logs.high))
    return Interval(float(np.exp(logs.centre)), low, high, logs.coverage)


@lru_cache
def _order_rank(n: int) -> tuple[int, float]:
    """The largest k for which [x_(k), x_(n+1-k)] covers the median often enough."""
    def coverage(k: int) -> float:
        return float(1 - 2 * stats.binom.cdf(k - 1, n, 0.5))
    enough = [k for k in range(1, n // 2 + 1) if coverage(k) >= CONFIDENCE]
    k = enough[-1] if enough else 1     # too few: smallest to largest, with the true coverage
    return k, coverage(k)


def median(values: Sequence[float]) -> Interval:
    """The median with its order-statistic interval; one value has none."""
    return _interval(np.asarray(values, dtype=float), _order_rank(len(values)) if len(values) > 1 else None)


def spread(values: Sequence[float]) -> Interval:
    """For deterministic metrics: the range that was seen, without a claim about other values."""
    low, high = (float(min(values)), float(max(values))) if len(values) > 1 else (None, None)
    return Interval(float(np.median(values)), low, high, None)


def at_most(hits: int, n: int) -> float:
    """The upper confidence limit of the true share if @hits of @n are hits; one-sided, exact."""
    return float(stats.binomtest(hits, n, alternative="less").proportion_ci(CONFIDENCE).high)


def _mean_rank(sample: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
    return sample.mean(axis=axis) - other.mean(axis=axis)


def p_value(sample: Sequence[float], baseline: Sequence[float]) -> float | None:
    """Two-sided exact Mann-Whitney; with ties, the permutation test of the same ranks."""
    if len(sample) < 2 or len(baseline) < 2:
        return None
    return float(p_values(np.array([sample], dtype=float), np.array([baseline], dtype=float))[0])


def p_values(samples: np.ndarray, baselines: np.ndarray) -> np.ndarray:
    """The same for many pairs at once, one in each row."""
    n, pooled = samples.shape[1], np.hstack([samples, baselines])
    ordered = np.sort(pooled, axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    found = np.ones(len(pooled))
    if not tied.all():
        found[~tied] = stats.mannwhitneyu(samples[~tied], baselines[~tied], alternative="two-sided", method="exact",
                                          axis=1).pvalue
    if tied.any():
        ranks = stats.rankdata(pooled[tied], axis=1)
        test = stats.permutation_test((ranks[:, :n], ranks[:, n:]), _mean_rank, permutation_type="independent",
                                      vectorized=True, n_resamples=RELABELLINGS, random_state=1, axis=-1)
        found[tied] = np.minimum(1, test.pvalue)
    return found


def paired_p(logs: Sequence[float]) -> float | None:
    """Two-sided exact Wilcoxon signed-rank test of logs of ratios (or of differences), one for each boot; those without a difference are left
    out, as Wilcoxon did."""
    if len(logs) < 2:
        return None
    differ = [value for value in logs if value]
    return float(stats.wilcoxon(differ, method="exact").pvalue) if differ else 1.0


@lru_cache
def _signed_rank(n: int) -> tuple[int, float]:
    """Which of the n(n+1)/2 ordered Walsh averages bound the middle, from the exact distribution of the signed-rank sum."""
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    below = np.cumsum(ways) / 2 ** n      # P(sum <= i)
    k = max(int(np.searchsorted(below, (1 - CONFIDENCE) / 2, side="right")), 1)
    return k, float(1 - 2 * below[k - 1])


def paired(logs: Sequence[float]) -> Interval:
    """Hodges-Lehmann: the median of the Walsh averages of logs of ratios, with the interval that inverts paired_p()."""
    values = np.asarray(logs, dtype=float)
    first, second = np.triu_indices(len(values))
    return _interval((values[first] + values[second]) / 2, _signed_rank(len(values)) if len(values) > 1 else None)


def enough_boots(tests: int) -> int:
    """The fewest boots with which paired_p() can show anything once Holm has adjusted over @tests."""
    n = 2
    while tests * 2 / 2 ** n >= ALPHA:
        n += 1
    return n


def larger(sample: Sequence[float], baseline: Sequence[float]) -> bool:
    """Whether the statistic of p_value() is above its middle; works with zeros and ties, too."""
    test = stats.mannwhitneyu(sample, baseline, method="asymptotic")
    return float(test.statistic) > len(sample) * len(baseline) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    return [float(p) for p in holm_rows(np.asarray(p_values, dtype=float))]


def holm_rows(p_values: np.ndarray) -> np.ndarray:
    """The same for many families at once, one in each row."""
    order = np.argsort(p_values, axis=-1, kind="stable")
    steps = np.arange(p_values.shape[-1], 0, -1)
    worst = np.maximum.accumulate(np.minimum(1, steps * np.take_along_axis(p_values, order, -1)), axis=-1)
    adjusted = np.empty_like(worst)
    np.put_along_axis(adjusted, order, worst, -1)
    return adjusted


@lru_cache
def _tail(m: int, n: int, u: int) -> float:
    """P(U <= u) without ties, from scipy with a sample that is made to have that U."""
    below = [u // m + (1 if i < u % m else 0) for i in range(m)]   # sums to u, each <= n
    sample = [count - 0.5 + i / (4 * m) for i, count in enumerate(below)]
    test = stats.mannwhitneyu(sample, range(n), alternative="less", method="exact")
    return float(test.pvalue)


@lru_cache
def _shift_rank(m: int, n: int) -> tuple[int, float]:
    """Which of the m*n ordered pairwise differences bound the shift."""
    k = 1
    while k < m * n // 2 and 1 - 2 * _tail(m, n, k) >= CONFIDENCE:
        k += 1
    return k, 1 - 2 * _tail(m, n, k - 1)


def ratio(sample: Sequence[float], baseline: Sequence[float]) -> Interval | None:
    """Hodges-Lehmann ratio on logs, with the interval that inverts Mann-Whitney.
    None if a value on either side is zero and has no logarithm."""
    if not len(sample) or not len(baseline) or min(*sample, *baseline) <= 0:
        return None
    several = len(sample) > 1 and len(baseline) > 1
    return of_ratios(_interval(np.subtract.outer(np.log(sample), np.log(baseline)).ravel(),
                                _shift_rank(len(sample), len(baseline)) if several else None))
