#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The module builds without a warning for every supported kernel, by the compilers of two releases of Debian. KTAP."""

import shutil
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import compiler, kernel, repo, versions  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402
from static import build, calls  # noqa: E402


def main() -> int:
    """Return the exit status."""
    known = versions.known()
    oldest, *between, _ = known.series
    # Beside those that are booted; the newest is for static.py. The last is of another release of Debian, and so by
    # another compiler.
    wanted = [(oldest, "rt-amd64", ""), *((series, "amd64", "") for series in between),
              (oldest, "amd64", known.series[oldest][-1])]
    out = Ktap(lambda line: print(line, flush=True), len(wanted) + 1)
    compilers = set()
    for series, flavour, suite in wanted:
        name = f"W=1, {series} {flavour}" + (f" of {suite}" if suite else "")
        try:
            where = kernel.debian(series, flavour, suite)
        except SetupError as error:
            out.result(False, name, str(error))
            continue
        # Only what is compiled is warned about.
        shutil.rmtree(repo.BUILD / f"modules/{where.release}-builds", ignore_errors=True)
        folder, said = build(where, "builds", "W=1", "FSC_FLOOR=1")
        _, indirect, ours = calls(sorted((folder / "module").rglob("*.o")))
        compilers.add(compiler.wanted(where.build).major)
        out.note(f"{where.release}: {compiler.wanted(where.build).text}")
        out.result(not said + indirect + ours, name, "\n".join(filter(None, (said, indirect, ours))))
    out.result(len(compilers) > 1, "more than one compiler was used", f"{compilers}")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
