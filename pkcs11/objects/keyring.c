#include "pkcs11/objects/keyring.h"

#include "lib/base/map.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/use/mechanism.h"

#include <stdlib.h>

enum { MISSING_MAX = 256, BATCH = 256 };

struct keyring {
    struct ps_map *map;
    size_t missing;
};

enum ps_err keyring_new(struct keyring **ret_ring)
{
    struct keyring *ring = calloc(1, sizeof *ring);

    if (ring == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (ps_map_new(&ring->map) != PS_OK) {
        free(ring);
        return PS_E_NO_MEMORY;
    }
    *ret_ring = ring;
    return PS_OK;
}

void keyring_free(struct keyring *ring)
{
    if (ring == NULL) {
        return;
    }
    ps_map_free(ring->map, free);
    free(ring);
}

const struct keyring_entry *keyring_get(const struct keyring *ring, struct ps_bytes id)
{
    return ps_map_get(ring->map, id);
}

static struct keyring_entry *get_or_add(struct keyring *ring, struct ps_bytes id)
{
    struct keyring_entry *entry = ps_map_get(ring->map, id);

    if (entry != NULL || id.len == 0 || id.len > sizeof entry->id) {
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->id, id.data, id.len);
    entry->id_len = id.len;
    if (ps_map_add(ring->map, ps_bytes(entry->id, entry->id_len), entry) != PS_OK) {
        free(entry);
        return NULL;
    }
    return entry;
}

enum ps_err keyring_set(struct keyring *ring, struct ps_bytes id, CK_OBJECT_HANDLE handle,
                        enum ps_key_type type)
{
    struct keyring_entry *entry;

    if (id.len == 0 || id.len > IPC_OBJECT_ID_MAX) {
        return PS_OK;
    }
    entry = get_or_add(ring, id);
    if (entry == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (entry->missing_until != 0) {
        ring->missing--;
    }
    entry->handle = handle;
    entry->type = type;
    entry->is_checked = false;
    entry->missing_until = 0;
    return PS_OK;
}

void keyring_set_checked(struct keyring *ring, struct ps_bytes id, CK_OBJECT_HANDLE handle)
{
    struct keyring_entry *entry = ps_map_get(ring->map, id);

    if (entry != NULL && entry->handle == handle) {
        entry->is_checked = true;
    }
}

/* Takes out all entries, or those that stand for missing keys, some at a time: no change may be
 * made to a map while it is walked. */
static void remove_all(struct keyring *ring, bool only_missing)
{
    struct keyring_entry *gone[BATCH];
    size_t count;

    do {
        size_t cursor = 0;
        struct keyring_entry *entry = ps_map_next(ring->map, &cursor);

        for (count = 0; entry != NULL && count < BATCH; entry = ps_map_next(ring->map, &cursor)) {
            if (!only_missing || entry->missing_until != 0) {
                gone[count++] = entry;
            }
        }
        for (size_t i = 0; i < count; i++) {
            keyring_remove(ring, ps_bytes(gone[i]->id, gone[i]->id_len));
        }
    } while (count == BATCH);
}

void keyring_set_missing(struct keyring *ring, struct ps_bytes id, uint64_t until_ns)
{
    struct keyring_entry *entry;

    if (ring->missing >= MISSING_MAX) {
        remove_all(ring, true);
    }
    entry = get_or_add(ring, id);
    if (entry == NULL) {
        return;
    }
    ring->missing += entry->missing_until == 0 ? 1 : 0;
    entry->handle = CK_INVALID_HANDLE;
    entry->missing_until = until_ns;
}

void keyring_remove(struct keyring *ring, struct ps_bytes id)
{
    struct keyring_entry *entry = ps_map_remove(ring->map, id);

    if (entry != NULL && entry->missing_until != 0) {
        ring->missing--;
    }
    free(entry);
}

void keyring_clear(struct keyring *ring)
{
    remove_all(ring, false);
}

size_t keyring_count(const struct keyring *ring)
{
    return ps_map_count(ring->map) - ring->missing;
}

/* What one call yields of an elliptic key. */
struct brief {
    uint8_t id[IPC_OBJECT_ID_MAX + OBJECT_GUARD];
    uint8_t params[PROFILE_PARAMS_MAX + OBJECT_GUARD];
    CK_KEY_TYPE key_type;
    CK_ATTRIBUTE attributes[3];
};

/*
 * Reads all that matters of an elliptic key in one call instead of three, for tokens with thousands
 * of them. False for whatever does not come out as expected: add_object then asks step by step.
 */
static bool read_brief(struct session *session, CK_OBJECT_HANDLE handle, struct brief *ret_brief)
{
    CK_ATTRIBUTE *id = &ret_brief->attributes[0];
    CK_ATTRIBUTE *params = &ret_brief->attributes[2];

    *id = (CK_ATTRIBUTE){CKA_ID, ret_brief->id, IPC_OBJECT_ID_MAX};
    ret_brief->attributes[1] =
        (CK_ATTRIBUTE){CKA_KEY_TYPE, &ret_brief->key_type, sizeof ret_brief->key_type};
    *params = (CK_ATTRIBUTE){CKA_EC_PARAMS, ret_brief->params, PROFILE_PARAMS_MAX};
    return session->fn->C_GetAttributeValue(session->handle, handle, ret_brief->attributes,
                                            PS_COUNT_OF(ret_brief->attributes)) == CKR_OK &&
           id->ulValueLen != 0 && id->ulValueLen <= IPC_OBJECT_ID_MAX &&
           ret_brief->attributes[1].ulValueLen == sizeof ret_brief->key_type &&
           params->ulValueLen != 0 && params->ulValueLen <= PROFILE_PARAMS_MAX;
}

static enum ps_err add_found(struct keyring *ring, struct ps_bytes id, CK_OBJECT_HANDLE handle,
                             enum ps_key_type type)
{
    if (type == PS_KEY_NONE) {
        return PS_OK;
    }
    return keyring_set(ring, id, keyring_get(ring, id) == NULL ? handle : CK_INVALID_HANDLE, type);
}

static enum ps_err add_object(struct keyring *ring, struct session *session,
                              CK_OBJECT_HANDLE handle)
{
    struct object_value id;
    struct brief brief;
    enum ps_key_type type;

    if (read_brief(session, handle, &brief)) {
        type = mechanism_recognise(brief.key_type,
                                   ps_bytes(brief.params, brief.attributes[2].ulValueLen), 0,
                                   session->profile);
        return add_found(ring, ps_bytes(brief.id, brief.attributes[0].ulValueLen), handle, type);
    }
    PS_TRY(object_read(session, handle, CKA_ID, &id));
    if (!id.is_there || id.len == 0 || id.len > IPC_OBJECT_ID_MAX) {
        return PS_OK;
    }
    PS_TRY(object_read_key_type(session, handle, &type));
    return add_found(ring, object_value_bytes(&id), handle, type);
}

/* One broken object, such as a crash leaves behind, must not keep all the others out of reach. */
static enum ps_err add_or_pass(struct keyring *ring, struct session *session,
                               CK_OBJECT_HANDLE handle)
{
    enum ps_err err;

    session->fault = (struct fault){.class = FAULT_NONE};
    err = add_object(ring, session, handle);
    if (err == PS_OK || err == PS_E_NO_MEMORY) {
        return err;
    }
    session_explain(session, ps_bytes(NULL, 0));
    return recovery_is_loss(session->fault.class) || session->fault.class == FAULT_ACTIVE ? err
                                                                                          : PS_OK;
}

static enum ps_err enumerate_class(struct keyring *ring, struct session *session,
                                   CK_OBJECT_CLASS class)
{
    PS_CLEANUP(object_list_clear) struct object_list found = {0};
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class}};

    PS_TRY(object_find(session, templ, 1, OBJECT_TOTAL_MAX, &found));
    for (size_t i = 0; i < found.count; i++) {
        PS_TRY(add_or_pass(ring, session, found.handles[i]));
    }
    return PS_OK;
}

enum ps_err keyring_enumerate(struct keyring *ring, struct session *session)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);

    keyring_clear(ring);
    PS_TRY(enumerate_class(ring, session, CKO_PRIVATE_KEY));
    return enumerate_class(ring, session, CKO_SECRET_KEY);
}
