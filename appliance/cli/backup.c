#include "appliance/cli/commands.h"
#include "appliance/cli/meter.h"
#include "appliance/terminal.h"

#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/ceremony/backup/backup_read.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/formats/tlog/proof_text.h"

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
    PS_CLEANUP(meter_end) struct meter meter = {.what = NULL};
    static uint8_t piece[PIECE];
    ssize_t got = -1;

    if (fd < 0) {
        return ps_fail_errno(PS_E_NOT_FOUND, "cannot open %.160s", path);
    }
    meter_begin(&meter, "reading the backup", meter_size(fd));
    while ((got = read(fd, piece, sizeof piece)) > 0) {
        PS_TRY(backup_reader_feed(reader, ps_bytes(piece, (size_t)got)));
        meter_advance(&meter, (uint64_t)got);
    }
    return got == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot read %.160s", path);
}

static enum ps_err verify(const struct cli_run *run, const struct backup_calls *calls,
                          struct backup_summary *ret_summary)
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
    PS_TRY(backup_reader_new(&trust, calls, &reader));
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
    (void)printf("PASS  %s, of %s: %s and %s\n", summary->created, summary->origin,
                 ps_counted(summary->leaves, "leaf", "leaves").text,
                 ps_counted(summary->rows, "wrapped key", "wrapped keys").text);
    if (cli_value(run, "genesis") == NULL && summary->key_from_genesis) {
        (void)printf(
            "The log key was taken from the backup itself. To know that it is the right one,\n"
            "compare the hash of its genesis with what was noted then, or give it with "
            "--genesis:\n%s\n",
            summary->genesis);
    }
}

static void tell_failure(void)
{
    terminal_complain("privyseal", "the backup does not verify: %s", ps_detail()->text);
}

static int exit_code(enum ps_err err)
{
    if (err == PS_E_DENIED) {
        return CLI_FAILED;
    }
    return err == PS_OK ? CLI_DONE : ps_err_info(err)->exit_code;
}

int cli_backup_verify(const struct cli_run *run)
{
    struct backup_summary summary = {.leaves = 0};
    const enum ps_err err = verify(run, &(struct backup_calls){.row = NULL}, &summary);

    if (cli_flag(run, "json")) {
        print_json(&summary, err);
    } else if (err == PS_OK) {
        print_good(run, &summary);
    } else {
        tell_failure();
    }
    return exit_code(err);
}

/* --- The leaf that names its rows, proven by the tree that the backup has --- */

#define HASHES_MAX (512u * 1024u * 1024u) /* of 16 million leaves */

struct proving {
    struct json *json;
    struct ps_buf hashes; /* of every leaf, one after the other */
    struct ps_buf named;  /* the last leaf that names rows: those of this backup */
    uint64_t index;       /* its own */
    struct ps_buf checkpoint;
};

static void clear_proving(struct proving *proving)
{
    json_free(proving->json);
    ps_buf_clear(&proving->hashes);
    ps_buf_clear(&proving->named);
    ps_buf_clear(&proving->checkpoint);
}

static enum ps_err on_leaf(void *context, uint64_t index, struct ps_bytes octets)
{
    struct proving *proving = context;
    const struct merkle_hash hash = merkle_leaf_hash(octets);
    struct log_event event;

    ps_buf_put(&proving->hashes, ps_bytes(hash.octets, sizeof hash.octets));
    PS_TRY(ps_buf_status(&proving->hashes));
    PS_TRY(log_event_read(proving->json, octets, &event));
    if (!ps_bytes_equal_str(event.kind, BACKUP_LEAF_KIND)) {
        return PS_OK;
    }
    proving->index = index;
    ps_buf_reset(&proving->named);
    ps_buf_put(&proving->named, octets);
    return ps_buf_status(&proving->named);
}

static enum ps_err on_checkpoint(void *context, struct ps_bytes octets)
{
    struct proving *proving = context;

    ps_buf_put(&proving->checkpoint, octets);
    return ps_buf_status(&proving->checkpoint);
}

static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const struct proving *proving = context;
    const uint64_t end = (index + 1) << level;
    struct merkle_edge edge = {.size = 0};

    for (uint64_t i = index << level; i < end; i++) {
        struct merkle_hash leaf;

        memcpy(leaf.octets, proving->hashes.data + i * sizeof leaf.octets, sizeof leaf.octets);
        merkle_edge_append(&edge, leaf);
    }
    *ret_hash = merkle_edge_root(&edge);
    return PS_OK;
}

static enum ps_err prove(const struct cli_run *run, struct ps_buf *out)
{
    PS_CLEANUP(clear_proving)
    struct proving proving = {.json = NULL,
                              .hashes = {.max = HASHES_MAX},
                              .named = {.max = LOG_LEAF_MAX},
                              .checkpoint = {.max = BACKUP_RECORD_MAX}};
    const struct backup_calls calls = {
        .context = &proving, .leaf = on_leaf, .checkpoint = on_checkpoint};
    struct backup_summary summary = {.leaves = 0};
    struct tlog_proof proof;

    PS_TRY(json_new(&proving.json));
    PS_TRY(verify(run, &calls, &summary));
    proof = (struct tlog_proof){.extra = ps_buf_bytes(&proving.named),
                                .index = proving.index,
                                .checkpoint = ps_buf_bytes(&proving.checkpoint)};
    PS_TRY(
        merkle_prove_inclusion(&(struct merkle_source){.read_hash = read_hash, .context = &proving},
                               proving.index, summary.leaves, &proof.path));
    tlog_proof_put(&proof, out);
    return ps_buf_status(out);
}

int cli_backup_prove(const struct cli_run *run)
{
    PS_BUF_AUTO text = {.max = TLOG_PROOF_MAX};
    const enum ps_err err = prove(run, &text);

    if (err == PS_OK) {
        return cli_print_proof(run, ps_buf_bytes(&text));
    }
    tell_failure();
    return exit_code(err);
}
