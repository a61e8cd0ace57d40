# SPDX-License-Identifier: GPL-2.0
"""Find the complaints in a kernel's console log.

The patterns match the first line of each kind of complaint, not the register dump and the
call trace below it, so a test that expects one complaint allows one line.
"""

import itertools
import re

# Only the kernel's own lines count. They have a time (printk.time=1), perhaps after an unfinished
# line of the job. The job's lines do not count: it may print a test name with the word BUG in it.
_TIME = r"\[ *\d+\.\d{6}\].*"

_BAD = re.compile(_TIME + "(?:" + "|".join((
    r"Kernel panic - not syncing",
    r"\bBUG: ",                           # KASAN, KCSAN, soft lockup, bad page, workqueue, ...
    r"\bBUG \S+ \((?:Not t|T)ainted",     # SLUB
    r"kernel BUG at ",
    r"\bWARNING: ",                       # WARN, lockdep, suspicious RCU usage
    r"\bOops\b",
    r"general protection fault",
    r"stack segment:|double fault:|invalid opcode:|divide error:",
    r"Unable to handle kernel",
    r"INFO: task .* blocked for more than",
    r"INFO: possible |INFO: trying to register non-static key|INFO: inconsistent lock",
    r"detected stalls? on|detected expedited stalls|self-detected stall",
    r"kthread (?:timer wakeup didn't happen|starved) for",
    r"hard LOCKUP",
    r"Objects remaining (?:in|on) ",
    r"kmem_cache_destroy .* Slab cache still has objects",
    r"refcount_t: |list_(?:add|del) corruption",
    r"UBSAN: |ODEBUG: ",
    r"kmemleak: (?:.* disabled|\d+ new suspected|Freeing unknown|Partially freeing|Found object by alias)",
    r"pagealloc: ",                       # poisoned pages that were written to
    r"page allocation failure|invoked oom-killer|(?i:out of memory: )",
    r"unregister_netdevice: waiting|rcu: .*!!!",
    r"huh, entered softirq",              # an RCU callback that leaves a lock held
)) + r")|\*\* \d+ printk messages dropped \*\*")      # the dropped ones may have been any of these

_RULE = re.compile("={60}")             # above and below a report
_FRAME = re.compile(r"\]  (?P<function>\S+)\+0x[0-9a-f]+/0x[0-9a-f]+(?P<module> \[\w+\])?$")

# Printed for any unsigned out-of-tree module, and with an initramfs that has no /dev/console.
_HARMLESS = re.compile("|".join((
    r"loading out-of-tree module taints kernel",
    r"module verification failed: signature and/or required key missing",
    r"unable to open an initial console",
)))


def complaints(text: str, allow: tuple[str, ...] = ()) -> list[str]:
    """Return the lines of a console log that mean something broke.

    @allow: regular expressions of the lines that the caller expects. For a KCSAN report they
    are matched against its first line, followed by the lines of its callers in modules.
    """
    allowed = [re.compile(pattern) for pattern in allow]
    lines = text.splitlines()
    return [line.strip() for number, line in enumerate(lines)
            if _BAD.search(line) and not _HARMLESS.search(line)
            and not any(pattern.search(_with_modules(lines, number)) for pattern in allowed)]


def printable(text: str) -> list[str]:
    """The lines that are not blank, with a question mark for bytes that are not printable ASCII."""
    lines = (re.sub(r"[^ -~]+", "?", line.replace("\t", " ")).strip() for line in text.replace("\r", "").split("\n"))
    return [line for line in lines if line.strip("? ")]


def _with_modules(lines: list[str], number: int) -> str:
    """A line; if it begins a KCSAN report, with callers in modules, as it names only the racing functions."""
    if "BUG: KCSAN: " not in lines[number]:
        return lines[number]
    said, interrupted = [lines[number]], False
    for line in itertools.takewhile(lambda line: not _RULE.search(line), lines[number + 1:]):
        frame = _FRAME.search(line)
        # Below an interrupt's entry is interrupted code, not a caller.
        interrupted = bool(frame) and (interrupted or frame["function"].startswith("asm_"))
        if frame and frame["module"] and not interrupted:
            said.append(line)
    return " ".join(said)
