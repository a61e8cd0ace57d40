/* SPDX-License-Identifier: GPL-2.0 */
/* The parameters of a run: read and shown by module/config.c, kept by module/params.c. */
#ifndef FOLIOSCALE_CONFIG_H
#define FOLIOSCALE_CONFIG_H

#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/types.h>

#include <folioscale/compat.h>

struct seq_file;

/* Tries in one lookup, then its section is left: on PREEMPT_RT the freer may wait to run. */
#define FSC_MAX_TRIES		64

/* Lookups in one section: what it finds lies on the stack until the section ends. */
#define FSC_SECTION_MAX		32

enum fsc_popularity { FSC_UNIFORM, FSC_ZIPF, FSC_HOT };
enum fsc_removal { FSC_RECLAIM, FSC_TRUNCATE };
enum fsc_deferral { FSC_DEFER_AUTO, FSC_DEFER_KFREE_RCU, FSC_DEFER_CALL_RCU,
		    FSC_DEFER_CALL_RCU_HURRY };
enum fsc_freeptr { FSC_FREEPTR_INSIDE, FSC_FREEPTR_OUTSIDE };
enum fsc_tryget { FSC_TRYGET_CAS, FSC_TRYGET_XADD, FSC_TRYGET_RCUREF };
enum fsc_churn { FSC_CHURN_REPLACE, FSC_CHURN_REFREEZE, FSC_CHURN_RECLAIM };
enum fsc_pin { FSC_PIN_GET, FSC_PIN_PIN };

/* Parameters that are lists are kept as they were typed (lists.h). */
#define FSC_TEXT_MAX		64

/**
 * struct fsc_config - parameters, as module/params.c describes them
 *
 * One lives behind the module parameters; a run has a copy of its own, so what
 * is written between runs cannot change what a finished run reports.
 */
struct fsc_config {
	unsigned int protocol;
	unsigned int path;
	unsigned int busted;
	unsigned int popularity;
	unsigned int removal;
	unsigned int deferral;
	unsigned int freeptr;
	unsigned int tryget;
	unsigned int churn;
	unsigned int pin;
	unsigned int nr_readers;
	unsigned int nr_freers;
	unsigned int nr_folios;
	unsigned int nr_mappings;
	unsigned int nr_mms;
	char order[FSC_TEXT_MAX];
	char mix[FSC_TEXT_MAX];
	char reader_cpus[FSC_TEXT_MAX];
	char freer_cpus[FSC_TEXT_MAX];
	unsigned int cross_cpu;
	unsigned int passes;
	unsigned int bounded_max;
	unsigned int burst;
	unsigned int stall_ms;
	unsigned int stall_every_ms;
	u64 seed;
	unsigned int free_rate;
	unsigned int reuse_distance;
	unsigned int publish_ns;
	unsigned int gap_ns;
	unsigned int hold_ns;
	unsigned int touch_bytes;
	unsigned int lookups_per_section;
	int sample_shift;
	unsigned int warmup_ms;
	unsigned int duration_ms;
	unsigned int max_turnovers;
	unsigned int sample_ms;
	unsigned int check_bound;
	unsigned int callback_ns;
	unsigned int gp_probe_ms;
	unsigned int limbo_max_mb;
	unsigned int autorun;
};

void fsc_config_get(struct fsc_config *config);
int fsc_config_set(struct fsc_config *config, const char *name, const char *val);
void fsc_config_copy(struct fsc_config *to, const struct fsc_config *from, const char *name);
bool fsc_config_is_text(const char *name);
int fsc_config_emit(const struct fsc_config *config, const char *name, char *buffer);
const char *fsc_config_protocol(const struct fsc_config *config);
const char *fsc_config_busted(const struct fsc_config *config);
void fsc_config_show_json(struct seq_file *m, const struct fsc_config *config);
const char *fsc_deferral_name(unsigned int i);
const char *fsc_tryget_name(unsigned int i);

/* How much of a value goes into a message: not its newline, and not a page of it. */
static inline int fsc_config_shown(const char *val)
{
	return min(strcspn(val, "\n"), 64UL);
}

/* Held while parameters change and while a run starts or stops. */
extern struct mutex fsc_lock;

#endif /* FOLIOSCALE_CONFIG_H */
