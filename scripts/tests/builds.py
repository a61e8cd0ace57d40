#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The module builds without a warning for every supported kernel, with gcc of two Debian releases and clang. KTAP."""

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.cmd import kernels  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402
from fsc.vm import compiler, kernel, versions  # noqa: E402
from fsc.vm.kernel import Kernel  # noqa: E402
from static import LEAST_LOOPS, NO_DEBUG_INFO, build, calls  # noqa: E402



def _clang() -> str:
    """Debian 13's, which Debian 12 has, too; elsewhere one that kernels take (setup.sh sees to it that there is one)."""
    for name in ("clang-19", "clang", *(f"clang-{version}" for version in range(40, 16, -1))):
        if shutil.which(name) and int(subprocess.check_output([name, "-dumpversion"], text=True).partition(".")[0]) >= 17:
            return name
    return "clang-19"


CLANG = _clang()
UNLINKED = ("KBUILD_MODPOST_WARN=1",)


def tree_of_clang(series: str, flavour: str, suite: str) -> Kernel:
    """Debian's configuration, prepared with clang: Debian has no such kernel. What it would export is unknown."""
    del flavour, suite
    return kernel.tree(str(kernels.prepared(series, CLANG)))


def main() -> int:
    """Return the exit status."""
    known = versions.known()
    oldest, *between, newest = known.series
    # Kernels that no test boots; static.py has the newest with gcc. The last one for gcc is from another release of
    # Debian, and needs another gcc.
    wanted = [*((series, "rt-amd64", "", kernel.debian) for series in (oldest, newest)),
              *((series, "amd64", "", kernel.debian) for series in between),
              (oldest, "amd64", known.series[oldest][-1], kernel.debian), (newest, "amd64", CLANG, tree_of_clang)]
    out = Ktap(lambda line: print(line, flush=True), len(wanted) + 1)
    compilers = set()
    for series, flavour, of, get in wanted:
        name = f"W=1, {series} {flavour}" + (f" of {of}" if of else "")
        try:
            where = get(series, flavour, of)
        except SetupError as error:
            out.result(False, name, str(error))
            continue
        # Only compiled files give warnings.
        shutil.rmtree(repo.BUILD / f"modules/{where.release}-builds", ignore_errors=True)
        folder, said = build(where, "builds", "W=1", *NO_DEBUG_INFO, "FSC_OPENCODED=1", *(UNLINKED if get is tree_of_clang else ()))
        loops, indirect, ours = calls(sorted((folder / "module").rglob("*.o")))
        by = compiler.wanted(where.build)
        out.note(f"{where.release}: {by.text}")
        if loops:
            compilers.add((by.kind, by.major))
        out.result(loops >= LEAST_LOOPS and not said + indirect + ours, name,
                   "\n".join(filter(None, (f"{loops} loops, {LEAST_LOOPS} at least", said, indirect, ours))))
    used = sorted(kind for kind, _ in compilers)
    out.result(used == [compiler.CLANG, compiler.GCC, compiler.GCC], "two compilers gcc and one clang were used", f"{compilers}")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
