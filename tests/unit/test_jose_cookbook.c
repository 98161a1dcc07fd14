#include "tests/unit/signing.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/jwe.h"
#include "lib/formats/jose/jws.h"
#include "lib/formats/json/json.h"

/*
 * RFC 7520 sections 4 to 6 and RFC 8037 from the IETF's cookbook files, which are not part of this
 * repository: $PRIVYSEAL_SHARED/vectors/jose, by default ../shared beside the source tree.
 */

static struct json *file;

static int make_reader(void **state)
{
    (void)state;
    return json_new(&file) == PS_OK ? 0 : -1;
}

static int free_reader(void **state)
{
    (void)state;
    json_free(file);
    return 0;
}

/* Skips the test where the folder is not. */
static struct json_value open_example(const char *name, struct ps_buf *text)
{
    const char *shared = getenv("PRIVYSEAL_SHARED");
    struct json_value root;
    char path[512];

    if (shared != NULL) {
        (void)snprintf(path, sizeof path, "%s/vectors/jose/%s", shared, name);
    } else {
        (void)snprintf(path, sizeof path, "%s/../shared/vectors/jose/%s", source_root(), name);
    }
    if (!read_file(path, text)) {
        print_message("SKIP: the published cookbook is not at %s (set PRIVYSEAL_SHARED)\n", path);
        skip();
    }
    assert_ok(json_parse(file, ps_buf_bytes(text), &JSON_LIMITS_REQUEST, &root));
    return root;
}

/* The value at a path such as "output.json_flat"; false when there is none. */
static bool find(struct json_value root, const char *path, struct json_value *ret_value)
{
    char part[64];
    struct json_value value = root;

    while (*path != '\0') {
        const size_t len = strcspn(path, ".");

        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = '\0';
        if (!json_member(value, part, &value)) {
            return false;
        }
        path += len + (path[len] == '.' ? 1 : 0);
    }
    *ret_value = value;
    return true;
}

static struct ps_bytes text_at(struct json_value root, const char *path)
{
    struct json_value value;
    struct ps_bytes text = {0};

    assert_true(find(root, path, &value));
    assert_ok(json_string(value, &text));
    return text;
}

/* The example's key without its private members, which public_key_from_jwk refuses. */
static struct public_key *public_part(struct json_value jwk)
{
    static const char *const members[] = {"kty", "crv", "x", "y", "n", "e"};
    struct public_key *key = NULL;
    PS_BUF_AUTO out = {.max = 8192};

    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        struct json_value value;

        if (json_member(jwk, members[i], &value)) {
            ps_buf_printf(&out, "%s\"%s\":", out.len == 0 ? "{" : ",", members[i]);
            ps_buf_put(&out, json_raw(value));
        }
    }
    ps_buf_put_u8(&out, '}');
    assert_ok(public_key_from_jwk(ps_buf_bytes(&out), &key));
    return key;
}

static void verify(struct ps_bytes text, const struct ps_bytes *detached, struct ps_bytes payload,
                   struct public_key *key)
{
    struct jws_parsed jws;
    PS_BUF_AUTO memory = {.max = 65536};

    assert_ok(jws_parse(text, detached, &memory, &jws));
    assert_bytes(jws.payload, payload);
    assert_ok(jws_verify(&jws, key));
}

static void check_example(const char *name)
{
    static const char *const forms[] = {"output.compact", "output.json_flat", "output.json"};
    PS_BUF_AUTO text = {0};
    const struct json_value root = open_example(name, &text);
    const struct ps_bytes payload = text_at(root, "input.payload");
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct json_value value;
    unsigned verified = 0;

    assert_true(find(root, "input.key", &value));
    key = public_part(value);
    for (size_t i = 0; i < PS_COUNT_OF(forms); i++) {
        if (find(root, forms[i], &value)) {
            const bool is_compact = json_type(value) == JSON_STRING;

            verify(is_compact ? text_at(root, forms[i]) : json_raw(value), NULL, payload, key);
            verified++;
        }
    }
    assert_true(verified >= 2);
}

static void rfc_7520_4_1_rs256_verifies_in_each_form(void **state)
{
    (void)state;
    check_example("jws/4_1.rsa_v15_signature.json");
}

static void rfc_7520_4_2_ps384_verifies_in_each_form(void **state)
{
    (void)state;
    check_example("jws/4_2.rsa-pss_signature.json");
}

static void rfc_7520_4_3_es512_verifies_in_each_form(void **state)
{
    (void)state;
    check_example("jws/4_3.ecdsa_signature.json");
}

static void rfc_8037_ed25519_verifies_in_each_form(void **state)
{
    (void)state;
    check_example("curve25519/jws.json");
}

/* Sections 4.4 to 4.8 are signed with HS256, or with several keys: read, and refused by name. */
static void other_examples_are_refused(void **state)
{
    static const char *const names[] = {
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct jws_parsed jws;
        struct json_value value;
        PS_BUF_AUTO text = {0};
        PS_BUF_AUTO memory = {.max = 65536};
        const struct json_value root = open_example(names[i], &text);

        assert_true(find(root, "output.json", &value));
        assert_fails(PS_E_INPUT, jws_parse(json_raw(value), NULL, &memory, &jws));
    }
}

/* Section 4.5 is detached, with HS256: the form is built from its parts. */
static void detached_content_of_rfc_7520_4_5_is_assembled_as_printed(void **state)
{
    PS_BUF_AUTO text = {0};
    PS_BUF_AUTO signature = {.max = 64};
    PS_BUF_AUTO out = {.max = 1024};
    const struct json_value root =
        open_example("jws/4_5.signature_with_detached_content.json", &text);

    (void)state;
    assert_ok(ps_base64url_decode(text_at(root, "signing.sig"), &signature));
    assert_ok(jws_put(JWS_DETACHED, text_at(root, "signing.protected_b64u"),
                      text_at(root, "input.payload"), false, ps_buf_bytes(&signature), &out));
    assert_bytes(ps_buf_bytes(&out), text_at(root, "output.compact"));
}

/* Decodes the parts of a compact JWE whose key management is none of ours. */
static struct jwe_sealed take_apart(struct ps_bytes text, struct ps_buf *memory)
{
    struct ps_bytes parts[5] = {{0}};
    struct jwe_sealed jwe = {.alg = JWE_RSA_OAEP_256};

    assert_non_null(ps_buf_reserve(memory, text.len));
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        const uint8_t *dot = memchr(text.data, '.', text.len);
        const size_t len = dot == NULL ? text.len : (size_t)(dot - text.data);
        const size_t start = memory->len;

        parts[i] = ps_bytes(text.data, len);
        text = ps_bytes_from(text, len + 1);
        if (i != 0) {
            assert_ok(ps_base64url_decode(parts[i], memory));
            parts[i] = ps_bytes_from(ps_buf_bytes(memory), start);
        }
    }
    jwe.header_b64 = parts[0];
    jwe.iv = parts[2];
    jwe.ciphertext = parts[3];
    jwe.tag = parts[4];
    return jwe;
}

/* RFC 7520 sections 5.2, 5.4, 5.6 and 5.8: the content, with the key that is shown there. */
static void contents_of_rfc_7520_are_opened_with_their_keys(void **state)
{
    static const struct {
        const char *name;
        const char *key;
    } rows[] = {
        {"jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json", "generated.cek"},
        {"jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
         "generated.cek"},
        {"jwe/5_6.direct_encryption_using_aes-gcm.json", "input.key.k"},
        {"jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json", "generated.cek"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO text = {0};
        PS_BUF_AUTO memory = {.max = 65536};
        PS_BUF_AUTO cek = {.max = 64};
        PS_BUF_AUTO out = {.max = 65536};
        const struct json_value root = open_example(rows[i].name, &text);
        struct jwe_sealed jwe = take_apart(text_at(root, "output.compact"), &memory);

        jwe.enc = jwe_enc_by_name(text_at(root, "input.enc"));
        assert_ok(ps_base64url_decode(text_at(root, rows[i].key), &cek));
        assert_ok(jwe_open(&jwe, ps_buf_bytes(&cek), &out));
        assert_bytes(ps_buf_bytes(&out), text_at(root, "input.plaintext"));
    }
}

/* Section 6: RSA-OAEP with SHA-1 carries the key, which is refused; with the key the nested JWT is
 * found, and verifies. */
static void nested_jwt_of_rfc_7520_6_is_opened_and_verifies(void **state)
{
    PS_BUF_AUTO text = {0};
    PS_BUF_AUTO memory = {.max = 65536};
    PS_BUF_AUTO other = {.max = 65536};
    PS_BUF_AUTO cek = {.max = 64};
    PS_BUF_AUTO out = {.max = 65536};
    const struct json_value root = open_example("6.nesting_signatures_and_encryption.json", &text);
    struct jwe_sealed jwe = take_apart(text_at(root, "encrypt.output.compact"), &memory);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct jwe_parsed parsed;
    struct json_value value;

    (void)state;
    assert_fails(PS_E_INPUT, jwe_parse(text_at(root, "encrypt.output.compact"), &other, &parsed));
    assert_non_null(strstr(ps_detail()->text, "RSA-OAEP"));
    jwe.enc = jwe_enc_by_name(text_at(root, "encrypt.input.enc"));
    assert_ok(ps_base64url_decode(text_at(root, "encrypt.generated.cek"), &cek));
    assert_ok(jwe_open(&jwe, ps_buf_bytes(&cek), &out));
    assert_true(find(root, "sign.input.key", &value));
    key = public_part(value);
    verify(ps_buf_bytes(&out), NULL, text_at(root, "sign.input.payload"), key);
}

/* Section 5 has none of our key managements with one of our ciphers: each is refused by name. */
static void other_ways_to_encrypt_are_refused_by_name(void **state)
{
    static const struct {
        const char *name;
        const char *says;
    } rows[] = {
        {"jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json", "RSA1_5"},
        {"jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json", "RSA-OAEP"},
        {"jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json", "p2c"},
        {"jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
         "ECDH-ES+A128KW"},
        {"jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json", "A128CBC-HS256"},
        {"jwe/5_6.direct_encryption_using_aes-gcm.json", "dir"},
        {"jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json", "\"iv\""},
        {"jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json", "A128KW"},
        {"jwe/5_9.compressed_content.json", "\"zip\""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO text = {0};
        PS_BUF_AUTO memory = {.max = 65536};
        const struct json_value root = open_example(rows[i].name, &text);
        struct jwe_parsed jwe;

        assert_fails(PS_E_INPUT, jwe_parse(text_at(root, "output.compact"), &memory, &jwe));
        if (strstr(ps_detail()->text, rows[i].says) == NULL) {
            fail_msg("\"%s\" does not say %s", ps_detail()->text, rows[i].says);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7520_4_1_rs256_verifies_in_each_form),
        cmocka_unit_test(rfc_7520_4_2_ps384_verifies_in_each_form),
        cmocka_unit_test(rfc_7520_4_3_es512_verifies_in_each_form),
        cmocka_unit_test(rfc_8037_ed25519_verifies_in_each_form),
        cmocka_unit_test(other_examples_are_refused),
        cmocka_unit_test(detached_content_of_rfc_7520_4_5_is_assembled_as_printed),
        cmocka_unit_test(contents_of_rfc_7520_are_opened_with_their_keys),
        cmocka_unit_test(nested_jwt_of_rfc_7520_6_is_opened_and_verifies),
        cmocka_unit_test(other_ways_to_encrypt_are_refused_by_name),
    };

    return cmocka_run_group_tests_name("jose_cookbook", tests, make_reader, free_reader);
}
