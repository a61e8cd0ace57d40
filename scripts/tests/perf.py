#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""perf beside runs in virtual machines: what scripts/perf makes of them. KTAP."""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc.cmd import perf  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.perf import traced  # noqa: E402
from fsc.vm import accel, kernel, vm  # noqa: E402
from fsc.vm.rootfs import HostRoot  # noqa: E402
from options import parser  # noqa: E402

FOLIOSCALE = str(SCRIPTS / "folioscale")
THREADS = "nr_readers=1 nr_freers=1"
OVERLAY = f"path=pagecache protocol=overlay {THREADS} warmup_ms=200 duration_ms=1500"
JOB = """
FSC_AS=stat.; perf_tool stat "protocol=typesafe {threads} duration_ms=1000" || exit
FSC_AS=sched.; perf_tool sched "protocol=typesafe nr_readers=2 nr_freers=2 duration_ms=2000" || exit
FSC_AS=full.; perf_tool record "protocol=rcu_full {threads} hold_ns=200 duration_ms=2000" || exit
"""
BOOT_S = 2000.0
# How much a role's parts may differ from the CPU time that the module reports.
APART = 0.05


def adds_up(out: Ktap, name: str, found: dict[str, Any]) -> None:
    """The parts of a role add up to the CPU time that the module reports for its threads."""
    recorded = found["recorded_ns"] / found["window_ns"]
    out.result(abs(recorded - 1) <= APART, f"{name}: the window is recorded", f"{recorded}")
    for role in ("reader", "freer"):
        parts, cpu = found["roles"][role]["parts_ns"], found["roles"][role]["cpu_ns"]
        out.result(bool(cpu) and abs(parts / cpu - 1) <= APART,
                   f"{name}: {role}s' parts add up to their time within {APART:.0%}", f"{parts} of {cpu} ns")


def present(out: Ktap, name: str, found: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> None:
    """Each of the @wanted parts has samples."""
    for role, parts in wanted.items():
        samples = {part: share["samples"] for part, share in found["roles"][role]["parts"].items()}
        out.result(all(samples[part] for part in parts), f"{name}: {role}: there is {', '.join(parts)}", f"{samples}")


def where(out: Ktap, flags: list[str], folder: Path) -> None:
    """make perf, and a flame graph of what it recorded."""
    done = subprocess.run([FOLIOSCALE, "perf", *flags, "--params", OVERLAY, "--out", folder, "where"], check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out.result(done.returncode == 0 and "PASS:" in done.stdout, "make perf passes", done.stdout)
    found = json.loads((folder / "where.json").read_text())
    adds_up(out, "overlay", found)
    present(out, "overlay", found, {"reader": ("find", "acquire", "use", "release"), "freer": ("unlink", "free", "allocate")})
    out.result(found["roles"]["deferred"]["parts"]["callbacks"]["samples"] == 0, "overlay: no callback of ours",
               f"{found['roles']['deferred']}")
    lines = {line["line"].partition(":")[0] for line in found["lines"] if line["role"] in ("reader", "freer")}
    out.result({"pagecache.c", "overlay.h", "mapping.h", "oracle.h"} <= lines, "overlay: lines of its sources", f"{lines}")
    kept = {"perf.data", "script.txt", "run.json", "where.txt", "where.json", "folioscale.ko", "config", "command"}
    out.result(kept <= {path.name for path in folder.iterdir()}, "make perf keeps what it has found")

    svg = folder / "flame.svg"
    done = subprocess.run([perf.TOOLS / "flamegraph", "--dir", folder, "--svg", svg], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        titles = [title.text or "" for title in xml.etree.ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}title")]
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        titles = [str(error)]
    names = {title.partition(":")[0] for title in titles}
    wanted = {"fsc_reader/0", "fsc_freer/0", "pagecache_overlay_read", "fsc_use (inlined)"}
    out.result(done.returncode == 0 and wanted <= names, "the flame graph is XML and names threads and functions",
               f"{done.stdout}{sorted(names)}")


def by_hand(out: Ktap, where_to: kernel.Kernel, how: accel.Accel, folder: Path) -> None:
    """The other tools, one after the other in one machine."""
    module = folder / "folioscale.ko"
    module.write_bytes((kernel.build_module(where_to) / module.name).read_bytes())
    job = traced.prologue(module) + JOB.format(threads=THREADS)
    # One CPU, so that the threads' time is the window's. preempt=full: with other models, the time
    # from a wakeup that wants the CPU until a batch gives it up is charged not to the batch's thread
    # but to the woken one (kernel/sched/core.c:wakeup_preempt, rq_clock_skip_update). In rcu_full
    # that was 14% of the time of a reader that held for 2 us.
    boot = vm.boot(vm.BootSpec(kernel=where_to, job=job, accel=how, vcpus=1, timeout_s=BOOT_S, outdir=folder,
                               root=HostRoot(), files={module.name: module}, cmdline=["preempt=full"]))
    blobs = dict(boot.blobs)
    said = "".join(data.decode(errors="replace") for name, data in boot.blobs if name.endswith(("output", "error")))
    out.result(boot.state == "PASS", "the tools run by hand", f"{boot.reason}\n{said}")

    stat = json.loads(blobs["stat.stat.json"])
    for role in ("reader", "freer"):
        clock, window = stat["roles"][role]["task-clock"], stat["window_ns"] / 1e6
        # The two share a CPU.
        out.result(0.45 * window < clock < 0.55 * window, f"stat: {role}s have run in the window", f"{clock} of {window} ms")
    out.result(set(stat["threads"]) == {"fsc_reader/0", "fsc_freer/0"}
               and all(stat["roles"][role]["cpu-migrations"] == 0 for role in stat["roles"]),
               "stat: each bound thread, and none migrates", f"{stat}")

    threads = {thread["name"]: thread for thread in json.loads(blobs["sched.sched.json"])["threads"]}
    bound = {f"fsc_{role}/{nr}" for role in ("reader", "freer") for nr in (0, 1)}
    out.result(set(threads) == bound and all(len(thread["cpus"]) == 1 for thread in threads.values()),
               "sched: each bound thread, on one CPU", f"{threads}")
    out.result(all(thread["delays"] and 0 < thread["delay_p50_ns"] <= thread["delay_max_ns"] for thread in threads.values()),
               "sched: threads that share CPUs wait for them", f"{threads}")

    for name in ("script.txt", "run.json", "window.json"):
        (folder / name).write_bytes(blobs[f"full.{name}"])
    done = subprocess.run([perf.TOOLS / "where", "--dir", folder, "--json", folder / "where.json"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out.result(done.returncode == 0 and "deferred" in done.stdout, "where reads a recording", done.stdout)
    found = json.loads((folder / "where.json").read_text())
    adds_up(out, "rcu_full", found)
    present(out, "rcu_full", found, {"reader": ("find", "hold", "use"), "deferred": ("callbacks", "grace periods")})


def main() -> int:
    """Return the exit status."""
    args = parser(__doc__).parse_args()
    machine = kernel.choose(args.kdir, args.kernel, args.kver)
    how = accel.choose(args.accel, machine)
    flags = [word for name in ("kdir", "kernel", "kver") if (value := getattr(args, name)) for word in (f"--{name}", value)]
    if how is accel.TCG:
        how = accel.ICOUNT
    flags += ["--accel", how.name]
    out = Ktap(lambda line: print(line, flush=True), 22)
    with tempfile.TemporaryDirectory(prefix="folioscale-perf-") as folder:
        for name in ("where", "hand"):
            (Path(folder) / name).mkdir()
        where(out, flags, Path(folder) / "where")
        by_hand(out, machine, how, Path(folder) / "hand")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
