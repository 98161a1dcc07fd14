#include "lib/ceremony/people/policy.h"

#include "lib/base/encode.h"
#include "lib/ceremony/members.h"

static const struct json_limits policy_limits = {POLICY_OCTETS_MAX, 4, 64};

#define SECONDS_MAX (365u * 86400u)
#define EPOCH_MAX   UINT64_C(1000000000)

static const char *const class_names[POLICY_CLASS_COUNT] = {
    [POLICY_NOBODY] = "-", [POLICY_C] = "C", [POLICY_U] = "U", [POLICY_B] = "B", [POLICY_A] = "A",
};

/* Besides the officers and auditors of a class: whom at least, counted together. */
static const uint32_t people_min[POLICY_CLASS_COUNT] = {
    [POLICY_C] = 1,
    [POLICY_U] = 2,
    [POLICY_B] = 2,
    [POLICY_A] = 2,
};

static const struct policy defaults = {
    .rules =
        {
            [POLICY_A] = {.officers = 2, .auditors = 1, .requester_counts = false},
            [POLICY_B] = {.officers = 2, .auditors = 0, .requester_counts = false},
            [POLICY_C] = {.officers = 1, .auditors = 0, .requester_counts = true},
            [POLICY_U] = {.officers = 2, .auditors = 0, .requester_counts = true},
        },
    .epoch = 1,
    .cooling_off_s = 86400,
    .recovery_threshold = 2,
    .recovery_delay_s = 72 * 3600,
    .sk_application = "ssh:",
    .sk_presence = true,
    .sk_verification = true,
};

void policy_set_defaults(struct policy *ret_policy)
{
    *ret_policy = defaults;
}

/* --- Reading --- */

/* In the order of RFC 8785, as everywhere here. */
static const enum policy_class classes[] = {POLICY_A, POLICY_B, POLICY_C, POLICY_U};

struct members {
    struct json_value classes;
    struct ps_bytes cooling_off_s;
    struct ps_bytes epoch;
    struct json_value recovery;
    struct json_value sk;
    struct ps_bytes v;
};

static const struct json_field member_fields[] = {
    JSON_FIELD(struct members, classes, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, cooling_off_s, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct members, epoch, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct members, recovery, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, sk, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, v, JSON_KIND_STRING, true, 1),
};

struct class_members {
    struct json_value A, B, C, U;
};

static const struct json_field class_fields[] = {
    JSON_FIELD(struct class_members, A, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct class_members, B, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct class_members, C, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct class_members, U, JSON_KIND_OBJECT, true, 0),
};

struct rule_members {
    struct ps_bytes auditors, officers, requester;
};

static const struct json_field rule_fields[] = {
    JSON_FIELD(struct rule_members, auditors, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct rule_members, officers, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct rule_members, requester, JSON_KIND_STRING, true, 0),
};

struct recovery_members {
    struct ps_bytes delay_s, threshold;
};

static const struct json_field recovery_fields[] = {
    JSON_FIELD(struct recovery_members, delay_s, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct recovery_members, threshold, JSON_KIND_STRING, true, 0),
};

struct sk_members {
    struct ps_bytes application;
    bool presence, verification;
};

static const struct json_field sk_fields[] = {
    JSON_FIELD(struct sk_members, application, JSON_KIND_STRING, true, POLICY_APPLICATION_MAX),
    JSON_FIELD(struct sk_members, presence, JSON_KIND_BOOL, true, 0),
    JSON_FIELD(struct sk_members, verification, JSON_KIND_BOOL, true, 0),
};

static enum ps_err read_rule(struct json_value value, struct policy_rule *ret_rule)
{
    struct rule_members members;

    PS_TRY(json_read_object(value, rule_fields, PS_COUNT_OF(rule_fields), &members, NULL));
    PS_TRY(member_read_u32(members.auditors, "auditors", POLICY_PEOPLE_MAX, &ret_rule->auditors));
    PS_TRY(member_read_u32(members.officers, "officers", POLICY_PEOPLE_MAX, &ret_rule->officers));
    ret_rule->requester_counts = ps_bytes_equal_str(members.requester, "counted");
    if (!ret_rule->requester_counts && !ps_bytes_equal_str(members.requester, "excluded")) {
        return ps_fail(PS_E_INPUT, 0, "member \"requester\": counted or excluded");
    }
    return PS_OK;
}

static enum ps_err read_rules(struct json_value value, struct policy *policy)
{
    struct class_members members;

    PS_TRY(json_read_object(value, class_fields, PS_COUNT_OF(class_fields), &members, NULL));
    PS_TRY(read_rule(members.A, &policy->rules[POLICY_A]));
    PS_TRY(read_rule(members.B, &policy->rules[POLICY_B]));
    PS_TRY(read_rule(members.C, &policy->rules[POLICY_C]));
    return read_rule(members.U, &policy->rules[POLICY_U]);
}

static enum ps_err read_recovery(struct json_value value, struct policy *policy)
{
    struct recovery_members members;

    PS_TRY(json_read_object(value, recovery_fields, PS_COUNT_OF(recovery_fields), &members, NULL));
    PS_TRY(member_read_u32(members.delay_s, "delay_s", SECONDS_MAX, &policy->recovery_delay_s));
    return member_read_u32(members.threshold, "threshold", POLICY_PEOPLE_MAX,
                           &policy->recovery_threshold);
}

/* OpenSSH takes no application that does not begin with "ssh:" (PROTOCOL.u2f). */
static enum ps_err read_sk(struct json_value value, struct policy *policy)
{
    struct sk_members members;

    PS_TRY(json_read_object(value, sk_fields, PS_COUNT_OF(sk_fields), &members, NULL));
    for (size_t i = 0; i < members.application.len; i++) {
        if (members.application.data[i] <= ' ' || members.application.data[i] >= 0x7f) {
            return ps_fail(PS_E_INPUT, 0, "member \"application\": not printable ASCII");
        }
    }
    if (!ps_bytes_starts_with(members.application, ps_bytes_str("ssh:"))) {
        return ps_fail(PS_E_INPUT, 0, "member \"application\": does not begin with \"ssh:\"");
    }
    memcpy(policy->sk_application, members.application.data, members.application.len);
    policy->sk_presence = members.presence;
    policy->sk_verification = members.verification;
    return PS_OK;
}

enum ps_err policy_read(struct json_value value, struct policy *ret_policy)
{
    struct policy policy = {.epoch = 0};
    struct members members;

    if (json_type(value) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a policy is an object");
    }
    PS_TRY(json_read_object(value, member_fields, PS_COUNT_OF(member_fields), &members, NULL));
    if (!ps_bytes_equal_str(members.v, "1")) {
        return ps_fail(PS_E_INPUT, 0, "member \"v\": only \"1\" is known");
    }
    PS_TRY(read_rules(members.classes, &policy));
    PS_TRY(member_read_u32(members.cooling_off_s, "cooling_off_s", SECONDS_MAX,
                           &policy.cooling_off_s));
    PS_TRY(member_read_decimal(members.epoch, "epoch", EPOCH_MAX, &policy.epoch));
    if (policy.epoch == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"epoch\": the first one is 1");
    }
    PS_TRY(read_recovery(members.recovery, &policy));
    PS_TRY(read_sk(members.sk, &policy));
    *ret_policy = policy;
    return PS_OK;
}

enum ps_err policy_parse(struct ps_bytes text, struct policy *ret_policy)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, text, &policy_limits, &root));
    PS_TRY(json_check_canonical(root));
    return policy_read(root, ret_policy);
}

/* --- Writing --- */

static void put_rule(const struct policy_rule *rule, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"auditors\":");
    member_put_decimal(out, rule->auditors);
    ps_buf_put_str(out, ",\"officers\":");
    member_put_decimal(out, rule->officers);
    ps_buf_printf(out, ",\"requester\":\"%s\"}", rule->requester_counts ? "counted" : "excluded");
}

void policy_put(const struct policy *policy, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"classes\":{");
    for (size_t i = 0; i < PS_COUNT_OF(classes); i++) {
        ps_buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", class_names[classes[i]]);
        put_rule(&policy->rules[classes[i]], out);
    }
    ps_buf_put_str(out, "},\"cooling_off_s\":");
    member_put_decimal(out, policy->cooling_off_s);
    ps_buf_put_str(out, ",\"epoch\":");
    member_put_decimal(out, policy->epoch);
    ps_buf_put_str(out, ",\"recovery\":{\"delay_s\":");
    member_put_decimal(out, policy->recovery_delay_s);
    ps_buf_put_str(out, ",\"threshold\":");
    member_put_decimal(out, policy->recovery_threshold);
    ps_buf_put_str(out, "},\"sk\":{\"application\":");
    ps_buf_put_json_string(out, ps_bytes_str(policy->sk_application));
    ps_buf_printf(out, ",\"presence\":%s,\"verification\":%s},\"v\":\"1\"}",
                  policy->sk_presence ? "true" : "false",
                  policy->sk_verification ? "true" : "false");
}

enum ps_err policy_hash(const struct policy *policy, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO text = {.max = POLICY_OCTETS_MAX};

    policy_put(policy, &text);
    PS_TRY(ps_buf_status(&text));
    ps_sha256(ps_buf_bytes(&text), ret_hash);
    return PS_OK;
}

/* --- What no policy may be below --- */

static enum ps_err check_rule(const struct policy *policy, enum policy_class class)
{
    const struct policy_rule *rule = &policy->rules[class];

    if (rule->officers == 0) {
        return ps_fail(PS_E_DENIED, 0, "class %s needs at least one officer", class_names[class]);
    }
    if (rule->officers + rule->auditors < people_min[class]) {
        return ps_fail(PS_E_DENIED, 0,
                       "class %s needs at least %u people, so that nobody acts alone",
                       class_names[class], people_min[class]);
    }
    return PS_OK;
}

/* The highest class counts, so it may not be the easier one. */
static enum ps_err check_order(const struct policy *policy, enum policy_class higher,
                               enum policy_class lower)
{
    const struct policy_rule *high = &policy->rules[higher];
    const struct policy_rule *low = &policy->rules[lower];

    if (high->officers < low->officers || high->auditors < low->auditors ||
        (high->requester_counts && !low->requester_counts)) {
        return ps_fail(PS_E_DENIED, 0, "class %s may not need less than class %s",
                       class_names[higher], class_names[lower]);
    }
    return PS_OK;
}

static enum ps_err check_delays(const struct policy *policy)
{
    if (policy->cooling_off_s < POLICY_COOLING_OFF_MIN_S) {
        return ps_fail(PS_E_DENIED, 0,
                       "cooling_off_s: at least %u, but on a practice appliance, where it may be 0",
                       POLICY_COOLING_OFF_MIN_S);
    }
    if (policy->recovery_delay_s < POLICY_RECOVERY_DELAY_MIN_S) {
        return ps_fail(PS_E_DENIED, 0, "recovery.delay_s: at least %u, but on a practice appliance",
                       POLICY_RECOVERY_DELAY_MIN_S);
    }
    return PS_OK;
}

enum ps_err policy_check(const struct policy *policy, bool is_practice)
{
    for (size_t i = 0; i < PS_COUNT_OF(classes); i++) {
        PS_TRY(check_rule(policy, classes[i]));
    }
    PS_TRY(check_order(policy, POLICY_A, POLICY_B));
    PS_TRY(check_order(policy, POLICY_B, POLICY_C));
    if (policy->recovery_threshold < 2) {
        return ps_fail(PS_E_DENIED, 0, "recovery.threshold: at least 2, so that nobody acts alone");
    }
    if (!policy->sk_presence) {
        return ps_fail(PS_E_DENIED, 0, "sk.presence: a hardware key has to be touched");
    }
    return is_practice ? PS_OK : check_delays(policy);
}

enum ps_err policy_check_next(const struct policy *present, const struct policy *next,
                              bool is_practice)
{
    if (next->epoch != present->epoch + 1) {
        return ps_fail(PS_E_DENIED, 0, "epoch: %llu follows %llu",
                       (unsigned long long)present->epoch + 1, (unsigned long long)present->epoch);
    }
    return policy_check(next, is_practice);
}

const char *policy_class_name(enum policy_class class)
{
    return class_names[(unsigned)class < POLICY_CLASS_COUNT ? class : POLICY_NOBODY];
}

enum policy_class policy_class_by_name(struct ps_bytes name)
{
    for (unsigned i = 0; i < POLICY_CLASS_COUNT; i++) {
        if (ps_bytes_equal_str(name, class_names[i])) {
            return (enum policy_class)i;
        }
    }
    return POLICY_CLASS_COUNT;
}

enum policy_class policy_class_highest(enum policy_class a, enum policy_class b)
{
    return a > b ? a : b;
}
