/* SPDX-License-Identifier: GPL-2.0 */
/* Charging what a run allocates to a memory cgroup. */
#ifndef FOLIOSCALE_ACCOUNT_H
#define FOLIOSCALE_ACCOUNT_H

struct fsc_run;

int fsc_account_init(struct fsc_run *run);
void fsc_account_destroy(struct fsc_run *run);

#endif /* FOLIOSCALE_ACCOUNT_H */
