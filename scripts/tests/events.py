#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The trace events and what reads them: bpftrace's scripts, trace-cmd, and what they cost. KTAP."""

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.perf import traced  # noqa: E402
from fsc.result import metrics  # noqa: E402
from fsc.vm import accel, kernel, vm  # noqa: E402
from fsc.vm.rootfs import HostRoot  # noqa: E402
from options import parser  # noqa: E402

BPFTRACE = SCRIPTS / "bpftrace"
RUN = "nr_readers=1 nr_freers=1 nr_folios=256 warmup_ms=100 duration_ms=1000"
WHYS = ("tryget_zero", "recheck_moved", "recheck_empty", "hazard_moved", "seq_retries", "seq_fallbacks",
        "fallback_zero", "fallback_memdesc", "fallback_pmd", "fallback_pte")
RECHECKS = ("recheck_moved", "recheck_empty")
# Two folios in limbo, freed in one grace period, are at the cap: so it is reached however slow the machine is.
SOON_AT_CAP = "order=9 nr_folios=8 limbo_max_mb=5"
TIMEOUT_S = 3000.0             # five times what was too little beside four other machines
REFUSED = "'path=gup protocol=rcu_full'"

COUNTED = (
    "protocol=overlay gap_ns=10000", "protocol=overlay path=gup removal=truncate gap_ns=10000",
    "protocol=typesafe path=pfn gap_ns=10000 order=0:1,2:1", "protocol=typesafe path=gup gap_ns=10000 tryget=xadd",
    "protocol=typesafe busted=norecheck gap_ns=10000", "protocol=rcu_desc deferral=call_rcu removal=truncate hold_ns=1000",
    "protocol=rcu_full limbo_max_mb=1", "protocol=rcu_full busted=early_pages hold_ns=10000",
    "protocol=seqcount", "protocol=hazptr gap_ns=10000", "protocol=hazptr path=pfn removal=truncate",
    "protocol=rcu_bounded bounded_max=4", "protocol=rcu_bounded path=gup removal=truncate", "protocol=locked")
# Their callbacks are the module's own.
OWN_CALLBACK = re.compile(r"deferral=call_rcu|protocol=(?:rcu_full|hazptr|rcu_bounded)")

# Every event, in one recording: when the module goes, what was recorded of it goes, too.
RECORD = """set -e
D=/sys/kernel/debug/folioscale P=/sys/module/folioscale/parameters
run() {
	echo none >$P/busted
	for word; do echo "${word#*=}" >"$P/${word%%=*}" || exit 1; done
	echo start >$D/control || exit 1
	until grep -qx done $D/state; do sleep 0.1; done
}
run protocol=typesafe gap_ns=10000
run busted=norecheck
run busted=none gap_ns=0 protocol=rcu_bounded bounded_max=4 gp_probe_ms=10
run protocol=rcu_full gp_probe_ms=0 """ + SOON_AT_CAP + "\n"

# Untraced, then traced: lookups, then turnovers.
COSTS = """
. /point.sh
mount -t tracefs none /sys/kernel/tracing
cost() {
	insmod /folioscale.ko autorun=0 sample_ms=0 nr_folios=1024 warmup_ms=20 protocol="$1" $2 || exit 10
	for on in 0 1; do
		echo $on >/sys/kernel/tracing/events/folioscale/enable || exit 11
		sleep 2
		echo start >/sys/kernel/debug/folioscale/control
		sleep "$3"
		until grep -qx done /sys/kernel/debug/folioscale/state; do sleep 1; done
		emit "cost/$1/$4/$on" /sys/kernel/debug/folioscale/run.json
	done
	echo 0 >/sys/kernel/tracing/events/folioscale/enable
	rmmod folioscale
}
for protocol in overlay typesafe rcu_desc rcu_full; do
	cost $protocol 'nr_readers=1 nr_freers=0 duration_ms=100' 1 lookup
	cost $protocol 'nr_readers=0 nr_freers=1 max_turnovers=20000' 1 turnover
done
"""


@dataclass
class Traced:
    """What was kept of one script's run."""
    output: str = ""
    counters: dict[str, int] = field(default_factory=dict)

    def map(self, name: str) -> dict[str, int]:
        """A map of bpftrace's, as it was printed last; without keys it has the key ""."""
        found = re.findall(rf"^@{name}(?:\[([^\]]*)\])?: (-?\d+)$", self.output, re.M)
        return {key: int(value) for key, value in found}

    def hist(self, name: str) -> int:
        """How many values are in the histograms of that name."""
        tables = re.findall(rf"^@{name}(?:\[[^\]]*\])?: *\n((?:[\[(].*\n)+)", self.output, re.M)
        return sum(int(count) for table in tables for count in re.findall(r"[\])] +(\d+) \|", table))

    def missed(self) -> int:
        return sum(int(count) for count in re.findall(r"^(?:Missed|Lost) (\d+) events", self.output, re.M))

    def all_but_missed(self, seen: int, counted: int) -> bool:
        """Whether events are what was counted. A program that is preempted, as 7.x does at any tick, misses events of
        its CPU meanwhile; it says how many, and they are few."""
        return 0 < seen <= counted <= seen + self.missed() and counted - seen <= counted / 10


@dataclass(frozen=True)
class Where:
    """What all are run on."""
    kernel: kernel.Kernel
    accel: accel.Accel
    module: Path
    folder: Path

    def boot(self, name: str, job: str) -> vm.Boot:
        """A job on the host's root, with the tools."""
        return vm.boot(vm.BootSpec(
            kernel=self.kernel, job=traced.prologue(self.module) + job, accel=accel.traced(self.accel), timeout_s=TIMEOUT_S,
            outdir=self.folder / name, root=HostRoot(), files={"/folioscale.ko": self.module}))


def _counters(text: bytes) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split() for line in text.decode().splitlines())}


def live(where: Where, runs: list[tuple[Path, str]]) -> tuple[vm.Boot, list[Traced]]:
    """Each script beside a run with its parameters, one after the other; then a run that is refused."""
    job = "".join(f"trace {quote(str(script))} {quote(f'{RUN} {params}')} || exit\n" for script, params in runs)
    boot = where.boot(runs[0][0].stem, f"{job}trace {quote(str(runs[0][0]))} {REFUSED} && exit 20\nexit 0\n")
    found: list[Traced] = []
    for name, data in boot.blobs:
        if name == "output":
            found.append(Traced(data.decode(errors="replace")))
        elif name == "counters":
            found[-1].counters = _counters(data)
    return boot, found + [Traced()] * (len(runs) + 1 - len(found))


def scripts(out: Ktap, where: Where) -> None:
    """What bpftrace's scripts count is what the module counts."""
    names = ("typesafe", "gup", "limbo", "kfree_rcu", "throttled", "reuse", "alloc", "gp", "phase", "own callbacks", "kfree_rcu()",
             "expedited")
    boot, found = live(where, [(BPFTRACE / f"{script}.bt", params) for script, params in (
        ("lookup-retries", "protocol=typesafe gap_ns=10000"),
        ("lookup-retries", "protocol=typesafe path=gup gap_ns=10000 removal=truncate"),
        ("limbo", "protocol=rcu_full"),
        ("limbo", "protocol=rcu_desc"),
        ("limbo", f"protocol=rcu_full {SOON_AT_CAP}"),
        ("reuse", "protocol=typesafe"),
        ("alloc-latency", "protocol=overlay order=0:8,2:1"),
        ("gp-latency", "protocol=rcu_bounded bounded_max=4 gp_probe_ms=20"),
        ("phase", "protocol=rcu_desc free_rate=1000"),
        ("deferred", "protocol=rcu_desc deferral=call_rcu"),
        ("deferred", "protocol=rcu_desc"),
        ("deferred", "protocol=rcu_bounded bounded_max=4"))])
    out.result(boot.state == "PASS", "all scripts run beside a run and end with it", f"{boot.state}: {boot.reason}")
    out.result(says_why(found[-1]), "a run that is refused ends bpftrace, and says why", found[-1].output)
    by = dict(zip(names, found))
    for name, seen in by.items():
        out.result(not re.search(r"interrupted|killed|ERROR|WARN", seen.output) and bool(seen.counters)
                   and re.search(r"^Tracing .* Ends with the run\.\n\S+ +\S", seen.output, re.M) is not None,
                   f"{name}: a header, and it ends by itself", seen.output)
    for name in ("typesafe", "gup"):
        seen = by[name]
        wanted = {why: seen.counters[why] for why in WHYS if seen.counters.get(why)}
        retries = seen.map("retries")
        out.result(all(retries.get(why, 0) <= count for why, count in wanted.items()) and retries.keys() <= wanted.keys()
                   and seen.all_but_missed(sum(retries.values()), sum(wanted.values())),
                   f"{name}: retries are the counters: {wanted}", seen.output)
        out.result(seen.hist("tries") == sum(retries.values()), f"{name}: tries has them all", seen.output)
    wanted = sum(by["typesafe"].counters.get(why, 0) for why in RECHECKS)
    failures = sum(by["typesafe"].map("recheck_failures").values())
    out.result(by["typesafe"].all_but_missed(failures, wanted), f"recheck failures are the counters: {wanted}", f"{failures}")
    for name, released in (("limbo", True), ("kfree_rcu", False)):
        seen, frees = by[name], by[name].counters.get("frees", 0)
        level = seen.map("limbo").get("descriptors")
        traced = seen.map("frees").get("", 0)
        out.result(seen.all_but_missed(traced, frees) and frees > 1000, f"{name}: {frees} frees, as counted", seen.output)
        releases = seen.map("releases").get("", 0)
        out.result(level == traced - releases and (abs(level) <= seen.missed() if released else level == traced),
                   f"{name}: what is left in limbo ({level}) is what was not told", seen.output)
        out.result(seen.hist("wait_ns") == releases and (releases > 0) == released, f"{name}: {releases} waits", seen.output)
    out.result(sum(by["throttled"].map("throttled_ns").values()) > 0 < by["throttled"].counters.get("limbo_waits", 0),
               "limbo: the freer is throttled", by["throttled"].output)
    for name, table, counted, kept in (("reuse", "reuses", "recycled", "after_ns"), ("alloc", "allocs", "allocs", "took_ns")):
        seen = by[name]
        total = sum(seen.map(table).values())
        out.result(seen.all_but_missed(total, seen.counters.get(counted, 0)) and total == seen.hist(kept) and total > 1000,
                   f"{name}: {total} {counted}, as counted", seen.output)
    gp = by["gp"].map("waits")
    out.result(by["gp"].all_but_missed(gp.get("expedited", 0), by["gp"].counters.get("expedited", 0)) and gp.get("probe", 0) > 10
               and by["gp"].hist("took_ns") == sum(gp.values()), f"gp: {gp}, as counted", by["gp"].output)
    phases = re.findall(r"^\d+ +([a-z]+)$", by["phase"].output, re.M)
    wanted_phases = ["populate", "start", "warmup", "measure", "stop", "drain", "check", "done"]
    out.result(phases == wanted_phases, "phase: all of them", by["phase"].output)
    out.result({"fsc_reader/0", "fsc_freer/0"} <= by["phase"].map("ran_ns").keys() | by["phase"].map("slept_ns").keys(),
               "phase: the threads' time", by["phase"].output)
    deferred(out, by)


def deferred(out: Ktap, by: dict[str, Traced]) -> None:
    """deferred.bt: what is left to others, as often as the arm leaves it."""
    for name, calls in (("own callbacks", by["own callbacks"].map("call_rcu").get("fsc_rcu_desc_callback", 0)),
                        ("kfree_rcu()", by["kfree_rcu()"].map("kfree_rcu").get("fsc_freer/0", 0))):
        seen = by[name]
        frees = seen.map("frees").get("", 0)
        # One at each edge of the window may be between the two.
        out.result(1000 < frees <= seen.counters.get("frees", 0) and abs(calls - frees) <= 2 + seen.missed(),
                   f"deferred: {name}: {calls} of {frees} frees", seen.output)
    seen = by["expedited"]
    calls, sent = sum(seen.map("expedited").values()), seen.map("function_ipi").get("rcu_exp_handler", 0)
    out.result(0 < calls <= seen.counters.get("expedited", 0) and sent > 0,
               f"deferred: {calls} expedited grace periods, {sent} IPIs of theirs", seen.output)
    out.result(all(sum(by[name].map("softirq_ns").values()) > 0 for name in ("own callbacks", "kfree_rcu()")),
               "deferred: RCU's softirq takes time", by["own callbacks"].output)


def says_why(seen: Traced) -> bool:
    return re.search(r"^trace: the run does not start: .*: path=gup: allowed: without protocol=rcu_full", seen.output, re.M) is not None


def counted(out: Ktap, where: Where) -> None:
    """Every event against its counter, under every protocol: hist: triggers miss none."""
    boot, found = live(where, [(TESTS / "counted.hist", f"duration_ms=300 {params}") for params in COUNTED])
    out.result(boot.state == "PASS", "all protocols run beside triggers", f"{boot.state}: {boot.reason}")
    for params, seen in zip(COUNTED, found):
        tables = re.split(r"^--- folioscale:(\w+) ---$", seen.output, flags=re.M)
        hits = {event: sum(map(int, re.findall(r"^ +Hits: (\d+)$", text, re.M)))
                for event, text in zip(tables[1::2], tables[2::2])}
        get = seen.counters.get
        wanted = {"fsc_retry": sum(get(why, 0) for why in WHYS), "fsc_violation": get("violations"),
                  "fsc_folio_alloc": get("allocs"), "fsc_reuse": get("recycled"), "fsc_folio_free": get("frees"),
                  "fsc_throttle": get("limbo_waits"), "fsc_phase": 8,
                  "fsc_limbo_release": get("frees") if OWN_CALLBACK.search(params) else 0}
        failed = hits.get("fsc_recheck_failed", -1)
        least = sum(get(why, 0) for why in (*RECHECKS, "fallback_pmd", "fallback_pte"))
        # On gup some of these had no reference.
        good = least <= failed <= least + get("fallback_memdesc", 0)
        out.result(good and {event: hits.get(event) for event in wanted} == wanted and bool(get("allocs"))
                   and bool(get("violations")) == ("busted" in params),
                   f"{params}: events are counters", f"{hits}\n{wanted}\n{seen.counters}")
    out.result(says_why(found[-1]), "a run that is refused says why", found[-1].output)


def documented() -> dict[str, set[str]]:
    """The events and their fields, as scripts/perf/README.md has them."""
    rows = re.findall(r"^\| `(fsc_\w+)` \| ((?:`\w+` ?)+)\|", (repo.SCRIPTS / "perf/README.md").read_text(), re.M)
    return {event: set(re.findall(r"\w+", fields)) for event, fields in rows}


def numbered(text: str) -> set[tuple[str, str]]:
    """What the .bt scripts call numbers."""
    return set(re.findall(r'^\t@(?:why|name)\[(\d+)\] = "(\w+)";', text, re.M))


def formats(out: Ktap, where: Where) -> None:
    """What is recorded, against the format files, the README and the scripts."""
    boot = where.boot("record", f"""
insmod "$FSC_KO" autorun=0 {RUN.replace("duration_ms=1000", "duration_ms=500")} || exit 10
for format in /sys/kernel/tracing/events/folioscale/fsc_*/format; do
	emit "$(basename "$(dirname "$format")")" "$format"
done
trace-cmd record -q -b 20000 -e folioscale -o /tmp/trace.dat sh -c {quote(RECORD)} >/tmp/said 2>&1 || exit 11
trace-cmd report -q -i /tmp/trace.dat >/tmp/report 2>>/tmp/said || exit 12
for format in /sys/kernel/tracing/events/folioscale/fsc_*/format; do
	grep -m 1 " $(basename "$(dirname "$format")"): " /tmp/report
done >/tmp/first
emit first /tmp/first
grep -c LOST /tmp/report >/tmp/lost
emit lost /tmp/lost
rmmod folioscale
""")
    blobs = {name: data.decode(errors="replace") for name, data in boot.blobs}
    out.result(boot.state == "PASS", "trace-cmd records and reports", f"{boot.state}: {boot.reason}: {blobs.get('first')}")
    out.result(blobs.get("lost") == "0\n", "and nothing is lost", f"{blobs.get('lost')}")
    files = {name: text for name, text in blobs.items() if name.startswith("fsc_")}
    wanted = documented()
    found = {name: set(re.findall(r"field:\w[\w ]* (?!common_)(\w+);", text)) for name, text in files.items()}
    out.result(found == wanted and len(found) == 10, "the README has every event's fields", f"{found}\n{wanted}")
    first = {match[1]: match[2] for match in re.finditer(r" (fsc_\w+): +(.*)", blobs.get("first", ""))}
    for event in sorted(wanted):
        fields = set(re.findall(r"\b(\w+)=", first.get(event, "")))
        out.result(fields == wanted[event], f"{event} is reported, with its fields", f"{first.get(event)}")
    named = {why for text in files.values() for why in re.findall(r'\{ (\d+), "(\w+)" \}', text)}
    used = {pair for path in BPFTRACE.glob("*.bt") for pair in numbered(path.read_text())}
    done = re.search(r'\{ 8, "done" \}', files.get("fsc_phase", ""))
    out.result(bool(used) and used <= named and done is not None, "the scripts' numbers are the format files'", f"{used - named}")


def costs(out: Ktap, where: Where) -> None:
    """Tracing on against off, in instructions."""
    boot = vm.boot(vm.BootSpec(
        kernel=where.kernel, job=COSTS, accel=accel.ICOUNT, timeout_s=TIMEOUT_S, vcpus=1, outdir=where.folder / "costs",
        files={"/point.sh": SCRIPTS / "guest/point.sh", "/folioscale.ko": where.module}))
    runs = {name.removeprefix("cost/"): json.loads(data) for name, data in boot.blobs if name.startswith("cost/")}
    figures = {name: metrics.icount(run, None) for name, run in runs.items()}
    for protocol in ("overlay", "typesafe", "rcu_desc", "rcu_full"):
        for what in ("lookup", "turnover"):
            off, on = (figures.get(f"{protocol}/{what}/{state}", {}).get(f"instructions_per_{what}", 0.0) for state in (0, 1))
            # There is none on a lookup.
            good = off > 0 and (abs(on / off - 1) <= 0.002 if what == "lookup" else on > off)
            out.result(good, f"{protocol}: instructions per {what}: {off:,.1f} untraced, {on:,.1f} traced",
                       f"{boot.state}: {boot.reason}")


def main() -> int:
    """Return the exit status."""
    args = parser(__doc__).parse_args()
    out = Ktap(lambda line: print(line, flush=True), 35 + 16 + 14 + 8)
    machine = kernel.choose(args.kdir, args.kernel, args.kver)
    with tempfile.TemporaryDirectory(prefix="folioscale-events-") as folder:
        module = kernel.build_module(machine, variables=kernel.WITH_OPENCODED) / "folioscale.ko"
        where = Where(machine, accel.choose(args.accel, machine), module, Path(folder))
        for test in (scripts, counted, formats, costs):
            test(out, where)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
