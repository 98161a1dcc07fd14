#ifndef IPC_MESSAGES_TOKEN_H
#define IPC_MESSAGES_TOKEN_H

#include "lib/ipc/messages_common.h"

/*
 * What the keeper (client of the channel) asks of one token process (its server). Refusals are
 * msg_problem with PS_PROBLEM_TOKEN_UNAVAILABLE (try another process or later), KEY_MISMATCH (the
 * object cannot do this), REFUSED (the caller's fault: bad ciphertext, wrong length), NOT_FOUND (no
 * such object) or INTERNAL.
 */
extern const struct ipc_set token_set;

enum token_state {
    TOKEN_STARTING,    /* module not loaded yet */
    TOKEN_ABSENT,      /* module or token not there; tried again by itself */
    TOKEN_BLANK,       /* there, but not initialised (CKF_TOKEN_INITIALIZED is off) */
    TOKEN_NEEDS_LOGIN, /* there, sessions open, waits for msg_token_login */
    TOKEN_READY,
    TOKEN_WRONG_PIN, /* the PIN was wrong: no second try before a new one is configured */
    TOKEN_FOREIGN    /* another token than the one the profile or catalog names (serial) */
};
const char *token_state_name(enum token_state state);

/* Sent at once on a new channel, and whenever something in it changes. */
struct msg_token_state {
    uint8_t state;          /* enum token_state */
    uint32_t generation;    /* of sessions; a new number means all handles were found anew */
    uint32_t sessions;      /* that can work at the same time */
    uint32_t reconnects;    /* since the process started */
    struct ps_bytes reason; /* why it is not ready, or why it last was not: "device-removed" */
    struct ps_bytes label;
    struct ps_bytes serial;
    struct ps_bytes manufacturer;
    struct ps_bytes model;
    struct ps_bytes firmware;
    struct ps_bytes profile;     /* id of the profile in use */
    struct ps_bytes module_hash; /* SHA-256 of the module's file */
};

struct msg_token_login {
    struct ps_bytes pin;
    struct ps_bytes serial; /* the token must have it; empty: any (before genesis) */
};

/* Ask for the state once more; the answer is msg_token_done, the state goes ahead of it. */
struct msg_token_probe {
    uint8_t unused;
};

struct msg_token_done {
    struct ps_bytes detail;
};

/*
 * object_id: CKA_ID. algorithm: enum ps_alg. data: the digest, of exactly the hash's length, or for
 * EdDSA the message. RSA PKCS#1: the token process puts DigestInfo round the digest.
 */
struct msg_token_sign {
    struct ps_bytes object_id;
    uint8_t algorithm;
    uint8_t key_type; /* enum ps_key_type; checked against the object */
    struct ps_bytes data;
};

/* Raw form: R || S with both halves of the field's length; RSA of the modulus' length. */
struct msg_token_signed {
    struct ps_bytes signature;
    uint32_t micros; /* time inside the module */
};

enum { TOKEN_KEY_EXTRACTABLE = 1 /* for what is to be wrapped; never set for token residence */ };

/* Makes a key (pair) with full templates and reads it back. Fails if object_id is in use. */
struct msg_token_generate {
    struct ps_bytes object_id;
    struct ps_bytes label;
    uint8_t key_type; /* enum ps_key_type */
    uint8_t usage;    /* enum ps_usage */
    uint8_t flags;
    struct ps_bytes algorithms; /* one octet each, enum ps_alg: for ALLOWED_MECHANISMS */
};

struct msg_token_generated {
    struct ps_bytes public_key; /* DER SubjectPublicKeyInfo; empty for secret keys */
    struct ps_bytes attributes; /* JSON object: what was read back, for transcript and log */
};

struct msg_token_find {
    struct ps_bytes object_id;
    uint8_t key_type;
};

/* Which of the pair are there, and what an inventory compares. */
enum {
    TOKEN_HAS_PRIVATE = 1,
    TOKEN_HAS_PUBLIC = 2,
    TOKEN_HAS_SECRET = 4,
    TOKEN_HAS_CERTIFICATE = 8
};
struct msg_token_found {
    uint8_t has;
    struct ps_bytes public_key;
    struct ps_bytes attributes;
};

struct msg_token_destroy {
    struct ps_bytes object_id; /* every object with it, certificates and data included */
};

/*
 * All objects: for the sweep at start and for the inventory. `objects` is one row per object:
 * u8 class (1 private, 2 public, 3 secret, 4 certificate, 5 data, 0 another or one that cannot be
 * read), u8 key type or 0,
 * u16 length + CKA_ID, u16 length + CKA_LABEL. More than fits goes on with `after`.
 */
struct msg_token_list {
    uint32_t after; /* how many rows to skip */
};
struct msg_token_objects {
    uint8_t more;
    struct ps_bytes objects;
};

struct msg_token_random {
    uint32_t count; /* at most 4096 */
};
struct msg_token_octets {
    struct ps_bytes octets;
};

/* A data object of ours (CKO_DATA, label `name`): the anchor of the events log. */
struct msg_token_data_read {
    struct ps_bytes name;
};
struct msg_token_data_write {
    struct ps_bytes name;
    struct ps_bytes octets; /* at most 1024 */
};

/* Initialises a blank token and sets the user PIN, through libp11. */
struct msg_token_initialise {
    struct ps_bytes label; /* at most 32 octets */
    struct ps_bytes so_pin;
    struct ps_bytes pin;
};

/* Certificate objects, through libp11. */
struct msg_token_certificate_put {
    struct ps_bytes object_id;
    struct ps_bytes label;
    struct ps_bytes der;
};
struct msg_token_certificate_get {
    struct ps_bytes object_id;
};

extern const struct ipc_message msg_token_state_info, msg_token_login_info, msg_token_probe_info,
    msg_token_done_info, msg_token_sign_info, msg_token_signed_info, msg_token_generate_info,
    msg_token_generated_info, msg_token_find_info, msg_token_found_info, msg_token_destroy_info,
    msg_token_list_info, msg_token_objects_info, msg_token_random_info, msg_token_octets_info,
    msg_token_data_read_info, msg_token_data_write_info, msg_token_initialise_info,
    msg_token_certificate_put_info, msg_token_certificate_get_info;

#endif
