#include "keystore/policy/rules.h"

#include "tests/unit/vectors.h"

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
static void change_name(struct key_record *key)
{
    key->name = text("privyseal.x");
}

static void drop_formats(struct key_record *key)
{
    key->format_count = 0;
}

static void add_format(struct key_record *key)
{
    key->formats[key->format_count++] = PS_FORMAT_JWS;
}

static void add_raw(struct key_record *key)
{
    key->formats[key->format_count++] = PS_FORMAT_RAW;
}

static void only_raw(struct key_record *key)
{
    key->format_count = 0;
    add_raw(key);
}

static void add_data_integrity(struct key_record *key)
{
    key->formats[key->format_count++] = PS_FORMAT_DATA_INTEGRITY;
}

static void only_data_integrity(struct key_record *key)
{
    key->format_count = 0;
    add_data_integrity(key);
}

static void raw_and_data_integrity(struct key_record *key)
{
    only_raw(key);
    add_data_integrity(key);
}

static void drop_algorithms(struct key_record *key)
{
    key->algorithm_count = 0;
}

static void add_algorithm(struct key_record *key)
{
    key->algorithms[key->algorithm_count++] = PS_ALG_RS256;
}

static void drop_token(struct key_record *key)
{
    key->token = text("");
}

static void reside_wrapped(struct key_record *key)
{
    key->residence = text("wrapped");
    key->recovery = text("wrapped");
}

static void reside_wrapped_recover_none(struct key_record *key)
{
    key->residence = text("wrapped");
}

static void recover_wrapped(struct key_record *key)
{
    key->recovery = text("wrapped");
}

static void recover_replicated(struct key_record *key)
{
    key->recovery = text("replicated");
}

static void recover_vendor(struct key_record *key)
{
    key->recovery = text("vendor");
}

static void begin_suspended(struct key_record *key)
{
    key->state = KEY_SUSPENDED;
}

static void begin_pre_activation(struct key_record *key)
{
    key->state = KEY_PRE_ACTIVATION;
}

static void sample(struct key_record *key)
{
    key->verify = KEY_VERIFY_SAMPLED;
}

static void longest(struct key_record *key)
{
    key->validity_s = RECORD_SECONDS_MAX;
    key->jwt_max_ttl_s = RECORD_SECONDS_MAX;
    key->rotation.period_s = RECORD_SECONDS_MAX;
    key->rotation.publish_ahead_s = RECORD_SECONDS_MAX - 1;
    key->rotation.retain_s = RECORD_SECONDS_MAX;
}

static void too_long_validity(struct key_record *key)
{
    key->validity_s = RECORD_SECONDS_MAX + 1;
}

static void too_long_period(struct key_record *key)
{
    key->rotation.period_s = RECORD_SECONDS_MAX + 1;
}

static void too_long_publish_ahead(struct key_record *key)
{
    key->rotation.publish_ahead_s = RECORD_SECONDS_MAX + 1;
}

static void too_long_retain(struct key_record *key)
{
    key->rotation.retain_s = RECORD_SECONDS_MAX + 1;
}

static void too_long_ttl(struct key_record *key)
{
    key->jwt_max_ttl_s = RECORD_SECONDS_MAX + 1;
}

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

static void pin_type(struct key_record *key)
{
    key->jwt_type = text("at+jwt");
}

static void pin_issuer(struct key_record *key)
{
    key->jwt_issuer = text("https://id.example");
}

static void pin_ttl(struct key_record *key)
{
    key->jwt_max_ttl_s = 60;
}

static void pin_type_of_raw(struct key_record *key)
{
    only_raw(key);
    pin_type(key);
}

static void move_wrapping(struct key_record *key)
{
    key->name = text("wrapping");
}

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
    {PS_USAGE_CERTIFY, add_format, &theirs, "no-format"},
    {PS_USAGE_DECRYPT, add_format, &theirs, "no-format"},
    {PS_USAGE_ENCRYPT, add_raw, &theirs, "no-format"},
    {PS_USAGE_MAC, add_format, &theirs, "no-format"},
    {PS_USAGE_SIGN, add_raw, &theirs, "raw-alone"},
    {PS_USAGE_SIGN, only_raw, &theirs, ""},
    {PS_USAGE_SIGN, raw_and_data_integrity, &theirs, "raw-alone"},
    {PS_USAGE_SIGN, add_data_integrity, &theirs, "data-integrity-alone"},
    {PS_USAGE_SIGN, only_data_integrity, &theirs, ""},
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
    {PS_USAGE_SIGN, recover_wrapped, &able, ""},
    {PS_USAGE_SIGN, recover_replicated, &theirs, "recovery-replicated"},
    {PS_USAGE_SIGN, recover_replicated, &able, ""},
    {PS_USAGE_SIGN, recover_vendor, &theirs, "recovery-vendor"},
    {PS_USAGE_SIGN, recover_vendor, &able, ""},
    {PS_USAGE_SIGN, begin_suspended, &theirs, "state"},
    {PS_USAGE_SIGN, begin_pre_activation, &theirs, ""},
    {PS_USAGE_SIGN, sample, &theirs, ""},
    {PS_USAGE_CERTIFY, sample, &theirs, "verify-sampled"},
    {PS_USAGE_MAC, sample, &theirs, "verify-sampled"},
    {PS_USAGE_SIGN, longest, &theirs, ""},
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
    {PS_USAGE_SIGN, pin_type, &theirs, ""},
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

static struct json_value parse(const char *body)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value value = {0};

    assert_ok(json_parse(json, text(body), &limits, &value));
    return value;
}

#define PIN "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static void client_has_an_identity_that_may_be_one(void **state)
{
    static const uint32_t own[] = {501, 502};
    static const struct {
        const char *name;
        const char *pins;
        const char *uids;
        const char *san;
        bool is_rehearsal;
        const char *rule;
    } cases[] = {
        {"oidc", "[\"" PIN "\"]", "[]", "", false, ""},
        {"oidc", "[]", "[7]", "", false, ""},
        {"oidc", "[]", "[]", "a.example", false, ""},
        {"oidc", "[]", "[]", "", false, "identity"},
        {"privyseal.x", "[]", "[7]", "", false, "reserved-name"},
        {"oidc", "[]", "[]", "*.example", false, "exact-san"},
        {"oidc", "[]", "[7,0]", "", false, "uid-zero"},
        {"oidc", "[]", "[7,0]", "", true, ""},
        {"oidc", "[]", "[7,502]", "", true, "own-uid"},
        {"oidc", "[]", "[503]", "", false, ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct client_rule_context context = {
            .is_rehearsal = cases[i].is_rehearsal, .refused_uids = own, .refused_count = 2};
        const char *rule = cases[i].rule;
        char body[512];
        struct client_record record;
        const struct rule *broken;

        (void)snprintf(body, sizeof body,
                       "{\"issuer\":\"%s\",\"listener\":\"both\",\"name\":\"%s\",\"pins\":%s,"
                       "\"san\":\"%s\",\"suspended\":false,\"uids\":%s}",
                       cases[i].san[0] == 0 ? "" : PIN, cases[i].name, cases[i].pins, cases[i].san,
                       cases[i].uids);
        assert_ok(client_record_read(parse(body), &record));
        broken = rules_check_client(&record, &context);
        assert_string_equal(broken == NULL ? "" : broken->name, rule);
    }
}

static void record_without_lists_has_no_identity(void **state)
{
    const struct client_record record = {.name = text("oidc")};
    const struct client_rule_context context = {0};

    (void)state;
    assert_string_equal(rules_check_client(&record, &context)->name, "identity");
}

static void grant_names_what_exists(void **state)
{
    static const struct {
        const char *keys;
        const char *operations;
        const char *formats;
        unsigned not_after;
        const char *rule;
    } cases[] = {
        {"oidc.*", "[\"jws.sign\"]", "[]", 0, ""},
        {"*", "[\"jws.sign\",\"cose.sign\",\"keys.read\"]", "[\"cose\",\"jws\"]", 0, ""},
        {"privyseal*", "[\"mac\"]", "[]", 0, ""},
        {"privyseal.*", "[\"mac\"]", "[]", 0, "reserved-name"},
        {"privyseal.log", "[\"mac\"]", "[]", 0, "reserved-name"},
        {"*", "[\"jws.sign\",\"jws\"]", "[]", 0, "operations"},
        {"*", "[\"x509.issue\"]", "[]", 0, "operations"},
        {"*", "[\"x509.issue:wallet\"]", "[]", 0, ""},
        {"*", "[\"jws.sign\"]", "[\"raw\"]", 0, "formats"},
        {"*", "[\"mac\"]", "[\"jws\"]", 0, "formats"},
        {"*", "[\"mac\"]", "[]", 1000, "not-after"},
        {"*", "[\"mac\"]", "[]", 1001, ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        struct grant_record record;
        const struct rule *broken;
        char body[512];

        (void)snprintf(body, sizeof body,
                       "{\"client\":\"oidc\",\"formats\":%s,\"id\":\"g\",\"keys\":\"%s\","
                       "\"not_after_s\":%u,\"operations\":%s,\"rate_per_s\":0}",
                       cases[i].formats, cases[i].keys, cases[i].not_after, cases[i].operations);
        assert_ok(grant_record_read(parse(body), &record));
        broken = rules_check_grant(&record, 1000);
        assert_string_equal(broken == NULL ? "" : broken->name, cases[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_keys_of_every_usage_break_nothing),
        cmocka_unit_test(types_fit_usages),
        cmocka_unit_test(one_change_breaks_its_one_rule),
        cmocka_unit_test(wrapping_key_is_the_appliances_and_stays_in_its_token),
        cmocka_unit_test(client_has_an_identity_that_may_be_one),
        cmocka_unit_test(record_without_lists_has_no_identity),
        cmocka_unit_test(grant_names_what_exists),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
