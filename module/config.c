// SPDX-License-Identifier: GPL-2.0
/*
 * The parameters: their names, how they are parsed, and how they are printed. A
 * value that is not allowed is refused with one line that names the parameter,
 * the value, and what is allowed. Combinations are checked when a run starts
 * (check.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/time64.h>

#include <folioscale/config.h>
#include <folioscale/marker.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/report.h>
#include <folioscale/stamp.h>
#include <folioscale/thread.h>

#define MAX_MS		3600000

/* The i-th protocol, or busted one; each counts once, not once per way to count references. */
static const struct fsc_protocol *nth_protocol(unsigned int i, bool busted)
{
	const char *last = "";
	unsigned int j;

	for (j = 0; j < fsc_nr_protocols(); j++) {
		const struct fsc_protocol *protocol = fsc_protocol(j);

		if (!!protocol->bug.name != busted)
			continue;
		if (!busted && !strcmp(protocol->name, last))
			continue;
		last = protocol->name;
		if (!i--)
			return protocol;
	}
	return NULL;
}

/* Names of the choices by number; NULL after the last. */
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
	return protocol ? protocol->bug.name : NULL;
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
 * @i: an enum fsc_deferral
 *
 * Context: Any.
 * Return: What deferral= takes, NULL after the last.
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
 * @i: an enum fsc_tryget
 *
 * Context: Any.
 * Return: What tryget= takes, NULL after the last.
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
		[FSC_CHURN_MIGRATE]	= "migrate",
		[FSC_CHURN_SPLIT]	= "split",
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

/* It is printed as it is in JSON and messages; not every name of a cgroup could be. */
static int check_cgroup(const char *text)
{
	if (*text && *text != '/')
		return -EINVAL;
	while (isalnum(*text) || (*text && strchr("_-.@:/", *text)))
		text++;
	return *text ? -EINVAL : 0;
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

enum param_kind { NAME, CHOICE, UINT, INT, U64, TEXT };

/**
 * struct param - a row of params.def
 * @name: name of the parameter
 * @offset: offset of its field in struct fsc_config
 * @kind: type of its field
 * @min: smallest allowed number
 * @max: largest allowed number
 * @choice: the names that a NAME or CHOICE may be, by number
 * @check: 0 if a TEXT is allowed, else -errno
 * @takes: what a TEXT may be, in words
 * @meaning: what the parameter means
 * @misleads: how it makes figures mislead, or empty
 */
struct param {
	const char *name;
	size_t offset;
	enum param_kind kind;
	s64 min;
	u64 max;
	const char *(*choice)(unsigned int i);
	int (*check)(const char *text);
	const char *takes;
	const char *meaning;
	const char *misleads;
};

static const struct param table[] = {
#define NAMES(function)		.choice = (function)
#define RANGE(from, to)		.min = (from), .max = (to)
#define READ_BY(function, what)	.check = (function), .takes = (what)
#define FSC_PARAM(label, of, preset, allowed, what, how)			\
	{ .name = #label, .offset = offsetof(struct fsc_config, label),		\
	  .kind = of, allowed, .meaning = what, .misleads = how },
#include <folioscale/params.def>
#undef NAMES
#undef RANGE
#undef READ_BY
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

/* Return: 0 and the text without its newline in @copy of FSC_TEXT_MAX. */
static int parse_text(const struct param *param, const char *val, char *copy)
{
	size_t length = 0;
	int err = -EINVAL;

	/* cpulist_parse() skips isspace() characters; JSON strings do not allow all of them. */
	while (isascii(val[length]) && isgraph(val[length]))
		length++;
	/* Allow one newline, at the end. */
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

/* Return: 0 and the number of the name in @value. */
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

/* Return: 0 and the value, sign-extended if signed, in @value. */
static int parse_number(const struct param *param, const char *val, u64 *value)
{
	bool in_range;
	s64 number = 0;

	if (param->kind == INT) {
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
 * fsc_config_set - set a parameter by name
 * @config: what to change; unchanged if the value is refused
 * @name: name of the parameter
 * @val: the value as typed, with or without a newline
 *
 * A refused value is reported in one line of the kernel log.
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL if the value is not allowed, -ENOENT if there is no such parameter,
 * -ENOMEM.
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
	else if (param->kind == NAME)
		*(const char **)field = param->choice(value);
	else if (param->kind == U64)
		*(u64 *)field = value;
	else
		*(unsigned int *)field = value;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_set);

/**
 * fsc_config_copy - copy one parameter
 * @to: destination; all but its texts may be read without a lock
 * @from: source
 * @name: name of the parameter
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
	else if (param->kind == NAME)
		WRITE_ONCE(*(const char **)field, *(const char *const *)value);
	else if (param->kind == U64)
		WRITE_ONCE(*(u64 *)field, *(const u64 *)value);
	else
		WRITE_ONCE(*(unsigned int *)field, *(const unsigned int *)value);
}

/**
 * fsc_config_is_text - is a parameter stored as it was typed?
 * @name: name of the parameter
 *
 * Context: Any.
 * Return: true if it is; false for numbers and names.
 */
bool fsc_config_is_text(const char *name)
{
	return find_param(name)->check;
}

/**
 * fsc_config_emit - print a parameter and a newline, for sysfs
 * @config: the parameters; a text must not change meanwhile
 * @name: name of the parameter
 * @buffer: a page to print to
 *
 * Context: Any.
 * Return: Number of bytes printed.
 */
int fsc_config_emit(const struct fsc_config *config, const char *name, char *buffer)
{
	const struct param *param = find_param(name);
	const void *field = param_value(config, param);

	if (param->check)
		return sysfs_emit(buffer, "%s\n", (const char *)field);
	if (param->kind == NAME)
		return sysfs_emit(buffer, "%s\n", READ_ONCE(*(const char *const *)field));
	if (param->choice)
		return sysfs_emit(buffer, "%s\n",
				  param->choice(READ_ONCE(*(const unsigned int *)field)));
	if (param->kind == U64)
		return sysfs_emit(buffer, "%llu\n", READ_ONCE(*(const u64 *)field));
	return sysfs_emit(buffer, "%d\n", READ_ONCE(*(const int *)field));
}

/**
 * fsc_config_protocol - name of the chosen protocol
 * @config: the parameters
 *
 * Context: Any.
 * Return: The value of protocol=.
 */
const char *fsc_config_protocol(const struct fsc_config *config)
{
	return config->protocol;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_protocol);

/**
 * fsc_config_busted - name of the chosen negative control
 * @config: the parameters
 *
 * Context: Any.
 * Return: The value of busted=, NULL for none.
 */
const char *fsc_config_busted(const struct fsc_config *config)
{
	return strcmp(config->busted, busted_name(0)) ? config->busted : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_config_busted);

static void show_value(struct seq_file *m, const struct fsc_config *config,
		       const struct param *param)
{
	const void *field = param_value(config, param);
	unsigned int number;

	switch (param->kind) {
	case TEXT:
		/* A text that is a number is printed as a number. */
		if (!kstrtouint(field, 10, &number))
			seq_printf(m, "%u", number);
		else
			fsc_report_string(m, field);
		break;
	case NAME:
		seq_printf(m, "\"%s\"", *(const char *const *)field);
		break;
	case CHOICE:
		seq_printf(m, "\"%s\"", param->choice(*(const unsigned int *)field));
		break;
	case UINT:
		seq_printf(m, "%u", *(const unsigned int *)field);
		break;
	case INT:
		seq_printf(m, "%d", *(const int *)field);
		break;
	case U64:
		seq_printf(m, "%llu", *(const u64 *)field);
		break;
	}
}

/**
 * fsc_config_show_json - print parameters as a JSON object
 * @m: output
 * @config: the parameters
 *
 * Context: Process context.
 */
void fsc_config_show_json(struct seq_file *m, const struct fsc_config *config)
{
	unsigned int i;

	seq_putc(m, '{');
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		seq_printf(m, "%s\"%s\": ", i ? ", " : "", table[i].name);
		show_value(m, config, &table[i]);
	}
	seq_putc(m, '}');
}

static void show_allowed(struct seq_file *m, const struct param *param)
{
	const char *name;
	unsigned int i;

	switch (param->kind) {
	case TEXT:
		seq_puts(m, "\"takes\": ");
		fsc_report_string(m, param->takes);
		break;
	case NAME:
	case CHOICE:
		seq_puts(m, "\"choices\": [");
		for (i = 0; (name = param->choice(i)); i++)
			seq_printf(m, "%s\"%s\"", i ? ", " : "", name);
		seq_putc(m, ']');
		break;
	default:
		seq_printf(m, "\"min\": %lld, \"max\": %llu", param->min, param->max);
	}
}

/**
 * fsc_config_show_schema - print all parameters and what they take, as a JSON object
 * @m: output
 *
 * Context: Process context.
 */
void fsc_config_show_schema(struct seq_file *m)
{
	static const char *const kinds[] = {
		[NAME] = "choice", [CHOICE] = "choice", [UINT] = "uint", [INT] = "int",
		[U64] = "u64", [TEXT] = "text",
	};
	const struct fsc_config *presets = fsc_config_presets();
	unsigned int i;

	seq_putc(m, '{');
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const struct param *param = &table[i];

		seq_printf(m, "%s\n  \"%s\": {\"kind\": \"%s\", \"default\": ", i ? "," : "",
			   param->name, kinds[param->kind]);
		show_value(m, presets, param);
		seq_puts(m, ", ");
		show_allowed(m, param);
		seq_puts(m, ", \"meaning\": ");
		fsc_report_string(m, param->meaning);
		seq_puts(m, ", \"misleads\": ");
		fsc_report_string(m, param->misleads);
		seq_putc(m, '}');
	}
	seq_puts(m, "}");
}
