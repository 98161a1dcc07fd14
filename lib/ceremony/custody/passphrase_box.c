#include "lib/ceremony/custody/passphrase_box.h"

#include "lib/base/hash.h"
#include "lib/base/name.h"
#include "lib/base/reader.h"
#include "lib/base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum { SALT_LEN = 16, NONCE_LEN = 12, TAG_LEN = 16, KEY_LEN = 32, SCRYPT_R = 8, SCRYPT_P = 1 };

static const char magic[] = "PSBOX\x01";
#define MAGIC_LEN (sizeof magic - 1)

struct parts {
    struct box box;
    struct ps_bytes head; /* all before the ciphertext */
    struct ps_bytes salt;
    struct ps_bytes nonce;
    struct ps_bytes ciphertext;
    struct ps_bytes tag;
};

static void context_free(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

static enum ps_err check(const struct box *box, size_t content_len)
{
    if (box->kind != BOX_KEY && box->kind != BOX_SHARE) {
        return ps_fail(PS_E_INPUT, 0, "sealed octets of a kind that there is not");
    }
    if (box->log_n < BOX_LOG_N_MIN || box->log_n > BOX_LOG_N_MAX || !ps_name_valid(box->officer)) {
        return ps_fail(PS_E_INPUT, 0, "sealed octets whose cost or name is out of bounds");
    }
    if (content_len == 0 || content_len > BOX_CONTENT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "sealed octets that are empty or too long");
    }
    return PS_OK;
}

static enum ps_err derive(unsigned log_n, struct ps_bytes salt, struct ps_bytes passphrase,
                          uint8_t key[KEY_LEN])
{
    const uint64_t n = UINT64_C(1) << log_n;
    const uint64_t memory = 128 * SCRYPT_R * (n + SCRYPT_P + 32);

    if (EVP_PBE_scrypt((const char *)passphrase.data, passphrase.len, salt.data, salt.len, n,
                       SCRYPT_R, SCRYPT_P, memory, key, KEY_LEN) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_NO_MEMORY, 0, "no memory for scrypt: it takes %llu MiB here",
                       (unsigned long long)(memory >> 20));
    }
    return PS_OK;
}

static bool encrypt(const uint8_t *key, struct ps_bytes nonce, struct ps_bytes head,
                    struct ps_bytes content, uint8_t *to)
{
    PS_CLEANUP(context_free) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int len = 0;

    return context != NULL &&
           EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce.data) == 1 &&
           EVP_EncryptUpdate(context, NULL, &len, head.data, (int)head.len) == 1 &&
           EVP_EncryptUpdate(context, to, &len, content.data, (int)content.len) == 1 &&
           EVP_EncryptFinal_ex(context, to + len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, to + content.len) == 1;
}

static bool decrypt(const uint8_t *key, const struct parts *parts, uint8_t *to)
{
    PS_CLEANUP(context_free) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_LEN];
    int len = 0;

    memcpy(tag, parts->tag.data, TAG_LEN);
    return context != NULL &&
           EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, parts->nonce.data) == 1 &&
           EVP_DecryptUpdate(context, NULL, &len, parts->head.data, (int)parts->head.len) == 1 &&
           EVP_DecryptUpdate(context, to, &len, parts->ciphertext.data,
                             (int)parts->ciphertext.len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(context, to + len, &len) == 1;
}

static void put_head(const struct box *box, const uint8_t *salt, const uint8_t *nonce,
                     struct ps_buf *out)
{
    ps_buf_put(out, ps_bytes(magic, MAGIC_LEN));
    ps_buf_put_u8(out, (uint8_t)box->kind);
    ps_buf_put_u8(out, (uint8_t)box->log_n);
    ps_buf_put(out, ps_bytes(salt, SALT_LEN));
    ps_buf_put(out, ps_bytes(nonce, NONCE_LEN));
    ps_buf_put_u8(out, (uint8_t)box->officer.len);
    ps_buf_put(out, box->officer);
}

static enum ps_err check_passphrase(struct ps_bytes passphrase)
{
    if (passphrase.len < BOX_PASSPHRASE_MIN || passphrase.len > BOX_PASSPHRASE_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a passphrase has %d to %d octets: use several words",
                       BOX_PASSPHRASE_MIN, BOX_PASSPHRASE_MAX);
    }
    return PS_OK;
}

enum ps_err box_seal(const struct box *box, struct ps_bytes passphrase, struct ps_bytes content,
                     struct ps_buf *out)
{
    PS_BUF_AUTO head = {.max = BOX_OCTETS_MAX};
    uint8_t salt[SALT_LEN];
    uint8_t nonce[NONCE_LEN];
    uint8_t key[KEY_LEN];
    uint8_t *to;
    bool done;

    PS_TRY(check(box, content.len));
    PS_TRY(check_passphrase(passphrase));
    ps_random(salt, sizeof salt);
    ps_random(nonce, sizeof nonce);
    put_head(box, salt, nonce, &head);
    PS_TRY(ps_buf_status(&head));
    ps_buf_put(out, ps_buf_bytes(&head));
    to = ps_buf_reserve(out, content.len + TAG_LEN);
    PS_TRY(ps_buf_status(out));
    PS_TRY(derive(box->log_n, ps_bytes(salt, sizeof salt), passphrase, key));
    done = encrypt(key, ps_bytes(nonce, sizeof nonce), ps_buf_bytes(&head), content, to);
    ps_wipe(key, sizeof key);
    if (!done) {
        ERR_clear_error();
        return ps_fail(PS_E_INTERNAL, 0, "OpenSSL does no AES-GCM");
    }
    ps_buf_commit(out, content.len + TAG_LEN);
    return PS_OK;
}

static enum ps_err read_parts(struct ps_bytes octets, struct parts *ret_parts)
{
    struct ps_reader reader = ps_reader(octets);
    struct parts parts = {.box = {.kind = BOX_KEY}};

    if (!ps_bytes_equal(ps_reader_take(&reader, MAGIC_LEN), ps_bytes(magic, MAGIC_LEN))) {
        return ps_fail(PS_E_INPUT, 0, "not sealed under a passphrase, or by a later version");
    }
    parts.box.kind = (enum box_kind)ps_reader_u8(&reader);
    parts.box.log_n = ps_reader_u8(&reader);
    parts.salt = ps_reader_take(&reader, SALT_LEN);
    parts.nonce = ps_reader_take(&reader, NONCE_LEN);
    parts.box.officer = ps_reader_take(&reader, ps_reader_u8(&reader));
    if (reader.failed || reader.left.len <= TAG_LEN) {
        return ps_fail(PS_E_INPUT, 0, "sealed octets that are cut off");
    }
    parts.head = ps_bytes(octets.data, octets.len - reader.left.len);
    parts.ciphertext = ps_reader_take(&reader, reader.left.len - TAG_LEN);
    parts.tag = ps_reader_take(&reader, TAG_LEN);
    PS_TRY(check(&parts.box, parts.ciphertext.len));
    *ret_parts = parts;
    return PS_OK;
}

enum ps_err box_read(struct ps_bytes octets, struct box *ret_box)
{
    struct parts parts;

    PS_TRY(read_parts(octets, &parts));
    *ret_box = parts.box;
    return PS_OK;
}

enum ps_err box_open(struct ps_bytes octets, struct ps_bytes passphrase, struct ps_buf *out)
{
    struct parts parts;
    uint8_t key[KEY_LEN];
    uint8_t *to;
    bool done;

    PS_TRY(read_parts(octets, &parts));
    PS_TRY(check_passphrase(passphrase));
    to = ps_buf_reserve(out, parts.ciphertext.len);
    PS_TRY(ps_buf_status(out));
    PS_TRY(derive(parts.box.log_n, parts.salt, passphrase, key));
    done = decrypt(key, &parts, to);
    ps_wipe(key, sizeof key);
    if (!done) {
        ERR_clear_error();
        ps_wipe(to, parts.ciphertext.len);
        return ps_fail(PS_E_DENIED, 0, "the passphrase is not the right one, or it was damaged");
    }
    ps_buf_commit(out, parts.ciphertext.len);
    return PS_OK;
}
