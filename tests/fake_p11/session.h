#ifndef FAKE_P11_SESSION_H
#define FAKE_P11_SESSION_H

#include "module.h"
#include "operation.h"

struct session {
    atomic_uint refs;
    CK_SESSION_HANDLE handle;
    unsigned token;
    bool writes;
    uint64_t epoch;
    pthread_mutex_t lock; /* of what follows, for one call */
    struct operation operations[OPERATION_COUNT];
    bool finding;
    CK_OBJECT_HANDLE *found;
    CK_ULONG found_count, found_next;
};

/* Errors: CKR_SESSION_COUNT, CKR_HOST_MEMORY */
CK_RV session_open(struct module *module, unsigned token, bool writes,
                   CK_SESSION_HANDLE *ret_handle);

/* A reference to a session, or NULL. */
struct session *session_acquire(struct module *module, CK_SESSION_HANDLE handle);
void session_release(struct session *session);

/* Closing the last session of a token logs out of it and drops its session objects. */
void session_close(struct module *module, struct session *session);
void session_close_all(struct module *module, unsigned token);

/* Lost sessions are those of an older epoch. */
bool session_is_lost(struct module *module, const struct session *session);

/* Those of this process that are not lost. */
CK_ULONG session_count(struct module *module, unsigned token, bool only_reading, bool only_writing);

void session_table_init(struct session_table *table);
void session_table_clear(struct session_table *table);

#endif
