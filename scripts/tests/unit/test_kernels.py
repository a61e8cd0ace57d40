# SPDX-License-Identifier: GPL-2.0
"""Debug kernels: what is asked of Kconfig, and the message if Kconfig does not take it."""

import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo
from fsc.cmd import kernels
from fsc.verdict import SetupError
from fsc.vm import versions


class FragmentTest(unittest.TestCase):
    def test_every_line_is_a_setting(self) -> None:
        for path in kernels.FRAGMENTS.glob("*.config"):
            text = path.read_text()
            for line in text.splitlines():
                self.assertRegex(line, r"^(#.*|CONFIG_\w+=\S+|)$")
            names = re.findall(r"^(CONFIG_\w+)=", text, re.MULTILINE)
            self.assertEqual(len(names), len(set(names)), path.name)

    def test_every_file_is_used(self) -> None:
        used = {part for recipe in kernels.KERNELS.values() for part in recipe.fragments}
        names = {path.stem for path in kernels.FRAGMENTS.glob("*.config")}
        self.assertLessEqual(used, names)
        of_one = {f"{part}-{series}" for part in used for series in versions.known().series}
        self.assertLessEqual(names - used, of_one)

    def test_settings_of_one_series(self) -> None:
        oldest, *_, newest = versions.known().series
        own = "\nCONFIG_PROC_SYSCTL=y\n"
        self.assertIn(own, kernels.fragment("rt", oldest))
        self.assertNotIn(own, kernels.fragment("rt", newest))
        for series in (oldest, newest):
            self.assertIn("\nCONFIG_SYSCTL=y\n", kernels.fragment("rt", series))

    def test_what_each_is_for(self) -> None:
        kasan = ("KASAN_INLINE PROVE_LOCKING PROVE_RCU PROVE_RCU_LIST DEBUG_ATOMIC_SLEEP DEBUG_OBJECTS DEBUG_OBJECTS_RCU_HEAD "
                 "DEBUG_OBJECTS_WORK DEBUG_OBJECTS_TIMERS DEBUG_KMEMLEAK PAGE_POISONING PAGE_OWNER DEBUG_VM UBSAN FAULT_INJECTION "
                 "FAILSLAB FAIL_PAGE_ALLOC KUNIT SLUB_RCU_DEBUG")
        recycle = "PROVE_LOCKING PROVE_RCU DEBUG_OBJECTS DEBUG_ATOMIC_SLEEP PAGE_POISONING KUNIT"
        wanted = {
            "kasan": kasan,
            "uml-kasan": f"{kasan} NULL_CHAN",
            "uml-lockdep": f"{recycle} NULL_CHAN",
            "kcsan": "KCSAN KCSAN_STRICT KCSAN_WEAK_MEMORY KCSAN_EARLY_ENABLE KCSAN_SKIP_WATCH_RANDOMIZE "
                     "KCSAN_DELAY_RANDOMIZE PROVE_LOCKING",
            "recycle": recycle,
            "rt": "PREEMPT_RT PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP",
            "strict": f"{kasan} RCU_STRICT_GRACE_PERIOD",
        }
        self.assertEqual(set(wanted), set(kernels.DEBUG))
        for name, settings in wanted.items():
            for setting in settings.split():
                for series in versions.known().series:
                    self.assertIn(f"\nCONFIG_{setting}=y\n", kernels.fragment(name, series), name)
        self.assertNotIn("KASAN=", kernels.fragment("recycle", versions.known().default))

    def test_the_one_that_runs_as_a_process(self) -> None:
        *_, newest = versions.known().series
        settings = kernels.fragment(kernels.UM, newest)
        for setting in ("SMP=y", "MODULES=y", "NULL_CHAN=y", "BLK_DEV_INITRD=y"):
            self.assertIn(f"\nCONFIG_{setting}\n", settings)
        self.assertNotIn("VIRTIO", settings, "it has its own configuration, and not the virtual machines' base")
        with self.assertRaisesRegex(SetupError, "KVER=6.12: no uml of it: allowed: 7.2 7.3$"):
            kernels.build(kernels.UM, "6.12")

    def test_what_has_not_stuck(self) -> None:
        config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=60\n"
        self.assertEqual(kernels.lost("CONFIG_A=y\nCONFIG_C=60\nCONFIG_B=n\nCONFIG_D=n\n", config), [])
        self.assertEqual(kernels.lost("CONFIG_A=n\nCONFIG_B=y\nCONFIG_C=21\n", config),
                         ["CONFIG_A=n", "CONFIG_B=y", "CONFIG_C=21"])
        self.assertEqual(kernels.lost("CONFIG_C=21\nCONFIG_C=60\n", config), [], "the later one holds")


class CacheTest(unittest.TestCase):
    def test_place(self) -> None:
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "/x/y"}):
            self.assertEqual(repo.cache(), Path("/x/y/folioscale"))
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": ""}):
            self.assertEqual(repo.cache(), Path.home() / ".cache/folioscale")

    def test_unknown_kernel(self) -> None:
        with self.assertRaisesRegex(SetupError, "KERNEL=kmsan: allowed: kasan recycle kcsan rt strict uml uml-kasan uml-lockdep all"):
            kernels.build("kmsan", versions.known().default)

    def test_what_fails_is_told_by_its_end(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "build.log"
            with self.assertRaisesRegex(SetupError, r"(?s)building failed .*line 30$"):
                kernels._run(["sh", "-c", "for i in $(seq 30); do echo line $i; done; exit 1"], log,  # pylint: disable=protected-access
                             "building")
            self.assertIn("line 1\n", log.read_text())


if __name__ == "__main__":
    unittest.main()
