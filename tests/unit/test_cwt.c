#include "tests/unit/hex.h"

#include "lib/formats/cose/cwt.h"

#define NOW UINT64_C(1700000000) /* 1a6553f100 */

static const struct cwt_defaults defaults = {
    .now_s = NOW, .ttl_s = 300, .cti = {(const uint8_t *)"\x0b\x71", 2}};

static enum ps_err put(const char *claims, const struct cwt_defaults *given, struct ps_buf *out)
{
    ps_buf_reset(out);
    return cwt_put_claims(hex(claims), given, out);
}

/* RFC 8392 appendix A.1: a set with all seven stays as it is. */
static void the_claims_set_of_rfc_8392_is_kept(void **state)
{
    static const char set[] =
        "a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c696768"
        "742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b71";
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put(set, &defaults, &out));
    assert_hex(ps_buf_bytes(&out), set);
}

static void absent_claims_are_put_in_their_place(void **state)
{
    static const char *const rows[][2] = {
        {"a0", "a3041a6553f22c061a6553f10007420b71"},
        {"a1016161", "a4016161041a6553f22c061a6553f10007420b71"},
        {"a10605", "a3041a6553f22c060507420b71"},
        {"a1041a7fffffff", "a3041a7fffffff061a6553f10007420b71"},
        {"a204100740", "a30410061a6553f1000740"},
        {"a118a94101", "a4041a6553f22c061a6553f10007420b7118a94101"},
        {"a2050120f6", "a5041a6553f22c0501061a6553f10007420b7120f6"},
        {"a1617801", "a4041a6553f22c061a6553f10007420b71617801"},
    };
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_ok(put(rows[i][0], &defaults, &out));
        assert_hex(ps_buf_bytes(&out), rows[i][1]);
    }
}

static void without_a_ttl_there_is_no_exp_and_without_octets_no_cti(void **state)
{
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    assert_ok(put("a0", &(struct cwt_defaults){.now_s = NOW}, &out));
    assert_hex(ps_buf_bytes(&out), "a1061a6553f100");
}

static void claims_of_another_type_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "80",                     /* no map */
        "a10101",                 /* iss no text */
        "a10201",                 /* sub */
        "a1034101",               /* aud octets */
        "a10382016161",           /* aud with something else than texts */
        "a1046161",               /* exp text */
        "a10420",                 /* before 1970 */
        "a105f93c00",             /* nbf floating */
        "a106c11a5610d9f0",       /* iat with the tag that it MUST NOT have */
        "a1076161",               /* cti text */
        "a14101f6",               /* a label of octets */
        "a11b8000000000000000f6", /* or beyond 2^63 */
        "a2026161016161",         /* not in order */
        "a000",
    };
    PS_BUF_AUTO out = {.max = 4096};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, put(wrong[i], &defaults, &out));
    }
    assert_ok(put("a1038261616162", &defaults, &out));
}

static void claims_that_do_not_fit_are_a_limit(void **state)
{
    PS_BUF_AUTO out = {.max = 8};

    (void)state;
    assert_fails(PS_E_LIMIT, put("a0", &defaults, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_claims_set_of_rfc_8392_is_kept),
        cmocka_unit_test(absent_claims_are_put_in_their_place),
        cmocka_unit_test(without_a_ttl_there_is_no_exp_and_without_octets_no_cti),
        cmocka_unit_test(claims_of_another_type_are_input_errors),
        cmocka_unit_test(claims_that_do_not_fit_are_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
