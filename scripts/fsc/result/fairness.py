# SPDX-License-Identifier: GPL-2.0
"""Refuse comparisons on a kernel that treats the protocols differently."""

from typing import Any

from ..verdict import SetupError

# fact in run.json -> how to turn it off
UNFAIR_FACTS = {
    "init_on_alloc": "boot with init_on_alloc=0 (slab skips zeroing for TYPESAFE caches only)",
    "init_on_free": "boot with init_on_free=0",
    "page_poisoning": "boot with page_poison=0",
    "slub_rcu_debug": "use a kernel without CONFIG_SLUB_RCU_DEBUG (it turns typesafe into rcu_desc)",
}
# These slow down everything, not one protocol alone.
HEAVY_FACTS = ("kasan", "kcsan", "lockdep", "prove_rcu", "debug_vm", "debug_pagealloc", "ubsan")
SLAB_FLAGS = ("sanity_checks", "red_zone", "poison", "store_user")


def complaints(facts: dict[str, int | None], slabs: dict[str, dict[str, int]]) -> list[str]:
    """What is unfair; slabs maps a cache to its slab_debug flags in sysfs."""
    found = [f"{name} is on: {cure}" for name, cure in UNFAIR_FACTS.items() if facts.get(name)]
    return found + [f"slab_debug is on for {cache} ({', '.join(on)}): boot without slab_debug" for cache, flags in slabs.items()
                    if (on := [flag for flag in SLAB_FLAGS if flags.get(flag)])]


def check(config: dict[str, Any] | None, slabs: dict[str, dict[str, int]]) -> None:
    """Raise one clear line if it is unfair; config is the module's, None if unknown."""
    if config is None:
        raise SetupError("comparison refused: the module does not say what kernel this is")
    if found := complaints(config["kernel"]["facts"], slabs):
        raise SetupError("comparison refused: " + "; ".join(found))


def heavy(facts: dict[str, int | None]) -> list[str]:
    return [name for name in HEAVY_FACTS if facts.get(name)]
