#ifndef CEREMONY_WAITING_H
#define CEREMONY_WAITING_H

#include "lib/ceremony/operation/document.h"
#include "lib/ceremony/people/quorum.h"

/*
 * An operation that waits for people: its document, octet for octet as they sign it, and what they
 * have signed of it so far. It knows neither log nor catalog: who holds it makes every signature
 * durable before it is added here, and adds them again, in their order, after a start.
 */
#define WAITING_ID_LEN        32u
#define WAITING_SIGNATURES    64u /* more over one document are refused */
#define WAITING_SIGNATURE_MAX 4096u

struct waiting;

enum waiting_state {
    WAITING_DRAFT,    /* nobody has asked for it yet */
    WAITING_OPEN,     /* the requester has signed */
    WAITING_APPROVED, /* quorum was met when it was last looked at */
    WAITING_REJECTED, /* so many refused that quorum cannot be reached */
    WAITING_STATE_COUNT
};
const char *waiting_state_name(enum waiting_state state); /* "draft" */

/* Against what it is judged: of this moment. */
struct waiting_view {
    const struct roster *roster;
    const struct policy *policy;
    enum policy_class class;
    struct ps_bytes canceller; /* of a cancellation: see quorum.h */
    bool is_genesis;           /* everybody of the roster signs, whatever the class */
    uint64_t now_s;
    /*
     * Not 0 while what is in the log is judged signature by signature, with one roster and policy
     * under this number: then a signature is verified once, and only its person's time is looked at
     * again.
     */
    uint64_t recall;
    bool has_witnesses; /* who have to see the announcement of a recovery: gate/internal.h */
    uint64_t met_s;     /* when quorum was first met, as far as it still is; 0: not before now_s */
};

/* One signature that was verified when it came, with what it was verified from. */
struct waiting_signature {
    struct approval approval;
    uint64_t time_s;
    struct ps_buf armored;
    struct approval verified; /* in the recall of this number */
    uint64_t recall;
    bool is_verified;            /* when it was last judged, with the keys of then */
    enum quorum_verdict verdict; /* and what became of it; QUORUM_VERDICT_COUNT: nobody counted */
};

/*
 * id:     WAITING_ID_LEN lower-case hexadecimal digits
 * octets: the document; read as operation_document_parse does
 * Errors: that function's, PS_E_INPUT (the id)
 */
PS_MUST_USE enum ps_err waiting_new(struct ps_bytes id, struct ps_bytes octets,
                                    struct waiting **ret_waiting);
void waiting_free(struct waiting *waiting);
PS_DEFINE_CLEANUP(struct waiting, waiting_free)

const char *waiting_id(const struct waiting *waiting);
const struct operation_document *waiting_document(const struct waiting *waiting);
size_t waiting_count(const struct waiting *waiting);
const struct waiting_signature *waiting_at(const struct waiting *waiting, size_t index);

/*
 * Whether a signature would be taken: it verifies (approval.h), and it is one that counts for
 * something now: a request by the person whom the document names, approvals and rejections once it
 * was asked for, none that the same person gave already; statements by keys that the operation
 * brings into the roster, each key once.
 *
 * ret_approval: what to add once it is durable
 * Errors:       of approval_verify; PS_E_STATE (not asked for yet, or already), PS_E_CONFLICT (the
 *               same person signed the same already), PS_E_LIMIT
 */
PS_MUST_USE enum ps_err waiting_check(const struct waiting *waiting,
                                      const struct waiting_view *view, enum approval_kind kind,
                                      struct ps_bytes person, struct ps_bytes armored,
                                      struct approval *ret_approval);

/*
 * approval: kind and person, and of a statement the key
 * Errors:   PS_E_CONFLICT (as above), PS_E_LIMIT, PS_E_NO_MEMORY; then nothing is changed.
 */
PS_MUST_USE enum ps_err waiting_add(struct waiting *waiting, const struct approval *approval,
                                    uint64_t time_s, struct ps_bytes armored);

/*
 * Verifies every signature anew with the keys of the moment and judges what holds. What a row or a
 * memory says was verified once does not count: this does. A signature whose person or key is gone
 * is left out, as if it had not been made. Without a statement by each key that is new it is not
 * approved; who approves a recovery are the recovery people, and any officer's rejection ends it.
 *
 * Errors: PS_E_DENIED (the requester is nobody who may ask), PS_E_NO_MEMORY, of
 * people_change_roster (it is about people, and does not fit those that there are)
 */
PS_MUST_USE enum ps_err waiting_judge(struct waiting *waiting, const struct waiting_view *view,
                                      enum waiting_state *ret_state,
                                      struct quorum_result *ret_result);

/* What became of it when it was last judged: "counted", "by the requester, who does not count". */
const char *waiting_verdict_text(const struct waiting_signature *signature);

#endif
