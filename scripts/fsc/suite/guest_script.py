# SPDX-License-Identifier: GPL-2.0
"""The shell script that runs points, and how long that may take."""

from shlex import quote

from .. import repo
from ..vm.accel import Accel
from .suite import Point

POINT_SH = repo.SCRIPTS / "guest/point.sh"
MEMORY_SH = repo.SCRIPTS / "guest/memory.sh"
OPENCODED_LOOKUPS = 1_000_000
# On a real CPU, a tenth of a second; and how many times longer the kernel's own functions take (module/opencoded/tmpfs.c).
TIMED_LOOKUPS = 5_000_000
TMPFS = {"called": 1, "filemap_get_folio": 1, "kernel_read": 4}
# kernel/rcu/refscale.c: its loop that is nearest to a lookup under that protocol.
REFSCALE = {"typesafe": "typesafe_ref", "rcu_full": "rcu"}
_BOOT_S = 5.0
# Guest time under icount is instructions: a host second runs about 100 million, fewer on a busy
# host. Idle time costs none.
_ICOUNT_SLOWDOWN = 10.0
_OPENCODED_GUEST_S = 0.2
# A timed loop, and its module's set-up.
_TIMED_S = 0.25
_TURNOVER_GUEST_S = 2.5e-6
# The runner is told so long before the window, because it takes it some 20 ms to read what threads have waited so far; and the
# guest's shell sleeps until so long after it, because its clock has ticks.
LEAD_MS = 40
_AFTER_MS = 8
_NAP_MS = 100


def expected_s(point: Point) -> float:
    """Seconds on the host. Under icount a freer's window ends after max_turnovers, long before duration_ms."""
    if not point.icount:
        return point.seconds + (_TIMED_S * len(_peers(point)) if point.opencoded else 0)
    turnovers = int(point.params.get("max_turnovers", 0))
    busy = _TURNOVER_GUEST_S * turnovers if turnovers else point.seconds - 0.4
    return _ICOUNT_SLOWDOWN * (busy + (_OPENCODED_GUEST_S if point.opencoded else 0))


def timeout_s(points: list[Point]) -> float:
    """Timeout from the begin of the job: a minute plus five times the expected time, because hosts are shared."""
    return 60 + 5 * sum(expected_s(point) for point in points)


def plan(points: list[Point]) -> list[float]:
    """The expected seconds of each point of a boot; those of the first include the boot."""
    seconds = [expected_s(point) for point in points]
    return [seconds[0] + _BOOT_S, *seconds[1:]]


def _peers(point: Point) -> list[tuple[str, str, str, int]]:
    """What is timed beside a point: the same lookup by hand and, if it is today's kernel's, the kernel's own, and a read."""
    own = [("opencoded", point.path, point.protocol, TIMED_LOOKUPS)]
    if point.path == "pagecache" and point.protocol in REFSCALE:
        own.append(("refscale", "refscale", REFSCALE[point.protocol], TIMED_LOOKUPS))
    return own + [(name, "tmpfs", name, TIMED_LOOKUPS // slower) for name, slower in TMPFS.items()] * (
        (point.path, point.protocol) == ("pagecache", "overlay"))


def script(points: list[Point], accel: Accel | None, point_sh: str = "/point.sh") -> str:
    """The job of one boot: what the machine is, whether it is fair, then the points."""
    icount = accel is not None and accel.name == "icount"
    lines = [f". {quote(point_sh)}", "machine", "fair || exit 1"]
    if icount:
        # What runs right after boot would be counted.
        lines.append("sleep 2")
    if accel is not None:
        # Before any point: from then on the kernel's allocators look for a cgroup.
        lines += [f"cgroup {quote(path)}" for path in sorted({str(point.params["account"]) for point in points
                                                              if point.params.get("account")})]
    for point in points:
        words = f"{point.id} {quote(point.module_args)}"
        if accel is None or accel.emulated:
            lines.append(f"point {words}" + (f" {point.seconds + 1:.0f}" if icount else ""))
        else:
            # What the shell sleeps before the window, and in it: a single nap if it is short.
            warm_ms = max(0, int(point.params.get("warmup_ms", 500)) - LEAD_MS)
            over_ms = LEAD_MS + int(point.params.get("duration_ms", 2000)) + _AFTER_MS
            naps = f"{over_ms / 1000:.3f} 1" if over_ms < 3 * _NAP_MS else f"{_NAP_MS / 1000} {over_ms // _NAP_MS}"
            lines.append(f"watched {words} {warm_ms / 1000:.3f} {naps}")
        if icount and point.opencoded:
            lines.append(f"opencoded opencoded {point.id} {point.path} {point.protocol} {OPENCODED_LOOKUPS}")
        elif point.opencoded and accel and not accel.emulated:
            lines += [f"{'refscale' if kind == 'refscale' else 'opencoded'} {kind} {point.id} {path} {protocol} {lookups}" for kind, path, protocol, lookups in _peers(point)]
    return "\n".join(lines) + "\nexit 0\n"
