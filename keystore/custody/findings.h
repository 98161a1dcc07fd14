#ifndef KEYSTORE_CUSTODY_FINDINGS_H
#define KEYSTORE_CUSTODY_FINDINGS_H

#include "keystore/writer.h"
#include "lib/ipc/messages_token.h"

#include "keystore/custody/holdings.h"

/*
 * What an inventory found to be otherwise than the catalog says. All are counted, the first ones
 * are written down: as many as fit into a leaf.
 */
#define FINDINGS_SHOWN     64u
#define FINDINGS_LABEL_MAX 64u

struct findings {
    struct ps_buf items; /* objects of JSON, with commas between them */
    uint32_t count;
    char first[160]; /* the first one as a sentence, for the alarm; "": none */
};
void findings_init(struct findings *findings);
void findings_clear(struct findings *findings);

/* An object of the token that no key has. class: of a row of msg_token_objects. */
struct found_object {
    uint8_t class;
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len; /* 0: it has none, or it cannot be read */
    uint8_t label[FINDINGS_LABEL_MAX];
    size_t label_len;
};
void findings_add_unknown(struct findings *findings, const struct found_object *object);
/* One of which a record that cannot be read leaves open whether a key has it. */
void findings_add_unclear(struct findings *findings, const struct found_object *object);
/* The object of a version that was destroyed. */
void findings_add_undead(struct findings *findings, const struct key_version *version);
/* One of a version that is not to have any in this token. */
void findings_add_misplaced(struct findings *findings, const struct key_version *version);
void findings_add_missing(struct findings *findings, const struct holding *holding);
/* One of a kind that the token's profile offers no more. */
void findings_add_not_offered(struct findings *findings, const struct holding *holding);
/* what: as msg_token_checked names it, or "public key" */
void findings_add_drifted(struct findings *findings, const struct holding *holding,
                          struct ps_bytes what);

#endif
