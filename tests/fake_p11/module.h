#ifndef FAKE_P11_MODULE_H
#define FAKE_P11_MODULE_H

#include <pthread.h>
#include <time.h>

#include "control.h"
#include "policy.h"

/* Everything the module holds between C_Initialize and C_Finalize. */

struct session;

struct session_slot {
    struct session *session;
    CK_ULONG sequence;
};

struct session_table {
    pthread_rwlock_t lock;
    struct session_slot *slots;
    size_t size;
};

struct object_slot {
    struct object *object;
    CK_ULONG sequence;
    size_t next_free;
};

struct object_table {
    pthread_rwlock_t lock;
    struct object_slot *slots;
    size_t size;
    size_t first_free; /* 0: none; places are counted from 1 */
};

struct token {
    pthread_mutex_t change; /* held while its files or its objects in the table change */
    int directory;          /* of its objects' files */
    _Atomic uint64_t seen_generation;
    _Atomic uint64_t seen_epoch; /* of sessions, for which the handles are */
    struct timespec listed;      /* when the directory changed last, as of the last reading */
    _Atomic uint64_t login;      /* login epoch << 2 | enum role */
};

struct module {
    atomic_uint refs;
    int directory;
    struct fake_control *control;
    struct token tokens[FAKE_TOKENS];
    struct session_table sessions;
    struct object_table objects;
};

/*
 * The module between C_Initialize and C_Finalize, or NULL. A call under way keeps it with a
 * reference, so that C_Finalize need not wait for one that hangs.
 */
struct module *module_acquire(void);
void module_release(struct module *module);

/* The script, also before C_Initialize and without it; NULL without a directory. */
struct fake_control *module_control(void);

unsigned module_token_count(struct module *module);

/* Who is logged in to a token in this process. */
enum role module_role(struct module *module, unsigned token);
void module_set_role(struct module *module, unsigned token, enum role role);

#endif
