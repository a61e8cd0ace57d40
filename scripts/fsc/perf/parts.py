# SPDX-License-Identifier: GPL-2.0
"""Assign samples to the parts of a lookup or a turnover, by the functions in their call chains."""

import re
from collections import defaultdict
from typing import Any

from ..show.table import wrap
from .recording import Recording
from .samples import Sample

READER, FREER, DEFERRED = "reader", "freer", "deferred"
# The loop around the parts, clocks, histograms, and all that is not listed; and interrupts.
OTHER, INTERRUPTS = "other", "interrupts"

# All delays use the same function; this caller of it identifies a gap.
_GAP = "fsc_delay"
# By role and part: patterns of its functions, including inlined ones. A sample belongs to the
# innermost function of its call chain that is listed here; what a part calls is in the part.
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    READER: {
        "find": (r"xas_(load|reset|retry|start|descend)", "fsc_mapping_find_locked", r"pagecache_(find|lookups?|section\w*)",
                 r"gup_(walk|page|section\w*|finish)", r"pfn_(choose|try|block_\w+|section)",
                 r"fsc_blocks_(next|unmark)", "pfn_unmark", r"fsc_pfn_mix_\w+"),
        "gap": (_GAP,),
        "acquire": (r"fsc_\w+_tryget", r"fsc_hazptr_(un)?protect", r"fsc_hazptr_cpu_(other_slot|publish|narrow|unprotect|unchain)", "xas_reload", r"(gup|pfn)_\w+_again", "gup_pin",
                    "gup_fall_back", "pagecache_section_break", "raw_read_seqcount", "read_seqcount_retry"),
        "irqs off": (r"(arch|raw)_local_irq_(enable|restore)", "native_irq_enable"),
        "hold": ("fsc_spin", "fsc_spin_resched"),
        "use": ("fsc_use", "pfn_use", "fsc_check_stamp", "fsc_seq_judge", "fsc_seq_read_copied"),
        "release": ("fsc_reader_put", "fsc_reader_free", "gup_put_testzero", r"fsc_\w+_put_testzero"),
        OTHER: ("fsc_draw_key", "fsc_slot_of", r"fsc_stream_\w+", r"fsc_read_(batch\w*|stalled)", "fsc_note_timed"),
    },
    FREER: {
        "unlink": (r"(pagecache|gup|pfn)_(remove|refreeze|migrate)", r"fsc_mapping_(remove|refreeze|migrate)", "fsc_refreeze",
                   "fsc_migrate"),
        "free": ("fsc_evict", "fsc_free_removed", "fsc_put"),
        "allocate": ("fsc_refill", "fsc_allocate", "fsc_make", r"(pagecache|gup|pfn)_publish", "fsc_mapping_publish"),
        "gap": ("fsc_spin", "fsc_spin_resched"),
        OTHER: (r"fsc_limbo_\w+", "fsc_draw_key", "fsc_ring_exchange", r"fsc_pfn_mix_turned", "fsc_turn_batch"),
    },
    DEFERRED: {
        "callbacks": (r"fsc_\w+_callback",),
        "kfree_rcu": (r"kv?free_rcu_\w+",),
        "grace periods": ("rcu_do_batch", "rcu_core", r"rcu_gp_\w+", r"rcu_exp_\w+", "wait_rcu_exp_gp",
                          r"sync_rcu_exp_\w+", "rcu_sched_clock_irq"),
    },
}
# If readers take a reference, the RCU section is part of finding. If they take none, it is what keeps the folio.
_SECTION = {"rcu_read_lock": "acquire", "rcu_read_unlock": "release"}
_ENTRY = re.compile(r"asm_(sysvec_\w+|common_interrupt)")
_PATTERNS = {role: [(re.compile("|".join(patterns)), part) for part, patterns in parts.items()]
             for role, parts in PARTS.items()}


def role_of(name: str) -> str:
    """A thread's role by its name; "" if it is not a thread of the run."""
    return READER if name.startswith("fsc_reader/") else FREER if name.startswith("fsc_freer/") else ""


def part_of(role: str, functions: list[str], refcounted: bool = True) -> str | None:
    """The part of @role that a chain of @functions, the innermost first, belongs to."""
    # A static function may have a suffix: .isra.0, .constprop.0.
    names = [name.partition(".")[0] for name in functions]
    if role == READER and _GAP in names:
        return "gap"
    for name in names:
        if role == READER and not refcounted and name in _SECTION:
            return _SECTION[name]
        for pattern, part in _PATTERNS[role]:
            if pattern.fullmatch(name):
                return part
    return None


def functions_of(recording: Recording, sample: Sample) -> list[str]:
    return [function for frame, inlined in recording.chain(sample) for function in [step.function for step in inlined] or [frame.symbol]]


def line_of(recording: Recording, sample: Sample) -> tuple[str, str]:
    """The symbol that runs, and the innermost line of the module's sources that it runs for."""
    symbol, place = "?", ""
    for frame, inlined in recording.chain(sample):
        if symbol == "?":
            symbol = inlined[0].function if inlined else frame.symbol
        for step in inlined:
            if re.search(r"/(module|include/folioscale)/", step.file):
                return symbol, step.place
        if inlined:
            place = place or inlined[0].place
    return symbol, place


def where_is(name: str, functions: list[str], refcounted: bool) -> tuple[str, str]:
    """Role and part of a sample of thread @name; "" and "" if it has nothing to do with the run."""
    role = role_of(name)
    entry = next((at for at, symbol in enumerate(functions) if _ENTRY.fullmatch(symbol)), None)
    if role and entry is None:
        return role, part_of(role, functions, refcounted) or OTHER
    if deferred := part_of(DEFERRED, functions[:entry]):
        return DEFERRED, deferred
    # An interrupt is charged to the thread that it interrupts, except deferred work.
    return (role, INTERRUPTS) if role else ("", "")


def document(recording: Recording) -> dict[str, Any]:
    """Where the time went, as JSON. Each sample of a reader or freer is in one part of its role, or deferred work."""
    script, refcounted = recording.script, bool(recording.run["resolved"]["refcounted"])
    # Samples and ns by role and part, and by these with symbol and line.
    shares: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0])
    ran_on: dict[str, float] = defaultdict(float)    # ns of deferred work by thread
    for sample in script.samples:
        name, ns = recording.name(sample), script.time_ns(sample)
        role, part = where_is(name, functions_of(recording, sample), refcounted)
        if not role:
            continue
        keys = [(role, part), (role, part, *line_of(recording, sample))]
        if role == DEFERRED:
            ran_on[name] += ns
            # It ran in the thread's time, so it is charged to the thread, too.
            keys += [(role_of(name), DEFERRED)] * bool(role_of(name))
        for key in keys:
            shares[key][0] += 1
            shares[key][1] += ns
    counted = {f"fsc_{thread['name']}": thread["cpu_ns"] for thread in recording.run["threads"]}
    ran: dict[str, int] = defaultdict(int)
    for (_, tid), ns in script.run_ns.items():
        ran[recording.threads.get(tid, "")] += ns
    threads = [{"name": name, "tid": tid, "recorded_ns": ran[name], "cpu_ns": counted[name]}
               for tid, name in recording.threads.items()]
    roles = {}
    for role, parts in PARTS.items():
        members = [thread for thread in threads if role_of(thread["name"]) == role]
        own = {part: shares[role, part] for part in (*parts, *([INTERRUPTS, DEFERRED] if role != DEFERRED else []))}
        roles[role] = {
            "threads": len(members),
            "cpu_ns": sum(thread["cpu_ns"] for thread in members) if role != DEFERRED else None,
            "parts_ns": round(sum(ns for _, ns in own.values())),
            "parts": {part: {"samples": samples, "ns": round(ns)} for part, (samples, ns) in own.items()},
        }
    lines = sorted((item for item in shares.items() if len(item[0]) > 2), key=lambda item: -item[1][1])
    return {
        "event": recording.event, "note": recording.note, "lost_samples": script.lost,
        "recorded_ns": script.recorded_ns, "window_ns": recording.run["window"]["window_ns"],
        "params": recording.run["params"], "threads": threads, "roles": roles,
        "deferred_on": {name: round(ns) for name, ns in sorted(ran_on.items(), key=lambda item: -item[1])},
        "lines": [{"role": role, "part": part, "symbol": symbol, "line": place, "samples": samples, "ns": round(ns)}
                  for (role, part, symbol, place), (samples, ns) in lines],
    }


# Show these parts even without samples, which means something; the others only with some.
_ALWAYS = {READER: ("find", "acquire", "hold", "use", "release"), FREER: ("unlink", "free", "allocate"), DEFERRED: ()}
_TITLE = {READER: "readers", FREER: "freers", DEFERRED: "deferred work, whoever ran it"}


def _role(role: str, found: dict[str, Any]) -> list[str]:
    total = found["parts_ns"]
    title = _TITLE[role]
    if found["cpu_ns"] is not None:
        title += (f", {found['threads']}: {total / 1e6:,.1f} ms in all parts; the kernel's account: "
                  f"{found['cpu_ns'] / 1e6:,.1f} ms")
    lines = [f"  {part:<16}{share['samples']:>9,}{share['ns'] / 1e6:>12,.1f}{100 * share['ns'] / (total or 1):>8.1f}"
             for part, share in found["parts"].items() if share["samples"] or part in _ALWAYS[role]]
    return [*wrap(title, rest="  "), "", f"  {'part':<16}{'samples':>9}{'ms':>12}{'%':>8}", *lines, ""]


def _lines(role: str, found: dict[str, Any], top: int) -> list[str]:
    total = found["roles"][role]["parts_ns"] or 1
    lines = [f"  {100 * line['ns'] / total:>5.1f}  {line['part']:<14}{line['symbol'][:26]:<27}{line['line']}"
             for line in found["lines"] if line["role"] == role][:top]
    return [f"  {'%':>5}  {'part':<14}{'symbol':<27}line", *lines, ""] if lines else []


def render(found: dict[str, Any], top: int) -> str:
    """The split as text, with @top source lines for each role."""
    params = found["params"]
    lines = [f"path={params['path']} protocol={params['protocol']} nr_readers={params['nr_readers']} "
             f"nr_freers={params['nr_freers']}",
             f"recorded  {found['recorded_ns'] / 1e6:,.0f} ms of a window of {found['window_ns'] / 1e6:,.0f} ms",
             *wrap(found["note"] or found["event"], "event     "), ""]
    if found["lost_samples"]:
        lines += [f"LOST {found['lost_samples']} samples: perf could not keep up; what is below lacks them", ""]
    for role, parts in found["roles"].items():
        if parts["threads"] or parts["parts_ns"]:
            lines += _role(role, parts)
            if role == DEFERRED:
                where = [f"{name} {100 * ns / parts['parts_ns']:.0f}%" for name, ns in found["deferred_on"].items()]
                lines += [*wrap(", ".join(where[:6]), "  on "), ""]
            lines += _lines(role, found, top)
    return "\n".join(lines).rstrip() + "\n"
