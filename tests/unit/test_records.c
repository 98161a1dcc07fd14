#include "keystore/catalog/records.h"

#include "lib/base/encode.h"
#include "tests/unit/record_round_trip.h"
#include "tests/unit/vectors.h"

/* One good row of each kind; the tests change a member of it and see that it is refused. */
#define HASH_TEXT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define PIN_TEXT  "__________________________________________8"

#define KEY_ROW                                                                                    \
    "{\"algorithms\":[\"PS256\",\"RS256\"],\"formats\":[\"jws\",\"cose\"],"                        \
    "\"jwt\":{\"iss\":\"https://id.example\",\"max_ttl_s\":3600,\"typ\":\"at+jwt\"},"              \
    "\"labels\":{\"owner\":\"\xc3\xa4\\\"\"},\"latest\":2,\"name\":\"oidc.id-token\","             \
    "\"recovery\":\"none\",\"residence\":\"token\","                                               \
    "\"rotation\":{\"period_s\":100,\"publish_ahead_s\":10,\"retain_s\":20},"                      \
    "\"state\":\"active\",\"token\":\"a\",\"type\":\"rsa-2048\",\"usage\":\"sign\","               \
    "\"validity_s\":0,\"verify\":\"always\"}"

#define VERSION_ROW                                                                                \
    "{\"activates_s\":2,\"created_s\":1,\"expires_s\":3,\"key\":\"oidc.id-token\","                \
    "\"kid\":\"abc\",\"number\":2,\"object_id\":\"AQ\",\"public_key\":\"\",\"retired_s\":0,"       \
    "\"state\":\"pre-activation\",\"token\":\"a\"}"

#define CERTIFICATE_ROW                                                                            \
    "{\"chain\":[\"AQID\",\"BA\"],\"key\":\"oidc.id-token\",\"kind\":\"external\","                \
    "\"not_after_s\":2,\"not_before_s\":1,\"number\":2,\"root\":\"AQ\"}"

#define CLIENT_ROW                                                                                 \
    "{\"issuer\":\"" HASH_TEXT "\",\"listener\":\"both\",\"name\":\"oidc\","                       \
    "\"pins\":[\"" PIN_TEXT "\",\"" HASH_TEXT "\"],\"san\":\"oidc.example\","                      \
    "\"suspended\":false,\"uids\":[0,4294967294]}"

#define GRANT_ROW                                                                                  \
    "{\"client\":\"oidc\",\"formats\":[\"jws\"],\"id\":\"g-1\",\"keys\":\"oidc.*\","               \
    "\"not_after_s\":5,\"operations\":[\"jws.sign\",\"x509.issue:wallet\"],\"rate_per_s\":100}"

#define SET_ROW "{\"keys\":[\"oidc.*\",\"a\",\"*\"],\"max_age_s\":300,\"name\":\"default\"}"
#define PROFILE_ROW                                                                                \
    "{\"crl_url\":\"\",\"key\":\"ca\",\"kind\":\"tls-client\",\"longest_s\":86400,"                \
    "\"name\":\"clients\",\"proof\":true,\"purposes\":[\"client-auth\"],"                          \
    "\"sans\":[\"dns:*.example.org\",\"email:*\"],"                                                \
    "\"subject\":{\"common_name\":\"c-*\",\"country\":\"MA\"}}"
#define REVOCATION_ROW                                                                             \
    "{\"key\":\"ca\",\"reason\":\"key-compromise\",\"revoked_s\":5,\"serial\":\"AQI\"}"
#define FAMILY_KEY                                                                                 \
    "{\"algorithms\":[\"ES256\"],\"formats\":[\"jws\"],"                                           \
    "\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,\"typ\":\"\"},"                                         \
    "\"labels\":{},\"latest\":1,\"name\":\"wallet.\",\"recovery\":\"wrapped\","                    \
    "\"residence\":\"wrapped\",\"rotation\":{\"period_s\":0,\"publish_ahead_s\":0,\"retain_s\":0}" \
    ","                                                                                            \
    "\"state\":\"active\",\"token\":\"a\",\"type\":\"ec-p256\",\"usage\":\"sign\","                \
    "\"validity_s\":0,\"verify\":\"sampled\"}"
#define FAMILY_ROW                                                                                 \
    "{\"client\":\"wallet\",\"key\":" FAMILY_KEY ",\"made\":2,\"maximum\":3,"                      \
    "\"prefix\":\"wallet.\",\"suspended\":false}"
#define POLICY_ROW_                                                                                \
    "{\"document\":{\"classes\":{\"A\":{\"auditors\":\"1\",\"officers\":\"2"                       \
    "\",\"requester\":\"excluded\"},\"B\":{\"auditors\":\"0\",\"officers\":"                       \
    "\"2\",\"requester\":\"excluded\"},\"C\":{\"auditors\":\"0\",\"officers"                       \
    "\":\"1\",\"requester\":\"counted\"},\"U\":{\"auditors\":\"0\",\"office"                       \
    "rs\":\"2\",\"requester\":\"counted\"}},\"cooling_off_s\":\"86400\",\"e"                       \
    "poch\":\"1\",\"recovery\":{\"delay_s\":\"259200\",\"threshold\":\"2\"}"                       \
    ",\"sk\":{\"application\":\"ssh:\",\"presence\":true,\"verification\":t"                       \
    "rue},\"v\":\"1\"},\"epoch\":1}"
#define PERSON_ROW                                                                                 \
    "{\"keys\":[\"ssh-ed25519 "                                                                    \
    "AAAAC3NzaC1lZDI1NTE5AAAAIIHAGpqk66GFEM/Qr2Q/jbG11bYrcDRZWs+8jv9q84LC\"],"                     \
    "\"person\":\"alice\",\"role\":\"officer\",\"valid_from\":\"2026-01-01T00:00:00Z\","           \
    "\"valid_until\":\"2028-01-01T00:00:00Z\"}"
#define PIN_HOLDER(name)                                                                           \
    "{\"certificate\":\"" HASH_TEXT "\",\"commitment\":\"" HASH_TEXT "\",\"entry\":\"" HASH_TEXT   \
    "\",\"officer\":\"" name "\",\"sealed\":\"MAA\"}"
#define PIN_ROW                                                                                    \
    "{\"check\":\"" HASH_TEXT "\",\"holders\":[" PIN_HOLDER("alice") "," PIN_HOLDER(               \
        "bob") "],\"next\":false,\"pin\":\"user\",\"salt\":\"AAECAwQFBgcICQoLDA0ODw\","            \
               "\"set\":\"AAECAwQFBgcICQoLDA0ODw\",\"threshold\":2,\"token\":\"a\"}"
#define TOKEN_WITH(member)                                                                         \
    "{\"firmware\":\"2.6\",\"label\":\"main\",\"manufacturer\":\"SoftHSM project\","               \
    "\"model\":\"SoftHSM v2\",\"module_hash\":\"" HASH_TEXT "\",\"name\":\"a\","                   \
    "\"profile\":\"softhsm2\"," member "\"serial\":\"0123\"}"
#define TOKEN_ROW      TOKEN_WITH("")
#define APPROVED(hash) TOKEN_WITH("\"profile_hash\":\"" hash "\",")
#define PRUNED_ROW                                                                                 \
    "{\"archive\":\"" HASH_TEXT "\",\"name\":\"2026-11-0001\",\"place\":\"shelf 7\","              \
    "\"root\":\"" HASH_TEXT "\",\"size\":9}"
#define APPLIANCE_ROW_                                                                             \
    "{\"configuration\":\"" HASH_TEXT "\",\"created_s\":1,\"locked\":true,"                        \
    "\"log_object_id\":\"AQ\",\"log_token\":\"a\","                                                \
    "\"log_verifier\":\"x+1+abc\",\"origin\":\"privyseal.example/a\",\"practice\":false}"

struct good {
    enum catalog_kind kind;
    const char *name;
    const char *row;
};

static const struct good goods[] = {
    {CATALOG_KEY, "oidc.id-token", KEY_ROW},
    {CATALOG_VERSION, "oidc.id-token/2", VERSION_ROW},
    {CATALOG_CLIENT, "oidc", CLIENT_ROW},
    {CATALOG_GRANT, "g-1", GRANT_ROW},
    {CATALOG_SET, "default", SET_ROW},
    {CATALOG_PROFILE, "clients", PROFILE_ROW},
    {CATALOG_REVOCATION, "ca/AQI", REVOCATION_ROW},
    {CATALOG_FAMILY, "wallet.", FAMILY_ROW},
    {CATALOG_POLICY, "policy", POLICY_ROW_},
    {CATALOG_PIN, "a/user", PIN_ROW},
    {CATALOG_TOKEN, "a", TOKEN_ROW},
    {CATALOG_PRUNED, "2026-11-0001", PRUNED_ROW},
    {CATALOG_APPLIANCE, "appliance", APPLIANCE_ROW_},
    {CATALOG_ROSTER, "alice", PERSON_ROW},
    {CATALOG_CERTIFICATE, "oidc.id-token/2", CERTIFICATE_ROW},
};

static struct json_value parse(const char *text)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value value = {0};

    if (json_parse(json, ps_bytes_str(text), &limits, &value) != PS_OK) {
        fail_msg("%s in %s", ps_detail()->text, text);
    }
    return value;
}

static enum ps_err check_text(enum catalog_kind kind, const char *name, const char *text)
{
    return record_check(kind, ps_bytes_str(name), parse(text));
}

static void assert_same_octets(enum catalog_kind kind, const char *text)
{
    PS_BUF_AUTO out;

    ps_buf_init(&out, 65536);
    assert_int_equal(json_check_canonical(parse(text)), PS_OK);
    assert_int_equal(record_round_trip(kind, parse(text), &out), PS_OK);
    assert_int_equal(ps_buf_status(&out), PS_OK);
    if (!ps_bytes_equal_str(ps_buf_bytes(&out), text)) {
        fail_msg("%.*s\nis not\n%s", PS_BYTES_FMT(ps_buf_bytes(&out)), text);
    }
}

static void what_is_read_is_written_back_octet_by_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        assert_same_octets(goods[i].kind, goods[i].row);
        assert_int_equal(check_text(goods[i].kind, goods[i].name, goods[i].row), PS_OK);
    }
}

static void what_a_key_may_say_of_certificates_is_written_back(void **state)
{
    (void)state;
    assert_same_octets(
        CATALOG_KEY, "{\"algorithms\":[],\"formats\":[],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"
                     "\"typ\":\"\"},\"labels\":{},\"latest\":0,\"name\":\"a\",\"recovery\":"
                     "\"none\",\"residence\":\"token\",\"rotation\":{\"certificate\":\"internal\","
                     "\"issuer\":\"ca\",\"on_expiry\":\"stop\",\"period_s\":0,"
                     "\"publish_ahead_s\":0,\"retain_s\":0},\"state\":\"active\",\"token\":"
                     "\"a\",\"type\":\"ec-p256\",\"usage\":\"decrypt\",\"validity_s\":0,"
                     "\"verify\":\"always\"}");
    assert_same_octets(CATALOG_CERTIFICATE,
                       "{\"chain\":[\"AQ\"],\"key\":\"a\",\"kind\":\"internal\",\"not_after_s\":2,"
                       "\"not_before_s\":1,\"number\":1,\"root\":\"AQ\",\"terms\":{\"a\":\"b\"}}");
    assert_int_equal(check_text(CATALOG_CERTIFICATE, "a/1",
                                "{\"chain\":[\"AQ\"],\"key\":\"a\",\"kind\":\"external\","
                                "\"not_after_s\":2,\"not_before_s\":1,\"number\":1,\"root\":\"AQ\","
                                "\"terms\":{}}"),
                     PS_E_INPUT);
}

/* A token that was approved when nobody looked at it has none. */
static void the_hash_of_a_profile_is_there_or_not(void **state)
{
    (void)state;
    assert_same_octets(CATALOG_TOKEN, APPROVED(HASH_TEXT));
    assert_int_equal(check_text(CATALOG_TOKEN, "a", APPROVED(HASH_TEXT)), PS_OK);
    assert_int_equal(check_text(CATALOG_TOKEN, "a", APPROVED("")), PS_E_INPUT);
    assert_int_equal(check_text(CATALOG_TOKEN, "a", APPROVED("AQ")), PS_E_INPUT);
}

static void empty_lists_are_written_back_too(void **state)
{
    (void)state;
    assert_same_octets(CATALOG_KEY,
                       "{\"algorithms\":[],\"formats\":[],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"
                       "\"typ\":\"\"},\"labels\":{},\"latest\":0,\"name\":\"a\",\"recovery\":"
                       "\"none\",\"residence\":\"token\",\"rotation\":{\"period_s\":0,"
                       "\"publish_ahead_s\":0,\"retain_s\":0},\"state\":\"active\",\"token\":"
                       "\"a\",\"type\":\"aes-256\",\"usage\":\"encrypt\",\"validity_s\":0,"
                       "\"verify\":\"always\"}");
    assert_same_octets(CATALOG_CLIENT, "{\"issuer\":\"\",\"listener\":\"clients\",\"name\":\"a\","
                                       "\"pins\":[],\"san\":\"\",\"suspended\":true,\"uids\":[]}");
}

static void row_under_another_name_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        assert_int_equal(check_text(goods[i].kind, "other", goods[i].row), PS_E_INPUT);
    }
    assert_int_equal(check_text(CATALOG_VERSION, "oidc.id-token/02", VERSION_ROW), PS_E_INPUT);
    assert_int_equal(check_text(CATALOG_VERSION, "oidc.id-token", VERSION_ROW), PS_E_INPUT);
}

static void row_of_another_kind_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        for (size_t j = 0; j < PS_COUNT_OF(goods); j++) {
            assert_int_equal(check_text(goods[i].kind, goods[i].name, goods[j].row),
                             i == j ? PS_OK : PS_E_INPUT);
        }
    }
}

/* The row with the member at `skipped` (counted) left out, or replaced by other text. */
static void put_without(struct json_value row, unsigned skipped, const char *instead,
                        struct ps_buf *out)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    bool first = true;

    ps_buf_put_u8(out, '{');
    for (unsigned i = 0; json_next(row, &cursor, &name, &value); i++) {
        if (i == skipped && instead == NULL) {
            continue;
        }
        ps_buf_put_str(out, first ? "\"" : ",\"");
        ps_buf_put(out, name);
        ps_buf_put_str(out, "\":");
        ps_buf_put(out, i == skipped ? ps_bytes_str(instead) : json_raw(value));
        first = false;
    }
    ps_buf_put_str(out, "}");
    ps_buf_put_u8(out, 0);
}

static void assert_refused_with(const struct good *good, unsigned member, const char *instead)
{
    PS_BUF_AUTO text;

    ps_buf_init(&text, 65536);
    put_without(parse(good->row), member, instead, &text);
    assert_int_equal(ps_buf_status(&text), PS_OK);
    if (check_text(good->kind, good->name, (const char *)text.data) != PS_E_INPUT) {
        fail_msg("taken: %s", (const char *)text.data);
    }
}

static void row_without_one_of_its_members_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        const size_t members = json_count(parse(goods[i].row));

        for (unsigned member = 0; member < members; member++) {
            assert_refused_with(&goods[i], member, NULL);
        }
    }
}

static void member_of_another_type_is_refused(void **state)
{
    static const char *const values[] = {"null", "1.5",       "-1",  "\"\\u0000\"",
                                         "[[]]", "{\"x\":1}", "1e3", "[null]"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        const size_t members = json_count(parse(goods[i].row));

        for (unsigned member = 0; member < members; member++) {
            for (size_t value = 0; value < PS_COUNT_OF(values); value++) {
                /* {"x":1} is of the type of labels, and yet its value is no string. */
                assert_refused_with(&goods[i], member, values[value]);
            }
        }
    }
}

static void unknown_member_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(goods); i++) {
        char text[2048];

        (void)snprintf(text, sizeof text, "%.*s,\"zzz\":1}", (int)strlen(goods[i].row) - 1,
                       goods[i].row);
        assert_int_equal(check_text(goods[i].kind, goods[i].name, text), PS_E_INPUT);
    }
}

/* One member of a good row, given another value of its type. */
struct replaced {
    enum catalog_kind kind;
    const char *member;
    const char *value;
    enum ps_err expected;
};

#define NAME_128                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123"                             \
    "0123456789012345678901234567890123456789012345678901234567890123"

static const struct replaced replacements[] = {
    {CATALOG_KEY, "algorithms", "[\"RS256\"]", PS_OK},
    {CATALOG_KEY, "algorithms", "[\"RS256\",\"RS256\"]", PS_E_INPUT},
    {CATALOG_KEY, "algorithms", "[\"rs256\"]", PS_E_INPUT},
    {CATALOG_KEY, "algorithms", "[1]", PS_E_INPUT},
    {CATALOG_KEY, "algorithms",
     "[\"RS256\",\"RS384\",\"RS512\",\"PS256\",\"PS384\",\"PS512\",\"ES256\",\"ES384\"]", PS_OK},
    {CATALOG_KEY, "algorithms",
     "[\"RS256\",\"RS384\",\"RS512\",\"PS256\",\"PS384\",\"PS512\",\"ES256\",\"ES384\",\"EdDSA\"]",
     PS_E_INPUT},
    {CATALOG_KEY, "formats", "[\"raw\",\"raw\"]", PS_E_INPUT},
    {CATALOG_KEY, "formats", "[\"none\"]", PS_E_INPUT},
    {CATALOG_KEY, "formats", "[\"jws\",\"cose\",\"data-integrity\",\"raw\"]", PS_OK},
    {CATALOG_KEY, "jwt", "{\"iss\":\"\",\"max_ttl_s\":0}", PS_E_INPUT},
    {CATALOG_KEY, "jwt", "{\"iss\":\"a\\n\",\"max_ttl_s\":0,\"typ\":\"\"}", PS_E_INPUT},
    {CATALOG_KEY, "jwt", "{\"iss\":\"\",\"max_ttl_s\":0,\"typ\":\" a\"}", PS_E_INPUT},
    {CATALOG_KEY, "labels", "{\"a\":1}", PS_E_INPUT},
    {CATALOG_KEY, "labels", "{\"\":\"a\"}", PS_E_INPUT},
    {CATALOG_KEY, "labels", "{\"a\":\"\\n\"}", PS_E_INPUT},
    {CATALOG_KEY, "labels",
     "{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":\"\","
     "\"9\":\"\",\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\"}",
     PS_OK},
    {CATALOG_KEY, "labels",
     "{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":\"\","
     "\"9\":\"\",\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\","
     "\"h\":\"\"}",
     PS_E_INPUT},
    {CATALOG_KEY, "latest", "4294967295", PS_OK},
    {CATALOG_KEY, "latest", "4294967296", PS_E_INPUT},
    {CATALOG_KEY, "name", "\"Oidc\"", PS_E_INPUT},
    {CATALOG_KEY, "recovery", "\"vendor\"", PS_OK},
    {CATALOG_KEY, "recovery", "\"\"", PS_E_INPUT},
    {CATALOG_KEY, "residence", "\"wrapped\"", PS_OK},
    {CATALOG_KEY, "residence", "\"disk\"", PS_E_INPUT},
    {CATALOG_KEY, "rotation", "{\"period_s\":1,\"publish_ahead_s\":1}", PS_E_INPUT},
    {CATALOG_KEY, "rotation",
     "{\"certificate\":\"external\",\"period_s\":1,\"publish_ahead_s\":1,\"retain_s\":1}", PS_OK},
    {CATALOG_KEY, "rotation",
     "{\"certificate\":\"none\",\"period_s\":1,\"publish_ahead_s\":1,\"retain_s\":1}", PS_E_INPUT},
    {CATALOG_KEY, "rotation",
     "{\"on_expiry\":\"warn\",\"period_s\":1,\"publish_ahead_s\":1,\"retain_s\":1}", PS_E_INPUT},
    {CATALOG_KEY, "rotation", "{\"period_s\":-1,\"publish_ahead_s\":1,\"retain_s\":1}", PS_E_INPUT},
    {CATALOG_KEY, "state", "\"Active\"", PS_E_INPUT},
    {CATALOG_KEY, "token", "\"\"", PS_E_INPUT},
    {CATALOG_KEY, "type", "\"rsa-1024\"", PS_E_INPUT},
    {CATALOG_KEY, "usage", "\"sign,wrap\"", PS_E_INPUT},
    {CATALOG_KEY, "validity_s", "1000000000000000", PS_OK},
    {CATALOG_KEY, "validity_s", "1000000000000001", PS_E_INPUT},
    {CATALOG_KEY, "verify", "\"never\"", PS_E_INPUT},
    {CATALOG_VERSION, "kid", "\"a\\u0001\"", PS_E_INPUT},
    {CATALOG_VERSION, "number", "0", PS_E_INPUT},
    {CATALOG_VERSION, "object_id", "\"\"", PS_E_INPUT},
    {CATALOG_VERSION, "object_id", "\"AR\"", PS_E_INPUT},
    {CATALOG_VERSION, "object_id", "\"" HASH_TEXT "\"", PS_OK},
    {CATALOG_VERSION, "object_id", "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\"", PS_E_INPUT},
    {CATALOG_VERSION, "public_key", "\"AQ==\"", PS_E_INPUT},
    {CATALOG_VERSION, "state", "\"gone\"", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[]", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[\"AQ\"]", PS_OK},
    {CATALOG_CERTIFICATE, "chain", "[\"\"]", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[\"AQ==\"]", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[1]", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[\"AQ\",\"AQ\"]", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "chain", "[\"AQ\",\"Ag\",\"Aw\",\"BA\",\"BQ\",\"Bg\"]", PS_OK},
    {CATALOG_CERTIFICATE, "chain", "[\"AQ\",\"Ag\",\"Aw\",\"BA\",\"BQ\",\"Bg\",\"Bw\"]",
     PS_E_INPUT},
    {CATALOG_CERTIFICATE, "kind", "\"own\"", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "kind", "\"internal\"", PS_OK},
    {CATALOG_CERTIFICATE, "not_before_s", "2", PS_OK},
    {CATALOG_CERTIFICATE, "not_before_s", "3", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "number", "0", PS_E_INPUT},
    {CATALOG_CERTIFICATE, "root", "\"\"", PS_E_INPUT},
    {CATALOG_CLIENT, "issuer", "\"\"", PS_E_INPUT},
    {CATALOG_CLIENT, "issuer", "\"AQ\"", PS_E_INPUT},
    {CATALOG_CLIENT, "san", "\"\"", PS_E_INPUT},
    {CATALOG_CLIENT, "listener", "\"none\"", PS_E_INPUT},
    {CATALOG_CLIENT, "pins", "[\"AQ\"]", PS_E_INPUT},
    {CATALOG_CLIENT, "pins", "[\"" PIN_TEXT "\",\"" PIN_TEXT "\"]", PS_E_INPUT},
    {CATALOG_CLIENT, "pins",
     "[\"" PIN_TEXT "\",\"" HASH_TEXT "\",\"BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"]",
     PS_E_INPUT},
    {CATALOG_CLIENT, "uids", "[4294967295]", PS_E_INPUT},
    {CATALOG_CLIENT, "uids", "[-1]", PS_E_INPUT},
    {CATALOG_CLIENT, "uids", "[\"1\"]", PS_E_INPUT},
    {CATALOG_CLIENT, "uids", "[1,2,1]", PS_E_INPUT},
    {CATALOG_CLIENT, "uids", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", PS_OK},
    {CATALOG_CLIENT, "uids", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", PS_E_INPUT},
    {CATALOG_CLIENT, "suspended", "0", PS_E_INPUT},
    {CATALOG_GRANT, "formats", "[]", PS_OK},
    {CATALOG_GRANT, "formats", "[\"xml\"]", PS_E_INPUT},
    {CATALOG_GRANT, "keys", "\"*\"", PS_OK},
    {CATALOG_GRANT, "keys", "\"" NAME_128 "*\"", PS_OK},
    {CATALOG_GRANT, "keys", "\"" NAME_128 "0*\"", PS_E_INPUT},
    {CATALOG_GRANT, "keys", "\"\"", PS_E_INPUT},
    {CATALOG_GRANT, "keys", "\"a*b\"", PS_E_INPUT},
    {CATALOG_GRANT, "keys", "\"**\"", PS_E_INPUT},
    {CATALOG_GRANT, "operations", "[]", PS_E_INPUT},
    {CATALOG_GRANT, "operations", "[\"jws.sign\",\"jws.sign\"]", PS_E_INPUT},
    {CATALOG_GRANT, "operations", "[\"JWS\"]", PS_E_INPUT},
    {CATALOG_GRANT, "operations", "[\"\"]", PS_E_INPUT},
    {CATALOG_GRANT, "rate_per_s", "1000000", PS_OK},
    {CATALOG_GRANT, "rate_per_s", "1000001", PS_E_INPUT},
    {CATALOG_PROFILE, "kind", "\"wallet\"", PS_E_INPUT},
    {CATALOG_PROFILE, "kind", "\"root\"", PS_OK},
    {CATALOG_PROFILE, "sans", "[\"dns:a*\"]", PS_E_INPUT},
    {CATALOG_PROFILE, "sans", "[\"dns:*\",\"dns:*\"]", PS_E_INPUT},
    {CATALOG_PROFILE, "sans", "[]", PS_OK},
    {CATALOG_PROFILE, "purposes", "[\"code-signing\"]", PS_E_INPUT},
    {CATALOG_PROFILE, "purposes", "[]", PS_OK},
    {CATALOG_PROFILE, "subject", "{}", PS_OK},
    {CATALOG_PROFILE, "subject", "{\"common_name\":\"**\"}", PS_E_INPUT},
    {CATALOG_PROFILE, "subject", "{\"common_name\":\"\"}", PS_E_INPUT},
    {CATALOG_PROFILE, "subject", "{\"common_name\":1}", PS_E_INPUT},
    {CATALOG_PROFILE, "subject", "{\"country\":\"Morocco\"}", PS_E_INPUT},
    {CATALOG_PROFILE, "subject", "{\"title\":\"x\"}", PS_E_INPUT},
    {CATALOG_PROFILE, "crl_url", "\"http://a.b/c\"", PS_OK},
    {CATALOG_PROFILE, "crl_url", "\"a.b/c\"", PS_E_INPUT},
    {CATALOG_REVOCATION, "reason", "\"hold\"", PS_E_INPUT},
    {CATALOG_REVOCATION, "serial", "\"\"", PS_E_INPUT},
    {CATALOG_REVOCATION, "serial", "\"AAE\"", PS_E_INPUT},
    {CATALOG_FAMILY, "maximum", "0", PS_E_INPUT},
    {CATALOG_FAMILY, "maximum", "1", PS_E_INPUT}, /* fewer than are made */
    {CATALOG_FAMILY, "maximum", "2", PS_OK},
    {CATALOG_FAMILY, "maximum", "100000000", PS_OK},
    {CATALOG_FAMILY, "maximum", "100000001", PS_E_INPUT},
    {CATALOG_FAMILY, "made", "4", PS_E_INPUT},
    {CATALOG_FAMILY, "prefix", "\"other.\"", PS_E_INPUT}, /* not that of its key */
    {CATALOG_FAMILY, "key", "{}", PS_E_INPUT},
    {CATALOG_FAMILY, "suspended", "1", PS_E_INPUT},
    {CATALOG_SET, "keys", "[]", PS_OK},
    {CATALOG_SET, "keys", "[\"A\"]", PS_E_INPUT},
    {CATALOG_SET, "max_age_s", "3155760000", PS_OK},
    {CATALOG_SET, "max_age_s", "3155760001", PS_E_INPUT},
    {CATALOG_POLICY, "epoch", "1000000000000001", PS_E_INPUT},
    {CATALOG_POLICY, "document", "{}", PS_E_INPUT},
    {CATALOG_PRUNED, "archive", "\"AA\"", PS_E_INPUT},
    {CATALOG_PRUNED, "root", "\"AA\"", PS_E_INPUT},
    {CATALOG_PRUNED, "name", "\"2026-13-0001\"", PS_E_INPUT},
    {CATALOG_PRUNED, "size", "0", PS_E_INPUT},
    {CATALOG_PIN, "check", "\"AA\"", PS_E_INPUT},
    {CATALOG_PIN, "salt", "\"AA\"", PS_E_INPUT},
    {CATALOG_PIN, "set", "\"AA\"", PS_E_INPUT},
    {CATALOG_PIN, "threshold", "1", PS_E_INPUT},
    {CATALOG_PIN, "threshold", "3", PS_E_INPUT},
    {CATALOG_PIN, "pin", "\"root\"", PS_E_INPUT},
    {CATALOG_PIN, "holders", "[" PIN_HOLDER("alice") "," PIN_HOLDER("alice") "]", PS_E_INPUT},
    {CATALOG_PIN, "holders", "[" PIN_HOLDER("alice") ",{}]", PS_E_INPUT},
    {CATALOG_PIN, "holders", "[" PIN_HOLDER("alice") ",1]", PS_E_INPUT},
    {CATALOG_TOKEN, "module_hash", "\"\"", PS_E_INPUT},
    {CATALOG_TOKEN, "module_hash", "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\"", PS_E_INPUT},
    {CATALOG_TOKEN, "label", "\"\xc3\xa4\"", PS_OK},
    {CATALOG_TOKEN, "label", "\"a\\n\"", PS_E_INPUT},
    {CATALOG_TOKEN, "firmware", "\"\xc3\xa4\"", PS_E_INPUT},
    {CATALOG_TOKEN, "serial",
     "\"0123456789012345678901234567890123456789012345678901234567890123\"", PS_OK},
    {CATALOG_TOKEN, "serial",
     "\"01234567890123456789012345678901234567890123456789012345678901234\"", PS_E_INPUT},
    {CATALOG_APPLIANCE, "origin", "\"\"", PS_E_INPUT},
    {CATALOG_APPLIANCE, "origin", "\"a\\nb\"", PS_E_INPUT},
    {CATALOG_APPLIANCE, "log_verifier", "\"\"", PS_E_INPUT},
    {CATALOG_APPLIANCE, "log_object_id", "\"\"", PS_E_INPUT},
};

static unsigned place_of(const char *row, const char *member)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    unsigned place = 0;
    struct json_value object = parse(row);

    while (json_next(object, &cursor, &name, &value)) {
        if (ps_bytes_equal_str(name, member)) {
            return place;
        }
        place++;
    }
    fail_msg("no member %s", member);
    return 0;
}

static void limits_of_each_member_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(replacements); i++) {
        const struct replaced *replaced = &replacements[i];
        const struct good *good = goods;
        PS_BUF_AUTO text;

        while (good->kind != replaced->kind) {
            good++;
        }
        ps_buf_init(&text, 65536);
        put_without(parse(good->row), place_of(good->row, replaced->member), replaced->value,
                    &text);
        if (check_text(good->kind, good->name, (const char *)text.data) != replaced->expected) {
            fail_msg("%s: %s (%s)", replaced->member, replaced->value, ps_detail()->text);
        }
    }
}

static void values_of_a_key_are_read(void **state)
{
    struct key_record key;

    (void)state;
    assert_int_equal(key_record_read(parse(KEY_ROW), &key), PS_OK);
    assert_true(ps_bytes_equal_str(key.name, "oidc.id-token"));
    assert_int_equal(key.type, PS_KEY_RSA_2048);
    assert_int_equal(key.usage, PS_USAGE_SIGN);
    assert_int_equal(key.format_count, 2);
    assert_int_equal(key.formats[1], PS_FORMAT_COSE);
    assert_int_equal(key.algorithm_count, 2);
    assert_int_equal(key.algorithms[0], PS_ALG_PS256);
    assert_int_equal(key.state, KEY_ACTIVE);
    assert_int_equal(key.rotation.period_s, 100);
    assert_int_equal(key.rotation.publish_ahead_s, 10);
    assert_int_equal(key.rotation.retain_s, 20);
    assert_true(ps_bytes_equal_str(key.jwt_type, "at+jwt"));
    assert_true(ps_bytes_equal_str(key.jwt_issuer, "https://id.example"));
    assert_int_equal(key.jwt_max_ttl_s, 3600);
    assert_int_equal(json_count(key.labels), 1);
    assert_int_equal(key.latest, 2);
}

static void failed_read_leaves_the_record_as_it_was(void **state)
{
    struct key_record key = {.latest = 99};
    struct client_record client = {.suspended = true};

    (void)state;
    assert_int_equal(key_record_read(parse("{}"), &key), PS_E_INPUT);
    assert_int_equal(key.latest, 99);
    assert_int_equal(client_record_read(parse("{}"), &client), PS_E_INPUT);
    assert_true(client.suspended);
}

/* A chain of `count` certificates with `octets` of DER in each. */
static enum ps_err check_chain_of(size_t count, size_t octets)
{
    PS_BUF_AUTO row = {.max = 65536};
    PS_BUF_AUTO der = {.max = 65536};

    ps_buf_put_str(&row, "{\"chain\":[");
    for (size_t i = 0; i < count; i++) {
        ps_buf_reset(&der);
        for (size_t k = 0; k < octets; k++) {
            ps_buf_put_u8(&der, (uint8_t)i);
        }
        ps_buf_put_str(&row, i == 0 ? "\"" : ",\"");
        ps_buf_put_base64url(&row, ps_buf_bytes(&der));
        ps_buf_put_u8(&row, '"');
    }
    ps_buf_put_str(&row, "],\"key\":\"a\",\"kind\":\"internal\",\"not_after_s\":2,"
                         "\"not_before_s\":1,\"number\":1,\"root\":\"AQ\"}");
    ps_buf_put_u8(&row, 0);
    assert_int_equal(ps_buf_status(&row), PS_OK);
    return check_text(CATALOG_CERTIFICATE, "a/1", (const char *)row.data);
}

static void a_chain_has_at_most_so_many_octets(void **state)
{
    (void)state;
    assert_int_equal(check_chain_of(1, CERTIFICATE_OCTETS_MAX - 1), PS_OK);
    assert_int_equal(check_chain_of(1, CERTIFICATE_OCTETS_MAX), PS_E_INPUT);
    assert_int_equal(check_chain_of(4, CERTIFICATE_OCTETS_MAX / 4 - 1), PS_OK);
    assert_int_equal(check_chain_of(4, CERTIFICATE_OCTETS_MAX / 4), PS_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_back_octet_by_octet),
        cmocka_unit_test(what_a_key_may_say_of_certificates_is_written_back),
        cmocka_unit_test(the_hash_of_a_profile_is_there_or_not),
        cmocka_unit_test(empty_lists_are_written_back_too),
        cmocka_unit_test(row_under_another_name_is_refused),
        cmocka_unit_test(row_of_another_kind_is_refused),
        cmocka_unit_test(row_without_one_of_its_members_is_refused),
        cmocka_unit_test(member_of_another_type_is_refused),
        cmocka_unit_test(unknown_member_is_refused),
        cmocka_unit_test(limits_of_each_member_hold),
        cmocka_unit_test(values_of_a_key_are_read),
        cmocka_unit_test(failed_read_leaves_the_record_as_it_was),
        cmocka_unit_test(a_chain_has_at_most_so_many_octets),
    };

    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
