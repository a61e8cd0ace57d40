# SPDX-License-Identifier: GPL-2.0
"""What is made from perf's output: parts, flame graphs, counts, delays. The output is made up."""

import re
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo
from fsc.perf import flame, latency, parts, samples, tool
from fsc.perf.recording import Recording
from fsc.perf.samples import Frame, Inlined, Module
from fsc.result import counts
from fsc.verdict import SetupError

TEXT = 0xffffffffc0001000
READER, FREER, KWORKER = 101, 102, 33
NAMES = {READER: "fsc_reader/0", FREER: "fsc_freer/0"}
# On CPU 0 the reader, which a softirq interrupts, and then idle; on CPU 1 the freer, which a
# kworker preempts. There are switches before and after the window, as perf records them.
SCRIPT = """\
swapper     0 [000]     0.900000000: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid:   101/101
kthreadd   101 [000]     0.900001000: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid:     0/0
kthreadd   102 [001]     1.000000000:    1000000 cpu-clock: \n\tffffffffc0001020 pagecache_x_turn
\tffffffff81000000 kthread

kthreadd   101 [000]     1.001000000:    1000000 cpu-clock: \n\tffffffff82000001 xas_load
\tffffffffc0001010 pagecache_x_read
\tffffffff81000000 kthread

kthreadd   102 [001]     1.002000000: PERF_RECORD_SWITCH_CPU_WIDE OUT preempt  next pid/tid:    33/33
kworker/1:1    33 [001]     1.002000000: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid:   102/102
kworker/1:1    33 [001]     1.003000000:    1000000 cpu-clock: \n\tffffffff82000002 kmem_cache_free_bulk
\tffffffff82000003 kvfree_rcu_bulk

kworker/1:1    33 [001]     1.004000000: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid:   102/102
kthreadd   102 [001]     1.004000000: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid:    33/33
kthreadd   101 [000]     1.004000000:    1000000 cpu-clock: \n\tffffffff82000004 kmem_cache_free
\tffffffffc0001030 fsc_x_callback
\tffffffff82000005 rcu_do_batch
\tffffffff82000006 asm_sysvec_apic_timer_interrupt
\tffffffffc0001010 pagecache_x_read

kthreadd   101 [000]     1.005000000: PERF_RECORD_LOST lost 7
kthreadd   101 [000]     1.006000000: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid:     0/0
swapper     0 [000]     1.006000000: PERF_RECORD_SWITCH_CPU_WIDE IN           prev pid/tid:   101/101
kthreadd   102 [001]     1.009000000:    1000000 cpu-clock: \n\tffffffffc0001020 pagecache_x_turn

kthreadd   102 [001]     1.010000000:    1000000 cpu-clock: \n\tffffffff82000007 schedule
\tffffffffc0001040 fsc_worker

kthreadd   102 [001]     9.000000000: PERF_RECORD_SWITCH_CPU_WIDE OUT          next pid/tid:     0/0
"""


def step(function: str, line: int = 1) -> Inlined:
    return Inlined(function, "/x/build/module/paths/pagecache.h", str(line))


LINES = {
    0x0f: (step("pagecache_find", 36), step("fsc_read_batch"), step("pagecache_x_read")),
    0x10: (step("fsc_use"), step("pagecache_x_read")),
    0x1f: (step("arch_local_irq_enable", 7), step("pagecache_x_turn")),
    0x20: (step("fsc_evict"), step("pagecache_x_turn")),
    0x2f: (step("fsc_x_callback"),), 0x30: (step("fsc_x_callback"),),
    0x3f: (step("fsc_worker"),), 0x40: (step("fsc_worker"),),
}


def recorded(lines: dict | None = None, refcounted: int = 1) -> Recording:
    """The recording of SCRIPT."""
    script = samples.parse(SCRIPT.splitlines())
    with mock.patch.object(samples, "addr2line", lambda file, offsets: {at: (lines or LINES)[at] for at in offsets}):
        found = Module(TEXT, TEXT + 0x100, Path("x.ko")).lines(script)
    threads = [{"name": "reader/0", "cpu_ns": 6_100_000}, {"name": "freer/0", "cpu_ns": 8_100_000}]
    params = {"path": "pagecache", "protocol": "<x> & y", "nr_readers": 1, "nr_freers": 1}
    run = {"resolved": {"refcounted": refcounted}, "threads": threads, "params": params, "window": {"window_ns": 11_000_000}}
    return Recording(script, found, run, NAMES, "cpu-clock", "no PMU")


class ScriptTest(unittest.TestCase):
    def test_time_is_that_between_switches_in_the_window(self) -> None:
        script = samples.parse(SCRIPT.splitlines())
        ms = {task: ns / 1e6 for task, ns in script.run_ns.items() if ns}
        self.assertEqual(ms, {(0, READER): 6, (1, FREER): 8, (1, KWORKER): 2})
        self.assertEqual((script.recorded_ns, script.lost), (10_000_000, 7))

    def test_a_late_sample_stands_for_more(self) -> None:
        script = samples.parse(SCRIPT.splitlines())
        reader = [script.time_ns(sample) for sample in script.samples if sample.tid == READER]
        self.assertEqual(reader, [3e6, 3e6])

    def test_frames(self) -> None:
        sample = samples.parse(SCRIPT.splitlines()).samples[1]
        self.assertEqual((sample.comm, sample.cpu, sample.period), ("kthreadd", 0, 1000000))
        self.assertEqual(sample.frames[:2], (Frame(0xffffffff82000001, "xas_load", False),
                                             Frame(0xffffffffc0001010, "pagecache_x_read", True)))

    def test_a_sample_without_a_chain(self) -> None:
        line = "bash 7 [000] 1.000000000: 250000 cycles:P:  ffffffff82000001 xas_load+0x3 ([kernel.kallsyms])"
        sample, = samples.parse([line]).samples
        self.assertEqual((sample.period, sample.frames), (250000, (Frame(0xffffffff82000001, "xas_load", False),)))

    def test_nothing_recorded(self) -> None:
        self.assertEqual(samples.parse(["", "what is this"]).samples, [])


class LinesTest(unittest.TestCase):
    def test_a_caller_is_where_it_called(self) -> None:
        lines = recorded().lines
        self.assertEqual(lines[Frame(TEXT + 0x10, "pagecache_x_read", True)], LINES[0x0f])
        self.assertEqual(lines[Frame(TEXT + 0x30, "fsc_x_callback", True)], LINES[0x2f])

    def test_a_timer_that_had_to_wait_is_charged_to_what_let_it_in(self) -> None:
        frame = Frame(TEXT + 0x20, "pagecache_x_turn", False)
        self.assertEqual(recorded().lines[frame], LINES[0x1f])
        self.assertEqual(recorded(LINES | {0x1f: LINES[0x20]}).lines[frame], LINES[0x20])


class PartTest(unittest.TestCase):
    def test_readers(self) -> None:
        for chain, part in (("xas_start xas_load pagecache_find fsc_read_batch fsc_worker", "find"),
                            ("xas_reload pagecache_find fsc_read_batch", "acquire"),
                            ("fsc_memdesc_word fsc_folio_peek pfn_try pfn_block_twice", "find"),
                            ("fsc_memdesc_word fsc_folio_peek pfn_word_again pfn_try pfn_block_twice", "acquire"),
                            ("fsc_folio_frame_word gup_word_again gup_walk", "acquire"),
                            ("raw_atomic_fetch_add_unless fsc_cas_tryget pagecache_find", "acquire"),
                            ("fsc_xadd_put_testzero fsc_reader_put", "release"),
                            ("fsc_overlay_free.isra.0 fsc_reader_free", "release"),
                            ("fsc_clock fsc_spin pagecache_lookup", "hold"),
                            ("fsc_clock fsc_spin fsc_delay.constprop.0 pagecache_find", "gap"),
                            ("arch_local_irq_enable gup_section_plain", "irqs off"),
                            ("fsc_check_stamp fsc_use fsc_read_batch", "use"),
                            ("copy_from_kernel_nofault fsc_seq_read_copied pagecache_lookup", "use"),
                            ("fsc_stream_next fsc_draw_key pagecache_section_plain", "other"),
                            ("schedule fsc_worker kthread", None)):
            self.assertEqual(parts.part_of("reader", chain.split()), part, chain)

    def test_without_a_reference_the_section_is_what_keeps_the_folio(self) -> None:
        for name, part in (("rcu_read_lock", "acquire"), ("rcu_read_unlock", "release")):
            chain = [f"__{name}", name, "pagecache_section_plain"]
            self.assertEqual(parts.part_of("reader", chain), "find")
            self.assertEqual(parts.part_of("reader", chain, refcounted=False), part)

    def test_freers(self) -> None:
        for chain, part in (("xas_store fsc_mapping_remove pagecache_remove fsc_evict fsc_turnover", "unlink"),
                            ("__free_pages fsc_desc_free_both fsc_evict fsc_turnover", "free"),
                            ("fsc_desc_identify fsc_allocate fsc_refill fsc_turnover", "allocate"),
                            ("xas_store pagecache_publish fsc_allocate", "allocate"),
                            ("fsc_clock fsc_spin_resched fsc_allocate fsc_refill", "gap"),
                            ("fsc_limbo_flush fsc_limbo_check fsc_refill", "other")):
            self.assertEqual(parts.part_of("freer", chain.split()), part, chain)

    def test_deferred_work_on_whatever_thread(self) -> None:
        for name, chain, found in (
                ("ksoftirqd/1", "kmem_cache_free fsc_rcu_full_callback rcu_do_batch rcu_core", ("deferred", "callbacks")),
                ("kworker/1:1", "kfree_bulk kvfree_rcu_bulk kfree_rcu_work", ("deferred", "kfree_rcu")),
                ("rcu_preempt", "schedule rcu_gp_fqs_loop rcu_gp_kthread", ("deferred", "grace periods")),
                ("fsc_reader/0", "fsc_x_callback rcu_do_batch asm_sysvec_apic_timer_interrupt fsc_use", ("deferred", "callbacks")),
                ("fsc_reader/0", "handle_softirqs asm_sysvec_apic_timer_interrupt fsc_use", ("reader", "interrupts")),
                ("fsc_freer/0", "__call_rcu_common kvfree_call_rcu fsc_rcu_desc_free fsc_evict", ("freer", "free")),
                ("swapper", "handle_softirqs asm_sysvec_apic_timer_interrupt default_idle", ("", "")),
                ("bash", "schedule", ("", ""))):
            self.assertEqual(parts.where_is(name, chain.split(), True), found, chain)

    def test_what_is_ours_in_the_table_is_in_the_sources(self) -> None:
        sources = "\n".join(path.read_text() for folder in ("module", "include") for path in (repo.ROOT / folder).rglob("*.[ch]"))
        # Macros make some for every path.
        names = set(re.findall(r"\b[a-z]\w+(?=\()", sources.replace("path##_", "pagecache_")))
        for role, table in parts.PARTS.items():
            for patterns in table.values():
                for pattern in patterns:
                    if re.match(r"fsc|pagecache|gup|pfn|\(pagecache", pattern):
                        self.assertTrue(any(re.fullmatch(pattern, name) for name in names), f"{role}: {pattern}")


class SplitTest(unittest.TestCase):
    def setUp(self) -> None:
        self.found = parts.document(recorded())

    def ms(self, role: str) -> dict[str, float]:
        return {part: share["ns"] / 1e6 for part, share in self.found["roles"][role]["parts"].items() if share["ns"]}

    def test_each_sample_is_in_one_part_of_its_thread(self) -> None:
        self.assertEqual(self.ms("reader"), {"find": 3, "deferred": 3})
        self.assertEqual({part: round(ms, 3) for part, ms in self.ms("freer").items()}, {"other": 8})
        self.assertEqual(self.ms("deferred"), {"callbacks": 3, "kfree_rcu": 2})
        self.assertEqual(self.found["deferred_on"], {"fsc_reader/0": 3e6, "kworker/1:1": 2e6})

    def test_parts_add_up_to_the_threads_time(self) -> None:
        for role, ns in (("reader", 6_000_000), ("freer", 8_000_000)):
            self.assertEqual(self.found["roles"][role]["parts_ns"], ns)
        self.assertEqual([thread["recorded_ns"] for thread in self.found["threads"]], [6_000_000, 8_000_000])

    def test_lines(self) -> None:
        line = next(line for line in self.found["lines"] if line["part"] == "find")
        self.assertEqual((line["symbol"], line["line"], line["samples"]), ("xas_load", "pagecache.h:36", 1))

    def test_text(self) -> None:
        text = parts.render(self.found, 5)
        for wanted in ("LOST 7 samples", "recorded  10 ms of a window of 11 ms", "find                    1         3.0    50.0", "xas_load", "on fsc_reader/0 60%"):
            self.assertIn(wanted, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)


class FlameTest(unittest.TestCase):
    def test_folded(self) -> None:
        stacks = flame.fold(recorded())
        self.assertEqual(stacks["fsc_reader/0", "kthread", "pagecache_x_read", "fsc_read_batch (inlined)",
                                "pagecache_find (inlined)", "xas_load"], 3e6)
        self.assertEqual({stack[0] for stack in stacks}, {"fsc_reader/0", "fsc_freer/0", "kworker/1:1"})
        self.assertAlmostEqual(sum(stacks.values()), 16e6, places=3)

    def test_drawn(self) -> None:
        text = flame.draw({("fsc_<reader>&", "a" * 300, "b"): 3e6, ("fsc_<reader>&", "c"): 1e6}, "x < y & z")
        root = xml.etree.ElementTree.fromstring(text)
        titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
        self.assertEqual(titles[0], "fsc_<reader>&: 4.00 ms, 100.00%")
        self.assertIn("c: 1.00 ms, 25.00%", titles)
        widths = [float(box.get("width")) for box in root.findall(".//*[@fill]")[1:]]
        self.assertEqual(widths, [1180, 885, 885, 295])
        self.assertNotIn("<script", text)

    def test_nothing_to_draw(self) -> None:
        xml.etree.ElementTree.fromstring(flame.draw({}, "nothing"))


class StatTest(unittest.TestCase):
    SAID = ('# started on Wed\n\n'
            '{"thread" : "fsc_reader/0-11", "counter-value" : "2998.5", "unit" : "msec", "event" : "task-clock"}\n'
            '{"thread" : "fsc_reader/1-12", "counter-value" : "1.5", "unit" : "msec", "event" : "task-clock"}\n'
            '{"thread" : "fsc_reader/0-11", "counter-value" : "<not supported>", "unit" : "", "event" : "cycles"}\n'
            '{"thread" : "fsc_reader/1-12", "counter-value" : "7.000000", "unit" : "", "event" : "cycles"}\n'
            '{"thread" : "fsc_freer/0-13", "counter-value" : "251.000000", "unit" : "", "event" : "context-switches"}\n')

    def test_by_role(self) -> None:
        found = counts.by_role(counts.parse(self.SAID))
        self.assertEqual(found, {"reader": {"task-clock": 3000, "cycles": None}, "freer": {"context-switches": 251}})

    def test_who_comes_too_late_gets_a_second_try(self) -> None:
        run = {"window": {"window_ns": 1}, "counters": {}, "params": {}}
        values = {"max_turnovers": "0", "warmup_ms": "500"}
        for given, seen in ((None, [500, 6000, 30000, 500]), (7000, [500, 7000, 500])):
            tried: list[str] = []
            with mock.patch.multiple(counts.perf_run, param=values.get, has_pmu=lambda: False,
                                     set_params=lambda words, to=tried: to.extend(words)), \
                    mock.patch.object(counts, "_attached", side_effect=[counts.TooLate("late"), (self.SAID, run)]):
                try:
                    found = counts.count(["warmup_ms=500"], given)
                except counts.TooLate:
                    found = None
            self.assertEqual(tried, [f"warmup_ms={ms}" for ms in seen])
            self.assertEqual(found is None, given is not None)

    def test_text(self) -> None:
        threads = counts.parse(self.SAID)
        text = counts.render({"threads": threads, "roles": counts.by_role(threads), "window_ns": 3e9,
                              "counters": {"lookups": 5, "turnovers": 6}, "not_counted": ["cycles"]})
        self.assertRegex(text, r"task-clock +3,000.0 ms +- +- +2,998.5 ms +1.5 ms")
        self.assertIn("no PMU: cycles", text)


class SchedTest(unittest.TestCase):
    RAW = ("[000] 1.000000000: sched:sched_switch: prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> "
           "next_comm=fsc_reader/0 next_pid=101 next_prio=120",
           "[000] 1.004000000: sched:sched_switch: prev_comm=fsc_reader/0 prev_pid=101 prev_prio=120 prev_state=R+ ==> "
           "next_comm=kworker/0:1 next_pid=9 next_prio=120",
           "[000] 1.004500000: sched:sched_switch: prev_comm=kworker/0:1 prev_pid=9 prev_prio=120 prev_state=I ==> "
           "next_comm=fsc_reader/0 next_pid=101 next_prio=120",
           "[000] 1.006000000: sched:sched_switch: prev_comm=fsc_reader/0 prev_pid=101 prev_prio=120 prev_state=I ==> "
           "next_comm=swapper/0 next_pid=0 next_prio=120",
           "[001] 1.007000000: sched:sched_wakeup: comm=fsc_reader/0 pid=101 prio=120 target_cpu=000",
           "[000] 1.007200000: sched:sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> "
           "next_comm=fsc_reader/0 next_pid=101 next_prio=120")

    def test_preempted_and_woken(self) -> None:
        reader, freer = latency.parse(self.RAW, NAMES)
        self.assertEqual(reader.delays_ns, [500_000, 200_000])
        self.assertEqual((reader.ran_ns, reader.preempted, reader.cpus), (5_500_000, 1, {0}))
        self.assertEqual(reader.waited_for, {"kworker/0:1": 500_000, "swapper/0": 200_000})
        self.assertEqual((reader.delay_ns(0.5), reader.delay_ns(0.99)), (200_000, 500_000))
        self.assertEqual((freer.name, freer.delays_ns, freer.delay_ns(1)), ("fsc_freer/0", [], 0))

    def test_edges_of_the_window(self) -> None:
        later = "[001] 1.010000000: sched:sched_wakeup: comm=x pid=7 prio=120 target_cpu=001"
        self.assertEqual(latency.parse((*self.RAW, later), NAMES)[0].ran_ns, 5_500_000 + 2_800_000)
        self.assertEqual(latency.parse((*self.RAW[:5], later), NAMES)[0].delays_ns, [500_000, 3_000_000])

    def test_lost_events_are_said(self) -> None:
        self.assertIn("LOST 3 events", latency.render({"window_ns": 3e9, "threads": [], "lost_events": 3}))

    def test_as_plugins_print_it(self) -> None:
        plugged = [re.sub(r"(?:prev_|next_)?comm=(\S+) (?:prev_|next_)?pid=(\d+) (?:prev_|next_)?prio=(\d+)", r"\1:\2 [\3]", line)
                   .replace("prev_state=", "").replace("target_cpu", "CPU") for line in self.RAW]
        self.assertIn("fsc_reader/0:101 [120] R+ ==> kworker/0:1:9 [120]", plugged[1])
        self.assertEqual(latency.parse(plugged, NAMES), latency.parse(self.RAW, NAMES))

    def test_text(self) -> None:
        text = latency.render({"window_ns": 3e9, "threads": [thread.document() for thread in latency.parse(self.RAW, NAMES)]})
        self.assertRegex(text, r"fsc_reader/0 +0 +5.5 +2 +200.0 +500.0 +500.0")
        self.assertIn("fsc_reader/0 waited 0.7 ms for kworker/0:1 71%, swapper/0 29%", text)
        self.assertIn("fsc_freer/0 waited 0.0 ms\n", text)


class ToolTest(unittest.TestCase):
    def test_nothing_is_written_over(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(tool.empty_folder(Path(folder)), Path(folder))
            (Path(folder) / "perf.data").touch()
            with self.assertRaisesRegex(SetupError, "allowed: an empty folder"):
                tool.empty_folder(Path(folder))
