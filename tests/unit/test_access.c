#include "keystore/policy/access.h"

#include "tests/unit/support.h"

#include "lib/base/clock.h"

/* PIN_n is the base64url text of 32 octets of the value n. */
#define PIN_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define PIN_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
#define PIN_9 "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"

#define NOW 1000u

static struct catalog *catalog;
static struct access *access_;
static const uint32_t own_uids[] = {501, 502};

static int make(void **state)
{
    const struct access_config config = {.refused_uids = own_uids, .refused_count = 2};

    (void)state;
    assert_ok(catalog_open_memory(&catalog));
    assert_ok(access_new(&config, &access_));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    access_free(access_);
    catalog_close(catalog);
    return 0;
}

static uint64_t revision_of(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {0};

    ps_buf_init(&memory, 65536);
    if (catalog_get(catalog, kind, ps_bytes_str(name), &memory, &row) != PS_OK) {
        return 0;
    }
    return row.revision;
}

static void put_row(enum catalog_kind kind, const char *name, const char *body)
{
    const struct catalog_change change = {.kind = kind,
                                          .name = ps_bytes_str(name),
                                          .expected = revision_of(kind, name),
                                          .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(catalog, &change, 1, 1, NULL));
}

struct client_row {
    const char *name;
    const char *pins;
    const char *uids;
    const char *issuer;
    const char *san;
    const char *listener;
    bool suspended;
};

static const char *or_(const char *text, const char *otherwise)
{
    return text == NULL ? otherwise : text;
}

static void put_client(struct client_row row)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "{\"issuer\":\"%s\",\"listener\":\"%s\",\"name\":\"%s\",\"pins\":[%s],"
                   "\"san\":\"%s\",\"suspended\":%s,\"uids\":[%s]}",
                   or_(row.issuer, ""), or_(row.listener, "both"), row.name, or_(row.pins, ""),
                   or_(row.san, ""), row.suspended ? "true" : "false", or_(row.uids, ""));
    put_row(CATALOG_CLIENT, row.name, body);
}

struct grant_row {
    const char *id;
    const char *client;
    const char *keys;
    const char *operations;
    const char *formats;
    unsigned rate;
    unsigned not_after;
};

static void put_grant(struct grant_row row)
{
    char body[1024];

    (void)snprintf(body, sizeof body,
                   "{\"client\":\"%s\",\"formats\":[%s],\"id\":\"%s\",\"keys\":\"%s\","
                   "\"not_after_s\":%u,\"operations\":[%s],\"rate_per_s\":%u}",
                   or_(row.client, "oidc"), or_(row.formats, ""), row.id, or_(row.keys, "*"),
                   row.not_after, row.operations, row.rate);
    put_row(CATALOG_GRANT, row.id, body);
}

static void load(void)
{
    assert_ok(access_load(access_, catalog));
}

/* 32 octets of this value. */
static struct ps_bytes hash_of(uint8_t value)
{
    static uint8_t hashes[16][PS_SHA256_LEN];

    memset(hashes[value], value, PS_SHA256_LEN);
    return ps_bytes(hashes[value], PS_SHA256_LEN);
}

static struct msg_caller peer(uint32_t uid)
{
    return (struct msg_caller){.kind = CALLER_UNIX, .uid = uid};
}

static struct msg_caller certificate(uint8_t pin, uint8_t issuer, const char *san)
{
    return (struct msg_caller){.kind = CALLER_TLS,
                               .spki = hash_of(pin),
                               .issuer = hash_of(issuer),
                               .san = ps_bytes_str(san)};
}

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
    assert_nobody(peer(7), ACCESS_RULE_NO_IDENTITY);
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

static void uid_zero_is_for_rehearsal_only(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "root", .uids = "0"});
    load();
    assert_nobody(peer(0), ACCESS_RULE_UID_ZERO);
    access_set_rehearsal(access_, true);
    assert_is(peer(0), "root");
    access_set_rehearsal(access_, false);
    assert_nobody(peer(0), ACCESS_RULE_UID_ZERO);
}

static void uids_of_our_own_are_never_clients(void **state)
{
    (void)state;
    put_client((struct client_row){.name = "oidc", .uids = "501,502"});
    load();
    access_set_rehearsal(access_, true);
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
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct catalog_change removal = {
            .kind = cases[i].kind, .name = ps_bytes_str(cases[i].name), .expected = 1};

        put_client((struct client_row){.name = "oidc", .uids = "7"});
        load();
        put_row(cases[i].kind, cases[i].name, cases[i].body);
        assert_fails(PS_E_INPUT, access_load(access_, catalog));
        assert_nobody(peer(7), ACCESS_RULE_NO_IDENTITY);
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

#define RECORD(name, pins, san, issuer, uids)                                                      \
    "{\"issuer\":\"" issuer "\",\"listener\":\"both\",\"name\":\"" name "\",\"pins\":[" pins       \
    "],\"san\":\"" san "\",\"suspended\":false,\"uids\":[" uids "]}"

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

    (void)state;
    assert_ok(json_new(&json));
    put_client((struct client_row){
        .name = "oidc", .uids = "7", .pins = "\"" PIN_1 "\"", .issuer = PIN_9, .san = "a.example"});
    load();
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const struct client_record record = client_record(json, cases[i].record);
        struct ps_bytes other = {0};

        assert_int_equal(access_find_conflict(access_, &record, &other), cases[i].conflicts);
        assert_true(ps_bytes_equal_str(other, cases[i].conflicts ? "oidc" : ""));
    }
}

static const struct access_client *oidc(void)
{
    const struct msg_caller caller = peer(7);
    const struct access_client *client = access_resolve(access_, ACCESS_CLIENTS, &caller, NULL);

    assert_non_null(client);
    return client;
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

/* Decisions. */

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

static void more_keys_than_are_remembered_are_decided_too(void **state)
{
    char name[32];

    (void)state;
    put_decision_grants();
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "m%u", i);
        put_grant((struct grant_row){.id = name, .keys = name, .operations = "\"mac\""});
    }
    load();
    for (unsigned i = 0; i < 40000; i++) {
        (void)snprintf(name, sizeof name, "%s%u", i % 2 == 0 ? "oidc." : "none.", i);
        assert_int_equal(decide("jws.sign", name, PS_FORMAT_JWS, NOW).outcome,
                         i % 2 == 0 ? ACCESS_ALLOWED : ACCESS_NOT_VISIBLE);
    }
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
}

/* Rates. */

static enum ps_err take(uint32_t items, uint64_t mono_ns)
{
    const struct access_decision decision = decide("mac", "k", PS_FORMAT_NONE, NOW);
    uint32_t retry_after_s = 77;
    const enum ps_err err = access_take(&decision, items, mono_ns, &retry_after_s);

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

static void what_is_used_stays_used_over_a_load(void **state)
{
    const uint64_t start = 50 * PS_NS_PER_S;

    (void)state;
    put_rate(10);
    assert_ok(take(10, start));
    load();
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

static void every_rule_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (unsigned rule = 0; rule < ACCESS_RULE_COUNT; rule++) {
        assert_true(strlen(access_rule_info((enum access_rule)rule)->name) > 3);
        assert_true(strlen(access_rule_info((enum access_rule)rule)->text) > 10);
    }
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

#define ACCESS_TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCESS_TEST(nobody_is_known_before_the_first_load),
        ACCESS_TEST(unix_peer_is_found_by_uid),
        ACCESS_TEST(uid_zero_is_for_rehearsal_only),
        ACCESS_TEST(uids_of_our_own_are_never_clients),
        ACCESS_TEST(certificate_is_found_by_any_of_its_pins),
        ACCESS_TEST(certificate_is_found_by_issuer_and_name),
        ACCESS_TEST(pin_counts_before_a_rule),
        ACCESS_TEST(hashes_of_another_length_are_nobody),
        ACCESS_TEST(kinds_of_callers_are_not_mixed_up),
        ACCESS_TEST(suspended_client_is_unknown),
        ACCESS_TEST(client_is_known_on_its_listeners_only),
        ACCESS_TEST(removed_client_is_unknown_after_the_load),
        ACCESS_TEST(nobody_is_known_after_a_failed_load),
        ACCESS_TEST(two_clients_of_one_identity_are_a_conflict),
        ACCESS_TEST(identity_of_another_client_is_found_beforehand),
        ACCESS_TEST(number_stays_with_the_name),
        ACCESS_TEST(grants_say_what_is_visible_and_what_is_allowed),
        ACCESS_TEST(many_grants_decide_the_same),
        ACCESS_TEST(more_keys_than_are_remembered_are_decided_too),
        ACCESS_TEST(remembered_decision_ends_with_the_grant),
        ACCESS_TEST(grant_ends_after_its_last_second),
        ACCESS_TEST(most_generous_grant_counts),
        ACCESS_TEST(one_seconds_worth_at_once_and_then_as_time_goes),
        ACCESS_TEST(items_of_a_batch_count_each),
        ACCESS_TEST(time_that_goes_back_gives_nothing),
        ACCESS_TEST(no_rate_is_no_limit),
        ACCESS_TEST(highest_rate_does_not_overflow),
        ACCESS_TEST(what_is_used_stays_used_over_a_load),
        ACCESS_TEST(explanation_names_every_grant),
        ACCESS_TEST(grants_are_listed_as_they_are),
        ACCESS_TEST(every_operation_is_found_by_its_name),
        ACCESS_TEST(every_rule_has_a_name_and_a_text),
        ACCESS_TEST(more_refused_uids_than_fit_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
