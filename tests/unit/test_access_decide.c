#include "keystore/policy/access_internal.h"

#include "tests/unit/access_support.h"
#include "tests/unit/scratch.h"

#include "api/routes.h"
#include "lib/base/name.h"

/* What a client may do, how often, and what it is told. */

static struct access_decision decide(const char *operation, const char *key, enum ps_format format,
                                     uint64_t now_s)
{
    struct access_question question = {.key = ps_bytes_str(key), .format = format, .now_s = now_s};

    question.operation = granted_op_by_name(ps_bytes_str(operation), &question.parameter);
    return access_decide(access_, oidc(), &question);
}

static void assert_decides(const char *operation, const char *key, enum ps_format format,
                           enum access_outcome outcome, enum access_rule rule)
{
    const struct access_decision decision = decide(operation, key, format, NOW);

    if (decision.outcome != outcome || decision.rule != rule) {
        fail_msg("%s of %s: %d, %s", operation, key, decision.outcome,
                 access_rule_info(decision.rule)->name);
    }
    assert_int_equal(decision.grant != NULL, outcome == ACCESS_ALLOWED);
}

struct decision_case {
    const char *operation;
    const char *key;
    enum ps_format format;
    enum access_outcome outcome;
    enum access_rule rule;
};

static const struct decision_case decision_cases[] = {
    {"jws.sign", "oidc.id", PS_FORMAT_JWS, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"jws.sign", "oidc.", PS_FORMAT_JWS, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"jws.sign", "oidc", PS_FORMAT_JWS, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    {"jws.sign", "other", PS_FORMAT_JWS, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    {"jws.sign", "oidc.id", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"jws.sign", "oidc.id", PS_FORMAT_RAW, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_FORMAT},
    {"jws.sign", "only-cose", PS_FORMAT_JWS, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_FORMAT},
    {"cose.sign", "only-cose", PS_FORMAT_COSE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"keys.read", "only-cose", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"keys.read", "oidc.id", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    {"raw.sign", "oidc.id", PS_FORMAT_RAW, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    {"raw.sign", "exact", PS_FORMAT_RAW, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"raw.sign", "exact1", PS_FORMAT_RAW, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    {"raw.sign", "exac", PS_FORMAT_RAW, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    /* An expired grant shows nothing. */
    {"mac", "old", PS_FORMAT_NONE, ACCESS_NOT_VISIBLE, ACCESS_RULE_EXPIRED},
    {"encrypt", "old", PS_FORMAT_NONE, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    /* Nor does one that is not about keys, whatever its pattern. */
    {"mac", "anything", PS_FORMAT_NONE, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY},
    {"system.read", "", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"system.read", "anything", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"log.read", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    /* Without a key: any grant for it. */
    {"keys.read", "", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"decrypt", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    /* The appliance's own keys, even for "*". */
    {"keys.read", "privyseal.log", PS_FORMAT_NONE, ACCESS_NOT_VISIBLE, ACCESS_RULE_RESERVED_NAME},
    {"jws.sign", "privyseal.log", PS_FORMAT_JWS, ACCESS_NOT_VISIBLE, ACCESS_RULE_RESERVED_NAME},
    /* A profile is named exactly. */
    {"x509.issue:wallet", "", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED},
    {"x509.issue:server", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    {"x509.issue:wallets", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    {"x509.issue:walle", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_OTHER_OPERATION},
    {"x509.issue", "", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_UNKNOWN_OPERATION},
    {"nothing", "oidc.id", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_UNKNOWN_OPERATION},
    {"jws.sign:x", "oidc.id", PS_FORMAT_JWS, ACCESS_NOT_GRANTED, ACCESS_RULE_UNKNOWN_OPERATION},
    {"", "oidc.id", PS_FORMAT_NONE, ACCESS_NOT_GRANTED, ACCESS_RULE_UNKNOWN_OPERATION},
};

static void put_decision_grants(void)
{
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_client((struct client_row){.name = "other", .uids = "8"});
    put_grant((struct grant_row){.id = "a", .keys = "oidc.*", .operations = "\"jws.sign\""});
    put_grant((struct grant_row){.id = "b", .keys = "exact", .operations = "\"raw.sign\""});
    put_grant((struct grant_row){
        .id = "c", .keys = "old", .operations = "\"mac\"", .not_after = NOW - 1});
    put_grant((struct grant_row){.id = "d", .operations = "\"system.read\",\"x509.issue:wallet\""});
    put_grant((struct grant_row){.id = "e",
                                 .keys = "only-cose",
                                 .operations = "\"cose.sign\",\"jws.sign\",\"keys.read\"",
                                 .formats = "\"cose\""});
    put_grant((struct grant_row){
        .id = "f", .client = "other", .operations = "\"decrypt\",\"log.read\",\"jws.sign\""});
    put_grant((struct grant_row){
        .id = "g", .client = "gone", .operations = "\"decrypt\",\"log.read\",\"jws.sign\""});
}

static void assert_all_cases(void)
{
    for (size_t i = 0; i < PS_COUNT_OF(decision_cases); i++) {
        const struct decision_case *one = &decision_cases[i];

        assert_decides(one->operation, one->key, one->format, one->outcome, one->rule);
    }
}

static void grants_say_what_is_visible_and_what_is_allowed(void **state)
{
    (void)state;
    put_decision_grants();
    load();
    assert_all_cases();
}

static void many_grants_decide_the_same(void **state)
{
    (void)state;
    put_decision_grants();
    for (unsigned i = 0; i < 50; i++) {
        char id[16];

        (void)snprintf(id, sizeof id, "m%u", i);
        put_grant((struct grant_row){.id = id, .keys = id, .operations = "\"jws.sign\""});
    }
    load();
    assert_all_cases();
    /* Now all are remembered. */
    assert_all_cases();
    assert_decides("jws.sign", "m49", PS_FORMAT_JWS, ACCESS_ALLOWED, ACCESS_RULE_GRANTED);
}

static void assert_decides_by_prefix(unsigned number, size_t *most)
{
    const bool is_oidc = number % 2 == 0;
    char name[32];
    size_t count;

    (void)snprintf(name, sizeof name, "%s%u", is_oidc ? "oidc." : "none.", number);
    assert_int_equal(decide("jws.sign", name, PS_FORMAT_JWS, NOW).outcome,
                     is_oidc ? ACCESS_ALLOWED : ACCESS_NOT_VISIBLE);
    count = ps_map_count(access_->index->remembered);
    assert_true(count <= REMEMBERED_MAX);
    *most = count > *most ? count : *most;
}

/* Whoever asks for many keys neither fills the memory nor changes an answer. */
static void more_keys_than_are_remembered_are_decided_too(void **state)
{
    size_t most = 0;
    char id[16];

    (void)state;
    put_decision_grants();
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(id, sizeof id, "m%u", i);
        put_grant((struct grant_row){.id = id, .keys = id, .operations = "\"mac\""});
    }
    load();
    for (unsigned i = 0; i < 2 * REMEMBERED_MAX + 2; i++) {
        assert_decides_by_prefix(i, &most);
    }
    assert_int_equal(most, REMEMBERED_MAX);
    /* Those that were forgotten, and those that were not. */
    for (unsigned i = 0; i < 2 * REMEMBERED_MAX + 2; i++) {
        assert_decides_by_prefix(i, &most);
    }
    assert_all_cases();
}

static void put_many_for(const char *client, const char *covers)
{
    for (unsigned i = 0; i < 20; i++) {
        char id[40];

        (void)snprintf(id, sizeof id, "%s.%u", client, i);
        put_grant((struct grant_row){
            .id = id, .client = client, .keys = i == 0 ? covers : id, .operations = "\"mac\""});
    }
}

static void what_is_remembered_of_one_client_is_no_other_s(void **state)
{
    const struct access_question question = {
        .operation = GRANTED_MAC, .key = ps_bytes_str("secret"), .now_s = NOW};
    const struct msg_caller caller = peer(8);
    const struct access_client *other;

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_client((struct client_row){.name = "other", .uids = "8"});
    put_many_for("oidc", "secret");
    put_many_for("other", "mine");
    load();
    other = access_resolve(access_, ACCESS_CLIENTS, &caller, NULL);
    assert_int_equal(access_decide(access_, oidc(), &question).outcome, ACCESS_ALLOWED);
    assert_int_equal(access_decide(access_, other, &question).outcome, ACCESS_NOT_VISIBLE);
    assert_int_equal(access_decide(access_, oidc(), &question).outcome, ACCESS_ALLOWED);
}

/* Nobody has a key of that name, and it is not remembered. */
static void a_name_that_is_too_long_is_decided(void **state)
{
    char name[PS_NAME_MAX + 2] = {0};

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_many_for("oidc", "secret");
    load();
    memset(name, 'a', PS_NAME_MAX + 1);
    assert_decides("mac", name, PS_FORMAT_NONE, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY);
}

static void each_profile_is_its_own(void **state)
{
    const struct access_question none = {.operation = GRANTED_X509_ISSUE, .now_s = NOW};

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_grant((struct grant_row){.id = "a", .operations = "\"mac\",\"x509.issue:wallet\""});
    put_grant((struct grant_row){.id = "b", .operations = "\"x509.issue:server\""});
    load();
    assert_decides("x509.issue:wallet", "", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED);
    assert_decides("x509.issue:server", "", PS_FORMAT_NONE, ACCESS_ALLOWED, ACCESS_RULE_GRANTED);
    /* No other operation of the same grant stands in for it. */
    assert_int_equal(access_decide(access_, oidc(), &none).outcome, ACCESS_NOT_GRANTED);
}

/* Its rows are in memory that it frees when it is closed, as those of a walk are. */
static int make_on_disk(void **state)
{
    char path[SCRATCH_PATH_MAX];

    assert_int_equal(scratch_make(state), 0);
    assert_int_equal(make(state), 0);
    catalog_close(catalog);
    scratch_path("catalog.sqlite", path);
    assert_ok(catalog_open_sqlite(path, &catalog));
    return 0;
}

static int clear_disk(void **state)
{
    assert_int_equal(clear(state), 0);
    return scratch_remove(state);
}

static void what_was_loaded_stands_without_the_catalog(void **state)
{
    (void)state;
    put_decision_grants();
    load();
    catalog_close(catalog);
    catalog = NULL;
    assert_all_cases();
}

static void remembered_decision_ends_with_the_grant(void **state)
{
    const struct catalog_change removal = {
        .kind = CATALOG_GRANT, .name = ps_bytes_str("a"), .expected = 1};

    (void)state;
    put_decision_grants();
    for (unsigned i = 0; i < 20; i++) {
        char id[16];

        (void)snprintf(id, sizeof id, "m%u", i);
        put_grant((struct grant_row){.id = id, .keys = id, .operations = "\"mac\""});
    }
    load();
    assert_decides("jws.sign", "oidc.id", PS_FORMAT_JWS, ACCESS_ALLOWED, ACCESS_RULE_GRANTED);
    assert_ok(catalog_apply(catalog, &removal, 1, 2, NULL));
    load();
    assert_decides("jws.sign", "oidc.id", PS_FORMAT_JWS, ACCESS_NOT_VISIBLE, ACCESS_RULE_OTHER_KEY);
}

static void grant_ends_after_its_last_second(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_grant((struct grant_row){.id = "a", .operations = "\"mac\"", .not_after = NOW});
    load();
    assert_int_equal(decide("mac", "k", PS_FORMAT_NONE, NOW).outcome, ACCESS_ALLOWED);
    assert_int_equal(decide("mac", "k", PS_FORMAT_NONE, NOW + 1).outcome, ACCESS_NOT_VISIBLE);
    assert_int_equal(decide("mac", "k", PS_FORMAT_NONE, NOW + 1).rule, ACCESS_RULE_EXPIRED);
}

static void most_generous_grant_counts(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_grant((struct grant_row){.id = "a", .operations = "\"mac\"", .rate = 5});
    put_grant((struct grant_row){.id = "b", .operations = "\"mac\"", .rate = 9});
    put_grant((struct grant_row){.id = "c", .operations = "\"mac\"", .rate = 7});
    load();
    assert_true(
        ps_bytes_equal_str(access_grant_id(decide("mac", "k", PS_FORMAT_NONE, NOW).grant), "b"));
    put_grant((struct grant_row){.id = "d", .operations = "\"mac\"", .not_after = NOW});
    load();
    assert_true(
        ps_bytes_equal_str(access_grant_id(decide("mac", "k", PS_FORMAT_NONE, NOW).grant), "d"));
    assert_true(ps_bytes_equal_str(
        access_grant_id(decide("mac", "k", PS_FORMAT_NONE, NOW + 1).grant), "b"));
    put_grant((struct grant_row){.id = "e", .operations = "\"mac\"", .rate = 99});
    load();
    assert_true(
        ps_bytes_equal_str(access_grant_id(decide("mac", "k", PS_FORMAT_NONE, NOW).grant), "d"));
}

/* Rates. */

static enum access_of taken_of;

static enum ps_err take(uint32_t items, uint64_t mono_ns)
{
    const struct access_decision decision = decide("mac", "k", PS_FORMAT_NONE, NOW);
    uint32_t retry_after_s = 77;
    const enum ps_err err = access_take(&decision, taken_of, items, mono_ns, &retry_after_s);

    if (err == PS_OK) {
        assert_int_equal(retry_after_s, 77);
    } else {
        assert_int_equal(retry_after_s, items > 10 ? 0 : 1);
    }
    return err;
}

static void put_rate(unsigned rate)
{
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_grant((struct grant_row){.id = "a", .operations = "\"mac\"", .rate = rate});
    load();
}

static void one_seconds_worth_at_once_and_then_as_time_goes(void **state)
{
    const uint64_t start = 50 * PS_NS_PER_S;

    (void)state;
    put_rate(10);
    for (unsigned i = 0; i < 10; i++) {
        assert_ok(take(1, start));
    }
    assert_fails(PS_E_LIMIT, take(1, start));
    assert_fails(PS_E_LIMIT, take(1, start + 99 * PS_NS_PER_MS));
    assert_ok(take(1, start + 100 * PS_NS_PER_MS));
    assert_fails(PS_E_LIMIT, take(1, start + 100 * PS_NS_PER_MS));
    assert_ok(take(3, start + 400 * PS_NS_PER_MS));
    /* However long one waits, it is one second's worth. */
    assert_ok(take(10, start + 1000000 * PS_NS_PER_S));
    assert_fails(PS_E_LIMIT, take(1, start + 1000000 * PS_NS_PER_S));
}

static void items_of_a_batch_count_each(void **state)
{
    const uint64_t start = 50 * PS_NS_PER_S;

    (void)state;
    put_rate(10);
    assert_fails(PS_E_LIMIT, take(11, start));
    assert_ok(take(6, start));
    assert_fails(PS_E_LIMIT, take(5, start));
    assert_fails(PS_E_LIMIT, take(10, start)); /* not now, but in a second */
    assert_ok(take(4, start));
    assert_fails(PS_E_LIMIT, take(UINT32_MAX, start + PS_NS_PER_S));
    assert_ok(take(10, start + PS_NS_PER_S));
}

static void time_that_goes_back_gives_nothing(void **state)
{
    const uint64_t start = 50 * PS_NS_PER_S;

    (void)state;
    put_rate(10);
    assert_ok(take(10, start));
    assert_fails(PS_E_LIMIT, take(1, start - PS_NS_PER_S));
    assert_fails(PS_E_LIMIT, take(1, start - PS_NS_PER_S));
}

/* Whoever looks at keys as fast as he may has all his uses still, and no more looks. */
static void looks_have_a_rate_of_their_own(void **state)
{
    (void)state;
    put_rate(10);
    taken_of = ACCESS_LOOKS;
    assert_ok(take(10, 5));
    assert_int_equal(take(1, 5), PS_E_LIMIT);
    taken_of = ACCESS_USES;
    assert_ok(take(10, 5));
    assert_int_equal(take(1, 5), PS_E_LIMIT);
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    put_rate(0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_ok(take(1000, 0));
    }
}

static void highest_rate_does_not_overflow(void **state)
{
    const uint64_t start = UINT64_MAX - 5 * PS_NS_PER_S;

    (void)state;
    put_rate(GRANT_RATE_MAX);
    assert_ok(take(GRANT_RATE_MAX, start));
    assert_ok(take(GRANT_RATE_MAX, start + PS_NS_PER_S));
    assert_fails(PS_E_LIMIT, take(1, start + PS_NS_PER_S));
}

/* So long that what it would give is 2^64. */
static void nor_does_a_long_rest(void **state)
{
    (void)state;
    put_rate(1u << 14);
    assert_ok(take(1u << 14, 1));
    assert_ok(take(1u << 14, (UINT64_C(1) << 50) + 1));
}

static void what_is_used_stays_used_over_a_load(void **state)
{
    const uint64_t start = 50 * PS_NS_PER_S;

    (void)state;
    put_rate(10);
    assert_ok(take(10, start));
    taken_of = ACCESS_LOOKS;
    assert_ok(take(10, start));
    load();
    assert_fails(PS_E_LIMIT, take(1, start));
    taken_of = ACCESS_USES;
    assert_fails(PS_E_LIMIT, take(1, start));
    put_rate(9);
    assert_ok(take(9, start));
}

/* What is told. */

static void explanation_names_every_grant(void **state)
{
    struct access_question question = {.operation = GRANTED_JWS_SIGN,
                                       .key = ps_bytes_str("only-cose"),
                                       .format = PS_FORMAT_JWS,
                                       .now_s = NOW};
    PS_BUF_AUTO out;

    (void)state;
    put_decision_grants();
    load();
    ps_buf_init(&out, 65536);
    access_put_explanation(access_, oidc(), &question, &out);
    assert_true(ps_bytes_equal_str(
        ps_buf_bytes(&out),
        "{\"allowed\":false,\"detail\":\"the grant that names the operation does not name the "
        "format\",\"grants\":[{\"id\":\"a\",\"rule\":\"other-key\"},{\"id\":\"b\",\"rule\":"
        "\"other-key\"},{\"id\":\"c\",\"rule\":\"other-key\"},{\"id\":\"d\",\"rule\":"
        "\"other-key\"},{\"id\":\"e\",\"rule\":\"other-format\"}],\"outcome\":"
        "\"not-granted\",\"rule\":\"other-format\"}"));
    question.operation = GRANTED_LOG_READ;
    question.key = ps_bytes(NULL, 0);
    ps_buf_reset(&out);
    access_put_explanation(access_, oidc(), &question, &out);
    /* Of what is about no key the expired one says the same as the others. */
    assert_non_null(memmem(out.data, out.len, "\"c\",\"rule\":\"other-operation\"", 28));
    question.operation = GRANTED_NONE;
    ps_buf_reset(&out);
    access_put_explanation(access_, oidc(), &question, &out);
    assert_true(ps_bytes_equal_str(
        ps_buf_bytes(&out), "{\"allowed\":false,\"detail\":\"no grant can name this operation\","
                            "\"grants\":[],\"outcome\":\"not-granted\",\"rule\":"
                            "\"unknown-operation\"}"));
}

static void grants_are_listed_as_they_are(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "7"});
    put_grant((struct grant_row){.id = "a",
                                 .keys = "oidc.*",
                                 .operations = "\"jws.sign\",\"x509.issue:wallet\"",
                                 .formats = "\"cose\",\"jws\"",
                                 .rate = 10,
                                 .not_after = NOW});
    put_grant((struct grant_row){.id = "b", .operations = "\"mac\""});
    load();
    ps_buf_init(&out, 65536);
    access_put_grants(oidc(), NOW, &out);
    assert_true(ps_bytes_equal_str(
        ps_buf_bytes(&out),
        "[{\"formats\":[\"jws\",\"cose\"],\"id\":\"a\",\"keys\":\"oidc.*\",\"not_after\":"
        "\"1970-01-01T00:16:40Z\",\"operations\":[\"jws.sign\",\"x509.issue:wallet\"],"
        "\"rate_per_s\":10},{\"formats\":[],\"id\":\"b\",\"keys\":\"*\",\"operations\":"
        "[\"mac\"]}]"));
    ps_buf_reset(&out);
    access_put_grants(oidc(), NOW + 1, &out);
    assert_true(ps_bytes_equal_str(
        ps_buf_bytes(&out),
        "[{\"formats\":[],\"id\":\"b\",\"keys\":\"*\",\"operations\":[\"mac\"]}]"));
}

/* Operations that can be granted. */

static void every_operation_is_found_by_its_name(void **state)
{
    (void)state;
    for (unsigned op = GRANTED_NONE + 1; op < GRANTED_COUNT; op++) {
        const struct granted_op_info *info = granted_op_info((enum granted_op)op);
        struct ps_bytes parameter = {0};
        char name[64];

        assert_non_null(info);
        (void)snprintf(name, sizeof name, "%s%s", info->name,
                       info->about == ABOUT_PARAMETER ? ":a" : "");
        assert_int_equal(granted_op_by_name(ps_bytes_str(name), &parameter), op);
        assert_true(ps_bytes_equal_str(parameter, info->about == ABOUT_PARAMETER ? "a" : ""));
    }
    assert_null(granted_op_info(GRANTED_NONE));
    assert_null(granted_op_info(GRANTED_COUNT));
    assert_int_equal(granted_op_by_name(ps_bytes_str("x509.issue:"), NULL), GRANTED_NONE);
    assert_int_equal(granted_op_by_name(ps_bytes_str("x509.issue:A"), NULL), GRANTED_NONE);
    assert_int_equal(granted_op_by_name(ps_bytes_str("x509.issue:a:b"), NULL), GRANTED_NONE);
    assert_int_equal(granted_op_by_name(ps_bytes_str("mac:"), NULL), GRANTED_NONE);
    assert_int_equal(granted_op_by_name(ps_bytes_str("ma"), NULL), GRANTED_NONE);
    assert_int_equal(granted_op_by_name(ps_bytes_str(":"), NULL), GRANTED_NONE);
}

/* Before genesis there is nobody to grant anything to. */
static const char *const not_granted[] = {"public", "registered", "genesis"};

static void every_route_needs_what_can_be_granted(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct ps_bytes serves = ps_bytes_str(routes[i].serves);
        bool known = false;

        /* Without its parameter, which a request brings. */
        for (unsigned op = GRANTED_NONE + 1; op < GRANTED_COUNT; op++) {
            known = known || ps_bytes_equal_str(serves, granted_op_info(op)->name);
        }
        for (size_t j = 0; j < PS_COUNT_OF(not_granted); j++) {
            known = known || ps_bytes_equal_str(serves, not_granted[j]);
        }
        if (!known) {
            fail_msg("%s serves %s", routes[i].id, routes[i].serves);
        }
    }
}

static void every_rule_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (unsigned rule = 0; rule < ACCESS_RULE_COUNT; rule++) {
        assert_true(strlen(access_rule_info((enum access_rule)rule)->name) > 3);
        assert_true(strlen(access_rule_info((enum access_rule)rule)->text) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCESS_TEST(grants_say_what_is_visible_and_what_is_allowed),
        ACCESS_TEST(many_grants_decide_the_same),
        ACCESS_TEST(more_keys_than_are_remembered_are_decided_too),
        ACCESS_TEST(what_is_remembered_of_one_client_is_no_other_s),
        ACCESS_TEST(a_name_that_is_too_long_is_decided),
        ACCESS_TEST(each_profile_is_its_own),
        cmocka_unit_test_setup_teardown(what_was_loaded_stands_without_the_catalog, make_on_disk,
                                        clear_disk),
        ACCESS_TEST(remembered_decision_ends_with_the_grant),
        ACCESS_TEST(grant_ends_after_its_last_second),
        ACCESS_TEST(most_generous_grant_counts),
        ACCESS_TEST(one_seconds_worth_at_once_and_then_as_time_goes),
        ACCESS_TEST(items_of_a_batch_count_each),
        ACCESS_TEST(time_that_goes_back_gives_nothing),
        ACCESS_TEST(looks_have_a_rate_of_their_own),
        ACCESS_TEST(no_rate_is_no_limit),
        ACCESS_TEST(highest_rate_does_not_overflow),
        ACCESS_TEST(nor_does_a_long_rest),
        ACCESS_TEST(what_is_used_stays_used_over_a_load),
        ACCESS_TEST(explanation_names_every_grant),
        ACCESS_TEST(grants_are_listed_as_they_are),
        ACCESS_TEST(every_operation_is_found_by_its_name),
        ACCESS_TEST(every_route_needs_what_can_be_granted),
        ACCESS_TEST(every_rule_has_a_name_and_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
