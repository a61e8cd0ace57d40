# SPDX-License-Identifier: GPL-2.0
"""What a result was measured on."""

import datetime
import functools
import re
import subprocess
from pathlib import Path
from typing import Any

from .. import repo
from ..suite.suite import Suite
from ..vm import bootwords
from .result import CHARGING, NOT_MEASURED, BootRecord

# What an emulated clock cannot show, in addition to NOT_MEASURED.
_EMULATED_LEAVES_OUT = ("caches", "what an atomic costs", "contention")
# What a kernel that runs as a process cannot show.
_UML_LEAVES_OUT = ("per-CPU operations, interrupts and static keys, which are User Mode Linux's (times of turnovers, of gup and of "
                   "hazptr_cpu are indicative)", "what switching interrupts adds to a mapping's lock (turnovers, locked)", "LSM, fsnotify and UBSAN, which it has not",
                   "latencies of single lookups: its clock tells time in steps of 256 ns")
# ... and one that is built without PREEMPT_RCU.
_COUNTS_NOTHING = "what rcu_read_lock() costs a preemptible kernel (this one has no PREEMPT_RCU)"
# What windows of a fifth of a second cannot show.
_TIMES_LEAVES_OUT = ("limbo, and when memory comes back: a window is too short",)
# A kernel's direct map is of huge pages. A process's memory is not only its guest's: text and stacks of some 10 MB, in small
# pages, are a fifth of the least that a run has in use.
_MOSTLY_HUGE = 0.8
# RCU's settings, by the kernel's names: guest/point.sh, rcu().
RCU = ("rcu_normal_wake_from_gp", "rcu_expedited", "rcu_normal", "enable_rcu_lazy")
SOURCES = ("Kbuild", "Makefile", "module", "include", "scripts")
_OF_A_SUITE = ("name", "question", "seed", "repetitions", "times", "no_times", "blocks", "within", "minutes", "baseline", "against",
               "left_out")


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(repo.ROOT), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


@functools.cache
def revision() -> str:
    """The revision of folioscale at the first call; "unknown" in a tree without git."""
    found = _git("describe", "--always") or "unknown"
    # Untracked files count as changes, too.
    return found + ("-dirty" if _git("status", "--porcelain", "--", *SOURCES) else "")


def _rcu(said: dict[str, str]) -> dict[str, Any] | None:
    """RCU's settings, None for those the kernel does not have, and the CPUs with offloaded callbacks."""
    if "took.rcu_nocbs" not in said:
        return None
    cpus = sorted(map(int, said["took.rcu_nocbs"].split()))
    # As the kernel lists them: 0-2,5.
    ends = zip((cpu for cpu in cpus if cpu - 1 not in cpus), (cpu for cpu in cpus if cpu + 1 not in cpus))
    return {name: bootwords.number(said.get(f"rcu.{name}", "")) for name in RCU} | {
        "nocb_cpus": ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ends)}


def machine(boot: BootRecord | None) -> dict[str, Any]:
    """What one boot reported about its machine; None for what it did not report."""
    lines = boot.text("machine").splitlines() if boot else []
    said = dict(line.split("=", 1) for line in lines if "=" in line)

    def number(key: str) -> int | None:
        return int(said[key]) if said.get(key, "").isdigit() else None

    if said.get("cpu") == "UML":    # a kernel that runs as a process (ARCH=um): it is this machine's
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        said["cpu"] = f"{found[1] if found else 'unknown CPU'} (User Mode Linux)"
    # Objects in a sheaf of the descriptors' cache: one number, unless the caches of the protocols differ.
    layouts = [boot.json(name) or {} for name in boot.blobs if name.startswith("slab/")] if boot else []
    sheaves = sorted({layout.get("sheaf_capacity") for layout in layouts} - {None})
    config = boot.json("config") if boot else None
    memory_kb = number("memory_kb")
    return {
        "uname": said.get("uname"), "cmdline": said.get("cmdline"),
        "accelerator": boot.accelerator if boot else None,
        "cpu": said.get("cpu"), "vcpus": number("vcpus"),
        "memory": memory_kb * 1024 if memory_kb else None,
        "mapped": boot.json("mapped") if boot else None,
        "clocksource": said.get("clocksource"),
        "cpu_layout": {key: value for key, value in said.items()
                       if key == "online" or key[3:].isdigit()},
        "kernel": config["kernel"] if config else None,
        "rcu": _rcu(said), "sheaf_capacity": ", ".join(map(str, sheaves)) or None,
    }


def _said(boot: BootRecord) -> dict[str, Any]:
    """The facts of a boot that may differ in the next one."""
    found = machine(boot)
    return ({name: (found["kernel"] or {}).get(name) for name in ("release", "preempt")}
            | {name: found[name] for name in ("uname", "cmdline", "memory", "rcu", "sheaf_capacity")})


def releases(environment: dict[str, Any]) -> list[str]:
    """The kernels that a result was measured on: one, or those of the suite's machines."""
    found = [environment["kernel"]["release"]] if environment["kernel"] else []
    if environment["suite"].get("boots"):
        found += [boot["release"] for boot in environment["boots"] if boot["release"]]
    return list(dict.fromkeys(found))


def left_out(environment: dict[str, Any]) -> str:
    """What the figures do not cover, as text."""
    more = (_EMULATED_LEAVES_OUT if environment["times_emulated"] else
            _UML_LEAVES_OUT if environment["accelerator"] == "uml" else ())
    facts = (environment["kernel"] or {}).get("facts", {})
    free = [_COUNTS_NOTHING] * (environment["accelerator"] == "uml" and not facts.get("preempt_rcu"))
    mapped = environment.get("mapped") or {"all": 1, "huge": 0}
    small = ["a direct map of huge pages"] * (environment["accelerator"] == "uml" and mapped["huge"] < _MOSTLY_HUGE * mapped["all"])
    short = _TIMES_LEAVES_OUT if environment["suite"].get("times") else ()
    return "; ".join([*free, *more, *small, *short, *environment["not_measured"]])


def gather(suite: Suite, boots: list[BootRecord], emulated: bool, interrupted: str) -> dict[str, Any]:
    """The environment of a result: that of the first ordinary boot, and separately that of the icount boot.

    Of several machines that reported anything, take the one that the suite names first: the order of boots depends on
    the seed.
    """
    names = ["", *suite.guests]
    plain = min((boot for boot in boots if boot.accelerator != "icount"),
                key=lambda boot: ("config" not in boot.blobs, names.index(boot.name)), default=None)
    icount = next((boot for boot in boots if boot.accelerator == "icount"), None)
    found = machine(plain or icount)
    # HOST=1 on a machine that is itself emulated has no better clock.
    emulated = emulated or "QEMU TCG" in (found["cpu"] or "")
    return found | {
        "icount": machine(icount) if icount else None,
        "times_emulated": emulated, "revision": revision(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "interrupted": interrupted,
        "suite": {name: getattr(suite, name) for name in _OF_A_SUITE} | {
            "workloads": {point.workload: point.title for point in suite.points},
            "curves": {workload: {"x": curve.x, "show": list(curve.show)} for workload, curve in suite.curves.items()},
            "boots": {name: {key: getattr(guest, key) for key in ("title", "cmdline", "flavour", "memory_mb")}
                      for name, guest in suite.guests.items()}},
        "boots": [{name: getattr(boot, name) for name in ("name", "accelerator", "state", "reason", "first", "at_boot")} | {
            "boot": boot.number, "seconds": round(boot.seconds, 1), "order": [point.id for point in boot.points]} | _said(boot)
            for boot in boots],
        "not_measured": [CHARGING] * (not any(point.params.get("account") for point in suite.points)) + NOT_MEASURED,
    }
