#ifndef TESTS_UNIT_SSH_SUPPORT_H
#define TESTS_UNIT_SSH_SUPPORT_H

#include "tests/unit/signing.h"

#include "lib/base/encode.h"
#include "lib/formats/ssh/sshsig.h"

/* Keys that sign, sk- ones included, and the wire format of SSH, written here a second time. */

static inline PS_UNUSED void ssh_test_put(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u32(out, (uint32_t)octets.len);
    ps_buf_put(out, octets);
}

static inline PS_UNUSED void ssh_test_put_text(struct ps_buf *out, const char *text)
{
    ssh_test_put(out, ps_bytes_str(text));
}

static const struct {
    const char *name;
    const char *curve;
    enum ps_key_type key;
    enum ps_alg alg;
    bool sk;
} ssh_test_types[SSH_KEY_COUNT] = {
    [SSH_KEY_ED25519] = {"ssh-ed25519", NULL, PS_KEY_ED25519, PS_ALG_EDDSA, false},
    [SSH_KEY_ECDSA_P256] = {"ecdsa-sha2-nistp256", "nistp256", PS_KEY_EC_P256, PS_ALG_ES256, false},
    [SSH_KEY_ECDSA_P384] = {"ecdsa-sha2-nistp384", "nistp384", PS_KEY_EC_P384, PS_ALG_ES384, false},
    [SSH_KEY_SK_ED25519] = {"sk-ssh-ed25519@openssh.com", NULL, PS_KEY_ED25519, PS_ALG_EDDSA, true},
    [SSH_KEY_SK_ECDSA_P256] = {"sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", PS_KEY_EC_P256,
                               PS_ALG_ES256, true},
};

/* Made by ssh_test_key, ended by ssh_test_key_clear. */
struct ssh_test_key {
    EVP_PKEY *pkey;
    enum ssh_key_type type;
    const char *application;
    struct ps_buf point; /* EC: uncompressed */
    struct ps_buf blob;
    struct ssh_key *key;
};

static inline PS_UNUSED void ssh_test_put_blob(const struct ssh_test_key *from, struct ps_buf *out)
{
    ssh_test_put_text(out, ssh_test_types[from->type].name);
    if (ssh_test_types[from->type].curve != NULL) {
        ssh_test_put_text(out, ssh_test_types[from->type].curve);
    }
    ssh_test_put(out, ps_buf_bytes(&from->point));
    if (ssh_test_types[from->type].sk) {
        ssh_test_put_text(out, from->application);
    }
}

static inline PS_UNUSED struct ssh_test_key ssh_test_key(enum ssh_key_type type,
                                                         const char *application)
{
    struct ssh_test_key made = {
        .pkey = signing_make_key(ssh_test_types[type].key),
        .type = type,
        .application = application,
        .point = {.max = 256},
        .blob = {.max = SSH_KEY_BLOB_MAX},
    };
    uint8_t octets[256];
    size_t len = sizeof octets;

    if (ssh_test_types[type].key == PS_KEY_ED25519) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(made.pkey, octets, &len), 1);
    } else {
        assert_int_equal(EVP_PKEY_get_octet_string_param(made.pkey, "pub", octets, len, &len), 1);
    }
    ps_buf_put(&made.point, ps_bytes(octets, len));
    ssh_test_put_blob(&made, &made.blob);
    assert_ok(ps_buf_status(&made.blob));
    assert_ok(ssh_key_parse_blob(ps_buf_bytes(&made.blob), &made.key));
    return made;
}

static inline PS_UNUSED void ssh_test_key_clear(struct ssh_test_key *key)
{
    EVP_PKEY_free(key->pkey);
    ps_buf_clear(&key->point);
    ps_buf_clear(&key->blob);
    ssh_key_free(key->key);
}

/* "type base64" of any blob. */
static inline PS_UNUSED void ssh_test_put_line(const char *type, struct ps_bytes blob,
                                               struct ps_buf *out)
{
    ps_buf_put_str(out, type);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_base64(out, blob);
}

/* Says that the last error's sentence holds these words. */
static inline PS_UNUSED void check_says(const char *words, const char *file, int line)
{
    if (strstr(ps_detail()->text, words) == NULL) {
        print_error("\"%s\"\n  does not say \"%s\"\n", ps_detail()->text, words);
        _fail(file, line);
    }
}

#define assert_says(words) check_says((words), __FILE__, __LINE__)

#endif
