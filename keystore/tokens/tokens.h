#ifndef KEYSTORE_TOKENS_TOKENS_H
#define KEYSTORE_TOKENS_TOKENS_H

#include "lib/base/loop.h"
#include "lib/ipc/channel.h"
#include "lib/ipc/messages_token.h"

/*
 * The keeper's side of the token processes: which there are, in which state, what is in flight at
 * each, who may log in. A token is a name of the configuration with one process or more. Every call
 * is answered exactly once: by the process, or by TOKEN_GONE when that ended, was replaced or did
 * not answer in time.
 */
struct tokens;
struct token;
struct token_process;

enum token_outcome {
    TOKEN_ANSWERED, /* `info` and `message` are the process's answer */
    TOKEN_REFUSED,  /* `problem` says why */
    TOKEN_GONE      /* no answer will come */
};

/* Rows as in msg_token_calls. Borrowed until the callback returns. */
struct token_calls {
    struct ps_bytes rows;
    uint32_t left_out;
};

struct token_answer {
    enum token_outcome outcome;
    struct token_process *process;
    const struct ipc_message *info;
    const void *message;
    const struct msg_problem *problem;
    const struct token_calls *calls; /* NULL: none were told, or it was a use of a key */
};
typedef void token_answer_fn(void *context, const struct token_answer *answer);

#define TOKENS_OTHER_SERIAL "unapproved-serial"
struct tokens_handler {
    /* A process came, went or changed its state. */
    void (*on_change)(void *context, struct token *token);
    /* A process can take another signature. */
    void (*on_room)(void *context, struct token *token);
    /* It did not answer in time, or answered nonsense; its channel is closed already. */
    void (*on_hung)(void *context, struct token *token, uint32_t number, const char *why);
    /* The token refused the PIN; it is not tried again before another one is configured. */
    void (*on_wrong_pin)(void *context, struct token *token);
    /* It is not what was approved, and gets no PIN; `what` is also the reason of its process. */
    void (*on_unapproved)(void *context, struct token *token, const char *what);
};

/* timeout_ms: longest time without an answer while one is due. */
PS_MUST_USE enum ps_err tokens_new(struct ps_loop *loop, const struct tokens_handler *handler,
                                   void *context, uint32_t timeout_ms, struct tokens **ret_tokens);
void tokens_free(struct tokens *tokens); /* calls in flight are not answered any more */
PS_DEFINE_CLEANUP(struct tokens, tokens_free)

/* Empty octets: there is no PIN. Another PIN than before may be tried again. */
PS_MUST_USE enum ps_err tokens_set_pin(struct tokens *tokens, struct ps_bytes name,
                                       struct ps_bytes pin, bool is_so);

struct token *tokens_find(const struct tokens *tokens, struct ps_bytes name);
struct token *tokens_at(const struct tokens *tokens, size_t index); /* NULL past the end */
size_t tokens_using(const struct tokens *tokens); /* uses in flight at all processes */

/* --- One token --- */

struct ps_bytes tokens_name(const struct token *token);
void *tokens_data(const struct token *token); /* of the keeper's; see tokens_set_data */
void tokens_set_data(struct token *token, void *data);

/*
 * Shut: the PINs are forgotten, the approval is withdrawn, and each process is logged out wherever
 * it is logged in, also one that comes later. Open again: it needs approval and PIN anew.
 */
void tokens_shut(struct token *token, bool is_shut);

/*
 * What is remembered of a PIN that was refused before a restart: whether it is the configured one.
 * Said before tokens_approve. Until then a process's word that its PIN was wrong counts.
 */
void tokens_set_pin_refused(struct token *token, bool refused);
bool tokens_pin_refused(const struct token *token);
struct ps_bytes tokens_pin(const struct token *token);    /* empty: none */
struct ps_bytes tokens_so_pin(const struct token *token); /* empty: none */

bool tokens_is_ready(const struct token *token);
/* The best of its processes' states; TOKEN_ABSENT when there is none. */
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
 * What one process of a soft token makes, another may see late or never (SoftHSM 2.6.1 passes over
 * a file that it came upon half written): what has to do with a new object goes to its maker.
 */
struct token_place {
    struct token *token;
    uint32_t number; /* of the process, where that is known */
    bool is_known;
};

/* As tokens_call, at this process. Errors: also PS_E_TOKEN: it is not ready while others are. */
PS_MUST_USE enum ps_err tokens_call_at(const struct token_place *place,
                                       const struct ipc_message *info, const void *message,
                                       uint32_t limit_ms, token_answer_fn *fn, void *context);

/*
 * Says something to every ready process. One that cannot be told, or does not do it (there being
 * nothing to do is fine), is ended: it would go on as if nothing had been said. The second calls
 * `done` once when each has answered or is gone: perhaps before it returns.
 */
struct tokens_telling {
    size_t left;
    void (*done)(void *context);
    void *context;
};
void tokens_tell_all(struct token *token, const struct ipc_message *info, const void *message);
void tokens_tell_all_and_wait(struct token *token, const struct ipc_message *info,
                              const void *message, struct tokens_telling *telling);

/* Ends a process that does what it must not, as if it had hung. */
void tokens_condemn(struct token_process *process, const char *why);
void tokens_condemn_number(struct token *token, uint32_t number, const char *why);

#endif
