#ifndef FRONTENDS_SHARED_MAILBOX_H
#define FRONTENDS_SHARED_MAILBOX_H

#include "lib/base/loop.h"

/* What threads hand to the event loop, in the order in which they do. */
struct mailbox;

/* First member of what is handed over, which is then the receiver's. */
struct mail {
    struct mail *next;
};

typedef void mailbox_fn(void *context, struct mail *mail);

/* fn: called in the loop, once for each mail. Errors: PS_E_NO_MEMORY, PS_E_INTERNAL */
PS_MUST_USE enum ps_err mailbox_new(struct ps_loop *loop, mailbox_fn *fn, void *context,
                                    struct mailbox **ret_mailbox);

/* Hands over what is in it. Nobody posts any more. */
void mailbox_free(struct mailbox *mailbox);

/* From any thread; never blocks. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
