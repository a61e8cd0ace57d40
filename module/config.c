// SPDX-License-Identifier: GPL-2.0
/*
 * What parameters there are, how each is read and how it is shown. What is not
 * allowed is refused with one line that names it, its value and what is allowed;
 * what only goes together is checked when a run starts (setup.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>

#include <folioscale/config.h>
#include <folioscale/lists.h>
#include <folioscale/protocol.h>
#include <folioscale/stamp.h>

#define MAX_MS		3600000

/* The i-th of the protocols, or of the busted ones; each once, however it counts references. */
static const struct fsc_protocol *nth_protocol(unsigned int i, bool busted)
{
	const char *last = "";
	unsigned int j;

	for (j = 0; j < fsc_nr_protocols; j++) {
		const struct fsc_protocol *protocol = fsc_protocols[j];

		if (!!protocol->busted != busted)
			continue;
		if (!busted && !strcmp(protocol->name, last))
			continue;
		last = protocol->name;
		if (!i--)
			return protocol;
	}
	return NULL;
}

/* Choices: names by number, NULL after the last. */
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

static const char *popularity_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_UNIFORM]	= "uniform",
		[FSC_ZIPF]	= "zipf",
		[FSC_HOT]	= "hot",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *removal_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_RECLAIM]	= "reclaim",
		[FSC_TRUNCATE]	= "truncate",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

/**
 * fsc_deferral_name - name of a deferral
 * @i: which, an enum fsc_deferral
 *
 * Context: Any.
 * Return: What deferral= takes, NULL behind the last.
 */
const char *fsc_deferral_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_DEFER_AUTO]		= "auto",
		[FSC_DEFER_KFREE_RCU]		= "kfree_rcu",
		[FSC_DEFER_CALL_RCU]		= "call_rcu",
		[FSC_DEFER_CALL_RCU_HURRY]	= "call_rcu_hurry",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *freeptr_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_FREEPTR_INSIDE]	= "inside",
		[FSC_FREEPTR_OUTSIDE]	= "outside",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

/**
 * fsc_tryget_name - name of a way to count references
 * @i: which, an enum fsc_tryget
 *
 * Context: Any.
 * Return: What tryget= takes, NULL behind the last.
 */
const char *fsc_tryget_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_TRYGET_CAS]	= "cas",
		[FSC_TRYGET_XADD]	= "xadd",
		[FSC_TRYGET_RCUREF]	= "rcuref",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *churn_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_CHURN_REPLACE]	= "replace",
		[FSC_CHURN_REFREEZE]	= "refreeze",
		[FSC_CHURN_RECLAIM]	= "reclaim",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static const char *pin_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_PIN_GET]	= "get",
		[FSC_PIN_PIN]	= "pin",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

static int check_orders(const char *text)
{
	struct fsc_orders *orders = kmalloc_obj(*orders, GFP_KERNEL);
	int err = orders ? fsc_parse_orders(text, orders) : -ENOMEM;

	kfree(orders);
	return err;
}

static int check_mix(const char *text)
{
	struct fsc_mix mix;

	return fsc_parse_mix(text, &mix);
}

static int check_cpus(const char *text)
{
	cpumask_var_t cpus;
	int err;

	if (!alloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	err = fsc_parse_cpus(text, cpus);
	free_cpumask_var(cpus);
	return err;
}

enum param_type { FSC_UINT, FSC_INT, FSC_U64 };

/*
 * A row for each parameter: where it lies, and its range, its choices (an
 * unsigned int then), or what reads it and what that takes (a text then).
 */
static const struct param {
	const char *name;
	size_t offset;
	enum param_type type;
	s64 min;
	u64 max;
	const char *(*choice)(unsigned int i);
	int (*check)(const char *text);
	const char *takes;
} table[] = {
	{ "protocol", offsetof(struct fsc_config, protocol), .choice = protocol_name },
	{ "path", offsetof(struct fsc_config, path), .choice = path_name },
	{ "busted", offsetof(struct fsc_config, busted), .choice = busted_name },
	{ "nr_readers", offsetof(struct fsc_config, nr_readers), FSC_UINT, 0, 1024 },
	{ "nr_freers", offsetof(struct fsc_config, nr_freers), FSC_UINT, 0, 1024 },
	{ "nr_folios", offsetof(struct fsc_config, nr_folios), FSC_UINT, 1, 1 << 24 },
	{ "nr_mappings", offsetof(struct fsc_config, nr_mappings), FSC_UINT, 1, 1024 },
	{ "nr_mms", offsetof(struct fsc_config, nr_mms), FSC_UINT, 1, 64 },
	{ "order", offsetof(struct fsc_config, order), .check = check_orders,
	  .takes = "0 to 9, or order:weight,... with weights 1 to 100" },
	{ "mix", offsetof(struct fsc_config, mix), .check = check_mix,
	  .takes = "file:slab:ptdesc:hugetlb_free:misc, weights 0 to 100, file 1 at least" },
	{ "reader_cpus", offsetof(struct fsc_config, reader_cpus), .check = check_cpus,
	  .takes = "a list of CPUs that are online, such as 0-1,3, or nothing for all" },
	{ "freer_cpus", offsetof(struct fsc_config, freer_cpus), .check = check_cpus,
	  .takes = "a list of CPUs that are online, such as 0-1,3, or nothing for all" },
	{ "cross_cpu", offsetof(struct fsc_config, cross_cpu), FSC_UINT, 0, 1 },
	{ "tryget", offsetof(struct fsc_config, tryget), .choice = fsc_tryget_name },
	{ "churn", offsetof(struct fsc_config, churn), .choice = churn_name },
	{ "pin", offsetof(struct fsc_config, pin), .choice = pin_name },
	{ "passes", offsetof(struct fsc_config, passes), FSC_UINT, 1, 2 },
	{ "bounded_max", offsetof(struct fsc_config, bounded_max), FSC_UINT, 1, 1 << 20 },
	{ "burst", offsetof(struct fsc_config, burst), FSC_UINT, 1, 65536 },
	{ "stall_ms", offsetof(struct fsc_config, stall_ms), FSC_UINT, 0, 1000 },
	{ "stall_every_ms", offsetof(struct fsc_config, stall_every_ms), FSC_UINT, 1, 3600000 },
	{ "popularity", offsetof(struct fsc_config, popularity), .choice = popularity_name },
	{ "seed", offsetof(struct fsc_config, seed), FSC_U64, 0, U64_MAX },
	{ "removal", offsetof(struct fsc_config, removal), .choice = removal_name },
	{ "free_rate", offsetof(struct fsc_config, free_rate), FSC_UINT, 0, 10000000 },
	{ "reuse_distance", offsetof(struct fsc_config, reuse_distance), FSC_UINT, 1, 65536 },
	{ "publish_ns", offsetof(struct fsc_config, publish_ns), FSC_UINT, 0, NSEC_PER_SEC },
	{ "gap_ns", offsetof(struct fsc_config, gap_ns), FSC_UINT, 0, NSEC_PER_SEC },
	{ "hold_ns", offsetof(struct fsc_config, hold_ns), FSC_UINT, 0, NSEC_PER_SEC },
	{ "touch_bytes", offsetof(struct fsc_config, touch_bytes), FSC_UINT,
	  sizeof(struct fsc_stamp), SZ_2M },
	{ "lookups_per_section", offsetof(struct fsc_config, lookups_per_section), FSC_UINT,
	  1, FSC_SECTION_MAX },
	{ "sample_shift", offsetof(struct fsc_config, sample_shift), FSC_INT, -1, 20 },
	{ "deferral", offsetof(struct fsc_config, deferral), .choice = fsc_deferral_name },
	{ "freeptr", offsetof(struct fsc_config, freeptr), .choice = freeptr_name },
	{ "warmup_ms", offsetof(struct fsc_config, warmup_ms), FSC_UINT, 0, MAX_MS },
	{ "duration_ms", offsetof(struct fsc_config, duration_ms), FSC_UINT, 0, MAX_MS },
	{ "max_turnovers", offsetof(struct fsc_config, max_turnovers), FSC_UINT, 0, 1 << 30 },
	{ "sample_ms", offsetof(struct fsc_config, sample_ms), FSC_UINT, 0, 10000 },
	{ "check_bound", offsetof(struct fsc_config, check_bound), FSC_UINT, 0, 1 },
	{ "callback_ns", offsetof(struct fsc_config, callback_ns), FSC_UINT, 0, NSEC_PER_MSEC },
	{ "gp_probe_ms", offsetof(struct fsc_config, gp_probe_ms), FSC_UINT, 0, 10000 },
	{ "limbo_max_mb", offsetof(struct fsc_config, limbo_max_mb), FSC_UINT, 0, 1 << 20 },
	{ "autorun", offsetof(struct fsc_config, autorun), FSC_UINT, 0, 1 },
};

static const struct param *find_param(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(table[i].name, name))
			return &table[i];
	}
	return NULL;
}

static void *param_value(const struct fsc_config *config, const struct param *param)
{
	return (void *)config + param->offset;
}

/* Return: 0 with the text, less its newline, in @copy of FSC_TEXT_MAX. */
static int parse_text(const struct param *param, const char *val, char *copy)
{
	size_t length = 0;
	int err = -EINVAL;

	/* What a list of CPUs may have between its numbers is more than JSON takes in a text. */
	while (isascii(val[length]) && isgraph(val[length]))
		length++;
	/* One newline, at the end. */
	if (length < FSC_TEXT_MAX && (!val[length] || !strcmp(&val[length], "\n"))) {
		memcpy(copy, val, length);
		copy[length] = '\0';
		err = param->check(copy);
	}
	if (err == -EINVAL)
		pr_err("%s=%.*s: allowed: %s\n", param->name, fsc_config_shown(val), val,
		       param->takes);
	return err;
}

/* Return: 0 with the number of the choice in @value. */
static int parse_choice(const struct param *param, const char *val, u64 *value)
{
	const char *name;
	char known[200];
	unsigned int i;
	int at = 0;

	for (i = 0; (name = param->choice(i)); i++) {
		if (sysfs_streq(val, name)) {
			*value = i;
			return 0;
		}
		at += scnprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", name);
	}
	pr_err("%s=%.*s: allowed: %s\n", param->name, fsc_config_shown(val), val, known);
	return -EINVAL;
}

/* Return: 0 with the value, sign-extended if it has one, in @value. */
static int parse_number(const struct param *param, const char *val, u64 *value)
{
	bool in_range;
	s64 number = 0;

	if (param->type == FSC_INT) {
		in_range = !kstrtoll(val, 0, &number) && number >= param->min &&
			   number <= (s64)param->max;
		*value = number;
	} else {
		in_range = !kstrtoull(val, 0, value) && *value >= param->min &&
			   *value <= param->max;
	}
	if (in_range)
		return 0;
	pr_err("%s=%.*s: allowed: %lld to %llu\n", param->name, fsc_config_shown(val), val,
	       param->min, param->max);
	return -EINVAL;
}

/**
 * fsc_config_set - set a parameter by its name
 * @config: where to; a value that is refused leaves it as it was
 * @name: which
 * @val: the value as it was typed, with or without a newline
 *
 * What is refused is told in one line of the kernel log.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL for a value that is not allowed, -ENOENT for a name that
 * is no parameter's, -ENOMEM.
 */
int fsc_config_set(struct fsc_config *config, const char *name, const char *val)
{
	const struct param *param = find_param(name);
	char text[FSC_TEXT_MAX];
	void *field;
	u64 value;
	int err;

	if (!param)
		return -ENOENT;
	if (param->check)
		err = parse_text(param, val, text);
	else if (param->choice)
		err = parse_choice(param, val, &value);
	else
		err = parse_number(param, val, &value);
	if (err)
		return err;
	field = param_value(config, param);
	if (param->check)
		strscpy(field, text, FSC_TEXT_MAX);
	else if (param->type == FSC_U64)
		*(u64 *)field = value;
	else
		*(unsigned int *)field = value;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_set);

/**
 * fsc_config_copy - copy one parameter
 * @to: where to; numbers of it are read without a lock
 * @from: where from
 * @name: which, the name of a parameter
 *
 * Context: Any.
 */
void fsc_config_copy(struct fsc_config *to, const struct fsc_config *from, const char *name)
{
	const struct param *param = find_param(name);
	const void *value = param_value(from, param);
	void *field = param_value(to, param);

	if (param->check)
		strscpy(field, value, FSC_TEXT_MAX);
	else if (param->type == FSC_U64)
		WRITE_ONCE(*(u64 *)field, *(const u64 *)value);
	else
		WRITE_ONCE(*(unsigned int *)field, *(const unsigned int *)value);
}

/**
 * fsc_config_is_text - is a parameter kept as it was typed?
 * @name: which, the name of a parameter
 *
 * Context: Any.
 * Return: True if it is; numbers and choices are no text.
 */
bool fsc_config_is_text(const char *name)
{
	return find_param(name)->check;
}

/**
 * fsc_config_emit - print a parameter and a newline, for sysfs
 * @config: whose; a text of it must not change meanwhile
 * @name: which, the name of a parameter
 * @buffer: where to, a page
 *
 * Context: Any.
 * Return: How many bytes were printed.
 */
int fsc_config_emit(const struct fsc_config *config, const char *name, char *buffer)
{
	const struct param *param = find_param(name);
	const void *field = param_value(config, param);

	if (param->check)
		return sysfs_emit(buffer, "%s\n", (const char *)field);
	if (param->choice)
		return sysfs_emit(buffer, "%s\n",
				  param->choice(READ_ONCE(*(const unsigned int *)field)));
	if (param->type == FSC_U64)
		return sysfs_emit(buffer, "%llu\n", READ_ONCE(*(const u64 *)field));
	return sysfs_emit(buffer, "%d\n", READ_ONCE(*(const int *)field));
}

/**
 * fsc_config_protocol - name of the chosen protocol
 * @config: the parameters
 *
 * Context: Any.
 * Return: What protocol= was given.
 */
const char *fsc_config_protocol(const struct fsc_config *config)
{
	return protocol_name(config->protocol);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_protocol);

/**
 * fsc_config_busted - name of the chosen negative control
 * @config: the parameters
 *
 * Context: Any.
 * Return: What busted= was given, NULL for none.
 */
const char *fsc_config_busted(const struct fsc_config *config)
{
	return config->busted ? busted_name(config->busted) : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_busted);

/**
 * fsc_config_show_json - print parameters as a JSON object
 * @m: where to
 * @config: which
 *
 * Context: Process context.
 */
void fsc_config_show_json(struct seq_file *m, const struct fsc_config *config)
{
	unsigned int i, number;

	seq_putc(m, '{');
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const void *field = param_value(config, &table[i]);

		seq_printf(m, "%s\"%s\": ", i ? ", " : "", table[i].name);
		/* A text that is a number is shown as one. */
		if (table[i].check && !kstrtouint(field, 10, &number))
			seq_printf(m, "%u", number);
		else if (table[i].check)
			seq_printf(m, "\"%s\"", (const char *)field);
		else if (table[i].choice)
			seq_printf(m, "\"%s\"", table[i].choice(*(const unsigned int *)field));
		else if (table[i].type == FSC_U64)
			seq_printf(m, "%llu", *(const u64 *)field);
		else
			seq_printf(m, "%d", *(const int *)field);
	}
	seq_putc(m, '}');
}
