#include "session.h"

#include <stdlib.h>

#include "objects.h"

/* A handle is the place in the table, counted from 1, and how often the place was used. */
#define PLACE_BITS 16
#define PLACE_MASK ((1UL << PLACE_BITS) - 1)

void session_table_init(struct session_table *table)
{
    pthread_rwlock_init(&table->lock, NULL);
}

void session_table_clear(struct session_table *table)
{
    for (size_t i = 0; i < table->size; i++)
        session_release(table->slots[i].session);
    free(table->slots);
    pthread_rwlock_destroy(&table->lock);
}

bool session_is_lost(struct module *module, const struct session *session)
{
    return session->epoch != atomic_load(&module->control->tokens[session->token].session_epoch);
}

static bool table_grow(struct session_table *table)
{
    size_t size = table->size ? table->size * 2 : 64;
    if (size > PLACE_MASK)
        return false;
    struct session_slot *slots = realloc(table->slots, size * sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = table->size; i < size; i++)
        slots[i] = (struct session_slot){0};
    table->slots = slots;
    table->size = size;
    return true;
}

static CK_RV table_insert(struct session_table *table, struct session *session)
{
    size_t place = 0;
    while (place < table->size && table->slots[place].session)
        place++;
    if (place == table->size && !table_grow(table))
        return CKR_SESSION_COUNT;
    struct session_slot *slot = &table->slots[place];
    slot->session = session;
    slot->sequence++;
    session->handle = slot->sequence << PLACE_BITS | (place + 1);
    return CKR_OK;
}

static CK_ULONG count_locked(struct module *module, unsigned token, bool only_reading,
                             bool only_writing)
{
    CK_ULONG count = 0;
    for (size_t i = 0; i < module->sessions.size; i++) {
        const struct session *session = module->sessions.slots[i].session;
        if (session && session->token == token && !session_is_lost(module, session) &&
            !(only_reading && session->writes) && !(only_writing && !session->writes))
            count++;
    }
    return count;
}

CK_ULONG session_count(struct module *module, unsigned token, bool only_reading, bool only_writing)
{
    pthread_rwlock_rdlock(&module->sessions.lock);
    CK_ULONG count = count_locked(module, token, only_reading, only_writing);
    pthread_rwlock_unlock(&module->sessions.lock);
    return count;
}

/* Takes lost sessions (or all) of a token out of the table; they end with their last user. */
static void drop_sessions(struct module *module, unsigned token, bool all)
{
    for (size_t i = 0; i < module->sessions.size; i++) {
        struct session *session = module->sessions.slots[i].session;
        if (!session || session->token != token || (!all && !session_is_lost(module, session)))
            continue;
        module->sessions.slots[i].session = NULL;
        session_release(session);
    }
}

CK_RV session_open(struct module *module, unsigned token, bool writes,
                   CK_SESSION_HANDLE *ret_handle)
{
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return CKR_HOST_MEMORY;
    atomic_init(&session->refs, 1);
    pthread_mutex_init(&session->lock, NULL);
    session->token = token;
    session->writes = writes;
    session->epoch = atomic_load(&module->control->tokens[token].session_epoch);
    uint64_t limit = atomic_load(&module->control->tokens[token].max_sessions);
    CK_RV rv = CKR_SESSION_COUNT;
    pthread_rwlock_wrlock(&module->sessions.lock);
    drop_sessions(module, token, false);
    if (limit == 0 || count_locked(module, token, false, false) < limit)
        rv = table_insert(&module->sessions, session);
    if (rv == CKR_OK)
        *ret_handle = session->handle;
    pthread_rwlock_unlock(&module->sessions.lock);
    if (rv != CKR_OK)
        session_release(session);
    return rv;
}

struct session *session_acquire(struct module *module, CK_SESSION_HANDLE handle)
{
    struct session *session = NULL;
    size_t place = handle & PLACE_MASK;
    pthread_rwlock_rdlock(&module->sessions.lock);
    if (place > 0 && place <= module->sessions.size)
        session = module->sessions.slots[place - 1].session;
    if (session && session->handle == handle)
        atomic_fetch_add(&session->refs, 1);
    else
        session = NULL;
    pthread_rwlock_unlock(&module->sessions.lock);
    return session;
}

void session_release(struct session *session)
{
    if (!session || atomic_fetch_sub(&session->refs, 1) != 1)
        return;
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        operation_clear(&session->operations[i]);
    free(session->found);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

static void leave_token(struct module *module, unsigned token)
{
    objects_drop_private_handles(module, token);
    module_set_role(module, token, ROLE_NONE);
}

void session_close(struct module *module, struct session *session)
{
    unsigned token = session->token;
    CK_SESSION_HANDLE handle = session->handle;
    size_t place = (handle & PLACE_MASK) - 1;
    bool ours = false;
    pthread_rwlock_wrlock(&module->sessions.lock);
    if (module->sessions.slots[place].session == session) {
        module->sessions.slots[place].session = NULL;
        ours = true;
    }
    bool last = count_locked(module, token, false, false) == 0;
    pthread_rwlock_unlock(&module->sessions.lock);
    if (!ours)
        return;
    objects_drop_session(module, token, handle);
    if (last)
        leave_token(module, token);
    session_release(session);
}

void session_close_all(struct module *module, unsigned token)
{
    pthread_rwlock_wrlock(&module->sessions.lock);
    drop_sessions(module, token, true);
    pthread_rwlock_unlock(&module->sessions.lock);
    objects_drop_session(module, token, CK_INVALID_HANDLE);
    leave_token(module, token);
}
