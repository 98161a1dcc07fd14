#include "appliance/cli/commands.h"
#include "appliance/terminal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/audit/audit.h"
#include "lib/ceremony/audit/tell.h"
#include "lib/ceremony/log/key.h"
#include "lib/system/file.h"

#include <stdio.h>

/* `privyseal audit`: what auditors ask of a copy of the logs. */

#define REPORT_MAX (512u * 1024u * 1024u)

/* What a report cannot be believed for; `log verify` tells everything. */
static bool is_told(const struct log_row *row)
{
    return row->verdict == LOG_FAIL ||
           (row->verdict == LOG_NOTE &&
            (strcmp(row->check, "key") == 0 || strcmp(row->check, "shards") == 0 ||
             strcmp(row->check, "witnesses") == 0 || strcmp(row->check, "checkpoint") == 0));
}

static void say_finding(void *context, const struct log_row *row)
{
    (void)context;
    if (is_told(row)) {
        terminal_complain(row->verdict == LOG_FAIL ? "FAIL" : "NOTE", "%s %s: %s", row->tree,
                          row->check, row->text);
    }
}

static enum ps_err read_time(const struct cli_run *run, const char *name, uint64_t otherwise,
                             uint64_t *ret_ns)
{
    const char *text = cli_value(run, name);

    *ret_ns = otherwise;
    if (text != NULL && ps_time_parse(ps_bytes_str(text), ret_ns) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "--%s takes a time like 2026-01-02T03:04:05Z", name);
    }
    return PS_OK;
}

static struct audit_request request_of(const struct cli_run *run)
{
    return (struct audit_request){.directory = run->arguments[0],
                                  .archive = cli_value(run, "archive"),
                                  .log_key = ps_bytes_str(cli_value(run, "log-key")),
                                  .fn = say_finding};
}

/* A report of a log that does not verify is shown, and its end says so. */
static int show(const struct cli_run *run, enum ps_err err, const struct ps_buf *json)
{
    char why[sizeof ps_detail()->text] = "";
    int code = CLI_DONE;

    if (err != PS_OK) {
        memcpy(why, ps_detail()->text, sizeof why);
    }
    if (json->len != 0) {
        code = cli_render(run, ps_buf_bytes(json));
    }
    if (err == PS_OK) {
        return code;
    }
    terminal_complain("privyseal", "%s", why);
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

/* --- The report as a file --- */

static const struct writer {
    const char *ending;
    enum ps_err (*put)(const struct page *page, struct ps_buf *out);
} writers[] = {
    {".json", NULL}, /* as it is */
    {".html", page_put_html},
    {".pdf", page_put_pdf},
};

static const struct writer *writer_of(const char *path)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < PS_COUNT_OF(writers); i++) {
        const size_t ending = strlen(writers[i].ending);

        if (len > ending && strcmp(path + len - ending, writers[i].ending) == 0) {
            return &writers[i];
        }
    }
    return NULL;
}

static enum ps_err write_report(const char *path, struct ps_bytes json)
{
    const struct writer *writer = writer_of(path);
    PS_CLEANUP(page_free_cleanup) struct page *page = NULL;
    PS_BUF_AUTO out = {.max = REPORT_MAX};

    if (writer->put == NULL) {
        return file_create(path, json, 0644);
    }
    PS_TRY(page_new(&page));
    PS_TRY(audit_tell(json, page));
    PS_TRY(writer->put(page, &out));
    return file_create(path, ps_buf_bytes(&out), 0644);
}

/* Of a log that does not verify too: the page says so in its first heading. */
static int keep(const char *path, enum ps_err err, const struct ps_buf *json)
{
    char why[sizeof ps_detail()->text] = "";
    enum ps_err written = PS_OK;

    if (err != PS_OK) {
        memcpy(why, ps_detail()->text, sizeof why);
    }
    if (json->len != 0) {
        written = write_report(path, ps_buf_bytes(json));
    }
    if (written != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return ps_err_info(written)->exit_code;
    }
    if (err == PS_OK) {
        (void)printf("Written: %s\n", path);
        return CLI_DONE;
    }
    terminal_complain("privyseal", "%s", why);
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

/* --- What was asked for --- */

static enum ps_err read_period(const struct cli_run *run, struct audit_period *ret_period)
{
    struct audit_period period = {.key = ps_bytes_str(cli_value(run, "key")),
                                  .caller = ps_bytes_str(cli_value(run, "caller"))};

    PS_TRY(read_time(run, "from", 0, &period.from_ns));
    PS_TRY(read_time(run, "to", ps_clock_real_ns(), &period.to_ns));
    *ret_period = period;
    return PS_OK;
}

static enum ps_err read_genesis(const struct cli_run *run, struct ps_buf *out)
{
    const char *text = cli_value(run, "genesis");

    if (text == NULL) {
        return PS_OK;
    }
    PS_TRY(ps_hex_decode(ps_bytes_str(text), out));
    return out->len == PS_SHA256_LEN
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "--genesis takes a SHA-256 in hexadecimal digits");
}

static enum ps_err make_report(const struct cli_run *run, struct ps_buf *json)
{
    struct audit_request request = request_of(run);
    struct log_witnesses witnesses = {.count = 0};
    struct audit_period period;
    PS_BUF_AUTO genesis = {.max = PS_SHA256_LEN};

    PS_TRY(read_period(run, &period));
    PS_TRY(read_genesis(run, &genesis));
    PS_TRY(cli_read_witnesses(run, &witnesses));
    request.genesis = genesis.len == 0 ? NULL : genesis.data;
    request.witnesses = &witnesses;
    return audit_report(&request, &period, json);
}

/* What only a copy can be held against. */
static bool is_for_a_copy(const struct cli_run *run)
{
    size_t cursor = 0;

    return cli_value(run, "archive") != NULL || cli_value(run, "log-key") != NULL ||
           cli_value(run, "genesis") != NULL || cli_next_value(run, "witness", &cursor) != NULL;
}

/* As the appliance tells it, which nobody has verified. */
static int ask_appliance(const struct cli_run *run)
{
    const char *out = cli_value(run, "out");
    PS_BUF_AUTO path = {.max = 2048};
    PS_BUF_AUTO json = {.max = REPORT_MAX};
    int code;

    if (is_for_a_copy(run)) {
        (void)fprintf(stderr, "privyseal: --archive, --log-key, --genesis and --witness are for a "
                              "copy of the log: audit report DIR\n");
        return CLI_USAGE;
    }
    if (cli_put_path(run, &path) != PS_OK) {
        (void)fprintf(stderr, "privyseal: the options are too long\n");
        return CLI_USAGE;
    }
    code = cli_send(run, (const char *)path.data, ps_bytes(NULL, 0), &json);
    if (code != CLI_DONE) {
        return code;
    }
    return out == NULL ? show(run, PS_OK, &json) : keep(out, PS_OK, &json);
}

int cli_audit_report(const struct cli_run *run)
{
    const char *out = cli_value(run, "out");
    PS_BUF_AUTO json = {.max = REPORT_MAX};
    enum ps_err err;

    if (out != NULL && writer_of(out) == NULL) {
        (void)fprintf(stderr, "privyseal: --out takes NAME.json, NAME.html or NAME.pdf\n");
        return CLI_USAGE;
    }
    if (run->argument_count == 0) {
        return ask_appliance(run);
    }
    err = make_report(run, &json);
    return out == NULL ? show(run, err, &json) : keep(out, err, &json);
}

int cli_audit_state(const struct cli_run *run)
{
    const struct audit_request request = request_of(run);
    PS_BUF_AUTO json = {.max = REPORT_MAX};
    uint64_t at_ns;
    enum ps_err err = read_time(run, "at", ps_clock_real_ns(), &at_ns);

    if (err == PS_OK) {
        err = audit_state(&request, at_ns, &json);
    }
    return show(run, err, &json);
}
