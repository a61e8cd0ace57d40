/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FOLIOSCALE_DEBUGFS_H
#define FOLIOSCALE_DEBUGFS_H

void fsc_debugfs_create(void);
void fsc_debugfs_remove(void);

#endif /* FOLIOSCALE_DEBUGFS_H */
