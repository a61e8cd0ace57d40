// SPDX-License-Identifier: GPL-2.0
/* Texts in JSON. */
#include <kunit/test.h>
#include <linux/seq_file.h>

#include <folioscale/report.h>

static void texts_are_json_strings(struct kunit *test)
{
	static const struct {
		const char *text, *json;
	} texts[] = {
		{ "", "\"\"" },
		{ NULL, "\"\"" },
		{ "as typed: 0-1,3", "\"as typed: 0-1,3\"" },
		{ "a \"quote\"", "\"a \\\"quote\\\"\"" },
		{ "\\", "\"\\\\\"" },
		{ "two\nlines\t.", "\"two\\nlines\\t.\"" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		char buffer[64] = {};
		struct seq_file m = { .buf = buffer, .size = sizeof(buffer) - 1 };

		fsc_report_string(&m, texts[i].text);
		KUNIT_EXPECT_STREQ(test, buffer, texts[i].json);
	}
}

static struct kunit_case report_cases[] = {
	KUNIT_CASE(texts_are_json_strings),
	{}
};

static struct kunit_suite report_suite = {
	.name = "fsc_report",
	.test_cases = report_cases,
};

kunit_test_suites(&report_suite);
