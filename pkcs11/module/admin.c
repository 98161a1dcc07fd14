#include "pkcs11/module/admin.h"

#include "lib/base/clock.h"
#include "pkcs11/module/sync.h"

/* The clock of the file system may lag behind ours by a tick, and the two may be set. */
#define CLOCK_SLACK_S 10

enum ps_err admin_sync(struct admin_context *context)
{
    const long now_s = (long)(ps_clock_real_ns() / PS_NS_PER_S);

    PS_TRY(sync_tree(context->sync_directory, context->synced_s));
    context->synced_s = now_s - CLOCK_SLACK_S;
    return PS_OK;
}

void admin_answer_clear(struct admin_answer *answer)
{
    ps_buf_clear(&answer->first);
    ps_buf_clear(&answer->second);
    ps_buf_clear(&answer->third);
}
