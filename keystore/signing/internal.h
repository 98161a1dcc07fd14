#ifndef KEYSTORE_SIGNING_INTERNAL_H
#define KEYSTORE_SIGNING_INTERNAL_H

#include "keystore/answer.h"
#include "keystore/authority.h"
#include "keystore/signing/queue.h"
#include "keystore/signing/signer.h"

#define CALLER_TEXT_MAX 256u

enum sign_kind { SIGN_JWS, SIGN_JWT, SIGN_RAW };

enum sign_step {
    STEP_FREE,
    STEP_ADMITTED,
    STEP_QUEUED,
    STEP_AT_TOKEN,
    STEP_UNVERIFIED, /* signed, and waits for its verification */
    STEP_HELD,       /* its leaf is on the way to the disk */
    STEP_ABANDONED /* answered already, because it took too long; in one of the last three still */
};

/* A caller with octets of its own: to decide anew if clients or grants change meanwhile. */
struct kept_caller {
    struct msg_caller caller;
    uint8_t spki[32];
    uint8_t issuer[32];
    uint8_t san[CALLER_TEXT_MAX];
};

/* The process that made a signature: it may be gone, or another one, when that matters. */
struct maker {
    struct token *token;
    uint32_t number;
    uint64_t epoch; /* of the token, then */
};

/* One signature on its way. Kept in a pool; nothing in it is allocated per request once it is warm.
 */
struct sign_request {
    struct queue_item item; /* first */
    struct signer *signer;
    struct sign_request *previous; /* in the order of arrival */
    struct sign_request *next;
    enum sign_step step;
    enum sign_kind kind;
    struct reply_to to;
    uint64_t arrived_real_ns;
    struct kept_caller who;
    char client[PS_NAME_MAX + 1];
    uint8_t request_id[IPC_REQUEST_ID_MAX];
    size_t request_id_len;
    struct key *key;
    struct key_version *version;
    uint32_t key_epoch;
    uint64_t access_epoch;
    enum ps_alg algorithm;
    enum ps_format format;
    bool wants_der;
    unsigned attempts;
    const struct token_process *avoid; /* only compared: it may be gone */
    struct ps_buf input;   /* signing input; its first header_len octets are the header as signed */
    struct ps_buf payload; /* of a JWT, for the answer */
    size_t header_len;
    size_t octets; /* that it counts for in signer->octets */
    uint8_t digest[PS_HASH_MAX];
    size_t digest_len; /* 0: the token signs the input itself */
    uint8_t signature[PS_SIGNATURE_MAX];
    size_t signature_len;
    struct maker maker;
    struct sign_request *next_unverified;
};

/* What the signer keeps per token. */
struct lane {
    struct queue *queue;
    uint64_t ready_ns; /* monotonic: when the token was last ready */
};

#define RANDOM_OCTETS 512u

struct signer {
    struct keeper *keeper;
    struct json *parser;
    struct ps_buf header; /* scratch */
    struct ps_buf leaf;   /* scratch */
    struct sign_request *free;
    size_t free_count;
    struct sign_request *oldest;
    struct sign_request *newest;
    size_t count;
    size_t octets; /* of what all requests hold */
    uint8_t random[RANDOM_OCTETS];
    size_t random_used;
    struct lane *lanes[32];
    size_t lane_count;
    struct ps_idle *verifying;
    struct sign_request *unverified; /* oldest first */
    struct sign_request *last_unverified;
};

/* request.c */
PS_MUST_USE enum ps_err sign_request_new(struct signer *signer, struct sign_request **ret_request);
void sign_request_free(struct sign_request *request);
void sign_requests_free_spare(struct signer *signer);
static inline struct ps_bytes sign_request_id_of(const struct sign_request *request)
{
    return ps_bytes(request->request_id, request->request_id_len);
}
void signer_random(struct signer *signer, void *out, size_t len);

/* What a request asks for, whatever its format. */
struct wish {
    const struct msg_caller *caller;
    enum granted_op operation;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    enum ps_format format;
    uint32_t version; /* 0: the active one */
};

/*
 * admit.c: checks all that can be checked before the token is asked, and fills the request: caller,
 * key, version, algorithm. *ret_answer says why not.
 */
bool admit(struct sign_request *request, const struct wish *wish,
           struct problem_answer *ret_answer);
/* Whether it may still be released: key, version and grants as they are now. */
bool admit_again(struct sign_request *request, struct problem_answer *ret_answer);
/* What has to be granted for it. */
enum granted_op sign_request_operation(const struct sign_request *request);

/* build.c: what is signed. False: *ret_answer says why not. */
bool build_jws(struct sign_request *request, const struct msg_jws_sign *message,
               struct problem_answer *ret_answer);
bool build_jwt(struct sign_request *request, const struct msg_jwt_sign *message,
               struct problem_answer *ret_answer);
bool build_raw(struct sign_request *request, const struct msg_raw_sign *message,
               struct problem_answer *ret_answer);

/* dispatch.c */
void dispatch_enqueue(struct sign_request *request);
void dispatch_lane(struct signer *signer, struct token *token);

/* verification.c: a signature that came from a token, until it is recorded or refused. */
void verification_begin(struct sign_request *request, const struct token_answer *answer);
void verification_run(void *signer);

/* release.c: appends the leaf of a signature that may leave, and answers when it is durable. */
void release_record(struct sign_request *request);
/* Answers with a problem and gives the request back. */
void sign_request_refuse(struct sign_request *request, const struct problem_answer *answer);
/* The same when the token still works on it or its leaf is being written. */
void sign_request_abandon(struct sign_request *request, const struct problem_answer *answer);
/* Tries once more, elsewhere if there is an elsewhere; or refuses. */
void sign_request_retry(struct sign_request *request);

#endif
