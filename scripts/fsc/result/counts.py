# SPDX-License-Identifier: GPL-2.0
"""perf stat over the measured window, for each reader and freer and for each role."""

import json
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..perf import perf_run
from ..perf.parts import FREER, READER, role_of
from ..verdict import SetupError

SOFTWARE = ("task-clock", "context-switches", "cpu-migrations", "page-faults")
HARDWARE = ("cycles", "instructions", "cache-misses")
# perf can only count threads that exist, so it attaches during the warm-up, with a second try if
# it is late. A machine without a PMU is most likely emulated.
ATTACH_MS = {True: (2000, 10_000), False: (6000, 30_000)}
Counts = dict[str, dict[str, float | None]]


def parse(text: str) -> Counts:
    """Parse perf stat -j --per-thread, by thread and event; None if perf could not count the event."""
    found: Counts = defaultdict(dict)
    for entry in (json.loads(line) for line in text.splitlines() if line.startswith("{")):
        value = entry["counter-value"]
        found[entry["thread"].rpartition("-")[0]][entry["event"]] = None if value.startswith("<") else float(value)
    return dict(sorted(found.items()))


def by_role(counts: Counts) -> Counts:
    """The sums of each role; None if one of its threads has no count."""
    members = {role: [events for name, events in counts.items() if role_of(name) == role] for role in (READER, FREER)}
    return {role: {event: None if None in (values := [events[event] for events in own]) else sum(values)
                   for event in dict.fromkeys(event for events in own for event in events)} for role, own in members.items() if own}


class TooLate(SetupError):
    """perf had not attached when the window began."""


def _attached(warmup_ms: int) -> tuple[str, dict[str, Any]]:
    """Make a run and count its threads; return perf's output and run.json."""
    events = SOFTWARE + (HARDWARE if perf_run.has_pmu() else ())
    with tempfile.NamedTemporaryFile("r", prefix="folioscale-stat-") as said, ExitStack() as stack:
        stack.enter_context(perf_run.started())
        threads = ",".join(map(str, perf_run.threads()))
        try:
            running = stack.enter_context(perf_run.perf(
                "stat", ["-j", "--per-thread", "-e", ",".join(events), "-o", said.name, "-t", threads]))
        except SetupError:
            if perf_run.state() in ("start", "warmup"):
                raise
            running = None
        if not running or perf_run.state() not in ("start", "warmup"):
            perf_run.run_json()    # the run has to end before there can be another
            raise TooLate(f"perf did not attach in a warm-up of {warmup_ms} ms: --warmup-ms takes more")
        perf_run.measured(running)
        running.end()
        return Path(said.name).read_text(), perf_run.run_json()


def count(params: list[str], warmup_ms: int | None) -> dict[str, Any]:
    """Make a run with @params and count its threads; return both. On a busy machine this takes two runs."""
    perf_run.set_params(params)
    if perf_run.param("max_turnovers") != "0":
        raise SetupError(f"max_turnovers={perf_run.param('max_turnovers')}: allowed: 0, as else there is no warm-up "
                         "in which perf could attach")
    before = int(perf_run.param("warmup_ms"))
    tries = [warmup_ms] if warmup_ms else list(ATTACH_MS[perf_run.has_pmu()])
    try:
        while True:
            longest = max(before, tries.pop(0))
            perf_run.set_params([f"warmup_ms={longest}"])
            try:
                said, run = _attached(longest)
                break
            except TooLate:
                if not tries:
                    raise
    finally:
        perf_run.set_params([f"warmup_ms={before}"])
    counts = parse(said)
    return {"threads": counts, "roles": by_role(counts), "window_ns": run["window"]["window_ns"],
            "counters": run["counters"], "params": run["params"],
            "not_counted": [] if perf_run.has_pmu() else list(HARDWARE)}


def render(found: dict[str, Any]) -> str:
    """A table: a line for each event, columns for roles, then for threads if a role has several."""
    columns = {f"{role}s": events for role, events in found["roles"].items()}
    if len(found["threads"]) > len(columns):
        columns |= {name.removeprefix("fsc_"): events for name, events in found["threads"].items()}
    names = dict.fromkeys(event for events in columns.values() for event in events)
    texts = {name: {event: "-" if value is None else f"{value:,.1f} ms" if event == "task-clock" else f"{value:,.0f}"
                    for event, value in events.items()} for name, events in columns.items()}
    lines = [f"{found['window_ns'] / 1e6:,.0f} ms measured, {found['counters']['lookups']:,} lookups, "
             f"{found['counters']['turnovers']:,} turnovers", "",
             f"{'':<18}" + "".join(f"{name:>16}" for name in columns)]
    lines += [f"{name:<18}" + "".join(f"{own.get(name, '-'):>16}" for own in texts.values()) for name in names]
    if found["not_counted"]:
        lines += ["", f"no PMU: {', '.join(found['not_counted'])} cannot be counted here"]
    return "\n".join(lines) + "\n"
