#include "appliance/ceremony/transcript.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX (64u * 1024u * 1024u)
#define ID_LEN   16u

struct entry {
    struct json *json;
    struct ps_buf octets;
    struct transcript_line line;
};

struct transcript {
    int fd;
    char id[2 * ID_LEN + 1];
    struct entry *entries;
    size_t count;
};

static void clear_entry(struct entry *entry)
{
    json_free(entry->json);
    ps_buf_clear(&entry->octets);
    *entry = (struct entry){0};
}
#define ENTRY_AUTO PS_CLEANUP(clear_entry) struct entry

void transcript_free(struct transcript *transcript)
{
    if (transcript == NULL) {
        return;
    }
    for (size_t i = 0; i < transcript->count; i++) {
        clear_entry(&transcript->entries[i]);
    }
    if (transcript->fd >= 0) {
        (void)close(transcript->fd);
    }
    free(transcript->entries);
    free(transcript);
}

/* --- Lines --- */

static enum ps_err read_line(struct entry *entry, struct ps_bytes octets)
{
    ps_buf_init(&entry->octets, TRANSCRIPT_LINE_MAX);
    ps_buf_put(&entry->octets, octets);
    PS_TRY(ps_buf_status(&entry->octets));
    PS_TRY(json_new(&entry->json));
    return transcript_line_read(entry->json, ps_buf_bytes(&entry->octets), &entry->line);
}

static enum ps_err add(struct transcript *transcript, struct ps_bytes octets)
{
    ENTRY_AUTO entry = {0};

    if (transcript->count == TRANSCRIPT_LINES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a transcript has at most %u lines", TRANSCRIPT_LINES_MAX);
    }
    PS_TRY(read_line(&entry, octets));
    transcript->entries[transcript->count++] = entry;
    entry = (struct entry){0};
    return PS_OK;
}

static void put_text(const char *name, struct ps_bytes text, struct ps_buf *out)
{
    if (text.len != 0) {
        ps_buf_printf(out, ",\"%s\":", name);
        ps_buf_put_json_string(out, text);
    }
}

static void put_line(const struct transcript_line *line, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"at\":\"");
    ps_buf_put_time(out, ps_clock_real_ns(), 0);
    ps_buf_put_u8(out, '"');
    put_text("what", line->what, out);
    put_text("step", line->step, out);
    put_text("name", line->name, out);
    if (line->value.len != 0) {
        ps_buf_put_str(out, ",\"value\":");
        ps_buf_put(out, line->value);
    }
    put_text("id", line->id, out);
    put_text("sha256", line->sha256, out);
    put_text("file", line->file, out);
    put_text("text", line->text, out);
    ps_buf_put_u8(out, '}');
}

static enum ps_err write_all(int fd, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t written = write(fd, octets.data, octets.len);

        if (written < 0 && errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "cannot write the transcript");
        }
        octets = ps_bytes_from(octets, written < 0 ? 0 : (size_t)written);
    }
    if (fdatasync(fd) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot sync the transcript");
    }
    return PS_OK;
}

enum ps_err transcript_put(struct transcript *transcript, const struct transcript_line *line)
{
    PS_BUF_AUTO text = {.max = TRANSCRIPT_LINE_MAX};
    struct ps_bytes octets;

    put_line(line, &text);
    octets = ps_buf_bytes(&text);
    ps_buf_put_u8(&text, '\n');
    PS_TRY(ps_buf_status(&text));
    octets = ps_bytes(text.data, octets.len);
    PS_TRY(write_all(transcript->fd, ps_buf_bytes(&text)));
    return add(transcript, octets);
}

/* --- The file --- */

/* A line without its newline was being written when the computer stopped: nothing came of it. */
static enum ps_err cut_torn_line(int fd, struct ps_bytes *text)
{
    size_t whole = text->len;

    while (whole != 0 && text->data[whole - 1] != '\n') {
        whole--;
    }
    if (whole != text->len && (ftruncate(fd, (off_t)whole) != 0 || fdatasync(fd) != 0)) {
        return ps_fail_errno(PS_E_STORAGE, "cannot mend the transcript");
    }
    text->len = whole;
    return PS_OK;
}

static enum ps_err take_lines(struct transcript *transcript, struct ps_bytes text)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        const enum ps_err err = add(transcript, ps_bytes(text.data, len));

        if (err != PS_OK) {
            char why[sizeof ps_detail()->text];

            memcpy(why, ps_detail()->text, sizeof why);
            return ps_fail(err, 0, "no transcript of a ceremony: line %zu: %s",
                           transcript->count + 1, why);
        }
        text = ps_bytes_from(text, end == NULL ? len : len + 1);
    }
    return PS_OK;
}

static enum ps_err check_beginning(struct transcript *transcript, const struct script *script)
{
    const struct transcript_line *first = transcript_at(transcript, 0);
    PS_BUF_AUTO hash = {.max = 128};

    ps_buf_put_hex(&hash, ps_bytes(script_hash(script), PS_SHA256_LEN));
    PS_TRY(ps_buf_status(&hash));
    if (first == NULL || !ps_bytes_equal_str(first->what, "begun") ||
        first->id.len != sizeof transcript->id - 1) {
        return ps_fail(PS_E_INPUT, 0, "no transcript of a ceremony");
    }
    if (!ps_bytes_equal(first->sha256, ps_buf_bytes(&hash))) {
        return ps_fail(PS_E_INPUT, 0,
                       "the transcript is of another script, or the script was changed since");
    }
    memcpy(transcript->id, first->id.data, first->id.len);
    return PS_OK;
}

static enum ps_err load(struct transcript *transcript, const char *path,
                        const struct script *script)
{
    PS_BUF_AUTO content = {0};
    struct ps_bytes text;

    PS_TRY(file_read(path, FILE_MAX, &content));
    text = ps_buf_bytes(&content);
    PS_TRY(cut_torn_line(transcript->fd, &text));
    PS_TRY(take_lines(transcript, text));
    if (transcript->count == 0) {
        return ps_fail(PS_E_INPUT, 0,
                       "the transcript is empty: remove it, and begin without --resume");
    }
    PS_TRY(check_beginning(transcript, script));
    return transcript_put(transcript, &(struct transcript_line){.what = ps_bytes_str("resumed")});
}

/* The file's name is durable too. */
static enum ps_err sync_directory(const char *path)
{
    char directory[4096];
    const char *slash = strrchr(path, '/');
    const size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;

    if (len >= sizeof directory) {
        return ps_fail(PS_E_INPUT, 0, "the transcript's path is too long");
    }
    memcpy(directory, len == 0 ? "." : path, len == 0 ? 1 : len);
    directory[len == 0 ? 1 : len] = '\0';
    {
        PS_CLEANUP(file_close_cleanup)
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "cannot sync %.160s", directory);
        }
    }
    return PS_OK;
}

static enum ps_err begin(struct transcript *transcript, const char *path,
                         const struct script *script)
{
    uint8_t id[ID_LEN];
    PS_BUF_AUTO hash = {.max = 128};
    PS_BUF_AUTO text = {.max = 128};

    ps_random(id, sizeof id);
    ps_buf_put_hex(&text, ps_bytes(id, sizeof id));
    ps_buf_put_hex(&hash, ps_bytes(script_hash(script), PS_SHA256_LEN));
    PS_TRY(ps_buf_status(&text));
    memcpy(transcript->id, text.data, text.len);
    PS_TRY(sync_directory(path));
    return transcript_put(transcript, &(struct transcript_line){.what = ps_bytes_str("begun"),
                                                                .id = ps_buf_bytes(&text),
                                                                .sha256 = ps_buf_bytes(&hash),
                                                                .text = script_title(script)});
}

static enum ps_err open_file(const char *path, bool resumes, int *ret_fd)
{
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (resumes ? 0 : O_CREAT | O_EXCL);
    PS_CLEANUP(file_close_cleanup) int fd = open(path, flags, 0644);

    if (fd < 0 && errno == EEXIST) {
        return ps_fail(PS_E_CONFLICT, 0,
                       "%.140s is there already: --resume takes that ceremony up again, "
                       "--transcript FILE begins another",
                       path);
    }
    if (fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE,
                             "cannot open the transcript %.160s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return ps_fail(PS_E_CONFLICT, 0, "another process is at this ceremony: %.160s", path);
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

enum ps_err transcript_open(const char *path, bool resumes, const struct script *script,
                            struct transcript **ret_transcript)
{
    PS_CLEANUP(transcript_free_cleanup)
    struct transcript *transcript = calloc(1, sizeof *transcript);

    if (transcript == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    transcript->fd = -1;
    transcript->entries = calloc(TRANSCRIPT_LINES_MAX, sizeof *transcript->entries);
    if (transcript->entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_file(path, resumes, &transcript->fd));
    PS_TRY(resumes ? load(transcript, path, script) : begin(transcript, path, script));
    *ret_transcript = transcript;
    transcript = NULL;
    return PS_OK;
}

/* --- What is in it --- */

struct ps_bytes transcript_id(const struct transcript *transcript)
{
    return ps_bytes_str(transcript->id);
}

const struct transcript_line *transcript_at(const struct transcript *transcript, size_t index)
{
    return index < transcript->count ? &transcript->entries[index].line : NULL;
}

static bool is_of(const struct transcript_line *line, const char *what, struct ps_bytes step)
{
    return ps_bytes_equal_str(line->what, what) && ps_bytes_equal(line->step, step);
}

const struct transcript_line *transcript_find(const struct transcript *transcript, const char *what,
                                              struct ps_bytes step)
{
    for (size_t i = transcript->count; i > 0; i--) {
        if (is_of(&transcript->entries[i - 1].line, what, step)) {
            return &transcript->entries[i - 1].line;
        }
    }
    return NULL;
}

size_t transcript_count(const struct transcript *transcript, const char *what, struct ps_bytes step)
{
    size_t count = 0;

    for (size_t i = 0; i < transcript->count; i++) {
        count += is_of(&transcript->entries[i].line, what, step) ? 1 : 0;
    }
    return count;
}

enum ps_err transcript_value(const struct transcript *transcript, struct ps_bytes variable,
                             struct ps_bytes *ret_json)
{
    for (size_t i = transcript->count; i > 0; i--) {
        const struct transcript_line *line = &transcript->entries[i - 1].line;

        if (line->value.len != 0 && ps_bytes_equal(line->name, variable)) {
            *ret_json = line->value;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "%.*s is not known yet", PS_BYTES_FMT(variable));
}
