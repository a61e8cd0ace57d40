/* SPDX-License-Identifier: GPL-2.0 */
/* Probes grace-period latency. Off by default, because the probe changes what it measures. */
#ifndef FOLIOSCALE_GP_PROBE_H
#define FOLIOSCALE_GP_PROBE_H

struct fsc_run;

int fsc_gp_probe_start(struct fsc_run *run);
void fsc_gp_probe_stop(struct fsc_run *run);

#endif /* FOLIOSCALE_GP_PROBE_H */
