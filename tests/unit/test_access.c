#include "keystore/policy/access.h"

#include "tests/unit/access_support.h"

/* Who a caller is. */

static void assert_is(struct msg_caller caller, const char *name)
{
    enum access_rule rule = ACCESS_RULE_COUNT;
    const struct access_client *client = access_resolve(access_, ACCESS_CLIENTS, &caller, &rule);

    assert_non_null(client);
    assert_int_equal(rule, ACCESS_RULE_GRANTED);
    assert_true(ps_bytes_equal_str(access_client_name(client), name));
}

static void assert_nobody(struct msg_caller caller, enum access_rule expected)
{
    enum access_rule rule = ACCESS_RULE_COUNT;

    assert_null(access_resolve(access_, ACCESS_CLIENTS, &caller, &rule));
    assert_int_equal(rule, expected);
    assert_null(access_resolve(access_, ACCESS_CLIENTS, &caller, NULL));
}

static void nobody_is_known_before_the_first_load(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    assert_nobody(peer(7), ACCESS_RULE_NOT_LOADED);
    load();
    assert_is(peer(7), "oidc");
}

static void unix_peer_is_found_by_uid(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7,8"});
    put_client((struct client_row){.name = "certify", .uids = "4294967294"});
    load();
    assert_is(peer(7), "oidc");
    assert_is(peer(8), "oidc");
    assert_is(peer(UINT32_MAX - 1), "certify");
    assert_nobody(peer(9), ACCESS_RULE_UNKNOWN_UID);
}

static void uid_zero_is_for_practice_only(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "root", .uids = "0"});
    load();
    assert_nobody(peer(0), ACCESS_RULE_UID_ZERO);
    access_set_practice(access_, true);
    assert_is(peer(0), "root");
    access_set_practice(access_, false);
    assert_nobody(peer(0), ACCESS_RULE_UID_ZERO);
}

static void practice_is_as_it_was_configured(void **state)
{
    const struct access_config config = {.is_practice = true};
    PS_CLEANUP(access_free_cleanup) struct access *practice = NULL;
    const struct msg_caller root = peer(0);

    (void)state;
    put_client((struct client_row){.name = "root", .uids = "0"});
    assert_ok(access_new(&config, &practice));
    assert_ok(access_load(practice, catalog));
    assert_non_null(access_resolve(practice, ACCESS_CLIENTS, &root, NULL));
}

static void uids_of_our_own_are_never_clients(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "501,502"});
    load();
    access_set_practice(access_, true);
    assert_nobody(peer(501), ACCESS_RULE_OWN_UID);
    assert_nobody(peer(502), ACCESS_RULE_OWN_UID);
}

static void certificate_is_found_by_any_of_its_pins(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .pins = "\"" PIN_1 "\",\"" PIN_2 "\""});
    load();
    assert_is(certificate(1, 9, ""), "oidc");
    assert_is(certificate(2, 9, "other"), "oidc");
    assert_nobody(certificate(3, 9, ""), ACCESS_RULE_UNKNOWN_CERTIFICATE);
}

static void certificate_is_found_by_issuer_and_name(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .issuer = PIN_9, .san = "oidc.example"});
    load();
    assert_is(certificate(1, 9, "oidc.example"), "oidc");
    assert_nobody(certificate(1, 9, "oidc.exampl"), ACCESS_RULE_UNKNOWN_CERTIFICATE);
    assert_nobody(certificate(1, 9, "OIDC.example"), ACCESS_RULE_UNKNOWN_CERTIFICATE);
    assert_nobody(certificate(1, 9, ""), ACCESS_RULE_UNKNOWN_CERTIFICATE);
    assert_nobody(certificate(1, 8, "oidc.example"), ACCESS_RULE_UNKNOWN_CERTIFICATE);
}

static void pin_counts_before_a_rule(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "by-rule", .issuer = PIN_9, .san = "a.example"});
    put_client((struct client_row){.name = "by-pin", .pins = "\"" PIN_1 "\""});
    load();
    assert_is(certificate(1, 9, "a.example"), "by-pin");
    assert_is(certificate(2, 9, "a.example"), "by-rule");
    /* And a suspended one does not fall back to the rule. */
    put_client((struct client_row){.name = "by-pin", .pins = "\"" PIN_1 "\"", .suspended = true});
    load();
    assert_nobody(certificate(1, 9, "a.example"), ACCESS_RULE_SUSPENDED);
}

static void the_longest_name_is_found(void **state)
{
    char name[CLIENT_SAN_MAX + 1] = {0};

    (void)state;
    memset(name, 'a', CLIENT_SAN_MAX);
    put_client((struct client_row){.name = "oidc", .issuer = PIN_9, .san = name});
    load();
    assert_is(certificate(2, 9, name), "oidc");
}

static void hashes_of_another_length_are_nobody(void **state)
{
    struct msg_caller caller = certificate(1, 9, "a.example");
    char long_name[CLIENT_SAN_MAX + 2] = {0};

    (void)state;
    put_client((struct client_row){.name = "oidc", .pins = "\"" PIN_1 "\""});
    put_client((struct client_row){.name = "rule", .issuer = PIN_9, .san = "a.example"});
    load();
    caller.spki.len = 31;
    caller.issuer.len = 31;
    assert_nobody(caller, ACCESS_RULE_UNKNOWN_CERTIFICATE);
    caller.spki = ps_bytes(NULL, 0);
    assert_nobody(caller, ACCESS_RULE_UNKNOWN_CERTIFICATE);
    memset(long_name, 'a', CLIENT_SAN_MAX + 1);
    assert_nobody(certificate(2, 9, long_name), ACCESS_RULE_UNKNOWN_CERTIFICATE);
}

static void kinds_of_callers_are_not_mixed_up(void **state)
{
    struct msg_caller caller = certificate(1, 9, "");

    (void)state;
    put_client((struct client_row){.name = "oidc", .pins = "\"" PIN_1 "\"", .uids = "7"});
    load();
    caller.uid = 7;
    caller.spki = hash_of(2);
    assert_nobody(caller, ACCESS_RULE_UNKNOWN_CERTIFICATE);
    caller = peer(8);
    caller.spki = hash_of(1);
    assert_nobody(caller, ACCESS_RULE_UNKNOWN_UID);
    caller.kind = CALLER_NOBODY;
    caller.uid = 7;
    assert_nobody(caller, ACCESS_RULE_NO_IDENTITY);
    caller.kind = 200;
    assert_nobody(caller, ACCESS_RULE_NO_IDENTITY);
}

static void suspended_client_is_unknown(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7", .suspended = true});
    load();
    assert_nobody(peer(7), ACCESS_RULE_SUSPENDED);
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    load();
    assert_is(peer(7), "oidc");
}

static void client_is_known_on_its_listeners_only(void **state)
{
    const struct msg_caller caller = peer(7);
    enum access_rule rule;

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7", .listener = "clients"});
    load();
    assert_non_null(access_resolve(access_, ACCESS_CLIENTS, &caller, NULL));
    assert_null(access_resolve(access_, ACCESS_MANAGEMENT, &caller, &rule));
    assert_int_equal(rule, ACCESS_RULE_OTHER_LISTENER);
    put_client((struct client_row){.name = "oidc", .uids = "7", .listener = "management"});
    load();
    assert_null(access_resolve(access_, ACCESS_CLIENTS, &caller, &rule));
    assert_non_null(access_resolve(access_, ACCESS_MANAGEMENT, &caller, NULL));
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    load();
    assert_non_null(access_resolve(access_, ACCESS_CLIENTS, &caller, NULL));
    assert_non_null(access_resolve(access_, ACCESS_MANAGEMENT, &caller, NULL));
}

static void removed_client_is_unknown_after_the_load(void **state)
{
    const struct catalog_change removal = {
        .kind = CATALOG_CLIENT, .name = ps_bytes_str("oidc"), .expected = 1};

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    load();
    assert_ok(catalog_apply(catalog, &removal, 1, 2, NULL));
    load();
    assert_nobody(peer(7), ACCESS_RULE_UNKNOWN_UID);
}

#define RECORD(name, pins, san, issuer, uids)                                                      \
    "{\"issuer\":\"" issuer "\",\"listener\":\"both\",\"name\":\"" name "\",\"pins\":[" pins       \
    "],\"san\":\"" san "\",\"suspended\":false,\"uids\":[" uids "]}"

/* More than a client has of anything. */
#define FOUR(text) text "," text "," text "," text
#define MANY(text) FOUR(text) "," FOUR(text) "," FOUR(text) "," FOUR(text) "," text

static void nobody_is_known_after_a_failed_load(void **state)
{
    static const struct {
        enum catalog_kind kind;
        const char *name;
        const char *body;
    } cases[] = {
        {CATALOG_CLIENT, "z", "{}"},
        {CATALOG_GRANT, "z", "{}"},
        {CATALOG_GRANT, "z",
         "{\"client\":\"oidc\",\"formats\":[],\"id\":\"z\",\"keys\":\"*\",\"not_after_s\":0,"
         "\"operations\":[\"everything\"],\"rate_per_s\":0}"},
        {CATALOG_CLIENT, "z", RECORD("z", "\"AQEB\"", "", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", "\"" PIN_2 "AA\"", "", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", "\"*\"", "", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", "5", "", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", MANY("\"" PIN_2 "\""), "", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "", "", "-1")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "", "", "4294967295")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "", "", "\"8\"")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "", "", MANY("8"))},
        {CATALOG_CLIENT, "z", RECORD("z", "", "a.example", "", "")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "", PIN_2, "")},
        {CATALOG_CLIENT, "z", RECORD("z", "", "a.example", "AQEB", "")},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct catalog_change removal = {
            .kind = cases[i].kind, .name = ps_bytes_str(cases[i].name), .expected = 1};

        put_client((struct client_row){.name = "oidc", .uids = "7"});
        load();
        put_row(cases[i].kind, cases[i].name, cases[i].body);
        assert_fails(PS_E_INPUT, access_load(access_, catalog));
        assert_nobody(peer(7), ACCESS_RULE_NOT_LOADED);
        assert_ok(catalog_apply(catalog, &removal, 1, 2, NULL));
        load();
        assert_is(peer(7), "oidc");
    }
}

static void two_clients_of_one_identity_are_a_conflict(void **state)
{
    static const struct client_row cases[] = {
        {.name = "other", .uids = "6,7"},
        {.name = "other", .pins = "\"" PIN_2 "\",\"" PIN_1 "\""},
        {.name = "other", .issuer = PIN_9, .san = "a.example"},
    };

    (void)state;
    put_client((struct client_row){
        .name = "oidc", .uids = "7", .pins = "\"" PIN_1 "\"", .issuer = PIN_9, .san = "a.example"});
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        put_client(cases[i]);
        assert_fails(PS_E_CONFLICT, access_load(access_, catalog));
    }
}

static struct client_record client_record(struct json *json, const char *body)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct client_record record;
    struct json_value value;

    assert_ok(json_parse(json, ps_bytes_str(body), &limits, &value));
    assert_ok(client_record_read(value, &record));
    return record;
}

static void identity_of_another_client_is_found_beforehand(void **state)
{
    static const struct {
        const char *record;
        bool conflicts;
    } cases[] = {
        {RECORD("new", "\"" PIN_2 "\"", "b.example", PIN_9, "8"), false},
        {RECORD("new", "\"" PIN_2 "\",\"" PIN_1 "\"", "", "", ""), true},
        {RECORD("new", "", "a.example", PIN_9, ""), true},
        {RECORD("new", "", "", "", "8,7"), true},
        {RECORD("oidc", "\"" PIN_1 "\"", "a.example", PIN_9, "7"), false},
    };
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct ps_bytes other = ps_bytes_str("?");
    struct client_record record = {.name = ps_bytes_str("new")};

    (void)state;
    assert_true(access_find_conflict(access_, &record, &other)); /* nobody can tell */
    assert_int_equal(other.len, 0);
    assert_ok(json_new(&json));
    put_client((struct client_row){
        .name = "oidc", .uids = "7", .pins = "\"" PIN_1 "\"", .issuer = PIN_9, .san = "a.example"});
    load();
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        record = client_record(json, cases[i].record);
        other = ps_bytes(NULL, 0);

        assert_int_equal(access_find_conflict(access_, &record, &other), cases[i].conflicts);
        assert_true(ps_bytes_equal_str(other, cases[i].conflicts ? "oidc" : ""));
    }
}

static void number_stays_with_the_name(void **state)
{
    uint64_t number;

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    load();
    number = access_client_number(oidc());
    assert_true(number >= 1);
    put_client((struct client_row){.name = "a", .uids = "8"});
    load();
    assert_int_equal(access_client_number(oidc()), number);
    const struct msg_caller other = peer(8);
    assert_int_not_equal(
        access_client_number(access_resolve(access_, ACCESS_CLIENTS, &other, NULL)), number);
}

static void more_refused_uids_than_fit_are_an_error(void **state)
{
    static const uint32_t uids[ACCESS_REFUSED_MAX + 1];
    struct access_config config = {.refused_uids = uids, .refused_count = ACCESS_REFUSED_MAX};
    struct access *other = NULL;

    (void)state;
    assert_ok(access_new(&config, &other));
    access_free(other);
    config.refused_count++;
    assert_fails(PS_E_LIMIT, access_new(&config, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCESS_TEST(nobody_is_known_before_the_first_load),
        ACCESS_TEST(unix_peer_is_found_by_uid),
        ACCESS_TEST(uid_zero_is_for_practice_only),
        ACCESS_TEST(practice_is_as_it_was_configured),
        ACCESS_TEST(uids_of_our_own_are_never_clients),
        ACCESS_TEST(certificate_is_found_by_any_of_its_pins),
        ACCESS_TEST(certificate_is_found_by_issuer_and_name),
        ACCESS_TEST(pin_counts_before_a_rule),
        ACCESS_TEST(the_longest_name_is_found),
        ACCESS_TEST(hashes_of_another_length_are_nobody),
        ACCESS_TEST(kinds_of_callers_are_not_mixed_up),
        ACCESS_TEST(suspended_client_is_unknown),
        ACCESS_TEST(client_is_known_on_its_listeners_only),
        ACCESS_TEST(removed_client_is_unknown_after_the_load),
        ACCESS_TEST(nobody_is_known_after_a_failed_load),
        ACCESS_TEST(two_clients_of_one_identity_are_a_conflict),
        ACCESS_TEST(identity_of_another_client_is_found_beforehand),
        ACCESS_TEST(number_stays_with_the_name),
        ACCESS_TEST(more_refused_uids_than_fit_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
