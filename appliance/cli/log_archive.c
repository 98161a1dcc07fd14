#include "appliance/cli/body.h"
#include "appliance/cli/commands.h"
#include "appliance/terminal.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/ceremony/log/archive.h"
#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/log/verify.h"
#include "lib/formats/tlog/note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* Shards of the log of uses: archived, and then pruned. An archive stands in ARCHIVES/<shard>. */

#define PATH_OCTETS 4096u

/* What was verified in an archive. */
struct archive {
    char path[PATH_OCTETS];
    uint8_t manifest[PS_SHA256_LEN];
    uint64_t size;
    struct merkle_hash root;
};

static int fail(enum ps_err err)
{
    terminal_complain("privyseal", "%s", ps_detail()->text);
    return err == PS_E_DENIED ? CLI_FAILED : ps_err_info(err)->exit_code;
}

static enum ps_err join(char *out, const char *first, const char *second)
{
    const int len = snprintf(out, PATH_OCTETS, "%s/%s", first, second);

    return len > 0 && (size_t)len < PATH_OCTETS ? PS_OK
                                                : ps_fail(PS_E_INPUT, 0, "the path is too long");
}

static void on_failure(void *context, const struct log_row *row)
{
    (void)context;
    if (row->verdict == LOG_FAIL) {
        terminal_complain("FAIL", "%s: %s [%s]", row->tree, row->text, row->file);
    }
}

/* All of its leaves are under its checkpoint, which the log's key signed. */
static enum ps_err read_head(const char *shard, struct archive *archive)
{
    char path[PATH_OCTETS + 64];
    struct checkpoint checkpoint;
    PS_BUF_AUTO note = {.max = 4 * (size_t)CLI_PIECE};

    (void)snprintf(path, sizeof path, "%s/use/%s/checkpoint", archive->path, shard);
    PS_TRY(cli_read_file(path, &note));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    archive->size = checkpoint.size;
    archive->root = checkpoint.root;
    return PS_OK;
}

/* Errors: PS_E_DENIED (what does not hold is on standard error), PS_E_NOT_FOUND, PS_E_STORAGE. */
static enum ps_err verify(const struct cli_run *run, const char *shard, struct archive *archive)
{
    const struct log_verify_request request = {.directory = archive->path,
                                               .key = ps_bytes_str(cli_value(run, "log-key"))};
    struct log_summary summary;

    PS_TRY(log_archive_check(archive->path, archive->manifest));
    PS_TRY(log_verify(&request, on_failure, NULL, &summary));
    if (summary.trees != 2) {
        return ps_fail(PS_E_DENIED, 0, "%.3000s is not the archive of one shard", archive->path);
    }
    return read_head(shard, archive);
}

static void print_archive(const struct cli_run *run, const char *shard,
                          const struct archive *archive)
{
    const struct ps_bytes root = ps_bytes(archive->root.octets, sizeof archive->root.octets);
    PS_BUF_AUTO out = {.max = 65536};

    if (cli_flag(run, "json")) {
        ps_buf_put_u8(&out, '{');
        cli_put_text("archive", ps_bytes_str(archive->path), &out);
        ps_buf_put_str(&out, ",\"manifest_sha256\":\"");
        ps_buf_put_hex(&out, ps_bytes(archive->manifest, PS_SHA256_LEN));
        ps_buf_put_u8(&out, '"');
        cli_put_text("shard", ps_bytes_str(shard), &out);
        cli_put_octets("root", root, &out);
        ps_buf_printf(&out, ",\"leaves\":%" PRIu64 "}\n", archive->size);
    } else {
        ps_buf_printf(&out, "Archived and verified: %s of use/%s in %s\n",
                      ps_counted(archive->size, "leaf", "leaves").text, shard, archive->path);
        ps_buf_put_str(&out, "SHA-256 of its manifest: ");
        ps_buf_put_hex(&out, ps_bytes(archive->manifest, PS_SHA256_LEN));
        ps_buf_put_str(&out, "\nRoot of its tree:        ");
        ps_buf_put_base64url(&out, root);
        ps_buf_put_u8(&out, '\n');
    }
    (void)cli_print(&out);
}

int cli_log_archive(const struct cli_run *run)
{
    const char *shard = run->arguments[1];
    struct archive archive = {.size = 0};
    enum ps_err err = PS_OK;

    if (!log_shard_name_valid(ps_bytes_str(shard))) {
        err = ps_fail(PS_E_INPUT, 0, "a shard is named as in 2026-11-0001");
    } else if (mkdir(run->arguments[2], 0755) != 0 && errno != EEXIST) {
        err = ps_fail_errno(PS_E_STORAGE, "%s: making it", run->arguments[2]);
    }
    if (err == PS_OK) {
        err = join(archive.path, run->arguments[2], shard);
    }
    if (err == PS_OK) {
        err = log_archive(run->arguments[0], ps_bytes_str(shard), archive.path);
    }
    if (err == PS_OK) {
        err = verify(run, shard, &archive);
    }
    if (err != PS_OK) {
        return fail(err);
    }
    print_archive(run, shard, &archive);
    return CLI_DONE;
}

/* --- log prune --- */

static enum ps_err put_shard(const struct cli_run *run, const char *archives, const char *shard,
                             struct ps_buf *body)
{
    struct archive archive = {.size = 0};

    if (!log_shard_name_valid(ps_bytes_str(shard))) {
        return ps_fail(PS_E_INPUT, 0, "a shard is named as in 2026-11-0001");
    }
    PS_TRY(join(archive.path, archives, shard));
    PS_TRY(verify(run, shard, &archive));
    ps_buf_put_str(body, "{\"archive\":\"");
    ps_buf_put_hex(body, ps_bytes(archive.manifest, PS_SHA256_LEN));
    ps_buf_put_u8(body, '"');
    cli_put_text("name", ps_bytes_str(shard), body);
    cli_put_octets("root", ps_bytes(archive.root.octets, sizeof archive.root.octets), body);
    ps_buf_put_u8(body, '}');
    return PS_OK;
}

static enum ps_err put_params(const struct cli_run *run, struct ps_buf *body)
{
    const char *archives = cli_value(run, "archive");
    const char *place = cli_value(run, "place");

    if (archives == NULL || place == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "where are the archives? --archive DIR for this program, --place TEXT for "
                       "those who will look for them in years");
    }
    ps_buf_put_u8(body, '{');
    cli_put_text("place", ps_bytes_str(place), body);
    ps_buf_put_str(body, ",\"shards\":[");
    for (size_t i = 0; i < run->argument_count; i++) {
        if (i != 0) {
            ps_buf_put_u8(body, ',');
        }
        PS_TRY(put_shard(run, archives, run->arguments[i], body));
    }
    ps_buf_put_str(body, "]}");
    return ps_buf_status(body);
}

static int ask(const struct cli_run *run, struct ps_bytes params)
{
    PS_BUF_AUTO body = {.max = CLI_BODY_MAX};
    PS_BUF_AUTO answer = {.max = 2 * CLI_BODY_MAX};
    int code;

    if (cli_begin_body(run, &body) != PS_OK) {
        return CLI_USAGE;
    }
    cli_put_text("type", ps_bytes_str("log.prune"), &body);
    ps_buf_put_str(&body, ",\"params\":");
    ps_buf_put(&body, params);
    ps_buf_put_u8(&body, '}');
    if (ps_buf_status(&body) != PS_OK) {
        return CLI_USAGE;
    }
    code = cli_send(run, run->command->path, ps_buf_bytes(&body), &answer);
    if (code == CLI_DONE && cli_tell_waiting(run, ps_buf_bytes(&answer), &code)) {
        return code;
    }
    return code == CLI_DONE ? cli_render(run, ps_buf_bytes(&answer)) : code;
}

int cli_log_prune(const struct cli_run *run)
{
    PS_BUF_AUTO params = {.max = CLI_BODY_MAX};
    const enum ps_err err = put_params(run, &params);

    if (err != PS_OK) {
        return fail(err);
    }
    if (!cli_flag(run, "params")) {
        return ask(run, ps_buf_bytes(&params));
    }
    ps_buf_put_u8(&params, '\n');
    return cli_print(&params);
}
