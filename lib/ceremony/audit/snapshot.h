#ifndef CEREMONY_AUDIT_SNAPSHOT_H
#define CEREMONY_AUDIT_SNAPSHOT_H

#include "lib/ceremony/replay/replay.h"

/*
 * Roster, policy, clients, families and grants as they were at a time: the same replay that judges
 * the operations, looked at when the leaves of then had been taken.
 */
struct audit_snapshot;

PS_MUST_USE enum ps_err audit_snapshot_new(uint64_t at_ns, struct audit_snapshot **ret_snapshot);
void audit_snapshot_free(struct audit_snapshot *snapshot);
PS_DEFINE_CLEANUP(struct audit_snapshot, audit_snapshot_free)

/* Takes the next leaf of `events`, and has the replay take it. Errors: those of replay_take. */
PS_MUST_USE enum ps_err audit_snapshot_take(struct audit_snapshot *snapshot, struct replay *replay,
                                            uint64_t index, const struct log_event *event);

/* Of the replay's sink: an operation that came to its end. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err audit_snapshot_take_operation(struct audit_snapshot *snapshot,
                                                      const struct replay_operation *operation);

/* After the last leaf. */
PS_MUST_USE enum ps_err audit_snapshot_finish(struct audit_snapshot *snapshot,
                                              const struct replay *replay);

/* There was no genesis at that time. */
bool audit_snapshot_is_empty(const struct audit_snapshot *snapshot);

/*
 * Members of a JSON object, each with a comma before it: roster, policy, clients, families, grants.
 * Errors: PS_E_NO_MEMORY, PS_E_LIMIT
 */
PS_MUST_USE enum ps_err audit_snapshot_put(const struct audit_snapshot *snapshot,
                                           struct ps_buf *out);

#endif
