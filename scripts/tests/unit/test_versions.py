# SPDX-License-Identifier: GPL-2.0
"""Which kernels are supported, and which of them KVER names."""

import unittest
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.verdict import SetupError
from fsc.vm import versions


class VersionsTest(unittest.TestCase):
    def test_the_file(self) -> None:
        found = versions.known()
        self.assertGreaterEqual(len(found.series), 2)
        self.assertEqual(found.default, max(found.series, key=versions.numbers))
        self.assertTrue(found.compilers)

    def test_parse(self) -> None:
        found = versions.parse("# x\n1.9 b a # why\n\n1.10\tc\ngcc d e\n")
        self.assertEqual(found.series, {"1.9": ("b", "a"), "1.10": ("c",)})
        self.assertEqual((found.default, found.compilers), ("1.10", ("d", "e")))

    def test_series_of_a_release(self) -> None:
        for release in "7.3.4+deb13-amd64", "7.3.0-rc1", "7.3":
            self.assertEqual(versions.of(release), "7.3")
        with self.assertRaisesRegex(SetupError, "kernel next: its name does not begin with a series such as 7.3"):
            versions.of("next")

    def test_wrong_lines(self) -> None:
        for text, why in (("six a\ngcc b\n", "versions:1: six: must be a series such as 1.2, or gcc"),
                          ("1.2 a\n1.2 b\ngcc b\n", "versions:2: 1.2: is there twice"),
                          ("1.2\ngcc b\n", "versions:1: 1.2: has no suite"),
                          ("1.2 a ../b\ngcc b\n", "versions:1: 1.2: '../b' is no name of a suite"),
                          ("1.2 a\n", "versions: no gcc"), ("gcc a\n", "versions: no series"),
                          ("1.10 a\n1.9 a\ngcc a\n", "versions: the series must stand oldest first")):
            with self.assertRaises(SetupError) as caught:
                versions.parse(text)
            self.assertEqual(str(caught.exception), why)

    def test_kver(self) -> None:
        with mock.patch.object(versions, "known", lambda: versions.parse("1.9 a\n1.10 a\n1.11 a\ngcc a\n")):
            self.assertEqual(versions.chosen(None), ["1.11"])
            self.assertEqual(versions.chosen(""), ["1.11"])
            self.assertEqual(versions.chosen("1.9"), ["1.9"])
            self.assertEqual(versions.chosen("1.10,1.9", several=True), ["1.9", "1.10"])
            for kver, several, why in (("1.8", False, "KVER=1.8: no kernel 1.8; allowed: 1.9 1.10 1.11"),
                                       ("1.9,1.8", True, "KVER=1.9,1.8: no kernel 1.8; allowed: 1.9 1.10 1.11"),
                                       ("1.9,", True, "KVER=1.9,: no kernel without a name; allowed: 1.9 1.10 1.11"),
                                       ("1.9,1.9", True, "KVER=1.9,1.9: names a kernel twice"),
                                       ("1.9,1.10", False, "KVER=1.9,1.10: allowed: one of 1.9 1.10 1.11; only bench "
                                                           "takes several")):
                with self.assertRaises(SetupError) as caught:
                    versions.chosen(kver, several)
                self.assertEqual(str(caught.exception), why)


if __name__ == "__main__":
    unittest.main()
