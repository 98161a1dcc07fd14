#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include "lib/formats/public_key/public_key.h"

#include <stdio.h>
#include <unistd.h>

/* A token process that has signed so many writes them, and goes on with those that wait. */
#define WRITE_AFTER 8u
#define COORDINATE  32u

static const uint8_t key_id[] = {0x01};

/* OCTET STRING of the uncompressed point (PKCS#11 v3.1 section 6.3.3, SEC 1 section 2.3.3). */
static struct public_key *read_public(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                      CK_OBJECT_HANDLE handle)
{
    uint8_t point[3 + 2 * COORDINATE];
    CK_ATTRIBUTE attribute = {CKA_EC_POINT, point, sizeof point};
    struct public_key *key = NULL;

    must(p11->C_GetAttributeValue(session, handle, &attribute, 1) == CKR_OK &&
             attribute.ulValueLen == sizeof point && point[2] == 0x04,
         "reading the public key");
    point[2] = (uint8_t)(0x02 | (point[sizeof point - 1] & 1));
    must(public_key_from_point(PS_KEY_EC_P256, ps_bytes(point + 2, 1 + COORDINATE), &key) == PS_OK,
         "understanding the public key");
    return key;
}

static void write_jwks(const char *path, const struct public_key *key)
{
    PS_BUF_AUTO text = {.max = 4096};
    FILE *file = fopen(path, "we");

    ps_buf_put_str(&text, "{\"keys\":[");
    public_key_put_jwk(key, PS_ALG_ES256, "sig", &text);
    ps_buf_put_str(&text, "]}");
    must(ps_buf_status(&text) == PS_OK && file != NULL &&
             fwrite(text.data, 1, text.len, file) == text.len && fclose(file) == 0,
         "writing the public key");
}

static CK_OBJECT_HANDLE generate(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session)
{
    /* The OID of P-256, DER (RFC 5480 section 2.1.1.1). */
    static uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE id = {CKA_ID, (void *)(uintptr_t)key_id, sizeof key_id};
    CK_ATTRIBUTE of_public[] = {{CKA_TOKEN, &yes, sizeof yes},
                                {CKA_VERIFY, &yes, sizeof yes},
                                {CKA_EC_PARAMS, p256, sizeof p256},
                                id};
    CK_ATTRIBUTE of_private[] = {
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},      id};
    CK_OBJECT_HANDLE public = 0;
    CK_OBJECT_HANDLE private = 0;

    must(p11->C_GenerateKeyPair(session, &mechanism, of_public, PS_COUNT_OF(of_public), of_private,
                                PS_COUNT_OF(of_private), &public, &private) == CKR_OK,
         "making a key");
    return public;
}

void chain_token_make_key(const struct chain_token *token, const char *jwks,
                          char ret_kid[CHAIN_KID_LEN])
{
    CK_FUNCTION_LIST *p11 = module_load(token->module);
    const CK_SLOT_ID slot = module_log_in(p11, token->label, token->pin);
    const CK_SESSION_HANDLE session = module_open_session(p11, slot);
    struct public_key *key = read_public(p11, session, generate(p11, session));

    write_jwks(jwks, key);
    memcpy(ret_kid, public_key_kid(key).data, CHAIN_KID_LEN);
    public_key_free(key);
}

static void sign(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                 const struct frame *frame, struct peer *keeper)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    uint8_t signature[CHAIN_SIGNATURE];
    CK_ULONG len = sizeof signature;

    must(p11->C_SignInit(session, &mechanism, key) == CKR_OK &&
             p11->C_Sign(session, (uint8_t *)(uintptr_t)frame->octets.data, frame->octets.len,
                         signature, &len) == CKR_OK &&
             len == sizeof signature,
         "signing");
    peer_put(keeper, frame->id, ps_bytes(signature, len));
}

void chain_token_run(const struct chain_token *token, int fd)
{
    CK_FUNCTION_LIST *p11 = module_load(token->module);
    const CK_SLOT_ID slot = module_log_in(p11, token->label, token->pin);
    const CK_SESSION_HANDLE session = module_open_session(p11, slot);
    const CK_OBJECT_HANDLE key = module_find_key(p11, session, ps_bytes(key_id, sizeof key_id));
    struct peer keeper;

    peer_init(&keeper, fd);
    must(write(fd, "", 1) == 1, "telling that it is ready");
    for (;;) {
        struct frame frame;
        unsigned signed_now = 0;

        peer_read(&keeper, true);
        while (peer_next(&keeper, &frame)) {
            sign(p11, session, key, &frame, &keeper);
            if (++signed_now % WRITE_AFTER == 0) {
                peer_write(&keeper);
            }
        }
        peer_write(&keeper);
    }
}
