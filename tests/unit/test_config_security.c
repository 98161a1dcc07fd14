#include "tests/unit/support.h"

#include "appliance/config/table.h"

/* The security section of a configuration: what is in it, and its hash. */

#define APPLIANCE "[appliance]\norigin = keys.example/a\ndata = /var/lib/privyseal\n"
#define LISTENERS                                                                                  \
    "[clients]\nsocket = /run/privyseal/clients.sock\n"                                            \
    "[management]\nsocket = /run/privyseal/management.sock\n"
#define TOKEN_A                                                                                    \
    "[token a]\nmodule = /usr/lib/m.so\nprofile = /usr/share/p.json\nuri = pkcs11:token=a\n"
#define TOKEN_B "[token b]\nmodule = /m\nprofile = /p\nuri = pkcs11:\n"
#define GOOD    APPLIANCE LISTENERS TOKEN_A

#define SECTION                                                                                    \
    "[appliance] data = 18:/var/lib/privyseal\n"                                                   \
    "[appliance] practice = 2:no\n"                                                                \
    "[appliance] users = 7:dynamic\n"                                                              \
    "[token a] module = 13:/usr/lib/m.so\n"                                                        \
    "[token a] uri = 14:pkcs11:token=a\n"                                                          \
    "[token a] profile = 17:/usr/share/p.json\n"                                                   \
    "[token a] pin_file = 0:\n"                                                                    \
    "[token a] pin_credential = 0:\n"                                                              \
    "[token a] attended = 2:no\n"                                                                  \
    "[token a] store = 0:\n"                                                                       \
    "[token a] readable = 5:/a\n/b\n"                                                              \
    "[token a] writable = 0:\n"                                                                    \
    "[token a] environment = 0:\n"                                                                 \
    "[token a] system_calls = 0:\n"                                                                \
    "[token a] network = 2:no\n"                                                                   \
    "[log] witness = 0:\n"                                                                         \
    "[log] witnesses_needed = 1:1\n"                                                               \
    "[log] clock_step_s = 2:60\n"                                                                  \
    "[backup] directory = 0:\n"                                                                    \
    "[backup] period_s = 5:86400\n"                                                                \
    "[backup] keep = 2:14\n"                                                                       \
    "[backup] drill_period_s = 6:604800\n"                                                         \
    "[backup] mirror = 0:\n"

static void hash_of(const char *text, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    PS_BUF_AUTO errors;

    ps_buf_init(&errors, 65536);
    if (config_parse("t.conf", ps_bytes_str(text), &errors, &config) != PS_OK) {
        fail_msg("%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    }
    assert_ok(config_hash_security(config, ret_hash));
}

static bool is_like(const char *text, const char *other)
{
    uint8_t a[PS_SHA256_LEN];
    uint8_t b[PS_SHA256_LEN];

    hash_of(text, a);
    hash_of(other, b);
    return memcmp(a, b, sizeof a) == 0;
}

static void the_hash_is_over_the_lines_that_are_told(void **state)
{
    uint8_t hash[PS_SHA256_LEN];
    uint8_t expected[PS_SHA256_LEN];

    (void)state;
    hash_of(GOOD "readable = /a\nreadable = /b\n", hash);
    ps_sha256(ps_bytes_str(SECTION), expected);
    assert_memory_equal(hash, expected, sizeof hash);
}

static void each_key_that_is_marked_changes_it(void **state)
{
    (void)state;
    assert_false(
        is_like(GOOD, "[appliance]\norigin = keys.example/a\ndata = /srv/x\n" LISTENERS TOKEN_A));
    assert_false(is_like(GOOD, APPLIANCE "practice = yes\n" LISTENERS TOKEN_A));
    assert_false(is_like(GOOD, APPLIANCE "users = same\n" LISTENERS TOKEN_A));
    assert_false(is_like(GOOD, GOOD "pin_file = /etc/pin\n"));
    assert_false(is_like(GOOD, GOOD "pin_credential = pin\n"));
    assert_false(is_like(GOOD, GOOD "store = /var/lib/t\n"));
    assert_false(is_like(GOOD, GOOD "readable = /x\n"));
    assert_false(is_like(GOOD "readable = /x\n", GOOD "writable = /x\n"));
    assert_false(is_like(GOOD, GOOD "environment = CONF=/x\n"));
    assert_false(is_like(GOOD, GOOD "system_calls = mincore\n"));
    assert_false(is_like(GOOD, GOOD "network = yes\n"));
    assert_false(is_like(GOOD, GOOD TOKEN_B));
    assert_false(is_like(GOOD, GOOD "[log]\nclock_step_s = 61\n"));
}

static void what_is_no_matter_of_security_does_not(void **state)
{
    (void)state;
    assert_true(is_like(GOOD, "# a comment\n" GOOD));
    assert_true(is_like(GOOD, APPLIANCE "log_level = debug\n" LISTENERS TOKEN_A));
    assert_true(is_like(GOOD, GOOD "processes = 3\nsessions = 2\ncall_timeout_ms = 900\n"));
    assert_true(is_like(GOOD, GOOD "[log]\ndisk_reserve_mb = 10\n"));
    assert_true(is_like(GOOD, APPLIANCE "[clients]\nsocket = /run/other.sock\n"
                                        "[management]\nsocket = /run/m.sock\n" TOKEN_A));
}

static void the_order_of_the_file_does_not_matter_and_a_default_may_stand_there(void **state)
{
    (void)state;
    assert_true(is_like(GOOD TOKEN_B, APPLIANCE LISTENERS TOKEN_B TOKEN_A));
    assert_true(is_like(GOOD, TOKEN_A LISTENERS APPLIANCE));
    assert_true(is_like(GOOD, APPLIANCE "users = dynamic\npractice = no\n" LISTENERS TOKEN_A));
    assert_false(
        is_like(GOOD "readable = /a\nreadable = /b\n", GOOD "readable = /b\nreadable = /a\n"));
}

/* What decides over keys, PINs and logs is marked, so that a new key of these is thought of. */
static void the_keys_of_tokens_are_marked_but_for_those_of_speed_and_making(void **state)
{
    static const char *const unmarked[] = {"processes",         "sessions",        "so_pin_file",
                                           "so_pin_credential", "call_timeout_ms", "cache_keys"};

    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        bool is_marked = (key->flags & CONFIG_SECURITY) != 0;

        for (size_t k = 0; k < PS_COUNT_OF(unmarked); k++) {
            is_marked |= strcmp(key->name, unmarked[k]) == 0;
        }
        assert_true(key->section != CONFIG_SECTION_token || is_marked);
        assert_true((key->flags & (CONFIG_SECURITY | CONFIG_RELOADABLE)) !=
                    (CONFIG_SECURITY | CONFIG_RELOADABLE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_over_the_lines_that_are_told),
        cmocka_unit_test(each_key_that_is_marked_changes_it),
        cmocka_unit_test(what_is_no_matter_of_security_does_not),
        cmocka_unit_test(the_order_of_the_file_does_not_matter_and_a_default_may_stand_there),
        cmocka_unit_test(the_keys_of_tokens_are_marked_but_for_those_of_speed_and_making),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
