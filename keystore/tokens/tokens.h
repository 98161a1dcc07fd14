#ifndef KEYSTORE_TOKENS_TOKENS_H
#define KEYSTORE_TOKENS_TOKENS_H

#include "lib/base/loop.h"
#include "lib/ipc/channel.h"
#include "lib/ipc/messages_token.h"

/*
 * The keeper's side of the token processes: which there are, in which state, what is in flight at
 * each, who may log in. A token is a name of the configuration with one process or more.
 *
 * Every call is answered exactly once: by the process, or by TOKEN_GONE when the process ended, was
 * replaced or did not answer in time.
 */
struct tokens;
struct token;
struct token_process;

enum token_outcome {
    TOKEN_ANSWERED, /* `info` and `message` are the process's answer */
    TOKEN_REFUSED,  /* `problem` says why */
    TOKEN_GONE      /* no answer will come */
};

struct token_answer {
    enum token_outcome outcome;
    struct token_process *process;
    const struct ipc_message *info;
    const void *message;
    const struct msg_problem *problem;
};
typedef void token_answer_fn(void *context, const struct token_answer *answer);

struct tokens_handler {
    /* A process came, went or changed its state. */
    void (*on_change)(void *context, struct token *token);
    /* A process can take another signature. */
    void (*on_room)(void *context, struct token *token);
    /* A process did not answer in time, or answered nonsense; its channel is closed already. */
    void (*on_hung)(void *context, struct token *token, uint32_t number, const char *why);
    /* The token refused the PIN; it is not tried again before another one is configured. */
    void (*on_wrong_pin)(void *context, struct token *token);
    /* It is not the token, or not the module, that was approved, and gets no PIN. */
    void (*on_unapproved)(void *context, struct token *token, const char *what);
};

/* timeout_ms: longest time without an answer while one is due. */
PS_MUST_USE enum ps_err tokens_new(struct ps_loop *loop, const struct tokens_handler *handler,
                                   void *context, uint32_t timeout_ms, struct tokens **ret_tokens);
void tokens_free(struct tokens *tokens); /* calls in flight are not answered any more */
PS_DEFINE_CLEANUP(struct tokens, tokens_free)

/* A new process of a token; it replaces an earlier one of the same number. Takes over `fd`. */
PS_MUST_USE enum ps_err tokens_add_process(struct tokens *tokens, struct ps_bytes name,
                                           uint32_t number, int fd);

/* Empty octets: there is no PIN. Another PIN than before may be tried again. */
PS_MUST_USE enum ps_err tokens_set_pin(struct tokens *tokens, struct ps_bytes name,
                                       struct ps_bytes pin, bool is_so);

struct token *tokens_find(const struct tokens *tokens, struct ps_bytes name);
struct token *tokens_at(const struct tokens *tokens, size_t index); /* NULL past the end */
size_t tokens_signing(const struct tokens *tokens); /* signatures in flight at all processes */

/* --- One token --- */

struct ps_bytes tokens_name(const struct token *token);
void *tokens_data(const struct token *token); /* of the keeper's; see tokens_set_data */
void tokens_set_data(struct token *token, void *data);

/*
 * Which token may be logged in to: the serial and module hash that were approved. Logs in wherever
 * a process waits for it. Empty hash: any (before genesis there is nothing approved).
 */
void tokens_approve(struct token *token, struct ps_bytes serial, struct ps_bytes module_hash);
void tokens_withdraw_approval(struct token *token);

/*
 * What is remembered of a PIN that was refused before a restart: whether it is the configured one.
 * Said before tokens_approve. While nothing is said, a process's word that its PIN was wrong
 * counts.
 */
void tokens_set_pin_refused(struct token *token, bool refused);
bool tokens_pin_refused(const struct token *token);
struct ps_bytes tokens_pin(const struct token *token);    /* empty: none */
struct ps_bytes tokens_so_pin(const struct token *token); /* empty: none */

bool tokens_is_ready(const struct token *token);
/* The best state any of its processes is in; TOKEN_ABSENT when there is none. */
enum token_state tokens_state(const struct token *token);
size_t tokens_waiting(const struct token *token); /* calls in flight at all processes */

/*
 * Calls a ready process, the least busy; signatures go round it meanwhile if they can.
 *
 * message: encoded during the call
 * limit_ms: longest wait, 0 for the usual; then the process counts as hung
 * Errors:  PS_E_TOKEN (no process is ready), the channel's
 */
PS_MUST_USE enum ps_err tokens_call(struct token *token, const struct ipc_message *info,
                                    const void *message, uint32_t limit_ms, token_answer_fn *fn,
                                    void *context);

/*
 * Which process a call goes to. What one process of a soft token makes, another may see late or
 * never (SoftHSM 2.6.1 passes over a file that it came upon half written), so that what has to do
 * with a new object goes to the process that made it.
 */
struct token_place {
    struct token *token;
    uint32_t number; /* of the process, where that is known */
    bool is_known;
};

/* As tokens_call, at this process. Errors: also PS_E_TOKEN when it is not ready while others are.
 */
PS_MUST_USE enum ps_err tokens_call_at(const struct token_place *place,
                                       const struct ipc_message *info, const void *message,
                                       uint32_t limit_ms, token_answer_fn *fn, void *context);

/* The same for a process in another state than ready: to initialise a blank token. */
PS_MUST_USE enum ps_err tokens_call_in_state(struct token *token, enum token_state state,
                                             const struct ipc_message *info, const void *message,
                                             token_answer_fn *fn, void *context);

/*
 * Sends a signature to the least busy process that has room for it.
 *
 * avoid:  one that failed with it before, taken only when there is no other; or NULL
 * Errors: PS_E_BUSY (no process has room now; on_room follows), the channel's
 */
PS_MUST_USE enum ps_err tokens_sign(struct token *token, const struct msg_token_sign *message,
                                    uint32_t cost, const struct token_process *avoid,
                                    token_answer_fn *fn, void *context);

/* Whether tokens_sign would find room now; if not, on_room follows when there is. */
bool tokens_has_room(struct token *token, uint32_t cost);

/* Ends a process that does what it must not (a wrong signature): as if it had hung. */
void tokens_condemn(struct token_process *process, const char *why);
void tokens_condemn_number(struct token *token, uint32_t number, const char *why);

#endif
