/* SPDX-License-Identifier: GPL-2.0 */
/* The parameters of a run. module/config.c parses and prints them, module/params.c stores them. */
#ifndef FOLIOSCALE_CONFIG_H
#define FOLIOSCALE_CONFIG_H

#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/types.h>

#include <folioscale/compat.h>

struct seq_file;

/* Tries before a lookup leaves its section: on PREEMPT_RT the freer may be waiting for the CPU. */
#define FSC_MAX_TRIES		64

/* Most lookups in one section: what they find is kept on the stack until the section ends. */
#define FSC_SECTION_MAX		32

enum fsc_popularity { FSC_UNIFORM, FSC_ZIPF, FSC_HOT };
enum fsc_removal { FSC_RECLAIM, FSC_TRUNCATE };
enum fsc_deferral { FSC_DEFER_AUTO, FSC_DEFER_KFREE_RCU, FSC_DEFER_CALL_RCU,
		    FSC_DEFER_CALL_RCU_HURRY };
enum fsc_freeptr { FSC_FREEPTR_INSIDE, FSC_FREEPTR_OUTSIDE };
enum fsc_tryget { FSC_TRYGET_CAS, FSC_TRYGET_XADD, FSC_TRYGET_RCUREF };
enum fsc_churn { FSC_CHURN_REPLACE, FSC_CHURN_REFREEZE, FSC_CHURN_RECLAIM, FSC_CHURN_MIGRATE,
		 FSC_CHURN_SPLIT };
enum fsc_pin { FSC_PIN_GET, FSC_PIN_PIN };

/* Parameters that are lists are stored as they were typed (parse.h). */
#define FSC_TEXT_MAX		64

#define FSC_FIELD_NAME(name)		const char *(name)
#define FSC_FIELD_CHOICE(name)		unsigned int name
#define FSC_FIELD_UINT(name)		unsigned int name
#define FSC_FIELD_INT(name)		int name
#define FSC_FIELD_U64(name)		u64 name
#define FSC_FIELD_TEXT(name)		char name[FSC_TEXT_MAX]
#define FSC_PARAM(name, kind, ...)	FSC_FIELD_##kind(name);

/**
 * struct fsc_config - the parameters, one field for each row of params.def
 *
 * One instance holds the module parameters. A run has its own copy, so writes
 * between runs do not change what a finished run reports.
 */
struct fsc_config {
#include <folioscale/params.def>
};

#undef FSC_FIELD_NAME
#undef FSC_FIELD_CHOICE
#undef FSC_FIELD_UINT
#undef FSC_FIELD_INT
#undef FSC_FIELD_U64
#undef FSC_FIELD_TEXT

void fsc_config_get(struct fsc_config *config);
const struct fsc_config *fsc_config_presets(void);
int fsc_config_set(struct fsc_config *config, const char *name, const char *val);
void fsc_config_copy(struct fsc_config *to, const struct fsc_config *from, const char *name);
bool fsc_config_is_text(const char *name);
int fsc_config_emit(const struct fsc_config *config, const char *name, char *buffer);
const char *fsc_config_protocol(const struct fsc_config *config);
const char *fsc_config_busted(const struct fsc_config *config);
void fsc_config_show_json(struct seq_file *m, const struct fsc_config *config);
void fsc_config_show_schema(struct seq_file *m);
const char *fsc_deferral_name(unsigned int i);
const char *fsc_tryget_name(unsigned int i);

/* How many bytes of a value a message shows: no newline, and 64 at most. */
static inline int fsc_config_shown(const char *val)
{
	return min(strcspn(val, "\n"), 64UL);
}

/* Held while parameters change and while a run starts or stops. */
extern struct mutex fsc_lock;

#endif /* FOLIOSCALE_CONFIG_H */
