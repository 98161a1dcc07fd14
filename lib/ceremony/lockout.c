#include "lib/ceremony/lockout.h"

#include "lib/ceremony/sentence.h"

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

static struct present count_at(const struct roster *roster, uint64_t now_s)
{
    struct present present = {{0}};
    const struct person *person;

    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        present.people[person->role] += person_standing(person, now_s) == PERSON_VALID;
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

static void set_needs(const struct roster *roster, const struct policy *policy,
                      struct need needs[NEEDS])
{
    for (size_t i = 0; i < PS_COUNT_OF(checked); i++) {
        const struct policy_rule *rule = &policy->rules[checked[i].class];

        needs[i] = (struct need){.class = checked[i].class, .what = checked[i].what};
        needs[i].people[ROSTER_OFFICER] = rule->officers + (rule->requester_counts ? 0 : 1);
        needs[i].people[ROSTER_AUDITOR] = rule->auditors;
    }
    needs[NEEDS - 1] = (struct need){.class = POLICY_NOBODY, .what = "recovery"};
    if (has_recovery(roster)) {
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

static enum ps_err refuse(const struct need *need, enum lockout_cause cause,
                          const struct person *person, struct lockout *ret_lockout)
{
    static const char *const causes[] = {
        [LOCKOUT_TOO_FEW] = "too few people are valid",
        [LOCKOUT_LOSS] = "too few people are left without",
        [LOCKOUT_EXPIRY] = "too few people are left within 30 days, after the end of",
    };
    const uint32_t spare = cause == LOCKOUT_EXPIRY ? 0 : 1;
    struct sentence_part parts[ROSTER_ROLE_COUNT - 1];
    char needed[100] = "";

    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        static const char *const nouns[][2] = {{"officer", "officers"},
                                               {"auditor", "auditors"},
                                               {"recovery person", "recovery people"}};
        const uint32_t people = need->people[role];

        parts[role - 1] = (struct sentence_part){people == 0 ? 0 : people + spare,
                                                 nouns[role - 1][0], nouns[role - 1][1]};
    }
    sentence_add_counts(needed, sizeof needed, parts, PS_COUNT_OF(parts));
    *ret_lockout = (struct lockout){.cause = cause, .class = need->class};
    if (person == NULL) {
        return ps_fail(PS_E_DENIED, 0, "%s could be locked out: %s; at least %s are needed",
                       need->what, causes[cause], needed);
    }
    memcpy(ret_lockout->person, person->name, sizeof person->name);
    return ps_fail(PS_E_DENIED, 0, "%s could be locked out: %s \"%.64s\"; at least %s are needed",
                   need->what, causes[cause], person->name, needed);
}

/* Who is lost is as good as any other of the same role. */
static enum ps_err check_loss(const struct need *need, const struct roster *roster, uint64_t now_s,
                              struct lockout *ret_lockout)
{
    const struct present present = count_at(roster, now_s);
    const struct person *person;

    if (short_of(need, &present) != ROSTER_NOBODY) {
        return refuse(need, LOCKOUT_TOO_FEW, NULL, ret_lockout);
    }
    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        struct present left = present;

        if (person_standing(person, now_s) == PERSON_VALID) {
            left.people[person->role]--;
            if (short_of(need, &left) != ROSTER_NOBODY) {
                return refuse(need, LOCKOUT_LOSS, person, ret_lockout);
            }
        }
    }
    return PS_OK;
}

/* The earliest end after which too few are left; people only become fewer at somebody's end. */
static enum ps_err check_expiry(const struct need *need, const struct roster *roster,
                                uint64_t now_s, struct lockout *ret_lockout)
{
    const struct person *first = NULL;
    const struct person *person;

    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        const struct present left = count_at(roster, person->valid_until_s);

        if (person->valid_until_s > now_s && person->valid_until_s - now_s <= LOCKOUT_EXPIRY_S &&
            short_of(need, &left) != ROSTER_NOBODY &&
            (first == NULL || person->valid_until_s < first->valid_until_s)) {
            first = person;
        }
    }
    return first == NULL ? PS_OK : refuse(need, LOCKOUT_EXPIRY, first, ret_lockout);
}

enum ps_err lockout_check(const struct roster *roster, const struct policy *policy, uint64_t now_s,
                          struct lockout *ret_lockout)
{
    struct lockout found = {.cause = LOCKOUT_NONE};
    struct lockout *ret = ret_lockout == NULL ? &found : ret_lockout;
    struct need needs[NEEDS];

    set_needs(roster, policy, needs);
    *ret = found;
    for (size_t i = 0; i < NEEDS; i++) {
        PS_TRY(check_loss(&needs[i], roster, now_s, ret));
        PS_TRY(check_expiry(&needs[i], roster, now_s, ret));
    }
    return PS_OK;
}
