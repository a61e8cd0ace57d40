// SPDX-License-Identifier: GPL-2.0
/* Parts of JSON that several files print. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include <folioscale/report.h>

/**
 * fsc_report_string - print a text as a JSON string
 * @m: output
 * @text: ASCII; quotes, backslashes, newlines and tabs are escaped. NULL: an empty string
 *
 * Context: Process context.
 */
void fsc_report_string(struct seq_file *m, const char *text)
{
	seq_putc(m, '"');
	seq_escape_str(m, text ?: "", ESCAPE_SPACE | ESCAPE_SPECIAL, "\"\\\n\t");
	seq_putc(m, '"');
}
EXPORT_SYMBOL_IF_KUNIT(fsc_report_string);
