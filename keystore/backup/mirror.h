#ifndef KEYSTORE_BACKUP_MIRROR_H
#define KEYSTORE_BACKUP_MIRROR_H

#include "keystore/internal.h"

/*
 * The mirror of `events` that the configuration names: what was signed for is there a moment later,
 * durably, so that a restore knows what came after the backup. It is written in a thread of its
 * own and holds nothing up; what it lacks is an alarm.
 */
struct mirror;
struct writer;

PS_MUST_USE enum ps_err mirror_new(struct keeper *keeper, struct mirror **ret_mirror);
void mirror_free(struct mirror *mirror);

/* Called once a second. */
void mirror_tick(struct mirror *mirror);

/* Members `mirror` of an open object: where it is, and how far; nothing if there is none. */
void mirror_put(const struct mirror *mirror, struct writer *out);

#endif
