#include "tests/unit/support.h"

#include "lib/base/algorithm.h"
#include "lib/base/problem.h"

#include <errno.h>

static void a_failure_keeps_class_code_and_text(void **state)
{
    (void)state;
    assert_int_equal(ps_fail(PS_E_BUSY, 17, "no %s for %d ms", "session", 250), PS_E_BUSY);
    assert_int_equal(ps_detail()->err, PS_E_BUSY);
    assert_int_equal(ps_detail()->code, 17);
    assert_string_equal(ps_detail()->text, "no session for 250 ms");
}

static void errno_is_kept_and_named(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(ps_fail_errno(PS_E_STORAGE, "open %s", "x"), PS_E_STORAGE);
    assert_int_equal(ps_detail()->code, ENOENT);
    assert_string_equal(ps_detail()->text, "open x: No such file or directory");
    errno = 123456;
    assert_int_equal(ps_fail_errno(PS_E_STORAGE, "open"), PS_E_STORAGE);
}

static void a_text_that_is_too_long_is_cut(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)!ps_fail(PS_E_INPUT, 0, "%s", text);
    assert_int_equal(strlen(ps_detail()->text), sizeof ps_detail()->text - 1);
    errno = EIO;
    (void)!ps_fail_errno(PS_E_STORAGE, "%s", text);
    assert_int_equal(strlen(ps_detail()->text), sizeof ps_detail()->text - 1);
}

static enum ps_err passes_on(enum ps_err err, int *steps)
{
    (*steps)++;
    PS_TRY(err);
    (*steps)++;
    return PS_OK;
}

static void try_returns_at_the_first_error(void **state)
{
    int steps = 0;

    (void)state;
    assert_int_equal(passes_on(PS_E_TOKEN, &steps), PS_E_TOKEN);
    assert_int_equal(steps, 1);
    assert_int_equal(passes_on(PS_OK, &steps), PS_OK);
    assert_int_equal(steps, 3);
}

static void every_class_has_a_row(void **state)
{
    (void)state;
    for (unsigned err = PS_OK; err < PS_E_COUNT; err++) {
        const struct ps_err_info *info = ps_err_info((enum ps_err)err);

        assert_non_null(info->name);
        assert_true(info->http_status >= 200 && info->http_status < 600);
        assert_true(info->exit_code >= 0 && info->exit_code <= 5);
    }
    assert_ptr_equal(ps_err_info((enum ps_err)99), ps_err_info(PS_E_INTERNAL));
}

static void every_problem_has_a_row_and_is_found_by_its_code(void **state)
{
    (void)state;
    for (unsigned problem = PS_PROBLEM_NONE + 1; problem < PS_PROBLEM_COUNT; problem++) {
        const struct ps_problem_info *info = ps_problem_info((enum ps_problem)problem);

        assert_non_null(info);
        assert_int_equal(ps_problem_by_code(ps_bytes_str(info->code)), problem);
        assert_true(info->http_status >= 400 && info->http_status < 600);
        assert_true(info->exit_code >= 1 && info->exit_code <= 5);
        assert_true(strlen(info->title) > 0 && strlen(info->cause) > 0 && strlen(info->remedy) > 0);
    }
    assert_null(ps_problem_info(PS_PROBLEM_NONE));
    assert_null(ps_problem_info(PS_PROBLEM_COUNT));
    assert_int_equal(ps_problem_by_code(LITERAL("no-such-problem")), PS_PROBLEM_NONE);
    for (unsigned err = PS_OK; err < PS_E_COUNT + 2; err++) {
        assert_non_null(ps_problem_info(ps_problem_of_err((enum ps_err)err)));
    }
}

static void key_types_and_algorithms_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned type = PS_KEY_NONE + 1; type < PS_KEY_COUNT; type++) {
        const struct ps_key_type_info *info = ps_key_type_info((enum ps_key_type)type);

        assert_int_equal(ps_key_type_by_name(ps_bytes_str(info->name)), type);
        assert_true(info->signature_max <= PS_SIGNATURE_MAX);
    }
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        const struct ps_alg_info *info = ps_alg_info((enum ps_alg)alg);

        assert_int_equal(ps_alg_by_name(ps_bytes_str(info->name)), alg);
        assert_true(info->cost > 0);
    }
    assert_null(ps_key_type_info(PS_KEY_NONE));
    assert_null(ps_key_type_info(PS_KEY_COUNT));
    assert_null(ps_alg_info(PS_ALG_NONE));
    assert_null(ps_alg_info(PS_ALG_COUNT));
    assert_int_equal(ps_alg_by_name(LITERAL("es256")), PS_ALG_NONE);
    assert_int_equal(ps_alg_by_name(LITERAL("")), PS_ALG_NONE);
    assert_int_equal(ps_key_type_by_name(LITERAL("ec-p25")), PS_KEY_NONE);
}

static void algorithms_fit_the_keys_of_their_family_and_curve(void **state)
{
    (void)state;
    assert_true(ps_alg_fits(PS_ALG_RS256, PS_KEY_RSA_4096));
    assert_true(ps_alg_fits(PS_ALG_PS512, PS_KEY_RSA_2048));
    assert_true(ps_alg_fits(PS_ALG_ES256K, PS_KEY_EC_SECP256K1));
    assert_true(ps_alg_fits(PS_ALG_EDDSA, PS_KEY_ED25519));
    assert_false(ps_alg_fits(PS_ALG_ES256, PS_KEY_EC_SECP256K1));
    assert_false(ps_alg_fits(PS_ALG_ES256, PS_KEY_EC_P384));
    assert_false(ps_alg_fits(PS_ALG_RS256, PS_KEY_EC_P256));
    assert_false(ps_alg_fits(PS_ALG_RS256, PS_KEY_AES_256));
    assert_false(ps_alg_fits(PS_ALG_NONE, PS_KEY_EC_P256));
    assert_false(ps_alg_fits(PS_ALG_ES256, PS_KEY_NONE));
}

static void usages_and_formats_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned i = 1; i < PS_USAGE_COUNT; i++) {
        assert_int_equal(ps_usage_by_name(ps_bytes_str(ps_usage_name((enum ps_usage)i))), i);
    }
    for (unsigned i = 1; i < PS_FORMAT_COUNT; i++) {
        assert_int_equal(ps_format_by_name(ps_bytes_str(ps_format_name((enum ps_format)i))), i);
    }
    assert_int_equal(ps_usage_by_name(LITERAL("Sign")), PS_USAGE_NONE);
    assert_int_equal(ps_format_by_name(LITERAL("")), PS_FORMAT_NONE);
    assert_null(ps_usage_name(PS_USAGE_NONE));
    assert_null(ps_format_name(PS_FORMAT_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_keeps_class_code_and_text),
        cmocka_unit_test(errno_is_kept_and_named),
        cmocka_unit_test(a_text_that_is_too_long_is_cut),
        cmocka_unit_test(try_returns_at_the_first_error),
        cmocka_unit_test(every_class_has_a_row),
        cmocka_unit_test(every_problem_has_a_row_and_is_found_by_its_code),
        cmocka_unit_test(key_types_and_algorithms_are_found_by_name),
        cmocka_unit_test(algorithms_fit_the_keys_of_their_family_and_curve),
        cmocka_unit_test(usages_and_formats_are_found_by_name),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
