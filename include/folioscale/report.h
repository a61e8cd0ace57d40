/* SPDX-License-Identifier: GPL-2.0 */
/* Output of a run: JSON, and the histograms that are in it. */
#ifndef FOLIOSCALE_REPORT_H
#define FOLIOSCALE_REPORT_H

struct fsc_hist;
struct fsc_run;
struct seq_file;

/* The figures of a run; the caller holds fsc_lock. */
void fsc_report_json(struct seq_file *m, struct fsc_run *run);
void fsc_report_kernel_json(struct seq_file *m);
void fsc_schema_show(struct seq_file *m);
void fsc_report_hist_json(struct seq_file *m, const struct fsc_hist *hist);
void fsc_report_string(struct seq_file *m, const char *text);

/* A latency histogram, summed over threads; valid until the next call. */
const struct fsc_hist *fsc_report_latency(const struct fsc_run *run, unsigned int which);

#endif /* FOLIOSCALE_REPORT_H */
