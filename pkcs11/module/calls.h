#ifndef PKCS11_MODULE_CALLS_H
#define PKCS11_MODULE_CALLS_H

#include "lib/base/buf.h"
#include "lib/ipc/messages_token.h"
#include "pkcs11/token/recovery.h"

/*
 * What a module was asked and answered while one request was served: the calls that change
 * something, log in or make something. They go to the keeper (msg_token_calls), and from there into
 * the leaf of the operation and the transcript of its ceremony.
 */
#define CALLS_MAX 32u

struct call {
    const char *name; /* as session_try has it */
    const char *class;
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len;
    CK_RV rv;
    uint16_t times; /* one after the other, with the same answer */
};

struct calls {
    struct call of[CALLS_MAX];
    size_t count;
    uint32_t left_out;
    const char *class; /* what the next ones are about; "": no object */
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len;
};

/* class: "private", "public", "secret", "data", ""; id: its CKA_ID, or empty */
void calls_about(struct calls *calls, const char *class, struct ps_bytes id);

void calls_note(struct calls *calls, const char *name, CK_RV rv);

/* Rows as msg_token_calls has them. */
void calls_put(const struct calls *calls, struct ps_buf *out);

#endif
