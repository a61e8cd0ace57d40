#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What compilers and checkers say of the sources, and that each of them would say something. KTAP."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo, traits  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402
from fsc.vm import fetch, kernel, versions  # noqa: E402
from fsc.vm.kernel import Kernel  # noqa: E402
from options import parser  # noqa: E402

PLANTED = TESTS / "planted"
CHECKPATCH = repo.BUILD / f"checkpatch-{versions.known().default}"
# The measured loops: on each path three for each protocol with each of its trygets, and for each
# negative control. Names that begin with fsc_ are not loops, and a loop that its path refuses has
# no branch in it.
LOOP = re.compile(r"(?!fsc_)\w+_(read|read_general|turn)(\.\w+)*")
LEAST_LOOPS = 3 * (sum(len(one["paths"]) * len(one["trygets"]) for one in traits.PROTOCOLS.values())
                   + sum(len(one["paths"]) for one in traits.BUSTED.values()))
BRANCH = re.compile(r"\tj(?!mp)[a-z]+ ")
INDIRECT = re.compile(r"__x86_indirect_thunk|\b(call|jmp)q? +\*")
# Interrupts off and on: compiled as an indirect call, and patched into one instruction.
PATCHED = re.compile(r"R_X86_64_PC32\s+pv_ops\b")
# Debug information takes a third of a compiler's time, and nobody debugs what is built here. BTF is made from it.
NO_DEBUG_INFO = ("KCFLAGS=-g0", "CONFIG_DEBUG_INFO_BTF_MODULES=")
# Debian's headers of 7.3 lack checker-valid.sh, with which kbuild checks that sparse works: here the planted bug does
# that. Sparse up to 0.6.4 does not know two builtins that these headers use; after an error it is silent.
CHECKED = ("W=1", *NO_DEBUG_INFO, "C=2", "KBUILD_CHECKSRC=2", "CF=-D__typeof_unqual__=__typeof__ "
                                              "-D'__builtin_strlen(string)=(sizeof(string)-1)'")
# A call of one of the module's functions: of the same file, which may be a copy of an inline function of the kernel's,
# or of another file.
OURS = re.compile(r"\bcallq? +[0-9a-f]+ <(\w+)[.\w]*>|R_X86_64_PLT32\s+((?:fsc|pagecache|gup|pfn(?!_valid\b))_\w+)")
# Memory that is cleared for each lookup, by a call or by one long instruction.
CLEARED = re.compile(r"R_X86_64_PLT32\s+(?:__)?memset\b|\brep stos")
# Functions that a plain loop may call: for a lookup that goes wrong, drops the last reference or
# is sampled; for a walker once per block or free hugetlb folio; and for the bug of a negative control. A protocol's free may
# be a call, or inlined, and then what it calls.
SELDOM = re.compile(r"fsc_(\w+_free(_\w+)?|violation_record|retry|recheck_failed|trace_fallback|hist_record|"
                    r"xadd_sweep|pool_put|hazptr_scan|hazptr_cpu_(other_slot|unchain|synchronize)|parked_add|trace_grace_period|pfn_mix_(touch|look_at_hugetlb|try_hugetlb)|blocks_next|ignore_locked_\w+)|"
                    r"pagecache_section_break|pfn_unmark|pfn_valid|__nr_to_section")


def build(where: Kernel, variant: str, *variables: str, root: Path = repo.ROOT) -> tuple[Path, str]:
    """Build; return the folder, and the warnings and errors."""
    try:
        folder = kernel.build_module(where, variant, variables, root)
    except SetupError as error:
        return repo.BUILD, str(error)
    said = (folder / "build.log").read_text().splitlines()
    return folder, "\n".join(line for line in said if re.search(r"\b(warning|error):", line))


def plain_loop(name: str) -> bool:
    """Whether it is a loop of plain lookups, and not the cold part that the compiler has split off one."""
    return LOOP.fullmatch(name)[1] == "read" and not name.endswith(".cold")


def calls(objects: list[Path]) -> tuple[int, str, str]:
    """The number of loops in @objects, their indirect calls, and calls of ours and of memset() in plain loops."""
    loops, found, ours, name = set(), [], set(), ""
    for path in objects:
        listing = subprocess.run(["objdump", "-dr", path], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.splitlines()
        for line, after in zip(listing, [*listing[1:], ""]):
            if head := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
                name = head[1]
            elif not LOOP.fullmatch(name):
                continue
            elif BRANCH.search(line):
                loops.add((path, name.partition(".")[0]))
            elif INDIRECT.search(line) and not PATCHED.search(after):
                found.append(f"{path.name}: {name}: {line.strip()}")
            elif plain_loop(name) and CLEARED.search(line):
                ours.add(f"{path.name}: {name}: memset")
            elif plain_loop(name) and (called := OURS.search(line)):
                if not SELDOM.fullmatch(called[1] or called[2]):
                    ours.add(f"{path.name}: {name}: {called[1] or called[2]}")
    return len(loops), "\n".join(found), "\n".join(sorted(ours))


# checkpatch reports the first two for nearly every trace header of the kernel, and the others for
# headers that name values with EM() tables (huge_memory.h, rxrpc.h, writeback.h), as ours does.
TRACE_HEADER = "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,COMPLEX_MACRO,MACRO_ARG_UNUSED,TRAILING_SEMICOLON"

# checkpatch reports these for tables of rows, and for files that expand them, because each uses only some columns.
ROWS = "COMPLEX_MACRO,MACRO_ARG_UNUSED,MACRO_ARG_REUSE,TRAILING_SEMICOLON"


def checkpatch(file: Path, root: Path) -> str:
    """The output of checkpatch for a file."""
    ignored = (["--ignore", TRACE_HEADER] if file.parent == root / "include/trace/events" else
               ["--ignore", ROWS] if b".def>" in file.read_bytes() or file.name == "table.h" else [])
    done = subprocess.run(
        ["perl", CHECKPATCH / "scripts/checkpatch.pl", "--strict", "--no-tree", "--terse", "--no-summary", *ignored,
         "-f", file.relative_to(root)],
        cwd=root, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.strip() or (f"exit status {done.returncode}" if done.returncode else "")


def fetch_checkpatch() -> None:
    """Take checkpatch and its files from Debian's kernel source."""
    if CHECKPATCH.exists():
        return
    aside = CHECKPATCH.with_name(f"{CHECKPATCH.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tar = fetch.source(versions.known().default).tar
    names = [f"{tar.name.removesuffix('.tar.xz')}/scripts/{name}"
             for name in ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")]
    # --occurrence: each is there once, so tar need not read on to the end.
    subprocess.run(["tar", "-xJf", tar, "-C", aside, "--strip-components=1", "--occurrence", *names], check=True)
    aside.rename(CHECKPATCH)


def shell_files() -> list[Path]:
    """All shell scripts, recognized by name or first line."""
    files = [path for folder in (SCRIPTS, repo.ROOT / ".ci") for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.suffix == ".sh"
            or re.match(rb"#!\S*(/env bash|/bash|/sh|busybox sh)\b", path.read_bytes()[:64])]


def shellcheck(path: Path) -> str:
    done = subprocess.run(["shellcheck", path], check=False, text=True, stdout=subprocess.PIPE)
    return done.stdout.strip() or (f"exit status {done.returncode}" if done.returncode else "")


def main() -> int:
    """Return the exit status."""
    args = parser(__doc__).parse_args()
    where = kernel.choose(args.kdir, args.kernel, args.kver)
    fetch_checkpatch()
    for name in ("static", "planted"):
        # Only compiled files give warnings.
        shutil.rmtree(repo.BUILD / f"modules/{where.release}-{name}", ignore_errors=True)

    sources = sorted(path for folder in ("module", "include") for path in (repo.ROOT / folder).rglob("*.[ch]"))
    sources += sorted((TESTS / "crash").rglob("*.c"))
    shells = shell_files()
    out = Ktap(lambda line: print(line, flush=True), 5 + 3 + len(sources) + len(shells))

    folder, said = build(where, "planted", *CHECKED, root=PLANTED)
    out.result("planted_unused" in said, "W=1 sees a planted bug", said)
    out.result("dereference of noderef" in said, "sparse sees a planted bug", said)
    loops, indirect, ours = calls([folder / "module/planted.o"])
    out.result(loops == 1 and "planted_read" in indirect, "objdump sees a planted indirect call", indirect)
    out.result(all(f"planted_read: {what}" in ours for what in ("fsc_planted", "planted_copy", "memset")),
               "objdump sees planted calls and memset", ours)
    planted = PLANTED / "module/planted.c"
    said = checkpatch(planted, PLANTED)
    out.result("space prohibited" in said, "checkpatch sees a planted bug", said)

    folder, said = build(where, "static", *CHECKED, "FSC_OPENCODED=1")
    out.result(not said, "W=1, sparse", said)
    loops, indirect, ours = calls(sorted((folder / "module").rglob("*.o")))
    out.result(loops >= LEAST_LOOPS and not indirect, "no indirect call in the measured loops",
               f"{loops} loops, {LEAST_LOOPS} at least\n{indirect}")
    out.result(not ours, "no call of the module's own, nor memset, on a lookup's way through the plain loops", ours)
    for path in sources:
        said = checkpatch(path, repo.ROOT)
        out.result(not said, f"checkpatch --strict {path.relative_to(repo.ROOT)}", said)
    for path in shells:
        said = shellcheck(path)
        out.result(not said, f"shellcheck {path.relative_to(repo.ROOT)}", said)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
