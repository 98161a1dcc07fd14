#include "lib/ceremony/people/quorum.h"

#include "lib/ceremony/people/tally.h"
#include "lib/ceremony/words/sentence.h"
#include "lib/formats/ssh/ssh_key.h"

static const char *const verdict_texts[QUORUM_VERDICT_COUNT] = {
    [QUORUM_COUNTED] = "counted",
    [QUORUM_COUNTED_REJECTION] = "counted as a refusal",
    [QUORUM_OTHER_KIND] = "neither an approval nor a refusal",
    [QUORUM_OTHER_DOCUMENT] = "of another document",
    [QUORUM_NOT_A_PERSON] = "by nobody of the roster",
    [QUORUM_OTHER_KEY] = "by a key that the person has no longer",
    [QUORUM_NOT_VALID] = "by someone who is suspended, not yet or no longer valid",
    [QUORUM_OTHER_ROLE] = "by a role that is not asked for",
    [QUORUM_REQUESTER] = "by the requester, who does not count",
    [QUORUM_REPEATED] = "by someone who is counted already",
    [QUORUM_WITHDRAWN] = "by someone who refused as well",
};

const char *quorum_verdict_text(enum quorum_verdict verdict)
{
    return verdict_texts[verdict];
}

/* A class that asks for nobody is none that policy_check lets through. */
static enum ps_err check_class(const struct quorum_request *request)
{
    if ((unsigned)request->class >= POLICY_CLASS_COUNT) {
        return ps_fail(PS_E_INPUT, 0, "no such class of operations");
    }
    if (request->canceller.len != 0 && request->class != POLICY_C) {
        return ps_fail(PS_E_INPUT, 0, "only what lessens capability can be approved by who asked");
    }
    if (request->class != POLICY_NOBODY && request->policy->rules[request->class].officers == 0) {
        return ps_fail(PS_E_DENIED, 0, "the policy asks no officer for class %s",
                       policy_class_name(request->class));
    }
    return PS_OK;
}

/* Requests are signed, so a requester is a person: one who could still ask now. */
static enum ps_err find_requester(const struct quorum_request *request,
                                  const struct person **ret_requester)
{
    const struct person *person = roster_find(request->roster, request->requester);

    if (person == NULL) {
        return ps_fail(PS_E_DENIED, 0, "the requester \"%.*s\" is not a person of the roster",
                       (int)(request->requester.len < 64 ? request->requester.len : 64),
                       (const char *)request->requester.data);
    }
    if (person->role == ROSTER_RECOVERY &&
        !ps_bytes_equal(request->requester, request->canceller)) {
        return ps_fail(
            PS_E_DENIED, 0,
            "the requester \"%.64s\" is of the recovery people, who only replace officers",
            person->name);
    }
    if (person_standing(person, request->now_s) != PERSON_VALID) {
        return ps_fail(PS_E_DENIED, 0, "the requester \"%.64s\" is %s in the roster", person->name,
                       person_standing_name(person_standing(person, request->now_s)));
    }
    *ret_requester = person;
    return PS_OK;
}

static struct tally_request tally_request_of(const struct quorum_request *request)
{
    return (struct tally_request){
        .roster = request->roster,
        .now_s = request->now_s,
        .document = request->document,
        .approvals = request->approvals,
        .count = request->count,
    };
}

/* --- By class --- */

static uint32_t missing(uint32_t needed, uint32_t counted)
{
    return counted >= needed ? 0 : needed - counted;
}

static void add_requester(const struct quorum_request *request, struct quorum_result *result)
{
    if (!request->policy->rules[request->class].requester_counts) {
        sentence_add(result->text, sizeof result->text, "%s the requester (%.*s)",
                     result->officers_missing + result->auditors_missing == 1 ? ", not"
                                                                              : ", none of them",
                     PS_BYTES_FMT(request->requester));
    }
}

static void say_waiting(const struct quorum_request *request, struct quorum_result *result)
{
    sentence_add_roles(result->text, sizeof result->text, result->officers_missing,
                       result->auditors_missing);
    sentence_add(result->text, sizeof result->text, " more");
    add_requester(request, result);
}

static void say_unreachable(const struct quorum_request *request, const struct tally *tally,
                            struct quorum_result *result)
{
    char *text = result->text;
    const size_t size = sizeof result->text;

    if (result->state == QUORUM_REJECTED) {
        sentence_add_roles(text, size, tally->rejected[ROSTER_OFFICER],
                           tally->rejected[ROSTER_AUDITOR]);
        sentence_add(text, size, " refused: quorum cannot be reached any more; ");
    } else {
        sentence_add(text, size, "quorum cannot be reached with the present roster; ");
    }
    sentence_add(text, size, "needed: ");
    say_waiting(request, result);
    sentence_add(text, size, "; left: ");
    sentence_add_roles(text, size, result->officers_missing == 0 ? 0 : tally->open[ROSTER_OFFICER],
                       result->auditors_missing == 0 ? 0 : tally->open[ROSTER_AUDITOR]);
}

static bool enough(const struct quorum_result *result, uint32_t officers, uint32_t auditors)
{
    return result->officers_missing <= officers && result->auditors_missing <= auditors;
}

static enum quorum_state state_of(const struct tally *tally, const struct quorum_result *result)
{
    const uint32_t *open = tally->open;
    const uint32_t *rejected = tally->rejected;

    if (enough(result, 0, 0)) {
        return QUORUM_MET;
    }
    if (enough(result, open[ROSTER_OFFICER], open[ROSTER_AUDITOR])) {
        return QUORUM_WAITING;
    }
    if (enough(result, open[ROSTER_OFFICER] + rejected[ROSTER_OFFICER],
               open[ROSTER_AUDITOR] + rejected[ROSTER_AUDITOR])) {
        return QUORUM_REJECTED;
    }
    return QUORUM_UNREACHABLE;
}

static bool canceller_approved(const struct quorum_request *request, const struct tally *tally)
{
    const struct person *person;

    for (size_t i = 0; (person = roster_at(request->roster, i)) != NULL; i++) {
        if (tally->has_approved[i] && ps_bytes_equal_str(request->canceller, person->name)) {
            return true;
        }
    }
    return false;
}

static void conclude(const struct quorum_request *request, const struct tally *tally,
                     struct quorum_result *result)
{
    const struct policy_rule *rule = &request->policy->rules[request->class];

    result->officers = tally->approved[ROSTER_OFFICER];
    result->auditors = tally->approved[ROSTER_AUDITOR];
    if (canceller_approved(request, tally)) {
        result->state = QUORUM_MET;
        sentence_add(result->text, sizeof result->text, "quorum is met: %.*s asked for it",
                     PS_BYTES_FMT(request->canceller));
        return;
    }
    result->officers_missing = missing(rule->officers, result->officers);
    result->auditors_missing = missing(rule->auditors, result->auditors);
    result->state = state_of(tally, result);
    switch (result->state) {
    case QUORUM_MET:
        sentence_add(result->text, sizeof result->text, "quorum is met: ");
        sentence_add_roles(result->text, sizeof result->text, result->officers, result->auditors);
        break;
    case QUORUM_WAITING:
        say_waiting(request, result);
        break;
    case QUORUM_REJECTED:
    case QUORUM_UNREACHABLE:
        say_unreachable(request, tally, result);
        break;
    }
}

enum ps_err quorum_evaluate(const struct quorum_request *request, struct quorum_result *ret_result)
{
    struct tally_request counting = tally_request_of(request);
    struct quorum_result result = {.state = QUORUM_WAITING};
    const struct person *requester = NULL;
    const struct policy_rule *rule;
    struct tally tally;

    PS_TRY(check_class(request));
    if (request->class != POLICY_NOBODY || request->requester.len != 0) {
        PS_TRY(find_requester(request, &requester));
    }
    rule = &request->policy->rules[request->class];
    counting.excluded = rule->requester_counts ? NULL : requester;
    counting.included = roster_find(request->roster, request->canceller);
    counting.roles[ROSTER_OFFICER] = rule->officers != 0;
    counting.roles[ROSTER_AUDITOR] = rule->auditors != 0;
    PS_TRY(tally_count(&counting, result.verdicts, &tally));
    conclude(request, &tally, &result);
    *ret_result = result;
    return PS_OK;
}

/* --- Everybody --- */

/* ": alice, bob (refused)": those who have not approved, and why not. */
static void say_who_is_missing(const struct quorum_request *request, const struct tally *tally,
                               struct quorum_result *result)
{
    const struct person *person;
    const char *before = "everybody has to approve; missing: ";

    for (size_t i = 0; (person = roster_at(request->roster, i)) != NULL; i++) {
        const enum person_standing standing = person_standing(person, request->now_s);

        if (tally->has_approved[i] && !tally->has_rejected[i]) {
            continue;
        }
        sentence_add(result->text, sizeof result->text, "%s%s", before, person->name);
        if (tally->has_rejected[i] || standing != PERSON_VALID) {
            sentence_add(result->text, sizeof result->text, " (%s)",
                         tally->has_rejected[i] ? "refused" : person_standing_name(standing));
        }
        before = ", ";
    }
}

static void conclude_all(const struct quorum_request *request, const struct tally *tally,
                         struct quorum_result *result)
{
    uint32_t approved = 0;
    uint32_t open = 0;
    uint32_t rejected = 0;

    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        approved += tally->approved[role];
        open += tally->open[role];
        rejected += tally->rejected[role];
    }
    result->officers = tally->approved[ROSTER_OFFICER];
    result->auditors = tally->approved[ROSTER_AUDITOR];
    result->officers_missing = tally->open[ROSTER_OFFICER] + tally->rejected[ROSTER_OFFICER];
    result->auditors_missing = tally->open[ROSTER_AUDITOR] + tally->rejected[ROSTER_AUDITOR];
    if (rejected != 0) {
        result->state = QUORUM_REJECTED;
    } else if (approved + open != roster_count(request->roster) || approved + open == 0) {
        result->state = QUORUM_UNREACHABLE;
    } else {
        result->state = open == 0 ? QUORUM_MET : QUORUM_WAITING;
    }
    if (result->state == QUORUM_MET) {
        sentence_add(result->text, sizeof result->text, "everybody has approved");
    } else if (roster_count(request->roster) == 0) {
        sentence_add(result->text, sizeof result->text, "the roster is empty");
    } else {
        say_who_is_missing(request, tally, result);
    }
}

enum ps_err quorum_evaluate_all(const struct quorum_request *request,
                                struct quorum_result *ret_result)
{
    struct tally_request counting = tally_request_of(request);
    struct quorum_result result = {.state = QUORUM_WAITING};
    struct tally tally;

    for (unsigned role = ROSTER_OFFICER; role < ROSTER_ROLE_COUNT; role++) {
        counting.roles[role] = true;
    }
    PS_TRY(tally_count(&counting, result.verdicts, &tally));
    conclude_all(request, &tally, &result);
    *ret_result = result;
    return PS_OK;
}

/* --- New keys --- */

static bool has_statement(const struct quorum_request *request, const struct person *person,
                          const struct ssh_key *key)
{
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(ssh_key_blob(key), hash);
    for (size_t i = 0; i < request->count; i++) {
        const struct approval *approval = &request->approvals[i];

        if (approval->kind == APPROVAL_STATEMENT && strcmp(approval->person, person->name) == 0 &&
            memcmp(approval->document, request->document, PS_SHA256_LEN) == 0 &&
            memcmp(approval->key, hash, PS_SHA256_LEN) == 0) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_person(const struct quorum_request *request, const struct person *person)
{
    const struct person *before = roster_find(request->roster, ps_bytes_str(person->name));

    for (size_t i = 0; i < person->key_count; i++) {
        const struct ssh_key *key = person->keys[i].key;

        if ((before == NULL || !person_has_key(before, ssh_key_blob(key))) &&
            !has_statement(request, person, key)) {
            return ps_fail(PS_E_DENIED, 0,
                           "\"%.64s\" has not shown to have the key %s: sign the document with it "
                           "under %s",
                           person->name, ssh_key_fingerprint(key),
                           approval_namespace(APPROVAL_STATEMENT));
        }
    }
    return PS_OK;
}

enum ps_err quorum_check_new_keys(const struct quorum_request *request, const struct roster *next)
{
    const struct person *person;

    if (request->count > QUORUM_APPROVALS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u signatures for one document",
                       QUORUM_APPROVALS_MAX);
    }
    for (size_t i = 0; (person = roster_at(next, i)) != NULL; i++) {
        PS_TRY(check_person(request, person));
    }
    return PS_OK;
}
