# SPDX-License-Identifier: GPL-2.0
"""Unfair kernels are refused with one line that says what and how to fix it."""

import unittest

import synthetic
from fsc.result import fairness
from fsc.verdict import SetupError

OFF = {"kmalloc-64": {flag: 0 for flag in fairness.SLAB_FLAGS}}


class FairnessTest(unittest.TestCase):
    def config(self, **facts: int) -> dict:
        return {"kernel": synthetic.KERNEL | {"facts": synthetic.FACTS | facts}}

    def test_fair(self) -> None:
        fairness.check(self.config(kasan=1), OFF)

    def test_refused(self) -> None:
        for fact in fairness.UNFAIR_FACTS:
            with self.assertRaisesRegex(SetupError, f"refused: {fact} is on: .+") as caught:
                fairness.check(self.config(**{fact: 1}), OFF)
            self.assertNotIn("\n", str(caught.exception))

    def test_slab_debug(self) -> None:
        for flag in fairness.SLAB_FLAGS:
            with self.assertRaisesRegex(SetupError, f"kmalloc-64 .*{flag}"):
                fairness.check(self.config(), {"kmalloc-64": OFF["kmalloc-64"] | {flag: 1}})

    def test_all_at_once(self) -> None:
        with self.assertRaisesRegex(SetupError, "init_on_alloc.*init_on_free"):
            fairness.check(self.config(init_on_alloc=1, init_on_free=1), OFF)


if __name__ == "__main__":
    unittest.main()
