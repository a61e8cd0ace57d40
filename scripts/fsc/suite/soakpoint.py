# SPDX-License-Identifier: GPL-2.0
"""Random points of a soak. A point is a function of seed, number and machine, and of no other point.

The module decides which values go together: it refuses others, and a soak counts the refusals. This
file only keeps them rare: most points do not draw values that few points could have.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import traits

# What is done with a point, and how often: "run" just runs it to its end.
HOWS = {"run": 12, "read": 3, "stop": 3, "again": 2, "unload": 1}
_SECTION_NS = 100_000_000
# Folios may have this share of the machine's memory; the limbo has an eighth of it by default.
_SHARE = 0.35
_PAGE = 4096
# The memory cgroup that is made in the machine, for account=.
CGROUP = "/folioscale"

Value = int | str
# A point's words omit these values.
DEFAULTS: dict[str, Value] = {name: one["default"] for name, one in traits.PARAMETERS.items()
                              if name not in ("busted", "autorun")}


@dataclass(frozen=True)
class Machine:
    """What points are drawn for; another machine has other points."""
    vcpus: int = 2
    memory_mb: int = 2048


@dataclass(frozen=True)
class Point:
    """A run's parameters, and what is done with it."""
    number: int
    how: str                      # of HOWS
    at_s: float                   # when to stop or unload
    params: dict[str, Value]

    @property
    def words(self) -> str:
        """The parameters for insmod."""
        return " ".join(f"{name}={value}" for name, value in self.params.items()
                        if name in ("path", "protocol") or value != DEFAULTS[name])

    @property
    def line(self) -> str:
        """The line that the guest reads."""
        return f"{self.number} {self.how} {self.at_s:.3f} {self.words}"


class _Draw(random.Random):
    """Numbers and choices of one point."""

    def log(self, low: int, high: int) -> int:
        """A whole number, uniform on a log scale."""
        high = max(low, high)
        return min(high, max(low, int(low * ((high + 1) / low) ** self.random())))

    def often(self, share: float) -> bool:
        return self.random() < share

    def either(self, share: float, rare: Sequence[Value], usual: Value) -> Value:
        """One of @rare in @share of the points, else @usual."""
        return self.choice(rare) if self.often(share) else usual


def point(seed: int, number: int, machine: Machine) -> Point:
    """Point @number of the soak with @seed."""
    # Seed with a string: in some generators consecutive numbers give similar streams.
    draw = _Draw(f"{seed}/{number}")
    params = _who(draw, machine)
    params |= _what(draw, params, machine)
    params |= _when(draw, params)
    params |= {name: _any(draw, one) for name, one in traits.PARAMETERS.items() if name in DEFAULTS and name not in params}
    whole = (int(params["warmup_ms"]) + int(params["duration_ms"])) / 1000
    how = draw.choices(tuple(HOWS), tuple(HOWS.values()))[0]
    return Point(number, how, draw.uniform(0, whole), params)


def _who(draw: _Draw, machine: Machine) -> dict[str, Value]:
    """Path, protocol, and the threads."""
    path, protocol = draw.choice(list(traits.PATHS)), draw.choice(list(traits.PROTOCOLS))
    if draw.often(0.85):
        protocol = draw.choice(traits.protocols_of(path))
    counted, deferred = traits.PROTOCOLS[protocol]["trygets"][1:], traits.PROTOCOLS[protocol]["deferrals"]
    readers, freers = draw.randint(0, 8), draw.randint(0, 8)
    tryget = (draw.either(0.4, counted, "cas") if counted else
              draw.either(0.02, ("xadd", "rcuref"), "cas"))
    churn = draw.either(0.05 if tryget == "rcuref" else 0.3, ("refreeze", "reclaim", "migrate", "split"), "replace")
    if churn == "reclaim" and draw.often(0.9):
        freers = 1
    return {
        "path": path, "protocol": protocol, "tryget": tryget,
        "deferral": draw.either(0.5, deferred, "auto") if deferred else
        draw.either(0.02, ("call_rcu", "call_rcu_hurry"), "auto"),
        "freeptr": draw.either(0.2, ("outside",), "inside"),
        "churn": churn,
        "pin": draw.either(0.3 if path == "gup" and tryget != "rcuref" else 0.01, ("pin",), "get"),
        "nr_readers": readers or int(not freers), "nr_freers": freers,
        "reader_cpus": _cpus(draw, machine.vcpus), "freer_cpus": _cpus(draw, machine.vcpus),
        "cross_cpu": int(draw.often(0.2 if freers > 1 and churn == "replace" else 0.01)),
    }


def _any(draw: _Draw, parameter: dict[str, Any]) -> Value:
    """A value of a parameter about which nothing else is known here: its default in three of four points."""
    if draw.often(0.75) or parameter["kind"] == "text":
        return parameter["default"]
    if "choices" in parameter:
        return draw.choice(parameter["choices"])
    return parameter["min"] + draw.log(1, parameter["max"] - parameter["min"] + 1) - 1


def _cpus(draw: _Draw, vcpus: int) -> str:
    """A list of CPUs, empty for all of them."""
    if draw.often(0.75):
        return ""
    return ",".join(str(cpu) for cpu in sorted(draw.sample(range(vcpus), draw.randint(1, vcpus))))


def _what(draw: _Draw, params: dict[str, Value], machine: Machine) -> dict[str, Value]:
    """The folios, and how freers remove and replace them."""
    path = params["path"]
    order, mean, least, most = _orders(draw, large=params["churn"] == "split")
    mix, frames = _mix(draw, str(path))
    folios = draw.log(1, int(machine.memory_mb * (1 << 20) * _SHARE / frames / _PAGE / mean))
    alone = params["churn"] in ("replace", "split") or draw.often(0.05)
    return {
        "nr_folios": folios, "order": order, "mix": mix,
        "passes": draw.randint(1, 2) if path == "pfn" else 2,
        "hwpoison": draw.log(1, 1024) if path == "pfn" and params["protocol"] != "overlay" and draw.often(0.2) else 0,
        "nr_mms": draw.log(1, 64) if path == "gup" and draw.often(0.5) else 1,
        "nr_mappings": 1 << draw.log(1, 11) - 1 if draw.often(0.5) else draw.either(0.01, (3, 100), 1),
        "popularity": draw.choice(("uniform", "uniform", "zipf", "hot")),
        # A count that cannot freeze allows truncate only.
        "removal": draw.choice(("reclaim", "truncate")) if params["tryget"] != "rcuref" and alone else
        draw.either(0.95, ("truncate",), "reclaim") if params["tryget"] == "rcuref" else "reclaim",
        "burst": draw.log(1, min(folios, 65536)) if draw.often(0.4) and params["churn"] in ("replace", "reclaim") else 1,
        "reuse_distance": draw.log(1, 65536 if draw.often(0.1) else 256),
        "bounded_max": draw.log(1, 65536) if params["protocol"] == "rcu_bounded" else 512,
        "limbo_max_mb": draw.log(1 << max(0, most - 3), machine.memory_mb // 4) if draw.often(0.3) else 0,
        "touch_bytes": draw.log(24, _PAGE << (0 if params["churn"] == "split" else least)) if draw.often(0.5) else 64,
    }


def _orders(draw: _Draw, large: bool) -> tuple[Value, float, int, int]:
    """order=, the mean number of a folio's pages, the smallest and the largest order; @large: that is seldom 0."""
    if draw.often(0.05 if large else 0.5):
        return 0, 1, 0, 0
    if draw.often(0.5):
        order = draw.randint(1, 9)
        return order, 1 << order, order, order
    weights = {order: draw.randint(1, 20) for order in draw.sample(range(10), draw.randint(2, 4))}
    mean = sum(weight << order for order, weight in weights.items()) / sum(weights.values())
    return ",".join(f"{order}:{weight}" for order, weight in weights.items()), mean, min(weights), max(weights)


def _mix(draw: _Draw, path: str) -> tuple[str, float]:
    """mix=, and all frames over those of the file folios, as the module computes it."""
    if path != "pfn":
        return "100:0:0:0:0", 1.0
    others = [draw.randint(0, 40) if draw.often(0.5) else 0 for _ in range(4)]
    file = draw.randint(20, 100)
    return ":".join(str(weight) for weight in (file, *others)), 2 + sum(others) / file


def _when(draw: _Draw, params: dict[str, Value]) -> dict[str, Value]:
    """Rates, delays and what is measured."""
    lookups = draw.randint(2, 32) if draw.often(0.4) else 1
    path = traits.PATHS[str(params["path"])]
    copies = traits.PROTOCOLS[str(params["protocol"])]["copies"]
    unit = lookups * path["unit"]
    readers, freers = int(params["nr_readers"]), int(params["nr_freers"])
    rate = draw.log(10, 100_000) if draw.often(0.4) else 0
    counted = not readers and not rate and not params["cross_cpu"] and draw.often(0.5)
    # Readers that spin under the lock do so one after the other.
    stall_most = (10 if params["protocol"] == "locked" else 100 if params["path"] == "gup" else draw.choice((100, 1000)))
    stalls = draw.often(0.2 if readers else 0.01)
    return {
        "lookups_per_section": lookups,
        "free_rate": rate,
        "publish_ns": draw.log(100, 10_000_000) if draw.often(0.2) else 0,
        "gap_ns": draw.log(100, _SECTION_NS // (unit * (path["tries"] + copies))) if draw.often(0.3) else 0,
        "hold_ns": draw.log(100, _SECTION_NS // (unit * max(copies, 1))) if draw.often(0.3) else 0,
        "stall_ms": draw.log(1, stall_most) if stalls else 0,
        "stall_every_ms": draw.log(1, 1000) if stalls else 1000,
        "seed": draw.getrandbits(64),
        "sample_shift": draw.randint(-1, 20),
        "sample_ms": draw.log(2, 200) if draw.often(0.8) else 0,
        "gp_probe_ms": draw.log(1, 200) if draw.often(0.2) else 0,
        "max_turnovers": draw.log(1, 20_000) if freers and counted else 0,
        "warmup_ms": draw.log(1, 300) if draw.often(0.7) else 0,
        "duration_ms": draw.log(200, 2000),
        "check_bound": int(draw.often(0.6) if params["protocol"] == "rcu_desc" and params["deferral"] == "call_rcu"
                           else draw.often(0.01)),
        "callback_ns": draw.log(100, 20_000) if params["protocol"] == "rcu_desc" and draw.often(0.5)
                       and params["deferral"] in ("call_rcu", "call_rcu_hurry") else 0,
        "batch": draw.randint(1, min(31, int(params["burst"]))) if str(params["order"]) == "0" else draw.either(0.03, (2,), 1),
        "flush_ns": draw.log(100, 1_000_000) if draw.often(0.1) else 0,
        "duty": draw.randint(1, 100) if draw.often(0.2) else 100,
        "mark": int(draw.often(0.3 if path["unit"] == 1 and not copies else 0.01)),
        "poison": int(draw.often(0.99 if readers else 0.5)),
        "sheaf_capacity": draw.log(1, 1024) if draw.often(0.1) else 0,
        "account": CGROUP if draw.often(0.1) else "",
    }
