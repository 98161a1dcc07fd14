#ifndef APPLIANCE_CEREMONY_DOING_H
#define APPLIANCE_CEREMONY_DOING_H

#include "api/client/privyseal.h"
#include "appliance/ceremony/ceremony.h"

/* An operation that a step makes and brings to its end. */
struct doing {
    struct ceremony *ceremony;
    const struct script_step *step;
    char id[64];
    char path[CEREMONY_PATH_MAX]; /* of its document */
    char state[32];               /* as the appliance last said it; "": not known */
    char missing[512];            /* who has to sign still, or what else there is to say */
    char condition[256];          /* why it could not be executed now; "": nothing is known */
    uint64_t next_try_ns;         /* monotonic: not executed before */
    struct ps_buf said;    /* hashes of sentences that were printed since the state changed */
    struct ps_buf glanced; /* hashes of signature files that are not to be read again */
};

/* Prints a sentence, once while the operation is in one state. */
void doing_say(struct doing *doing, const char *sentence);

/* Sets of hashes. What does not fit into one any more is not known. */
bool doing_knows(const struct ps_buf *set, const uint8_t hash[PS_SHA256_LEN]);
void doing_learn(struct ps_buf *set, const uint8_t hash[PS_SHA256_LEN]);

/*
 * One request about operations. A refusal is PRIVYSEAL_REFUSED; what is wrong otherwise is said
 * once, and may be over when it is tried again.
 *
 * verb:       behind /v1/operations: "", "/ID", "/ID/approvals", ...
 * key:        idempotency key; NULL: none
 * ret_answer: to be cleared by the caller, whatever came
 */
enum privyseal_result doing_call(struct doing *doing, const char *method, const char *verb,
                                 const struct ps_buf *body, const char *key,
                                 struct privyseal_answer *ret_answer);

/* The appliance's answer as JSON. Errors: PS_E_INPUT (no object), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err doing_parse(struct json *json, const char *body,
                                    struct json_value *ret_root);

/* A text member of a JSON object, cut to what fits; "" when there is none. */
void doing_read(const char *body, const char *member, char *ret_text, size_t size);

/* State, and who is missing, as an answer says them. */
void doing_take_state(struct doing *doing, const char *body);

/* Where the ceremony stops: what was refused; the appliance is away. Both say why. */
struct outcome doing_refused(const struct doing *doing, const struct privyseal_problem *problem);
struct outcome doing_away(const struct doing *doing);

/* --- ending.c --- */

/* It was executed, with this answer: noted and shown. */
struct outcome doing_finish(struct doing *doing, const char *body);
/* Waits for its signatures, and has it executed. */
struct outcome doing_wait(struct doing *doing);

/* --- signatures.c --- */

/*
 * Passes on the signatures that lie beside the document and were not passed on yet: the request
 * first, the others once it was asked for.
 * Errors: of the transcript; what is wrong with a signature is said and noted
 */
PS_MUST_USE enum ps_err signatures_pass_on(struct doing *doing);

#endif
