#include "tests/unit/support.h"

#include "keystore/keys/keys.h"
#include "lib/base/encode.h"

/* The table of keys, made from catalog rows. */

#define ROW_OF_CLASS_A                                                                             \
    "{\"algorithms\":[\"ES256\"],\"class\":\"A\",\"formats\":[],\"jwt\":{\"iss\":\"\",\"max_ttl_"  \
    "s\":0,"                                                                                       \
    "\"typ\":\"\"},\"labels\":{},\"latest\":0,\"name\":\"ca.root\",\"recovery\":\"none\","         \
    "\"residence\":"                                                                               \
    "\"token\",\"rotation\":{\"period_s\":0,\"publish_ahead_s\":0,\"retain_s\":100},\"state\":"    \
    "\"active\",\"token\":\"t\",\"type\":\"ec-p256\",\"usage\":\"certify\",\"validity_s\":0,"      \
    "\"verify\":\"always\"}"

#define ROW(state)                                                                                 \
    "{\"algorithms\":[\"ES256\"],\"formats\":[\"jws\"],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"     \
    "\"typ\":\"\"},\"labels\":{},\"latest\":2,\"name\":\"a\",\"recovery\":\"none\",\"residence\":" \
    "\"token\",\"rotation\":{\"period_s\":0,\"publish_ahead_s\":0,\"retain_s\":100},\"state\":"    \
    "\"" state "\",\"token\":\"t\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"validity_s\":0,"      \
    "\"verify\":\"always\"}"

static struct keys *keys;

static int make(void **state)
{
    (void)state;
    assert_ok(keys_new(&keys));
    assert_ok(keys_put(keys, ps_bytes_str(ROW("active")), 1));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    keys_free(keys);
    return 0;
}

struct times {
    unsigned activates;
    unsigned expires;
    unsigned retired;
};

static void put_version(unsigned number, const char *state, struct times times)
{
    char row[512];

    (void)snprintf(row, sizeof row,
                   "{\"activates_s\":%u,\"created_s\":1,\"expires_s\":%u,\"key\":\"a\",\"kid\":"
                   "\"k%u\",\"number\":%u,\"object_id\":\"AQID\",\"public_key\":\"AA\",\"retired_"
                   "s\":%u,\"state\":\"%s\",\"token\":\"t\"}",
                   times.activates, times.expires, number, number, times.retired, state);
    assert_ok(keys_put_version(keys, ps_bytes_str(row)));
}

static struct key *key(void)
{
    return keys_find(keys, ps_bytes_str("a"));
}

static uint32_t active_at(uint64_t now_s)
{
    const struct key_version *version = key_active(key(), now_s);

    return version == NULL ? 0 : version->number;
}

static void a_row_is_found_by_its_name(void **state)
{
    (void)state;
    assert_non_null(key());
    assert_null(keys_find(keys, ps_bytes_str("b")));
    assert_int_equal(keys_count(keys), 1);
    assert_true(key_has_format(key(), PS_FORMAT_JWS));
    assert_false(key_has_format(key(), PS_FORMAT_RAW));
    assert_true(key_has_algorithm(key(), PS_ALG_ES256));
    assert_false(key_has_algorithm(key(), PS_ALG_RS256));
    assert_string_equal(key()->token, "t");
}

static void a_version_needs_its_key(void **state)
{
    (void)state;
    assert_fails(
        PS_E_NOT_FOUND,
        keys_put_version(keys, ps_bytes_str("{\"activates_s\":1,\"created_s\":1,\"expires_s\":0,"
                                            "\"key\":\"none\",\"kid\":\"k\",\"number\":1,\"object_"
                                            "id\":\"AQID\",\"public_key\":\"\",\"retired_s\":0,"
                                            "\"state\":\"active\",\"token\":\"t\"}")));
}

/* A restored appliance's key has another token than the versions that were made before. */
static void a_version_is_where_it_was_made_and_where_it_was_carried(void **state)
{
    const struct key_version *version;
    struct ps_bytes name;
    size_t cursor = 0;

    (void)state;
    assert_ok(keys_put_version(
        keys, ps_bytes_str("{\"activates_s\":1,\"created_s\":1,\"expires_s\":0,\"key\":\"a\","
                           "\"kid\":\"k\",\"number\":1,\"object_id\":\"AQID\",\"public_key\":"
                           "\"AA\",\"replicas\":[\"v\",\"w\"],\"retired_s\":0,\"state\":"
                           "\"active\",\"token\":\"u\"}")));
    version = key_version(key(), 1);
    assert_text(version_token(version), "u");
    assert_true(version_is_on(version, ps_bytes_str("u")));
    assert_true(version_is_on(version, ps_bytes_str("w")));
    assert_false(version_is_on(version, ps_bytes_str("t")));
    assert_false(version_is_on(version, ps_bytes_str("")));
    assert_true(version_next_token(version, &cursor, &name));
    assert_true(version_next_token(version, &cursor, &name));
    assert_text(name, "v");
    assert_true(version_next_token(version, &cursor, &name));
    assert_false(version_next_token(version, &cursor, &name));
    put_version(1, "active", (struct times){0});
    assert_text(version_token(version), "t");
    assert_false(version_is_on(version, ps_bytes_str("v")));
}

#define CERTIFICATE(chain, kind, number)                                                           \
    "{\"chain\":[" chain "],\"key\":\"a\",\"kind\":\"" kind "\",\"not_after_s\":20,"               \
    "\"not_before_s\":10,\"number\":" number ",\"root\":\"BQ\"}"

static void a_version_has_the_chain_of_its_row(void **state)
{
    const struct key_certificate *certificate;
    uint8_t hash[PS_SHA256_LEN];

    (void)state;
    put_version(1, "active", (struct times){0});
    put_version(2, "pre-activation", (struct times){0});
    assert_null(version_certificate(key_version(key(), 2)));
    assert_ok(
        keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQID\",\"BA\"", "external", "2"))));
    assert_null(version_certificate(key_version(key(), 1)));
    certificate = version_certificate(key_version(key(), 2));
    assert_int_equal(certificate->count, 2);
    assert_true(ps_bytes_equal(certificate->chain[0], ps_bytes("\1\2\3", 3)));
    assert_true(ps_bytes_equal(certificate->chain[1], ps_bytes("\4", 1)));
    assert_true(ps_bytes_equal(certificate->root, ps_bytes("\5", 1)));
    assert_int_equal(certificate->kind, CERTIFICATE_EXTERNAL);
    assert_int_equal(certificate->not_before_s, 10);
    assert_int_equal(certificate->not_after_s, 20);
    ps_sha256(ps_bytes("\1\2\3", 3), hash);
    assert_memory_equal(certificate->leaf_hash, hash, sizeof hash);
}

static void a_version_is_named_by_its_thumbprint_or_its_certificate(void **state)
{
    uint8_t hash[PS_SHA256_LEN];
    char text[PUBLIC_KEY_KID_LEN];

    (void)state;
    put_version(1, "deactivated", (struct times){0});
    put_version(2, "active", (struct times){0});
    ps_sha256(ps_bytes("\1\2\3", 3), hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), text);
    assert_ptr_equal(key_version_by_kid(key(), ps_bytes_str("k1")), key_version(key(), 1));
    assert_ptr_equal(key_version_by_kid(key(), ps_bytes_str("k2")), key_version(key(), 2));
    assert_null(key_version_by_kid(key(), ps_bytes(text, sizeof text)));
    assert_ok(keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQID\"", "external", "1"))));
    assert_ptr_equal(key_version_by_kid(key(), ps_bytes(text, sizeof text)), key_version(key(), 1));
    assert_null(key_version_by_kid(key(), ps_bytes(text, sizeof text - 1)));
    assert_null(key_version_by_kid(key(), ps_bytes_str("k")));
    assert_null(key_version_by_kid(key(), ps_bytes(NULL, 0)));
}

static void a_later_chain_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){0});
    assert_ok(
        keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQ\",\"Ag\"", "external", "1"))));
    assert_ok(keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"Aw\"", "internal", "1"))));
    assert_int_equal(version_certificate(key_version(key(), 1))->count, 1);
    assert_int_equal(version_certificate(key_version(key(), 1))->kind, CERTIFICATE_INTERNAL);
    put_version(1, "deactivated", (struct times){0});
    assert_int_equal(version_certificate(key_version(key(), 1))->count, 1);
}

#define ROW_WITH_CERTIFICATES(more)                                                                \
    "{\"algorithms\":[\"ES256\"],\"formats\":[\"jws\"],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"     \
    "\"typ\":\"\"},\"labels\":{},\"latest\":2,\"name\":\"a\",\"recovery\":\"none\",\"residence\":" \
    "\"token\",\"rotation\":{\"certificate\":\"external\"," more "\"period_s\":0,"                 \
    "\"publish_ahead_s\":0,\"retain_s\":100},\"state\":\"active\",\"token\":\"t\",\"type\":"       \
    "\"ec-p256\",\"usage\":\"sign\",\"validity_s\":0,\"verify\":\"always\"}"

static void a_key_that_stops_signs_until_its_certificate_ends(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){0});
    assert_ok(keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQ\"", "external", "1"))));
    assert_ok(keys_put(keys, ps_bytes_str(ROW_WITH_CERTIFICATES("")), 2));
    assert_int_equal(active_at(20), 1);
    assert_ok(keys_put(keys, ps_bytes_str(ROW_WITH_CERTIFICATES("\"on_expiry\":\"stop\",")), 3));
    assert_int_equal(active_at(19), 1);
    assert_int_equal(active_at(20), 0);
    /* Nor does it for who names the version. */
    assert_true(version_protects(key_version(key(), 1), 19));
    assert_false(version_protects(key_version(key(), 1), 20));
}

static void a_version_lacks_a_certificate_that_its_key_needs(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){0});
    assert_false(version_lacks_certificate(key_version(key(), 1), 1));
    assert_ok(keys_put(keys, ps_bytes_str(ROW_WITH_CERTIFICATES("")), 2));
    assert_true(version_lacks_certificate(key_version(key(), 1), 1));
    assert_ok(keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQ\"", "external", "1"))));
    assert_false(version_lacks_certificate(key_version(key(), 1), 19));
    assert_true(version_lacks_certificate(key_version(key(), 1), 20));
}

static void a_certificate_needs_its_version(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){0});
    assert_int_equal(
        keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"AQ\"", "external", "2"))),
        PS_E_NOT_FOUND);
    assert_int_equal(
        keys_put_certificate(keys, ps_bytes_str(CERTIFICATE("\"A\"", "external", "1"))),
        PS_E_INPUT);
    assert_null(version_certificate(key_version(key(), 1)));
}

static void a_row_of_another_form_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT, keys_put(keys, ps_bytes_str("{}"), 1));
    assert_fails(PS_E_INPUT, keys_put(keys, ps_bytes_str("["), 1));
    assert_int_equal(keys_count(keys), 1);
}

#define VERSION_THAT(is_unproven)                                                                  \
    "{\"activates_s\":1,\"created_s\":1,\"expires_s\":0,\"key\":\"a\",\"kid\":\"k\",\"number\":1," \
    "\"object_id\":\"AQID\",\"public_key\":\"AA\",\"retired_s\":0,\"state\":\"active\","           \
    "\"token\":\"t\"" is_unproven "}"

static void that_a_version_is_unproven_is_said_or_left_out(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT,
                 keys_put_version(keys, ps_bytes_str(VERSION_THAT(",\"unproven\":false"))));
    assert_null(key_version(key(), 1));
    assert_ok(keys_put_version(keys, ps_bytes_str(VERSION_THAT(",\"unproven\":true"))));
    assert_true(key_version(key(), 1)->is_marked);
    assert_ok(keys_put_version(keys, ps_bytes_str(VERSION_THAT(""))));
    assert_false(key_version(key(), 1)->is_marked);
}

static void the_newest_version_whose_time_has_come_signs(void **state)
{
    (void)state;
    assert_int_equal(active_at(10), 0);
    put_version(1, "active", (struct times){.activates = 5});
    put_version(2, "active", (struct times){.activates = 20, .expires = 30});
    assert_int_equal(active_at(4), 0);
    assert_int_equal(active_at(5), 1);
    assert_int_equal(active_at(19), 1);
    assert_int_equal(active_at(20), 2);
    assert_int_equal(active_at(29), 2);
    assert_int_equal(active_at(30), 1);
}

static void only_active_versions_sign(void **state)
{
    (void)state;
    put_version(1, "deactivated", (struct times){.activates = 1});
    put_version(2, "pre-activation", (struct times){.activates = 1});
    assert_int_equal(active_at(10), 0);
    put_version(2, "active", (struct times){.activates = 1});
    assert_int_equal(active_at(10), 2);
    put_version(2, "compromised", (struct times){.activates = 1});
    assert_int_equal(active_at(10), 0);
}

static void each_change_has_a_new_epoch(void **state)
{
    uint32_t before;

    (void)state;
    put_version(1, "active", (struct times){.activates = 1});
    before = key()->epoch;
    put_version(1, "suspended", (struct times){.activates = 1});
    assert_int_equal(key()->epoch, before + 1);
    assert_ok(keys_put(keys, ps_bytes_str(ROW("suspended")), 2));
    assert_int_equal(key()->epoch, before + 2);
    assert_int_equal(key()->state, KEY_SUSPENDED);
    assert_int_equal(key()->revision, 2);
}

static bool is_published(unsigned number, uint64_t now_s)
{
    return version_is_published(key_version(key(), number), now_s);
}

static void a_jwks_has_successors_and_kept_predecessors(void **state)
{
    (void)state;
    put_version(1, "deactivated", (struct times){.activates = 1, .retired = 50});
    put_version(2, "active", (struct times){.activates = 50});
    put_version(3, "pre-activation", (struct times){.activates = 500});
    assert_true(is_published(1, 149));
    assert_false(is_published(1, 150)); /* retain_s is 100 */
    assert_true(is_published(2, 60));
    assert_true(is_published(3, 60));
    put_version(3, "destroyed", (struct times){.activates = 500});
    assert_false(is_published(3, 60));
    put_version(2, "compromised", (struct times){.activates = 50});
    assert_false(is_published(2, 60));
}

static void a_withdrawn_successor_is_none_and_published_no_more(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){.activates = 1});
    assert_null(key_successor(key()));
    put_version(2, "pre-activation", (struct times){.activates = 500});
    assert_ptr_equal(key_successor(key()), key_version(key(), 2));
    put_version(2, "withdrawn", (struct times){.activates = 500});
    assert_null(key_successor(key()));
    assert_false(is_published(2, 10));
    assert_int_equal(active_at(1000), 1);
}

static void a_pattern_is_of_the_highest_class_that_it_covers(void **state)
{
    (void)state;
    assert_int_equal(key_class_of(key()), KEY_CLASS_B);
    assert_int_equal(keys_class_of(keys, ps_bytes_str("*")), KEY_CLASS_B);
    assert_ok(keys_put(keys, ps_bytes_str(ROW_OF_CLASS_A), 2));
    assert_int_equal(key_class_of(keys_find(keys, ps_bytes_str("ca.root"))), KEY_CLASS_A);
    assert_int_equal(keys_class_of(keys, ps_bytes_str("*")), KEY_CLASS_A);
    assert_int_equal(keys_class_of(keys, ps_bytes_str("ca.root")), KEY_CLASS_A);
    assert_int_equal(keys_class_of(keys, ps_bytes_str("ca.r*")), KEY_CLASS_A);
    assert_int_equal(keys_class_of(keys, ps_bytes_str("ca.roo")), KEY_CLASS_B);
}

static void nothing_of_a_compromised_key_is_published(void **state)
{
    (void)state;
    put_version(1, "active", (struct times){.activates = 1});
    assert_true(is_published(1, 10));
    assert_ok(keys_put(keys, ps_bytes_str(ROW("compromised")), 2));
    assert_false(is_published(1, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_is_found_by_its_name, make, clear),
        cmocka_unit_test_setup_teardown(a_version_needs_its_key, make, clear),
        cmocka_unit_test_setup_teardown(a_version_is_where_it_was_made_and_where_it_was_carried,
                                        make, clear),
        cmocka_unit_test_setup_teardown(a_version_has_the_chain_of_its_row, make, clear),
        cmocka_unit_test_setup_teardown(a_version_is_named_by_its_thumbprint_or_its_certificate,
                                        make, clear),
        cmocka_unit_test_setup_teardown(a_later_chain_takes_the_place_of_the_one_before, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_certificate_needs_its_version, make, clear),
        cmocka_unit_test_setup_teardown(a_key_that_stops_signs_until_its_certificate_ends, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_version_lacks_a_certificate_that_its_key_needs, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_row_of_another_form_is_refused, make, clear),
        cmocka_unit_test_setup_teardown(that_a_version_is_unproven_is_said_or_left_out, make,
                                        clear),
        cmocka_unit_test_setup_teardown(the_newest_version_whose_time_has_come_signs, make, clear),
        cmocka_unit_test_setup_teardown(only_active_versions_sign, make, clear),
        cmocka_unit_test_setup_teardown(each_change_has_a_new_epoch, make, clear),
        cmocka_unit_test_setup_teardown(a_jwks_has_successors_and_kept_predecessors, make, clear),
        cmocka_unit_test_setup_teardown(a_withdrawn_successor_is_none_and_published_no_more, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_pattern_is_of_the_highest_class_that_it_covers, make,
                                        clear),
        cmocka_unit_test_setup_teardown(nothing_of_a_compromised_key_is_published, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
