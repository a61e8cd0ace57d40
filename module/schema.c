// SPDX-License-Identifier: GPL-2.0
/*
 * The schema file in debugfs: all protocols, paths, parameters and counters.
 * Scripts and documents read it, so a new one needs only its own row.
 */
#include <linux/seq_file.h>
#include <linux/string.h>

#include <folioscale/counters.h>
#include <folioscale/protocol.h>
#include <folioscale/report.h>

/* A name in a JSON list; @count is the number of names before it. */
static void show_name(struct seq_file *m, unsigned int count, const char *name)
{
	seq_printf(m, "%s\"%s\"", count ? ", " : "", name);
}

/* The first members of an object: others follow. */
static void show_text(struct seq_file *m, const char *name, const char *text)
{
	seq_printf(m, "\"%s\": ", name);
	fsc_report_string(m, text);
	seq_puts(m, ", ");
}

static void show_flag(struct seq_file *m, const char *name, bool flag)
{
	seq_printf(m, ", \"%s\": %s", name, flag ? "true" : "false");
}

/* The paths that support a protocol. */
static void show_paths_of(struct seq_file *m, const struct fsc_protocol *protocol)
{
	unsigned int i, count = 0;

	seq_puts(m, "\"paths\": [");
	for (i = 0; i < fsc_nr_paths; i++) {
		if (!fsc_paths[i]->refuses(protocol))
			show_name(m, count++, fsc_paths[i]->name);
	}
	seq_putc(m, ']');
}

/* The values of deferral= that a protocol supports, without auto, which all do. */
static void show_deferrals_of(struct seq_file *m, const struct fsc_protocol *protocol)
{
	unsigned int i, count = 0;

	seq_puts(m, ", \"deferrals\": [");
	for (i = FSC_DEFER_AUTO + 1; fsc_deferral_name(i); i++) {
		if (protocol->freeing.deferrals & BIT(i))
			show_name(m, count++, fsc_deferral_name(i));
	}
	seq_printf(m, "], \"deferral\": \"%s\"", fsc_deferral_name(protocol->freeing.deferral));
}

/* The values of tryget= that a protocol supports: it has a row in the table for each. */
static void show_trygets_of(struct seq_file *m, const struct fsc_protocol *protocol)
{
	unsigned int i, count = 0;

	seq_puts(m, ", \"trygets\": [");
	for (i = 0; i < fsc_nr_protocols(); i++) {
		const struct fsc_protocol *other = fsc_protocol(i);

		if (!other->bug.name && !strcmp(other->name, protocol->name))
			show_name(m, count++, other->refs.name);
	}
	seq_putc(m, ']');
}

static void show_protocol(struct seq_file *m, const struct fsc_protocol *protocol)
{
	seq_printf(m, "\"%s\": {", protocol->name);
	show_text(m, "descriptor", protocol->says.descriptor);
	show_text(m, "pages", protocol->says.pages);
	show_text(m, "reader", protocol->says.reader);
	show_paths_of(m, protocol);
	show_trygets_of(m, protocol);
	show_deferrals_of(m, protocol);
	show_flag(m, "refcounted", protocol->reader.refcounted);
	show_flag(m, "recheck", protocol->reader.recheck);
	show_flag(m, "reused_before_gp", protocol->freeing.reused_before_gp);
	show_flag(m, "own_descriptor", protocol->own_descriptor);
	seq_printf(m, ", \"copies\": %u", protocol->reader.copies);
	show_flag(m, "locked", protocol->reader.locked);
	/* Its limbo is bounded by a batch or a ceiling, not by the clock as with kfree_rcu(). */
	show_flag(m, "keeps_back",
		  protocol->freeing.private_max && protocol->freeing.deferral == FSC_DEFER_AUTO);
	seq_putc(m, '}');
}

static void show_protocols(struct seq_file *m)
{
	const char *last = "";
	unsigned int i;

	seq_puts(m, "\"protocols\": {");
	for (i = 0; i < fsc_nr_protocols(); i++) {
		const struct fsc_protocol *protocol = fsc_protocol(i);

		if (protocol->bug.name || !strcmp(protocol->name, last))
			continue;
		seq_printf(m, "%s\n  ", *last ? "," : "");
		last = protocol->name;
		show_protocol(m, protocol);
	}
	seq_putc(m, '}');
}

static void show_busted(struct seq_file *m)
{
	unsigned int i, count = 0;

	seq_puts(m, ",\n\"busted\": {");
	for (i = 0; i < fsc_nr_protocols(); i++) {
		const struct fsc_protocol *protocol = fsc_protocol(i);

		if (!protocol->bug.name)
			continue;
		seq_printf(m, "%s\n  \"%s\": {\"protocol\": \"%s\", \"tryget\": \"%s\", ",
			   count++ ? "," : "", protocol->bug.name, protocol->name,
			   protocol->refs.name);
		show_text(m, "forgets", protocol->bug.forgets);
		show_text(m, "widened_by", protocol->bug.widened_by);
		show_paths_of(m, protocol);
		seq_putc(m, '}');
	}
	seq_putc(m, '}');
}

static void show_paths(struct seq_file *m)
{
	unsigned int i;

	seq_puts(m, ",\n\"paths\": {");
	for (i = 0; i < fsc_nr_paths; i++) {
		const struct fsc_path *path = fsc_paths[i];

		seq_printf(m, "%s\n  \"%s\": {\"tries\": %u, \"unit\": %u, \"gap_max_ns\": %llu",
			   i ? "," : "", path->name, path->tries, path->unit, path->gap_max_ns);
		show_flag(m, "falls_back", path->falls_back);
		show_flag(m, "pins", path->pins);
		show_flag(m, "walks", path->walks);
		seq_putc(m, '}');
	}
	seq_putc(m, '}');
}

static void show_counters(struct seq_file *m)
{
	unsigned int i;

	seq_puts(m, ",\n\"counters\": {");
	for (i = 0; i < FSC_NR_COUNTERS; i++) {
		const struct fsc_counter_info *info = &fsc_counter_info[i];

		seq_printf(m, "%s\n  \"%s\": {", i ? "," : "", info->name);
		show_text(m, "counts", info->counts);
		seq_puts(m, "\"misleads\": ");
		fsc_report_string(m, info->misleads);
		seq_putc(m, '}');
	}
	seq_putc(m, '}');
}

/**
 * fsc_schema_show - print the schema as JSON
 * @m: output
 *
 * The schema does not change while the module is loaded.
 *
 * Context: Process context.
 */
void fsc_schema_show(struct seq_file *m)
{
	seq_putc(m, '{');
	show_protocols(m);
	show_busted(m);
	show_paths(m);
	seq_puts(m, ",\n\"parameters\": ");
	fsc_config_show_schema(m);
	show_counters(m);
	seq_puts(m, "}\n");
}
