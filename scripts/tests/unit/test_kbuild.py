# SPDX-License-Identifier: GPL-2.0
"""The compiler that a kernel needs, and the messages about trees in which no module can be built."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.verdict import SetupError
from fsc.vm import compiler, kbuild, tools

GCC = "CONFIG_CC_IS_GCC=y\nCONFIG_GCC_VERSION=140200\nCONFIG_CC_VERSION_TEXT=x-gcc-14 (Debian 14.2.0-19) 14.2.0\n"
CLANG = ("CONFIG_CC_IS_CLANG=y\nCONFIG_GCC_VERSION=0\nCONFIG_CLANG_VERSION=190103\n"
         "CONFIG_CC_VERSION_TEXT=Debian clang version 19.1.3\n")


class Tree(unittest.TestCase):
    """A folder that looks like a kernel tree, and one with programs that print what a test wants."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kdir, self.bin = Path(folder.name) / "linux", Path(folder.name) / "bin"
        self.write("Makefile", "")
        self.write("Kbuild", "")
        self.write("include/config/kernel.release", "1.2.3-mine\n")
        self.write("scripts/mod/modpost", "")
        self.write("Module.symvers", "0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n")
        self.config(f"CONFIG_MODULES=y\n{GCC}")
        self.bin.mkdir()
        path = mock.patch.dict(os.environ, {"PATH": str(self.bin)})
        path.start()
        self.addCleanup(path.stop)

    def write(self, name: str, text: str) -> None:
        (self.kdir / name).parent.mkdir(parents=True, exist_ok=True)
        (self.kdir / name).write_text(text)

    def config(self, text: str) -> None:
        self.write("include/config/auto.conf", text)

    def program(self, name: str, says: str = "") -> None:
        (self.bin / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (self.bin / name).chmod(0o755)


class CompilerTest(Tree):
    def test_wanted(self) -> None:
        self.assertEqual(compiler.wanted(self.kdir), compiler.Wanted("gcc", 14, "x-gcc-14 (Debian 14.2.0-19) 14.2.0"))
        self.config(CLANG + "CONFIG_LD_IS_LLD=y\n")
        self.assertEqual(compiler.wanted(self.kdir), compiler.Wanted("clang", 19, "Debian clang version 19.1.3", lld=True))
        self.write(".kernelvariables", "override CROSS_COMPILE = x86_64-linux-gnu-\n")
        self.assertEqual(compiler.wanted(self.kdir).cross, "x86_64-linux-gnu-")

    def test_pahole_is_wanted_for_btf_alone(self) -> None:
        settings = GCC + "CONFIG_PAHOLE_VERSION=130\n"
        self.config(settings + "CONFIG_DEBUG_INFO_BTF_MODULES=y\n")
        self.assertEqual(compiler.wanted(self.kdir).pahole, 0, "no vmlinux")
        self.write("vmlinux", "")
        self.assertEqual(compiler.wanted(self.kdir).pahole, 130)
        self.config(settings)
        self.assertEqual(compiler.wanted(self.kdir).pahole, 0)

    def test_only_dot_config(self) -> None:
        (self.kdir / "include/config/auto.conf").unlink()
        self.write(".config", 'CONFIG_CC_VERSION_TEXT="gcc (GCC) 9"\nCONFIG_GCC_VERSION=90100\n# CONFIG_X is not set\n')
        self.assertEqual(compiler.wanted(self.kdir), compiler.Wanted("gcc", 9, "gcc (GCC) 9"))
        self.write(".config", "")
        with self.assertRaisesRegex(SetupError, f"^KDIR={self.kdir}: .* does not say which compiler .*: run make olddefconfig"):
            compiler.wanted(self.kdir)

    def test_the_hosts(self) -> None:
        self.program("ld")
        self.program("gcc", "12")
        self.program("gcc-14", "14")
        self.assertEqual(compiler.choose(self.kdir), compiler.Toolchain(("CC=gcc-14",)))
        self.program("gcc", "14.2.1")
        (self.bin / "gcc-14").unlink()
        self.assertEqual(compiler.choose(self.kdir), compiler.Toolchain(("CC=gcc",)))

    def test_one_that_is_fetched(self) -> None:
        self.program("ld")
        self.program("gcc", "12")
        with mock.patch.object(tools, "folder", return_value=Path("/tools")) as fetched:
            found = compiler.choose(self.kdir)
        fetched.assert_called_once_with("gcc-14")
        self.assertEqual(found, compiler.Toolchain(("CC=x86_64-linux-gnu-gcc-14",), (Path("/tools"),)))
        self.assertEqual(found.env({"PATH": "/bin"})["PATH"], "/tools:/bin")
        # Without the binutils that the headers name, the host's compiler is of no use.
        self.program("gcc-14", "14")
        self.write(".kernelvariables", "override CROSS_COMPILE = x86_64-linux-gnu-\n")
        with mock.patch.object(tools, "folder", return_value=Path("/tools")) as fetched:
            compiler.choose(self.kdir)
        fetched.assert_called_once_with("gcc-14")

    def test_none(self) -> None:
        with mock.patch.object(tools, "folder", side_effect=SetupError("no network")), self.assertRaisesRegex(
                SetupError, r"^the kernel was built with x-gcc-14 .*: install the package gcc-14 \(no network\)$"):
            compiler.choose(self.kdir)

    def test_clang(self) -> None:
        self.config(CLANG + "CONFIG_LD_IS_LLD=y\n")
        self.program("gcc", "19")
        self.program("clang", "14.0.6")
        with self.assertRaisesRegex(SetupError, "built with Debian clang version 19.1.3: install the package clang-19$"):
            compiler.choose(self.kdir)
        self.program("clang-19", "19.1.7")
        with self.assertRaisesRegex(SetupError, "there is no ld.lld-19: install the package lld-19$"):
            compiler.choose(self.kdir)
        self.program("ld.lld-19")
        with self.assertRaisesRegex(SetupError, "there is no llvm-objcopy-19: install the package llvm-19$"):
            compiler.choose(self.kdir)
        self.program("llvm-objcopy-19")
        self.assertEqual(compiler.choose(self.kdir), compiler.Toolchain(("LLVM=-19",)))
        for name in ("clang", "ld.lld", "llvm-objcopy"):
            self.program(name, "19.1.7")
        (self.bin / "clang-19").unlink()
        self.assertEqual(compiler.choose(self.kdir), compiler.Toolchain(("LLVM=1",)))
        self.config(CLANG)
        self.assertEqual(compiler.choose(self.kdir), compiler.Toolchain(("CC=clang",)), "with the GNU linker")

    def test_pahole(self) -> None:
        self.config(GCC + "CONFIG_PAHOLE_VERSION=130\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n")
        self.write("vmlinux", "")
        self.program("ld")
        self.program("gcc", "14")
        self.program("pahole", "v1.30")
        self.assertEqual(compiler.choose(self.kdir).variables, ("CC=gcc", "PAHOLE=pahole"))
        self.program("pahole", "v1.24")
        with mock.patch.object(tools, "folder", return_value=Path("/tools")) as fetched:
            self.assertEqual(compiler.choose(self.kdir).variables, ("CC=gcc", "PAHOLE=/tools/pahole"))
        fetched.assert_called_once_with("pahole", "1.30")
        with mock.patch.object(tools, "folder", side_effect=SetupError("no network")):
            with self.assertRaisesRegex(SetupError, r"BTF was made by pahole 1.30: install the package pahole .*\(no network\)"):
                compiler.choose(self.kdir)
            self.program("pahole", "v1.31")
            self.assertEqual(compiler.choose(self.kdir).variables, ("CC=gcc", "PAHOLE=pahole"), "a newer one serves")


class KdirTest(Tree):
    def refused(self, why: str, kdir: Path | None = None) -> None:
        with self.assertRaises(SetupError) as caught:
            kbuild.check(kdir or self.kdir)
        self.assertRegex(str(caught.exception), f"^KDIR={kdir or self.kdir}{why}")
        self.assertNotIn("\n", str(caught.exception))

    def test_a_good_one(self) -> None:
        kbuild.check(self.kdir)
        self.assertEqual(kbuild.release_of(self.kdir), "1.2.3-mine")

    def test_no_tree(self) -> None:
        self.refused(": no such folder", self.kdir / "absent")
        self.refused(" is not a kernel tree: it has no Makefile", self.bin)
        (self.bin / "Makefile").touch()
        self.refused(" is not a kernel tree: it has neither Kbuild nor .config", self.bin)

    def test_not_built(self) -> None:
        (self.kdir / "include/config/kernel.release").unlink()
        self.refused(" is not built .*: build the kernel there, or name the folder that it was built into with O=")

    def test_output_folder(self) -> None:
        (self.kdir / "Kbuild").unlink()
        (self.kdir / "source").symlink_to(self.bin)
        self.refused(f" was built from {self.bin}, which is gone: build it again")
        (self.bin / "Makefile").touch()
        kbuild.check(self.kdir)

    def test_no_modules(self) -> None:
        self.config(GCC)
        self.refused(" was built without CONFIG_MODULES: ")

    def test_half_built(self) -> None:
        (self.kdir / "Module.symvers").unlink()
        self.refused(" has no Module.symvers: run make modules there")
        (self.kdir / "scripts/mod/modpost").unlink()
        self.refused(" has no scripts/mod/modpost: run make modules_prepare there")

    def test_versions(self) -> None:
        self.config(f"CONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\n{GCC}")
        self.refused(" has CONFIG_MODVERSIONS, and no CRC of the kernel's in Module.symvers")
        self.write("Module.symvers", "0x0000abcd\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n0x1\tx\tdrivers/x\tEXPORT_SYMBOL\t\n")
        kbuild.check(self.kdir)
        self.write("vmlinux.symvers", "0x0000abce\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n")
        self.refused(r": Module.symvers is of another build than vmlinux \(kfree is 0x0000abcd and 0x0000abce\)")
        self.write("vmlinux.symvers", "0x0000abcd\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n")
        kbuild.check(self.kdir)


class ExplainTest(Tree):
    UNDEFINED = ('ERROR: modpost: "kfree_call" [/b/f.ko] undefined!\nERROR: modpost: "kfree_call" [/b/g.ko] undefined!\n'
                 'ERROR: modpost: "try_get" [/b/f.ko] undefined!\nmake[2]: *** [Makefile.modpost:145: x] Error 1\n')

    def test_symbols(self) -> None:
        self.assertEqual(kbuild.explain(self.UNDEFINED, self.kdir), "the kernel does not export what the module needs, or "
                         "Module.symvers is of another build: kfree_call, try_get")
        self.config(f"CONFIG_TRIM_UNUSED_KSYMS=y\n{GCC}")
        self.assertEqual(kbuild.explain(self.UNDEFINED, self.kdir), "the kernel has CONFIG_TRIM_UNUSED_KSYMS, which took away "
                         "what the module needs: kfree_call, try_get; disable it and build the kernel again")
        self.assertIn("try_get and more;", kbuild.explain(
            self.UNDEFINED + "ERROR: modpost: Suppressed 3 unresolved symbol warnings because there were too many)\n", self.kdir))

    def test_btf(self) -> None:
        said = "  BTF [M] x.ko\nlibbpf: failed to find valid kernel BTF\nmake[2]: *** [Makefile.modfinal:57: x.ko] Error 1\n"
        self.config(f"CONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_PAHOLE_VERSION=124\n{GCC}")
        self.assertEqual(kbuild.explain(said, self.kdir), "the module's BTF cannot be made (libbpf: failed to find valid kernel "
                         "BTF): vmlinux and pahole do not match; build vmlinux again, or install pahole 1.24, which it was "
                         "built with")

    def test_first_error(self) -> None:
        said = ("  CC [M]  a.o\na.c:1:2: warning: w\na.c:3:4: error: no such thing\na.c:9:9: error: another\n"
                "make[2]: *** [Makefile.build:243: a.o] Error 1\n")
        for more in ("", "CONFIG_DEBUG_INFO_BTF_MODULES=y\n"):
            self.config(more + GCC)
            self.assertEqual(kbuild.explain(said, self.kdir), "a.c:3:4: error: no such thing")
        said = "  BTF [M] y.ko\npahole: error\na.c:3:4: error: no such thing\n"
        self.assertEqual(kbuild.explain(said, self.kdir), "a.c:3:4: error: no such thing", "whatever else fails beside it")
        self.assertEqual(kbuild.explain("make: *** No rule to make target 'x'.  Stop.\n", self.kdir),
                         "make: *** No rule to make target 'x'.  Stop.")
        self.assertEqual(kbuild.explain("/k/objtool: libc.so.6: version `X' not found\nmake[3]: *** [M:5: a.o] Error 1\n"
                                        "make[3]: *** Deleting file 'a.o'\nmake: *** [Makefile:2: x] Error 2\n", self.kdir),
                         "/k/objtool: libc.so.6: version `X' not found")

    def test_warnings(self) -> None:
        said = ("warning: the compiler differs from the one used to build the kernel\n  The kernel was built by: gcc 14.1\n"
                "  You are using:           gcc 14.2\nwarning: pahole version differs from the one used to build the kernel\n"
                "  The kernel was built with: 130\n  You are using:             131\na.c:1: warning: w\nb.c:1: note: n\n"
                "a.c:1: warning: w\n")
        self.assertEqual(kbuild.warnings(kbuild.notable(said, self.kdir)), "a.c:1: warning: w")
        self.config(f"CONFIG_DEBUG_INFO_BTF_MODULES=y\n{GCC}")
        self.assertEqual(kbuild.warnings(kbuild.notable(said, self.kdir)),
                         "warning: pahole version differs from the one used to build the kernel\na.c:1: warning: w")


if __name__ == "__main__":
    unittest.main()
