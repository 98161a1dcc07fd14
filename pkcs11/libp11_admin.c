#include "pkcs11/libp11_admin.h"

#include "pkcs11/libp11_context.h"
#include "pkcs11/store_lock.h"

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

static void free_octets(uint8_t **octets)
{
    OPENSSL_free(*octets);
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
    }
    (void)session->fn->C_Logout(session->handle);
    return err;
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
    PS_TRY(libp11_find_token(context->libp11, session, LIBP11_WRITES, &token));
    /* C_InitToken is refused while a session is open (PKCS#11 v3.1, section 5.5.7). */
    session_close(session, true);
    if (PKCS11_init_token(token, so_pin.text, label) != 0) {
        return libp11_fail(session, OPERATION_ADMIN, "PKCS11_init_token");
    }
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

static enum ps_err list_certificates(struct session *session, PKCS11_TOKEN *token,
                                     PKCS11_CERT **ret_list, unsigned *ret_count)
{
    *ret_count = 0;
    if (PKCS11_enumerate_certs(token, ret_list, ret_count) != 0) {
        return libp11_fail(session, OPERATION_FIND, "PKCS11_enumerate_certs");
    }
    return PS_OK;
}

static bool has_id(const PKCS11_CERT *certificate, struct ps_bytes id)
{
    return certificate->x509 != NULL &&
           ps_bytes_equal(ps_bytes(certificate->id, certificate->id_len), id);
}

static void free_room(uint8_t **room)
{
    free(*room);
}

/* Certificates are longer than what object_read has room for. */
static enum ps_err is_certificate(struct session *session, CK_OBJECT_HANDLE handle,
                                  struct ps_bytes der, bool *ret_same)
{
    PS_CLEANUP(free_room) uint8_t *octets = malloc(DER_MAX + OBJECT_GUARD);
    CK_ATTRIBUTE value = {CKA_VALUE, octets, DER_MAX};
    CK_RV rv;

    if (octets == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    rv = session->fn->C_GetAttributeValue(session->handle, handle, &value, 1);
    *ret_same = false;
    if (rv == CKR_BUFFER_TOO_SMALL) {
        return PS_OK;
    }
    PS_TRY(session_try(session, OPERATION_FIND, rv, "C_GetAttributeValue"));
    *ret_same =
        value.ulValueLen <= DER_MAX && ps_bytes_equal(ps_bytes(octets, value.ulValueLen), der);
    return PS_OK;
}

/* Directly: libp11 would list with a session that cannot write, once it has listed at all. */
static enum ps_err remove_others(struct session *session, struct ps_bytes id, struct ps_bytes der)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    PS_CLEANUP(object_list_clear) struct object_list list = {0};

    PS_TRY(object_find_id(session, id, &class, &list));
    for (size_t i = 0; i < list.count; i++) {
        bool same = false;

        PS_TRY(is_certificate(session, list.handles[i], der, &same));
        if (!same) {
            PS_TRY(session_try(session, OPERATION_CHANGE,
                               session->fn->C_DestroyObject(session->handle, list.handles[i]),
                               "C_DestroyObject"));
        }
    }
    return PS_OK;
}

static enum ps_err is_stored(struct session *session, PKCS11_TOKEN *token, struct ps_bytes id,
                             const X509 *wanted, bool *ret_is_stored)
{
    PKCS11_CERT *list;
    unsigned count;

    PS_TRY(list_certificates(session, token, &list, &count));
    *ret_is_stored = false;
    for (unsigned i = 0; i < count; i++) {
        if (has_id(&list[i], id) && X509_cmp(list[i].x509, wanted) == 0) {
            *ret_is_stored = true;
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

enum ps_err libp11_put_certificate(struct admin_context *context, const void *message,
                                   struct admin_answer *ret_answer)
{
    const struct msg_token_certificate_put *asked = message;
    struct session *session = context->session;
    const uint8_t *at = asked->der.data;
    PS_CLEANUP(free_certificate) X509 *certificate = NULL;
    PKCS11_TOKEN *token;
    bool stored;

    PS_TRY(check_certificates(session, asked->object_id));
    certificate = asked->der.len == 0 ? NULL : d2i_X509(NULL, &at, (long)asked->der.len);
    if (certificate == NULL || at != asked->der.data + asked->der.len) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "not one X.509 certificate in DER");
    }
    PS_TRY(libp11_find_token(context->libp11, session, LIBP11_READS, &token));
    PS_TRY(is_stored(session, token, asked->object_id, certificate, &stored));
    if (!stored) {
        PS_TRY(libp11_find_token(context->libp11, session, LIBP11_WRITES, &token));
        PS_TRY(store(session, token, asked, certificate));
    }
    PS_TRY(remove_others(session, asked->object_id, asked->der));
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}

static enum ps_err put_der(const X509 *certificate, struct ps_buf *out)
{
    PS_CLEANUP(free_octets) uint8_t *der = NULL;
    const int len = i2d_X509(certificate, &der);

    if (len <= 0) {
        return ps_fail(PS_E_NO_MEMORY, 0, "cannot write a certificate");
    }
    ps_buf_put(out, ps_bytes(der, (size_t)len));
    return ps_buf_status(out);
}

enum ps_err libp11_get_certificate(struct admin_context *context, const void *message,
                                   struct admin_answer *ret_answer)
{
    const struct msg_token_certificate_get *asked = message;
    struct session *session = context->session;
    const PKCS11_CERT *found = NULL;
    PKCS11_TOKEN *token;
    PKCS11_CERT *list;
    unsigned count;

    PS_TRY(check_certificates(session, asked->object_id));
    PS_TRY(libp11_find_token(context->libp11, session, LIBP11_READS, &token));
    PS_TRY(list_certificates(session, token, &list, &count));
    for (unsigned i = 0; i < count; i++) {
        if (has_id(&list[i], asked->object_id)) {
            if (found != NULL) {
                return ps_fail(PS_E_CONFLICT, 0, "several certificates have this id");
            }
            found = &list[i];
        }
    }
    if (found == NULL) {
        PS_TRY(session_check(session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no certificate with this id");
    }
    ps_buf_init(&ret_answer->first, DER_MAX);
    PS_TRY(put_der(found->x509, &ret_answer->first));
    ret_answer->info = &msg_token_octets_info;
    ret_answer->message.octets =
        (struct msg_token_octets){.octets = ps_buf_bytes(&ret_answer->first)};
    return PS_OK;
}
