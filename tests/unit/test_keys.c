#include "tests/unit/support.h"

#include "keystore/keys.h"

/* The table of keys, made from catalog rows. */

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

static void a_row_of_another_form_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT, keys_put(keys, ps_bytes_str("{}"), 1));
    assert_fails(PS_E_INPUT, keys_put(keys, ps_bytes_str("["), 1));
    assert_int_equal(keys_count(keys), 1);
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
        cmocka_unit_test_setup_teardown(a_row_of_another_form_is_refused, make, clear),
        cmocka_unit_test_setup_teardown(the_newest_version_whose_time_has_come_signs, make, clear),
        cmocka_unit_test_setup_teardown(only_active_versions_sign, make, clear),
        cmocka_unit_test_setup_teardown(each_change_has_a_new_epoch, make, clear),
        cmocka_unit_test_setup_teardown(a_jwks_has_successors_and_kept_predecessors, make, clear),
        cmocka_unit_test_setup_teardown(nothing_of_a_compromised_key_is_published, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
