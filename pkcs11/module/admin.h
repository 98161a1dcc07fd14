#ifndef PKCS11_MODULE_ADMIN_H
#define PKCS11_MODULE_ADMIN_H

#include "lib/ipc/messages_token.h"
#include "pkcs11/objects/object.h"

/*
 * What is asked of a token beside signatures. Each function serves one message: it runs on the
 * session that is kept for this, in whatever thread has it, and touches nothing else of the
 * process; what changes in the keyring is said in the answer.
 */

struct libp11;

struct admin_context {
    struct session *session;
    struct libp11 *libp11;
    struct ps_bytes sync_directory;
    long synced_s; /* what changed before this time is known to be on disk; 0: unknown */
};

enum admin_change {
    ADMIN_NO_CHANGE,
    ADMIN_KEY_MADE,
    ADMIN_OBJECTS_GONE, /* all with this id */
    ADMIN_RECORD_MADE,  /* another one than what is open was opened from */
    ADMIN_TOKEN_MADE
};

struct admin_answer {
    const struct ipc_message *info;
    union {
        struct msg_token_done done;
        struct msg_token_generated generated;
        struct msg_token_found found;
        struct msg_token_objects objects;
        struct msg_token_checked checked;
        struct msg_token_octets octets;
        struct msg_token_wrapped wrapped;
        struct msg_token_carried carried;
        struct msg_token_so_done so_done;
    } message;
    struct ps_buf first; /* what the octets of the message borrow from */
    struct ps_buf second;
    struct ps_buf third;
    enum admin_change change;
    struct ps_bytes id; /* what changed, or the token's label; borrowed from the request */
    CK_OBJECT_HANDLE handle;
    enum ps_key_type type;
};

/*
 * Errors of all of them: PS_E_INPUT, PS_E_DENIED, PS_E_NOT_FOUND, PS_E_CONFLICT, PS_E_LIMIT,
 * PS_E_BUSY, PS_E_TOKEN (the session's fault says more), PS_E_STORAGE, PS_E_NO_MEMORY,
 * PS_E_INTERNAL. What was begun is undone, as far as the token lets us. They stand in generate.h,
 * inventory.h, data.h and libp11_admin.h.
 */
typedef enum ps_err admin_fn(struct admin_context *context, const void *message,
                             struct admin_answer *ret_answer);

/* Wipes and frees what an answer holds. */
void admin_answer_clear(struct admin_answer *answer);

/* Syncs a soft token's directory; an error here means the change may not survive. */
PS_MUST_USE enum ps_err admin_sync(struct admin_context *context);

#endif
