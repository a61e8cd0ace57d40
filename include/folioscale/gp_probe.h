/* SPDX-License-Identifier: GPL-2.0 */
/* A probe of grace-period latency; it changes what it measures, so it is off by default. */
#ifndef FOLIOSCALE_GP_PROBE_H
#define FOLIOSCALE_GP_PROBE_H

struct fsc_run;

int fsc_gp_probe_start(struct fsc_run *run);
void fsc_gp_probe_stop(struct fsc_run *run);

#endif /* FOLIOSCALE_GP_PROBE_H */
