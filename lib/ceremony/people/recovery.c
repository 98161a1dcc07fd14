#include "lib/ceremony/people/recovery.h"

#include "lib/ceremony/people/tally.h"
#include "lib/ceremony/words/sentence.h"

#include <assert.h>

static_assert(RECOVERY_APPROVALS_MAX == QUORUM_APPROVALS_MAX, "they are counted by the same");

/*
 * A veto stays one though its officer may have been replaced, suspended or expired since: else the
 * officer's end would decide what the officer refused.
 */
static const struct approval *find_veto(const struct recovery_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct approval *approval = &request->approvals[i];

        if (approval->kind == APPROVAL_REJECT && approval->role == ROSTER_OFFICER &&
            memcmp(approval->document, request->document, PS_SHA256_LEN) == 0) {
            return approval;
        }
    }
    return NULL;
}

static bool delay_is_over(const struct recovery_request *request)
{
    return request->now_s >= request->announced_s &&
           request->now_s - request->announced_s >= request->policy->recovery_delay_s;
}

static enum recovery_state state_of(const struct recovery_request *request,
                                    const struct approval *veto,
                                    const struct recovery_result *result)
{
    if (veto != NULL) {
        return RECOVERY_VETOED;
    }
    if (result->people_missing != 0 || request->announced_s == 0) {
        return RECOVERY_WAITING_PEOPLE;
    }
    if (!request->is_witnessed) {
        return RECOVERY_WAITING_WITNESS;
    }
    return delay_is_over(request) ? RECOVERY_READY : RECOVERY_WAITING_DELAY;
}

static void say(const struct approval *veto, struct recovery_result *result)
{
    const struct sentence_part part = {result->people_missing, "recovery person",
                                       "recovery people"};
    char *text = result->text;
    const size_t size = sizeof result->text;

    switch (result->state) {
    case RECOVERY_READY:
        sentence_add(text, size, "the delay is over and no officer has vetoed");
        break;
    case RECOVERY_WAITING_PEOPLE:
        if (result->people_missing == 0) {
            sentence_add(text, size, "enough have approved; the log has to say so first");
            break;
        }
        sentence_add_counts(text, size, &part, 1);
        sentence_add(text, size, " more");
        break;
    case RECOVERY_WAITING_WITNESS:
        sentence_add(text, size, "no witness has cosigned the log with the announcement");
        break;
    case RECOVERY_WAITING_DELAY:
        sentence_add(text, size, "officers may veto until the delay is over");
        break;
    case RECOVERY_VETOED:
        sentence_add(text, size, "vetoed by the officer \"%s\"", veto->person);
        break;
    }
}

enum ps_err recovery_evaluate(const struct recovery_request *request,
                              struct recovery_result *ret_result)
{
    struct tally_request counting = {.roster = request->roster,
                                     .now_s = request->now_s,
                                     .document = request->document,
                                     .approvals = request->approvals,
                                     .count = request->count};
    struct recovery_result result = {.people = 0};
    const uint32_t needed = request->policy->recovery_threshold;
    const struct approval *veto;
    struct tally tally;

    counting.roles[ROSTER_RECOVERY] = true;
    PS_TRY(tally_count(&counting, NULL, &tally));
    veto = find_veto(request);
    result.people = tally.approved[ROSTER_RECOVERY];
    result.people_missing = result.people >= needed ? 0 : needed - result.people;
    if (request->announced_s != 0) {
        result.ready_s = request->announced_s + request->policy->recovery_delay_s;
    }
    result.state = state_of(request, veto, &result);
    say(veto, &result);
    *ret_result = result;
    return PS_OK;
}

/* Whoever is no officer in `a` is the same in `b`. */
static enum ps_err check_others(const struct roster *a, const struct roster *b)
{
    const struct person *person;

    for (size_t i = 0; (person = roster_at(a, i)) != NULL; i++) {
        const struct person *other = roster_find(b, ps_bytes_str(person->name));

        if (person->role != ROSTER_OFFICER && (other == NULL || !person_equal(person, other))) {
            return ps_fail(PS_E_DENIED, 0,
                           "recovery replaces officers only, and would change \"%.64s\" (%s)",
                           person->name, roster_role_name(person->role));
        }
    }
    return PS_OK;
}

enum ps_err recovery_check_change(const struct roster *present, const struct roster *next)
{
    PS_TRY(check_others(present, next));
    return check_others(next, present);
}
