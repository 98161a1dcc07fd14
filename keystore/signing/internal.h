#ifndef KEYSTORE_SIGNING_INTERNAL_H
#define KEYSTORE_SIGNING_INTERNAL_H

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/queue.h"
#include "keystore/signing/signer.h"
#include "lib/formats/x509/certificate.h"

#define CALLER_TEXT_MAX 256u

struct sign_request;

/*
 * What is done by a kind of request: each is a file of this folder, and this is its row. A kind
 * without `take` makes signatures; one with it is another use of a key (see use.c in steps.h).
 */
struct sign_kind {
    enum granted_op operation; /* that has to be granted for it; NONE: the appliance does it */
    enum ps_usage usage;       /* that the key was made for */
    enum ps_format format;     /* of what is signed; else PS_FORMAT_NONE */
    const char *leaf;          /* what the leaf calls it; NULL: "sign" */
    bool is_processing; /* of what was protected before: deactivated versions, too (SP 800-57) */
    /*
     * Makes the answer in request->payload, and request->leaf_hash unless it is known, of what the
     * token yielded. `used` is NULL when token or length say that it cannot be opened, and false is
     * answered when it cannot, for whatever reason.
     */
    bool (*take)(struct sign_request *request, const struct msg_token_used *used);
    void (*put_answer)(const struct sign_request *request);
    /* Whether what it rests on beside key and grant is there still. NULL: nothing is. */
    bool (*still)(const struct sign_request *request, struct problem_answer *ret_answer);
};

enum sign_step {
    STEP_FREE,
    STEP_ADMITTED,
    STEP_UNCOUNTED, /* waits for encryptions to be reserved */
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

/* One signature on its way, of a pool: once it is warm, nothing in it is allocated per request. */
struct sign_request {
    struct queue_item item; /* first */
    struct signer *signer;
    struct sign_request *previous; /* in the order of arrival */
    struct sign_request *next;
    enum sign_step step;
    const struct sign_kind *kind;
    struct reply_to to;
    uint64_t arrived_real_ns;
    struct kept_caller who;
    char client[PS_NAME_MAX + 1];
    char parameter[PS_NAME_MAX + 1]; /* of what had to be granted; "": it has none */
    uint64_t profile_event;          /* of a certificate: that of the profile it is made under */
    uint8_t request_id[IPC_REQUEST_ID_MAX];
    size_t request_id_len;
    struct key *key;
    struct key_version *version;
    uint32_t key_epoch;
    uint64_t access_epoch;
    enum ps_alg algorithm;
    bool wants_der;
    unsigned attempts;
    const struct token_process *avoid; /* only compared: it may be gone */
    uint64_t sent_ns;                  /* to the token, monotonic */
    bool is_of_backlog;    /* sent with many behind it (queue_is_backlog) or much before it */
    bool sends_record;     /* of a wrapped key, which the process has not got open any more */
    struct ps_buf input;   /* signing input; its first header_len octets are the header as signed */
    struct ps_buf payload; /* for the answer: of a JWT or CWT; what stands above a certificate */
    size_t unprotected_len; /* cose: the unprotected header, before the octets of `payload` */
    size_t header_len;
    uint8_t serial[X509_SERIAL_LEN]; /* of a certificate ... */
    size_t serial_len;               /* ... and 0 of all else */
    size_t octets;                   /* that it counts for in signer->octets */
    uint8_t digest[PS_HASH_MAX];
    size_t digest_len; /* 0: the token signs the input itself */
    uint8_t signature[PS_SIGNATURE_MAX];
    size_t signature_len;
    struct maker maker;
    struct sign_request *next_unverified;
    /* Of a use that is no signature. `input` goes to the token; `payload` is the answer. */
    enum token_action action;
    struct ps_buf associated; /* of AES-GCM; or what a kind keeps until `take` */
    uint8_t nonce[TOKEN_GCM_NONCE];
    bool is_spoilt; /* it can never be opened: what goes to the token stands in its place */
    uint8_t leaf_hash[PS_SHA256_LEN];
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
    uint64_t begun;
    size_t octets; /* of what all requests hold */
    uint8_t random[RANDOM_OCTETS];
    size_t random_used;
    struct lane *lanes[32];
    size_t lane_count;
    struct ps_idle *verifying;
    struct sign_request *unverified; /* oldest first */
    struct sign_request *last_unverified;
    size_t unverified_count;
    struct sign_request *uncounted; /* linked as the unverified ones */
    struct checkup *checkups;       /* under way */
    bool has_sent_dear;             /* to a token, since the last tick */
    bool is_prompt;                 /* the turns of the loop's thread */
};

/* request.c */
PS_MUST_USE enum ps_err sign_request_new(struct signer *signer, struct sign_request **ret_request);
void sign_request_free(struct sign_request *request);
void sign_requests_free_spare(struct signer *signer);
struct ps_bytes sign_request_id_of(const struct sign_request *request);
void signer_random(struct signer *signer, void *out, size_t len);

#endif
