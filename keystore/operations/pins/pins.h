#ifndef KEYSTORE_OPERATIONS_PINS_PINS_H
#define KEYSTORE_OPERATIONS_PINS_PINS_H

#include "keystore/custody/custody.h"
#include "keystore/operations/internal.h"

/*
 * What splitting a PIN (split.c) and giving the token another one (change.c) share. There are three
 * ways to another one: the user changes theirs (user.c), the security officer changes theirs, or
 * gives the user another one when theirs is lost (so.c).
 */

struct pin_params {
    struct ps_bytes token;
    enum share_pin pin;
    uint64_t threshold;
    struct json_value holders;
};
PS_MUST_USE enum ps_err pin_params_read(const struct operation *op, struct pin_params *ret_params);

/* The splitting has the name of the document that people approved: its first octets. */
struct ps_bytes pin_set_name(const struct operation *op);

/*
 * The row of a new splitting of `pin`, as the present one or as the next; what is made of the PIN
 * is taken from the leaf where the operation is done once more.
 */
PS_MUST_USE enum ps_err pin_put_set(struct operation *op, struct ps_bytes pin, bool is_next);

/* --- change.c: the same in all three ways --- */

/* What the rows of the next leaf are: a new splitting, its place as the present one, or its end. */
enum pin_phase { PIN_MAKE, PIN_SET, PIN_TAKE_OVER, PIN_WITHDRAW };

struct pin_work {
    struct ps_secret *pin; /* the new one; NULL after a crash */
    enum pin_phase phase;
    bool takes_left;    /* the token has the PIN of a splitting that was left as the next one */
    bool tries_next;    /* the SO PIN that is tried is that of the next splitting */
    bool has_restarted; /* the processes know of the PIN what the token does */
};

struct pin_way {
    /* Whether it may be, as things stand; false: it was refused. op->token is there. */
    bool (*may)(struct operation *op);
    /*
     * Has the token show which of two PINs it has, where an earlier operation has left a splitting
     * as the next one: sets work->takes_left. Ends in pin_make, or in operation_failed.
     */
    void (*prove)(struct operation *op);
    /* Has the token take work->pin, whose splitting is durable as the next one. */
    void (*set)(struct operation *op);
    /* Finds out which of two PINs the token has; where it cannot yet, op->step is OPERATION_OPEN.
     */
    void (*settle)(struct operation *op);
};
extern const struct pin_way pin_way_user, pin_way_so, pin_way_reset;
const struct pin_way *pin_way_of(const struct operation *op);

bool pin_is_attended(struct operation *op); /* false: it was refused */

/* Has the token make a PIN: now, or as soon as it is ready again. */
void pin_make(struct operation *op);
void pin_make_soon(struct operation *op);
/* The token has the new PIN. */
void pin_finish(struct operation *op);
/* The token has the old PIN, and will have no other by this: the next splitting unlocks no more. */
void pin_withdraw(struct operation *op);
/*
 * Ends the token's processes, each of which goes by the PIN of when it was started. Open only when
 * none of them is left: the end of one is told while another still looks ready.
 */
void pin_find_out(struct operation *op);

#endif
