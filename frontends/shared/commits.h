#ifndef FRONTENDS_SHARED_COMMITS_H
#define FRONTENDS_SHARED_COMMITS_H

#include "frontends/shared/mailbox.h"
#include "lib/db/db.h"

/*
 * Changes of a database, made by a thread of its own so that the event loop never waits for a disk.
 * What comes while one commit is on its way shares the next one, and with it one sync.
 */
struct commits;

/* One change; the caller's memory, from commits_make until `done`. */
struct change {
    struct mail mail; /* first: a mail is its change; of commits_make, as `err` and `detail` */
    /*
     * On the thread, within a transaction; touches nothing but the change and the database. With
     * PS_E_NOT_FOUND and PS_E_CONFLICT it has changed nothing; after any other error nothing is
     * committed of all that share the commit.
     */
    enum ps_err (*apply)(struct change *change, struct db *db);
    /*
     * In the loop, when the change is durable, or is not made: `err` is what kept it from that,
     * with its detail. The change is the caller's again.
     */
    void (*done)(struct change *change, enum ps_err err);
    enum ps_err err;
    struct ps_detail detail;
};

/*
 * db:      the thread's alone, from here until commits_free has returned; the caller's to close
 * waiting: how many changes may wait for a commit
 * Errors:  PS_E_NO_MEMORY, PS_E_INTERNAL
 */
PS_MUST_USE enum ps_err commits_new(struct ps_loop *loop, struct db *db, size_t waiting,
                                    struct commits **ret_commits);

/* What was asked for is made, and its `done` called. */
void commits_free(struct commits *commits);

/* In the loop. Errors: PS_E_BUSY: too many wait; `done` is not called then. */
PS_MUST_USE enum ps_err commits_make(struct commits *commits, struct change *change);

#endif
