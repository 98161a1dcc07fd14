#include "appliance/cli/commands.h"
#include "appliance/config/config.h"
#include "appliance/restore/internal.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/system/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * `privyseal backup restore`: verifies a backup, and the mirror of the log if there is one, and
 * leaves in an empty data directory what the keeper takes in at its next start. Nothing is changed
 * before all of it has verified: it is read once for that, and once more to be written.
 */

struct restore {
    const struct cli_run *run;
    struct config *config;
    struct ps_buf genesis;
    struct ps_buf checkpoint; /* that a witness keeps; empty: none was given */
    struct log_witnesses witnesses;
    struct gathered gathered;
    struct census *census;
    struct ps_buf lost; /* JSON strings, with commas between them */
    size_t lost_count;
    char lost_text[1200]; /* the first of them, for people */
    size_t lost_shown;
};

static void clear(struct restore *restore)
{
    config_free(restore->config);
    ps_buf_clear(&restore->genesis);
    ps_buf_clear(&restore->checkpoint);
    ps_buf_clear(&restore->gathered.checkpoint);
    census_free(restore->census);
    ps_buf_clear(&restore->lost);
}

/* --- What was given --- */

static enum ps_err take_genesis(struct restore *restore)
{
    const char *text = cli_value(restore->run, "genesis");

    if (text == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "--genesis HASH: the SHA-256 of the genesis leaf, as it was noted then; "
                       "without it nobody knows whose backup this is");
    }
    PS_TRY(ps_hex_decode(ps_bytes_str(text), &restore->genesis));
    return restore->genesis.len == PS_SHA256_LEN
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "--genesis takes a SHA-256 in hexadecimal digits");
}

static enum ps_err take_config(struct restore *restore)
{
    const char *path = cli_value(restore->run, "config");
    PS_BUF_AUTO errors = {.max = 16384};
    enum ps_err err;

    if (path == NULL) {
        return ps_fail(PS_E_INPUT, 0, "--config FILE: the configuration of the new appliance");
    }
    err = config_load(path, &errors, &restore->config);
    if (err == PS_E_INPUT) {
        return ps_fail(PS_E_INPUT, 0, "%.*s", PS_BYTES_FMT(ps_buf_bytes(&errors)));
    }
    return err;
}

static enum ps_err take_checkpoint(struct restore *restore)
{
    const char *path = cli_value(restore->run, "checkpoint");
    size_t cursor = 0;

    PS_TRY(cli_read_witnesses(restore->run, &restore->witnesses));
    if (path != NULL) {
        return file_read(path, NOTE_OCTETS_MAX, &restore->checkpoint);
    }
    return cli_next_value(restore->run, "witness", &cursor) == NULL
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0,
                         "--witness says who has to have cosigned the checkpoint of --checkpoint "
                         "FILE: give that too");
}

/* --- Once to verify, once to write --- */

static enum ps_err read_all(struct restore *restore, const struct gather_sink *sink)
{
    const struct gather_request request = {
        .file = restore->run->arguments[0],
        .mirror = cli_value(restore->run, "events"),
        .genesis = ps_buf_bytes(&restore->genesis),
        .checkpoint = ps_buf_bytes(&restore->checkpoint),
        .witnesses = restore->witnesses,
        .sink = sink,
    };
    struct gather_request with_census = request;

    census_free(restore->census);
    restore->census = NULL;
    PS_TRY(census_new(&restore->census));
    with_census.census = restore->census;
    ps_buf_clear(&restore->gathered.checkpoint);
    restore->gathered = (struct gathered){.checkpoint = {.max = BACKUP_RECORD_MAX}};
    return gather(&with_census, &restore->gathered);
}

static bool is_mirrored(const struct restore *restore)
{
    return cli_value(restore->run, "events") != NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static enum ps_err put_facts(const struct restore *restore, struct ps_buf *out)
{
    const char *name = base_name(restore->run->arguments[0]);
    char shard[16];

    if (strlen(name) > RESTORE_FILE_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the file's name is longer than %u octets", RESTORE_FILE_MAX);
    }
    census_put_next_shard(restore->census, ps_clock_real_ns(), shard);
    ps_buf_put_str(out, "{\"created\":");
    ps_buf_put_json_string(out, ps_bytes_str(restore->gathered.backup.created));
    ps_buf_put_str(out, ",\"file\":");
    ps_buf_put_json_string(out, ps_bytes_str(name));
    ps_buf_printf(out, ",\"leaves\":%" PRIu64 ",\"mirrored\":%s,\"shard\":\"%s\"}",
                  restore->gathered.leaves, is_mirrored(restore) ? "true" : "false", shard);
    return ps_buf_status(out);
}

static enum ps_err write_all(struct restore *restore)
{
    PS_CLEANUP(place_free_cleanup) struct place *place = NULL;
    PS_BUF_AUTO facts = {.max = RESTORE_FACTS_MAX};
    struct gather_sink sink = {.row = place_put_row, .leaf = place_put_leaf};

    PS_TRY(place_new(restore->config->appliance.data, &place));
    sink.context = place;
    PS_TRY(read_all(restore, &sink));
    PS_TRY(put_facts(restore, &facts));
    return place_finish(place, ps_buf_bytes(&restore->gathered.checkpoint), ps_buf_bytes(&facts));
}

/* --- What cannot be had --- */

static void on_lost(void *context, const char *name)
{
    struct restore *restore = context;
    const size_t used = strlen(restore->lost_text);

    if (restore->lost_count++ != 0) {
        ps_buf_put_u8(&restore->lost, ',');
    }
    ps_buf_put_json_string(&restore->lost, ps_bytes_str(name));
    if (used + strlen(name) + 4 < sizeof restore->lost_text) {
        (void)snprintf(restore->lost_text + used, sizeof restore->lost_text - used, "  %s\n", name);
        restore->lost_shown++;
    }
}

static enum ps_err list_lost(struct restore *restore)
{
    const char *names[CONFIG_TOKENS_MAX];
    const struct census_tokens tokens = {.names = names, .count = restore->config->token_count};

    for (size_t i = 0; i < restore->config->token_count; i++) {
        names[i] = restore->config->tokens[i].name;
    }
    PS_TRY(census_lost(restore->census, &tokens, on_lost, restore));
    return ps_buf_status(&restore->lost);
}

static enum ps_err restore_all(struct restore *restore)
{
    PS_TRY(take_genesis(restore));
    PS_TRY(take_config(restore));
    PS_TRY(take_checkpoint(restore));
    PS_TRY(read_all(restore, NULL));
    PS_TRY(list_lost(restore));
    return cli_flag(restore->run, "dry-run") ? PS_OK : write_all(restore);
}

/* --- Told --- */

/* `missing` is there if somebody said what the log had. */
static void put_seen(const struct restore *restore, struct ps_buf *out)
{
    const struct log_seen_result *seen = &restore->gathered.seen;

    if (restore->checkpoint.len != 0) {
        ps_buf_printf(
            out, ",\"missing\":%" PRIu64 ",\"witnessed\":{\"cosigned\":%u,\"leaves\":%" PRIu64 "}",
            seen->missing, seen->cosigned, seen->size);
    }
}

static void print_json(const struct restore *restore, enum ps_err err)
{
    PS_BUF_AUTO out = {.max = restore->lost.len + 8192};
    const struct gathered *gathered = &restore->gathered;

    ps_buf_printf(&out, "{\"good\":%s", err == PS_OK ? "true" : "false");
    if (err == PS_OK) {
        ps_buf_put_str(&out, ",\"created\":");
        ps_buf_put_json_string(&out, ps_bytes_str(gathered->backup.created));
        ps_buf_printf(&out,
                      ",\"dry_run\":%s,\"leaves\":%" PRIu64 ",\"lost\":[%.*s],\"mirrored\":%s,"
                      "\"passed_over\":%" PRIu64 ",\"replayed\":%" PRIu64 ",\"rows\":%" PRIu64,
                      cli_flag(restore->run, "dry-run") ? "true" : "false", gathered->leaves,
                      PS_BYTES_FMT(ps_buf_bytes(&restore->lost)),
                      is_mirrored(restore) ? "true" : "false", gathered->passed_over,
                      gathered->leaves - gathered->backup.leaves, gathered->backup.rows);
        put_seen(restore, &out);
    } else {
        ps_buf_put_str(&out, ",\"failure\":");
        ps_buf_put_json_string(&out, ps_bytes_str(ps_detail()->text));
    }
    (void)printf("%.*s}\n", PS_BYTES_FMT(ps_buf_bytes(&out)));
}

static void print_mirror(const struct restore *restore)
{
    const uint64_t replayed = restore->gathered.leaves - restore->gathered.backup.leaves;

    if (is_mirrored(restore)) {
        (void)printf(
            "PASS  the mirror: %s signed for\n",
            ps_counted(replayed, "later entry, as it was", "later entries, as they were").text);
    } else {
        (void)printf(
            "WARNING: without a mirror of the log (--events) nothing is known of what came\n"
            "after the backup: an officer who was removed since, a client that was revoked, a\n"
            "key that was suspended or destroyed IS BACK. Compare with the witnesses.\n");
    }
}

static void print_seen(const struct restore *restore)
{
    const struct log_seen_result *seen = &restore->gathered.seen;

    if (restore->checkpoint.len == 0) {
        (void)printf(
            "NOTE  no checkpoint of a witness was given (--checkpoint): whether the log had more\n"
            "entries than these is not known.\n");
    } else if (seen->missing == 0) {
        (void)printf("PASS  the checkpoint given, of %s, cosigned by %s: all of it is here\n",
                     ps_counted(seen->size, "entry", "entries").text,
                     ps_counted(seen->cosigned, "witness", "witnesses").text);
    } else {
        (void)printf("WARNING: the checkpoint given is of %s: %" PRIu64
                     " of them, from entry %" PRIu64
                     " on,\nARE MISSING HERE. Look for a newer mirror "
                     "before you go on: what they say (an officer who\nwas removed, a key that was "
                     "destroyed) does not hold in the new appliance.\n",
                     ps_counted(seen->size, "entry", "entries").text, seen->missing,
                     restore->gathered.leaves);
    }
}

static void print_lost(const struct restore *restore)
{
    PS_BUF_AUTO text = {.max = 4096};

    if (restore->lost_count == 0) {
        return;
    }
    ps_buf_printf(&text, "%s CANNOT BE HAD ANY MORE with the tokens of this configuration:\n%s%s",
                  ps_counted(restore->lost_count, "key", "keys").text, restore->lost_text,
                  restore->lost_count > restore->lost_shown ? "  (--json lists all)\n" : "");
    (void)cli_show(&text);
}

static void print_passed_over(const struct gathered *gathered)
{
    if (gathered->passed_over != 0) {
        (void)printf("WARNING: %s left out: somebody had\n"
                     "written that into the catalog, or over a key that is lost then (below).\n",
                     ps_counted(gathered->passed_over,
                                "row of the backup is of no wrapped key, and was",
                                "rows of the backup are of no wrapped key, and were")
                         .text);
    }
}

static void print_good(const struct restore *restore)
{
    const struct gathered *gathered = &restore->gathered;

    (void)printf(
        "PASS  the backup of %s, of %s: %s and %s\n", gathered->backup.created,
        gathered->backup.origin, ps_counted(gathered->backup.leaves, "entry", "entries").text,
        ps_counted(gathered->backup.rows - gathered->passed_over, "wrapped key", "wrapped keys")
            .text);
    print_passed_over(gathered);
    print_mirror(restore);
    print_seen(restore);
    print_lost(restore);
    if (cli_flag(restore->run, "dry-run")) {
        (void)printf("Nothing was written (--dry-run).\n");
    } else {
        (void)printf("Written to %s. Start privyseald: it takes this in, and is locked until "
                     "people\napprove `privyseal restore approve` (docs/backup.md).\n",
                     restore->config->appliance.data);
    }
}

int cli_backup_restore(const struct cli_run *run)
{
    PS_CLEANUP(clear)
    struct restore restore = {.run = run,
                              .genesis = {.max = PS_SHA256_LEN},
                              .checkpoint = {.max = NOTE_OCTETS_MAX},
                              .lost = {.max = 64u * 1024u * 1024u}};
    const enum ps_err err = restore_all(&restore);

    if (cli_flag(run, "json")) {
        print_json(&restore, err);
    } else if (err == PS_OK) {
        print_good(&restore);
    } else {
        terminal_complain("privyseal", "nothing was restored: %s", ps_detail()->text);
    }
    if (err == PS_E_DENIED) {
        return CLI_FAILED;
    }
    return err == PS_OK ? CLI_DONE : ps_err_info(err)->exit_code;
}
