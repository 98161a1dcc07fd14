#include "pkcs11/wrapped/carry.h"

#include "lib/base/line.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/objects/generate.h"
#include "pkcs11/objects/readback.h"
#include "pkcs11/pins/so_login.h"
#include "pkcs11/wrapped/record.h"
#include "pkcs11/wrapped/wrapping.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum { MODULUS_LEN = 512, STORE_WAIT_MS = 10000, ARRIVALS = 3 };

/* The parameters of RSA-OAEP for keys; both ends have them from their profiles. */
struct oaep {
    CK_RSA_PKCS_OAEP_PARAMS params;
    CK_MECHANISM mechanism;
};

static enum ps_err init_oaep(const struct profile *profile, struct oaep *oaep)
{
    if (profile->uses[PROFILE_USE_TRANSPORT].count == 0) {
        return ps_fail(PS_E_DENIED, 0, "by its profile the token carries no keys like this");
    }
    oaep->params = (CK_RSA_PKCS_OAEP_PARAMS){
        .hashAlg = profile->transport_sha256 ? CKM_SHA256 : CKM_SHA_1,
        .mgf = profile->transport_sha256 ? CKG_MGF1_SHA256 : CKG_MGF1_SHA1,
        .source = CKZ_DATA_SPECIFIED,
    };
    oaep->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &oaep->params, sizeof oaep->params};
    return PS_OK;
}

/* --- Out --- */

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void free_number(BIGNUM **number)
{
    BN_free(*number);
}

/* An RSA key of 4096 bits with the exponent 65537, and nothing else. */
static enum ps_err read_modulus(struct ps_bytes spki, uint8_t modulus[MODULUS_LEN])
{
    const uint8_t *at = spki.data;
    PS_CLEANUP(free_pkey) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    PS_CLEANUP(free_number) BIGNUM *n = NULL;
    PS_CLEANUP(free_number) BIGNUM *e = NULL;
    const bool is_good =
        pkey != NULL && at == spki.data + spki.len && EVP_PKEY_get_bits(pkey) == MODULUS_LEN * 8 &&
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_word(e, 65537) &&
        BN_bn2binpad(n, modulus, MODULUS_LEN) == MODULUS_LEN;

    ERR_clear_error();
    return is_good ? PS_OK : ps_fail(PS_E_INPUT, 0, "no public key of 4096 bits to carry under");
}

static enum ps_err put_trusted(struct session *session, const uint8_t *modulus,
                               CK_OBJECT_HANDLE *ret_handle)
{
    static const uint8_t exponent[] = {1, 0, 1};
    static CK_BBOOL yes = CK_TRUE;
    static CK_BBOOL no = CK_FALSE;
    static CK_MECHANISM_TYPE allowed = CKM_RSA_PKCS_OAEP;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_MODULUS, (void *)(uintptr_t)modulus, MODULUS_LEN},
        {CKA_PUBLIC_EXPONENT, (void *)(uintptr_t)exponent, sizeof exponent},
        {CKA_WRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &no, sizeof no},
        {CKA_VERIFY, &no, sizeof no},
        {CKA_VERIFY_RECOVER, &no, sizeof no},
        {CKA_DERIVE, &no, sizeof no},
        {CKA_ALLOWED_MECHANISMS, &allowed, sizeof allowed},
        {CKA_TRUSTED, &yes, sizeof yes},
        {CKA_COPYABLE, &no, sizeof no},
        {CKA_MODIFIABLE, &no, sizeof no},
    };

    return session_try(
        session, OPERATION_ADMIN,
        session->fn->C_CreateObject(session->handle, template, PS_COUNT_OF(template), ret_handle),
        "C_CreateObject as SO");
}

/* As the SO, and out again whatever comes of it. Errors: those of so_begin, and of the import. */
static enum ps_err trust(struct session *session, const struct msg_token_carry_out *asked,
                         const uint8_t *modulus, int lock, CK_OBJECT_HANDLE *ret_handle)
{
    enum ps_err err;

    session_about(session, "", ps_bytes(NULL, 0));
    PS_TRY(so_begin(session, asked->so_pin, lock));
    session_about(session, "public", ps_bytes(NULL, 0));
    err = put_trusted(session, modulus, ret_handle);
    session_about(session, "", ps_bytes(NULL, 0));
    so_end(session);
    return err;
}

static enum ps_err log_in_again(struct session *session, struct ps_bytes pin)
{
    return session_try(session, OPERATION_LOGIN,
                       session->fn->C_Login(session->handle, CKU_USER, pin_octets(pin), pin.len),
                       "C_Login");
}

static enum ps_err wrap_all(struct session *session, const struct msg_token_carry_out *asked,
                            CK_OBJECT_HANDLE trusted, struct admin_answer *answer)
{
    const struct ps_bytes ids[] = {asked->wrapping_id, asked->secrets_id, asked->mac_id};
    struct ps_buf *const bufs[] = {&answer->first, &answer->second, &answer->third};
    struct oaep oaep;

    PS_TRY(init_oaep(session->profile, &oaep));
    for (size_t i = 0; i < PS_COUNT_OF(ids); i++) {
        CK_OBJECT_HANDLE key;

        PS_TRY(wrapped_find_secret(session, ids[i], &key));
        session_about(session, "secret", ids[i]);
        ps_buf_init(bufs[i], MODULUS_LEN);
        PS_TRY(wrapping_wrap(session, &oaep.mechanism, trusted, key, MODULUS_LEN, bufs[i]));
    }
    return PS_OK;
}

enum ps_err wrapped_carry_out(struct admin_context *context, const void *message,
                              struct admin_answer *ret_answer)
{
    const struct msg_token_carry_out *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop)
    const int lock = store_lock_take_within(session->store, true, STORE_WAIT_MS);
    CK_OBJECT_HANDLE trusted = CK_INVALID_HANDLE;
    uint8_t modulus[MODULUS_LEN];
    struct oaep oaep;
    enum ps_err err;

    PS_TRY(init_oaep(session->profile, &oaep));
    PS_TRY(read_modulus(asked->public_key, modulus));
    err = trust(session, asked, modulus, lock, &trusted);
    if (so_was_refused(session, err)) {
        ret_answer->info = &msg_token_carried_info;
        ret_answer->message.carried = (struct msg_token_carried){.so_pin_refused = 1};
        return PS_OK;
    }
    PS_TRY(err);
    PS_TRY(log_in_again(session, asked->pin));
    PS_TRY(wrap_all(session, asked, trusted, ret_answer));
    session_about(session, "public", ps_bytes(NULL, 0));
    PS_TRY(session_try(session, OPERATION_CHANGE,
                       session->fn->C_DestroyObject(session->handle, trusted), "C_DestroyObject"));
    ret_answer->info = &msg_token_carried_info;
    ret_answer->message.carried =
        (struct msg_token_carried){.wrapping = ps_buf_bytes(&ret_answer->first),
                                   .secrets = ps_buf_bytes(&ret_answer->second),
                                   .mac = ps_buf_bytes(&ret_answer->third)};
    return PS_OK;
}

/* --- In --- */

static enum ps_err check_unused(struct session *session, struct ps_bytes id)
{
    PS_CLEANUP(object_list_clear) struct object_list found = {0};

    PS_TRY(object_find_id(session, id, NULL, &found));
    return found.count == 0
               ? PS_OK
               : ps_fail(PS_E_CONFLICT, 0, "the token has objects with this id already");
}

static enum ps_err find_transport(struct session *session, struct ps_bytes id,
                                  CK_OBJECT_HANDLE *ret_handle)
{
    static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    PS_CLEANUP(object_list_clear) struct object_list found = {0};

    PS_TRY(object_find_id(session, id, &private_key, &found));
    if (found.count != 1) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the token has no key to carry under");
    }
    *ret_handle = found.handles[0];
    return PS_OK;
}

static enum ps_err unwrap(struct session *session, const struct arrival *arrival,
                          CK_OBJECT_HANDLE *ret_handle)
{
    struct template template;
    CK_OBJECT_HANDLE transport;
    struct oaep oaep;

    PS_TRY(init_oaep(session->profile, &oaep));
    PS_TRY(find_transport(session, arrival->transport_id, &transport));
    PS_TRY(check_unused(session, arrival->request.id));
    template_build(session->profile, &arrival->request, TEMPLATE_SECRET, &template);
    session_about(session, "secret", arrival->request.id);
    PS_TRY(session_try(session, OPERATION_OPEN,
                       session->fn->C_UnwrapKey(session->handle, &oaep.mechanism, transport,
                                                (CK_BYTE *)(uintptr_t)arrival->blob.data,
                                                arrival->blob.len, template.attributes,
                                                template.count, ret_handle),
                       "C_UnwrapKey"));
    return readback_compare(session, *ret_handle, &arrival->request, TEMPLATE_SECRET, &template);
}

enum ps_err wrapped_arrive(struct session *session, const struct arrival *arrival,
                           CK_OBJECT_HANDLE *ret_handle)
{
    struct generated key = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};
    const enum ps_err err = unwrap(session, arrival, &key.own);

    if (err != PS_OK && key.own != CK_INVALID_HANDLE) {
        generate_undo(session, &key);
    }
    PS_TRY(err);
    *ret_handle = key.own;
    return PS_OK;
}

/* All or none. */
static enum ps_err arrive_all(struct session *session, const struct arrival *arrivals)
{
    struct generated there[ARRIVALS];
    enum ps_err err = PS_OK;
    size_t count = 0;

    while (err == PS_OK && count < ARRIVALS) {
        there[count] = (struct generated){CK_INVALID_HANDLE, CK_INVALID_HANDLE};
        err = wrapped_arrive(session, &arrivals[count], &there[count].own);
        count += err == PS_OK ? 1 : 0;
    }
    for (size_t i = 0; err != PS_OK && i < count; i++) {
        generate_undo(session, &there[i]);
    }
    return err;
}

static struct arrival arrival(struct ps_bytes id, struct ps_bytes label, enum ps_key_type type,
                              struct ps_bytes transport_id, struct ps_bytes blob)
{
    return (struct arrival){
        .request = {.id = id,
                    .label = label,
                    .type = type,
                    .usage = type == PS_KEY_AES_256 ? PS_USAGE_WRAP : PS_USAGE_MAC,
                    .extractable = true,
                    .is_unwrapped = true},
        .transport_id = transport_id,
        .blob = blob};
}

enum ps_err wrapped_carry_in(struct admin_context *context, const void *message,
                             struct admin_answer *ret_answer)
{
    const struct msg_token_carry_in *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take_within(session->store, true, STORE_WAIT_MS);
    struct arrival arrivals[ARRIVALS] = {
        arrival(asked->wrapping_id, asked->wrapping_label, PS_KEY_AES_256, asked->transport_id,
                asked->wrapping),
        arrival(asked->secrets_id, asked->secrets_label, PS_KEY_AES_256, asked->transport_id,
                asked->secrets),
        arrival(asked->mac_id, asked->mac_label, PS_KEY_HMAC_SHA256, asked->transport_id,
                asked->mac),
    };

    arrivals[1].request.for_secrets = true;
    for (size_t i = 0; i < ARRIVALS; i++) {
        PS_TRY(template_check(session->profile, &arrivals[i].request));
    }
    PS_TRY(arrive_all(session, arrivals));
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}
