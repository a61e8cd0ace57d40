# SPDX-License-Identifier: GPL-2.0
#
# What a person types; the work is done by scripts/. kbuild does not read this file: it
# prefers Kbuild, where the objects are listed.

ACCEL ?= auto
SUITE ?= default
WHAT ?= where
VCPUS ?= 2
MEM ?= 2048
GDB_PORT ?= 1234

folioscale := scripts/folioscale
# A make that is killed leaves no virtual machine behind.
export FOLIOSCALE_DIES_WITH_PARENT := 1
quote = '$(subst ','\'',$(1))'
flag = $(if $($(2)),$(1) $(call quote,$($(2))))

kver_flag = $(call flag,--kver,KVER)
kernel_flags = $(kver_flag) $(call flag,--kdir,KDIR) $(call flag,--kernel,KERNEL)
vm_flags = $(kernel_flags) $(call flag,--accel,ACCEL) $(call flag,--vcpus,VCPUS) $(call flag,--memory,MEM)
# Some shells export a HOST that is the machine's name.
host_flags = $(if $(filter 1,$(HOST)),--host) $(if $(filter 1,$(YES)),--yes)

.PHONY: help bench report check check-debug litmus mutate compare icount soak shadow trace perf shell gdb kernels module clean distclean
# One thing at a time: two measurements at once measure each other.
.NOTPARALLEL:

help:
	@sed -n 's/^#h \{0,1\}//p' Makefile

bench:
	@scripts/setup.sh bench
	@$(folioscale) bench $(vm_flags) $(host_flags) $(call flag,--suite,SUITE) \
		$(call flag,--repetitions,REPS) $(call flag,--minutes,MINUTES) $(call flag,--out,OUT) $(call flag,--resume,RESUME)

report:
	@scripts/setup.sh bench
	@$(folioscale) report -- $(RESULTS)

check:
	@scripts/setup.sh check
	@$(folioscale) check $(kernel_flags) $(call flag,--accel,ACCEL) $(foreach group,$(ONLY),--only $(group))

check-debug:
	@scripts/setup.sh kernels
	@$(folioscale) check-debug $(kver_flag) $(call flag,--accel,ACCEL) $(if $(filter 1,$(QUICK)),--quick) \
		$(foreach group,$(ONLY),--only $(group)) -- $(call quote,$(or $(KERNEL),all))

litmus:
	@$(if $(filter 1,$(VM)),scripts/setup.sh bench)
	@$(folioscale) litmus $(vm_flags) $(host_flags) $(if $(filter 1,$(VM)),--vm) -- $(TEST)

mutate:
	@scripts/setup.sh check
	@scripts/setup.sh kernels
	@$(folioscale) mutate -- $(TEST)

compare:
	@scripts/setup.sh bench
	@$(folioscale) compare $(if $(filter 1,$(FORCE)),--force) $(call flag,--json,JSON) -- $(call quote,$(A)) $(call quote,$(B))

icount:
	@scripts/setup.sh bench
	@$(folioscale) icount $(kernel_flags) --accel icount --vcpus 1 \
		$(call flag,--memory,MEM) $(call flag,--repetitions,REPS) $(call flag,--out,OUT)

soak:
	@scripts/setup.sh bench
	@$(folioscale) soak $(vm_flags) $(call flag,--minutes,MINUTES) $(call flag,--seed,SEED) \
		$(call flag,--point,POINT) $(call flag,--out,OUT)

shadow:
	@scripts/setup.sh shadow
	@$(folioscale) shadow $(vm_flags) $(host_flags) $(call flag,--params,PARAMS) $(call flag,--loads,LOADS) \
		$(call flag,--seconds,SECONDS) $(call flag,--readers,READERS) $(call flag,--repetitions,REPS) \
		$(call flag,--out,OUT) $(if $(CMD),-- $(call quote,$(CMD)))

trace:
	@scripts/setup.sh trace
	@$(folioscale) trace $(vm_flags) $(host_flags) $(call flag,--params,PARAMS) $(call flag,--out,OUT) \
		-- $(call quote,$(SCRIPT))

perf:
	@scripts/setup.sh trace
	@$(folioscale) perf $(vm_flags) $(host_flags) $(call flag,--params,PARAMS) $(call flag,--out,OUT) \
		-- $(call quote,$(WHAT))

trace_flag = $(if $(filter 1,$(TRACE)),--trace)

shell:
	@scripts/setup.sh $(if $(trace_flag),trace,bench)
	@$(folioscale) shell $(vm_flags) $(call flag,--params,PARAMS) $(trace_flag)

gdb:
	@scripts/setup.sh trace
	@$(folioscale) shell $(vm_flags) $(call flag,--params,PARAMS) $(call flag,--gdb,GDB_PORT)

kernels:
	@scripts/setup.sh kernels
	@$(folioscale) kernels $(kver_flag) -- $(call quote,$(or $(KERNEL),all))

module:
	@scripts/setup.sh bench
	@$(folioscale) module $(kver_flag) $(call flag,--kdir,KDIR)

clean:
	rm -rf build/modules build/vm build/pycache

distclean:
	rm -rf build

#h Targets:
#h   bench      install what is missing, boot a VM, run the suite, print the table
#h   report     write report.html for the folders RESULTS, into the first of them
#h   check      install what is missing, run the tests but those that take longest, and name these
#h   check-debug  the tests of the module on debug kernels, built when they are not there, and the
#h              kernels' own checkers (KERNEL=, as of kernels)
#h   litmus     prove the order of the module's accesses: herd7 and the kernel's memory model decide the tests
#h              beside its code, and that each barrier in it is needed (herd7 is fetched if there is none)
#h   mutate     plant faults in the module, one at a time, and show that a test finds each: hours
#h   compare    two results, B against A: what differs, and by how much
#h   icount     each protocol's lookup against a hand-written one, in instructions
#h   soak       random points for an hour, each of them checked; a failure says how to repeat it
#h   shadow     run a command, or loads, on an unmodified kernel in the VM, and count what would be in
#h              limbo if it freed its folios by RCU
#h   trace      one run of the module in the VM under a bpftrace script or hist: triggers
#h   perf       one run of the module in the VM under perf, and where its time goes
#h   shell      a shell in the VM with the module loaded and idle
#h   gdb        the same with a stub for gdb, and the lines to type into that
#h   kernels    build debug kernels of KVER from Debian's source into a cache (KERNEL=kasan, recycle,
#h              kcsan, rt, strict, uml-kasan, uml-lockdep; all) or the one of ACCEL=uml (KERNEL=uml)
#h   module     build folioscale.ko under build/modules/ and say where it is
#h   clean      remove what was built; distclean: what was downloaded, too
#h
#h Variables:
#h   KVER=      Debian's kernel to run on (the newest that scripts/folioscale kernels --list names);
#h              bench: several with commas between run the suite on each, and compare
#h   KDIR=DIR   your own built kernel tree to build the module in, instead of Debian's
#h   KERNEL=IMG the bzImage to boot (the one in KDIR)
#h   ACCEL=     auto, kvm, tcg, icount, or uml: a kernel that runs as a process, for times of the CPU itself
#h              (auto: KVM if a trial boot works, else tcg; for SUITE=cpu, uml)
#h   VCPUS=N    virtual CPUs (2)
#h   MEM=MB     the VM's memory (2048)
#h   SUITE=     bench: name under scripts/suites (scripts/folioscale suites lists them with their
#h              times), path of a .toml, or all (default)
#h   RESUME=DIR bench: go on with what was interrupted, in its folder
#h   REPS=N     bench, icount: repetitions, each a boot (the suite says); shadow: 1
#h   MINUTES=N  soak: how long (60; with POINT=: once); bench of a suite that asks for times: no boot is added after so many
#h   SEED=S     soak: of the points (a random one, which is printed)
#h   POINT=K    soak: point K of SEED alone, until MINUTES are over if they are given
#h   OUT=DIR    bench, icount, soak, shadow, trace, perf: where the results go (a new folder under results/)
#h   RESULTS=   report: folders with a result.json or result.json.xz, one for each suite: "results/A results/B"
#h   QUICK=1    check-debug: the least of each
#h   ONLY=      check, check-debug: only these groups of tests (a wrong name lists them)
#h   VM=1       litmus: run the tests in a kernel of its own, as HOST=1 does here, and count outcomes
#h   TEST=      litmus: only these tests, and how to repeat each by hand; mutate: only these faults
#h              (a wrong name lists them)
#h   A= B=      compare: folders of results, or their result.json or result.json.xz
#h   JSON=FILE  compare: write it there as JSON, too
#h   FORCE=1    compare: even if emulation, accelerator or parameters differ
#h   HOST=1     bench, litmus, perf, shadow, trace: load modules on this machine, not in a VM; asks first
#h   YES=1      bench, litmus, perf, shadow, trace: do not ask
#h   SCRIPT=    trace: name under scripts/bpftrace or scripts/hist (a wrong name lists them),
#h              or path of a .bt or .hist
#h   WHAT=      perf: where (parts of lookups and turnovers, by line), stat, sched, flamegraph, record
#h   CMD=       shadow: a command, for a shell
#h   LOADS=     shadow: names under scripts/shadow (a wrong name lists them); all, the default
#h   READERS=   shadow: none, or what makes grace periods longer: busy, 10ms, 1s
#h   SECONDS=N  shadow: count for so long, whatever runs; with HOST=1
#h   PARAMS=    shadow, trace, perf, shell, gdb: parameters of the module, "name=value name=value"
#h   TRACE=1    shell: with this machine's programs: bpftrace, perf, trace-cmd
#h   GDB_PORT=N gdb: the stub's TCP port on 127.0.0.1 (1234)
#h   DEBIAN_MIRROR=  where to fetch Debian's kernels (read from the environment; apt's configuration says)
#h   QEMU=PATH  another QEMU than qemu-system-x86_64 (read from the environment)
#h
#h Exit status of scripts/folioscale: 0 PASS, 1 FAIL, 2 wrong usage or set-up,
#h 3 INCONCLUSIVE, 4 LOST. make turns all but 0 into 2.
