#ifndef KEYSTORE_BACKUP_DRILL_H
#define KEYSTORE_BACKUP_DRILL_H

#include "keystore/internal.h"

/*
 * Restore drills: the newest backup is read and verified as at a restore, from the genesis on, and
 * some of the wrapped keys in it are opened and used in a token that holds the wrapping key,
 * another one than that of the appliance's own keys where there is one. Of the live appliance only
 * the states of these keys are looked at, and nothing is changed but for the leaf `drill` with the
 * outcome. One is held in each period of the configuration, and when somebody asks; none that was
 * good for 30 days is an alarm.
 */
struct drill;

PS_MUST_USE enum ps_err drill_new(struct keeper *keeper, struct drill **ret_drill);
void drill_free(struct drill *drill);

/* Called once a second. */
void drill_tick(struct drill *drill);

/*
 * One as soon as there is a backup, in the name of `caller`. Errors: PS_E_STATE (the configuration
 * names no directory for them).
 */
PS_MUST_USE enum ps_err drill_ask(struct drill *drill, struct ps_bytes caller,
                                  struct ps_bytes request_id);

/* How far it is, and how the last one ended. */
PS_MUST_USE enum ps_err drill_put(const struct drill *drill, struct ps_buf *out);

#endif
