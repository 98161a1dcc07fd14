#include "appliance/cli/commands.h"
#include "appliance/terminal.h"

#include "lib/base/encode.h"
#include "lib/ceremony/backup/backup_read.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE (64u * 1024u)

static void close_file(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum ps_err read_all(const char *path, struct backup_reader *reader)
{
    PS_CLEANUP(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC);
    static uint8_t piece[PIECE];
    ssize_t got = -1;

    if (fd < 0) {
        return ps_fail_errno(PS_E_NOT_FOUND, "cannot open %.160s", path);
    }
    while ((got = read(fd, piece, sizeof piece)) > 0) {
        PS_TRY(backup_reader_feed(reader, ps_bytes(piece, (size_t)got)));
    }
    return got == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot read %.160s", path);
}

static enum ps_err verify(const struct cli_run *run, struct backup_summary *ret_summary)
{
    const char *genesis = cli_value(run, "genesis");
    const char *log_key = cli_value(run, "log-key");
    PS_CLEANUP(backup_reader_free_cleanup) struct backup_reader *reader = NULL;
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};
    struct backup_trust trust = {.log_key = ps_bytes_str(log_key == NULL ? "" : log_key)};

    if (genesis != NULL) {
        PS_TRY(ps_hex_decode(ps_bytes_str(genesis), &hash));
        if (hash.len != PS_SHA256_LEN) {
            return ps_fail(PS_E_INPUT, 0, "--genesis takes a SHA-256 in hexadecimal digits");
        }
        trust.genesis = ps_buf_bytes(&hash);
    }
    PS_TRY(backup_reader_new(&trust, &(struct backup_calls){.row = NULL}, &reader));
    PS_TRY(read_all(run->arguments[0], reader));
    return backup_reader_finish(reader, ret_summary);
}

static void print_json(const struct backup_summary *summary, enum ps_err err)
{
    PS_BUF_AUTO out = {.max = 4096};

    ps_buf_printf(&out, "{\"good\":%s", err == PS_OK ? "true" : "false");
    if (err == PS_OK) {
        ps_buf_put_str(&out, ",\"created\":");
        ps_buf_put_json_string(&out, ps_bytes_str(summary->created));
        ps_buf_put_str(&out, ",\"origin\":");
        ps_buf_put_json_string(&out, ps_bytes_str(summary->origin));
        ps_buf_printf(&out,
                      ",\"genesis\":\"%s\",\"leaves\":%" PRIu64 ",\"rows\":%" PRIu64
                      ",\"octets\":%" PRIu64,
                      summary->genesis, summary->leaves, summary->rows, summary->octets);
    } else {
        ps_buf_put_str(&out, ",\"failure\":");
        ps_buf_put_json_string(&out, ps_bytes_str(ps_detail()->text));
    }
    (void)printf("%.*s}\n", PS_BYTES_FMT(ps_buf_bytes(&out)));
}

static void print_good(const struct cli_run *run, const struct backup_summary *summary)
{
    (void)printf("PASS  %s, of %s: %" PRIu64 " leaves and %" PRIu64 " wrapped keys\n",
                 summary->created, summary->origin, summary->leaves, summary->rows);
    if (cli_value(run, "genesis") == NULL && summary->key_from_genesis) {
        (void)printf(
            "The log key was taken from the backup itself. To know that it is the right one,\n"
            "compare the hash of its genesis with what was noted then, or give it with "
            "--genesis:\n%s\n",
            summary->genesis);
    }
}

int cli_backup_verify(const struct cli_run *run)
{
    struct backup_summary summary = {.leaves = 0};
    const enum ps_err err = verify(run, &summary);

    if (cli_flag(run, "json")) {
        print_json(&summary, err);
    } else if (err == PS_OK) {
        print_good(run, &summary);
    } else {
        terminal_complain("privyseal", "the backup does not verify: %s", ps_detail()->text);
    }
    if (err == PS_E_DENIED) {
        return CLI_FAILED;
    }
    return err == PS_OK ? CLI_DONE : ps_err_info(err)->exit_code;
}
