#include "lib/ceremony/waiting.h"

#include "lib/ceremony/people/people_change.h"
#include "lib/ceremony/people/recovery.h"
#include "lib/ceremony/words/sentence.h"

#include <stdlib.h>

struct waiting {
    char id[WAITING_ID_LEN + 1];
    struct ps_buf octets;
    struct json *parser; /* of the document */
    struct operation_document document;
    struct waiting_signature *signatures[WAITING_SIGNATURES];
    size_t count;
};

static const char *const state_names[] = {
    [WAITING_DRAFT] = "draft",
    [WAITING_OPEN] = "open",
    [WAITING_APPROVED] = "approved",
    [WAITING_REJECTED] = "rejected",
};

const char *waiting_state_name(enum waiting_state state)
{
    return state < WAITING_STATE_COUNT ? state_names[state] : NULL;
}

static bool is_id(struct ps_bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        if ((id.data[i] < '0' || id.data[i] > '9') && (id.data[i] < 'a' || id.data[i] > 'f')) {
            return false;
        }
    }
    return id.len == WAITING_ID_LEN;
}

enum ps_err waiting_new(struct ps_bytes id, struct ps_bytes octets, struct waiting **ret_waiting)
{
    PS_CLEANUP(waiting_free_cleanup) struct waiting *waiting = NULL;

    if (!is_id(id)) {
        return ps_fail(PS_E_INPUT, 0, "not the id of an operation");
    }
    waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(waiting->id, id.data, WAITING_ID_LEN);
    ps_buf_init(&waiting->octets, OPERATION_DOCUMENT_MAX);
    ps_buf_put(&waiting->octets, octets);
    PS_TRY(ps_buf_status(&waiting->octets));
    PS_TRY(json_new(&waiting->parser));
    PS_TRY(operation_document_parse(waiting->parser, ps_buf_bytes(&waiting->octets),
                                    &waiting->document));
    *ret_waiting = waiting;
    waiting = NULL;
    return PS_OK;
}

static void free_signature(struct waiting_signature *signature)
{
    if (signature != NULL) {
        ps_buf_clear(&signature->armored);
        free(signature);
    }
}
PS_DEFINE_CLEANUP(struct waiting_signature, free_signature)

void waiting_free(struct waiting *waiting)
{
    if (waiting == NULL) {
        return;
    }
    for (size_t i = 0; i < waiting->count; i++) {
        free_signature(waiting->signatures[i]);
    }
    json_free(waiting->parser);
    ps_buf_clear(&waiting->octets);
    free(waiting);
}

const char *waiting_id(const struct waiting *waiting)
{
    return waiting->id;
}

const struct operation_document *waiting_document(const struct waiting *waiting)
{
    return &waiting->document;
}

size_t waiting_count(const struct waiting *waiting)
{
    return waiting->count;
}

const struct waiting_signature *waiting_at(const struct waiting *waiting, size_t index)
{
    return index < waiting->count ? waiting->signatures[index] : NULL;
}

static enum ps_err check_repeated(const struct waiting *waiting, const struct approval *approval)
{
    for (size_t i = 0; i < waiting->count; i++) {
        if (approval_repeats(&waiting->signatures[i]->approval, approval)) {
            return ps_fail(PS_E_CONFLICT, 0, "%s has signed this already", approval->person);
        }
    }
    return PS_OK;
}

static bool is_requester(const struct waiting *waiting, const struct approval *approval)
{
    return ps_bytes_equal_str(waiting->document.requester, approval->person);
}

static bool is_asked_for(const struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->count; i++) {
        const struct approval *approval = &waiting->signatures[i]->approval;

        if (approval->kind == APPROVAL_REQUEST && is_requester(waiting, approval)) {
            return true;
        }
    }
    return false;
}

/* Genesis is asked for by making it: there is nobody yet who could be asked for a signature. */
static enum ps_err check_turn(const struct waiting *waiting, const struct waiting_view *view,
                              const struct approval *approval)
{
    const bool was_asked = is_asked_for(waiting);

    if (approval->kind == APPROVAL_REQUEST) {
        if (was_asked || view->is_genesis) {
            return ps_fail(PS_E_STATE, 0, "it was asked for already");
        }
        if (!is_requester(waiting, approval)) {
            return ps_fail(PS_E_DENIED, 0, "the document names %.*s as its requester",
                           PS_BYTES_FMT(waiting->document.requester));
        }
        return PS_OK;
    }
    if (!was_asked && !view->is_genesis) {
        return ps_fail(PS_E_STATE, 0, "its requester has to sign the request first");
    }
    return PS_OK;
}

/* A signature as it came, and whose it is said to be. */
struct claim {
    enum approval_kind kind;
    struct ps_bytes person;
    struct ps_bytes armored;
};

static enum ps_err verify(const struct waiting *waiting, const struct waiting_view *view,
                          const struct roster *roster, const struct claim *claim,
                          struct approval *ret_approval)
{
    const struct approval_request request = {.roster = roster,
                                             .policy = view->policy,
                                             .now_s = view->now_s,
                                             .kind = claim->kind,
                                             .person = claim->person,
                                             .document = waiting->document.octets,
                                             .signature = claim->armored};

    return approval_verify(&request, ret_approval);
}

/* --- New keys --- */

static struct people_change change_of(const struct waiting *waiting)
{
    return (struct people_change){.type = waiting->document.type,
                                  .params = waiting->document.params};
}

/*
 * The roster with those whom the operation brings, who show by statements that they have their
 * keys. NULL: it changes nobody. Errors: of people_change_roster.
 */
static enum ps_err roster_after(const struct waiting *waiting, const struct waiting_view *view,
                                struct roster **ret_next)
{
    const struct people_change change = change_of(waiting);

    *ret_next = NULL;
    return people_change_has_type(change.type)
               ? people_change_roster(&change, view->roster, ret_next)
               : PS_OK;
}

static enum ps_err verify_statement(const struct waiting *waiting, const struct waiting_view *view,
                                    const struct claim *claim, struct approval *ret_approval)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *next = NULL;

    PS_TRY(roster_after(waiting, view, &next));
    if (next == NULL) {
        return ps_fail(PS_E_DENIED, 0, "nobody comes by this operation: no statement is asked for");
    }
    if (verify(waiting, view, view->roster, claim, ret_approval) == PS_OK) {
        return ps_fail(PS_E_DENIED, 0,
                       "the key is in the roster already: no statement by it is asked for");
    }
    return verify(waiting, view, next, claim, ret_approval);
}

enum ps_err waiting_check(const struct waiting *waiting, const struct waiting_view *view,
                          enum approval_kind kind, struct ps_bytes person, struct ps_bytes armored,
                          struct approval *ret_approval)
{
    const struct claim claim = {.kind = kind, .person = person, .armored = armored};
    struct approval approval;

    if (waiting->count == WAITING_SIGNATURES || armored.len > WAITING_SIGNATURE_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more signatures, or a longer one, than are taken");
    }
    PS_TRY(kind == APPROVAL_STATEMENT ? verify_statement(waiting, view, &claim, &approval)
                                      : verify(waiting, view, view->roster, &claim, &approval));
    PS_TRY(check_turn(waiting, view, &approval));
    PS_TRY(check_repeated(waiting, &approval));
    *ret_approval = approval;
    return PS_OK;
}

enum ps_err waiting_add(struct waiting *waiting, const struct approval *approval, uint64_t time_s,
                        struct ps_bytes armored)
{
    PS_CLEANUP(free_signature_cleanup) struct waiting_signature *signature = NULL;

    PS_TRY(check_repeated(waiting, approval));
    if (waiting->count == WAITING_SIGNATURES) {
        return ps_fail(PS_E_LIMIT, 0, "more signatures than are taken");
    }
    signature = calloc(1, sizeof *signature);
    if (signature == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    signature->approval = *approval;
    signature->time_s = time_s;
    signature->verdict = QUORUM_VERDICT_COUNT;
    ps_buf_init(&signature->armored, WAITING_SIGNATURE_MAX);
    ps_buf_put(&signature->armored, armored);
    PS_TRY(ps_buf_status(&signature->armored));
    waiting->signatures[waiting->count++] = signature;
    signature = NULL;
    return PS_OK;
}

static bool is_valid_now(const struct waiting_view *view, const char *name)
{
    const struct person *person = roster_find(view->roster, ps_bytes_str(name));

    return person != NULL && person_standing(person, view->now_s) == PERSON_VALID;
}

/* One by a person of the roster: at a start each of them is judged with all that came before it. */
static enum ps_err verify_once(const struct waiting *waiting, const struct waiting_view *view,
                               struct waiting_signature *signature, const struct claim *claim)
{
    const bool is_known = view->recall != 0 && signature->recall == view->recall;

    if (is_known && is_valid_now(view, signature->verified.person)) {
        return PS_OK;
    }
    signature->recall = 0;
    PS_TRY(verify(waiting, view, view->roster, claim, &signature->verified));
    signature->recall = view->recall;
    return PS_OK;
}

/* Those that verify with the keys that people have now, and new people with theirs. */
static enum ps_err verify_all(struct waiting *waiting, const struct waiting_view *view,
                              const struct roster *next, struct approval *out, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < waiting->count; i++) {
        struct waiting_signature *signature = waiting->signatures[i];
        const struct claim claim = {.kind = signature->approval.kind,
                                    .person = ps_bytes_str(signature->approval.person),
                                    .armored = ps_buf_bytes(&signature->armored)};
        const struct roster *roster = claim.kind == APPROVAL_STATEMENT ? next : view->roster;
        enum ps_err err = PS_OK;

        if (roster == view->roster) {
            err = verify_once(waiting, view, signature, &claim);
            out[count] = signature->verified;
        } else if (roster != NULL) {
            err = verify(waiting, view, roster, &claim, &out[count]);
        }
        count += roster != NULL && err == PS_OK ? 1 : 0;
        signature->is_verified = roster != NULL && err == PS_OK;
        if (err == PS_E_NO_MEMORY) {
            return err;
        }
    }
    *ret_count = count;
    return PS_OK;
}

static void free_approvals(struct approval **approvals)
{
    free(*approvals);
}

/* --- Who is enough --- */

/*
 * The announcement is the leaf of the signature by which enough people had approved. Whether
 * witnesses have seen it is looked at when it is to be executed (entry_is_witnessed): the delay
 * runs meanwhile.
 */
static enum ps_err judge_recovery(const struct quorum_request *quorum,
                                  const struct waiting_view *view, struct quorum_result *ret_result)
{
    const struct recovery_request request = {.roster = quorum->roster,
                                             .policy = quorum->policy,
                                             .now_s = quorum->now_s,
                                             .document = quorum->document,
                                             .approvals = quorum->approvals,
                                             .count = quorum->count,
                                             .announced_s =
                                                 view->met_s != 0 ? view->met_s : view->now_s,
                                             .is_witnessed = true};
    struct recovery_result recovery;

    PS_TRY(recovery_evaluate(&request, &recovery));
    *ret_result = (struct quorum_result){.state = QUORUM_MET};
    if (recovery.state == RECOVERY_VETOED) {
        ret_result->state = QUORUM_REJECTED;
    } else if (recovery.people_missing != 0) {
        ret_result->state = QUORUM_WAITING;
    }
    sentence_add(ret_result->text, sizeof ret_result->text, "%s%s", recovery.text,
                 ret_result->state != QUORUM_MET ? ""
                 : view->has_witnesses           ? "; witnesses have to have seen it first"
                                                 : "; no witness is named who has to see it first");
    return PS_OK;
}

static enum ps_err judge_people(const struct waiting *waiting, const struct waiting_view *view,
                                const struct quorum_request *request,
                                struct quorum_result *ret_result)
{
    const struct people_change change = change_of(waiting);

    if (view->is_genesis) {
        return quorum_evaluate_all(request, ret_result);
    }
    return people_change_is_recovery(&change) ? judge_recovery(request, view, ret_result)
                                              : quorum_evaluate(request, ret_result);
}

static enum waiting_state state_of(bool was_asked, enum quorum_state quorum)
{
    if (!was_asked) {
        return WAITING_DRAFT;
    }
    switch (quorum) {
    case QUORUM_MET:
        return WAITING_APPROVED;
    case QUORUM_REJECTED:
        return WAITING_REJECTED;
    case QUORUM_WAITING:
    case QUORUM_UNREACHABLE:
        break;
    }
    return WAITING_OPEN;
}

/* Approvals of people may be enough, and yet a new key not be known to be theirs. */
static enum ps_err judge_new_keys(const struct quorum_request *request, const struct roster *next,
                                  enum waiting_state *state, struct quorum_result *result)
{
    enum ps_err err;

    if (*state != WAITING_OPEN && *state != WAITING_APPROVED) {
        return PS_OK;
    }
    err = quorum_check_new_keys(request, next);
    if (err != PS_E_DENIED) {
        return err;
    }
    *state = WAITING_OPEN;
    sentence_add(result->text, sizeof result->text, "; %s", ps_detail()->text);
    return PS_OK;
}

static bool has_request(const struct waiting *waiting, const struct approval *approvals,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (approvals[i].kind == APPROVAL_REQUEST && is_requester(waiting, &approvals[i])) {
            return true;
        }
    }
    return false;
}

/* The verdicts are of those that verified, in their order; NULL: there are none. */
static void keep_verdicts(struct waiting *waiting, const struct quorum_result *result)
{
    size_t at = 0;

    for (size_t i = 0; i < waiting->count; i++) {
        struct waiting_signature *signature = waiting->signatures[i];

        signature->verdict = QUORUM_VERDICT_COUNT;
        if (signature->is_verified && result != NULL) {
            signature->verdict = result->verdicts[at++];
        }
    }
}

const char *waiting_verdict_text(const struct waiting_signature *signature)
{
    if (!signature->is_verified) {
        return "not by a key that a person of the roster has now and may sign with";
    }
    if (signature->approval.kind == APPROVAL_REQUEST) {
        return "asks for it";
    }
    if (signature->approval.kind == APPROVAL_STATEMENT) {
        return "shows that the key is there";
    }
    return signature->verdict == QUORUM_VERDICT_COUNT ? "verified"
                                                      : quorum_verdict_text(signature->verdict);
}

enum ps_err waiting_judge(struct waiting *waiting, const struct waiting_view *view,
                          enum waiting_state *ret_state, struct quorum_result *ret_result)
{
    PS_CLEANUP(free_approvals)
    struct approval *approvals = calloc(WAITING_SIGNATURES, sizeof *approvals);
    PS_CLEANUP(roster_free_cleanup) struct roster *next = NULL;
    struct quorum_request request = {.roster = view->roster,
                                     .policy = view->policy,
                                     .now_s = view->now_s,
                                     .class = view->class,
                                     .requester = waiting->document.requester,
                                     .canceller = view->canceller,
                                     .document = waiting->document.hash,
                                     .approvals = approvals};
    const struct people_change change = change_of(waiting);
    enum waiting_state state;

    if (approvals == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(roster_after(waiting, view, &next));
    PS_TRY(verify_all(waiting, view, next, approvals, &request.count));
    keep_verdicts(waiting, NULL);
    PS_TRY(judge_people(waiting, view, &request, ret_result));
    keep_verdicts(waiting, people_change_is_recovery(&change) ? NULL : ret_result);
    state = state_of(view->is_genesis || has_request(waiting, approvals, request.count),
                     ret_result->state);
    if (next != NULL) {
        PS_TRY(judge_new_keys(&request, next, &state, ret_result));
    }
    *ret_state = state;
    return PS_OK;
}
