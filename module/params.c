// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters. Each is checked when it is written, at insmod or between
 * runs, and refused with one line that names it, its value and what is
 * allowed; what only goes together is checked when a run starts (setup.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include <folioscale/config.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

/* Protected by fsc_lock; at load time by nobody else being there. */
static struct fsc_config params = {
	.protocol = 1,
	.nr_readers = 1,
	.nr_freers = 1,
	.nr_folios = 1024,
	.nr_mappings = 1,
	.seed = 1,
	.reuse_distance = 8,
	.touch_bytes = FSC_LINE_BYTES,
	.lookups_per_section = 1,
	.sample_shift = 10,
	.warmup_ms = 500,
	.duration_ms = 2000,
	.sample_ms = 10,
	.autorun = true,
};

/* The run's parameters do not change under it. */
static int begin_write(const struct kernel_param *kp, const char *val)
{
	mutex_lock(&fsc_lock);
	if (!fsc_run_active())
		return 0;
	mutex_unlock(&fsc_lock);
	pr_err("%s=%s: allowed: between runs\n", kp->name, val);
	return -EBUSY;
}

static void end_write(void)
{
	mutex_unlock(&fsc_lock);
}

/* Numbers: a range, and whether the value is signed. */
struct number {
	void *value;
	s64 min;
	u64 max;
	enum { NUMBER_UINT, NUMBER_INT, NUMBER_U64 } type;
};

static int number_set(const char *val, const struct kernel_param *kp)
{
	const struct number *number = kp->arg;
	bool in_range;
	s64 s = 0;
	u64 u = 0;
	int err;

	if (number->type == NUMBER_INT) {
		err = kstrtoll(val, 0, &s);
		in_range = !err && s >= number->min && s <= (s64)number->max;
	} else {
		err = kstrtoull(val, 0, &u);
		in_range = !err && u >= number->min && u <= number->max;
	}
	if (!in_range) {
		pr_err("%s=%.64s: allowed: %lld to %llu\n", kp->name, val, number->min,
		       number->max);
		return -EINVAL;
	}
	err = begin_write(kp, val);
	if (err)
		return err;
	switch (number->type) {
	case NUMBER_UINT:
		*(unsigned int *)number->value = u;
		break;
	case NUMBER_INT:
		*(int *)number->value = s;
		break;
	case NUMBER_U64:
		*(u64 *)number->value = u;
		break;
	}
	end_write();
	return 0;
}

static int number_get(char *buffer, const struct kernel_param *kp)
{
	const struct number *number = kp->arg;

	switch (number->type) {
	case NUMBER_UINT:
		return sysfs_emit(buffer, "%u\n", READ_ONCE(*(unsigned int *)number->value));
	case NUMBER_INT:
		return sysfs_emit(buffer, "%d\n", READ_ONCE(*(int *)number->value));
	default:
		return sysfs_emit(buffer, "%llu\n", READ_ONCE(*(u64 *)number->value));
	}
}

static const struct kernel_param_ops number_ops = {
	.set = number_set,
	.get = number_get,
};

/* Choices: names by number, NULL after the last. */
struct choice {
	unsigned int *value;
	const char *(*name)(unsigned int i);
};

static int choice_set(const char *val, const struct kernel_param *kp)
{
	const struct choice *choice = kp->arg;
	const char *name;
	char known[160];
	unsigned int i;
	int at = 0, err;

	for (i = 0; (name = choice->name(i)); i++) {
		if (sysfs_streq(val, name)) {
			err = begin_write(kp, val);
			if (err)
				return err;
			*choice->value = i;
			end_write();
			return 0;
		}
		at += scnprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", name);
	}
	pr_err("%s=%.64s: allowed: %s\n", kp->name, val, known);
	return -EINVAL;
}

static int choice_get(char *buffer, const struct kernel_param *kp)
{
	const struct choice *choice = kp->arg;

	return sysfs_emit(buffer, "%s\n", choice->name(READ_ONCE(*choice->value)));
}

static const struct kernel_param_ops choice_ops = {
	.set = choice_set,
	.get = choice_get,
};

static int autorun_set(const char *val, const struct kernel_param *kp)
{
	bool autorun;
	int err = kstrtobool(val, &autorun);

	if (err) {
		pr_err("%s=%.64s: allowed: 0, 1\n", kp->name, val);
		return -EINVAL;
	}
	err = begin_write(kp, val);
	if (err)
		return err;
	params.autorun = autorun;
	end_write();
	return 0;
}

static int autorun_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", READ_ONCE(params.autorun));
}

static const struct kernel_param_ops autorun_ops = {
	.set = autorun_set,
	.get = autorun_get,
};

/* The i-th of the path's protocols, or of its busted ones: every path lists them in one order. */
static const struct fsc_protocol *nth_protocol(unsigned int i, bool busted)
{
	const struct fsc_path *path = fsc_paths[0];
	unsigned int j;

	for (j = 0; j < path->nr_loops; j++) {
		if (!!path->loops[j].protocol->busted == busted && !i--)
			return path->loops[j].protocol;
	}
	return NULL;
}

static const char *protocol_name(unsigned int i)
{
	const struct fsc_protocol *protocol = nth_protocol(i, false);

	return protocol ? protocol->name : NULL;
}

static const char *busted_name(unsigned int i)
{
	const struct fsc_protocol *protocol;

	if (!i)
		return "none";
	protocol = nth_protocol(i - 1, true);
	return protocol ? protocol->busted : NULL;
}

static const char *path_name(unsigned int i)
{
	return i < fsc_nr_paths ? fsc_paths[i]->name : NULL;
}

#define CHOICE_NAMES(function, ...)						\
static const char *function(unsigned int i)					\
{										\
	static const char *const names[] = { __VA_ARGS__ };			\
										\
	return i < ARRAY_SIZE(names) ? names[i] : NULL;				\
}

CHOICE_NAMES(popularity_name, [FSC_UNIFORM] = "uniform", [FSC_ZIPF] = "zipf")
CHOICE_NAMES(removal_name, [FSC_RECLAIM] = "reclaim", [FSC_TRUNCATE] = "truncate")
CHOICE_NAMES(deferral_name, [FSC_DEFER_AUTO] = "auto", [FSC_DEFER_KFREE_RCU] = "kfree_rcu",
	     [FSC_DEFER_CALL_RCU] = "call_rcu", [FSC_DEFER_CALL_RCU_HURRY] = "call_rcu_hurry")
CHOICE_NAMES(freeptr_name, [FSC_FREEPTR_INSIDE] = "inside", [FSC_FREEPTR_OUTSIDE] = "outside")

#define MAX_NS		1000000000
#define MAX_MS		3600000

/*
 * The table: C(name, its names, description) and N(name, type, min, max,
 * description). It makes the parameters and prints them.
 */
#define PARAMETERS(C, N)								\
C(protocol, protocol_name, "how descriptors are freed and what readers do about it")	\
C(path, path_name, "how readers find a folio")						\
C(busted, busted_name, "negative control: a protocol with a deliberate bug")		\
N(nr_readers, UINT, 0, 1024, "reader threads")						\
N(nr_freers, UINT, 0, 1024, "freer threads")						\
N(nr_folios, UINT, 1, 1 << 24, "folios that are populated")				\
N(nr_mappings, UINT, 1, 1024, "mappings they are spread over; a power of two")		\
N(order, UINT, 0, 9, "log2 of a folio's pages")						\
C(popularity, popularity_name, "how readers and freers choose keys")			\
N(seed, U64, 0, U64_MAX, "of the key streams")						\
C(removal, removal_name, "how freers take a folio out of its slot")			\
N(free_rate, UINT, 0, 10000000, "turnovers a second and freer, 0: as many as it can")	\
N(reuse_distance, UINT, 1, 65536, "vacated keys between a freed folio's and the next")	\
N(publish_ns, UINT, 0, MAX_NS, "ns from allocation to publication")			\
N(gap_ns, UINT, 0, MAX_NS, "ns from load to tryget")					\
N(hold_ns, UINT, 0, MAX_NS, "ns that readers hold a folio before they use it")		\
N(touch_bytes, UINT, 24, 2 << 20, "bytes of the folio that a use reads, a word of each line")	\
N(lookups_per_section, UINT, 1, FSC_SECTION_MAX, "lookups in one RCU section")		\
N(sample_shift, INT, -1, 20, "one lookup in 2^n is timed, -1: none and no turnover")	\
C(deferral, deferral_name, "what frees after a grace period; auto: the protocol's own")	\
C(freeptr, freeptr_name, "free pointer of a SLAB_TYPESAFE_BY_RCU descriptor: over lru, or behind it")	\
N(warmup_ms, UINT, 0, MAX_MS, "ms before the window")					\
N(duration_ms, UINT, 0, MAX_MS, "ms of the window, 0: until stopped")			\
N(max_turnovers, UINT, 0, 1 << 30, "the window ends after so many turnovers a freer, 0: by time")	\
N(sample_ms, UINT, 0, 10000, "ms between rows of the time series, 0: none, and no mean limbo")	\
N(gp_probe_ms, UINT, 0, 10000, "ms between grace-period probes, 0: none")		\
N(limbo_max_mb, UINT, 0, 1 << 20, "MiB in limbo at which freers wait, 0: an eighth of RAM")

#define DEFINE_CHOICE(_name, _names, _desc)						\
static const struct choice choice_##_name = { &params._name, _names };			\
module_param_cb(_name, &choice_ops, (void *)&choice_##_name, 0644);			\
MODULE_PARM_DESC(_name, _desc);

#define DEFINE_NUMBER(_name, _type, _min, _max, _desc)					\
static const struct number number_##_name = {						\
	&params._name, _min, _max, NUMBER_##_type					\
};											\
module_param_cb(_name, &number_ops, (void *)&number_##_name, 0644);			\
MODULE_PARM_DESC(_name, _desc);

PARAMETERS(DEFINE_CHOICE, DEFINE_NUMBER)

module_param_cb(autorun, &autorun_ops, NULL, 0644);
MODULE_PARM_DESC(autorun, "start a run when the module is loaded");

/**
 * fsc_config_get - copy the parameters
 * @config: where to
 *
 * Context: fsc_lock held.
 */
void fsc_config_get(struct fsc_config *config)
{
	*config = params;
}

/**
 * fsc_config_protocol - name of the chosen protocol
 * @config: the parameters
 *
 * Return: What protocol= was given.
 */
const char *fsc_config_protocol(const struct fsc_config *config)
{
	return protocol_name(config->protocol);
}

/**
 * fsc_config_busted - name of the chosen negative control
 * @config: the parameters
 *
 * Return: What busted= was given, NULL for none.
 */
const char *fsc_config_busted(const struct fsc_config *config)
{
	return config->busted ? busted_name(config->busted) : NULL;
}

/**
 * fsc_deferral_name - name of a deferral
 * @deferral: which
 *
 * Return: What deferral= takes.
 */
const char *fsc_deferral_name(enum fsc_deferral deferral)
{
	return deferral_name(deferral);
}

#define SHOW_CHOICE(_name, _names, _desc)						\
	seq_printf(m, "\"" #_name "\": \"%s\", ", _names(config->_name));

#define SHOW_FORMAT_UINT	"%u"
#define SHOW_FORMAT_INT		"%d"
#define SHOW_FORMAT_U64		"%llu"

#define SHOW_NUMBER(_name, _type, _min, _max, _desc)					\
	seq_printf(m, "\"" #_name "\": " SHOW_FORMAT_##_type ", ", config->_name);

/**
 * fsc_config_show_json - print parameters as a JSON object
 * @m: where to
 * @config: which
 *
 * Context: Process context.
 */
void fsc_config_show_json(struct seq_file *m, const struct fsc_config *config)
{
	seq_putc(m, '{');
	PARAMETERS(SHOW_CHOICE, SHOW_NUMBER)
	seq_printf(m, "\"autorun\": %d}", config->autorun);
}
