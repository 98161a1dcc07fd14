#include "pkcs11/module/libp11_admin.h"

#include "pkcs11/module/libp11_context.h"
#include "pkcs11/module/store_lock.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum { LABEL_LEN = 32, OBJECT_LABEL_MAX = 64, DER_MAX = 16 * 1024, PIN_ROOM = IPC_SECRET_MAX + 1 };

struct pin {
    char text[PIN_ROOM];
};

static void wipe_pin(struct pin *pin)
{
    ps_wipe(pin->text, sizeof pin->text);
}

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

/* libp11 wants a NUL at the end. */
static enum ps_err copy_pin(const struct profile *profile, struct ps_bytes pin, struct pin *to)
{
    if (pin.len < profile->pin_min || pin.len > profile->pin_max || pin.len >= PIN_ROOM ||
        pin.len == 0 || memchr(pin.data, 0, pin.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "a PIN of this token has %u to %u octets, none of them NUL",
                       profile->pin_min, profile->pin_max);
    }
    memcpy(to->text, pin.data, pin.len);
    to->text[pin.len] = 0;
    return PS_OK;
}

/* libp11 reads 32 octets whatever the length is, so the label is padded here. */
static enum ps_err pad_label(struct ps_bytes label, char to[LABEL_LEN + 1])
{
    if (label.len == 0 || label.len > LABEL_LEN || memchr(label.data, 0, label.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "a token's label has 1 to %d octets", LABEL_LEN);
    }
    memset(to, ' ', LABEL_LEN);
    memcpy(to, label.data, label.len);
    to[LABEL_LEN] = 0;
    return PS_OK;
}

/* The login as SO is ours: libp11 would keep a copy of the PIN. */
static enum ps_err set_user_pin(struct session *session, PKCS11_TOKEN *token,
                                const struct pin *so_pin, const struct pin *pin)
{
    enum ps_err err = PS_OK;

    PS_TRY(session_try(session, OPERATION_ADMIN,
                       session->fn->C_Login(session->handle, CKU_SO,
                                            (CK_UTF8CHAR_PTR)(uintptr_t)so_pin->text,
                                            strlen(so_pin->text)),
                       "C_Login as SO"));
    if (PKCS11_init_pin(token, pin->text) != 0) {
        err = libp11_fail(session, OPERATION_ADMIN, "PKCS11_init_pin");
    } else {
        session_note(session, OPERATION_ADMIN, CKR_OK, "C_InitPIN");
    }
    session_note(session, OPERATION_ADMIN, session->fn->C_Logout(session->handle), "C_Logout");
    return err;
}

/* Initialisation destroys what is there: it is looked at once more. */
static enum ps_err check_blank(struct session *session)
{
    CK_TOKEN_INFO info = {0};

    PS_TRY(session_try(session, OPERATION_SLOT, session->fn->C_GetTokenInfo(session->slot, &info),
                       "C_GetTokenInfo"));
    return token_is_blank(info.flags)
               ? PS_OK
               : ps_fail(PS_E_CONFLICT, 0, "the token is initialised already");
}

enum ps_err libp11_initialise(struct admin_context *context, const void *message,
                              struct admin_answer *ret_answer)
{
    const struct msg_token_initialise *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(wipe_pin) struct pin so_pin = {{0}};
    PS_CLEANUP(wipe_pin) struct pin pin = {{0}};
    PS_CLEANUP(store_lock_drop) int lock = -1;
    char label[LABEL_LEN + 1];
    PKCS11_TOKEN *token;
    enum ps_err err;

    PS_TRY(copy_pin(session->profile, asked->so_pin, &so_pin));
    PS_TRY(copy_pin(session->profile, asked->pin, &pin));
    PS_TRY(pad_label(asked->label, label));
    lock = store_lock_take(session->store, true);
    PS_TRY(check_blank(session));
    PS_TRY(libp11_find_token(context->libp11, session, &token));
    /* C_InitToken is refused while a session is open (PKCS#11 v3.1, section 5.5.7). */
    session_close(session, true);
    if (PKCS11_init_token(token, so_pin.text, label) != 0) {
        return libp11_fail(session, OPERATION_ADMIN, "PKCS11_init_token");
    }
    session_note(session, OPERATION_ADMIN, CKR_OK, "C_InitToken");
    PS_TRY(session_open(session));
    err = set_user_pin(session, token, &so_pin, &pin);
    session_close(session, true);
    PS_TRY(err);
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    ret_answer->change = ADMIN_TOKEN_MADE;
    ret_answer->id = asked->label;
    return PS_OK;
}

static enum ps_err check_certificates(const struct session *session, struct ps_bytes id)
{
    if (!session->profile->certificates) {
        return ps_fail(PS_E_DENIED, 0, "the token keeps no certificates");
    }
    if (id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an empty id");
    }
    return PS_OK;
}

static void free_room(uint8_t **room)
{
    free(*room);
}

/*
 * The octets of a certificate object; it is longer than what object_read has room for. Directly:
 * libp11 goes on listing what another process has destroyed.
 */
static enum ps_err read_certificate(struct session *session, CK_OBJECT_HANDLE handle,
                                    struct ps_buf *out)
{
    PS_CLEANUP(free_room) uint8_t *octets = malloc(DER_MAX + OBJECT_GUARD);
    CK_ATTRIBUTE value = {CKA_VALUE, octets, DER_MAX};
    CK_RV rv;

    if (octets == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    object_set_guard(octets, DER_MAX);
    rv = session->fn->C_GetAttributeValue(session->handle, handle, &value, 1);
    object_check_guard(octets, DER_MAX, "C_GetAttributeValue");
    PS_TRY(session_try(session, OPERATION_FIND, rv, "C_GetAttributeValue"));
    if (value.ulValueLen > DER_MAX) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "C_GetAttributeValue");
    }
    ps_buf_reset(out);
    ps_buf_put(out, ps_bytes(octets, value.ulValueLen));
    return ps_buf_status(out);
}

static enum ps_err find_certificates(struct session *session, struct ps_bytes id,
                                     struct object_list *ret_list)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;

    return object_find_id(session, id, &class, ret_list);
}

static enum ps_err is_stored(struct session *session, const struct object_list *list,
                             struct ps_bytes der, bool *ret_is_stored)
{
    PS_BUF_AUTO stored = {.max = DER_MAX};

    *ret_is_stored = false;
    for (size_t i = 0; i < list->count; i++) {
        PS_TRY(read_certificate(session, list->handles[i], &stored));
        *ret_is_stored |= ps_bytes_equal(ps_buf_bytes(&stored), der);
    }
    return PS_OK;
}

/* What was there before the new one. */
static enum ps_err remove_others(struct session *session, const struct object_list *list,
                                 struct ps_bytes der)
{
    PS_BUF_AUTO stored = {.max = DER_MAX};

    for (size_t i = 0; i < list->count; i++) {
        PS_TRY(read_certificate(session, list->handles[i], &stored));
        if (!ps_bytes_equal(ps_buf_bytes(&stored), der)) {
            PS_TRY(session_try(session, OPERATION_CHANGE,
                               session->fn->C_DestroyObject(session->handle, list->handles[i]),
                               "C_DestroyObject"));
        }
    }
    return PS_OK;
}

static enum ps_err store(struct session *session, PKCS11_TOKEN *token,
                         const struct msg_token_certificate_put *asked, X509 *certificate)
{
    uint8_t id[IPC_OBJECT_ID_MAX];
    char label[OBJECT_LABEL_MAX + 1];

    memcpy(id, asked->object_id.data, asked->object_id.len);
    if (asked->label.len != 0) {
        memcpy(label, asked->label.data, asked->label.len);
    }
    label[asked->label.len] = 0;
    if (PKCS11_store_certificate(token, certificate, label, id, asked->object_id.len, NULL) != 0) {
        return libp11_fail(session, OPERATION_MAKE, "PKCS11_store_certificate");
    }
    return PS_OK;
}

static enum ps_err parse(struct ps_bytes der, X509 **ret_certificate)
{
    const uint8_t *at = der.data;
    PS_CLEANUP(free_certificate)
    X509 *certificate = der.len == 0 ? NULL : d2i_X509(NULL, &at, (long)der.len);

    if (certificate == NULL || at != der.data + der.len) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "not one X.509 certificate in DER");
    }
    *ret_certificate = certificate;
    certificate = NULL;
    return PS_OK;
}

static enum ps_err replace(struct admin_context *context,
                           const struct msg_token_certificate_put *asked, X509 *certificate)
{
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, true);
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    PKCS11_TOKEN *token;
    bool stored;

    PS_TRY(find_certificates(session, asked->object_id, &list));
    PS_TRY(is_stored(session, &list, asked->der, &stored));
    if (!stored) {
        PS_TRY(libp11_find_token(context->libp11, session, &token));
        PS_TRY(store(session, token, asked, certificate));
    }
    return remove_others(session, &list, asked->der);
}

enum ps_err libp11_put_certificate(struct admin_context *context, const void *message,
                                   struct admin_answer *ret_answer)
{
    const struct msg_token_certificate_put *asked = message;
    PS_CLEANUP(free_certificate) X509 *certificate = NULL;

    PS_TRY(check_certificates(context->session, asked->object_id));
    PS_TRY(parse(asked->der, &certificate));
    PS_TRY(replace(context, asked, certificate));
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}

enum ps_err libp11_get_certificate(struct admin_context *context, const void *message,
                                   struct admin_answer *ret_answer)
{
    const struct msg_token_certificate_get *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    PS_CLEANUP(free_certificate) X509 *certificate = NULL;

    PS_TRY(check_certificates(session, asked->object_id));
    PS_TRY(find_certificates(session, asked->object_id, &list));
    if (list.count == 0) {
        PS_TRY(session_check(session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no certificate with this id");
    }
    if (list.count > 1) {
        return ps_fail(PS_E_CONFLICT, 0, "several certificates have this id");
    }
    ps_buf_init(&ret_answer->first, DER_MAX);
    PS_TRY(read_certificate(session, list.handles[0], &ret_answer->first));
    if (parse(ps_buf_bytes(&ret_answer->first), &certificate) != PS_OK) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "a certificate object");
    }
    ret_answer->info = &msg_token_octets_info;
    ret_answer->message.octets =
        (struct msg_token_octets){.octets = ps_buf_bytes(&ret_answer->first)};
    return PS_OK;
}
