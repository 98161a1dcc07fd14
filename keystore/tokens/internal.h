#ifndef KEYSTORE_TOKENS_INTERNAL_H
#define KEYSTORE_TOKENS_INTERNAL_H

#include "keystore/tokens/use.h"
#include "keystore/tokens/view.h"
#include "lib/base/name.h"
#include "lib/base/secret.h"

/*
 * In flight at one process, signatures and other calls. The window is much smaller; the rest is for
 * management calls, which are few.
 */
#define SLOTS           256u
#define WINDOW_LEAST    32u
#define WINDOW_WIDE     64u
#define WINDOW_MOST     224u
#define COST_A_SESSION  128u
#define COST_LADEN      64u
#define TOKENS_MAX      32u
#define PROCESSES_MAX   64u
#define NOTICE_TEXT_MAX 128u

#define TOKENS_NOT_TOLD "not-told"

struct slot {
    token_answer_fn *fn; /* NULL: free */
    void *context;
    uint32_t sequence; /* makes ids differ, so that a stale answer is noticed */
    uint32_t cost;     /* of a use of a key; 0: another call */
    uint64_t limit_ns; /* longest wait for an answer, to this or another call, while it is out */
    uint16_t next_free;
    uint16_t older; /* in flight beside it, sent just before and just after; SLOTS: none */
    uint16_t newer;
};

/* Text of a state notice. */
struct token_text {
    uint8_t octets[NOTICE_TEXT_MAX];
    size_t len;
};

struct token_texts {
    struct token_text reason;
    struct token_text label;
    struct token_text serial;
    struct token_text manufacturer;
    struct token_text model;
    struct token_text firmware;
    struct token_text profile;
};

struct token_process {
    struct token *token;
    uint32_t number;
    struct channel *channel;
    enum token_state state;
    uint32_t generation;
    uint32_t sessions;
    uint32_t reconnects;
    uint32_t wrappable;
    struct token_texts texts;
    struct token_text module_hash; /* as the supervisor says */
    struct ps_buf calls; /* of the module, told ahead of the answer to the request with this id: */
    uint64_t calls_id;
    uint32_t calls_left_out;
    struct slot slots[SLOTS];
    uint16_t first_free;
    size_t in_flight;      /* calls of both kinds */
    size_t signing;        /* signatures */
    uint32_t signing_cost; /* and what they cost in all */
    uint16_t oldest;       /* of those in flight; SLOTS: none */
    uint16_t newest;
    uint64_t oldest_ns;  /* monotonic: since when it is the oldest */
    bool was_unapproved; /* and that was told */
    bool has_spoken;     /* a state notice came */
    bool login_in_flight;
    bool logout_in_flight;
    bool login_sent;         /* by us, on this channel: what it says of the PIN is about ours */
    uint64_t login_again_ns; /* monotonic; not before, after a failure that was not the PIN's */
    bool was_full;           /* a signature found no room: tell when there is some */
};

struct token {
    struct tokens *tokens;
    uint8_t name_octets[PS_NAME_MAX];
    size_t name_len;
    void *data;
    struct token_process *processes[PROCESSES_MAX];
    size_t process_count;
    struct ps_secret *pin;
    struct ps_secret *so_pin;
    bool is_approved;
    bool is_dismissed;
    bool is_shut;
    struct token_text approved_serial;
    struct token_text approved_hash;
    struct token_text approved_firmware;
    struct token_text approved_profile;
    struct token_text approved_profile_hash;
    struct token_text profile_hash; /* of the one that is there */
    uint64_t epoch;
    bool pin_refused;
    bool pin_is_new; /* another than the one that was refused before we started */
    size_t unquiet;  /* calls that tokens_wait_quiet waits for; then: */
    quiet_fn *quiet_fn;
    void *quiet_context;
};

struct tokens {
    struct ps_loop *loop;
    const struct tokens_handler *handler;
    void *context;
    uint64_t timeout_ns;
    struct ps_timer *tick;
    struct token *tokens[TOKENS_MAX];
    size_t count;
    uint64_t epochs; /* no two tokens have the same one */
};

/* process.c */
PS_MUST_USE enum ps_err process_new(struct token *token, uint32_t number, int fd,
                                    struct token_process **ret_process);
/* Closes the channel and answers all calls with TOKEN_GONE. */
void process_end(struct token_process *process);
void process_free(struct token_process *process); /* without answering */
PS_MUST_USE enum ps_err process_call(struct token_process *process, const struct ipc_message *info,
                                     const void *message, uint32_t cost, uint64_t limit_ns,
                                     token_answer_fn *fn, void *context);
bool process_has_room(const struct token_process *process, uint32_t cost, bool is_wide);
/*
 * Whether a call does not return. A process begins with calls of a kind in their order, so that the
 * oldest in flight is being made, however many others are answered beside it.
 */
bool process_is_overdue(const struct token_process *process, uint64_t now_ns);

/* login.c */
/*
 * It is what people approved; else its reason says what differs. Of module and profile the
 * supervisor's word counts, of the rest that of a module which they approved.
 */
bool process_is_the_approved(struct token_process *process);
void login_where_due(struct token *token);

static inline struct ps_bytes token_text_bytes(const struct token_text *text)
{
    return ps_bytes(text->octets, text->len);
}
void token_text_set(struct token_text *text, struct ps_bytes octets);

#endif
