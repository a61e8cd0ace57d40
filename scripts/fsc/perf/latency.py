# SPDX-License-Identifier: GPL-2.0
"""How long readers and freers waited for their CPUs in the measured window, from the scheduler's tracepoints."""

import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..verdict import SetupError
from . import perf_run
from .samples import LOST, nanoseconds

# perf sched latency and timehist need the same events in a recording.
EVENTS = ("sched_switch", "sched_stat_runtime", "sched_wakeup", "sched_wakeup_new", "sched_migrate_task")
_SCRIPT = ("perf", "script", "--ns", "--show-lost-events", "-F", "cpu,time,event,trace")
_HEAD = re.compile(r"\s*\[(?P<cpu>\d+)\]\s+(?P<time>\d+\.\d+):\s+(?:sched:)?(?P<event>\w+):\s+(?P<text>.*?)\s*")
# As the kernel's formats print it, and as libtraceevent's plugins do, if they are installed.
_SWITCHES = (
    re.compile(r"prev_comm=.* prev_pid=(?P<out>\d+) prev_prio=-?\d+ prev_state=(?P<state>\S+) ==> "
               r"next_comm=(?P<comm>.*) next_pid=(?P<into>\d+) next_prio=-?\d+"),
    re.compile(r".*:(?P<out>\d+) \[-?\d+\] (?P<state>\S+) ==> (?P<comm>.*):(?P<into>\d+) \[-?\d+\]"))
_WAKEUPS = (re.compile(r"comm=.* pid=(?P<tid>\d+) .*"), re.compile(r".*:(?P<tid>\d+) \[-?\d+\].*"))


@dataclass
class Thread:
    """How long a thread ran and waited for its CPU, and who ran there meanwhile."""
    name: str
    cpus: set[int] = field(default_factory=set)
    switches: int = 0
    preempted: int = 0
    ran_ns: int = 0
    delays_ns: list[int] = field(default_factory=list)
    waited_for: Counter = field(default_factory=Counter)    # ns by name
    since: int | None = None                                # runnable since, if not running

    def delay_ns(self, share: float) -> int:
        """The quantile @share of the delays."""
        ordered = sorted(self.delays_ns)
        return ordered[max(math.ceil(len(ordered) * share), 1) - 1] if ordered else 0

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "cpus": sorted(self.cpus), "switches": self.switches, "preempted": self.preempted,
                "ran_ns": self.ran_ns, "delays": len(self.delays_ns), "delay_ns": sum(self.delays_ns),
                "delay_p50_ns": self.delay_ns(0.5), "delay_p99_ns": self.delay_ns(0.99), "delay_max_ns": self.delay_ns(1),
                "waited_for_ns": dict(self.waited_for.most_common())}


def _first(patterns: tuple[re.Pattern, ...], text: str) -> re.Match | None:
    return next((found for pattern in patterns if (found := pattern.fullmatch(text))), None)


@dataclass
class _Cpu:
    """Who runs on a CPU, and since when."""
    since: int
    comm: str = ""
    tid: int | None = None


def parse(lines: Iterable[str], threads: dict[int, str]) -> list[Thread]:
    """The scheduling of @threads. A thread that never left its CPU is included, without any delay."""
    found = {tid: Thread(name) for tid, name in threads.items()}
    cpus: dict[int, _Cpu] = {}
    begin, now = None, 0
    for head in filter(None, (_HEAD.fullmatch(line.rstrip("\n")) for line in lines)):
        now, number = nanoseconds(head["time"]), int(head["cpu"])
        begin = now if begin is None else begin
        cpu = cpus.setdefault(number, _Cpu(begin))
        if head["event"].startswith("sched_wakeup") and (woken := _first(_WAKEUPS, head["text"])):
            if (thread := found.get(int(woken["tid"]))) and thread.since is None:
                thread.since = now
        elif head["event"] == "sched_switch" and (switch := _first(_SWITCHES, head["text"])):
            _switch(found, cpu, number, now, switch)
    for cpu in cpus.values():
        if cpu.tid in found:
            found[cpu.tid].ran_ns += now - cpu.since    # it still ran when the window ended
    for thread in found.values():
        if thread.since is not None:
            thread.delays_ns.append(now - thread.since)    # it still waited, so its delay is at least this long
    return list(found.values())


def _switch(found: dict[int, Thread], cpu: _Cpu, number: int, now: int, switch: re.Match) -> None:
    out, into = found.get(int(switch["out"])), found.get(int(switch["into"]))
    if out:
        out.cpus.add(number)
        out.switches += 1
        out.ran_ns += now - cpu.since
        # Still runnable, so it was preempted.
        out.since = now if switch["state"].startswith("R") else None
        out.preempted += out.since is not None
    for thread in found.values():
        if thread is not out and thread.since is not None and number in thread.cpus and cpu.comm:
            thread.waited_for[cpu.comm] += now - max(cpu.since, thread.since)
    if into:
        into.cpus.add(number)
        if into.since is not None:
            into.delays_ns.append(now - into.since)
        into.since = None
    cpu.since, cpu.comm, cpu.tid = now, switch["comm"], int(switch["into"])


def record(params: list[str], data: Path) -> dict[str, Any]:
    """Make a run with @params, record it into @data, and return how its threads were scheduled."""
    perf_run.set_params(params)
    events = [word for event in EVENTS for word in ("-e", f"sched:{event}")]
    threads, run = perf_run.record(["-R", "-m", "1024", "-c", "1", *events, "-o", str(data)])
    done = subprocess.run([*_SCRIPT, "-i", str(data)], check=False, text=True, capture_output=True)
    if done.returncode:
        raise SetupError(f"perf script ends with status {done.returncode}: {' '.join(done.stderr.split())[-300:]}")
    found = parse(done.stdout.splitlines(), threads)
    lost = sum(map(int, LOST.findall(done.stdout)))
    return {"threads": [thread.document() for thread in found], "lost_events": lost, "window_ns": run["window"]["window_ns"],
            "params": run["params"]}


def render(found: dict[str, Any]) -> str:
    """A line for each thread, and who was on its CPU while it waited."""
    lines = [f"{found['window_ns'] / 1e6:,.0f} ms measured; a delay is from runnable to running, in us",
             *([f"LOST {found['lost_events']} events: what is below is wrong"] if found.get("lost_events") else []), "",
             f"{'thread':<16}{'CPU':>4}{'ran ms':>10}{'delays':>8}{'p50':>10}{'p99':>12}{'max':>12}"]
    for thread in found["threads"]:
        cpus = ",".join(map(str, thread["cpus"])) or "-"
        lines.append(f"{thread['name']:<16}{cpus:>4}{thread['ran_ns'] / 1e6:>10,.1f}{thread['delays']:>8,}{thread['delay_p50_ns'] / 1e3:>10,.1f}"
                     f"{thread['delay_p99_ns'] / 1e3:>12,.1f}{thread['delay_max_ns'] / 1e3:>12,.1f}")
    lines.append("")
    for thread in found["threads"]:
        waited = sum(thread["waited_for_ns"].values())
        names = [f"{name} {100 * ns / waited:.0f}%" for name, ns in list(thread["waited_for_ns"].items())[:4] if waited]
        lines.append(f"{thread['name']} waited {thread['delay_ns'] / 1e6:,.1f} ms" + (f" for {', '.join(names)}" if names else ""))
    return "\n".join(lines) + "\n"
