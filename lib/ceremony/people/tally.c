#include "lib/ceremony/people/tally.h"

#include "lib/formats/ssh/ssh_key.h"

static bool has_key_of_hash(const struct person *person, const uint8_t hash[PS_SHA256_LEN])
{
    uint8_t own[PS_SHA256_LEN];

    for (size_t i = 0; i < person->key_count; i++) {
        ps_sha256(ssh_key_blob(person->keys[i].key), own);
        if (memcmp(own, hash, PS_SHA256_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* Whose signature it is; ROSTER_PEOPLE_MAX when the roster has no such person. */
static size_t place_of(const struct roster *roster, const char *name)
{
    for (size_t i = 0; i < roster_count(roster); i++) {
        if (strcmp(roster_at(roster, i)->name, name) == 0) {
            return i;
        }
    }
    return ROSTER_PEOPLE_MAX;
}

/* What can be said of one signature without the others. */
static enum quorum_verdict judge(const struct tally_request *request,
                                 const struct approval *approval, size_t place)
{
    const struct person *person = roster_at(request->roster, place);

    if (approval->kind != APPROVAL_APPROVE && approval->kind != APPROVAL_REJECT) {
        return QUORUM_OTHER_KIND;
    }
    if (memcmp(approval->document, request->document, PS_SHA256_LEN) != 0) {
        return QUORUM_OTHER_DOCUMENT;
    }
    if (person == NULL) {
        return QUORUM_NOT_A_PERSON;
    }
    if (!has_key_of_hash(person, approval->key)) {
        return QUORUM_OTHER_KEY;
    }
    if (person_standing(person, request->now_s) != PERSON_VALID) {
        return QUORUM_NOT_VALID;
    }
    if (person == request->included) {
        return QUORUM_COUNTED;
    }
    if (person == request->excluded) {
        return QUORUM_REQUESTER;
    }
    return request->roles[person->role] ? QUORUM_COUNTED : QUORUM_OTHER_ROLE;
}

static enum quorum_verdict take_rejection(struct tally *tally, size_t place)
{
    if (tally->has_rejected[place]) {
        return QUORUM_REPEATED;
    }
    tally->has_rejected[place] = true;
    return QUORUM_COUNTED_REJECTION;
}

static enum quorum_verdict take_approval(struct tally *tally, size_t place)
{
    if (tally->has_rejected[place]) {
        return QUORUM_WITHDRAWN;
    }
    if (tally->has_approved[place]) {
        return QUORUM_REPEATED;
    }
    tally->has_approved[place] = true;
    return QUORUM_COUNTED;
}

/* Rejections go first: who refused does not count, in whatever order the signatures came. */
static void take_all(const struct tally_request *request, enum approval_kind kind,
                     enum quorum_verdict *verdicts, struct tally *tally)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct approval *approval = &request->approvals[i];
        const size_t place = place_of(request->roster, approval->person);
        const enum quorum_verdict verdict = judge(request, approval, place);

        if (approval->kind == kind && verdict == QUORUM_COUNTED) {
            verdicts[i] = kind == APPROVAL_REJECT ? take_rejection(tally, place)
                                                  : take_approval(tally, place);
        } else if (verdict != QUORUM_COUNTED) {
            verdicts[i] = verdict;
        }
    }
}

static void count_people(const struct tally_request *request, struct tally *tally)
{
    const struct person *person;

    for (size_t i = 0; (person = roster_at(request->roster, i)) != NULL; i++) {
        if (person == request->excluded ||
            person_standing(person, request->now_s) != PERSON_VALID) {
            continue;
        }
        if (tally->has_rejected[i]) {
            tally->rejected[person->role]++;
        } else if (tally->has_approved[i]) {
            tally->approved[person->role]++;
        } else {
            tally->open[person->role]++;
        }
    }
}

enum ps_err tally_count(const struct tally_request *request, enum quorum_verdict *ret_verdicts,
                        struct tally *ret_tally)
{
    enum quorum_verdict verdicts[QUORUM_APPROVALS_MAX] = {QUORUM_COUNTED};

    if (request->count > QUORUM_APPROVALS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u signatures for one document",
                       QUORUM_APPROVALS_MAX);
    }
    *ret_tally = (struct tally){.approved = {0}};
    take_all(request, APPROVAL_REJECT, verdicts, ret_tally);
    take_all(request, APPROVAL_APPROVE, verdicts, ret_tally);
    count_people(request, ret_tally);
    if (ret_verdicts != NULL) {
        memcpy(ret_verdicts, verdicts, request->count * sizeof verdicts[0]);
    }
    return PS_OK;
}
