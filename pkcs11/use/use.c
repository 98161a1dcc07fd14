#include "pkcs11/use/use.h"

#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/wrapped/open.h"

#include <stdlib.h>

/*
 * A search waits for keys that other processes write just now, which takes some ten milliseconds;
 * not for an RSA key that is being made, since signatures wait behind the search.
 */
enum { STORE_WAIT_MS = 100 };

typedef enum ps_err use_fn(struct session *session, struct use_task *task);

/* What each action is done with, and by which keys. */
static const struct {
    use_fn *fn;
    enum ps_key_family family;
    enum ps_key_type only; /* PS_KEY_NONE: every type of the family */
} actions[TOKEN_ACTION_COUNT] = {
    [TOKEN_DECRYPT_OAEP] = {action_decrypt_oaep, PS_FAMILY_RSA, PS_KEY_NONE},
    [TOKEN_DERIVE_ECDH] = {action_derive_ecdh, PS_FAMILY_EC, PS_KEY_NONE},
    [TOKEN_ENCRYPT_GCM] = {action_encrypt_gcm, PS_FAMILY_SECRET, PS_KEY_AES_256},
    [TOKEN_DECRYPT_GCM] = {action_decrypt_gcm, PS_FAMILY_SECRET, PS_KEY_AES_256},
    [TOKEN_MAC] = {action_mac, PS_FAMILY_SECRET, PS_KEY_HMAC_SHA256},
};

static enum ps_err find_fn(const struct use_task *task, use_fn **ret_fn)
{
    const struct ps_key_type_info *type = ps_key_type_info(task->type);

    if (task->alg != PS_ALG_NONE) {
        *ret_fn = action_sign;
        return PS_OK;
    }
    if (type == NULL || (unsigned)task->action >= TOKEN_ACTION_COUNT ||
        actions[task->action].family != type->family ||
        (actions[task->action].only != PS_KEY_NONE && actions[task->action].only != task->type)) {
        return ps_fail(PS_E_DENIED, 0, "keys of this type do not do this");
    }
    *ret_fn = actions[task->action].fn;
    return PS_OK;
}

static const CK_OBJECT_CLASS *class_of(enum ps_key_type type)
{
    static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    static const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
    const struct ps_key_type_info *info = ps_key_type_info(type);

    return info != NULL && info->family == PS_FAMILY_SECRET ? &secret_key : &private_key;
}

static enum ps_err search(struct session *session, struct use_task *task)
{
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take_within(session->store, false, STORE_WAIT_MS);
    PS_CLEANUP(object_list_clear) struct object_list found = {0};
    enum ps_key_type type;

    task->handle = CK_INVALID_HANDLE;
    PS_TRY(object_find_id(session, task->id, class_of(task->type), &found));
    if (found.count > 1) {
        return ps_fail(PS_E_CONFLICT, 0, "%zu keys have this id", found.count);
    }
    if (found.count == 0) {
        /* A token that is gone may answer with an empty list, so it is asked how it is. */
        PS_TRY(session_check(session, true, task->serial));
        task->searched = true;
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no such key with this id");
    }
    PS_TRY(object_read_key_type(session, found.handles[0], &type));
    if (type != task->type) {
        return ps_fail(PS_E_DENIED, 0, "the key with this id is of another type");
    }
    task->handle = found.handles[0];
    task->searched = true;
    return PS_OK;
}

/* A process that has it no more is sent the record. */
static enum ps_err open_record(struct session *session, struct use_task *task)
{
    struct wrapped_key key;

    task->handle = CK_INVALID_HANDLE;
    if (task->superfluous != CK_INVALID_HANDLE) {
        /* One that is gone already is as good. */
        (void)session->fn->C_DestroyObject(session->handle, task->superfluous);
        task->superfluous = CK_INVALID_HANDLE;
    }
    if (task->record.len == 0) {
        session->fault = (struct fault){.class = FAULT_NONE};
        return ps_fail(PS_E_NOT_FOUND, 0, "the key is not unwrapped here");
    }
    PS_TRY(wrapped_key_read(task->id, task->type, task->record, &key));
    PS_TRY(wrapped_open(session, &key, &task->wrapping, &task->handle));
    task->unwrapped = true;
    return PS_OK;
}

static enum ps_err find(struct session *session, struct use_task *task)
{
    task->is_checked = false;
    return task->is_wrapped ? open_record(session, task) : search(session, task);
}

/* Room for a result of so many octets and what a module may wrongly write behind it. */
static enum ps_err reserve(struct use_task *task, size_t most)
{
    use_clear(task);
    task->out_room = most;
    task->out = most <= PS_SIGNATURE_MAX ? task->room : malloc(most + OBJECT_GUARD);
    if (task->out == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    object_set_guard(task->out, most);
    return PS_OK;
}

void use_clear(struct use_task *task)
{
    if (task->out != NULL) {
        ps_wipe(task->out, task->out_room);
    }
    if (task->out != task->room) {
        free(task->out);
    }
    task->out = NULL;
    task->out_len = 0;
    task->out_room = 0;
}

/* Some modules refuse a pointer that is NULL, even for no octets. */
static CK_BYTE *pointer_to(struct ps_bytes data)
{
    static CK_BYTE nothing;

    return data.len == 0 ? &nothing : (CK_BYTE *)(uintptr_t)data.data;
}

enum ps_err use_call(struct session *session, const struct use_call *call, CK_MECHANISM *mechanism,
                     struct ps_bytes in, size_t most, struct use_task *task)
{
    CK_ULONG len = most;
    CK_RV rv;

    PS_TRY(reserve(task, most));
    PS_TRY(session_try(session, call->operation,
                       call->init(session->handle, mechanism, task->handle), call->init_name));
    rv = call->run(session->handle, pointer_to(in), in.len, task->out, &len);
    object_check_guard(task->out, most, call->run_name);
    PS_TRY(session_try(session, call->operation, rv, call->run_name));
    if (len > most) {
        return session_fail(session, call->operation, CKR_OK, call->run_name);
    }
    task->out_len = len;
    return PS_OK;
}

enum ps_err use_find_mechanism(const struct profile *profile, enum profile_use use,
                               const CK_MECHANISM_TYPE *ours, CK_MECHANISM_TYPE *ret_mechanism)
{
    const struct profile_allowed *offered = &profile->uses[use];

    for (size_t i = 0; i < offered->count; i++) {
        for (const CK_MECHANISM_TYPE *known = ours; *known != 0; known++) {
            if (offered->mechanisms[i] == *known) {
                *ret_mechanism = *known;
                return PS_OK;
            }
        }
    }
    return ps_fail(PS_E_DENIED, 0, "the token does not offer this usage");
}

enum ps_err use_fail_open(struct session *session)
{
    session->fault =
        (struct fault){.rv = CKR_OK, .operation = OPERATION_OPEN, .class = FAULT_CALLER};
    return ps_fail(PS_E_INPUT, 0, "it cannot be opened with this key");
}

/* Does what can be done on the spot about a fault. *ret_again: worth a second try. */
static enum ps_err mend(struct session *session, struct use_task *task, enum ps_err err,
                        bool *ret_again)
{
    *ret_again = false;
    if (session->fault.class == FAULT_HANDLE) {
        PS_TRY(find(session, task));
        *ret_again = true;
    } else if (session->fault.class == FAULT_ACTIVE) {
        PS_TRY(session_replace(session));
        *ret_again = true;
    }
    return *ret_again ? PS_OK : err;
}

static enum ps_err use_checked(struct session *session, use_fn *fn, struct use_task *task)
{
    if (task->check.len != 0 && !task->is_checked) {
        PS_TRY(check_value_test(session, task));
        task->is_checked = true;
    }
    return fn(session, task);
}

static enum ps_err use_again(struct session *session, use_fn *fn, struct use_task *task)
{
    const enum ps_err err = use_checked(session, fn, task);

    if (err != PS_OK &&
        (session->fault.class == FAULT_HANDLE || session->fault.class == FAULT_ACTIVE)) {
        /* A handle found a moment ago, a session opened a moment ago: this has no end. */
        session->fault.class = FAULT_UNEXPLAINED;
        return PS_E_TOKEN;
    }
    return err;
}

static enum ps_err use(struct session *session, struct use_task *task)
{
    use_fn *fn;
    enum ps_err err;
    bool again;

    PS_TRY(find_fn(task, &fn));
    if (task->handle == CK_INVALID_HANDLE) {
        PS_TRY(find(session, task));
    }
    err = use_checked(session, fn, task);
    if (err == PS_OK || task->is_wrong) {
        return err;
    }
    PS_TRY(mend(session, task, err, &again));
    return again ? use_again(session, fn, task) : err;
}

void use_run(struct session *session, struct use_task *task)
{
    const uint64_t began = ps_clock_mono_ns();
    uint64_t took;

    session->fault = (struct fault){.class = FAULT_NONE};
    task->searched = false;
    task->unwrapped = false;
    task->is_wrong = false;
    task->out = NULL;
    task->out_len = 0;
    task->out_room = 0;
    task->err = use(session, task);
    task->fault = (struct fault){.class = FAULT_NONE};
    /* What is wrong is no affair of the token's health: whoever asked has this process replaced. */
    if (task->err != PS_OK && !task->is_wrong) {
        session_explain(session, task->serial);
        task->fault = session->fault;
        if (recovery_is_loss(task->fault.class)) {
            task->err = PS_E_TOKEN;
        }
    }
    took = (ps_clock_mono_ns() - began) / PS_NS_PER_US;
    task->micros = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}
