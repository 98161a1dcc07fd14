#ifndef TESTS_KEEPER_STACK_H
#define TESTS_KEEPER_STACK_H

#include "lib/base/hash.h"
#include "tests/keeper/faults.h"
#include "tests/keeper/tap.h"
#include "tests/keeper/wire.h"

#include <sys/types.h>

/*
 * A keeper and token processes as the supervisor starts them, on a SoftHSM store of the test's own,
 * with the test in the place of the supervisor and of both api processes.
 */
#define STACK_TOKENS_MAX 24
#define STACK_TOKEN      "t"
#define STACK_PIN        "31415926"
#define STACK_SO_PIN     "27182818"
#define STACK_MODULE     "/usr/lib/softhsm/libsofthsm2.so"
#define STACK_ORIGIN     "privyseal.test/keeper"
#define STACK_REQUEST_MS 30000 /* for which a request waits for a token that is away, */
#define STACK_SOON_MS    3000  /* or for one that stays away: others wait so long for their turn */

struct stack_token {
    const char *name; /* NULL: STACK_TOKEN */
    pid_t pid;
    struct wire supervisor;
    uint8_t module_hash[PS_SHA256_LEN];
    struct tap *tap; /* that stands in its channels from now on; NULL: none */
    bool is_attended;
    struct ps_buf kept_pin; /* that the keeper gave its supervisor to keep; empty: none */
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
    uint8_t state;     /* enum appliance_state, as last told on `management`, */
    char reasons[512]; /* and the beginning of what was told with it */
    const char *pin;
    const char *backups;         /* directory; NULL: none are made */
    const char *mirror;          /* of events: directory; NULL: none */
    const char *witnesses;       /* lines of the configuration; NULL: none */
    const char *module;          /* of the token processes that are started from now on, */
    const char *not_offered;     /* and what their profile lacks; NULL: nothing */
    uint32_t request_timeout_ms; /* of keepers that are started from now on */
    uint8_t configuration[32];   /* hash of its security section, as the supervisor tells it */
    uint64_t shard_leaves;       /* of the log of uses; 0: a million */
    uint32_t snapshot_leaves;    /* between two snapshots; 0: none is made */
    uint32_t disk_reserve_mb;    /* of the keeper; 0: 1 */
    const char *program;         /* hash of the program, as the supervisor tells it; NULL: "1" */
    const char *profile_hash;    /* of the token's profile, in hex, as it tells it; NULL: not */
    uint32_t cache_keys;         /* of token processes; 0: 64 */
    uint32_t sessions;           /* of token processes; 0: 1 */
    uint32_t keys_in_memory;     /* of the keeper; 0: 4096 */
    struct faults *faults;       /* of keepers that are started from now on; NULL: none */
    bool lacks_first;            /* keepers that are started from now on have added tokens alone */
    bool supervises; /* whatever the keeper asks its supervisor is done while the test waits */
};

/*
 * From now on stacks are made where memory holds the files, if there is such a place: for tests
 * that are about order and death, and not about what the disk does.
 */
void stack_use_memory(void);

/*
 * A test has failed, which leaves its frames without a clean-up: what they held is also in each
 * process that is forked from now on, and no leak of theirs.
 */
void stack_overlook_leaks(void);

/* Makes the store and the data directory; starts nothing. */
void stack_make(struct stack *stack, size_t processes);
void stack_remove(struct stack *stack); /* kills what runs, removes the files and the faults */

void stack_start(struct stack *stack);
/*
 * With new channels to the tokens that run. With PRIVYSEAL_UNSIGNED in the environment nobody has
 * signed for the log: all of it is judged anew at each start. With PRIVYSEAL_SNAPSHOTS there is a
 * snapshot of every leaf that can have one, where the test does not say how many leaves are
 * between.
 */
void stack_start_keeper(struct stack *stack);
void stack_forget_checkpoint(const struct stack *stack);
void stack_start_token(struct stack *stack, size_t number);
/* From now on it is attended, and the keeper knows. */
void stack_attend_token(struct stack *stack, size_t number);
/* What has come from the keeper: processes are replaced, PINs are kept, forgotten and sent. */
void stack_supervise(struct stack *stack);
/* Another token in a store of its own, with one process and the same PIN. */
void stack_add_token(struct stack *stack, const char *name);
/* While there is no keeper: the last one that was added leaves the configuration; and is back, with
 * what is in its store. */
void stack_drop_token(struct stack *stack);
void stack_return_token(struct stack *stack);
void stack_kill_keeper(struct stack *stack);
/* In a token's store, whoever's they are. number: of its process */
unsigned stack_count_objects(const struct stack *stack, size_t number);
/* In whatever it does: SoftHSM may leave a file of a few octets, which is nobody's object. */
void stack_kill_token(struct stack *stack, size_t number);
/* Ends it in order: what it does is done before. */
void stack_stop_token(struct stack *stack, size_t number);

/* A new channel of an api process, in the place of the one before it. role: IPC_ROLE_API_... */
void stack_connect_api(struct stack *stack, struct wire *wire, uint8_t role);

/* Orders a stop and waits for the keeper's end; its exit status. */
int stack_stop_keeper(struct stack *stack);
/* The same, of one that has so long for what it was asked for. */
int stack_stop_keeper_within(struct stack *stack, uint32_t within_ms);

/* Reads what the keeper tells until it is in this state. */
void stack_wait_state(struct stack *stack, enum appliance_state state);
void stack_wait_started(struct stack *stack); /* in whatever state it is then */

/* A genesis that all people of people.h sign: 201, or what the first step that failed answered. */
unsigned stack_try_genesis(struct stack *stack, bool initialise, struct ps_buf *out);

/* Genesis by all people of people.h, and a client `tester` for our uid with all rights. */
void stack_genesis(struct stack *stack);

/* --- Requests --- */

struct msg_caller stack_caller(void); /* our uid */

/*
 * Waits for the answer and keeps up with the states that come in between. No info: the keeper has
 * died of a fault, so that none comes.
 */
void stack_call(struct stack *stack, struct wire *wire, const struct ipc_message *info,
                const void *message, struct wire_frame *ret_answer);

/* By our uid, with the usual requester. The texts have to stay. */
struct msg_change stack_change_message(const char *type, const char *subject,
                                       const char *parameters);

/*
 * A change through the gate: asked for, approved and executed, or what the first of these answered
 * that came to another end. The status of that answer, or of the problem, or 0 for no answer; the
 * body, or the problem's code, into `out`.
 */
unsigned stack_change_as_asked(struct stack *stack, const struct msg_change *message,
                               struct ps_buf *out);
unsigned stack_change(struct stack *stack, const char *type, const char *subject,
                      const char *parameters, struct ps_buf *out);
unsigned stack_read(struct stack *stack, enum read_resource resource, const char *name,
                    struct ps_buf *out);

/* 200 and a compact JWS, or the problem's status and code. */
unsigned stack_sign_jws(struct stack *stack, const char *key, const char *algorithm,
                        const char *payload, struct ps_buf *out);

unsigned stack_status_of(const struct wire_frame *frame, struct ps_buf *out);

#endif
