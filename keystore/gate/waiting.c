#include "keystore/gate/waiting.h"

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

static const struct approval *find(const struct waiting *waiting, enum approval_kind kind,
                                   const char *person)
{
    for (size_t i = 0; i < waiting->count; i++) {
        const struct approval *approval = &waiting->signatures[i]->approval;

        if (approval->kind == kind && (person == NULL || strcmp(approval->person, person) == 0)) {
            return approval;
        }
    }
    return NULL;
}

/* Genesis is asked for by making it: there is nobody yet who could be asked for a signature. */
static enum ps_err check_turn(const struct waiting *waiting, const struct waiting_view *view,
                              const struct approval *approval)
{
    const bool was_asked = find(waiting, APPROVAL_REQUEST, NULL) != NULL;

    if (approval->kind == APPROVAL_REQUEST) {
        if (was_asked || view->is_genesis) {
            return ps_fail(PS_E_STATE, 0, "it was asked for already");
        }
        if (!ps_bytes_equal_str(waiting->document.requester, approval->person)) {
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

static enum ps_err verify(const struct waiting *waiting, const struct waiting_view *view,
                          enum approval_kind kind, struct ps_bytes person, struct ps_bytes armored,
                          struct approval *ret_approval)
{
    const struct approval_request request = {.roster = view->roster,
                                             .policy = view->policy,
                                             .now_s = view->now_s,
                                             .kind = kind,
                                             .person = person,
                                             .document = waiting->document.octets,
                                             .signature = armored};

    return approval_verify(&request, ret_approval);
}

enum ps_err waiting_check(const struct waiting *waiting, const struct waiting_view *view,
                          enum approval_kind kind, struct ps_bytes person, struct ps_bytes armored,
                          struct approval *ret_approval)
{
    struct approval approval;

    if (waiting->count == WAITING_SIGNATURES || armored.len > WAITING_SIGNATURE_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more signatures, or a longer one, than are taken");
    }
    PS_TRY(verify(waiting, view, kind, person, armored, &approval));
    PS_TRY(check_turn(waiting, view, &approval));
    if (find(waiting, kind, approval.person) != NULL) {
        return ps_fail(PS_E_CONFLICT, 0, "%s has signed this already", approval.person);
    }
    *ret_approval = approval;
    return PS_OK;
}

enum ps_err waiting_add(struct waiting *waiting, const struct approval *approval, uint64_t time_s,
                        struct ps_bytes armored)
{
    PS_CLEANUP(free_signature_cleanup) struct waiting_signature *signature = NULL;

    if (find(waiting, approval->kind, approval->person) != NULL) {
        return ps_fail(PS_E_CONFLICT, 0, "%s has signed this already", approval->person);
    }
    if (waiting->count == WAITING_SIGNATURES) {
        return ps_fail(PS_E_LIMIT, 0, "more signatures than are taken");
    }
    signature = calloc(1, sizeof *signature);
    if (signature == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    signature->approval = *approval;
    signature->time_s = time_s;
    ps_buf_init(&signature->armored, WAITING_SIGNATURE_MAX);
    ps_buf_put(&signature->armored, armored);
    PS_TRY(ps_buf_status(&signature->armored));
    waiting->signatures[waiting->count++] = signature;
    signature = NULL;
    return PS_OK;
}

/* Those that verify with the keys that people have now. */
static enum ps_err verify_all(const struct waiting *waiting, const struct waiting_view *view,
                              struct approval *out, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < waiting->count; i++) {
        const struct waiting_signature *signature = waiting->signatures[i];
        const enum ps_err err = verify(waiting, view, signature->approval.kind,
                                       ps_bytes_str(signature->approval.person),
                                       ps_buf_bytes(&signature->armored), &out[count]);

        if (err == PS_E_NO_MEMORY) {
            return err;
        }
        count += err == PS_OK ? 1 : 0;
    }
    *ret_count = count;
    return PS_OK;
}

static void free_approvals(struct approval **approvals)
{
    free(*approvals);
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

enum ps_err waiting_judge(const struct waiting *waiting, const struct waiting_view *view,
                          enum waiting_state *ret_state, struct quorum_result *ret_result)
{
    PS_CLEANUP(free_approvals)
    struct approval *approvals = calloc(WAITING_SIGNATURES, sizeof *approvals);
    struct quorum_request request = {.roster = view->roster,
                                     .policy = view->policy,
                                     .now_s = view->now_s,
                                     .class = view->class,
                                     .requester = waiting->document.requester,
                                     .document = waiting->document.hash,
                                     .approvals = approvals};
    bool was_asked = view->is_genesis;

    if (approvals == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(verify_all(waiting, view, approvals, &request.count));
    for (size_t i = 0; i < request.count; i++) {
        was_asked |= approvals[i].kind == APPROVAL_REQUEST;
    }
    PS_TRY(view->is_genesis ? quorum_evaluate_all(&request, ret_result)
                            : quorum_evaluate(&request, ret_result));
    *ret_state = state_of(was_asked, ret_result->state);
    return PS_OK;
}
