#include "tests/unit/x509_maker.h"

#include "lib/formats/x509/csr.h"

#include <openssl/x509v3.h>

static struct maker_key key;

static int make(void **state)
{
    (void)state;
    maker_key_make(PS_ALG_ES256, &key);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    maker_key_clear(&key);
    return 0;
}

static const struct x509_sans names = {
    .items = {{X509_SAN_DNS, {(const uint8_t *)"a.example", 9}},
              {X509_SAN_IP, {(const uint8_t *)"2001:db8::1", 11}},
              {X509_SAN_URI, {(const uint8_t *)"did:web:a", 9}}},
    .count = 3};

static void every_algorithm_makes_requests_that_openssl_and_we_verify(void **state)
{
    (void)state;
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        struct maker_key own;
        struct x509_csr csr;
        PS_BUF_AUTO info;
        PS_BUF_AUTO der;
        const uint8_t *at;
        X509_REQ *request;

        ps_buf_init(&info, X509_CSR_MAX);
        ps_buf_init(&der, X509_CSR_MAX);
        maker_key_make((enum ps_alg)alg, &own);
        assert_ok(x509_put_csr_info(&maker_root_subject, &names, ps_buf_bytes(&own.spki), &info));
        maker_sign(&own, &info, &der);
        at = der.data;
        request = d2i_X509_REQ(NULL, &at, (long)der.len);
        assert_non_null(request);
        assert_int_equal(X509_REQ_verify(request, own.pkey), 1);
        X509_REQ_free(request);
        assert_ok(x509_csr_read(ps_buf_bytes(&der), &csr));
        assert_bytes(csr.spki, ps_buf_bytes(&own.spki));
        assert_text(csr.subject.values[X509_COMMON_NAME], "Example Root");
        assert_int_equal(csr.sans.count, 3);
        assert_text(csr.sans.items[1].text, "2001:db8::1");
        x509_csr_clear(&csr);
        maker_key_clear(&own);
    }
}

static void every_bit_is_signed_for(void **state)
{
    PS_BUF_AUTO info;
    PS_BUF_AUTO der;

    (void)state;
    ps_buf_init(&info, X509_CSR_MAX);
    ps_buf_init(&der, X509_CSR_MAX);
    assert_ok(x509_put_csr_info(&maker_subject, &names, ps_buf_bytes(&key.spki), &info));
    maker_sign(&key, &info, &der);
    for (size_t i = 0; i < der.len * 8; i++) {
        struct x509_csr csr;
        enum ps_err err;

        der.data[i / 8] = (uint8_t)(der.data[i / 8] ^ 1u << i % 8);
        err = x509_csr_read(ps_buf_bytes(&der), &csr);
        assert_true(err == PS_E_INPUT || err == PS_E_DENIED);
        x509_csr_clear(&csr);
        der.data[i / 8] = (uint8_t)(der.data[i / 8] ^ 1u << i % 8);
    }
}

static void what_is_cut_or_followed_by_something_is_refused(void **state)
{
    PS_BUF_AUTO info;
    PS_BUF_AUTO der;

    (void)state;
    ps_buf_init(&info, X509_CSR_MAX);
    ps_buf_init(&der, X509_CSR_MAX);
    assert_ok(x509_put_csr_info(&maker_subject, NULL, ps_buf_bytes(&key.spki), &info));
    maker_sign(&key, &info, &der);
    ps_buf_put_u8(&der, 0);
    for (size_t len = 0; len <= der.len; len++) {
        struct x509_csr csr;

        if (len != der.len - 1) {
            assert_fails(PS_E_INPUT, x509_csr_read(ps_bytes(der.data, len), &csr));
            x509_csr_clear(&csr);
        }
    }
}

/* A request of OpenSSL's making, which is changed before it is signed. */
static enum ps_err read_changed(int (*change)(X509_REQ *request))
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(request);
    struct x509_csr csr;
    uint8_t *der = NULL;
    enum ps_err err;
    int len;

    assert_int_equal(X509_REQ_set_pubkey(request, key.pkey), 1);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"a", -1, -1, 0), 1);
    assert_int_equal(change(request), 1);
    assert_true(X509_REQ_sign(request, key.pkey, EVP_sha256()) > 0);
    len = i2d_X509_REQ(request, &der);
    err = x509_csr_read(ps_bytes(der, (size_t)len), &csr);
    x509_csr_clear(&csr);
    OPENSSL_free(der);
    X509_REQ_free(request);
    return err;
}

static int ask_for(X509_REQ *request, const int *nids, const char *const *values, size_t count)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    int done;

    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nids[i], values[i]);

        assert_non_null(extension);
        assert_true(sk_X509_EXTENSION_push(list, extension) > 0);
    }
    done = X509_REQ_add_extensions(request, list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return done;
}

#define ASK_FOR(nid, value) ask_for(request, (const int[]){nid}, (const char *const[]){value}, 1)

static int keep(X509_REQ *request)
{
    return X509_REQ_set_version(request, 0);
}

static int usual_extensions(X509_REQ *request)
{
    static const int nids[] = {NID_basic_constraints, NID_key_usage, NID_subject_alt_name};
    static const char *const values[] = {"CA:FALSE", "digitalSignature",
                                         "DNS:a.example,IP:1.2.3.4"};

    return ask_for(request, nids, values, PS_COUNT_OF(nids));
}

/* The same under the number that Microsoft had for it before. */
static int extensions_of_another_attribute(X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:a.example");
    int done;

    assert_true(sk_X509_EXTENSION_push(list, extension) > 0);
    done = X509_REQ_add_extensions_nid(request, list, NID_ms_ext_req);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return done;
}

static int a_ca(X509_REQ *request)
{
    return ASK_FOR(NID_basic_constraints, "CA:TRUE");
}

static int constraints(X509_REQ *request)
{
    return ASK_FOR(NID_name_constraints, "permitted;DNS:a");
}

static int other_name(X509_REQ *request)
{
    return ASK_FOR(NID_subject_alt_name, "RID:1.2.3");
}

static int upper_case(X509_REQ *request)
{
    return ASK_FOR(NID_subject_alt_name, "DNS:A.example");
}

static int names_twice(X509_REQ *request)
{
    static const int nids[] = {NID_subject_alt_name, NID_subject_alt_name};
    static const char *const values[] = {"DNS:a.example", "DNS:b.example"};

    return ask_for(request, nids, values, PS_COUNT_OF(nids));
}

static int password(X509_REQ *request)
{
    return X509_REQ_add1_attr_by_txt(request, "challengePassword", MBSTRING_ASC,
                                     (const uint8_t *)"x", -1);
}

static int two_attributes(X509_REQ *request)
{
    return usual_extensions(request) == 1 ? password(request) : 0;
}

static int add_to_name(X509_REQ *request, const char *what, int type, const char *value, int len)
{
    return X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), what, type,
                                      (const uint8_t *)value, len, -1, 0);
}

static int email_in_name(X509_REQ *request)
{
    return add_to_name(request, "emailAddress", MBSTRING_ASC, "a@b.c", -1);
}

static int second_name(X509_REQ *request)
{
    return add_to_name(request, "CN", MBSTRING_ASC, "b", -1);
}

static int nul_in_name(X509_REQ *request)
{
    return add_to_name(request, "O", V_ASN1_UTF8STRING, "a\0b", 3);
}

static int teletex(X509_REQ *request)
{
    return add_to_name(request, "O", V_ASN1_T61STRING, "a", 1);
}

static int long_name(X509_REQ *request)
{
    static char text[66];

    memset(text, 'x', 65);
    return add_to_name(request, "O", V_ASN1_UTF8STRING, text, 65);
}

static int joined_name(X509_REQ *request)
{
    return X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "O", MBSTRING_ASC,
                                      (const uint8_t *)"b", 1, -1, -1);
}

static int version_2(X509_REQ *request)
{
    return X509_REQ_set_version(request, 1);
}

static void what_a_request_may_say_is_closed(void **state)
{
    static const struct {
        int (*change)(X509_REQ *request);
        enum ps_err err;
    } cases[] = {
        {keep, PS_OK},
        {usual_extensions, PS_OK},
        {extensions_of_another_attribute, PS_E_INPUT},
        {a_ca, PS_E_INPUT},
        {constraints, PS_E_INPUT},
        {other_name, PS_E_INPUT},
        {upper_case, PS_E_INPUT},
        {names_twice, PS_E_INPUT},
        {password, PS_E_INPUT},
        {two_attributes, PS_E_INPUT},
        {email_in_name, PS_E_INPUT},
        {second_name, PS_E_INPUT},
        {nul_in_name, PS_E_INPUT},
        {teletex, PS_E_INPUT},
        {long_name, PS_E_INPUT},
        {joined_name, PS_E_INPUT},
        {version_2, PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const enum ps_err err = read_changed(cases[i].change);

        if (err != cases[i].err) {
            fail_msg("case %zu: %s: %s", i, ps_err_info(err)->name, ps_detail()->text);
        }
    }
}

/* The signature is right, and by another key than the one in the request. */
static void possession_is_of_the_key_that_is_named(void **state)
{
    struct maker_key other;
    struct x509_csr csr;
    PS_BUF_AUTO info;
    PS_BUF_AUTO der;

    (void)state;
    ps_buf_init(&info, X509_CSR_MAX);
    ps_buf_init(&der, X509_CSR_MAX);
    maker_key_make(PS_ALG_ES256, &other);
    assert_ok(x509_put_csr_info(&maker_subject, NULL, ps_buf_bytes(&key.spki), &info));
    maker_sign(&other, &info, &der);
    assert_fails(PS_E_DENIED, x509_csr_read(ps_buf_bytes(&der), &csr));
    x509_csr_clear(&csr);
    maker_key_clear(&other);
}

static void what_is_no_request_at_all_is_said_to_be_none(void **state)
{
    struct x509_csr csr;

    (void)state;
    assert_fails(PS_E_INPUT, x509_csr_read(ps_bytes_str("-----BEGIN CERTIFICATE"), &csr));
    assert_non_null(strstr(ps_detail()->text, "PKCS #10"));
    x509_csr_clear(&csr);
}

/* As many names as there may be, each as long as it may be. */
static void a_request_that_is_too_long_is_refused(void **state)
{
    static char text[400] = "https://long.example/";
    struct x509_sans sans = {.count = 0};
    struct x509_csr csr;
    PS_BUF_AUTO info = {.max = 4 * X509_CSR_MAX};
    PS_BUF_AUTO der = {.max = 4 * X509_CSR_MAX};

    (void)state;
    memset(text + strlen(text), 'a', sizeof text - 1 - strlen(text));
    while (sans.count < X509_SANS_MAX) {
        sans.items[sans.count++] =
            (struct x509_san){.kind = X509_SAN_URI, .text = ps_bytes_str(text)};
    }
    assert_ok(x509_put_csr_info(&maker_subject, &sans, ps_buf_bytes(&key.spki), &info));
    maker_sign(&key, &info, &der);
    assert_true(der.len > X509_CSR_MAX);
    assert_fails(PS_E_INPUT, x509_csr_read(ps_buf_bytes(&der), &csr));
    x509_csr_clear(&csr);
    sans.count = 30;
    info.len = 0;
    der.len = 0;
    assert_ok(x509_put_csr_info(&maker_subject, &sans, ps_buf_bytes(&key.spki), &info));
    maker_sign(&key, &info, &der);
    assert_ok(x509_csr_read(ps_buf_bytes(&der), &csr));
    x509_csr_clear(&csr);
}

static void weak_keys_are_refused(void **state)
{
    struct maker_key weak = {.algorithm = PS_ALG_RS256, .pkey = EVP_RSA_gen(1024)};
    X509_REQ *request = X509_REQ_new();
    struct x509_csr csr;
    uint8_t *der = NULL;
    int len;

    (void)state;
    assert_int_equal(X509_REQ_set_pubkey(request, weak.pkey), 1);
    assert_true(X509_REQ_sign(request, weak.pkey, EVP_sha256()) > 0);
    len = i2d_X509_REQ(request, &der);
    assert_fails(PS_E_INPUT, x509_csr_read(ps_bytes(der, (size_t)len), &csr));
    x509_csr_clear(&csr);
    OPENSSL_free(der);
    X509_REQ_free(request);
    EVP_PKEY_free(weak.pkey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_makes_requests_that_openssl_and_we_verify),
        cmocka_unit_test(every_bit_is_signed_for),
        cmocka_unit_test(what_is_cut_or_followed_by_something_is_refused),
        cmocka_unit_test(a_request_that_is_too_long_is_refused),
        cmocka_unit_test(what_a_request_may_say_is_closed),
        cmocka_unit_test(possession_is_of_the_key_that_is_named),
        cmocka_unit_test(what_is_no_request_at_all_is_said_to_be_none),
        cmocka_unit_test(weak_keys_are_refused),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
