#include "tests/unit/x509_maker.h"

#include "lib/formats/x509/crl.h"

static struct maker_key key;
static struct ps_buf root;

static int make(void **state)
{
    struct x509_wish wish;

    (void)state;
    maker_key_make(PS_ALG_ES256, &key);
    wish = maker_root(&key);
    return maker_issue(&wish, &key, &root) == PS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    maker_key_clear(&key);
    ps_buf_clear(&root);
    return 0;
}

static struct x509_crl crl_of(const struct x509_revoked *revoked, size_t count)
{
    return (struct x509_crl){.issuer = ps_buf_bytes(&root),
                             .algorithm = PS_ALG_ES256,
                             .number = 0x1ff,
                             .this_update_s = MAKER_NOW_S,
                             .next_update_s = MAKER_NOW_S + 7 * MAKER_DAY_S,
                             .revoked = revoked,
                             .count = count};
}

static X509_CRL *by_openssl(const struct x509_crl *crl)
{
    PS_BUF_AUTO tbs;
    PS_BUF_AUTO der;
    const uint8_t *at;
    X509_CRL *read;

    ps_buf_init(&tbs, 1024 * 1024);
    ps_buf_init(&der, 1024 * 1024);
    assert_ok(x509_put_crl_tbs(crl, &tbs));
    maker_sign(&key, &tbs, &der);
    at = der.data;
    read = d2i_X509_CRL(NULL, &at, (long)der.len);
    assert_non_null(read);
    assert_ptr_equal(at, der.data + der.len);
    assert_int_equal(X509_CRL_verify(read, key.pkey), 1);
    return read;
}

static void an_empty_list_has_no_list(void **state)
{
    const struct x509_crl crl = crl_of(NULL, 0);
    X509_CRL *read = by_openssl(&crl);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(read, NID_crl_number, NULL, NULL);

    (void)state;
    assert_null(X509_CRL_get_REVOKED(read));
    assert_int_equal(X509_CRL_get_version(read), 1);
    assert_int_equal(ASN1_INTEGER_get(number), 0x1ff);
    ASN1_INTEGER_free(number);
    X509_CRL_free(read);
}

static void openssl_finds_what_was_revoked_and_why(void **state)
{
    static const struct x509_revoked revoked[] = {
        {.serial = {(const uint8_t *)"\x81\x02", 2}, .revoked_s = MAKER_NOW_S - 5},
        {.serial = {(const uint8_t *)"\x03", 1},
         .revoked_s = MAKER_NOW_S,
         .reason = X509_REASON_KEY_COMPROMISE},
    };
    const struct x509_crl crl = crl_of(revoked, PS_COUNT_OF(revoked));
    X509_CRL *read = by_openssl(&crl);
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(read);
    ASN1_ENUMERATED *reason;

    (void)state;
    assert_int_equal(sk_X509_REVOKED_num(list), 2);
    assert_int_equal(
        ASN1_INTEGER_get(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, 0))), 0x8102);
    assert_int_equal(X509_REVOKED_get_ext_count(sk_X509_REVOKED_value(list, 0)), 0);
    reason = X509_REVOKED_get_ext_d2i(sk_X509_REVOKED_value(list, 1), NID_crl_reason, NULL, NULL);
    assert_int_equal(ASN1_ENUMERATED_get(reason), 1);
    ASN1_ENUMERATED_free(reason);
    X509_CRL_free(read);
}

static void many_are_as_good_as_few(void **state)
{
    static uint8_t serials[10000][4];
    static struct x509_revoked revoked[10000];
    struct x509_crl crl;
    X509_CRL *read;

    (void)state;
    for (unsigned i = 0; i < PS_COUNT_OF(revoked); i++) {
        const uint8_t serial[] = {1, (uint8_t)(i >> 8), (uint8_t)i, 1};

        memcpy(serials[i], serial, 4);
        revoked[i] = (struct x509_revoked){.serial = ps_bytes(serials[i], 4),
                                           .revoked_s = MAKER_NOW_S,
                                           .reason = X509_REASON_SUPERSEDED};
    }
    crl = crl_of(revoked, PS_COUNT_OF(revoked));
    read = by_openssl(&crl);
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(read)), PS_COUNT_OF(revoked));
    X509_CRL_free(read);
}

static void what_no_list_says_is_refused(void **state)
{
    struct x509_revoked revoked = {.serial = {(const uint8_t *)"\1", 1}, .reason = 7};
    struct x509_crl crl = crl_of(&revoked, 1);
    struct x509_wish wish = maker_server(&key, &key, &root);
    PS_BUF_AUTO leaf;
    PS_BUF_AUTO tbs;

    (void)state;
    ps_buf_init(&tbs, 4096);
    assert_fails(PS_E_INPUT, x509_put_crl_tbs(&crl, &tbs));
    revoked = (struct x509_revoked){.serial = {(const uint8_t *)"\0\1", 2}};
    assert_fails(PS_E_INPUT, x509_put_crl_tbs(&crl, &tbs));
    crl = crl_of(NULL, 0);
    crl.next_update_s = crl.this_update_s;
    assert_fails(PS_E_INPUT, x509_put_crl_tbs(&crl, &tbs));
    crl = crl_of(NULL, 0);
    crl.algorithm = PS_ALG_RS256;
    assert_fails(PS_E_STATE, x509_put_crl_tbs(&crl, &tbs));
    assert_ok(maker_issue(&wish, &key, &leaf));
    crl = crl_of(NULL, 0);
    crl.issuer = ps_buf_bytes(&leaf);
    assert_fails(PS_E_STATE, x509_put_crl_tbs(&crl, &tbs));
}

/* RFC 5280 section 4.2.1.3: a CA that may certify and whose key usage has no cRLSign. */
static void who_signs_no_lists_has_none(void **state)
{
    const struct ps_bytes both = LITERAL("\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x01\x06");
    struct x509_crl crl = crl_of(NULL, 0);
    PS_BUF_AUTO other = {.max = X509_CERTIFICATE_MAX};
    PS_BUF_AUTO tbs = {.max = 4096};
    uint8_t *usage;

    (void)state;
    ps_buf_put(&other, ps_buf_bytes(&root));
    usage = memmem(other.data, other.len, both.data, both.len);
    assert_non_null(usage);
    usage[10] = 2; /* bits that are not used */
    usage[11] = 4; /* keyCertSign */
    crl.issuer = ps_buf_bytes(&other);
    assert_fails(PS_E_STATE, x509_put_crl_tbs(&crl, &tbs));
    assert_non_null(strstr(ps_detail()->text, "signs CRLs"));
}

static void reasons_are_found_by_name(void **state)
{
    enum x509_reason reason = X509_REASON_UNSPECIFIED;

    (void)state;
    assert_true(x509_reason_by_name(LITERAL("key-compromise"), &reason));
    assert_int_equal(reason, X509_REASON_KEY_COMPROMISE);
    assert_string_equal(x509_reason_name(reason), "key-compromise");
    assert_false(x509_reason_by_name(LITERAL("certificate-hold"), &reason));
    assert_null(x509_reason_name((enum x509_reason)6));
}

/* What a list has room for is counted with it. */
static void nothing_that_is_revoked_takes_more_than_its_bound(void **state)
{
    static const uint8_t serial[X509_SERIAL_MAX] = {0xff};
    const struct x509_revoked longest = {ps_bytes(serial, sizeof serial),
                                         MAKER_NOW_S + 9999 * MAKER_DAY_S,
                                         X509_REASON_PRIVILEGE_WITHDRAWN};
    const struct x509_revoked revoked[] = {longest, longest, longest, longest};
    const struct x509_crl three = crl_of(revoked, 3);
    const struct x509_crl four = crl_of(revoked, 4);
    PS_BUF_AUTO short_list = {.max = 4096};
    PS_BUF_AUTO long_list = {.max = 4096};

    (void)state;
    assert_ok(x509_put_crl_tbs(&three, &short_list));
    assert_ok(x509_put_crl_tbs(&four, &long_list));
    assert_int_equal(long_list.len - short_list.len, X509_REVOKED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_is_revoked_takes_more_than_its_bound),
        cmocka_unit_test(an_empty_list_has_no_list),
        cmocka_unit_test(openssl_finds_what_was_revoked_and_why),
        cmocka_unit_test(many_are_as_good_as_few),
        cmocka_unit_test(what_no_list_says_is_refused),
        cmocka_unit_test(who_signs_no_lists_has_none),
        cmocka_unit_test(reasons_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
