#include "tests/unit/signing.h"

#include "lib/base/encode.h"
#include "lib/formats/json.h"
#include "lib/formats/jws.h"

/*
 * RFC 7520 section 4 and RFC 8037 from the IETF's cookbook files, which are not part of this
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7520_4_1_rs256_verifies_in_each_form),
        cmocka_unit_test(rfc_7520_4_2_ps384_verifies_in_each_form),
        cmocka_unit_test(rfc_7520_4_3_es512_verifies_in_each_form),
        cmocka_unit_test(rfc_8037_ed25519_verifies_in_each_form),
        cmocka_unit_test(other_examples_are_refused),
        cmocka_unit_test(detached_content_of_rfc_7520_4_5_is_assembled_as_printed),
    };

    return cmocka_run_group_tests_name("jose_cookbook", tests, make_reader, free_reader);
}
