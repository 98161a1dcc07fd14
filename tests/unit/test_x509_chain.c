#include "tests/unit/x509_maker.h"

#include "lib/formats/x509/chain.h"

#include <openssl/x509v3.h>

/* Root, intermediate, TLS server; and a stranger with a root of the same name. */
static struct maker_key root_key;
static struct maker_key middle_key;
static struct maker_key leaf_key;
static struct maker_key stranger_key;
static struct ps_buf root;
static struct ps_buf middle;
static struct ps_buf leaf;
static struct ps_buf stranger;
static struct ps_buf of_stranger; /* the leaf's key, certified by the stranger */

static const struct x509_subject middle_subject = {
    .values = {[X509_COMMON_NAME] = {(const uint8_t *)"Example CA", 10}}};

static struct x509_wish middle_wish(void)
{
    struct x509_wish wish = maker_server(&middle_key, &root_key, &root);

    wish.kind = X509_KIND_INTERMEDIATE;
    wish.subject = &middle_subject;
    wish.sans = NULL;
    wish.path_len = 0;
    wish.not_after_s = MAKER_NOW_S + 365 * MAKER_DAY_S;
    return wish;
}

static int make(void **state)
{
    struct x509_wish wish;

    (void)state;
    maker_key_make(PS_ALG_ES384, &root_key);
    maker_key_make(PS_ALG_EDDSA, &middle_key);
    maker_key_make(PS_ALG_ES256, &leaf_key);
    maker_key_make(PS_ALG_ES384, &stranger_key);
    wish = maker_root(&root_key);
    assert_ok(maker_issue(&wish, &root_key, &root));
    wish = maker_root(&stranger_key);
    assert_ok(maker_issue(&wish, &stranger_key, &stranger));
    wish = middle_wish();
    assert_ok(maker_issue(&wish, &root_key, &middle));
    wish = maker_server(&leaf_key, &middle_key, &middle);
    assert_ok(maker_issue(&wish, &middle_key, &leaf));
    wish = maker_server(&leaf_key, &stranger_key, &stranger);
    assert_ok(maker_issue(&wish, &stranger_key, &of_stranger));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    maker_key_clear(&root_key);
    maker_key_clear(&middle_key);
    maker_key_clear(&leaf_key);
    maker_key_clear(&stranger_key);
    ps_buf_clear(&root);
    ps_buf_clear(&middle);
    ps_buf_clear(&leaf);
    ps_buf_clear(&stranger);
    ps_buf_clear(&of_stranger);
    return 0;
}

/* Certificates of a chain, leaf first; a NULL is the end. The root is trusted. */
static enum ps_err check_at(const struct ps_buf *const *list, enum x509_kind kind, uint64_t now_s)
{
    struct ps_bytes certificates[X509_CHAIN_MAX + 1];
    const struct ps_bytes anchor = ps_buf_bytes(&root);
    struct x509_chain chain = {.certificates = certificates,
                               .anchors = &anchor,
                               .anchor_count = 1,
                               .spki = ps_buf_bytes(&leaf_key.spki),
                               .kind = kind,
                               .now_s = now_s};

    while (list[chain.count] != NULL) {
        certificates[chain.count] = ps_buf_bytes(list[chain.count]);
        chain.count++;
    }
    return x509_check_chain(&chain);
}

#define CHECK(...)                                                                                 \
    check_at((const struct ps_buf *const[]){__VA_ARGS__, NULL}, X509_KIND_TLS_SERVER, MAKER_NOW_S)

static void a_chain_to_the_root_is_taken_with_and_without_it(void **state)
{
    (void)state;
    assert_ok(CHECK(&leaf, &middle, &root));
    assert_ok(CHECK(&leaf, &middle));
}

static void what_is_out_of_order_missing_or_too_much_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, CHECK(&leaf));
    assert_fails(PS_E_DENIED, CHECK(&leaf, &root, &middle));
    assert_fails(PS_E_DENIED, CHECK(&middle, &leaf));
    assert_fails(PS_E_DENIED, CHECK(&leaf, &middle, &root, &root));
    assert_fails(PS_E_DENIED, CHECK(&leaf, &middle, &middle));
    assert_fails(PS_E_DENIED, CHECK(&leaf, &middle, &stranger));
}

static void a_strangers_chain_is_refused_though_the_names_are_right(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, CHECK(&of_stranger, &stranger));
    assert_fails(PS_E_DENIED, CHECK(&of_stranger));
    assert_fails(PS_E_DENIED, CHECK(&of_stranger, &root));
}

static void it_has_to_be_of_the_key(void **state)
{
    const struct ps_bytes certificates[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&middle)};
    const struct ps_bytes anchor = ps_buf_bytes(&root);
    const struct x509_chain chain = {.certificates = certificates,
                                     .count = 2,
                                     .anchors = &anchor,
                                     .anchor_count = 1,
                                     .spki = ps_buf_bytes(&middle_key.spki),
                                     .kind = X509_KIND_TLS_SERVER,
                                     .now_s = MAKER_NOW_S};

    (void)state;
    assert_fails(PS_E_DENIED, x509_check_chain(&chain));
}

static void without_a_root_nothing_is_trusted(void **state)
{
    const struct ps_bytes certificates[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&middle),
                                            ps_buf_bytes(&root)};
    const struct x509_chain chain = {.certificates = certificates,
                                     .count = 3,
                                     .spki = ps_buf_bytes(&leaf_key.spki),
                                     .kind = X509_KIND_TLS_SERVER,
                                     .now_s = MAKER_NOW_S};

    (void)state;
    assert_fails(PS_E_DENIED, x509_check_chain(&chain));
}

static void a_root_that_did_not_sign_itself_is_refused(void **state)
{
    const struct ps_bytes octets = ps_buf_bytes(&root);
    uint8_t *last = root.data + root.len - 1;
    const struct x509_chain chain = {.certificates = &octets,
                                     .count = 1,
                                     .anchors = &octets,
                                     .anchor_count = 1,
                                     .spki = ps_buf_bytes(&root_key.spki),
                                     .kind = X509_KIND_ROOT,
                                     .now_s = MAKER_NOW_S};

    (void)state;
    assert_ok(x509_check_chain(&chain));
    assert_ok(CHECK(&leaf, &middle));
    *last ^= 1;
    assert_fails(PS_E_DENIED, x509_check_chain(&chain));
    assert_fails(PS_E_DENIED, CHECK(&leaf, &middle));
    *last ^= 1;
}

static void dates_of_all_of_them_count(void **state)
{
    const struct ps_buf *const list[] = {&leaf, &middle, NULL};

    (void)state;
    assert_ok(check_at(list, X509_KIND_TLS_SERVER, MAKER_NOW_S));
    assert_fails(PS_E_DENIED, check_at(list, X509_KIND_TLS_SERVER, MAKER_NOW_S - 1));
    assert_ok(check_at(list, X509_KIND_TLS_SERVER, MAKER_NOW_S + 90 * MAKER_DAY_S - 1));
    assert_fails(PS_E_DENIED,
                 check_at(list, X509_KIND_TLS_SERVER, MAKER_NOW_S + 90 * MAKER_DAY_S + 1));
}

static void the_leaf_does_what_the_key_is_for(void **state)
{
    const struct ps_buf *const list[] = {&leaf, &middle, NULL};

    (void)state;
    assert_ok(check_at(list, X509_KIND_SIGNING, MAKER_NOW_S));
    assert_fails(PS_E_DENIED, check_at(list, X509_KIND_TLS_CLIENT, MAKER_NOW_S));
    assert_fails(PS_E_DENIED, check_at(list, X509_KIND_ENCRYPTION, MAKER_NOW_S));
    assert_fails(PS_E_DENIED, check_at(list, X509_KIND_INTERMEDIATE, MAKER_NOW_S));
    assert_fails(PS_E_DENIED, check_at(list, X509_KIND_DOCUMENT_SIGNER, MAKER_NOW_S));
    assert_fails(PS_E_INPUT, check_at(list, X509_KIND_NONE, MAKER_NOW_S));
}

static void the_count_has_bounds(void **state)
{
    const struct ps_buf *const none[] = {NULL};

    (void)state;
    assert_fails(PS_E_INPUT, check_at(none, X509_KIND_TLS_SERVER, MAKER_NOW_S));
    assert_fails(PS_E_INPUT, CHECK(&leaf, &leaf, &leaf, &leaf, &leaf, &leaf, &leaf, &leaf, &leaf));
}

/* A certificate, changed by OpenSSL and signed by the root. */
static void put_changed(const struct ps_buf *certificate, int (*change)(X509 *x509),
                        struct ps_buf *out)
{
    const uint8_t *at = certificate->data;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate->len);
    uint8_t *der = NULL;
    int len;

    assert_non_null(x509);
    assert_int_equal(change(x509), 1);
    assert_true(X509_sign(x509, root_key.pkey, EVP_sha384()) > 0);
    len = i2d_X509(x509, &der);
    ps_buf_init(out, X509_CERTIFICATE_MAX);
    ps_buf_put(out, ps_bytes(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(x509);
}

/* The leaf below such an intermediate. */
static enum ps_err check_changed(int (*change)(X509 *x509))
{
    PS_BUF_AUTO changed;

    put_changed(&middle, change, &changed);
    return CHECK(&leaf, &changed, &root);
}

static int replace_extension(X509 *x509, int nid, const char *value)
{
    const int place = X509_get_ext_by_NID(x509, nid, -1);
    X509_EXTENSION *extension;
    int done;

    if (place >= 0) {
        X509_EXTENSION_free(X509_delete_ext(x509, place));
    }
    if (value == NULL) {
        return 1;
    }
    extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    done = X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    return done;
}

static int keep(X509 *x509)
{
    return X509_set_version(x509, X509_VERSION_3);
}

static int no_ca(X509 *x509)
{
    return replace_extension(x509, NID_basic_constraints, "critical,CA:FALSE");
}

static int no_constraints(X509 *x509)
{
    return replace_extension(x509, NID_basic_constraints, NULL);
}

static int no_cert_sign(X509 *x509)
{
    return replace_extension(x509, NID_key_usage, "critical,digitalSignature");
}

static int permit_other_names(X509 *x509)
{
    return replace_extension(x509, NID_name_constraints, "critical,permitted;DNS:.inside.org");
}

static int permit_its_name(X509 *x509)
{
    return replace_extension(x509, NID_name_constraints, "critical,permitted;DNS:example.org");
}

/* A critical extension that nobody here knows. */
static int unknown_critical(X509 *x509)
{
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, data);
    const int done = X509_add_ext(x509, extension, -1);

    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
    return done;
}

static int expired(X509 *x509)
{
    return ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)MAKER_NOW_S - 1) != NULL;
}

static int version_1(X509 *x509)
{
    return X509_set_version(x509, X509_VERSION_1);
}

static void what_is_above_the_leaf_is_held_to_its_rules(void **state)
{
    static const struct {
        int (*change)(X509 *x509);
        enum ps_err err;
    } cases[] = {
        {keep, PS_OK},
        {permit_its_name, PS_OK},
        {no_ca, PS_E_DENIED},
        {no_constraints, PS_E_DENIED},
        {no_cert_sign, PS_E_DENIED},
        {permit_other_names, PS_E_DENIED},
        {unknown_critical, PS_E_DENIED},
        {expired, PS_E_DENIED},
        {version_1, PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const enum ps_err err = check_changed(cases[i].change);

        if (err != cases[i].err) {
            fail_msg("case %zu: %s: %s", i, ps_err_info(err)->name, ps_detail()->text);
        }
    }
}

static int no_repudiation_alone(X509 *x509)
{
    return replace_extension(x509, NID_key_usage, "critical,nonRepudiation");
}

static int encipherment_alone(X509 *x509)
{
    return replace_extension(x509, NID_key_usage, "critical,keyEncipherment");
}

static int any_purpose(X509 *x509)
{
    return replace_extension(x509, NID_ext_key_usage, "anyExtendedKeyUsage");
}

static int purpose_of_microsoft(X509 *x509)
{
    return replace_extension(x509, NID_ext_key_usage, "1.3.6.1.4.1.311.10.3.12");
}

static int purpose_of_adobe(X509 *x509)
{
    return replace_extension(x509, NID_ext_key_usage, "1.2.840.113583.1.1.5,clientAuth");
}

static int purpose_of_nobody(X509 *x509)
{
    return replace_extension(x509, NID_ext_key_usage, "1.3.6.1.4.1.99999.1,clientAuth");
}

/* As CAs for documents give them, which write more or less than we do. */
static void document_signers_of_others_are_taken(void **state)
{
    static const struct {
        int (*change)(X509 *x509);
        enum ps_err err;
    } cases[] = {
        {keep, PS_OK},
        {no_repudiation_alone, PS_OK},
        {encipherment_alone, PS_E_DENIED},
        {any_purpose, PS_OK},
        {purpose_of_microsoft, PS_OK},
        {purpose_of_adobe, PS_OK},
        {purpose_of_nobody, PS_E_DENIED},
    };
    struct x509_wish wish = maker_server(&leaf_key, &root_key, &root);
    PS_BUF_AUTO signer;

    (void)state;
    wish.kind = X509_KIND_DOCUMENT_SIGNER;
    wish.sans = NULL;
    assert_ok(maker_issue(&wish, &root_key, &signer));
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        PS_BUF_AUTO changed;
        const struct ps_buf *const list[] = {&changed, NULL};
        enum ps_err err;

        put_changed(&signer, cases[i].change, &changed);
        err = check_at(list, X509_KIND_DOCUMENT_SIGNER, MAKER_NOW_S);
        if (err != cases[i].err) {
            fail_msg("case %zu: %s: %s", i, ps_err_info(err)->name, ps_detail()->text);
        }
    }
}

/* Two CAs below a root whose path length has room for one. */
static int no_room(X509 *x509)
{
    return replace_extension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
}

static void path_lengths_are_counted(void **state)
{
    const uint8_t *at = root.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)root.len);
    const struct ps_bytes certificates[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&middle)};
    struct ps_bytes anchor;
    struct x509_chain chain = {.certificates = certificates,
                               .count = 2,
                               .anchors = &anchor,
                               .anchor_count = 1,
                               .spki = ps_buf_bytes(&leaf_key.spki),
                               .kind = X509_KIND_TLS_SERVER,
                               .now_s = MAKER_NOW_S};
    uint8_t *der = NULL;
    int len;

    (void)state;
    assert_int_equal(no_room(x509), 1);
    assert_true(X509_sign(x509, root_key.pkey, EVP_sha384()) > 0);
    len = i2d_X509(x509, &der);
    anchor = ps_bytes(der, (size_t)len);
    assert_fails(PS_E_DENIED, x509_check_chain(&chain));
    OPENSSL_free(der);
    X509_free(x509);
}

static int room_for_one(X509 *x509)
{
    return replace_extension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
}

static int room_for_two(X509 *x509)
{
    return replace_extension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:2");
}

/* What is wished of an issuer that stands below such a root. */
static enum ps_err issue_below(const struct x509_wish *wish, int (*change)(X509 *x509))
{
    struct x509_wish whole = *wish;
    struct ps_bytes octets;
    enum ps_err err;
    PS_BUF_AUTO changed;
    PS_BUF_AUTO tbs = {.max = X509_CERTIFICATE_MAX};
    PS_BUF_AUTO again = {.max = X509_CERTIFICATE_MAX};

    put_changed(&root, change, &changed);
    octets = ps_buf_bytes(&changed);
    whole.root = octets;
    err = x509_put_tbs(&whole, &tbs);
    assert_true(err == PS_OK || tbs.len == 0);
    whole.root = ps_bytes(NULL, 0);
    whole.above = &octets;
    whole.above_count = 1;
    assert_int_equal(x509_put_tbs(&whole, &again), err);
    return err;
}

static void what_is_above_the_issuer_binds_what_it_issues(void **state)
{
    struct x509_wish server = maker_server(&leaf_key, &middle_key, &middle);
    struct x509_wish client = server;
    struct x509_wish ca = middle_wish();
    PS_BUF_AUTO wide;

    (void)state;
    assert_ok(issue_below(&server, keep));
    assert_ok(issue_below(&server, permit_its_name));
    assert_fails(PS_E_STATE, issue_below(&server, permit_other_names));
    /* A common name is a host's where nothing else names one. */
    client.kind = X509_KIND_TLS_CLIENT;
    client.sans = NULL;
    assert_ok(issue_below(&client, permit_its_name));
    assert_fails(PS_E_STATE, issue_below(&client, permit_other_names));
    ca.path_len = 3;
    assert_ok(maker_issue(&ca, &root_key, &wide));
    ca = middle_wish();
    ca.issuer = ps_buf_bytes(&wide);
    ca.algorithm = middle_key.algorithm;
    ca.spki = ps_buf_bytes(&leaf_key.spki);
    assert_ok(issue_below(&ca, keep));
    assert_ok(issue_below(&ca, room_for_two));
    assert_fails(PS_E_STATE, issue_below(&ca, room_for_one));
}

#define MANY 64u

static void roots_are_taken_up_to_a_number(void **state)
{
    const struct ps_bytes certificates[] = {ps_buf_bytes(&leaf), ps_buf_bytes(&middle)};
    struct ps_bytes anchors[MANY + 1];
    struct x509_chain chain = {.certificates = certificates,
                               .count = PS_COUNT_OF(certificates),
                               .anchors = anchors,
                               .anchor_count = MANY,
                               .spki = ps_buf_bytes(&leaf_key.spki),
                               .kind = X509_KIND_TLS_SERVER,
                               .now_s = MAKER_NOW_S};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(anchors); i++) {
        anchors[i] = ps_buf_bytes(&root);
    }
    assert_ok(x509_check_chain(&chain));
    chain.anchor_count++;
    assert_fails(PS_E_INPUT, x509_check_chain(&chain));
}

/* SHA-1 and RSA of 1024 bits: neither is read at all. */
static void weak_algorithms_and_keys_are_not_read(void **state)
{
    const uint8_t *at = leaf.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)leaf.len);
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    uint8_t *der = NULL;
    struct ps_buf changed;
    int len;

    (void)state;
    assert_true(X509_sign(x509, root_key.pkey, EVP_sha1()) > 0);
    len = i2d_X509(x509, &der);
    ps_buf_init(&changed, X509_CERTIFICATE_MAX);
    ps_buf_put(&changed, ps_bytes(der, (size_t)len));
    assert_fails(PS_E_INPUT, CHECK(&changed));
    OPENSSL_free(der);
    der = NULL;
    assert_int_equal(X509_set_pubkey(x509, weak), 1);
    assert_true(X509_sign(x509, root_key.pkey, EVP_sha384()) > 0);
    len = i2d_X509(x509, &der);
    ps_buf_reset(&changed);
    ps_buf_put(&changed, ps_bytes(der, (size_t)len));
    assert_fails(PS_E_INPUT, CHECK(&changed));
    OPENSSL_free(der);
    ps_buf_clear(&changed);
    EVP_PKEY_free(weak);
    X509_free(x509);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_to_the_root_is_taken_with_and_without_it),
        cmocka_unit_test(what_is_out_of_order_missing_or_too_much_is_refused),
        cmocka_unit_test(a_strangers_chain_is_refused_though_the_names_are_right),
        cmocka_unit_test(it_has_to_be_of_the_key),
        cmocka_unit_test(without_a_root_nothing_is_trusted),
        cmocka_unit_test(a_root_that_did_not_sign_itself_is_refused),
        cmocka_unit_test(dates_of_all_of_them_count),
        cmocka_unit_test(the_leaf_does_what_the_key_is_for),
        cmocka_unit_test(the_count_has_bounds),
        cmocka_unit_test(what_is_above_the_leaf_is_held_to_its_rules),
        cmocka_unit_test(document_signers_of_others_are_taken),
        cmocka_unit_test(path_lengths_are_counted),
        cmocka_unit_test(what_is_above_the_issuer_binds_what_it_issues),
        cmocka_unit_test(roots_are_taken_up_to_a_number),
        cmocka_unit_test(weak_algorithms_and_keys_are_not_read),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
