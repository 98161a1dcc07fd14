#ifndef PKCS11_TOKEN_INTERNAL_H
#define PKCS11_TOKEN_INTERNAL_H

#include "lib/base/problem.h"
#include "lib/ipc/channel.h"
#include "pkcs11/module/admin.h"
#include "pkcs11/module/libp11_context.h"
#include "pkcs11/module/module.h"
#include "pkcs11/objects/keyring.h"
#include "pkcs11/token/breaker.h"
#include "pkcs11/token/token.h"
#include "pkcs11/token/watchdog.h"
#include "pkcs11/use/use.h"
#include "pkcs11/worker.h"
#include "pkcs11/wrapped/loaded.h"

/*
 * The parts of the token process that token.c, token_state.c, token_recover.c, token_login.c,
 * token_use.c and token_admin.c share. All of it belongs to the thread of the loop; what workers
 * touch are the jobs and sessions they are given.
 */

enum { TOKEN_SESSIONS_MAX = 256, TOKEN_JOBS_MAX = 8192 };

struct token {
    struct ps_loop *loop;
    const struct msg_token_config *config;
    struct profile profile;
    struct token_uri *uri;
    struct module *module;
    struct libp11 *libp11;
    struct channel *supervisor;
    struct channel *keeper;
    uint32_t keeper_epoch; /* a job of an earlier keeper is not answered */
    int exit_code;

    struct session control;   /* all work when sessions == 1, else everything but signatures */
    struct session *sessions; /* one per signing thread */
    unsigned sessions_wanted; /* signing threads; 0: signatures are made in the loop */
    unsigned sessions_open;
    unsigned threads; /* of `users` */
    struct worker_pool *users;
    struct worker_pool *admins; /* one thread; NULL when there are no signing threads */
    struct keyring *ring;
    struct loaded *loaded;
    struct breaker breaker;
    struct admin_context admin;

    enum token_state state;
    const char *reason;
    uint64_t state_since_ns;
    uint32_t generation;
    uint32_t reconnects;
    struct token_description description;
    char expected_serial[17]; /* named by the last login that was accepted */
    bool pin_refused;         /* and no other has come since */
    const char *pin_reason;
    unsigned login_failures; /* in a row, unexplained */

    enum fault_class lost; /* how far recovery has to go back; FAULT_NONE: nothing is lost */
    unsigned attempts;
    unsigned doubtful; /* looks in a row that found another token, or a blank one */
    struct ps_timer *retry;
    struct ps_timer *probe;
    uint64_t last_good_ns;
    uint64_t last_line_ns;
    bool probing;

    struct ps_idle *tidying; /* after uses made in the loop: objects that have to go */
    struct use_task task;    /* of these uses */
    unsigned unflushed;      /* answers since the last flush */
    uint64_t unflushed_ns;   /* when the first of them was */

    bool started;
    bool stopping;
    struct ps_timer *stop_deadline;
};

/* token_state.c */
void token_set_state(struct token *token, enum token_state state, const char *reason);
void token_announce(struct token *token);
void token_answer(struct token *token, const struct ipc_message *info, uint64_t id,
                  const void *message);
void token_answer_done(struct token *token, uint64_t id);
void token_answer_problem(struct token *token, uint64_t id, enum ps_problem problem,
                          const char *detail);
void token_answer_unavailable(struct token *token, uint64_t id);
enum ps_problem token_problem_of(enum ps_err err);

/* token_recover.c */
PS_MUST_USE enum ps_err token_init_recovery(struct token *token);
void token_lose(struct token *token, enum fault_class class, const char *reason);
void token_heed_fault(struct token *token, const struct fault *fault, struct ps_bytes id);
void token_work_is_done(struct token *token);
bool token_is_idle(const struct token *token);
uint64_t token_look_limit_ms(const struct token *token);
void token_adopt_made(struct token *token, struct ps_bytes label);
void token_shut_down(struct token *token);

/* token_login.c */
void token_login(struct token *token, uint64_t id, const struct msg_token_login *message);
void token_logout(struct token *token, uint64_t id);

/* token_use.c */
void token_sign(struct token *token, uint64_t id, const struct msg_token_sign *message);
void token_use(struct token *token, uint64_t id, const struct msg_token_use *message);
void token_run_use(void *context, unsigned worker, struct worker_item *item);
void token_use_done(void *context, struct worker_item *item);
void token_tidy_soon(struct token *token);
void token_tidy(void *context);
void token_drop_uses(struct token *token);

/* token_admin.c */
bool token_admin(struct token *token, const struct ipc_message *info, uint64_t id,
                 const void *message);
void token_probe(struct token *token);
void token_run_admin(void *context, unsigned worker, struct worker_item *item);
void token_admin_done(void *context, struct worker_item *item);
void token_drop_admin(struct token *token);

#endif
