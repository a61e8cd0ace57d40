#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make shadow from its command line to its files; bpftrace beside it counts the same; readers make limbo last. KTAP."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.vm import kernel  # noqa: E402
from options import parser  # noqa: E402

FOLIOSCALE = str(SCRIPTS / "folioscale")
REMOVES = 'dd if=/dev/zero of="$FSC_TMPFS/f" bs=1M count=64; rm "$FSC_TMPFS/f"'
# Less what the batches of both CPUs may hold for longer, 31 folios each (mm/swap.c: lru_add, lru_activate).
REMOVED = 64 * 256 - 2 * 2 * 31
# folioscale's folios of order 7; nobody else frees any of that order. All are freed by rmmod.
FREES = """#!/bin/sh
insmod {module} protocol=overlay order=7 nr_folios=64 nr_readers=0 nr_freers=1 free_rate=500 warmup_ms=0 duration_ms=2000
while read -r state </sys/kernel/debug/folioscale/state; [ "$state" != done ]; do sleep 0.2; done
rmmod folioscale
"""
COUNTS = "bpftrace -e 'tracepoint:kmem:mm_page_free /args->order == 7/ {{ @ = count(); }}' -c '/bin/sh {script}'"
# Frees all the time, for longer than a grace period with a reader of 1 s.
CHURN = ('for n in 1 2 3 4 5 6 7 8 9 10 11 12; do dd if=/dev/zero of="$FSC_TMPFS/f" bs=1M count=4 2>/dev/null; rm "$FSC_TMPFS/f"; '
         'sleep 0.25; done')
# A process with more memory than its cgroup: the rest is in zswap, about a quarter as large, until it ends.
ZSWAP = '''set -e
echo Y >/sys/module/zswap/parameters/enabled
grep -q ' /sys/fs/cgroup cgroup2' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/zswap
echo 64M >/sys/fs/cgroup/zswap/memory.max
fallocate -l 256M "$FSC_DISK/swap"
chmod 600 "$FSC_DISK/swap"
mkswap "$FSC_DISK/swap"
swapon "$FSC_DISK/swap"
sh -c 'echo $$ >/sys/fs/cgroup/zswap/cgroup.procs; exec /usr/bin/python3 -S -c "
import os
held = bytearray(112 << 20)
for at in range(0, len(held), 4096):
    held[at:at + 1024] = os.urandom(1024)
"'
grep ^zswpout /proc/vmstat
'''


def ran(flags: list[str], folder: Path, *words: str) -> tuple[int, str, dict[str, Any]]:
    """The exit status of folioscale shadow, what it printed, and its result."""
    done = subprocess.run([FOLIOSCALE, "shadow", *flags, "--out", str(folder), *words], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    file = folder / "result.json"
    return done.returncode, done.stdout, json.loads(file.read_text()) if file.exists() else {}


def first(found: dict[str, Any]) -> dict[str, int]:
    """The summary of the first run of the first load."""
    return found["loads"][0]["runs"][0]["summary"] if found else {}


def command(out: Ktap, flags: list[str], folder: Path) -> None:
    """A command that succeeds, and what is written about it."""
    status, said, found = ran(flags, folder, "--", REMOVES)
    out.result(status == 0 and first(found).get("pages_shmem", 0) >= REMOVED, "a command is counted", said)
    text, page = ((folder / name).read_text() if (folder / name).exists() else "" for name in ("summary.txt", "report.html"))
    out.result("option 3    peak " in text and "option 2    peak " in text, "summary.txt has both options", text)
    out.result(page.count("<svg") == 2 and "To repeat it" in page, "report.html has both plots")


def fails(out: Ktap, flags: list[str], folder: Path) -> None:
    """A command that fails, with a module that is wrong on purpose."""
    status, said, _ = ran(flags, folder, "--params", "busted=epoch", "--", f"{REMOVES}; {CHURN}; echo what went wrong; exit 3")
    out.result(status == 1 and "entered limbo" in said and "wrong on purpose" in said, "a control fails, and is called one", said)
    status, said, _ = ran(flags, folder.with_name("fails-too"), "--", "echo what went wrong; exit 3")
    out.result(status == 1 and "exit status 3: what went wrong" in said, "a command that fails", said)


def beside(out: Ktap, flags: list[str], folder: Path, module: Path) -> None:
    """bpftrace counts the same tracepoint."""
    # The guest's /tmp is empty, but it sees the tree.
    script = repo.BUILD / "shadow-frees.sh"
    script.write_text(FREES.format(module=module), encoding="utf-8")
    status, said, found = ran(flags, folder, "--", COUNTS.format(script=script))
    told = found["loads"][0]["runs"][0]["told"] if found else ""
    theirs = next((int(line.removeprefix("@: ")) for line in told.splitlines() if line.startswith("@: ")), 0)
    ours = sum(first(found).get(f"freed_{kind}_order7", 0) for kind in ("file", "unmarked"))
    out.result(status == 0 and ours == theirs and ours > 500, "bpftrace counts the same", f"{ours}, {theirs}\n{said}\n{told}")


def zswap(out: Ktap, flags: list[str], folder: Path) -> None:
    """zsmalloc's pages have a type, and are no folios."""
    status, said, found = ran(flags, folder, "--", ZSWAP)
    told = found["loads"][0]["runs"][0]["told"] if found else ""
    stored = next((int(line.removeprefix("zswpout ")) for line in told.splitlines() if line.startswith("zswpout ")), 0)
    file, unmarked = (first(found).get(f"pages_{kind}", 0) for kind in ("file", "unmarked"))
    out.result(status == 0 and stored >= 48 * 256 and unmarked >= stored // 5, "zswap's pages are unmarked",
               f"{stored} stored, freed: {file} file, {unmarked} unmarked\n{said}\n{told}")


def readers(out: Ktap, flags: list[str], folder: Path) -> None:
    """A reader that stays in its section keeps all in limbo that was freed meanwhile."""
    status, said, found = ran(flags, folder, "--readers", "1s", "--", CHURN)
    waited = first(found).get("grace_period_wait_ns_most", 0)
    out.result(status == 0 and waited >= 800_000_000, "readers of 1 s make grace periods as long", f"{waited} ns\n{said}")


def refused(out: Ktap, folder: Path) -> None:
    """What makes no sense."""
    for words, why in ((["--loads", "none"], "LOADS=none: no such load; known: build "), (["--host"], "HOST=1: set CMD or SECONDS"),
                       (["--seconds", "1", "--", "true"], "SECONDS and CMD: set one of them"),
                       (["--host", "--readers", "1s", "--seconds", "1"], "READERS=1s: readers keep a CPU to themselves"),
                       (["--host", "--params", "busted=slab", "--seconds", "1"], "HOST=1 runs no busted control"),
                       (["--params", "busted", "--", "true"], "PARAMS: busted: allowed: name=value")):
        status, said, _ = ran([], folder, *words)
        out.result(status == 2 and why in said, f"refused: {' '.join(words)}", said)


def main() -> int:
    """Return the exit status."""
    args = parser(__doc__).parse_args()
    machine = kernel.choose(args.kdir, args.kernel, args.kver)
    flags = [word for name in ("kdir", "kernel", "kver", "accel") if (value := getattr(args, name)) for word in (f"--{name}", value)]
    module = kernel.build_module(machine, variables=kernel.WITH_OPENCODED) / "folioscale.ko"
    out = Ktap(lambda line: print(line, flush=True), 14)
    with tempfile.TemporaryDirectory(prefix="folioscale-shadow-") as name:
        folder = Path(name)
        refused(out, folder / "refused")
        command(out, flags, folder / "command")
        fails(out, flags, folder / "fails")
        beside(out, flags, folder / "beside", module)
        zswap(out, flags, folder / "zswap")
        readers(out, flags, folder / "readers")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
