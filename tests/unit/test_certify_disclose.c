#include "tests/unit/support.h"

#include "frontends/certify/disclose.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

static const struct json_limits limits = {65536, 16, 1000, false};

static enum ps_err disclose(const char *claims, const char *paths, struct ps_buf *payload,
                            struct ps_buf *disclosures)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    assert_ok(json_new(&json));
    assert_ok(json_parse(json, ps_bytes_str(claims), &limits, &root));
    return disclose_claims(root, ps_bytes_str(paths), payload, disclosures);
}

/* The text of the n-th disclosure from its second member on, without its salt. */
static void assert_disclosed(const struct ps_buf *disclosures, unsigned n, const char *rest,
                             struct ps_buf *digest)
{
    struct ps_bytes left = ps_buf_bytes(disclosures);
    PS_BUF_AUTO text = {.max = 4096};
    uint8_t hash[PS_SHA256_LEN];
    const uint8_t *end;

    for (; n > 0; n--) {
        end = memchr(left.data, '~', left.len);
        assert_non_null(end);
        left = ps_bytes_from(left, (size_t)(end - left.data) + 1);
    }
    end = memchr(left.data, '~', left.len);
    assert_non_null(end);
    left.len = (size_t)(end - left.data);
    assert_ok(ps_base64url_decode(left, &text));
    /* ["<22 characters>" */
    assert_text(ps_bytes_from(ps_buf_bytes(&text), 25), rest);
    ps_sha256(left, hash);
    ps_buf_put_base64url(digest, ps_bytes(hash, sizeof hash));
}

static void what_is_not_listed_stays_as_it_is(void **state)
{
    static const char claims[] = "\"a\":1,\"b\":{\"c\":[true,null,\"x\"]},\"d\":[]";
    PS_BUF_AUTO text = {.max = 4096};
    PS_BUF_AUTO payload = {.max = 4096};
    PS_BUF_AUTO disclosures = {.max = 4096};

    (void)state;
    ps_buf_printf(&text, "{%s}", claims);
    ps_buf_put_u8(&text, '\0');
    assert_ok(disclose((const char *)text.data, "x\nb.x\nd[*]\n", &payload, &disclosures));
    assert_text(ps_buf_bytes(&payload), claims);
    assert_int_equal(disclosures.len, 0);
}

static void a_listed_claim_becomes_a_digest_of_its_disclosure(void **state)
{
    PS_BUF_AUTO payload = {.max = 4096};
    PS_BUF_AUTO disclosures = {.max = 4096};
    PS_BUF_AUTO expected = {.max = 4096};

    (void)state;
    assert_ok(disclose("{\"name\":\"Ann\",\"n\":[\"FR\"],\"a\":{\"city\":\"Fez\"}}",
                       "name\na.city\nn[*]\n", &payload, &disclosures));
    ps_buf_put_str(&expected, "\"n\":[{\"...\":\"");
    assert_disclosed(&disclosures, 1, ",\"FR\"]", &expected);
    ps_buf_put_str(&expected, "\"}],\"a\":{\"_sd\":[\"");
    assert_disclosed(&disclosures, 2, ",\"city\",\"Fez\"]", &expected);
    ps_buf_put_str(&expected, "\"]},\"_sd\":[\"");
    assert_disclosed(&disclosures, 0, ",\"name\",\"Ann\"]", &expected);
    ps_buf_put_str(&expected, "\"]");
    assert_true(ps_bytes_equal(ps_buf_bytes(&payload), ps_buf_bytes(&expected)));
}

static void digests_are_sorted_and_no_salt_is_used_twice(void **state)
{
    PS_BUF_AUTO first = {.max = 4096};
    PS_BUF_AUTO again = {.max = 4096};
    PS_BUF_AUTO disclosures = {.max = 4096};
    const char *at;

    (void)state;
    assert_ok(disclose("{\"a\":1,\"b\":1,\"c\":1}", "a\nb\nc\n", &first, &disclosures));
    assert_ok(disclose("{\"a\":1,\"b\":1,\"c\":1}", "a\nb\nc\n", &again, &disclosures));
    assert_false(ps_bytes_equal(ps_buf_bytes(&first), ps_buf_bytes(&again)));
    at = (const char *)first.data + strlen("\"_sd\":[\"");
    assert_true(memcmp(at, at + 46, 43) < 0 && memcmp(at + 46, at + 92, 43) < 0);
}

static void names_that_mean_something_else_are_refused(void **state)
{
    static const char *const bad[] = {"{\"_sd\":1}",
                                      "{\"a\":{\"...\":1}}",
                                      "{\"_sd_alg\":\"x\"}",
                                      "{\"_\\u0073d\":1}",
                                      "[]",
                                      "1"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        PS_BUF_AUTO payload = {.max = 4096};
        PS_BUF_AUTO disclosures = {.max = 4096};

        assert_fails(PS_E_INPUT, disclose(bad[i], "", &payload, &disclosures));
    }
    assert_false(disclose_path_valid(ps_bytes_str("")));
    assert_false(disclose_path_valid(ps_bytes_str("a\nb")));
    assert_true(disclose_path_valid(ps_bytes_str("a.b[*]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_listed_stays_as_it_is),
        cmocka_unit_test(a_listed_claim_becomes_a_digest_of_its_disclosure),
        cmocka_unit_test(digests_are_sorted_and_no_salt_is_used_twice),
        cmocka_unit_test(names_that_mean_something_else_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
