#ifndef KEYSTORE_STATE_LOCK_H
#define KEYSTORE_STATE_LOCK_H

#include "keystore/internal.h"

/*
 * The locked appliance. Officers lock it (the row of the appliance says so, which the log is the
 * truth of), or the security section of its configuration is not the one that was approved. While
 * it is locked no key is used: signatures are refused, the tokens are logged out, and keeper and
 * supervisor have forgotten the PINs. What needs no token goes on; leaves become durable and get
 * their checkpoint after the unlock.
 *
 * A restart never unlocks: only rows do, and a configuration that is as it was approved. The PINs
 * then come anew from where the configuration says (unattended unlock).
 */
bool lock_is_on(const struct keeper *keeper);
bool lock_configuration_is_approved(const struct keeper *keeper);

/*
 * A lock takes effect when its leaf is recorded, before that is durable: whoever is told that the
 * appliance is locked finds no signature that left later. Over with the operation, when its row
 * has taken its place.
 */
void lock_hold(struct keeper *keeper, bool is_held);

/* Brings tokens and PINs in line: when a row changed, at start, and once a second. */
void lock_look(struct keeper *keeper);

/* Each reason as {"code", "detail"}, into an array that is open. */
struct writer;
void lock_put_reasons(const struct keeper *keeper, struct writer *out);

/* Member "configuration": {"approved", "present"}, hashes of the security section in hex. */
void lock_put_configuration(const struct keeper *keeper, struct writer *out);

#endif
