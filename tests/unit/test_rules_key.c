#include "keystore/policy/rules.h"

#include "tests/unit/support.h"

static struct ps_bytes text(const char *string)
{
    return ps_bytes_str(string);
}

/* A good key of each usage. */
static struct key_record good(enum ps_usage usage)
{
    struct key_record key = {
        .name = text("oidc.id-token"),
        .usage = usage,
        .residence = text("token"),
        .recovery = text("none"),
        .token = text("a"),
        .state = KEY_ACTIVE,
        .verify = KEY_VERIFY_ALWAYS,
    };

    switch ((unsigned)usage) {
    case PS_USAGE_SIGN:
        key.formats[key.format_count++] = PS_FORMAT_JWS;
        key.formats[key.format_count++] = PS_FORMAT_COSE;
        key.type = PS_KEY_EC_P256;
        key.algorithms[key.algorithm_count++] = PS_ALG_ES256;
        break;
    case PS_USAGE_CERTIFY:
        key.class = KEY_CLASS_A;
        key.formats[key.format_count++] = PS_FORMAT_X509;
        key.type = PS_KEY_RSA_4096;
        key.algorithms[key.algorithm_count++] = PS_ALG_PS512;
        key.algorithms[key.algorithm_count++] = PS_ALG_RS256;
        break;
    case PS_USAGE_DECRYPT:
        key.type = PS_KEY_RSA_2048;
        break;
    case PS_USAGE_MAC:
        key.type = PS_KEY_HMAC_SHA256;
        break;
    case PS_USAGE_WRAP:
        key.name = text("privyseal.wrapping");
        key.type = PS_KEY_AES_256;
        break;
    default:
        key.type = PS_KEY_AES_256;
    }
    return key;
}

static void assert_broken(const struct key_record *key, const struct key_rule_context *context,
                          const char *expected)
{
    const struct rule *broken = rules_check_key(key, context);

    assert_string_equal(broken == NULL ? "" : broken->name, expected);
    assert_true(broken == NULL || strlen(broken->detail) > 20);
}

static const struct key_rule_context theirs = {.jwks_max_age_s = 300};
static const struct key_rule_context ours = {.is_ours = true};
static const struct key_rule_context alone = {.has_wrapping_key = true};
static const struct key_rule_context able = {
    .has_wrapping_key = true, .has_replicas = true, .has_vendor_recovery = true};

static void good_keys_of_every_usage_break_nothing(void **state)
{
    (void)state;
    for (unsigned usage = PS_USAGE_NONE + 1; usage < PS_USAGE_COUNT; usage++) {
        const struct key_record key = good((enum ps_usage)usage);

        assert_broken(&key, &ours, "");
        if (usage != PS_USAGE_WRAP) {
            assert_broken(&key, &theirs, "");
        }
    }
}

static void a_key_that_certifies_is_of_class_a_and_others_may_be(void **state)
{
    struct key_record key = good(PS_USAGE_CERTIFY);

    (void)state;
    key.class = KEY_CLASS_B;
    assert_broken(&key, &theirs, "certify-class");
    key = good(PS_USAGE_SIGN);
    key.class = KEY_CLASS_A;
    assert_broken(&key, &theirs, "");
}

/* Which types go with which usage: the types in the order of their enum, x where it fits. */
static void types_fit_usages(void **state)
{
    static const struct {
        enum ps_usage usage;
        const char *fits; /* rsa 2048 3072 4096, p256 p384 p521 secp256k1, ed25519, aes, hmac */
        const char *rule;
    } rows[] = {
        {PS_USAGE_SIGN, "xxxxxxxx..", "sign-type"},
        {PS_USAGE_CERTIFY, "xxxxxxxx..", "sign-type"},
        {PS_USAGE_DECRYPT, "xxxxx.....", "decrypt-type"},
        {PS_USAGE_ENCRYPT, "........x.", "encrypt-type"},
        {PS_USAGE_MAC, ".........x", "mac-type"},
        {PS_USAGE_WRAP, "........x.", "wrap-type"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        for (unsigned type = PS_KEY_NONE + 1; type < PS_KEY_COUNT; type++) {
            struct key_record key = good(rows[i].usage);

            key.type = (enum ps_key_type)type;
            if (rows[i].fits[type - 1] == 'x') {
                const struct rule *broken = rules_check_key(&key, &ours);

                assert_true(broken == NULL || strcmp(broken->name, "algorithm-type") == 0);
            } else {
                assert_broken(&key, &ours, rows[i].rule);
            }
        }
    }
}

/* One change of a good key for each rule, and the nearest one that is still fine. */
#define CHANGE(name, statement)                                                                    \
    static void name(struct key_record *key)                                                       \
    {                                                                                              \
        statement;                                                                                 \
    }

CHANGE(change_name, key->name = text("privyseal.x"))
CHANGE(drop_formats, key->format_count = 0)
CHANGE(add_format, key->formats[key->format_count++] = PS_FORMAT_JWS)
CHANGE(add_x509, key->formats[key->format_count++] = PS_FORMAT_X509)

static void only_jws(struct key_record *key)
{
    key->format_count = 0;
    add_format(key);
}

static void only_cms(struct key_record *key)
{
    key->formats[0] = PS_FORMAT_CMS;
    key->format_count = 1;
}

CHANGE(add_cms, key->formats[key->format_count++] = PS_FORMAT_CMS)
CHANGE(add_raw, key->formats[key->format_count++] = PS_FORMAT_RAW)

static void only_raw(struct key_record *key)
{
    key->format_count = 0;
    add_raw(key);
}

CHANGE(add_data_integrity, key->formats[key->format_count++] = PS_FORMAT_DATA_INTEGRITY)

static void data_integrity_of(struct key_record *key, enum ps_key_type type, enum ps_alg alg)
{
    key->format_count = 0;
    add_data_integrity(key);
    key->type = type;
    key->algorithms[0] = alg;
    key->algorithm_count = 1;
}

CHANGE(data_integrity_of_rsa, data_integrity_of(key, PS_KEY_RSA_2048, PS_ALG_PS256))
CHANGE(data_integrity_of_p521, data_integrity_of(key, PS_KEY_EC_P521, PS_ALG_ES512))
CHANGE(data_integrity_of_secp256k1, data_integrity_of(key, PS_KEY_EC_SECP256K1, PS_ALG_ES256K))
CHANGE(data_integrity_of_p384, data_integrity_of(key, PS_KEY_EC_P384, PS_ALG_ES384))
CHANGE(data_integrity_of_ed25519, data_integrity_of(key, PS_KEY_ED25519, PS_ALG_EDDSA))

static void only_data_integrity(struct key_record *key)
{
    key->format_count = 0;
    add_data_integrity(key);
}

static void jws_and_data_integrity(struct key_record *key)
{
    key->format_count = 1;
    add_data_integrity(key);
}

static void raw_and_data_integrity(struct key_record *key)
{
    only_raw(key);
    add_data_integrity(key);
}

CHANGE(drop_algorithms, key->algorithm_count = 0)
CHANGE(add_algorithm, key->algorithms[key->algorithm_count++] = PS_ALG_RS256)
CHANGE(drop_token, key->token = text(""))

static void reside_wrapped(struct key_record *key)
{
    key->residence = text("wrapped");
    key->recovery = text("wrapped");
}

static void reside_wrapped_recover_replicated(struct key_record *key)
{
    key->residence = text("wrapped");
    key->recovery = text("replicated");
}

CHANGE(reside_wrapped_recover_none, key->residence = text("wrapped"))
CHANGE(recover_wrapped, key->recovery = text("wrapped"))
CHANGE(recover_replicated, key->recovery = text("replicated"))
CHANGE(recover_vendor, key->recovery = text("vendor"))
CHANGE(begin_suspended, key->state = KEY_SUSPENDED)
CHANGE(begin_pre_activation, key->state = KEY_PRE_ACTIVATION)
CHANGE(sample, key->verify = KEY_VERIFY_SAMPLED)

static void longest(struct key_record *key)
{
    key->validity_s = RECORD_SECONDS_MAX;
    key->format_count = 1;
    key->jwt_max_ttl_s = RECORD_SECONDS_MAX;
    key->rotation.period_s = RECORD_SECONDS_MAX;
    key->rotation.publish_ahead_s = RECORD_SECONDS_MAX - 1;
    key->rotation.retain_s = RECORD_SECONDS_MAX;
}

CHANGE(longest_ahead, key->rotation.publish_ahead_s = RECORD_SECONDS_MAX)
CHANGE(too_long_validity, key->validity_s = RECORD_SECONDS_MAX + 1)
CHANGE(too_long_period, key->rotation.period_s = RECORD_SECONDS_MAX + 1)
CHANGE(too_long_publish_ahead, key->rotation.publish_ahead_s = RECORD_SECONDS_MAX + 1)
CHANGE(too_long_retain, key->rotation.retain_s = RECORD_SECONDS_MAX + 1)
CHANGE(too_long_ttl, key->jwt_max_ttl_s = RECORD_SECONDS_MAX + 1)

static void rotate(struct key_record *key)
{
    key->rotation = (struct rotation){.period_s = 1000, .publish_ahead_s = 300};
}

static void publish_too_early(struct key_record *key)
{
    key->rotation = (struct rotation){.period_s = 1000, .publish_ahead_s = 1000};
}

static void publish_late(struct key_record *key)
{
    key->rotation = (struct rotation){.period_s = 1000, .publish_ahead_s = 299};
}

static void expire_before_rotation(struct key_record *key)
{
    rotate(key);
    key->validity_s = 999;
}

static void expire_at_rotation(struct key_record *key)
{
    rotate(key);
    key->validity_s = 1000;
}

static void certify_from_outside(struct key_record *key)
{
    key->rotation.certificates = KEY_CERTIFICATES_EXTERNAL;
    key->state = KEY_PRE_ACTIVATION;
}

static void certify_inside(struct key_record *key)
{
    certify_from_outside(key);
    key->rotation.certificates = KEY_CERTIFICATES_INTERNAL;
    key->issuer = text("ca.issuing");
}

static void certify_without_issuer(struct key_record *key)
{
    certify_inside(key);
    key->issuer = text("");
}

static void certify_by_itself(struct key_record *key)
{
    certify_inside(key);
    key->issuer = key->name;
}

static void name_needless_issuer(struct key_record *key)
{
    certify_from_outside(key);
    key->issuer = text("ca.issuing");
}

static void certify_when_active(struct key_record *key)
{
    certify_from_outside(key);
    key->state = KEY_ACTIVE;
}

static void stop_at_its_end(struct key_record *key)
{
    certify_from_outside(key);
    key->rotation.stops = true;
}

CHANGE(stop_without_certificate, key->rotation.stops = true)
CHANGE(pin_type, key->jwt_type = text("at+jwt"))
CHANGE(pin_issuer, key->jwt_issuer = text("https://id.example"))
CHANGE(pin_ttl, key->jwt_max_ttl_s = 60)

static void pin_type_of_jws(struct key_record *key)
{
    key->format_count = 1;
    pin_type(key);
}

static void pin_type_of_raw(struct key_record *key)
{
    only_raw(key);
    pin_type(key);
}

CHANGE(move_wrapping, key->name = text("wrapping"))

struct key_case {
    enum ps_usage usage;
    void (*change)(struct key_record *key);
    const struct key_rule_context *context;
    const char *rule;
};

static const struct key_case key_cases[] = {
    {PS_USAGE_SIGN, change_name, &theirs, "reserved-name"},
    {PS_USAGE_SIGN, change_name, &ours, ""},
    {PS_USAGE_SIGN, drop_formats, &theirs, "sign-format"},
    {PS_USAGE_CERTIFY, drop_formats, &theirs, "certify-format"},
    {PS_USAGE_CERTIFY, add_format, &theirs, "certify-format"},
    {PS_USAGE_CERTIFY, add_cms, &theirs, "certify-format"},
    {PS_USAGE_CERTIFY, only_cms, &theirs, ""},
    {PS_USAGE_CERTIFY, only_jws, &theirs, "format-usage"},
    {PS_USAGE_SIGN, add_x509, &theirs, "format-usage"},
    {PS_USAGE_SIGN, only_cms, &theirs, "format-usage"},
    {PS_USAGE_MAC, add_x509, &theirs, "no-format"},
    {PS_USAGE_DECRYPT, add_format, &theirs, "no-format"},
    {PS_USAGE_ENCRYPT, add_raw, &theirs, "no-format"},
    {PS_USAGE_MAC, add_format, &theirs, "no-format"},
    {PS_USAGE_SIGN, add_raw, &theirs, "raw-alone"},
    {PS_USAGE_SIGN, only_raw, &theirs, ""},
    {PS_USAGE_SIGN, raw_and_data_integrity, &theirs, "raw-alone"},
    {PS_USAGE_SIGN, add_data_integrity, &theirs, "data-integrity-alone"},
    {PS_USAGE_SIGN, jws_and_data_integrity, &theirs, "data-integrity-alone"},
    {PS_USAGE_SIGN, only_data_integrity, &theirs, ""},
    {PS_USAGE_SIGN, data_integrity_of_p384, &theirs, ""},
    {PS_USAGE_SIGN, data_integrity_of_ed25519, &theirs, ""},
    {PS_USAGE_SIGN, data_integrity_of_rsa, &theirs, "data-integrity-type"},
    {PS_USAGE_SIGN, data_integrity_of_p521, &theirs, "data-integrity-type"},
    {PS_USAGE_SIGN, data_integrity_of_secp256k1, &theirs, "data-integrity-type"},
    {PS_USAGE_SIGN, drop_algorithms, &theirs, "sign-algorithm"},
    {PS_USAGE_CERTIFY, drop_algorithms, &theirs, "sign-algorithm"},
    {PS_USAGE_DECRYPT, add_algorithm, &theirs, "no-algorithm"},
    {PS_USAGE_ENCRYPT, add_algorithm, &theirs, "no-algorithm"},
    {PS_USAGE_SIGN, add_algorithm, &theirs, "algorithm-type"},
    {PS_USAGE_SIGN, drop_token, &theirs, "token"},
    {PS_USAGE_SIGN, reside_wrapped, &theirs, "residence-wrapped"},
    {PS_USAGE_SIGN, reside_wrapped, &able, ""},
    {PS_USAGE_SIGN, reside_wrapped_recover_none, &able, "residence-recovery"},
    {PS_USAGE_SIGN, recover_wrapped, &theirs, "recovery-wrapped"},
    {PS_USAGE_SIGN, recover_wrapped, &able, "recovery-residence"},
    {PS_USAGE_SIGN, recover_replicated, &theirs, "recovery-replicated"},
    {PS_USAGE_SIGN, recover_replicated, &able, "recovery-residence"},
    {PS_USAGE_SIGN, reside_wrapped_recover_replicated, &able, ""},
    {PS_USAGE_SIGN, reside_wrapped_recover_replicated, &alone, "recovery-replicated"},
    {PS_USAGE_SIGN, recover_vendor, &theirs, "recovery-vendor"},
    {PS_USAGE_SIGN, recover_vendor, &able, ""},
    {PS_USAGE_SIGN, begin_suspended, &theirs, "state"},
    {PS_USAGE_SIGN, begin_pre_activation, &theirs, ""},
    {PS_USAGE_SIGN, sample, &theirs, ""},
    {PS_USAGE_CERTIFY, sample, &theirs, "verify-sampled"},
    {PS_USAGE_MAC, sample, &theirs, "verify-sampled"},
    {PS_USAGE_SIGN, longest, &theirs, ""},
    {PS_USAGE_SIGN, longest_ahead, &theirs, ""},
    {PS_USAGE_SIGN, too_long_validity, &theirs, "durations"},
    {PS_USAGE_SIGN, too_long_period, &theirs, "durations"},
    {PS_USAGE_SIGN, too_long_publish_ahead, &theirs, "durations"},
    {PS_USAGE_SIGN, too_long_retain, &theirs, "durations"},
    {PS_USAGE_SIGN, too_long_ttl, &theirs, "durations"},
    {PS_USAGE_SIGN, rotate, &theirs, ""},
    {PS_USAGE_SIGN, publish_too_early, &theirs, "publish-ahead"},
    {PS_USAGE_SIGN, publish_late, &theirs, "publish-max-age"},
    /* Nobody reads a MAC key from a JWKS. */
    {PS_USAGE_MAC, publish_late, &theirs, ""},
    {PS_USAGE_SIGN, expire_before_rotation, &theirs, "rotation-validity"},
    {PS_USAGE_SIGN, expire_at_rotation, &theirs, ""},
    {PS_USAGE_SIGN, certify_from_outside, &theirs, ""},
    {PS_USAGE_DECRYPT, certify_inside, &theirs, ""},
    {PS_USAGE_MAC, certify_from_outside, &theirs, "certificate-type"},
    {PS_USAGE_SIGN, certify_without_issuer, &theirs, "certificate-issuer"},
    {PS_USAGE_SIGN, certify_by_itself, &theirs, "certificate-issuer"},
    {PS_USAGE_SIGN, name_needless_issuer, &theirs, "certificate-issuer"},
    {PS_USAGE_SIGN, certify_when_active, &theirs, "certificate-state"},
    {PS_USAGE_SIGN, stop_at_its_end, &theirs, ""},
    {PS_USAGE_SIGN, stop_without_certificate, &theirs, "on-expiry"},
    {PS_USAGE_SIGN, pin_type, &theirs, "jwt-pins"},
    {PS_USAGE_SIGN, pin_type_of_jws, &theirs, ""},
    {PS_USAGE_SIGN, pin_type_of_raw, &theirs, "jwt-pins"},
    {PS_USAGE_CERTIFY, pin_issuer, &theirs, "jwt-pins"},
    {PS_USAGE_MAC, pin_ttl, &theirs, "jwt-pins"},
    {PS_USAGE_WRAP, move_wrapping, &ours, "wrap-ours"},
    {PS_USAGE_WRAP, rotate, &ours, "wrap-rotation"},
};

static void one_change_breaks_its_one_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(key_cases); i++) {
        struct key_record key = good(key_cases[i].usage);

        key_cases[i].change(&key);
        assert_broken(&key, key_cases[i].context, key_cases[i].rule);
    }
}

static void wrapping_key_is_the_appliances_and_stays_in_its_token(void **state)
{
    const struct key_rule_context both = {.is_ours = true, .has_wrapping_key = true};
    struct key_record key = good(PS_USAGE_WRAP);

    (void)state;
    assert_broken(&key, &theirs, "reserved-name");
    key.name = text("mine");
    assert_broken(&key, &theirs, "wrap-ours");
    key = good(PS_USAGE_WRAP);
    reside_wrapped(&key);
    assert_broken(&key, &both, "wrap-residence");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_keys_of_every_usage_break_nothing),
        cmocka_unit_test(a_key_that_certifies_is_of_class_a_and_others_may_be),
        cmocka_unit_test(types_fit_usages),
        cmocka_unit_test(one_change_breaks_its_one_rule),
        cmocka_unit_test(wrapping_key_is_the_appliances_and_stays_in_its_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
