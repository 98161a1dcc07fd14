#include "appliance/ceremony/ceremony.h"

#include "appliance/cli/log_fetch.h"
#include "lib/base/encode.h"
#include "lib/ceremony/bundle/bundle.h"
#include "lib/system/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* `privyseal ceremony transcript`: makes the file that others verify without us. */

#define OPERATIONS_MAX 64u
#define TRIES          30 /* a tenth of a second each: a checkpoint comes once a second */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

static void remove_copy(const char *directory)
{
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The newest leaves have no checkpoint for a moment. */
static enum ps_err build_from(struct privyseal *client, const char *directory,
                              const struct bundle_source *wanted, struct ps_buf *out)
{
    static const struct timespec between = {.tv_nsec = 100000000L};
    struct bundle_source source = *wanted;
    enum ps_err err = PS_E_BUSY;

    source.directory = directory;
    for (int i = 0; err == PS_E_BUSY && i < TRIES; i++) {
        if (i != 0) {
            (void)nanosleep(&between, NULL);
        }
        ps_buf_reset(out);
        err = log_fetch(client, directory);
        if (err == PS_OK) {
            err = bundle_build(&source, out);
        } else if (err == PS_E_NOT_FOUND) {
            err = PS_E_BUSY; /* no checkpoint at all: the genesis was just now */
        }
    }
    return err;
}

static enum ps_err build_remote(struct privyseal *client, const struct bundle_source *source,
                                struct ps_buf *out)
{
    const char *top = getenv("TMPDIR");
    char directory[256];
    enum ps_err err;

    (void)snprintf(directory, sizeof directory, "%.200s/privyseal-log-XXXXXX",
                   top == NULL ? "/tmp" : top);
    if (mkdtemp(directory) == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", directory);
    }
    err = build_from(client, directory, source, out);
    remove_copy(directory);
    return err;
}

/* What to compare with, or to note when it was the genesis. */
static enum ps_err say_genesis(struct ps_bytes octets, const char *out)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    struct bundle_leaf leaf;
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {.max = 128};

    PS_TRY(bundle_parse(octets, &bundle));
    PS_TRY(bundle_leaf_at(bundle, 0, &leaf));
    ps_sha256(json_raw(leaf.leaf), hash);
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    PS_TRY(ps_buf_status(&hex));
    (void)printf("Transcript: %s\nGenesis:    %.*s\nThe second is what everybody has noted at the "
                 "genesis; `privyseal-officer verify %s --genesis HASH` needs nothing else.\n",
                 out, PS_BYTES_FMT(ps_buf_bytes(&hex)), out);
    return PS_OK;
}

static enum ps_err keep(struct ps_bytes bundle, const char *out)
{
    PS_TRY(file_create(out, bundle, 0644));
    return say_genesis(bundle, out);
}

/* --- At the end of a ceremony --- */

static enum ps_err make_at_end(struct ceremony *ceremony, const char *out)
{
    PS_BUF_AUTO lines = {0};
    PS_BUF_AUTO bundle = {.max = BUNDLE_OCTETS_MAX};
    struct bundle_source source = {.script = script_octets(ceremony->script)};

    PS_TRY(file_read(ceremony->transcript_path, BUNDLE_OCTETS_MAX, &lines));
    source.lines = ps_buf_bytes(&lines);
    PS_TRY(build_remote(ceremony->client, &source, &bundle));
    return keep(ps_buf_bytes(&bundle), out);
}

void ceremony_keep_bundle(struct ceremony *ceremony)
{
    PS_BUF_AUTO path = {.max = CEREMONY_PATH_MAX};
    enum ps_err err;

    if (ceremony->client == NULL) {
        return; /* nothing was done */
    }
    ps_buf_printf(&path, "%s.bundle", ceremony->base);
    ps_buf_put_u8(&path, '\0');
    err = ps_buf_status(&path);
    if (err == PS_OK && access((const char *)path.data, F_OK) != 0) {
        err = make_at_end(ceremony, (const char *)path.data);
    }
    if (err != PS_OK) {
        (void)ceremony_failed(err);
        (void)printf("Its transcript was not made; `privyseal ceremony transcript` makes it, by "
                     "someone who may read the log.\n");
    }
}

/* --- The command --- */

static size_t take_operations(const struct cli_run *run, struct ps_bytes *out)
{
    size_t cursor = 0;
    size_t count = 0;

    for (const char *id = cli_next_value(run, "operation", &cursor);
         id != NULL && count < OPERATIONS_MAX; id = cli_next_value(run, "operation", &cursor)) {
        out[count++] = ps_bytes_str(id);
    }
    return count;
}

/* The transcript's first line has the script's hash: verifying finds another script. */
static enum ps_err read_room(const struct cli_run *run, struct ps_buf *lines,
                             struct script **ret_script)
{
    if (run->argument_count == 0) {
        return PS_OK;
    }
    if (cli_value(run, "script") == NULL) {
        return ps_fail(PS_E_INPUT, 0, "which script was it? Say so with --script");
    }
    PS_TRY(file_read(run->arguments[0], BUNDLE_OCTETS_MAX, lines));
    return ceremony_load(cli_value(run, "script"), ret_script);
}

static enum ps_err build(const struct cli_run *run, struct bundle_source *source,
                         struct ps_buf *out)
{
    struct privyseal *client = NULL;
    enum ps_err err;

    source->directory = cli_value(run, "log");
    if (source->directory != NULL) {
        return bundle_build(source, out);
    }
    if (cli_open(run, &client) != CLI_DONE) {
        return ps_fail(PS_E_INPUT, 0, "or give the directory of its logs with --log");
    }
    err = build_remote(client, source, out);
    privyseal_close(client);
    return err;
}

static enum ps_err make(const struct cli_run *run, const char *out)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
    struct ps_bytes operations[OPERATIONS_MAX];
    PS_BUF_AUTO lines = {0};
    PS_BUF_AUTO bundle = {.max = BUNDLE_OCTETS_MAX};
    struct bundle_source source = {.operations = operations};

    if (out == NULL) {
        return ps_fail(PS_E_INPUT, 0, "where does it go? Say so with --out FILE");
    }
    source.operation_count = take_operations(run, operations);
    PS_TRY(read_room(run, &lines, &script));
    source.lines = ps_buf_bytes(&lines);
    source.script = script == NULL ? ps_bytes(NULL, 0) : script_octets(script);
    PS_TRY(build(run, &source, &bundle));
    return keep(ps_buf_bytes(&bundle), out);
}

int ceremony_transcript(const struct cli_run *run)
{
    const enum ps_err err = make(run, cli_value(run, "out"));

    return err == PS_OK ? CLI_DONE : ceremony_failed(err);
}
