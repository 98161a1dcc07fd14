#ifndef KEYSTORE_BACKUP_RESTORED_H
#define KEYSTORE_BACKUP_RESTORED_H

#include "keystore/events/derive.h"
#include "keystore/internal.h"
#include "keystore/operations/object.h"

/*
 * An appliance that was made from a backup (docs/backup.md). It has the log, and so the catalog, of
 * the one before, and is locked: the log's key of before is not asked for anything any more. It
 * makes a pair each for the log and for its identity in a token, and offers them; when people
 * have approved those (`appliance.restore`), the log goes on with them.
 */
struct restored;

PS_MUST_USE enum ps_err restored_new(struct keeper *keeper, struct restored **ret_restored);
void restored_free(struct restored *restored);
PS_DEFINE_CLEANUP(struct restored, restored_free)

/*
 * Takes in what `privyseal backup restore` left, if anything: after the catalog and before the log
 * is opened. Errors: those of restored_files_take.
 */
PS_MUST_USE enum ps_err restored_take_files(struct keeper *keeper);

/*
 * Once everything was loaded, and before anything else is recorded: writes the leaf `restored`
 * where it is due, and knows what the log says of it.
 */
PS_MUST_USE enum ps_err restored_load(struct restored *restored, struct derive *derive);

/* Whether people have yet to approve that it goes on. */
bool restored_waits(const struct restored *restored);

/* Called once a second: makes the keys, once a token is there. */
void restored_tick(struct restored *restored);

/*
 * Whether an object with this id (CKA_ID) is of one of those keys: they are nobody's yet, and are
 * left alone.
 */
bool restored_has_reserved(const struct restored *restored, struct ps_bytes object_id);

/* The row of the appliance changed: it goes on, if it has another log key. */
void restored_look(struct restored *restored);

/* --- What people approve --- */

enum { RESTORED_LOG, RESTORED_IDENTITY, RESTORED_KEYS };
struct restored_key {
    uint8_t object_id[OBJECT_ID_LEN];
    uint8_t spki[64];
    size_t spki_len;
};
struct restored_offer {
    char token[PS_NAME_MAX + 1];
    struct restored_key keys[RESTORED_KEYS];
};

bool restored_offers_equal(const struct restored_offer *one, const struct restored_offer *other);

/* NULL: they are not made yet. */
const struct restored_offer *restored_offer(const struct restored *restored);

/* They cannot be had after all: others are made. */
void restored_withdraw(struct restored *restored);

/* How many leaves of `events` were restored, and whether a mirror had some of them. */
uint64_t restored_leaves(const struct restored *restored);
bool restored_is_mirrored(const struct restored *restored);

/* For GET /v1/system: why it is locked, among its reasons. */
struct writer;
void restored_put_reason(const struct restored *restored, struct writer *out);

#endif
