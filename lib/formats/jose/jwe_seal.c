#include "lib/formats/jose/jwe_internal.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"
#include "lib/formats/jose/header.h"

#include <openssl/err.h>
#include <openssl/evp.h>

/* What is made anew for each message. The secrets are wiped. */
struct sealing {
    uint8_t cek[JWE_CEK_MAX];
    uint8_t z[PUBLIC_KEY_Z_MAX];
    size_t z_len;
    uint8_t iv[JWE_GCM_IV];
    uint8_t tag[JWE_GCM_TAG];
    struct public_key *ephemeral;
    struct ps_buf header;
    struct ps_buf header_b64;
    struct ps_buf encrypted_key;
    struct ps_buf ciphertext;
};

static void cipher_context_free_cleanup(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

static void sealing_clear(struct sealing *sealing)
{
    ps_wipe(sealing->cek, sizeof sealing->cek);
    ps_wipe(sealing->z, sizeof sealing->z);
    public_key_free(sealing->ephemeral);
    ps_buf_clear(&sealing->header);
    ps_buf_clear(&sealing->header_b64);
    ps_buf_clear(&sealing->encrypted_key);
    ps_buf_clear(&sealing->ciphertext);
}

static enum ps_err check_recipient(const struct public_key *recipient,
                                   const struct jwe_header *header)
{
    if (!jwe_alg_fits(header->alg, public_key_type(recipient)) ||
        jwe_enc_info(header->enc) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "JWE: a key of type %s does not do this algorithm",
                       ps_key_type_info(public_key_type(recipient))->name);
    }
    if (header->apu.len > JWE_PARTY_MAX || header->apv.len > JWE_PARTY_MAX) {
        return ps_fail(PS_E_INPUT, 0, "JWE: apu or apv of more than %d octets", JWE_PARTY_MAX);
    }
    if (header->alg == JWE_RSA_OAEP_256 && (header->apu.len != 0 || header->apv.len != 0)) {
        return ps_fail(PS_E_INPUT, 0, "JWE: apu and apv are for ECDH only");
    }
    return PS_OK;
}

static bool is_ours(const struct jwe_header *header, struct ps_bytes name)
{
    static const char *const names[] = {"alg", "apu", "apv", "b64", "crit", "enc",
                                        "epk", "iv",  "p2c", "p2s", "tag",  "zip"};

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            return true;
        }
    }
    return (ps_bytes_equal_str(name, "x5c") && header->x5c.len != 0) ||
           (ps_bytes_equal_str(name, "x5t#S256") && header->x5t_s256.len != 0);
}

struct members {
    const struct jwe_header *header;
    bool has_kid;
};

static enum jose_member_use use_of(void *context, struct ps_bytes name, struct json_value value)
{
    struct members *members = context;
    const struct jwe_header *header = members->header;

    if ((ps_bytes_equal_str(name, "alg") && jose_says(value, jwe_alg_name(header->alg))) ||
        (ps_bytes_equal_str(name, "enc") && jose_says(value, jwe_enc_name(header->enc)))) {
        return JOSE_MEMBER_PASS_OVER;
    }
    members->has_kid = members->has_kid || ps_bytes_equal_str(name, "kid");
    return is_ours(header, name) ? JOSE_MEMBER_REFUSE : JOSE_MEMBER_TAKE;
}

static void put_octets_member(struct ps_buf *out, const char *name, struct ps_bytes octets)
{
    if (octets.len != 0) {
        ps_buf_printf(out, ",\"%s\":\"", name);
        ps_buf_put_base64url(out, octets);
        ps_buf_put_u8(out, '"');
    }
}

static enum ps_err put_header(const struct jwe_header *header, const struct public_key *ephemeral,
                              struct ps_buf *out)
{
    struct members members = {.header = header};

    ps_buf_printf(out, "{\"alg\":\"%s\",\"enc\":\"%s\"", jwe_alg_name(header->alg),
                  jwe_enc_name(header->enc));
    if (ephemeral != NULL) {
        ps_buf_put_str(out, ",\"epk\":");
        public_key_put_bare_jwk(ephemeral, out);
    }
    put_octets_member(out, "apu", header->apu);
    put_octets_member(out, "apv", header->apv);
    if (header->x5c.len != 0) {
        jose_put_raw_member(out, "x5c", header->x5c);
    }
    if (header->x5t_s256.len != 0) {
        jose_put_text_member(out, "x5t#S256", header->x5t_s256);
    }
    PS_TRY(jose_put_members(header->members, use_of, &members, out));
    if (header->kid.len != 0 && !members.has_kid) {
        jose_put_text_member(out, "kid", header->kid);
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

/* The content key and how the recipient gets it, RFC 7516 section 5.1, steps 1 to 7. */
static enum ps_err make_key(const struct public_key *recipient, const struct jwe_header *header,
                            struct sealing *sealing)
{
    const struct ps_bytes cek = ps_bytes(sealing->cek, jwe_enc_info(header->enc)->key_len);
    const struct jwe_sealed parties = {
        .alg = header->alg, .enc = header->enc, .apu = header->apu, .apv = header->apv};
    uint8_t agreed[JWE_CEK_MAX];
    enum ps_err err;

    ps_random(sealing->cek, sizeof sealing->cek);
    if (header->alg == JWE_RSA_OAEP_256) {
        return public_key_encrypt_oaep(recipient, cek, &sealing->encrypted_key);
    }
    PS_TRY(public_key_agree(recipient, &sealing->ephemeral, sealing->z, &sealing->z_len));
    err = jwe_derive_key(&parties, ps_bytes(sealing->z, sealing->z_len), agreed);
    if (err == PS_OK && jwe_alg_info(header->alg)->wraps) {
        err = jwe_wrap_key(agreed, cek, &sealing->encrypted_key);
    } else if (err == PS_OK) {
        memcpy(sealing->cek, agreed, cek.len);
    }
    ps_wipe(agreed, sizeof agreed);
    return err;
}

static bool encrypt(struct sealing *sealing, const struct jwe_sealed *jwe,
                    struct ps_bytes plaintext, uint8_t *to)
{
    PS_CLEANUP(cipher_context_free_cleanup) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = jwe_cipher(jwe->enc);
    int len = 0;

    return context != NULL && cipher != NULL &&
           EVP_EncryptInit_ex(context, cipher, NULL, sealing->cek, sealing->iv) == 1 &&
           EVP_EncryptUpdate(context, NULL, &len, jwe->header_b64.data, (int)jwe->header_b64.len) ==
               1 &&
           EVP_EncryptUpdate(context, to, &len, plaintext.data, (int)plaintext.len) == 1 &&
           EVP_EncryptFinal_ex(context, to + len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, JWE_GCM_TAG, sealing->tag) == 1;
}

static enum ps_err seal_content(struct sealing *sealing, struct jwe_sealed *jwe,
                                struct ps_bytes plaintext, struct ps_buf *out)
{
    /* One octet more, so that there is memory to point to when there is no content. */
    uint8_t *to = ps_buf_reserve(&sealing->ciphertext, plaintext.len + 1);

    PS_TRY(ps_buf_status(&sealing->ciphertext));
    ps_random(sealing->iv, sizeof sealing->iv);
    if (!encrypt(sealing, jwe, plaintext, to)) {
        const unsigned long code = ERR_get_error();

        ERR_clear_error();
        return ps_fail(PS_E_INTERNAL, (long)code, "OpenSSL does no AES-GCM");
    }
    ps_buf_commit(&sealing->ciphertext, plaintext.len);
    jwe->encrypted_key = ps_buf_bytes(&sealing->encrypted_key);
    jwe->ciphertext = ps_buf_bytes(&sealing->ciphertext);
    jwe->iv = ps_bytes(sealing->iv, sizeof sealing->iv);
    jwe->tag = ps_bytes(sealing->tag, sizeof sealing->tag);
    jwe_put_compact(jwe, out);
    return ps_buf_status(out);
}

enum ps_err jwe_seal(const struct public_key *recipient, const struct jwe_header *header,
                     struct ps_bytes plaintext, struct ps_buf *out)
{
    PS_CLEANUP(sealing_clear)
    struct sealing sealing = {.header = {.max = JWE_HEADER_MAX},
                              .header_b64 = {.max = JWE_HEADER_B64_MAX},
                              .encrypted_key = {.max = JWE_ENCRYPTED_KEY_MAX},
                              .ciphertext = {.max = JWE_PLAINTEXT_MAX + 1}};
    struct jwe_sealed jwe = {.alg = header->alg, .enc = header->enc};
    enum ps_err err;

    PS_TRY(check_recipient(recipient, header));
    if (plaintext.len > JWE_PLAINTEXT_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "JWE: a plaintext of more than 1 MiB");
    }
    PS_TRY(make_key(recipient, header, &sealing));
    err = put_header(header, sealing.ephemeral, &sealing.header);
    if (err == PS_E_LIMIT) {
        return ps_fail(PS_E_INPUT, 0, "JWE: a header of more than %d octets", JWE_HEADER_MAX);
    }
    PS_TRY(err);
    ps_buf_put_base64url(&sealing.header_b64, ps_buf_bytes(&sealing.header));
    PS_TRY(ps_buf_status(&sealing.header_b64));
    jwe.header_b64 = ps_buf_bytes(&sealing.header_b64);
    return seal_content(&sealing, &jwe, plaintext, out);
}
