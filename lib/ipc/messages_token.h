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

/*
 * Sent at once on a new channel, and whenever something in it changes. It is the word of a process
 * with a module in it: which module that is, the supervisor says (msg_peer).
 */
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
    struct ps_bytes profile; /* id of the profile in use */
    uint32_t wrappable;      /* which types of keys it wraps: 1 << enum ps_key_type */
};

struct msg_token_login {
    struct ps_bytes pin;
    struct ps_bytes serial; /* the token must have it; empty: any (before genesis) */
};

/*
 * Every session is closed, with what is under way refused or finished; the answer is
 * msg_token_done, and the state tells when the token waits for a login again.
 */
struct msg_token_logout {
    uint8_t unused;
};

/* Ask for the state once more; the answer is msg_token_done, the state goes ahead of it. */
struct msg_token_probe {
    uint8_t unused;
};

struct msg_token_done {
    struct ps_bytes detail;
};

/*
 * A key that lives outside the token, wrapped by it, and all that is needed to open it there. The
 * MAC is the token's own, over what the key was made as and the blob (pkcs11/wrapped/record.h): one
 * key's record is not another's, nor that of an earlier version.
 */
struct wrapped_record {
    struct ps_bytes name; /* of the key */
    uint32_t version;
    uint8_t usage;               /* enum ps_usage */
    struct ps_bytes algorithms;  /* one octet each, enum ps_alg; no matter of the MAC */
    struct ps_bytes wrapping_id; /* CKA_ID of the key that wraps such keys ... */
    struct ps_bytes mac_id;      /* ... and of the one that makes the MAC */
    struct ps_bytes public_key;  /* DER SubjectPublicKeyInfo; empty for secret keys */
    struct ps_bytes blob;
    struct ps_bytes mac;
};
enum { TOKEN_BLOB_MAX = 4096, TOKEN_RECORD_MAX = 8192 };
/* No message: the octets of a field `record`. */
extern const struct ipc_message wrapped_record_info;

/*
 * object_id: CKA_ID. algorithm: enum ps_alg. data: the digest, of exactly the hash's length, or for
 * EdDSA the message. RSA PKCS#1: the token process puts DigestInfo round the digest.
 *
 * Of a wrapped key (is_wrapped) the record may be left out, when the process has it unwrapped
 * still; a problem `not-found` says that it has not, and asks for it.
 */
struct msg_token_sign {
    struct ps_bytes object_id;
    uint8_t algorithm;
    uint8_t key_type; /* enum ps_key_type; checked against the object */
    struct ps_bytes data;
    uint8_t is_wrapped;
    struct ps_bytes record; /* a wrapped_record; empty otherwise */
    uint8_t more;           /* 1: many are behind it; its answer may wait for more of theirs */
};

/* Raw form: R || S with both halves of the field's length; RSA of the modulus' length. */
struct msg_token_signed {
    struct ps_bytes signature;
    uint32_t micros;   /* time inside the module */
    uint8_t unwrapped; /* a wrapped key was opened for it */
};

/*
 * What is done with a key beside signing. Each goes with one kind of key, and what it takes and
 * yields is octets:
 */
enum token_action {
    TOKEN_DECRYPT_OAEP, /* RSA: RSA-OAEP with SHA-256 and MGF1-SHA-256, no label -> the message */
    TOKEN_DERIVE_ECDH,  /* EC: the peer's point 04 || X || Y, on the curve -> Z, the x coordinate */
    TOKEN_ENCRYPT_GCM,  /* AES: the plaintext -> ciphertext || tag, and the nonce it made */
    TOKEN_DECRYPT_GCM,  /* AES: the reverse */
    TOKEN_MAC,          /* HMAC-SHA-256: the message -> its MAC (32) */
    TOKEN_ACTION_COUNT
};
const char *token_action_name(enum token_action action); /* "decrypt-oaep" */
enum { TOKEN_GCM_NONCE = 12, TOKEN_GCM_TAG = 16, TOKEN_MAC_LEN = 32 };
/* The longest plaintext, ciphertext or message, and its associated data. */
enum { IPC_USE_MAX = IPC_PAYLOAD_MAX, IPC_ASSOCIATED_MAX = 64 * 1024 };

/*
 * What cannot be opened is a problem `refused` whatever the reason, and is no fault of the token:
 * why it cannot be is said nowhere.
 */
struct msg_token_use {
    struct ps_bytes object_id;
    uint8_t action;   /* enum token_action */
    uint8_t key_type; /* enum ps_key_type; checked against the object */
    struct ps_bytes data;
    struct ps_bytes associated; /* of AES-GCM; empty otherwise */
    struct ps_bytes nonce;      /* of TOKEN_DECRYPT_GCM; empty otherwise */
    uint8_t is_wrapped;         /* as in msg_token_sign */
    struct ps_bytes record;
    struct ps_bytes check; /* the secret key's check value; empty: it has none */
};

/*
 * The check value of a secret key is made when the key is: of an AES key nonce, ciphertext and tag
 * of this text with itself as associated data, else its MAC. Whoever finds the key anew uses it
 * only after it has shown that it is the same: one that was misread, or put in its place, would
 * encrypt what nobody could read again.
 */
#define TOKEN_CHECK_TEXT "privyseal: check value of a key"
#define TOKEN_CHECK_MAX  96u

struct msg_token_used {
    struct ps_bytes octets;
    struct ps_bytes nonce; /* of TOKEN_ENCRYPT_GCM, from the token's generator; empty otherwise */
    uint32_t micros;       /* time inside the module */
    uint8_t unwrapped;     /* as in msg_token_signed */
    uint8_t is_wrong; /* nothing was done: it is another key, or does not open what it encrypts */
};

enum {
    TOKEN_KEY_EXTRACTABLE = 1, /* of the keys that are carried to another token; else never */
    TOKEN_KEY_UNWRAPPED = 2,   /* what is expected: it was carried here, and not made here */
    TOKEN_KEY_FOR_SECRETS = 4  /* of a key that wraps: secret keys it wraps, and no others */
};

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

/*
 * Makes a key (pair) that leaves nothing in the token: it is read back and tried, wrapped, and
 * gone. The record has neither public key nor blob nor MAC; the answer has these.
 */
struct msg_token_make_wrapped {
    struct ps_bytes object_id;
    uint8_t key_type; /* enum ps_key_type */
    struct ps_bytes record;
};

struct msg_token_wrapped {
    struct ps_bytes public_key;
    struct ps_bytes attributes; /* as in msg_token_generated */
    struct ps_bytes blob;
    struct ps_bytes mac;
};

/* Whether the record opens; nothing stays of it. The answer is msg_token_done. */
struct msg_token_open {
    struct ps_bytes object_id;
    uint8_t key_type; /* enum ps_key_type */
    struct ps_bytes record;
};

/*
 * The keys that wrap, on the way to another token: wrapped under the public key of an RSA pair of
 * 4096 bits that was made there for it, after the security officer (so_pin) has told this token to
 * trust it. The process is without a login afterwards, whatever comes of it.
 */
struct msg_token_carry_out {
    struct ps_bytes so_pin;
    struct ps_bytes pin;
    struct ps_bytes public_key; /* DER SubjectPublicKeyInfo */
    struct ps_bytes wrapping_id;
    struct ps_bytes secrets_id; /* of the key that wraps secret keys */
    struct ps_bytes mac_id;
};
struct msg_token_carried {
    struct ps_bytes wrapping;
    struct ps_bytes secrets;
    struct ps_bytes mac;
    uint8_t so_pin_refused; /* 1: nothing was carried, since it is wrong: never try it again */
};

/* There: all are unwrapped with full templates, or none. The answer is msg_token_done. */
struct msg_token_carry_in {
    struct ps_bytes transport_id; /* of that pair */
    struct ps_bytes wrapping_id;
    struct ps_bytes wrapping_label;
    struct ps_bytes secrets_id;
    struct ps_bytes secrets_label;
    struct ps_bytes mac_id;
    struct ps_bytes mac_label;
    struct ps_bytes wrapping;
    struct ps_bytes secrets;
    struct ps_bytes mac;
};

/*
 * A copy of a key that wraps, for as long as the session lasts: from what msg_token_carry_out gave
 * under a pair of this same token. What the copy opens can be wrapped again, which what the key
 * itself opens never can. The answer is msg_token_done.
 */
struct msg_token_rewrap_begin {
    struct ps_bytes transport_id; /* of that pair */
    struct ps_bytes copy_id;
    struct ps_bytes label;
    struct ps_bytes wrapping;
    uint8_t is_for_secrets; /* the copy is of the key that wraps these */
};

/*
 * A wrapped key is opened by the copy and wrapped under another key, with a MAC that says so; its
 * process forgets what it had open of it. The answer is msg_token_wrapped with blob and MAC alone.
 */
struct msg_token_rewrap {
    struct ps_bytes object_id;
    uint8_t key_type; /* enum ps_key_type */
    struct ps_bytes record;
    struct ps_bytes copy_id;
    struct ps_bytes wrapping_id; /* of the keys that it is under from then on */
    struct ps_bytes mac_id;
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
    struct ps_bytes object_id; /* every object with it, certificates, data and unwrapped keys too */
    uint8_t only_open;         /* 1: only what is unwrapped, nothing that the token keeps */
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

/*
 * Whether keys still are what they were made as. `expected` is one row per key: u16 length +
 * CKA_ID, u16 length + CKA_LABEL, u8 key type, u8 usage, u8 flags, u16 length + algorithms, as in
 * msg_token_generate. `found` is one row for each, in the same order: u8 TOKEN_HAS_..., the SHA-256
 * of its SubjectPublicKeyInfo (32 octets, zeros where there is none), u16 length + the name of what
 * is not as expected ("CKA_SIGN"; "id": several objects of a kind have it; "object": it cannot be
 * read; TOKEN_DIFFERS_PROFILE: the profile offers no such keys any more, and nothing was compared);
 * empty: nothing.
 */
enum { TOKEN_CHECK_KEYS_MAX = 256, TOKEN_CHECK_NAME_MAX = 64 };
#define TOKEN_DIFFERS_PROFILE "profile"
struct msg_token_check {
    struct ps_bytes expected;
};
struct msg_token_checked {
    struct ps_bytes found;
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

/* Changes the user PIN; who is logged in stays so. Done only when the token says so. */
struct msg_token_set_pin {
    struct ps_bytes pin;
    struct ps_bytes next;
};

/*
 * As the security officer, for so long as it takes; the sessions are made anew afterwards. Refused:
 * 1, nothing was done, the SO PIN is wrong and never tried again.
 */
enum token_so_act {
    TOKEN_SO_TRY = 1,      /* no more than the login */
    TOKEN_SO_PIN = 2,      /* gives the security officer the PIN `next` */
    TOKEN_SO_USER_PIN = 3, /* gives the user the PIN `next`, whatever the present one is */
};
struct msg_token_so {
    uint8_t act;
    struct ps_bytes so_pin;
    struct ps_bytes next; /* empty for a try */
};
struct msg_token_so_done {
    uint8_t refused;
};

/*
 * Which calls of the module served a request (id `request`), but for searches: sent ahead of its
 * answer. `calls` is one row for each: u8 length + function, u8 length + class of the object
 * ("private", "public", "secret", "data", or empty), u8 length + CKA_ID, u8 length + answer
 * ("CKR_OK"), u16 how many times one after the other. left_out: so many more.
 */
enum { TOKEN_CALLS_MAX = 4096 };
struct msg_token_calls {
    uint64_t request;
    struct ps_bytes calls;
    uint32_t left_out;
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

extern const struct ipc_message msg_token_state_info, msg_token_login_info, msg_token_logout_info,
    msg_token_probe_info, msg_token_done_info, msg_token_sign_info, msg_token_signed_info,
    msg_token_use_info, msg_token_used_info, msg_token_generate_info, msg_token_generated_info,
    msg_token_find_info, msg_token_found_info, msg_token_destroy_info, msg_token_list_info,
    msg_token_objects_info, msg_token_check_info, msg_token_checked_info, msg_token_random_info,
    msg_token_octets_info, msg_token_data_read_info, msg_token_data_write_info,
    msg_token_initialise_info, msg_token_set_pin_info, msg_token_certificate_put_info,
    msg_token_certificate_get_info, msg_token_make_wrapped_info, msg_token_wrapped_info,
    msg_token_open_info, msg_token_calls_info, msg_token_carry_out_info, msg_token_carried_info,
    msg_token_carry_in_info, msg_token_rewrap_begin_info, msg_token_rewrap_info, msg_token_so_info,
    msg_token_so_done_info;

#endif
