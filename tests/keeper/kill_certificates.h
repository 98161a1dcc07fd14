#ifndef TESTS_KEEPER_KILL_CERTIFICATES_H
#define TESTS_KEEPER_KILL_CERTIFICATES_H

#include "tests/keeper/gate_fixture.h"
#include "tests/unit/tls_material.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/public_key.h"

/* A certificate from elsewhere for the key of a round, for test_gate_kill.c. */
static char kill_chain[2048];     /* the parameters of certificate.install */
static char kill_fingerprint[96]; /* what GET of the key reads then */

/* A PEM text as it stands in JSON. */
static inline size_t kill_put_lines(const char *pem, char *out)
{
    size_t len = 0;

    for (; *pem != 0; pem++) {
        if (*pem == '\n') {
            out[len++] = '\\';
        }
        out[len++] = *pem == '\n' ? 'n' : *pem;
    }
    return len;
}

static inline EVP_PKEY *kill_read_public_key(const char *key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    const uint8_t *at;
    EVP_PKEY *read;

    assert_int_equal(stack_read(&stack, READ_KEY_PUBLIC, key, &body), 200);
    assert_ok(public_key_from_jwk(ps_buf_bytes(&body), &public_key));
    at = public_key_spki(public_key).data;
    read = d2i_PUBKEY(NULL, &at, (long)public_key_spki(public_key).len);
    assert_non_null(read);
    return read;
}

/* The leaf is one of the CA's making, with the key of the round put in. */
static inline void kill_make_certificate(const char *key)
{
    static struct identity ca;
    struct identity leaf;
    EVP_PKEY *public_key = kill_read_public_key(key);
    uint8_t hash[PS_SHA256_LEN];
    unsigned len = sizeof hash;
    char text[64] = "";
    size_t at;

    if (ca.key == NULL) {
        make_identity(
            &(struct identity_wish){
                .name = "Elsewhere", .is_authority = true, .begins_s = -3600, .ends_s = 864000},
            &ca);
    }
    make_identity(
        &(struct identity_wish){.name = "Login", .issuer = &ca, .begins_s = -60, .ends_s = 86400},
        &leaf);
    (void)X509_set_pubkey(leaf.certificate, public_key);
    assert_true(X509_sign(leaf.certificate, ca.key, EVP_sha256()) > 0);
    EVP_PKEY_free(leaf.key);
    leaf.key = public_key;
    write_certificate(&leaf);
    at = (size_t)snprintf(kill_chain, sizeof kill_chain, "{\"chain\":\"");
    at += kill_put_lines(leaf.certificate_pem, kill_chain + at);
    at += kill_put_lines(ca.certificate_pem, kill_chain + at);
    (void)snprintf(kill_chain + at, sizeof kill_chain - at, "\"}");
    assert_int_equal(X509_digest(leaf.certificate, EVP_sha256(), hash, &len), 1);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), text);
    (void)snprintf(kill_fingerprint, sizeof kill_fingerprint, "\"sha256\":\"%s\"", text);
    free_identity(&leaf);
}

#endif
