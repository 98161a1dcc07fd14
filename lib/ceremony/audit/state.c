#include "lib/ceremony/audit/audit.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/audit/snapshot.h"

struct looking {
    struct log_report report;
    struct replay *replay;
    struct audit_snapshot *snapshot;
};

static void clear(struct looking *l)
{
    replay_free(l->replay);
    audit_snapshot_free(l->snapshot);
}

static enum ps_err on_operation(void *context, const struct replay_operation *operation)
{
    struct looking *l = context;

    return audit_snapshot_take_operation(l->snapshot, operation);
}

static enum ps_err on_event(void *context, uint64_t index, const struct log_event *event)
{
    struct looking *l = context;

    return audit_snapshot_take(l->snapshot, l->replay, index, event);
}

static enum ps_err on_use(void *context, const struct log_use *use)
{
    (void)context;
    (void)use;
    return PS_OK;
}

static enum ps_err put_state(const struct looking *l, uint64_t at_ns, bool key_is_given,
                             struct ps_buf *out)
{
    ps_buf_printf(out, "{\"verified\":%s,\"log_key\":\"%s\",\"at\":\"",
                  l->report.failures == 0 ? "true" : "false", key_is_given ? "given" : "from-log");
    ps_buf_put_time(out, at_ns, 0);
    ps_buf_put_u8(out, '"');
    PS_TRY(audit_snapshot_put(l->snapshot, out));
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

static void count_row(void *context, const struct log_row *row)
{
    const struct audit_request *request = context;

    if (request->fn != NULL) {
        request->fn(request->context, row);
    }
}

enum ps_err audit_state(const struct audit_request *request, uint64_t at_ns, struct ps_buf *out)
{
    struct audit_request heard = *request;
    PS_CLEANUP(clear) struct looking l = {.report = {.fn = count_row, .context = &heard}};
    const struct log_reader reader = {.context = &l, .on_event = on_event, .on_use = on_use};
    const struct log_verify_request verify = {
        .directory = request->directory, .key = request->log_key, .reader = &reader};
    const struct replay_sink sink = {
        .report = &l.report, .context = &l, .on_operation = on_operation};
    struct log_summary summary;
    enum ps_err err;

    PS_TRY(audit_snapshot_new(at_ns, &l.snapshot));
    PS_TRY(replay_new(&sink, &l.replay));
    err = log_verify(&verify, count_row, &heard, &summary);
    if (err != PS_OK && err != PS_E_DENIED) {
        return err;
    }
    PS_TRY(audit_snapshot_finish(l.snapshot, l.replay));
    if (audit_snapshot_is_empty(l.snapshot)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "at that time there was no genesis yet");
    }
    l.report.failures += err == PS_OK ? 0 : 1;
    PS_TRY(put_state(&l, at_ns, !summary.key_from_genesis, out));
    return l.report.failures == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the log does not verify; believe nothing of this");
}
