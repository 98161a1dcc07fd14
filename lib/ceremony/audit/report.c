#include "lib/ceremony/log/report.h"
#include "lib/ceremony/audit/account.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#define LIST_OCTETS_MAX (256u * 1024u * 1024u)

/* A report of a copy: its account, and what is found on the way. */
struct reporting {
    const struct audit_request *request;
    struct log_report report;
    struct audit_account *account;
    bool is_of_genesis; /* the first leaf is the one that was asked for */
};

static void clear(struct reporting *r)
{
    audit_account_free(r->account);
}

static void on_row(void *context, const struct log_row *row)
{
    const struct audit_request *request = context;

    if (request->fn != NULL) {
        request->fn(request->context, row);
    }
}

static enum ps_err on_event(void *context, uint64_t index, const struct log_event *event)
{
    struct reporting *r = context;

    if (index == 0) {
        uint8_t hash[PS_SHA256_LEN];

        ps_sha256(event->octets, hash);
        r->is_of_genesis =
            r->request->genesis != NULL && memcmp(hash, r->request->genesis, sizeof hash) == 0;
    }
    return audit_account_take_event(r->account, index, event);
}

static enum ps_err on_use(void *context, const struct log_use *use)
{
    struct reporting *r = context;

    return audit_account_take_use(r->account, use);
}

static enum ps_err on_tree(void *context, const struct log_read_tree *tree)
{
    struct reporting *r = context;

    return audit_account_take_tree(r->account, tree);
}

static enum ps_err on_witnessed(void *context, const char *tree, const char *file,
                                const struct log_seen_result *seen)
{
    struct reporting *r = context;

    return audit_account_take_witnessed(r->account, tree, file, seen);
}

static enum ps_err verify(struct reporting *r, struct log_summary *ret_summary)
{
    const struct log_reader reader = {.context = r,
                                      .on_event = on_event,
                                      .on_use = on_use,
                                      .on_tree = on_tree,
                                      .on_witnessed = on_witnessed};
    const struct log_verify_request verify = {.directory = r->request->directory,
                                              .key = r->request->log_key,
                                              .archive = r->request->archive,
                                              .witnesses = r->request->witnesses,
                                              .reader = &reader};

    return log_verify(&verify, r->report.fn, r->report.context, ret_summary);
}

static void check_genesis(struct reporting *r)
{
    const struct log_where where = {"key", "events", NULL, 0};

    if (r->request->genesis != NULL && !r->is_of_genesis) {
        log_report_row(&r->report, LOG_FAIL, &where,
                       "the first leaf is not the genesis that was asked for: this is the log of "
                       "another appliance, or another history of it");
    }
}

/* What the report can be believed for. */
static void put_trust(const struct reporting *r, bool is_good, const struct log_summary *summary,
                      struct ps_buf *out)
{
    const uint64_t newest_ns = audit_account_newest_use(r->account);

    ps_buf_printf(out,
                  "{\"verified\":%s,\"log_key\":\"%s\",\"missing_shards\":%u,"
                  "\"uses_covered_until\":",
                  is_good ? "true" : "false",
                  !summary->key_from_genesis ? "given"
                  : r->is_of_genesis         ? "from-genesis"
                                             : "from-log",
                  summary->missing_shards);
    if (newest_ns == 0) {
        ps_buf_put_str(out, "null");
        return;
    }
    ps_buf_put_u8(out, '"');
    ps_buf_put_time(out, newest_ns, 0);
    ps_buf_put_u8(out, '"');
}

enum ps_err audit_report(const struct audit_request *request, const struct audit_period *period,
                         struct ps_buf *out)
{
    PS_CLEANUP(clear) struct reporting r = {.request = request};
    struct audit_request heard = *request;
    struct log_summary summary;
    bool verifies;
    enum ps_err err;

    r.report = (struct log_report){.fn = on_row, .context = &heard};
    PS_TRY(audit_account_new(period, &r.report, LIST_OCTETS_MAX, &r.account));
    err = verify(&r, &summary);
    if (err != PS_OK && err != PS_E_DENIED) {
        return err;
    }
    check_genesis(&r);
    verifies = err == PS_OK && r.report.failures == 0;
    put_trust(&r, verifies && summary.missing_shards == 0, &summary, out);
    PS_TRY(audit_account_put(r.account, out));
    ps_buf_put_u8(out, '}');
    PS_TRY(ps_buf_status(out));
    if (!verifies) {
        return ps_fail(PS_E_DENIED, 0, "the log does not verify; believe nothing of this report");
    }
    return summary.missing_shards == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "%u complete shards of uses are not here, and nothing in them is counted; "
                         "give the archives of those that were pruned (--archive), or put them "
                         "back below "
                         "use/",
                         summary.missing_shards);
}
