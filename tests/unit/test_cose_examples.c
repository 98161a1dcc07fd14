#include "tests/unit/hex.h"
#include "tests/unit/vectors.h"

#include "lib/formats/cose/cose.h"

/*
 * The COSE working group's examples, which are not part of this repository:
 * $PRIVYSEAL_SHARED/vectors/cose, by default ../shared beside the source tree.
 */

struct example {
    struct ps_buf text;
    struct json_value root;
    struct ps_bytes message;
    struct ps_bytes to_be_signed;
    struct ps_bytes external;
    struct public_key *key;
};

static void example_clear(struct example *example)
{
    ps_buf_clear(&example->text);
    public_key_free(example->key);
}

static void open_text(const char *name, struct ps_buf *text)
{
    const char *shared = getenv("PRIVYSEAL_SHARED");
    char path[512];

    if (shared != NULL) {
        (void)snprintf(path, sizeof path, "%s/vectors/cose/%s", shared, name);
    } else {
        (void)snprintf(path, sizeof path, "%s/../shared/vectors/cose/%s", source_root(), name);
    }
    if (!read_file(path, text)) {
        print_message("SKIP: the published examples are not at %s (set PRIVYSEAL_SHARED)\n", path);
        skip();
    }
}

/* The member at a path of three names, the last of which may be absent. */
static struct ps_bytes text_at(struct json_value root, const char *a, const char *b, const char *c)
{
    struct json_value value;

    assert_true(json_member(root, a, &value));
    if (c == NULL) {
        return text_of(value, b);
    }
    assert_true(json_member(value, b, &value));
    return text_of(value, c);
}

static struct ps_bytes octets_at(struct json_value root, const char *a, const char *b,
                                 const char *c)
{
    const struct ps_bytes text = text_at(root, a, b, c);
    char copy[4096];

    assert_true(text.len < sizeof copy);
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.len,
                   text.len == 0 ? "" : (const char *)text.data);
    return hex(copy);
}

/* The examples' keys as JWKs without their private members; some have hexadecimal coordinates. */
static void read_key(struct example *example)
{
    static const char *const names[] = {"x", "y", "x_hex", "y_hex"};
    struct json_value sign0;
    struct json_value jwk;
    PS_BUF_AUTO out = {.max = 4096};

    assert_true(json_member(example->root, "input", &sign0));
    assert_true(json_member(sign0, "sign0", &sign0));
    assert_true(json_member(sign0, "key", &jwk));
    ps_buf_printf(&out, "{\"kty\":\"%.*s\",\"crv\":\"%.*s\"", PS_BYTES_FMT(text_of(jwk, "kty")),
                  PS_BYTES_FMT(text_of(jwk, "crv")));
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        const struct ps_bytes text = text_of(jwk, names[i]);
        char copy[256];

        if (text.len == 0) {
            continue;
        }
        ps_buf_printf(&out, ",\"%c\":\"", names[i][0]);
        if (names[i][1] == '\0') {
            ps_buf_put(&out, text);
        } else {
            (void)snprintf(copy, sizeof copy, "%.*s", PS_BYTES_FMT(text));
            ps_buf_put_base64url(&out, hex(copy));
        }
        ps_buf_put_u8(&out, '"');
    }
    ps_buf_put_u8(&out, '}');
    assert_ok(public_key_from_jwk(ps_buf_bytes(&out), &example->key));
}

static void open_example(const char *name, struct example *example)
{
    *example = (struct example){0};
    open_text(name, &example->text);
    assert_ok(json_parse(json, ps_buf_bytes(&example->text), &JSON_LIMITS_REQUEST, &example->root));
    example->message = octets_at(example->root, "output", "cbor", NULL);
    example->to_be_signed = octets_at(example->root, "intermediates", "ToBeSign_hex", NULL);
    example->external = octets_at(example->root, "input", "sign0", "external");
}

static void messages_verify_and_what_was_signed_is_built_alike(void **state)
{
    static const char *const names[] = {
        "ecdsa-examples/ecdsa-sig-01.json", "ecdsa-examples/ecdsa-sig-02.json",
        "ecdsa-examples/ecdsa-sig-03.json", "eddsa-examples/eddsa-sig-01.json",
        "sign1-tests/sign-pass-01.json",    "sign1-tests/sign-pass-02.json",
        "sign1-tests/sign-pass-03.json",    "CWT/A_3.json",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        PS_CLEANUP(example_clear) struct example example;
        PS_BUF_AUTO input = {.max = 65536};
        struct cose_parsed cose;
        enum ps_alg alg;
        size_t len;

        open_example(names[i], &example);
        read_key(&example);
        assert_ok(cose_parse(example.message, NULL, &cose));
        /* sign-pass-01 does not protect it: the verifier knows it from elsewhere. */
        alg = cose.alg != PS_ALG_NONE ? cose.alg : cose.unsigned_alg;
        assert_ok(cose_verify(&cose, example.external, alg, example.key));
        assert_ok(cose_put_sig_structure(
            &(struct cose_to_sign){cose.protected_map, example.external, cose.payload}, &input,
            &len));
        assert_bytes(ps_buf_bytes(&input), example.to_be_signed);
    }
}

static void messages_that_must_fail_do(void **state)
{
    static const struct {
        const char *name;
        bool is_read; /* and then does not verify */
    } rows[] = {
        {"sign1-tests/sign-fail-01.json", false}, {"sign1-tests/sign-fail-02.json", true},
        {"sign1-tests/sign-fail-03.json", false}, {"sign1-tests/sign-fail-04.json", false},
        {"sign1-tests/sign-fail-06.json", true},  {"sign1-tests/sign-fail-07.json", true},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_CLEANUP(example_clear) struct example example;
        struct cose_parsed cose;

        open_example(rows[i].name, &example);
        read_key(&example);
        assert_int_equal(cose_parse(example.message, NULL, &cose),
                         rows[i].is_read ? PS_OK : PS_E_INPUT);
        if (rows[i].is_read) {
            assert_fails(PS_E_DENIED, cose_verify(&cose, example.external, cose.alg, example.key));
        }
    }
}

/* ES512 goes with P-521 alone here, as in JOSE. */
static void es512_with_p256_is_refused(void **state)
{
    PS_CLEANUP(example_clear) struct example example;
    struct cose_parsed cose;

    (void)state;
    open_example("ecdsa-examples/ecdsa-sig-04.json", &example);
    read_key(&example);
    assert_ok(cose_parse(example.message, NULL, &cose));
    assert_fails(PS_E_INPUT, cose_verify(&cose, example.external, cose.alg, example.key));
}

/* MACs, encryption and several signers: read as CBOR, and refused. */
static void other_messages_are_refused(void **state)
{
    static const char *const names[] = {
        "CWT/A_4.json", "CWT/A_5.json", "ecdsa-examples/ecdsa-01.json",
        "eddsa-examples/eddsa-01.json", "rsa-pss-examples/rsa-pss-01.json"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct json_value root;
        struct cose_parsed cose;
        struct cbor_item item;
        PS_BUF_AUTO text = {0};

        open_text(names[i], &text);
        assert_ok(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root));
        assert_ok(cbor_parse(octets_at(root, "output", "cbor", NULL), CBOR_ANY_ORDER, &item));
        assert_fails(PS_E_INPUT, cose_parse(octets_at(root, "output", "cbor", NULL), NULL, &cose));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_verify_and_what_was_signed_is_built_alike),
        cmocka_unit_test(messages_that_must_fail_do),
        cmocka_unit_test(es512_with_p256_is_refused),
        cmocka_unit_test(other_messages_are_refused),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
