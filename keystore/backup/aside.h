#ifndef KEYSTORE_BACKUP_ASIDE_H
#define KEYSTORE_BACKUP_ASIDE_H

#include "lib/base/loop.h"

/*
 * One thread beside the loop, for work that a disk or a network may hold up for as long as it
 * likes: one piece at a time. The loop is told when it is done, and waits for nothing.
 */
struct aside;

/* `work` in the thread, then `done` in the loop; what `context` holds is the thread's meanwhile. */
struct aside_job {
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
};

/* name: of the thread, at most 15 octets. Errors: PS_E_NO_MEMORY, PS_E_INTERNAL. */
PS_MUST_USE enum ps_err aside_new(struct ps_loop *loop, const char *name, struct aside **ret_aside);

/* Only while nothing is under way. */
void aside_run(struct aside *aside, const struct aside_job *job);

bool aside_is_busy(const struct aside *aside);

/*
 * Waits for what is under way, but not longer than `patience_s`. False: it is still held up, so
 * that its context has to stay where it is until the process ends. `done` is not called any more.
 */
bool aside_free(struct aside *aside, unsigned patience_s);

#endif
