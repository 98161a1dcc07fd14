#ifndef APPLIANCE_DEV_GATE_H
#define APPLIANCE_DEV_GATE_H

#include "api/client/privyseal.h"
#include "appliance/dev/internal.h"
#include "lib/formats/json/json.h"

/*
 * A client of the management listener whose changes DIR's people approve: each change is asked for
 * as officer-1, signed by as many of them as it needs, and executed.
 */
struct dev_gate {
    struct dev *dev;
    struct privyseal *client;
};

PS_MUST_USE enum ps_err dev_gate_open(struct dev *dev, struct dev_gate *ret_gate);
void dev_gate_close(struct dev_gate *gate);

/*
 * One request; 4xx and 5xx are answers too. `body`: NULL for none. Errors: PS_E_STATE (no answer,
 * or dev->leaving).
 */
PS_MUST_USE enum ps_err dev_call(const struct dev_gate *gate, const char *method, const char *path,
                                 const struct ps_buf *body, struct privyseal_answer *ret_answer);
bool dev_is_done(const struct privyseal_answer *answer); /* 200 or 201 */
/* PS_E_STATE, with what the appliance says of it. */
PS_MUST_USE enum ps_err dev_refused(const char *what, const struct privyseal_answer *answer);
/* Waits, and notices the end of it all: PS_E_STATE. */
PS_MUST_USE enum ps_err dev_pause(const struct dev *dev, int wait_ms);

/* One change to its end; what is there already is well. `body`: an object of JSON. */
PS_MUST_USE enum ps_err dev_change(const struct dev_gate *gate, const char *method,
                                   const char *path, const struct ps_buf *body);

/* An operation that waits for people. */
#define DEV_ID_MAX     40
#define DEV_STATE_MAX  16
#define DEV_TYPE_MAX   64
#define DEV_SIGNED_MAX 256
struct dev_waiting {
    char id[DEV_ID_MAX];
    char type[DEV_TYPE_MAX];
    char state[DEV_STATE_MAX];
    char requester[PS_NAME_MAX + 1];
    bool is_ours;                 /* dev_change asked for it */
    struct ps_buf document;       /* the octets that people sign */
    char signers[DEV_SIGNED_MAX]; /* who signed it in dev_finish */
};
void dev_waiting_clear(struct dev_waiting *waiting);

/* From the answer to a change (202) or of GET /v1/operations/{id}. Cleared by the caller, always.
 */
PS_MUST_USE enum ps_err dev_waiting_read(const struct privyseal_answer *answer,
                                         struct dev_waiting *ret_waiting);
bool dev_waits(const struct dev_waiting *waiting); /* "draft", "open" or "approved" */

/* A text of an object, with its NUL. Errors: PS_E_INPUT (it is not there), PS_E_LIMIT. */
PS_MUST_USE enum ps_err dev_take_text(struct json_value object, const char *name, char *out,
                                      size_t size);

/*
 * sign.c: signs as its requester, then whoever comes with it and has a key in DIR states so, then
 * one of DIR's people after the other approves until enough have; and executes it. The answer is
 * that of the execution.
 * Errors: PS_E_NOT_FOUND (the requester has no key in DIR), PS_E_STATE (the request is refused)
 */
PS_MUST_USE enum ps_err dev_finish(const struct dev_gate *gate, struct dev_waiting *waiting,
                                   struct privyseal_answer *ret_answer);

/*
 * execution.c: executes it, and waits for its end as long as it is being executed, whatever was
 * answered. The answer is that of the execution, or, where none came, the operation itself (200).
 * Errors: PS_E_STATE (it failed)
 */
PS_MUST_USE enum ps_err dev_execute(const struct dev_gate *gate, const struct dev_waiting *waiting,
                                    struct privyseal_answer *ret_answer);
/* Until nothing is being executed that an earlier start has begun. */
PS_MUST_USE enum ps_err dev_wait_executing(const struct dev_gate *gate);

/* Each one that waits, oldest first; an error of `each` ends it. */
typedef enum ps_err dev_each_fn(const struct dev_gate *gate, struct dev_waiting *waiting,
                                void *context);
PS_MUST_USE enum ps_err dev_each_waiting(const struct dev_gate *gate, dev_each_fn *each,
                                         void *context);

/*
 * genesis.c: makes the appliance, or sees that it is one, and waits until it is operational; what
 * its officers have locked stays so.
 */
enum dev_beginning { DEV_MADE, DEV_TAKEN_UP, DEV_LOCKED };
PS_MUST_USE enum ps_err dev_begin(const struct dev_gate *gate, enum dev_beginning *ret_beginning);
/*
 * certificates.c: those of the listeners and clients, from the appliance's own CA, and the TLS
 * listeners opened, or shown the new ones. Blocks until they serve. Errors: as dev_set_up.
 */
PS_MUST_USE enum ps_err dev_obtain_certificates(const struct dev_gate *gate);
/* The members `pins` and `uids` of the client that whoever runs this is. */
void dev_put_operator(const struct dev *dev, struct ps_buf *out);

#endif
