/* SPDX-License-Identifier: GPL-2.0 */
/* The verdict on a run. */
#ifndef FOLIOSCALE_VERDICT_H
#define FOLIOSCALE_VERDICT_H

struct fsc_run;

enum fsc_verdict { FSC_PASS, FSC_FAIL, FSC_INCONCLUSIVE };

struct fsc_judgement {
	enum fsc_verdict verdict;
	const char *reason;
};

struct fsc_judgement fsc_judge(const struct fsc_run *run, bool ended);
const char *fsc_verdict_name(enum fsc_verdict verdict);

#endif /* FOLIOSCALE_VERDICT_H */
