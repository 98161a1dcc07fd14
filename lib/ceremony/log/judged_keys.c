#include "lib/ceremony/log/judged_keys.h"

static void pass_over(void *context, const struct log_row *row)
{
    (void)context;
    (void)row;
}

enum ps_err judged_keys_init(struct judged_keys *judged, bool is_judged)
{
    *judged = (struct judged_keys){.report = {.fn = pass_over}};
    log_succession_init(&judged->keys);
    return is_judged ? replay_new(&(struct replay_sink){.report = &judged->report}, &judged->replay)
                     : PS_OK;
}

void judged_keys_clear(struct judged_keys *judged)
{
    log_succession_clear(&judged->keys);
    replay_free(judged->replay);
    judged->replay = NULL;
}

enum ps_err judged_keys_take(struct judged_keys *judged, const struct merkle_edge *edge,
                             const struct log_event *event)
{
    const unsigned count = judged->keys.count;
    const bool is_restored = ps_bytes_equal_str(event->kind, LOG_RESTORED_KIND);
    struct merkle_hash root;

    /* It takes some hashes: it is asked for where somebody signed for it. */
    if (is_restored) {
        root = merkle_edge_root(edge);
    }
    PS_TRY(log_succession_take(&judged->keys, edge->size, is_restored ? &root : NULL, event));
    if (judged->replay == NULL) {
        return PS_OK;
    }
    PS_TRY(replay_take(judged->replay, edge->size, event));
    if (judged->keys.count == count ||
        ps_bytes_equal(replay_log_key(judged->replay), ps_buf_bytes(&judged->keys.key))) {
        return PS_OK;
    }
    return ps_fail(PS_E_DENIED, 0, "the log's key changes, and people did not approve that");
}
