#include "pkcs11/wrapped/open.h"

#include "lib/base/secret.h"
#include "pkcs11/objects/readback.h"
#include "pkcs11/use/use.h"
#include "pkcs11/wrapped/wrapping.h"

static enum ps_err fail_damaged(struct session *session, const struct wrapped_key *key)
{
    session->fault =
        (struct fault){.rv = CKR_OK, .operation = OPERATION_OPEN, .class = FAULT_CALLER};
    return ps_fail(PS_E_STATE, 0, "the record of %.*s, version %u, is not what the token made",
                   PS_BYTES_FMT(key->record.name), key->record.version);
}

static enum ps_err check_mac(struct session *session, const struct wrapped_key *key,
                             CK_OBJECT_HANDLE mac_key)
{
    uint8_t mac[TOKEN_MAC_LEN];

    PS_TRY(wrapped_make_mac(session, mac_key, key, mac));
    return ps_bytes_equal_secret(ps_bytes(mac, sizeof mac), key->record.mac)
               ? PS_OK
               : fail_damaged(session, key);
}

static enum ps_err unwrap(struct session *session, const struct wrapped_key *key,
                          CK_OBJECT_HANDLE wrapping, struct template *template,
                          CK_OBJECT_HANDLE *ret_handle)
{
    const struct ps_bytes blob = key->record.blob;
    CK_MECHANISM mechanism = {0, NULL, 0};
    enum ps_err err;

    PS_TRY(wrapping_find_mechanism(session->profile, &mechanism.mechanism));
    session_about(session, template_is_pair(key->type) ? "private" : "secret", key->id);
    err = session_try(session, OPERATION_OPEN,
                      session->fn->C_UnwrapKey(session->handle, &mechanism, wrapping,
                                               (CK_BYTE *)(uintptr_t)blob.data, blob.len,
                                               template->attributes, template->count, ret_handle),
                      "C_UnwrapKey");
    /* Its MAC is good, so that it was made by this wrapping key or by one that had its id. */
    return err != PS_OK && session->fault.class == FAULT_CALLER ? fail_damaged(session, key) : err;
}

static enum ps_err open_with(struct session *session, const struct wrapped_key *key,
                             const struct wrapped_handles *handles, bool is_to_be_wrapped,
                             CK_OBJECT_HANDLE *ret_handle)
{
    const struct template_request request = {
        .id = key->id,
        .label = key->record.name,
        .type = key->type,
        .usage = (enum ps_usage)key->record.usage,
        .algorithms = key->record.algorithms,
        .extractable = is_to_be_wrapped,
        .is_session = true,
        .is_unwrapped = true,
    };
    const enum template_role role =
        template_is_pair(key->type) ? TEMPLATE_PRIVATE : TEMPLATE_SECRET;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    struct template template;
    enum ps_err err;

    PS_TRY(template_check(session->profile, &request));
    template_build(session->profile, &request, role, &template);
    PS_TRY(check_mac(session, key, handles->mac));
    PS_TRY(unwrap(session, key, handles->wrapping, &template, &handle));
    err = readback_compare(session, handle, &request, role, &template);
    if (err != PS_OK) {
        const struct fault fault = session->fault;

        (void)session->fn->C_DestroyObject(session->handle, handle);
        session->fault = fault;
        return err;
    }
    *ret_handle = handle;
    return PS_OK;
}

static enum ps_err check_wrappable(const struct session *session, const struct wrapped_key *key)
{
    return (session->profile->wrappable >> key->type & 1u) != 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the token does not wrap keys of this type");
}

enum ps_err wrapped_open_to_wrap(struct session *session, const struct wrapped_key *key,
                                 const struct wrapped_handles *handles,
                                 CK_OBJECT_HANDLE *ret_handle)
{
    PS_TRY(check_wrappable(session, key));
    return open_with(session, key, handles, true, ret_handle);
}

enum ps_err wrapped_open(struct session *session, const struct wrapped_key *key,
                         struct wrapped_handles *handles, CK_OBJECT_HANDLE *ret_handle)
{
    const bool are_known =
        handles->wrapping != CK_INVALID_HANDLE && handles->mac != CK_INVALID_HANDLE;
    enum ps_err err;

    PS_TRY(check_wrappable(session, key));
    if (!are_known) {
        PS_TRY(wrapped_find_handles(session, &key->record, handles));
    }
    err = open_with(session, key, handles, false, ret_handle);
    if (err != PS_OK && are_known && session->fault.class == FAULT_HANDLE) {
        PS_TRY(wrapped_find_handles(session, &key->record, handles));
        err = open_with(session, key, handles, false, ret_handle);
    }
    return err;
}

enum ps_err wrapped_try_open(struct admin_context *context, const void *message,
                             struct admin_answer *ret_answer)
{
    const struct msg_token_open *asked = message;
    struct session *session = context->session;
    struct wrapped_handles handles = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};
    CK_OBJECT_HANDLE handle;
    struct wrapped_key key;

    PS_TRY(
        wrapped_key_read(asked->object_id, (enum ps_key_type)asked->key_type, asked->record, &key));
    PS_TRY(wrapped_open(session, &key, &handles, &handle));
    PS_TRY(session_try(session, OPERATION_CHANGE,
                       session->fn->C_DestroyObject(session->handle, handle), "C_DestroyObject"));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}
