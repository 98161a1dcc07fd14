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
    size_t unverified_count;
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

#endif
