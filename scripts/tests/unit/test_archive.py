# SPDX-License-Identifier: GPL-2.0
"""Which packages of Debian's archive are taken for a kernel, and from where."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.verdict import SetupError
from fsc.vm import archive, fetch, tools
from fsc.vm.archive import Gone, Mirrors, Suite


def packages(version: str, flavour: str = "amd64", image: tuple[str, ...] = ("linux-image-{}",), common: str = "common") -> set[str]:
    release = f"{version}-{flavour}"
    return {f"linux-headers-{release}", f"linux-headers-{version}-{common}", f"linux-kbuild-{version}",
            *(name.format(release) for name in image)}


class NewestTest(unittest.TestCase):
    def newest(self, names: set[str], flavour: str = "amd64") -> str:
        found = fetch.newest(names, "1.2", flavour)
        return found.release if found else ""

    def test_newest_release(self) -> None:
        names = packages("1.2.9+deb1") | packages("1.2.10+deb1") | packages("1.2.10+deb1.1") | packages("1.20.3+deb1")
        self.assertEqual(self.newest(names), "1.2.10+deb1.1-amd64")
        self.assertEqual(self.newest(packages("1.2.3")), "1.2.3-amd64")

    def test_only_with_all_that_it_takes(self) -> None:
        for missing in packages("1.2.10+deb1"):
            names = packages("1.2.9+deb1") | packages("1.2.10+deb1") - {missing}
            self.assertEqual(self.newest(names), "1.2.9+deb1-amd64", missing)
        self.assertEqual(self.newest({"linux-image-1.2-amd64", "linux-headers-1.2-amd64"}), "", "metapackages alone")

    def test_flavours(self) -> None:
        cloud = packages("1.2.10+deb1", "cloud-amd64")
        self.assertEqual(self.newest(packages("1.2.9+deb1") | cloud), "1.2.9+deb1-amd64")
        of_rt = packages("1.2.9+deb1", "rt-amd64", common="common-rt")
        self.assertEqual(self.newest(of_rt, "rt-amd64"), "1.2.9+deb1-rt-amd64")
        self.assertEqual(self.newest(of_rt), "")
        shared = packages("1.2.9+deb1", "rt-amd64")
        self.assertIn("linux-headers-1.2.9+deb1-common", fetch.newest(shared, "1.2", "rt-amd64").names)

    def test_layouts(self) -> None:
        release = "1.2.9+deb1-amd64"
        for image, wanted in ((("linux-image-{}",), [f"linux-image-{release}"]),
                              (("linux-image-{}-unsigned",), [f"linux-image-{release}-unsigned"]),
                              (("linux-image-{}", "linux-binary-{}", "linux-base-{}", "linux-binary-unsigned-{}"),
                               [f"linux-binary-{release}", f"linux-base-{release}"]),
                              (("linux-binary-unsigned-{}", "linux-base-{}"),
                               [f"linux-binary-unsigned-{release}", f"linux-base-{release}"])):
            names = fetch.newest(packages("1.2.9+deb1", image=image), "1.2", "amd64").names
            self.assertEqual([name for name in names if "headers" not in name and "kbuild" not in name], wanted)


class LookTest(unittest.TestCase):
    """Which suite a package is taken from."""

    def look(self, has: dict[str, list[object]]) -> tuple[object, list[str]]:
        """What is found, and the suites whose lists were read again; @has lists what each look into a suite gives."""
        read: list[str] = []

        def get(suite: Suite) -> object:
            found = has[suite.name].pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        with mock.patch.object(Suite, "update", lambda suite: read.append(suite.name)):
            return fetch.look(list(has), "kernel", get), read

    def test_order(self) -> None:
        self.assertEqual(self.look({"a": ["x"], "b": ["y"]}), ("x", []))
        self.assertEqual(self.look({"a": [None], "b": ["y"]}), ("y", []))

    def test_old_lists_are_read_again_once(self) -> None:
        self.assertEqual(self.look({"a": [Gone("404"), "x"], "b": ["y"]}), ("x", ["a"]))
        self.assertEqual(self.look({"a": [Gone("404"), Gone("404")], "b": ["y"]}), ("y", ["a"]))

    def test_a_suite_that_cannot_be_read_does_not_stop_others(self) -> None:
        self.assertEqual(self.look({"a": [SetupError("expired")], "b": ["y"]}), ("y", []))

    def test_a_trouble_of_the_network_is_told(self) -> None:
        """No other suite is tried: its kernel would be kept forever."""
        for said in ("Temporary failure resolving 'm.test'", "Could not connect to m.test:80", "Connection timed out",
                     "write error: No space left on device"):
            with self.assertRaisesRegex(SetupError, r"^kernel: a: .*; try again, or set DEBIAN_MIRROR=$"):
                self.look({"a": [Gone("x"), SetupError(said)], "b": ["y"]})

    def test_nowhere(self) -> None:
        with self.assertRaisesRegex(SetupError, r"^no kernel in Debian's archive \(a: none; b: expired\)$"):
            self.look({"a": [None], "b": [SetupError("expired")]})


class DownloadTest(unittest.TestCase):
    """What apt is asked for."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.into = Path(folder.name) / "deb"
        self.asked: list[str] = []
        for target, name, value in ((archive.repo, "BUILD", Path(folder.name)), (Suite, "_apt", self.apt),
                                    (archive, "_say", lambda text: None)):
            patch = mock.patch.object(target, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.suite = Suite("a")

    def apt(self, command: str, *words: str, cwd: Path | None = None, program: str = "apt-get") -> str:
        del program
        self.asked.append(command if "--print-uris" in words else f"{command} for {cwd.name}" if cwd else command)
        if command == "update":
            lists = self.suite.folder / "lists"
            lists.mkdir(parents=True)
            (lists / "x_Packages").touch()
        elif "--print-uris" in words:
            return "Reading lists...\n'http://m.test/x.deb' x.deb 3 SHA256:0\n"
        elif cwd:
            (cwd / "x.deb").write_text("abc")
        return ""

    def test_lists_are_read_before_the_first_download(self) -> None:
        self.assertEqual(self.suite.download(["x"], self.into, "x", closure=True), [self.into / "x.deb"])
        self.assertEqual(self.asked, ["update", "install", "install for deb"])

    def test_what_is_there_is_not_downloaded_again(self) -> None:
        self.suite.download(["x"], self.into, "x")
        self.asked.clear()
        self.assertEqual(self.suite.download(["x"], self.into, "x"), [self.into / "x.deb"])
        self.assertEqual(self.asked, ["download"])
        (self.into / "x.deb").write_text("a")
        self.suite.download(["x"], self.into, "x")
        self.assertEqual(self.asked, ["download", "download", "download for deb"], "an interruption left a part of it")

    def test_libraries_come_from_the_suite_below(self) -> None:
        self.assertEqual([Suite(name).base.name for name in ("trixie", "trixie-backports", "trixie-security", "sid",
                                                              "experimental")], ["trixie"] * 3 + ["sid"] * 2)


class MirrorTest(unittest.TestCase):
    TARGETS = ("http://d.test/merged|chimaera|Debian|Devuan\n"
               "http://m.test/nodesource|nodistro|. nodistro|. nodistro\n"
               "http://m.test/debian/|bookworm|Debian|Debian\n"
               "http://other.test/debian/|bookworm-updates|Debian|Debian\n"
               "http://m.test/debian-security/|bookworm-security|Debian-Security|Debian\n")

    def test_from_apt(self) -> None:
        found = archive.mirrors_of(self.TARGETS, True)
        self.assertEqual(found, Mirrors("http://m.test/debian", "http://m.test/debian-security"))
        self.assertEqual(found.of("trixie-security"), "http://m.test/debian-security")
        self.assertEqual(found.of("trixie-backports"), "http://m.test/debian")

    def test_before_the_first_update(self) -> None:
        targets = "http://m.test/debian|trixie||\nhttp://m.test/debian-security|trixie-security||\n"
        self.assertEqual(archive.mirrors_of(targets, True), Mirrors("http://m.test/debian", "http://m.test/debian-security"))
        self.assertIsNone(archive.mirrors_of(targets, False))

    def test_disc(self) -> None:
        self.assertEqual(archive.mirrors_of("cdrom:[Debian 13]/|trixie|Debian|Debian\n" + self.TARGETS, True).main, "http://m.test/debian")

    def test_another_mirror_has_lists_of_its_own(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(archive.repo, "BUILD", Path(folder)), \
                mock.patch.object(archive, "proxies", return_value=""):
            lists = Path(folder, "apt/trixie/lists")
            for address, kept in (("a", False), ("a", True), ("b", False)):
                with mock.patch.object(archive, "mirrors", return_value=Mirrors(f"http://{address}.test/debian")):
                    Suite("trixie")._configure()  # pylint: disable=protected-access
                self.assertEqual((lists / "x_Packages").exists(), kept)
                (lists / "x_Packages").touch()

    def test_aged(self) -> None:
        """Only who asks for it gets lists past their date."""
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(archive.repo, "BUILD", Path(folder)), \
                mock.patch.object(archive, "proxies", return_value=""), \
                mock.patch.object(archive, "mirrors", return_value=Mirrors("http://a.test/debian")):
            for aged in (True, False):
                text = Suite("sid", aged)._configure().read_text()      # pylint: disable=protected-access
                self.assertEqual('Acquire::Check-Valid-Until "false";' in text, aged)

    def test_ubuntu(self) -> None:
        self.assertIsNone(archive.mirrors_of("http://u.test/ubuntu|noble|Ubuntu|Ubuntu\n", False))

    def mirrors(self, targets: str, own: str = "") -> Mirrors:
        done = subprocess.CompletedProcess([], 0, stdout=targets)
        with mock.patch.object(archive.subprocess, "run", return_value=done), \
                mock.patch.dict(os.environ, {"DEBIAN_MIRROR": own}):
            return archive.mirrors.__wrapped__()

    def test_own(self) -> None:
        self.assertEqual(self.mirrors(self.TARGETS, "http://mine.test/debian/"),
                         Mirrors("http://mine.test/debian", "http://m.test/debian-security"))
        self.assertEqual(self.mirrors("", "http://mine.test/debian"), Mirrors("http://mine.test/debian"))

    def test_none(self) -> None:
        with mock.patch.object(archive, "_is_debian", lambda: False), \
                self.assertRaisesRegex(SetupError, "no source of Debian's: set DEBIAN_MIRROR= to the address"):
            self.mirrors("http://u.test/ubuntu|noble|Ubuntu|Ubuntu\n")

    def test_what_it_takes(self) -> None:
        with mock.patch.object(archive.shutil, "which", lambda tool: None if tool == "dpkg-deb" else tool), \
                self.assertRaisesRegex(SetupError, r"no dpkg-deb \(package dpkg\)"):
            archive.ready()
        with mock.patch.object(archive.shutil, "which", lambda tool: tool), \
                mock.patch.object(archive, "KEYRING", Path("/nowhere")), \
                self.assertRaisesRegex(SetupError, "no /nowhere, .* install debian-archive-keyring"):
            archive.ready()


class HeadersTest(unittest.TestCase):
    def relocated(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            makefile = Path(folder) / "Makefile"
            makefile.write_text(text)
            fetch._relocate(Path(folder))  # pylint: disable=protected-access
            return makefile.read_text()

    def test_paths(self) -> None:
        self.assertEqual(self.relocated("include /usr/src/linux-headers-1-common/Makefile\n"),
                         "include ../linux-headers-1-common/Makefile\n")
        self.assertEqual(self.relocated("KBUILD_OUTPUT=/usr/src/linux-headers-1-amd64\ninclude /usr/src/common/Makefile\n"),
                         "KBUILD_OUTPUT=.\ninclude ../common/Makefile\n")
        for text in ("include /usr/share/x\n", "include /usr/src/common/Makefile\nX := /usr/src/x\n"):
            with self.assertRaisesRegex(SetupError, "not as expected"):
                self.relocated(text)


@unittest.skipUnless(shutil.which("gcc"), "no gcc")
class WrapTest(unittest.TestCase):
    def test_programs_run_by_their_own_library(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "before"
            (root / "lib/x86_64-linux-gnu").mkdir(parents=True)
            # The stand-in for the loader prints its arguments.
            loader = root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
            loader.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
            loader.chmod(0o755)
            (root / "bin").mkdir()
            shutil.copy(shutil.which("true"), root / "bin/tool")
            (root / "bin/script").write_text("#!/bin/sh\n")
            (root / "bin/script").chmod(0o755)
            self.assertEqual([path.name for path in tools.programs([root / "bin"])], ["tool"])
            tools.wrap([root / "bin"], root)
            self.assertEqual((root / "bin/script").read_text(), "#!/bin/sh\n")
            moved = root.rename(Path(name) / "after it")
            said = subprocess.run([moved / "bin/tool", "a b", "c"], check=True, text=True, stdout=subprocess.PIPE).stdout
            option, search, argv0, called, real, *words = said.splitlines()
            self.assertEqual((option, argv0, called, words), ("--library-path", "--argv0", f"{moved}/bin/tool", ["a b", "c"]))
            self.assertIn(f"{moved}/bin/../lib/x86_64-linux-gnu", search.split(":"))
            self.assertTrue(Path(real).samefile(moved / "bin/.tool.real"))

    def test_no_library(self) -> None:
        with tempfile.TemporaryDirectory() as name, self.assertRaisesRegex(SetupError, "no ld-linux-x86-64.so.2 below"):
            tools.wrap([], Path(name))


if __name__ == "__main__":
    unittest.main()
