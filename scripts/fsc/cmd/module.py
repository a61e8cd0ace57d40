# SPDX-License-Identifier: GPL-2.0
"""module: build folioscale.ko."""

import argparse

from .. import repo
from ..vm import kernel, versions
from . import options

ARGUMENTS = options.of("kver", "kdir")


def main(args: argparse.Namespace) -> None:
    kernel.refuse_both(args.kdir, None, args.kver)
    build = kernel.tree(args.kdir) if args.kdir else kernel.debian(versions.chosen(args.kver)[0])
    module = kernel.build_module(build) / "folioscale.ko"
    print(f"{module.relative_to(repo.ROOT)} (for {build.release})")
