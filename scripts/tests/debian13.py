#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A bare Debian 13: set up, fetch a kernel, build the module, boot, print a table. KTAP."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.result import environment  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402
from fsc.vm import archive, versions  # noqa: E402

SUITE = "trixie"
TREE = "/folioscale"
RESULT = "/result"
# All that a user has in addition to a bare Debian.
PACKAGES = "apt,ca-certificates,git,make"
# Run in separate namespaces: all that was started and mounted there goes with them.
INSIDE = """set -e
mount --rbind /dev "$1/dev"
mount -t proc none "$1/proc"
mount -t sysfs -o ro none "$1/sys"
mount -t tmpfs none "$1/tmp"
exec chroot "$1" /bin/sh -c "cd $3 && $2"
"""


def root() -> Path:
    """A minimal Debian 13; made once, then copied for each run."""
    target = repo.cache() / "roots" / SUITE
    archive.once(target, lambda: make_root(target))
    return target


def make_root(target: Path) -> None:
    archive.ready()
    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    where = archive.mirrors()
    sources = [f"deb [signed-by={archive.KEYRING}] {where.main} {SUITE} main"]
    if where.security:
        sources.append(f"deb [signed-by={archive.KEYRING}] {where.security} {SUITE}-security main")
    done = subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", f"--include={PACKAGES}", "--format=directory",
                           SUITE, str(aside), "-"], input="\n".join(sources) + "\n", check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SetupError(f"mmdebstrap: {done.stdout}")
    aside.rename(target)


def connect(root_folder: Path) -> None:
    """Set up the network as this machine has it today."""
    for file in filter(Path.is_file, (Path("/etc/resolv.conf"), Path("/etc/hosts"))):
        shutil.copyfile(file, root_folder / file.relative_to("/"))
    (root_folder / "etc/apt/apt.conf.d/99proxy").write_text(archive.proxies())


def copy_tree(target: Path) -> None:
    """Copy the sources, with uncommitted changes, without what was built."""
    listed = subprocess.run(["git", "-C", repo.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
                             *environment.SOURCES], check=True, stdout=subprocess.PIPE).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (repo.ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repo.ROOT / name, target / name)


def inside(where: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, "sh", where, command, TREE],
                          check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
                          | {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})


def main() -> int:
    """Return the exit status."""
    out = Ktap(lambda line: print(line, flush=True), 5)
    names = ("a Debian 13 is made", "setup.sh installs what is missing", "setup.sh has nothing left to do",
             "the module is built for the newest kernel", "a suite is run and its table printed")
    if os.geteuid() != 0:
        for name in names:
            out.skip(name, "only root can make a Debian and change into it")
        return 0
    newest = versions.known().default
    try:
        made = root()
    except SetupError as error:
        out.result(False, names[0], str(error))
        return 1
    out.result(True, names[0])
    with tempfile.TemporaryDirectory(prefix="folioscale-debian13-", dir=repo.BUILD) as name:
        where = Path(name) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", made, where], check=True)
        connect(where)
        copy_tree(where / TREE.lstrip("/"))
        bench = f"make bench SUITE=scripts/tests/tiny.toml REPS=1 OUT={RESULT} ACCEL=tcg"
        for name, command, says in ((names[1], "scripts/setup.sh bench", r".*apt-get install.*"),
                                    (names[2], "scripts/setup.sh bench", r""),
                                    (names[3], "make module", rf".*folioscale\.ko \(for {re.escape(newest)}\..*"),
                                    (names[4], bench, r".*--- pagecache, churn: .*\nPASS: .*")):
            done = inside(where, command)
            good = done.returncode == 0 and re.fullmatch(says, done.stdout, re.DOTALL) is not None
            out.result(good, name, "" if good else f"exit status {done.returncode}\n{done.stdout}")
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
