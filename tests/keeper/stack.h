#ifndef TESTS_KEEPER_STACK_H
#define TESTS_KEEPER_STACK_H

#include "tests/keeper/wire.h"

#include <sys/types.h>

/*
 * A keeper and token processes as the supervisor starts them, on a SoftHSM store of the test's own,
 * with the test in the place of the supervisor and of both api processes.
 */
#define STACK_TOKENS_MAX 4
#define STACK_TOKEN      "t"
#define STACK_PIN        "31415926"
#define STACK_SO_PIN     "27182818"
#define STACK_MODULE     "/usr/lib/softhsm/libsofthsm2.so"

struct stack_token {
    pid_t pid;
    struct wire supervisor;
};

struct stack {
    char directory[128];
    char data[160];
    size_t processes;
    struct stack_token tokens[STACK_TOKENS_MAX];
    pid_t keeper;
    struct wire supervisor; /* of the keeper */
    struct wire clients;
    struct wire management;
    uint8_t state; /* enum appliance_state, as last told on `management` */
    const char *pin;
    const char *module; /* of the token processes that are started from now on */
    uint32_t hung;      /* reports of hung token processes so far */
};

/* Makes the store and the data directory; starts nothing. */
void stack_make(struct stack *stack, size_t processes);
void stack_remove(struct stack *stack); /* kills what runs, removes the files */

void stack_start(struct stack *stack);
void stack_start_keeper(struct stack *stack); /* with new channels to the tokens that run */
void stack_start_token(struct stack *stack, size_t number);
void stack_kill_keeper(struct stack *stack);
void stack_kill_token(struct stack *stack, size_t number);

/* Orders a stop and waits for the keeper's end; its exit status. */
int stack_stop_keeper(struct stack *stack);

/* Reads what the keeper tells until it is in this state. */
void stack_wait_state(struct stack *stack, enum appliance_state state);

/* Genesis, and a client `tester` for our uid with all rights. */
void stack_genesis(struct stack *stack);

/* --- Requests --- */

struct msg_caller stack_caller(void); /* our uid */

/* The status of the answer, or of the problem; the body, or the problem's code, into `out`. */
unsigned stack_change(struct stack *stack, const char *type, const char *subject,
                      const char *parameters, struct ps_buf *out);
unsigned stack_read(struct stack *stack, enum read_resource resource, const char *name,
                    struct ps_buf *out);

/* 200 and a compact JWS, or the problem's status and code. */
unsigned stack_sign_jws(struct stack *stack, const char *key, const char *algorithm,
                        const char *payload, struct ps_buf *out);

unsigned stack_status_of(const struct wire_frame *frame, struct ps_buf *out);

#endif
