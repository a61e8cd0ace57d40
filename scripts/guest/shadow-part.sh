#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# shadow-part.sh LOAD FUNCTION: run one function of a load, a file of scripts/shadow. It has
#	prepare	what must be there before; not counted
#	load	counted
#	did	fails unless the load did what it is for
#	clean	takes away what is left
# in processes of their own. All but load may be missing. They have the variables FSC_DISK, an empty ext4,
# FSC_TMPFS, FSC_TMP, for files of their own, and MEM_MB, the machine's memory, and the functions below.
set -euo pipefail

MEM_MB=$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024))
export MEM_MB

changed() { # NAME: of /proc/vmstat, while the load ran
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' "$FSC_TMP/vmstat"
}

counted() { # NAME: of the module's summary
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' "$FSC_TMP/summary"
}

least() { # WHAT VALUE AT-LEAST
	[ "$2" -ge "$3" ] || { echo "$1 is $2, not $3 or more"; return 1; }
}

changed_by() { # NAME AT-LEAST
	least "$1 of /proc/vmstat" "$(changed "$1")" "$2"
}

counted_as() { # NAME AT-LEAST
	least "$1" "$(counted "$1")" "$2"
}

file_of() { # FILE MB: of zeros, and in memory
	dd if=/dev/zero of="$1" bs=1M count="$2" status=none
}

thp() { # always or never
	echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled
}

prepare() { :; }
did() { :; }
clean() { :; }

# shellcheck source=/dev/null
. "$1"
"$2"
