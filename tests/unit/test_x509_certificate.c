#include "tests/unit/x509_maker.h"

#include "lib/formats/der.h"

#include <openssl/x509v3.h>

static struct maker_key root_key;
static struct maker_key leaf_key;
static struct maker_key edwards_key;
static struct ps_buf root;

static int make(void **state)
{
    struct x509_wish wish;

    (void)state;
    maker_key_make(PS_ALG_ES256, &root_key);
    maker_key_make(PS_ALG_ES256, &leaf_key);
    maker_key_make(PS_ALG_EDDSA, &edwards_key);
    wish = maker_root(&root_key);
    wish.path_len = 1;
    return maker_issue(&wish, &root_key, &root) == PS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    maker_key_clear(&root_key);
    maker_key_clear(&leaf_key);
    maker_key_clear(&edwards_key);
    ps_buf_clear(&root);
    return 0;
}

static const struct x509_subject person = {
    .values = {[X509_COMMON_NAME] = {(const uint8_t *)"somebody", 8}}};

static X509 *by_openssl(const struct ps_buf *der)
{
    const uint8_t *at = der->data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der->len);

    assert_non_null(x509);
    assert_ptr_equal(at, der->data + der->len);
    return x509;
}

/* Each algorithm signs a root of its own, which OpenSSL verifies and finds to be a CA's. */
static void every_algorithm_makes_a_root_that_openssl_verifies(void **state)
{
    (void)state;
    for (unsigned alg = PS_ALG_NONE + 1; alg < PS_ALG_COUNT; alg++) {
        PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
        struct maker_key key;
        struct x509_wish wish;
        PS_BUF_AUTO der;
        X509 *x509;

        maker_key_make((enum ps_alg)alg, &key);
        wish = maker_root(&key);
        assert_ok(maker_issue(&wish, &key, &der));
        x509 = by_openssl(&der);
        assert_int_equal(X509_verify(x509, key.pkey), 1);
        assert_int_equal(X509_check_ca(x509), 1);
        assert_ok(x509_read(ps_buf_bytes(&der), &read));
        assert_true(x509_facts(read)->algorithm == (enum ps_alg)alg || alg == PS_ALG_ES256K);
        X509_free(x509);
        maker_key_clear(&key);
    }
}

static void what_was_wished_for_is_read_again(void **state)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
    struct x509_wish wish = maker_server(&leaf_key, &root_key, &root);
    const struct x509_facts *facts;
    PS_BUF_AUTO der;
    CRL_DIST_POINTS *points;
    X509 *x509;

    (void)state;
    wish.crl_url = LITERAL("http://pki.example.org/v1/x509/crl/ca");
    assert_ok(maker_issue(&wish, &root_key, &der));
    assert_ok(x509_read(ps_buf_bytes(&der), &read));
    facts = x509_facts(read);
    assert_text(facts->subject, "CN=api.example.org");
    assert_text(facts->issuer, "CN=Example Root,O=Example,C=MA");
    assert_int_equal(facts->not_before_s, wish.not_before_s);
    assert_int_equal(facts->not_after_s, wish.not_after_s);
    assert_bytes(facts->spki, wish.spki);
    assert_int_equal(facts->serial.len, X509_SERIAL_LEN);
    assert_int_equal(facts->serial.data[0], 0x4f);
    assert_false(facts->is_ca);
    assert_true(facts->has_key_usage);
    assert_int_equal(facts->key_usage, X509_DIGITAL_SIGNATURE);
    assert_int_equal(facts->purposes, X509_PURPOSE_BIT(X509_SERVER_AUTH));
    assert_int_equal(facts->path_len, -1);
    x509 = by_openssl(&der);
    assert_int_equal(X509_check_host(x509, "api.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x509, "www.example.org", 0, 0, NULL), 0);
    points = X509_get_ext_d2i(x509, NID_crl_distribution_points, NULL, NULL);
    assert_non_null(points);
    CRL_DIST_POINTS_free(points);
    X509_free(x509);
}

/* "serverAuth clientAuth": by the names that OpenSSL has for them; "": there is no extension. */
static void put_extended_usages(X509 *x509, char *text, size_t size)
{
    EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; list != NULL && i < sk_ASN1_OBJECT_num(list); i++) {
        char name[64];

        assert_true(OBJ_obj2txt(name, sizeof name, sk_ASN1_OBJECT_value(list, i), 0) > 0);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", name);
    }
    EXTENDED_KEY_USAGE_free(list);
}

/* docs/decisions/0025: what has no extended key usage is for nobody's own protocol but its own. */
static void each_kind_has_its_usages_and_no_other(void **state)
{
    static const struct {
        const char *extended;
        uint32_t usage;
        int path_len; /* of a CA; -1: none */
    } expected[X509_KIND_COUNT] = {
        [X509_KIND_ROOT] = {"", KU_KEY_CERT_SIGN | KU_CRL_SIGN, 1},
        [X509_KIND_INTERMEDIATE] = {"", KU_KEY_CERT_SIGN | KU_CRL_SIGN, 0},
        [X509_KIND_SIGNING] = {"", KU_DIGITAL_SIGNATURE, -1},
        [X509_KIND_DOCUMENT_SIGNER] = {"1.3.6.1.5.5.7.3.36, E-mail Protection",
                                       KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, -1},
        [X509_KIND_ENCRYPTION] = {"", KU_KEY_AGREEMENT, -1},
        [X509_KIND_TLS_SERVER] = {"TLS Web Server Authentication", KU_DIGITAL_SIGNATURE, -1},
        [X509_KIND_TLS_CLIENT] = {"TLS Web Client Authentication", KU_DIGITAL_SIGNATURE, -1},
        [X509_KIND_WALLET_BINDING] = {"", KU_DIGITAL_SIGNATURE, -1},
    };

    (void)state;
    for (unsigned kind = X509_KIND_NONE + 1; kind < X509_KIND_COUNT; kind++) {
        const bool is_root = kind == X509_KIND_ROOT;
        const struct maker_key *issuer = &root_key;
        struct x509_wish wish =
            is_root ? maker_root(issuer) : maker_server(&leaf_key, issuer, &root);
        char extended[160];
        PS_BUF_AUTO der;
        X509 *x509;

        wish.kind = (enum x509_kind)kind;
        wish.path_len = expected[kind].path_len;
        if (kind != X509_KIND_TLS_SERVER) {
            wish.subject = is_root ? wish.subject : &person;
            wish.sans = NULL;
        }
        assert_ok(maker_issue(&wish, issuer, &der));
        x509 = by_openssl(&der);
        put_extended_usages(x509, extended, sizeof extended);
        assert_string_equal(extended, expected[kind].extended);
        assert_int_equal(X509_get_key_usage(x509), expected[kind].usage);
        assert_int_equal(X509_check_ca(x509), expected[kind].path_len >= 0 ? 1 : 0);
        X509_free(x509);
    }
}

/* RFC 5280 section 4.1.2.5: the form of a date changes with the year 2050. */
static void dates_are_utc_time_to_2049_and_generalized_time_after(void **state)
{
    struct x509_wish wish = maker_root(&root_key);
    PS_BUF_AUTO der;
    X509 *x509;

    (void)state;
    wish.not_before_s = UINT64_C(2524607999); /* 2049-12-31T23:59:59Z */
    wish.not_after_s = UINT64_C(2524608000);
    assert_ok(maker_issue(&wish, &root_key, &der));
    x509 = by_openssl(&der);
    assert_int_equal(ASN1_STRING_type((const ASN1_STRING *)X509_get0_notBefore(x509)),
                     V_ASN1_UTCTIME);
    assert_int_equal(ASN1_STRING_type((const ASN1_STRING *)X509_get0_notAfter(x509)),
                     V_ASN1_GENERALIZEDTIME);
    assert_string_equal(ASN1_STRING_get0_data((const ASN1_STRING *)X509_get0_notBefore(x509)),
                        "491231235959Z");
    assert_string_equal(ASN1_STRING_get0_data((const ASN1_STRING *)X509_get0_notAfter(x509)),
                        "20500101000000Z");
    X509_free(x509);
}

static const struct x509_subject empty_subject = {.values = {{NULL, 0}}};
static const struct x509_sans of_email = {
    .items = {{X509_SAN_EMAIL, {(const uint8_t *)"a@b.c", 5}}}, .count = 1};
static const struct x509_sans of_ip = {.items = {{X509_SAN_IP, {(const uint8_t *)"192.0.2.1", 9}}},
                                       .count = 1};
static const uint8_t ten[10];

static void no_subject(struct x509_wish *wish)
{
    wish->subject = &empty_subject;
}

static void other_host(struct x509_wish *wish)
{
    wish->subject = &person;
}

static void no_names(struct x509_wish *wish)
{
    wish->sans = NULL;
}

static void email_name(struct x509_wish *wish)
{
    wish->sans = &of_email;
}

static void address_only(struct x509_wish *wish)
{
    wish->subject = &empty_subject;
    wish->sans = &of_ip;
}

static void longest(struct x509_wish *wish)
{
    wish->not_after_s = wish->not_before_s + 398 * MAKER_DAY_S - 1;
}

static void too_long(struct x509_wish *wish)
{
    wish->not_after_s = wish->not_before_s + 398 * MAKER_DAY_S;
}

static void ends_at_once(struct x509_wish *wish)
{
    wish->not_after_s = wish->not_before_s;
}

static void before_issuer(struct x509_wish *wish)
{
    wish->not_before_s = MAKER_NOW_S - MAKER_DAY_S - 1;
}

static void after_issuer(struct x509_wish *wish)
{
    wish->not_before_s = MAKER_NOW_S + 3640 * MAKER_DAY_S;
    wish->not_after_s = MAKER_NOW_S + 3650 * MAKER_DAY_S + 1;
}

static void short_serial(struct x509_wish *wish)
{
    wish->serial = ps_bytes(ten, sizeof ten);
}

static void path_of_a_leaf(struct x509_wish *wish)
{
    wish->path_len = 0;
}

static void other_purpose(struct x509_wish *wish)
{
    wish->purposes = X509_PURPOSE_BIT(X509_CLIENT_AUTH);
}

static void bad_url(struct x509_wish *wish)
{
    wish->crl_url = LITERAL("pki.example.org/crl");
}

static void no_issuer(struct x509_wish *wish)
{
    wish->issuer = ps_bytes(NULL, 0);
}

static void root_with_issuer(struct x509_wish *wish)
{
    wish->kind = X509_KIND_ROOT;
}

static void other_algorithm(struct x509_wish *wish)
{
    wish->algorithm = PS_ALG_ES384;
}

static void no_key(struct x509_wish *wish)
{
    wish->spki = ps_bytes(ten, sizeof ten);
}

static void intermediate(struct x509_wish *wish)
{
    wish->kind = X509_KIND_INTERMEDIATE;
    wish->sans = NULL;
    wish->path_len = 0;
}

static void intermediate_without_limit(struct x509_wish *wish)
{
    intermediate(wish);
    wish->path_len = -1;
}

static void intermediate_as_long(struct x509_wish *wish)
{
    intermediate(wish);
    wish->path_len = 1;
}

static void encryption(struct x509_wish *wish)
{
    wish->kind = X509_KIND_ENCRYPTION;
}

static void encryption_to_edwards(struct x509_wish *wish)
{
    encryption(wish);
    wish->spki = ps_buf_bytes(&edwards_key.spki);
}

static void nothing(struct x509_wish *wish)
{
    (void)wish;
}

static void each_rule_of_a_kind_holds(void **state)
{
    static const struct {
        void (*change)(struct x509_wish *wish);
        enum ps_err err;
    } cases[] = {
        {nothing, PS_OK},
        {no_subject, PS_OK},
        {address_only, PS_OK},
        {longest, PS_OK},
        {intermediate, PS_OK},
        {encryption, PS_OK},
        {encryption_to_edwards, PS_E_INPUT},
        {other_host, PS_E_INPUT},
        {no_names, PS_E_INPUT},
        {email_name, PS_E_INPUT},
        {too_long, PS_E_INPUT},
        {ends_at_once, PS_E_INPUT},
        {short_serial, PS_E_INPUT},
        {path_of_a_leaf, PS_E_INPUT},
        {other_purpose, PS_E_INPUT},
        {bad_url, PS_E_INPUT},
        {no_issuer, PS_E_INPUT},
        {root_with_issuer, PS_E_INPUT},
        {no_key, PS_E_INPUT},
        {other_algorithm, PS_E_STATE},
        {before_issuer, PS_E_STATE},
        {after_issuer, PS_E_STATE},
        {intermediate_without_limit, PS_E_STATE},
        {intermediate_as_long, PS_E_STATE},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct x509_wish wish = maker_server(&leaf_key, &root_key, &root);
        enum ps_err err;
        PS_BUF_AUTO tbs;

        ps_buf_init(&tbs, X509_CERTIFICATE_MAX);
        cases[i].change(&wish);
        err = x509_put_tbs(&wish, &tbs);
        if (err != cases[i].err) {
            fail_msg("case %zu: %s: %s", i, ps_err_info(err)->name, ps_detail()->text);
        }
        assert_true(err == PS_OK || tbs.len == 0);
    }
}

static void what_is_no_ca_issues_nothing(void **state)
{
    struct x509_wish wish = maker_server(&leaf_key, &root_key, &root);
    PS_BUF_AUTO leaf;
    PS_BUF_AUTO below;

    (void)state;
    ps_buf_init(&below, X509_CERTIFICATE_MAX);
    assert_ok(maker_issue(&wish, &root_key, &leaf));
    wish = maker_server(&leaf_key, &leaf_key, &leaf);
    assert_fails(PS_E_STATE, x509_put_tbs(&wish, &below));
}

/* A certificate with its extensions in other forms, made by OpenSSL. */
static X509 *openssl_root(void)
{
    const uint8_t *at = root.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)root.len);

    assert_non_null(x509);
    return x509;
}

static void write_signed(X509 *x509, struct ps_buf *out)
{
    uint8_t *der = NULL;
    int len;

    assert_true(X509_sign(x509, root_key.pkey, EVP_sha256()) > 0);
    len = i2d_X509(x509, &der);
    ps_buf_init(out, X509_CERTIFICATE_MAX);
    ps_buf_put(out, ps_bytes(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(x509);
}

static void name_constraints_of_the_issuer_bind(void **state)
{
    struct x509_wish wish;
    X509 *x509 = openssl_root();
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_name_constraints, "critical,permitted;DNS:.inside.org");
    PS_BUF_AUTO issuer;
    PS_BUF_AUTO tbs;

    (void)state;
    ps_buf_init(&tbs, X509_CERTIFICATE_MAX);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    write_signed(x509, &issuer);
    wish = maker_server(&leaf_key, &root_key, &issuer);
    assert_fails(PS_E_STATE, x509_put_tbs(&wish, &tbs));
}

static void set_serial(X509 *x509, const char *hex)
{
    BIGNUM *number = NULL;

    assert_true(BN_hex2bn(&number, hex) > 0);
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
    BN_free(number);
}

static void serials_are_positive_and_at_most_twenty_octets(void **state)
{
    static const struct {
        const char *hex;
        bool is_good;
    } cases[] = {
        {"1", true},
        {"7fffffffffffffffffffffffffffffffffffffff", true},
        {"8000000000000000000000000000000000000000", false},
        {"010000000000000000000000000000000000000000", false},
        {"0", false},
        {"-1", false},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
        X509 *x509 = openssl_root();
        PS_BUF_AUTO der;

        set_serial(x509, cases[i].hex);
        write_signed(x509, &der);
        assert_int_equal(x509_read(ps_buf_bytes(&der), &read) == PS_OK, cases[i].is_good);
    }
}

static void an_extension_twice_is_not_read(void **state)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
    X509 *x509 = openssl_root();
    X509_EXTENSION *extension = X509_EXTENSION_dup(X509_get_ext(x509, 0));
    PS_BUF_AUTO der;

    (void)state;
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    write_signed(x509, &der);
    assert_fails(PS_E_INPUT, x509_read(ps_buf_bytes(&der), &read));
}

static void what_is_cut_or_followed_by_something_is_not_read(void **state)
{
    PS_BUF_AUTO longer;

    (void)state;
    ps_buf_init(&longer, X509_CERTIFICATE_MAX);
    ps_buf_put(&longer, ps_buf_bytes(&root));
    ps_buf_put_u8(&longer, 0);
    for (size_t len = 0; len <= longer.len; len++) {
        PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;

        if (len != root.len) {
            assert_fails(PS_E_INPUT, x509_read(ps_bytes(longer.data, len), &read));
        }
    }
}

/* RFC 5280 section 4.1.1.2: inside of what is signed it "MUST contain the same" as outside. */
static void two_signature_algorithms_are_not_read(void **state)
{
    const struct ps_bytes with_sha256 = LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02");
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
    PS_BUF_AUTO other = {.max = X509_CERTIFICATE_MAX};
    size_t at = root.len - with_sha256.len;

    (void)state;
    ps_buf_put(&other, ps_buf_bytes(&root));
    while (at > 0 && memcmp(other.data + at, with_sha256.data, with_sha256.len) != 0) {
        at--; /* the outer one is the last */
    }
    assert_true(at > root.len / 2);
    other.data[at + with_sha256.len - 1] = 3; /* with SHA-384 */
    assert_fails(PS_E_INPUT, x509_read(ps_buf_bytes(&other), &read));
    assert_non_null(strstr(ps_detail()->text, "two different"));
}

/* The outermost length in one octet more than it needs, which OpenSSL reads: another hash. */
static void a_certificate_has_one_encoding(void **state)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
    PS_BUF_AUTO other = {.max = X509_CERTIFICATE_MAX};

    (void)state;
    assert_int_equal(root.data[1], 0x82);
    ps_buf_put(&other, LITERAL("\x30\x83\x00"));
    ps_buf_put(&other, ps_bytes_from(ps_buf_bytes(&root), 2));
    X509_free(by_openssl(&other));
    assert_fails(PS_E_INPUT, x509_read(ps_buf_bytes(&other), &read));
}

static void der_knows_lengths_of_three_octets(void **state)
{
    PS_BUF_AUTO out;
    static const uint8_t expected[] = {DER_SEQUENCE, 0x83, 0x01, 0x00, 0x00};
    size_t start;

    (void)state;
    ps_buf_init(&out, 100000);
    start = der_begin(&out);
    assert_non_null(ps_buf_reserve(&out, 0x10000));
    ps_buf_commit(&out, 0x10000);
    der_end(&out, DER_SEQUENCE, start);
    assert_ok(ps_buf_status(&out));
    assert_int_equal(out.len, 0x10000 + 5);
    assert_memory_equal(out.data, expected, sizeof expected);
}

static void kinds_and_purposes_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned i = X509_KIND_NONE + 1; i < X509_KIND_COUNT; i++) {
        const struct x509_kind_info *info = x509_kind_info((enum x509_kind)i);

        assert_int_equal(x509_kind_by_name(ps_bytes_str(info->name)), i);
        assert_true(info->longest_s > 0);
    }
    for (unsigned i = 0; i < X509_PURPOSE_COUNT; i++) {
        enum x509_purpose purpose = X509_PURPOSE_COUNT;

        assert_true(
            x509_purpose_by_name(ps_bytes_str(x509_purpose_name((enum x509_purpose)i)), &purpose));
        assert_int_equal(purpose, i);
    }
    assert_int_equal(x509_kind_by_name(LITERAL("ca")), X509_KIND_NONE);
    assert_null(x509_kind_info(X509_KIND_COUNT));
    assert_true(x509_kind_fits(X509_KIND_ROOT, PS_USAGE_CERTIFY, 1u << PS_FORMAT_X509));
    assert_false(x509_kind_fits(X509_KIND_ROOT, PS_USAGE_CERTIFY, 1u << PS_FORMAT_CMS));
    assert_false(x509_kind_fits(X509_KIND_INTERMEDIATE, PS_USAGE_SIGN, 1u << PS_FORMAT_JWS));
    assert_true(x509_kind_fits(X509_KIND_ENCRYPTION, PS_USAGE_DECRYPT, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_makes_a_root_that_openssl_verifies),
        cmocka_unit_test(what_was_wished_for_is_read_again),
        cmocka_unit_test(dates_are_utc_time_to_2049_and_generalized_time_after),
        cmocka_unit_test(each_kind_has_its_usages_and_no_other),
        cmocka_unit_test(each_rule_of_a_kind_holds),
        cmocka_unit_test(what_is_no_ca_issues_nothing),
        cmocka_unit_test(name_constraints_of_the_issuer_bind),
        cmocka_unit_test(serials_are_positive_and_at_most_twenty_octets),
        cmocka_unit_test(an_extension_twice_is_not_read),
        cmocka_unit_test(two_signature_algorithms_are_not_read),
        cmocka_unit_test(what_is_cut_or_followed_by_something_is_not_read),
        cmocka_unit_test(a_certificate_has_one_encoding),
        cmocka_unit_test(der_knows_lengths_of_three_octets),
        cmocka_unit_test(kinds_and_purposes_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
