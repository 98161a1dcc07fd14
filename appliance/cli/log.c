#include "appliance/cli/commands.h"
#include "appliance/terminal.h"

#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/ceremony/bundle/bundle.h"
#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/verify.h"
#include "lib/system/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct report {
    bool json;
    bool first;
};

static const char *const verdicts[] = {"PASS", "NOTE", "FAIL"};

static void put_number(struct ps_buf *out, const char *name, uint64_t number)
{
    if (number != LOG_NOWHERE) {
        ps_buf_printf(out, ",\"%s\":%" PRIu64, name, number);
    }
}

static void put_text(struct ps_buf *out, const char *name, const char *text)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, ps_bytes_str(text));
}

static void print_json(struct report *report, const struct log_row *row)
{
    PS_BUF_AUTO out = {.max = 65536};

    ps_buf_printf(&out, "%s\n  {\"verdict\":\"%s\"", report->first ? "" : ",",
                  verdicts[row->verdict]);
    put_text(&out, "check", row->check);
    put_text(&out, "tree", row->tree);
    put_text(&out, "file", row->file);
    put_number(&out, "offset", row->offset);
    put_number(&out, "leaf", row->leaf);
    put_text(&out, "text", row->text);
    ps_buf_put_u8(&out, '}');
    if (ps_buf_status(&out) == PS_OK) {
        (void)fwrite(out.data, 1, out.len, stdout);
    }
    report->first = false;
}

static void on_row(void *context, const struct log_row *row)
{
    struct report *report = context;
    PS_BUF_AUTO line = {.max = 65536};

    if (report->json) {
        print_json(report, row);
        return;
    }
    ps_buf_printf(&line, "%s  %-10s %-16s %s", verdicts[row->verdict], row->check, row->tree,
                  row->text);
    if (row->verdict == LOG_FAIL && row->file[0] != '\0') {
        ps_buf_printf(&line, " [%s", row->file);
        if (row->offset != LOG_NOWHERE) {
            ps_buf_printf(&line, ", octet %" PRIu64, row->offset);
        }
        if (row->leaf != LOG_NOWHERE) {
            ps_buf_printf(&line, ", leaf %" PRIu64, row->leaf);
        }
        ps_buf_put_u8(&line, ']');
    }
    ps_buf_put_u8(&line, '\n');
    (void)cli_show(&line);
}

static void print_summary(const struct report *report, const struct log_summary *summary,
                          enum ps_err err)
{
    if (report->json) {
        (void)printf("\n],\"good\":%s,\"trees\":%u,\"leaves\":%" PRIu64 ",\"covered\":%" PRIu64
                     ",\"pruned_shards\":%u,\"failures\":%u}\n",
                     err == PS_OK ? "true" : "false", summary->trees, summary->leaves,
                     summary->covered, summary->pruned_shards, summary->failures);
        return;
    }
    (void)printf("%s: %s in %s, %" PRIu64 " of them covered by signed checkpoints\n",
                 err == PS_OK ? "The log verifies" : "The log DOES NOT VERIFY",
                 ps_counted(summary->leaves, "leaf", "leaves").text,
                 ps_counted(summary->trees, "tree", "trees").text, summary->covered);
    if (summary->pruned_shards != 0) {
        (void)printf("%s (--archive).\n",
                     ps_counted(summary->pruned_shards,
                                "shard was pruned; it is verified too with its archive",
                                "shards were pruned; they are verified too with their archives")
                         .text);
    }
    if (err == PS_OK && summary->key_from_genesis) {
        (void)printf("The log key was taken from the log itself; to know that it is the right one, "
                     "compare it with\nwhat was noted at genesis, or give it with --log-key.\n");
    }
}

static int exit_code(enum ps_err err)
{
    if (err == PS_OK) {
        return CLI_DONE;
    }
    if (err != PS_E_DENIED) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
    }
    if (err == PS_E_NOT_FOUND) {
        (void)fprintf(stderr,
                      "  Give the directory that holds events/ and use/: of a running appliance "
                      "log/ below `data` of its configuration.\n");
    } else if (err == PS_E_CONFLICT) {
        (void)fprintf(stderr, "  Name a directory that does not exist yet.\n");
    }
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

/* --- The transcript of a ceremony --- */

static enum ps_err parse_transcript(const char *path, struct ps_bytes octets,
                                    struct bundle **ret_bundle)
{
    const enum ps_err err = bundle_parse(octets, ret_bundle);
    char why[sizeof ps_detail()->text];

    if (err != PS_E_INPUT) {
        return err;
    }
    memcpy(why, ps_detail()->text, sizeof why);
    return ps_fail(err, 0, "%.120s is neither the directory of a log nor a transcript: %.120s",
                   path, why);
}

static enum ps_err verify_transcript(const struct cli_run *run, struct report *report,
                                     struct bundle_summary *ret_summary)
{
    const char *text = cli_value(run, "genesis");
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_BUF_AUTO octets = {0};
    PS_BUF_AUTO genesis = {.max = PS_SHA256_LEN};
    struct bundle_check check = {.fn = on_row, .context = report};

    if (text != NULL) {
        PS_TRY(ps_hex_decode(ps_bytes_str(text), &genesis));
        check.genesis = genesis.len == PS_SHA256_LEN ? genesis.data : NULL;
        if (check.genesis == NULL) {
            return ps_fail(PS_E_INPUT, 0, "--genesis takes 64 hexadecimal digits");
        }
    }
    PS_TRY(file_read(run->arguments[0], BUNDLE_OCTETS_MAX, &octets));
    PS_TRY(parse_transcript(run->arguments[0], ps_buf_bytes(&octets), &bundle));
    return bundle_verify(bundle, &check, ret_summary);
}

static int verify_file(const struct cli_run *run, struct report *report)
{
    struct bundle_summary summary = {0};
    const enum ps_err err = verify_transcript(run, report, &summary);

    if (report->json) {
        (void)printf(
            "\n],\"good\":%s,\"operations\":%" PRIu64 ",\"leaves\":%" PRIu64 ",\"failures\":%u}\n",
            err == PS_OK ? "true" : "false", summary.operations, summary.leaves, summary.failures);
    } else if (err == PS_OK || err == PS_E_DENIED) {
        (void)printf("The transcript %s\n", err == PS_OK ? "verifies" : "DOES NOT VERIFY");
    }
    return exit_code(err);
}

static bool is_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* What was given to be compared with is never passed over in silence. */
static bool options_fit(const struct cli_run *run, bool is_transcript)
{
    if (!is_transcript && cli_value(run, "genesis") != NULL) {
        (void)fprintf(stderr, "privyseal: --genesis is for the file of a transcript; for a "
                              "directory give --log-key, as it was noted at the genesis\n");
        return false;
    }
    if (is_transcript &&
        (cli_value(run, "log-key") != NULL || cli_value(run, "checkpoint") != NULL ||
         cli_value(run, "archive") != NULL)) {
        (void)fprintf(stderr, "privyseal: --log-key, --checkpoint and --archive are for the "
                              "directory of a log; for the file of a transcript give --genesis\n");
        return false;
    }
    return true;
}

int cli_log_verify(const struct cli_run *run)
{
    struct log_verify_request request = {
        .directory = run->arguments[0],
        .key = ps_bytes_str(cli_value(run, "log-key")),
        .archive = cli_value(run, "archive"),
    };
    struct report report = {.json = cli_flag(run, "json"), .first = true};
    struct log_summary summary = {0};
    const char *checkpoint = cli_value(run, "checkpoint");
    struct log_witnesses witnesses = {.count = 0};
    const bool is_transcript = is_file(run->arguments[0]);
    PS_BUF_AUTO known = {.max = 4 * (size_t)CLI_PIECE};
    enum ps_err err;

    if (!options_fit(run, is_transcript)) {
        return CLI_USAGE;
    }
    err = cli_read_witnesses(run, &witnesses);
    if (err != PS_OK) {
        return exit_code(err);
    }
    request.witnesses = &witnesses;
    if (checkpoint != NULL && cli_read_file(checkpoint, &known) != PS_OK) {
        return CLI_USAGE;
    }
    request.checkpoint = ps_buf_bytes(&known);
    if (report.json) {
        (void)printf("{\"rows\":[");
    }
    if (is_transcript) {
        return verify_file(run, &report);
    }
    err = log_verify(&request, on_row, &report, &summary);
    if (report.json || err == PS_OK || err == PS_E_DENIED) {
        print_summary(&report, &summary, err);
    }
    return exit_code(err);
}

int cli_log_export(const struct cli_run *run)
{
    const enum ps_err err = log_export(run->arguments[0], run->arguments[1]);

    if (err == PS_OK && cli_flag(run, "json")) {
        PS_BUF_AUTO text;

        ps_buf_init(&text, 65536);
        ps_buf_put_str(&text, "{\"target\":");
        ps_buf_put_json_string(&text, ps_bytes_str(run->arguments[1]));
        (void)printf("%.*s}\n", PS_BYTES_FMT(ps_buf_bytes(&text)));
    } else if (err == PS_OK) {
        (void)printf("Written to %s; `privyseal log verify %s` checks it.\n", run->arguments[1],
                     run->arguments[1]);
    }
    return exit_code(err);
}
