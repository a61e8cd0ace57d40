# SPDX-License-Identifier: GPL-2.0
"""Build the module and say where it is."""

import argparse

from . import kernel, repo


def main(args: argparse.Namespace) -> int:
    """Build; return the exit status."""
    build = kernel.tree(args.kdir) if args.kdir else kernel.debian()
    module = kernel.build_module(build) / "folioscale.ko"
    print(f"{module.relative_to(repo.ROOT)} (for {build.release})")
    return 0
