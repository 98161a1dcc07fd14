#ifndef KEYSTORE_OPERATIONS_OBJECT_H
#define KEYSTORE_OPERATIONS_OBJECT_H

#include "keystore/tokens/tokens.h"
#include "lib/base/buf.h"

/* What an operation makes in a token, under an id (CKA_ID) that is reserved for it before. */
#define OBJECT_ID_LEN 16u

/*
 * A new id: 10 octets of chance and 6 of a hash over them and the appliance's origin, which is
 * empty before genesis. Who writes a row of a reserved id that names what somebody else keeps in
 * the token does not find one of this form there.
 */
void object_id_choose(struct ps_bytes origin, uint8_t ret_id[OBJECT_ID_LEN]);
bool object_id_is_chosen(struct ps_bytes origin, const uint8_t id[OBJECT_ID_LEN]);

enum object_use {
    OBJECT_NEW,     /* a failure takes it away */
    OBJECT_IN_PART, /* of a key whose rows are being recorded */
    OBJECT_KEPT,    /* of one that is recorded: nothing of this operation touches it any more */
    OBJECT_LEFT     /* its token is configured no more: reserved until a sweep finds it there */
};

struct object {
    uint8_t id[OBJECT_ID_LEN];
    uint64_t revision;        /* of its CATALOG_RESERVED row */
    struct token_place place; /* where it was made */
    enum object_use use;
    struct ps_buf wrapped; /* its CATALOG_WRAPPED row, until that is stored; empty: it has none */
    uint64_t wrapped_revision; /* of that row in the catalog; 0: there is none */
};

#endif
