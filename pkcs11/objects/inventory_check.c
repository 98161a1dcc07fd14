#include "pkcs11/objects/inventory.h"

#include "lib/base/hash.h"
#include "lib/base/reader.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/objects/readback.h"
#include "pkcs11/objects/spki.h"

#include <stdlib.h>

/*
 * Many keys against what they were made as, with one search of the whole token: where a search for
 * one id takes as long as a search for all, a thousand of them would keep the token for minutes.
 */

enum { SPKI_MAX = 1024, ROLES = 3 };

static const struct {
    CK_OBJECT_CLASS class;
    enum template_role role;
    uint8_t has;
} roles[ROLES] = {
    {CKO_PRIVATE_KEY, TEMPLATE_PRIVATE, TOKEN_HAS_PRIVATE},
    {CKO_PUBLIC_KEY, TEMPLATE_PUBLIC, TOKEN_HAS_PUBLIC},
    {CKO_SECRET_KEY, TEMPLATE_SECRET, TOKEN_HAS_SECRET},
};

struct expected_key {
    struct template_request request;
    CK_OBJECT_HANDLE handles[ROLES];
    uint8_t has;
    bool is_doubled;
    bool is_not_offered; /* by the profile as it is now: nobody can say how it should be */
};

struct expected_keys {
    struct expected_key *keys;
    size_t count;
};

static void expected_keys_clear(struct expected_keys *keys)
{
    free(keys->keys);
}

static enum ps_err read_row(struct ps_reader *reader, struct expected_key *ret_key)
{
    const struct ps_bytes id = ps_reader_take(reader, ps_reader_u16(reader));
    const struct ps_bytes label = ps_reader_take(reader, ps_reader_u16(reader));
    const uint8_t type = ps_reader_u8(reader);
    const uint8_t usage = ps_reader_u8(reader);
    const uint8_t flags = ps_reader_u8(reader);
    const struct ps_bytes algorithms = ps_reader_take(reader, ps_reader_u16(reader));

    if (reader->failed || id.len == 0 || id.len > IPC_OBJECT_ID_MAX ||
        (flags & ~(TOKEN_KEY_EXTRACTABLE | TOKEN_KEY_UNWRAPPED | TOKEN_KEY_FOR_SECRETS)) != 0) {
        return ps_fail(PS_E_INPUT, 0, "a row that describes no key");
    }
    *ret_key =
        (struct expected_key){.request = {.id = id,
                                          .label = label,
                                          .type = (enum ps_key_type)type,
                                          .usage = (enum ps_usage)usage,
                                          .extractable = (flags & TOKEN_KEY_EXTRACTABLE) != 0,
                                          .is_unwrapped = (flags & TOKEN_KEY_UNWRAPPED) != 0,
                                          .for_secrets = (flags & TOKEN_KEY_FOR_SECRETS) != 0,
                                          .algorithms = algorithms}};
    return PS_OK;
}

/* A profile may have been exchanged since the key was made: the other keys are checked all the
 * same.
 */
static enum ps_err check_offered(const struct profile *profile, struct expected_key *key)
{
    const enum ps_err err = template_check(profile, &key->request);

    key->is_not_offered = err == PS_E_DENIED;
    return key->is_not_offered ? PS_OK : err;
}

static enum ps_err read_expected(const struct profile *profile, struct ps_bytes rows,
                                 struct expected_keys *keys)
{
    struct ps_reader reader = ps_reader(rows);

    keys->keys = calloc(TOKEN_CHECK_KEYS_MAX, sizeof *keys->keys);
    if (keys->keys == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while (reader.left.len != 0) {
        if (keys->count == TOKEN_CHECK_KEYS_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "more keys than are checked at once");
        }
        PS_TRY(read_row(&reader, &keys->keys[keys->count]));
        PS_TRY(check_offered(profile, &keys->keys[keys->count]));
        keys->count++;
    }
    return PS_OK;
}

static struct expected_key *find(const struct expected_keys *keys, struct ps_bytes id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (ps_bytes_equal(keys->keys[i].request.id, id)) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static enum ps_err sort_object(struct session *session, CK_OBJECT_HANDLE handle,
                               const struct expected_keys *keys)
{
    struct object_value id;
    struct expected_key *key;
    CK_OBJECT_CLASS class;

    PS_TRY(object_read(session, handle, CKA_ID, &id));
    key = id.is_there ? find(keys, object_value_bytes(&id)) : NULL;
    if (key == NULL) {
        return PS_OK;
    }
    PS_TRY(object_read_number(session, handle, CKA_CLASS, &class));
    for (size_t i = 0; i < ROLES; i++) {
        if (roles[i].class == class) {
            key->is_doubled |= (key->has & roles[i].has) != 0;
            key->has |= roles[i].has;
            key->handles[i] = handle;
        }
    }
    return PS_OK;
}

/* True when it was the object, not the token: its fault is forgotten then. */
static bool is_of_object(struct session *session, enum ps_err err)
{
    session_explain(session, ps_bytes(NULL, 0));
    if (err == PS_E_NO_MEMORY || err == PS_E_LIMIT || recovery_is_loss(session->fault.class) ||
        session->fault.class == FAULT_ACTIVE) {
        return false;
    }
    session->fault = (struct fault){.class = FAULT_NONE};
    return true;
}

/* An object that cannot be read is none of those that are looked for. */
static enum ps_err find_objects(struct session *session, const struct expected_keys *keys)
{
    PS_CLEANUP(object_list_clear) struct object_list list = {0};

    PS_TRY(object_find(session, NULL, 0, OBJECT_TOTAL_MAX, &list));
    for (size_t i = 0; i < list.count; i++) {
        const enum ps_err err = sort_object(session, list.handles[i], keys);

        if (err != PS_OK && !is_of_object(session, err)) {
            return err;
        }
    }
    return PS_OK;
}

static enum ps_err compare(struct session *session, const struct expected_key *key,
                           const char **ret_name)
{
    *ret_name = key->is_not_offered ? TOKEN_DIFFERS_PROFILE : key->is_doubled ? "id" : NULL;
    for (size_t i = 0; i < ROLES && *ret_name == NULL; i++) {
        struct template template;

        if ((key->has & roles[i].has) == 0) {
            continue;
        }
        if (template_is_pair(key->request.type) == (roles[i].role == TEMPLATE_SECRET)) {
            *ret_name = "CKA_CLASS";
            return PS_OK;
        }
        template_build(session->profile, &key->request, roles[i].role, &template);
        PS_TRY(readback_find_difference(session, key->handles[i], &key->request, roles[i].role,
                                        &template, ret_name));
    }
    return PS_OK;
}

static enum ps_err hash_public(struct session *session, const struct expected_key *key,
                               uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO spki;

    ps_buf_init(&spki, SPKI_MAX);
    PS_TRY(spki_read(session, key->handles[1], key->request.type, &spki));
    ps_sha256(ps_buf_bytes(&spki), ret_hash);
    return PS_OK;
}

static enum ps_err put_key(struct session *session, const struct expected_key *key,
                           struct ps_buf *rows)
{
    uint8_t hash[PS_SHA256_LEN] = {0};
    const char *name = NULL;
    enum ps_err err = compare(session, key, &name);

    if (err == PS_OK && name == NULL && (key->has & TOKEN_HAS_PUBLIC) != 0) {
        err = hash_public(session, key, hash);
    }
    if (err != PS_OK && !is_of_object(session, err)) {
        return err;
    }
    if (err != PS_OK) {
        name = "object"; /* it cannot be read */
    }
    ps_buf_put_u8(rows, key->has);
    ps_buf_put(rows, ps_bytes(hash, sizeof hash));
    ps_buf_put_u16(rows, name == NULL ? 0 : (uint16_t)strlen(name));
    ps_buf_put_str(rows, name == NULL ? "" : name);
    return ps_buf_status(rows);
}

static enum ps_err check_all(struct session *session, const struct expected_keys *keys,
                             struct ps_buf *rows)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);

    PS_TRY(find_objects(session, keys));
    for (size_t i = 0; i < keys->count; i++) {
        PS_TRY(put_key(session, &keys->keys[i], rows));
    }
    return PS_OK;
}

enum ps_err inventory_check(struct admin_context *context, const void *message,
                            struct admin_answer *ret_answer)
{
    const struct msg_token_check *asked = message;
    PS_CLEANUP(expected_keys_clear) struct expected_keys keys = {.keys = NULL};

    PS_TRY(read_expected(context->session->profile, asked->expected, &keys));
    ps_buf_init(&ret_answer->first, IPC_DOCUMENT_MAX);
    PS_TRY(check_all(context->session, &keys, &ret_answer->first));
    ret_answer->info = &msg_token_checked_info;
    ret_answer->message.checked =
        (struct msg_token_checked){.found = ps_buf_bytes(&ret_answer->first)};
    return PS_OK;
}
