// SPDX-License-Identifier: GPL-2.0
/* Facts about this kernel that can make a comparison unfair, or a figure mean something else. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>
#include <linux/utsname.h>

#include <folioscale/compat.h>
#include <folioscale/report.h>

/* The name in the kernel's debugfs file sched/preempt. */
static const char *preemption(void)
{
	if (preempt_model_none())
		return "none";
	if (preempt_model_voluntary())
		return "voluntary";
	return preempt_model_lazy() ? "lazy" : "full";
}

/**
 * fsc_report_kernel_json - print the kernel's facts as a JSON member
 * @m: output
 *
 * Context: Process context.
 */
void fsc_report_kernel_json(struct seq_file *m)
{
	const struct { const char *name; bool value; } facts[] = {
		{ "init_on_alloc", want_init_on_alloc(0) },
		{ "init_on_free", want_init_on_free() },
		{ "page_poisoning", page_poisoning_enabled_static() },
		{ "debug_pagealloc", debug_pagealloc_enabled() },
		{ "slub_debug_on", IS_ENABLED(CONFIG_SLUB_DEBUG_ON) },
		{ "slub_rcu_debug", IS_ENABLED(CONFIG_SLUB_RCU_DEBUG) },
		{ "kasan", IS_ENABLED(CONFIG_KASAN) },
		{ "kcsan", IS_ENABLED(CONFIG_KCSAN) },
		{ "lockdep", IS_ENABLED(CONFIG_LOCKDEP) },
		{ "prove_rcu", IS_ENABLED(CONFIG_PROVE_RCU) },
		{ "ubsan", IS_ENABLED(CONFIG_UBSAN) },
		{ "debug_vm", IS_ENABLED(CONFIG_DEBUG_VM) },
		{ "preempt_rt", IS_ENABLED(CONFIG_PREEMPT_RT) },
		{ "preempt_rcu", IS_ENABLED(CONFIG_PREEMPT_RCU) },
		{ "rcu_lazy", IS_ENABLED(CONFIG_RCU_LAZY) },
		{ "rcu_nocb_cpu", IS_ENABLED(CONFIG_RCU_NOCB_CPU) },
		{ "rcu_strict_grace_period", IS_ENABLED(CONFIG_RCU_STRICT_GRACE_PERIOD) },
		{ "memcg", IS_ENABLED(CONFIG_MEMCG) },
		{ "numa", IS_ENABLED(CONFIG_NUMA) },
	};
	unsigned int i;

	seq_puts(m, "\"kernel\": {\"release\": ");
	fsc_report_string(m, init_utsname()->release);
	seq_puts(m, ", \"version\": ");
	fsc_report_string(m, init_utsname()->version);
	seq_printf(m, ", \"machine\": \"%s\", \"preempt\": \"%s%s\", \"hz\": %d, \"nr_cpus\": %u, \"facts\": {",
		   init_utsname()->machine, IS_ENABLED(CONFIG_PREEMPT_RT) ? "rt " : "",
		   preemption(), HZ, num_online_cpus());
	for (i = 0; i < ARRAY_SIZE(facts); i++)
		seq_printf(m, "%s\"%s\": %d", i ? ", " : "", facts[i].name, facts[i].value);
	seq_puts(m, "}}");
}
