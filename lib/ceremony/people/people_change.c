#include "lib/ceremony/people/people_change.h"

#include "lib/ceremony/people/lockout.h"
#include "lib/ceremony/people/recovery.h"

#define DAY_S UINT64_C(86400)

/* --- What the parameters say --- */

static enum ps_err text_of(struct json_value params, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!json_member(params, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\" is missing", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err object_of(struct json_value params, const char *name,
                             struct json_value *ret_object)
{
    return json_member(params, name, ret_object)
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "member \"%s\" is missing", name);
}

/* --- Of the roster --- */

static enum ps_err enrol(struct json_value params, struct roster *roster)
{
    struct json_value entry;

    PS_TRY(object_of(params, "entry", &entry));
    return roster_add(roster, entry);
}

static enum ps_err take_out(struct json_value params, struct roster *roster)
{
    struct ps_bytes name;

    PS_TRY(text_of(params, "person", &name));
    return roster_remove(roster, name);
}

static enum ps_err replace(struct json_value params, struct roster *roster)
{
    struct json_value entry;
    struct ps_bytes name;

    PS_TRY(text_of(params, "person", &name));
    PS_TRY(object_of(params, "entry", &entry));
    return roster_replace(roster, name, entry);
}

static enum ps_err set_suspended(struct json_value params, struct roster *roster, bool suspended)
{
    const struct person *person;
    struct ps_bytes name;

    PS_TRY(text_of(params, "person", &name));
    person = roster_find(roster, name);
    if (person != NULL && person->is_suspended == suspended) {
        return ps_fail(PS_E_STATE, 0, "%s is %s", person->name,
                       suspended ? "suspended already" : "not suspended");
    }
    return roster_suspend(roster, name, suspended);
}

static enum ps_err suspend(struct json_value params, struct roster *roster)
{
    return set_suspended(params, roster, true);
}

static enum ps_err resume(struct json_value params, struct roster *roster)
{
    return set_suspended(params, roster, false);
}

static enum ps_err leave(struct json_value params, struct roster *roster)
{
    (void)params;
    (void)roster;
    return PS_OK;
}

static const struct change_type {
    const char *name;
    enum ps_err (*apply)(struct json_value params, struct roster *roster);
    bool has_entry;
} types[] = {
    {"officer.enrol", enrol, true},      {"officer.remove", take_out, false},
    {"officer.replace", replace, true},  {"officer.resume", resume, false},
    {"officer.suspend", suspend, false}, {"policy.change", leave, false},
};

static const struct change_type *find_type(const struct operation_type_info *type)
{
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        if (strcmp(types[i].name, type->name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

bool people_change_has_type(const struct operation_type_info *type)
{
    return find_type(type) != NULL;
}

static bool is_policy(const struct people_change *change)
{
    return change->type->about == OPERATION_ABOUT_POLICY;
}

bool people_change_is_recovery(const struct people_change *change)
{
    struct ps_bytes quorum;

    return strcmp(change->type->name, "officer.replace") == 0 &&
           text_of(change->params, "quorum", &quorum) == PS_OK &&
           ps_bytes_equal_str(quorum, "recovery");
}

enum ps_err people_change_roster(const struct people_change *change, const struct roster *present,
                                 struct roster **ret_next)
{
    const struct change_type *type = find_type(change->type);
    PS_CLEANUP(roster_free_cleanup) struct roster *next = NULL;

    if (type == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%s changes nothing about people", change->type->name);
    }
    PS_TRY(roster_copy(present, &next));
    PS_TRY(type->apply(change->params, next));
    *ret_next = next;
    next = NULL;
    return PS_OK;
}

/* --- Of the policy --- */

enum ps_err people_change_policy(const struct people_change *change, const struct policy *present,
                                 struct policy *ret_next)
{
    struct json_value value;

    if (!is_policy(change)) {
        *ret_next = *present;
        return PS_OK;
    }
    PS_TRY(object_of(change->params, "policy", &value));
    return policy_read(value, ret_next);
}

/* --- Whether it may be --- */

/* Whose end is over already would be in the roster for nothing. */
static enum ps_err check_entry(const struct people_change *change, const struct roster *next,
                               uint64_t now_s)
{
    const struct person *person;
    struct json_value entry;
    struct ps_bytes name;

    PS_TRY(object_of(change->params, "entry", &entry));
    PS_TRY(text_of(entry, "person", &name));
    person = roster_find(next, name);
    if (person == NULL || person_standing(person, now_s) == PERSON_EXPIRED) {
        return ps_fail(PS_E_DENIED, 0, "`valid_until`: it is over already; choose a later time");
    }
    return PS_OK;
}

static enum ps_err check_recovery(const struct people_present *present, const struct roster *next)
{
    const struct person *person;
    uint32_t count = 0;

    for (size_t i = 0; (person = roster_at(present->roster, i)) != NULL; i++) {
        count += person->role == ROSTER_RECOVERY &&
                 person_standing(person, present->now_s) == PERSON_VALID;
    }
    if (count < present->policy->recovery_threshold) {
        return ps_fail(PS_E_DENIED, 0,
                       "`quorum`: recovery needs %u people, and the roster has %u who can sign now",
                       present->policy->recovery_threshold, count);
    }
    return recovery_check_change(present->roster, next);
}

/* A suspension is made in haste: it may leave no reserve, but not too few. */
static enum ps_err check_suspension(const struct people_present *present, const struct roster *next)
{
    struct lockout lockout;
    const enum ps_err err = lockout_check(next, present->policy, present->now_s, &lockout);

    return err == PS_E_DENIED && lockout.cause != LOCKOUT_TOO_FEW ? PS_OK : err;
}

static enum ps_err check_roster(const struct people_change *change,
                                const struct people_present *present, const struct roster *next)
{
    if (find_type(change->type)->has_entry) {
        PS_TRY(check_entry(change, next, present->now_s));
    }
    if (people_change_is_recovery(change)) {
        PS_TRY(check_recovery(present, next));
    }
    if (strcmp(change->type->name, "officer.suspend") == 0) {
        return check_suspension(present, next);
    }
    return lockout_check_change(present->roster, next, present->policy, present->now_s);
}

enum ps_err people_change_check(const struct people_change *change,
                                const struct people_present *present)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *next = NULL;
    struct policy policy;

    PS_TRY(people_change_roster(change, present->roster, &next));
    if (!is_policy(change)) {
        return check_roster(change, present, next);
    }
    PS_TRY(people_change_policy(change, present->policy, &policy));
    PS_TRY(policy_check_next(present->policy, &policy, present->is_practice));
    return lockout_check(next, &policy, present->now_s, NULL);
}

/* --- How long it waits --- */

uint64_t people_change_wait_s(const struct people_change *change, const struct policy *policy)
{
    uint64_t wait_s;

    if (!people_change_has_type(change->type) || change->type->class != OPERATION_CLASS_A) {
        return 0;
    }
    wait_s = policy->cooling_off_s;
    if (people_change_is_recovery(change) && wait_s < policy->recovery_delay_s) {
        wait_s = policy->recovery_delay_s;
    }
    return wait_s;
}

uint64_t people_change_valid_s(const struct people_change *change, const struct policy *policy)
{
    return people_change_wait_s(change, policy) +
           (people_change_is_recovery(change) ? 2 * DAY_S : DAY_S);
}
