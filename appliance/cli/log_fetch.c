#include "appliance/cli/log_fetch.h"

#include "appliance/cli/commands.h"
#include "appliance/terminal.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/base/reader.h"
#include "lib/ceremony/log/files.h"
#include "lib/formats/tlog/note.h"
#include "lib/system/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUTE           "/v1/log/events/"
#define PATH_MAX_OCTETS 1024u
#define TILE_MAX        (16u * 1024u * 1024u)
#define LEAVES_MAX      (UINT64_C(1) << 48) /* far more than any log has; nothing wraps below it */

/* One octet string of the log. */
static enum ps_err get(struct privyseal *client, const char *path, struct ps_buf *out)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {0};
    struct privyseal_request request = {.method = "GET"};
    PS_BUF_AUTO route = {.max = 256};
    enum privyseal_result result;

    ps_buf_printf(&route, ROUTE "%s", path);
    ps_buf_put_u8(&route, '\0');
    PS_TRY(ps_buf_status(&route));
    request.path = (const char *)route.data;
    result = privyseal_call(client, &request, &answer);
    if (result == PRIVYSEAL_REFUSED) {
        return ps_fail(
            answer.status == 404 ? PS_E_NOT_FOUND : PS_E_DENIED, 0, "%s: %.160s", request.path,
            answer.problem.detail[0] == '\0' ? answer.problem.title : answer.problem.detail);
    }
    if (result != PRIVYSEAL_OK) {
        return ps_fail(PS_E_BUSY, 0, "%.200s", privyseal_last_error(client));
    }
    ps_buf_put(out, ps_bytes(answer.body, answer.body_len));
    return ps_buf_status(out);
}

static enum ps_err make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            return ps_fail_errno(PS_E_STORAGE, "%.160s: making it", path);
        }
        *slash = '/';
    }
    return PS_OK;
}

static enum ps_err put_file_path(const char *directory, const char *path, struct ps_buf *out)
{
    ps_buf_printf(out, "%s/events/%s", directory, path);
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

/* A full tile never changes: one that is there is good. */
static enum ps_err fetch_file(struct privyseal *client, const char *directory, const char *path,
                              bool may_be_kept)
{
    PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};
    PS_BUF_AUTO octets = {.max = TILE_MAX};

    PS_TRY(put_file_path(directory, path, &file));
    if (may_be_kept && access((const char *)file.data, F_OK) == 0) {
        return PS_OK;
    }
    PS_TRY(get(client, path, &octets));
    PS_TRY(make_directories((char *)file.data));
    return file_write((const char *)file.data, ps_buf_bytes(&octets), 0644);
}

static enum ps_err fetch_level(struct privyseal *client, const char *directory, unsigned level,
                               uint64_t count)
{
    for (uint64_t first = 0; first < count; first += TILES_WIDTH) {
        const uint64_t left = count - first;
        const unsigned width = left < TILES_WIDTH ? (unsigned)left : TILES_WIDTH;
        PS_BUF_AUTO path = {.max = 128};

        tiles_put_path(level, first / TILES_WIDTH, width, &path);
        ps_buf_put_u8(&path, '\0');
        PS_TRY(ps_buf_status(&path));
        PS_TRY(fetch_file(client, directory, (const char *)path.data, width == TILES_WIDTH));
    }
    return PS_OK;
}

/* What proves that the appliance signed two histories: the newer checkpoint is kept beside. */
static enum ps_err refuse(const char *directory, const struct ps_buf *note, uint64_t had,
                          uint64_t size)
{
    PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};

    ps_buf_printf(&file, "%s/checkpoint.refused", directory);
    ps_buf_put_u8(&file, '\0');
    PS_TRY(ps_buf_status(&file));
    PS_TRY(file_write((const char *)file.data, ps_buf_bytes(note), 0644));
    return ps_fail(PS_E_DENIED, 0,
                   "the appliance signs %s not go on from the %" PRIu64
                   " of this copy: it was put back or rewritten. Keep events/checkpoint and "
                   "checkpoint.refused, and tell the auditors",
                   ps_counted(size, "leaf that does", "leaves that do").text, had);
}

/* The layout of a log that is being written: the appliance's own, or a mirror that it keeps. */
static enum ps_err check_place(const char *directory)
{
    static const char *const entries[] = {"events/entries", "entries"};

    for (size_t i = 0; i < PS_COUNT_OF(entries); i++) {
        PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};

        ps_buf_printf(&file, "%s/%s", directory, entries[i]);
        ps_buf_put_u8(&file, '\0');
        PS_TRY(ps_buf_status(&file));
        if (access((const char *)file.data, F_OK) == 0) {
            return ps_fail(PS_E_CONFLICT, 0,
                           "%.160s is an appliance's own log, or a mirror that it keeps: name a "
                           "directory of its own for the copy",
                           directory);
        }
    }
    return PS_OK;
}

static enum ps_err fail_another(const char *directory, struct ps_bytes origin)
{
    return ps_fail(
        PS_E_CONFLICT, 0,
        "%.120s is a copy of the log of another appliance (%.*s): name another directory",
        directory, PS_BYTES_FMT(origin));
}

/* The first entry of the tile that begins the log: the genesis, which no other appliance has. */
static enum ps_err take_genesis(const struct ps_buf *tile, struct ps_bytes *ret_leaf)
{
    struct ps_reader reader = ps_reader(ps_buf_bytes(tile));
    const uint16_t len = ps_reader_u16(&reader);

    *ret_leaf = ps_reader_take(&reader, len);
    return reader.failed ? ps_fail(PS_E_INPUT, 0, "a tile without an entry") : PS_OK;
}

static enum ps_err put_first_path(uint64_t leaves, struct ps_buf *out)
{
    tiles_put_path(TILES_ENTRIES, 0, leaves < TILES_WIDTH ? (unsigned)leaves : TILES_WIDTH, out);
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

/* Two appliances may have the same origin: one that was restored, or began anew. */
static enum ps_err compare_genesis(struct privyseal *client, const char *directory,
                                   const struct checkpoint *present,
                                   const struct checkpoint *checkpoint)
{
    PS_BUF_AUTO path = {.max = 128};
    PS_BUF_AUTO other = {.max = 128};
    PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};
    PS_BUF_AUTO here = {0};
    PS_BUF_AUTO there = {.max = TILE_MAX};
    struct ps_bytes ours;
    struct ps_bytes theirs;
    enum ps_err err;

    PS_TRY(put_first_path(present->size, &path));
    PS_TRY(put_file_path(directory, (const char *)path.data, &file));
    err = file_read((const char *)file.data, TILE_MAX, &here);
    if (err == PS_E_NOT_FOUND) {
        return PS_OK;
    }
    PS_TRY(err);
    PS_TRY(put_first_path(checkpoint->size, &other));
    PS_TRY(get(client, (const char *)other.data, &there));
    PS_TRY(take_genesis(&here, &ours));
    PS_TRY(take_genesis(&there, &theirs));
    return ps_bytes_equal(ours, theirs) ? PS_OK : fail_another(directory, present->origin);
}

/* The log only grows: a checkpoint that goes behind the one of an earlier time is of another. */
static enum ps_err compare_present(struct privyseal *client, const char *directory,
                                   const struct ps_buf *note, const struct checkpoint *checkpoint)
{
    PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};
    PS_BUF_AUTO octets = {0};
    struct checkpoint present;
    enum ps_err err;

    if (checkpoint->size > LEAVES_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a checkpoint of more leaves than any log has");
    }
    PS_TRY(put_file_path(directory, "checkpoint", &file));
    err = file_read((const char *)file.data, LOG_NOTE_MAX, &octets);
    if (err == PS_E_NOT_FOUND) {
        return PS_OK;
    }
    PS_TRY(err);
    PS_TRY(checkpoint_peek(ps_buf_bytes(&octets), &present));
    if (!ps_bytes_equal(present.origin, checkpoint->origin)) {
        return fail_another(directory, present.origin);
    }
    if (present.size != 0 && checkpoint->size != 0) {
        PS_TRY(compare_genesis(client, directory, &present, checkpoint));
    }
    if (checkpoint->size < present.size ||
        (checkpoint->size == present.size &&
         memcmp(&checkpoint->root, &present.root, sizeof present.root) != 0)) {
        return refuse(directory, note, present.size, checkpoint->size);
    }
    return PS_OK;
}

enum ps_err log_fetch(struct privyseal *client, const char *directory)
{
    PS_BUF_AUTO note = {.max = LOG_NOTE_MAX};
    PS_BUF_AUTO file = {.max = PATH_MAX_OCTETS};
    struct checkpoint checkpoint;

    PS_TRY(check_place(directory));
    PS_TRY(get(client, "checkpoint", &note));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    PS_TRY(compare_present(client, directory, &note, &checkpoint));
    PS_TRY(fetch_level(client, directory, TILES_ENTRIES, checkpoint.size));
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        PS_TRY(fetch_level(client, directory, level, tiles_count(checkpoint.size, level)));
    }
    PS_TRY(put_file_path(directory, "checkpoint", &file));
    PS_TRY(make_directories((char *)file.data));
    return file_write((const char *)file.data, ps_buf_bytes(&note), 0644);
}

int cli_log_fetch(const struct cli_run *run)
{
    struct privyseal *client = NULL;
    const int code = cli_open(run, &client);
    enum ps_err err;

    if (code != CLI_DONE) {
        return code;
    }
    err = log_fetch(client, run->arguments[0]);
    privyseal_close(client);
    if (err != PS_OK) {
        terminal_complain("privyseal", "%s", ps_detail()->text);
        return ps_err_info(err)->exit_code;
    }
    if (cli_flag(run, "json")) {
        PS_BUF_AUTO text = {.max = 4096};

        ps_buf_put_str(&text, "{\"target\":");
        ps_buf_put_json_string(&text, ps_bytes_str(run->arguments[0]));
        ps_buf_put_str(&text, "}\n");
        return cli_print(&text);
    }
    (void)printf("Copied to %s; `privyseal log verify %s --log-key KEY` checks it.\n",
                 run->arguments[0], run->arguments[0]);
    return CLI_DONE;
}
