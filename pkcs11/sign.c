#include "pkcs11/sign.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "pkcs11/ecdsa_form.h"
#include "pkcs11/store_lock.h"

#include <stdlib.h>

/*
 * A search waits for keys that other processes write just now, which takes some ten milliseconds;
 * not for an RSA key that is being made, since signatures wait behind the search.
 */
enum { GUARD_OCTET = 0xa5, STORE_WAIT_MS = 100 };

static enum ps_err search(struct session *session, struct sign_task *task)
{
    static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take_within(session->store, false, STORE_WAIT_MS);
    PS_CLEANUP(object_list_clear) struct object_list found = {0};
    enum ps_key_type type;

    task->handle = CK_INVALID_HANDLE;
    PS_TRY(object_find_id(session, task->id, &private_key, &found));
    if (found.count > 1) {
        return ps_fail(PS_E_CONFLICT, 0, "%zu private keys have this id", found.count);
    }
    if (found.count == 0) {
        /* A token that is gone may answer with an empty list, so it is asked how it is. */
        PS_TRY(session_check(session, true, task->serial));
        task->searched = true;
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no private key with this id");
    }
    PS_TRY(object_read_key_type(session, found.handles[0], &type));
    if (type != task->type) {
        return ps_fail(PS_E_DENIED, 0, "the key with this id is of another type");
    }
    task->handle = found.handles[0];
    task->searched = true;
    return PS_OK;
}

/* A module that wrote past the length it was given has spoiled our memory: there is no way on. */
static void check_guard(const struct sign_task *task)
{
    for (size_t i = 0; i < OBJECT_GUARD; i++) {
        if (task->signature[PS_SIGNATURE_MAX + i] != GUARD_OCTET) {
            ps_line(PS_ERROR, "module_wrote_past_buffer", PS_STR("call", "C_Sign"));
            abort();
        }
    }
}

static enum ps_err take_signature(struct session *session, const struct mechanism_call *call,
                                  CK_ULONG len, struct sign_task *task)
{
    const struct ps_key_type_info *key = ps_key_type_info(task->type);

    if (len > PS_SIGNATURE_MAX) {
        return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
    }
    if (key->family == PS_FAMILY_EC && session->profile->signature_der) {
        size_t raw_len;

        if (ecdsa_form_to_raw(task->signature, len, key->coordinate, &raw_len) != PS_OK) {
            return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
        }
        len = raw_len;
    }
    if (len != call->signature_len) {
        return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
    }
    task->signature_len = len;
    return PS_OK;
}

/* Some modules refuse a pointer that is NULL, even for no octets. */
static CK_BYTE_PTR data_pointer(struct ps_bytes data)
{
    static CK_BYTE nothing;

    return data.len == 0 ? &nothing : (CK_BYTE_PTR)(uintptr_t)data.data;
}

static enum ps_err sign_once(struct session *session, struct mechanism_call *call,
                             struct sign_task *task)
{
    const CK_FUNCTION_LIST *fn = session->fn;
    CK_ULONG len = PS_SIGNATURE_MAX;
    CK_RV rv;

    PS_TRY(session_try(session, OPERATION_SIGN,
                       fn->C_SignInit(session->handle, &call->mechanism, task->handle),
                       "C_SignInit"));
    memset(task->signature + PS_SIGNATURE_MAX, GUARD_OCTET, OBJECT_GUARD);
    rv = fn->C_Sign(session->handle, data_pointer(call->data), call->data.len, task->signature,
                    &len);
    check_guard(task);
    PS_TRY(session_try(session, OPERATION_SIGN, rv, "C_Sign"));
    return take_signature(session, call, len, task);
}

/* Does what can be done on the spot about a fault. *ret_again: worth a second try. */
static enum ps_err mend(struct session *session, struct sign_task *task, enum ps_err err,
                        bool *ret_again)
{
    *ret_again = false;
    if (session->fault.class == FAULT_HANDLE) {
        PS_TRY(search(session, task));
        *ret_again = true;
    } else if (session->fault.class == FAULT_ACTIVE) {
        PS_TRY(session_replace(session));
        *ret_again = true;
    }
    return *ret_again ? PS_OK : err;
}

static enum ps_err sign_again(struct session *session, struct mechanism_call *call,
                              struct sign_task *task)
{
    const enum ps_err err = sign_once(session, call, task);

    if (err != PS_OK &&
        (session->fault.class == FAULT_HANDLE || session->fault.class == FAULT_ACTIVE)) {
        /* A handle found a moment ago, a session opened a moment ago: this has no end. */
        session->fault.class = FAULT_UNEXPLAINED;
        return PS_E_TOKEN;
    }
    return err;
}

static enum ps_err sign(struct session *session, struct sign_task *task)
{
    struct mechanism_call call;
    enum ps_err err;
    bool again;

    PS_TRY(mechanism_prepare(session->profile, task->alg, task->type, task->data, &call));
    if (task->handle == CK_INVALID_HANDLE) {
        PS_TRY(search(session, task));
    }
    err = sign_once(session, &call, task);
    if (err == PS_OK) {
        return PS_OK;
    }
    PS_TRY(mend(session, task, err, &again));
    return again ? sign_again(session, &call, task) : err;
}

void sign_run(struct session *session, struct sign_task *task)
{
    const uint64_t began = ps_clock_mono_ns();
    uint64_t took;

    session->fault = (struct fault){.class = FAULT_NONE};
    task->searched = false;
    task->err = sign(session, task);
    if (task->err != PS_OK) {
        session_explain(session, task->serial);
        task->fault = session->fault;
        if (recovery_is_loss(task->fault.class)) {
            task->err = PS_E_TOKEN;
        }
    } else {
        task->fault = (struct fault){.class = FAULT_NONE};
    }
    took = (ps_clock_mono_ns() - began) / PS_NS_PER_US;
    task->micros = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}
