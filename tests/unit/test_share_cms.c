#include "tests/unit/support.h"

#include "lib/ceremony/custody/one_time.h"
#include "lib/ceremony/custody/share_cms.h"

#include <strings.h>

#define NOW_S UINT64_C(1800000000)

struct officer {
    struct ps_secret *key;
    struct ps_buf certificate;
};

static void officer_clear(struct officer *officer)
{
    ps_secret_free(officer->key);
    ps_buf_clear(&officer->certificate);
}
#define OFFICER_AUTO PS_CLEANUP(officer_clear) struct officer

static void make(struct officer *officer, const char *name)
{
    *officer = (struct officer){.certificate = {.max = CMS_RECIPIENT_MAX}};
    assert_ok(officer_key_make(ps_bytes_str(name), NOW_S, &officer->key, &officer->certificate));
    assert_int_equal(ps_secret_bytes(officer->key).len, OFFICER_KEY_LEN);
}

static enum ps_err open_with(const struct officer *officer, struct ps_bytes sealed)
{
    PS_BUF_AUTO out = {.max = CMS_CONTENT_MAX};
    const enum ps_err err = cms_open(sealed, ps_secret_bytes(officer->key), &out);

    if (err == PS_OK) {
        assert_text(ps_buf_bytes(&out), "a share");
    }
    return err;
}

static void only_the_officer_it_is_sealed_to_opens_it(void **state)
{
    OFFICER_AUTO a;
    OFFICER_AUTO b;
    PS_BUF_AUTO sealed = {.max = CMS_SEALED_MAX};
    PS_BUF_AUTO pem = {.max = 2 * CMS_SEALED_MAX};

    (void)state;
    make(&a, "officer-1");
    make(&b, "officer-2");
    assert_ok(cms_check_recipient(ps_buf_bytes(&a.certificate)));
    assert_ok(cms_seal(ps_buf_bytes(&a.certificate), ps_bytes_str("a share"), &sealed));
    cms_put_pem(ps_buf_bytes(&sealed), &pem);
    assert_ok(open_with(&a, ps_buf_bytes(&sealed)));
    assert_ok(open_with(&a, ps_buf_bytes(&pem)));
    assert_fails(PS_E_DENIED, open_with(&b, ps_buf_bytes(&sealed)));
    assert_null(memmem(sealed.data, sealed.len, "a share", 7));
}

static void a_flipped_bit_and_every_truncation_are_refused(void **state)
{
    OFFICER_AUTO a;
    PS_BUF_AUTO sealed = {.max = CMS_SEALED_MAX};

    (void)state;
    make(&a, "officer-1");
    assert_ok(cms_seal(ps_buf_bytes(&a.certificate), ps_bytes_str("a share"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        assert_true(open_with(&a, ps_bytes(sealed.data, i)) != PS_OK);
    }
    /* The tag is the last thing in it. */
    sealed.data[sealed.len - 1] ^= 1;
    assert_fails(PS_E_DENIED, open_with(&a, ps_buf_bytes(&sealed)));
}

static void what_is_no_certificate_for_encryption_is_refused(void **state)
{
    OFFICER_AUTO a;
    PS_BUF_AUTO out = {.max = CMS_SEALED_MAX};
    struct ps_secret *key = NULL;

    (void)state;
    make(&a, "officer-1");
    assert_fails(PS_E_INPUT, cms_check_recipient(ps_bytes_str("not one")));
    assert_fails(PS_E_INPUT,
                 cms_check_recipient(ps_bytes(a.certificate.data, a.certificate.len - 1)));
    ps_buf_put_u8(&a.certificate, 0);
    assert_fails(PS_E_INPUT, cms_seal(ps_buf_bytes(&a.certificate), ps_bytes_str("x"), &out));
    assert_fails(PS_E_INPUT, officer_key_make(ps_bytes_str("Not A Name"), NOW_S, &key, &out));
    assert_null(key);
}

/* --- The one-time key --- */

static enum ps_err open_one_time(const struct one_time_key *key, struct ps_bytes text)
{
    PS_BUF_AUTO memory = {.max = JWE_PARSE_ROOM(ONE_TIME_SEALED_MAX)};
    PS_BUF_AUTO out = {.max = 1024};
    struct jwe_parsed jwe;

    PS_TRY(jwe_parse(text, &memory, &jwe));
    PS_TRY(one_time_open(key, jwe.epk, &jwe.sealed, &out));
    assert_text(ps_buf_bytes(&out), "a share");
    return PS_OK;
}

static void a_one_time_key_opens_what_is_sealed_to_it_and_the_next_does_not(void **state)
{
    PS_CLEANUP(one_time_free_cleanup) struct one_time_key *key = NULL;
    PS_CLEANUP(one_time_free_cleanup) struct one_time_key *next = NULL;
    PS_BUF_AUTO sealed = {.max = ONE_TIME_SEALED_MAX};

    (void)state;
    assert_ok(one_time_new(&key));
    assert_ok(one_time_new(&next));
    assert_ok(one_time_seal(one_time_public(key), ps_bytes_str("a share"), &sealed));
    assert_ok(open_one_time(key, ps_buf_bytes(&sealed)));
    assert_fails(PS_E_DENIED, open_one_time(next, ps_buf_bytes(&sealed)));
    sealed.data[sealed.len - 3] ^= 4;
    assert_true(open_one_time(key, ps_buf_bytes(&sealed)) != PS_OK);
}

static void a_point_off_the_curve_opens_nothing(void **state)
{
    static const uint8_t point[64] = {1};
    PS_CLEANUP(one_time_free_cleanup) struct one_time_key *key = NULL;
    PS_BUF_AUTO sealed = {.max = ONE_TIME_SEALED_MAX};
    PS_BUF_AUTO memory = {.max = JWE_PARSE_ROOM(ONE_TIME_SEALED_MAX)};
    PS_BUF_AUTO out = {.max = 1024};
    struct jwe_parsed jwe;

    (void)state;
    assert_ok(one_time_new(&key));
    assert_ok(one_time_seal(one_time_public(key), ps_bytes_str("a share"), &sealed));
    assert_ok(jwe_parse(ps_buf_bytes(&sealed), &memory, &jwe));
    assert_fails(PS_E_DENIED, one_time_open(key, ps_bytes(point, sizeof point), &jwe.sealed, &out));
    assert_fails(PS_E_DENIED, one_time_open(key, ps_bytes(point, 3), &jwe.sealed, &out));
    jwe.sealed.alg = JWE_ECDH_ES_A256KW;
    assert_fails(PS_E_INPUT, one_time_open(key, jwe.epk, &jwe.sealed, &out));
}

static void all_eight_words_have_to_be_typed(void **state)
{
    PS_CLEANUP(one_time_free_cleanup) struct one_time_key *key = NULL;
    PS_BUF_AUTO words = {.max = 256};

    (void)state;
    assert_ok(one_time_new(&key));
    one_time_put_words(one_time_public(key), &words);
    assert_true(one_time_words_are(one_time_public(key), ps_buf_bytes(&words)));
    for (size_t i = 0; i < words.len; i++) {
        assert_false(one_time_words_are(one_time_public(key), ps_bytes(words.data, i)));
        words.data[i] = words.data[i] == ' ' ? '-' : words.data[i];
    }
    assert_true(one_time_words_are(one_time_public(key), ps_buf_bytes(&words)));
    ps_buf_put_str(&words, " aardvark");
    assert_false(one_time_words_are(one_time_public(key), ps_buf_bytes(&words)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_officer_it_is_sealed_to_opens_it),
        cmocka_unit_test(a_flipped_bit_and_every_truncation_are_refused),
        cmocka_unit_test(what_is_no_certificate_for_encryption_is_refused),
        cmocka_unit_test(a_one_time_key_opens_what_is_sealed_to_it_and_the_next_does_not),
        cmocka_unit_test(a_point_off_the_curve_opens_nothing),
        cmocka_unit_test(all_eight_words_have_to_be_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
