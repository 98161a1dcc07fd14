#include "tests/unit/support.h"

#include "frontends/certify/did.h"

#define X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

static const struct ps_bytes did = {(const uint8_t *)"did:web:a.example", 17};

/* Octets of the document that is made of no set, and of one key of this JSON. */
static size_t document_with(const char *key)
{
    PS_BUF_AUTO keys = {.max = 4096};
    PS_BUF_AUTO out = {.max = 65536};

    ps_buf_printf(&keys, "[%s]", key);
    assert_ok(did_put_document(did, ps_bytes_str("{\"keys\":[]}"), ps_buf_bytes(&keys), &out));
    return out.len;
}

static void key_of(const char *format, const char *state, const char *of_version, char ret_key[512])
{
    (void)snprintf(ret_key, 512,
                   "{\"formats\":[\"%s\"],\"state\":\"%s\",\"versions\":[{\"state\":\"%s\","
                   "\"public_jwk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" X "\"}}]}",
                   format, state, of_version);
}

static void a_version_that_can_be_verified_with_stands_in_it(void **state)
{
    static const char *const good[] = {"pre-activation", "active", "suspended", "deactivated"};
    static const char *const bad[] = {"compromised", "destroyed", "withdrawn", "other"};
    const size_t without = document_with("");
    char key[512];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        key_of("data-integrity", "active", good[i], key);
        assert_true(document_with(key) > without);
        key_of("data-integrity", bad[i], good[i], key);
        assert_int_equal(document_with(key), without);
        key_of("data-integrity", "active", bad[i], key);
        assert_int_equal(document_with(key), without);
        key_of("jws", "active", good[i], key);
        assert_int_equal(document_with(key), without);
    }
}

static void it_has_both_names_of_the_key(void **state)
{
    PS_BUF_AUTO out = {.max = 65536};
    PS_BUF_AUTO keys = {.max = 4096};
    char key[512];

    (void)state;
    key_of("data-integrity", "active", "active", key);
    ps_buf_printf(&keys, "[%s]", key);
    assert_ok(did_put_document(did, ps_bytes_str("{\"keys\":[]}"), ps_buf_bytes(&keys), &out));
    ps_buf_put_u8(&out, '\0');
    /* The thumbprint of RFC 8037 appendix A.3, whose key this is. */
    assert_non_null(
        strstr((const char *)out.data,
               "{\"id\":\"did:web:a.example#kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\","
               "\"type\":\"Ed25519VerificationKey2020\""));
    assert_non_null(strstr((const char *)out.data, "\"type\":\"Multikey\""));
}

static void what_is_no_array_of_keys_is_refused(void **state)
{
    static const char *const bad[] = {"", "{}", "[1]", "[{}]", "[{\"versions\":1}]"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        PS_BUF_AUTO out = {.max = 65536};

        assert_fails(PS_E_INPUT, did_put_document(did, ps_bytes_str("{\"keys\":[]}"),
                                                  ps_bytes_str(bad[i]), &out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_that_can_be_verified_with_stands_in_it),
        cmocka_unit_test(it_has_both_names_of_the_key),
        cmocka_unit_test(what_is_no_array_of_keys_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
