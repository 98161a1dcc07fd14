#include "lib/ceremony/people/lockout.h"

#include "lib/ceremony/words/sentence.h"
#include "lib/formats/ssh/ssh_key.h"

/* What has to be there for a class to be approved at all. */
struct need {
    enum policy_class class; /* POLICY_NOBODY: the recovery people */
    const char *what;
    uint32_t people[ROSTER_ROLE_COUNT];
};

struct present {
    uint32_t people[ROSTER_ROLE_COUNT];
};

static const struct {
    enum policy_class class;
    const char *what;
} checked[] = {
    {POLICY_A, "class A"},
    {POLICY_B, "class B"},
    {POLICY_C, "class C"},
    {POLICY_U, "class U"},
};
#define NEEDS (PS_COUNT_OF(checked) + 1)

/* Who is judged. */
struct judged {
    const struct roster *roster;
    const struct policy *policy;
    uint64_t now_s;
};

/* A hardware key that was made for another application than the policy's signs for nobody. */
static bool has_key(const struct person *person, const struct policy *policy)
{
    for (size_t i = 0; i < person->key_count; i++) {
        const struct ssh_key *key = person->keys[i].key;

        if (!ssh_key_is_sk(key) ||
            ps_bytes_equal_str(ssh_key_application(key), policy->sk_application)) {
            return true;
        }
    }
    return false;
}

static bool can_sign_at(const struct judged *judged, const struct person *person, uint64_t at_s)
{
    return person_standing(person, at_s) == PERSON_VALID && has_key(person, judged->policy);
}

static struct present count_at(const struct judged *judged, uint64_t at_s)
{
    struct present present = {{0}};
    const struct person *person;

    for (size_t i = 0; (person = roster_at(judged->roster, i)) != NULL; i++) {
        present.people[person->role] += can_sign_at(judged, person, at_s);
    }
    return present;
}

static bool has_recovery(const struct roster *roster)
{
    const struct person *person;

    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        if (person->role == ROSTER_RECOVERY) {
            return true;
        }
    }
    return false;
}

static void set_needs(const struct judged *judged, struct need needs[NEEDS])
{
    const struct policy *policy = judged->policy;

    for (size_t i = 0; i < PS_COUNT_OF(checked); i++) {
        const struct policy_rule *rule = &policy->rules[checked[i].class];

        needs[i] = (struct need){.class = checked[i].class, .what = checked[i].what};
        needs[i].people[ROSTER_OFFICER] = rule->officers + (rule->requester_counts ? 0 : 1);
        needs[i].people[ROSTER_AUDITOR] = rule->auditors;
    }
    needs[NEEDS - 1] = (struct need){.class = POLICY_NOBODY, .what = "recovery"};
    if (has_recovery(judged->roster)) {
        needs[NEEDS - 1].people[ROSTER_RECOVERY] = policy->recovery_threshold;
    }
}

/* A role of which there are too few; ROSTER_NOBODY when there are enough of all. */
static enum roster_role short_of(const struct need *need, const struct present *present)
{
    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        if (present->people[role] < need->people[role]) {
            return (enum roster_role)role;
        }
    }
    return ROSTER_NOBODY;
}

/* "four officers and two auditors" */
static void say_needed(const struct need *need, enum lockout_cause cause, char *text, size_t size)
{
    static const char *const nouns[ROSTER_ROLE_COUNT][2] = {
        [ROSTER_OFFICER] = {"officer", "officers"},
        [ROSTER_AUDITOR] = {"auditor", "auditors"},
        [ROSTER_RECOVERY] = {"recovery person", "recovery people"},
    };
    const uint32_t spare = cause == LOCKOUT_EXPIRY ? 0 : 1;
    struct sentence_part parts[ROSTER_ROLE_COUNT] = {{.count = 0}};

    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        const uint32_t people = need->people[role];

        parts[role] = (struct sentence_part){people == 0 ? 0 : people + spare, nouns[role][0],
                                             nouns[role][1]};
    }
    sentence_add_counts(text, size, parts, PS_COUNT_OF(parts));
}

static enum ps_err refuse(const struct need *need, enum lockout_cause cause,
                          const struct person *person, struct lockout *ret_lockout)
{
    static const char *const causes[] = {
        [LOCKOUT_TOO_FEW] = "too few people can sign now",
        [LOCKOUT_LOSS] = "too few people are left without",
        [LOCKOUT_EXPIRY] = "too few people are left within 30 days, after the end of",
    };
    char needed[100] = "";

    say_needed(need, cause, needed, sizeof needed);
    *ret_lockout = (struct lockout){.cause = cause, .class = need->class};
    if (person == NULL) {
        return ps_fail(PS_E_DENIED, 0, "%s could be locked out: %s; at least %s are needed",
                       need->what, causes[cause], needed);
    }
    memcpy(ret_lockout->person, person->name, sizeof person->name);
    return ps_fail(PS_E_DENIED, 0, "%s could be locked out: %s \"%.64s\"; at least %s are needed",
                   need->what, causes[cause], person->name, needed);
}

static enum ps_err check_present(const struct need *need, const struct judged *judged,
                                 struct lockout *ret_lockout)
{
    const struct present present = count_at(judged, judged->now_s);

    return short_of(need, &present) == ROSTER_NOBODY
               ? PS_OK
               : refuse(need, LOCKOUT_TOO_FEW, NULL, ret_lockout);
}

/* Who is lost is as good as any other of the same role. */
static enum ps_err check_loss(const struct need *need, const struct judged *judged,
                              struct lockout *ret_lockout)
{
    const struct present present = count_at(judged, judged->now_s);
    const struct person *person;

    for (size_t i = 0; (person = roster_at(judged->roster, i)) != NULL; i++) {
        struct present left = present;

        if (can_sign_at(judged, person, judged->now_s)) {
            left.people[person->role]--;
            if (short_of(need, &left) != ROSTER_NOBODY) {
                return refuse(need, LOCKOUT_LOSS, person, ret_lockout);
            }
        }
    }
    return PS_OK;
}

/* The earliest end after which too few are left; people only become fewer at somebody's end. */
static enum ps_err check_expiry(const struct need *need, const struct judged *judged,
                                struct lockout *ret_lockout)
{
    const struct person *first = NULL;
    const struct person *person;

    for (size_t i = 0; (person = roster_at(judged->roster, i)) != NULL; i++) {
        const uint64_t end_s = person->valid_until_s;
        const struct present left = count_at(judged, end_s);

        if (end_s > judged->now_s && end_s - judged->now_s <= LOCKOUT_EXPIRY_S &&
            short_of(need, &left) != ROSTER_NOBODY &&
            (first == NULL || end_s < first->valid_until_s)) {
            first = person;
        }
    }
    return first == NULL ? PS_OK : refuse(need, LOCKOUT_EXPIRY, first, ret_lockout);
}

/* The worst first, of all classes. */
static enum ps_err (*const checks[])(const struct need *need, const struct judged *judged,
                                     struct lockout *ret_lockout) = {check_present, check_loss,
                                                                     check_expiry};

enum ps_err lockout_check(const struct roster *roster, const struct policy *policy, uint64_t now_s,
                          struct lockout *ret_lockout)
{
    const struct judged judged = {roster, policy, now_s};
    struct lockout found = {.cause = LOCKOUT_NONE};
    struct lockout *ret = ret_lockout == NULL ? &found : ret_lockout;
    struct need needs[NEEDS];

    set_needs(&judged, needs);
    *ret = found;
    for (size_t check = 0; check < PS_COUNT_OF(checks); check++) {
        for (size_t i = 0; i < NEEDS; i++) {
            PS_TRY(checks[check](&needs[i], &judged, ret));
        }
    }
    return PS_OK;
}

/* --- Changes --- */

static bool nobody_is_missed_at(const struct judged *before, const struct judged *after,
                                uint64_t at_s)
{
    const struct present present = count_at(before, at_s);
    const struct present left = count_at(after, at_s);

    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        if (left.people[role] < present.people[role]) {
            return false;
        }
    }
    return true;
}

/* At the times within 30 days at which somebody's time begins or ends; else nothing changes. */
static bool nobody_is_missed_around(const struct judged *before, const struct judged *after,
                                    const struct roster *roster)
{
    const uint64_t last_s = before->now_s + LOCKOUT_EXPIRY_S;
    const struct person *person;

    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        const uint64_t times[] = {person->valid_from_s, person->valid_until_s};

        for (size_t k = 0; k < PS_COUNT_OF(times); k++) {
            if (times[k] > before->now_s && times[k] <= last_s &&
                !nobody_is_missed_at(before, after, times[k])) {
                return false;
            }
        }
    }
    return true;
}

enum ps_err lockout_check_change(const struct roster *present, const struct roster *next,
                                 const struct policy *policy, uint64_t now_s)
{
    const struct judged before = {present, policy, now_s};
    const struct judged after = {next, policy, now_s};

    if (nobody_is_missed_at(&before, &after, now_s) &&
        nobody_is_missed_around(&before, &after, present) &&
        nobody_is_missed_around(&before, &after, next)) {
        return PS_OK;
    }
    return lockout_check(next, policy, now_s, NULL);
}
