#include "lib/ceremony/bundle/internal.h"

#include "lib/base/counted.h"
#include "lib/base/encode.h"

#include <stdio.h>

/* What was said, asked and done in the room, held against the operations that the log has. */

static void tell(const struct bundle_room *room, enum log_verdict verdict, const char *text)
{
    log_report_row(room->report, verdict,
                   &(struct log_where){.check = "room", .tree = "transcript", .leaf = LOG_NOWHERE},
                   "%s", text);
}

enum ps_err bundle_put_ceremony(struct ps_bytes script, struct ps_buf *out)
{
    PS_CLEANUP(script_free_cleanup) struct script *parsed = NULL;

    PS_TRY(script_parse(script, &parsed));
    ps_buf_put(out, script_title(parsed));
    ps_buf_put_str(out, ", SHA-256 ");
    ps_buf_put_hex(out, ps_bytes(script_hash(parsed), PS_SHA256_LEN));
    return ps_buf_status(out);
}

static const struct bundle_known *find(const struct bundle_room *room, struct ps_bytes id)
{
    for (size_t i = 0; i < room->known_count; i++) {
        if (ps_bytes_equal_str(id, room->known[i].id)) {
            return &room->known[i];
        }
    }
    return NULL;
}

/* What the script says is done in this step, or nothing when it has no such step. */
static bool is_type_of(const struct script_step *step, const struct bundle_known *known)
{
    return step == NULL || step->kind != SCRIPT_DO || ps_bytes_equal_str(step->type, known->type);
}

static enum ps_err check_made(const struct bundle_room *room, const struct bundle_walk *walk,
                              const struct transcript_line *line)
{
    const struct bundle_known *known = find(room, line->id);
    PS_BUF_AUTO hex = {.max = 128};

    if (known == NULL) {
        return ps_fail(PS_E_DENIED, 0, "step %.*s made the operation %.*s, which has no end here",
                       PS_BYTES_FMT(line->step), PS_BYTES_FMT(line->id));
    }
    ps_buf_put_hex(&hex, ps_bytes(known->hash, sizeof known->hash));
    PS_TRY(ps_buf_status(&hex));
    if (!ps_bytes_equal(line->sha256, ps_buf_bytes(&hex))) {
        return ps_fail(PS_E_DENIED, 0, "step %.*s: its document is not the one in the log",
                       PS_BYTES_FMT(line->step));
    }
    if (!known->is_of_script || !ps_bytes_equal_str(line->step, known->step)) {
        return ps_fail(PS_E_DENIED, 0, "step %.*s: the document is of another script or step",
                       PS_BYTES_FMT(line->step));
    }
    return is_type_of(script_step_named(walk->script, line->step), known)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "step %.*s: the script has something else done than %s",
                         PS_BYTES_FMT(line->step), known->type);
}

/* A step that says it was done has an operation of which the log says so. */
static enum ps_err check_done(const struct bundle_room *room, const struct bundle_walk *walk,
                              const struct transcript_line *line)
{
    const struct bundle_known *known = find(room, ps_bytes_str(walk->made));

    if (walk->made[0] == '\0') {
        tell(room, LOG_NOTE, "a step was done without an operation of its own: it was so already");
        return PS_OK;
    }
    return known != NULL && known->is_done
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "step %.*s is said to be done, and the log does not say so",
                         PS_BYTES_FMT(line->step));
}

static enum ps_err check_line(const struct bundle_room *room, const struct bundle_walk *walk,
                              const struct transcript_line *line)
{
    if (ps_bytes_equal_str(line->what, "begun")) {
        uint8_t hash[PS_SHA256_LEN];
        PS_BUF_AUTO hex = {.max = 128};

        ps_sha256(room->bundle->script, hash);
        ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
        PS_TRY(ps_buf_status(&hex));
        return ps_bytes_equal(line->sha256, ps_buf_bytes(&hex))
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "it was begun with another script than the one here");
    }
    if (ps_bytes_equal_str(line->what, "made")) {
        return check_made(room, walk, line);
    }
    return ps_bytes_equal_str(line->what, "done") ? check_done(room, walk, line) : PS_OK;
}

/* What is wrong with a line; PS_E_NO_MEMORY alone ends the verification. */
static enum ps_err blame(const struct bundle_room *room, enum ps_err err)
{
    if (err == PS_OK || err == PS_E_NO_MEMORY) {
        return err;
    }
    tell(room, LOG_FAIL, ps_detail()->text);
    return PS_OK;
}

static enum ps_err take_line(const struct bundle_room *room, struct bundle_walk *walk,
                             const struct transcript_line *line)
{
    PS_TRY(blame(room, check_line(room, walk, line)));
    return blame(room, bundle_walk_take(walk, line));
}

static void tell_where_it_stands(const struct bundle_room *room, const struct bundle_walk *walk)
{
    const struct script_step *next = bundle_walk_next(walk);
    char text[160];

    if (!walk->is_ended) {
        (void)snprintf(text, sizeof text, "the ceremony has not come to its end%s%.*s",
                       next == NULL ? "" : ": the next step is ",
                       PS_BYTES_FMT(next == NULL ? ps_bytes(NULL, 0) : next->name));
        tell(room, LOG_NOTE, text);
    }
}

static enum ps_err check_lines(const struct bundle_room *room, const struct script *script)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct bundle_walk walk = {.script = script};
    struct json_value value;
    uint32_t cursor = 0;

    PS_TRY(json_new(&json));
    while (json_next(room->bundle->lines, &cursor, NULL, &value)) {
        struct transcript_line line;
        struct ps_bytes octets;
        enum ps_err err;

        PS_TRY(json_string(value, &octets));
        err = transcript_line_read(json, octets, &line);
        PS_TRY(err == PS_OK ? take_line(room, &walk, &line) : blame(room, err));
    }
    if (!walk.is_begun) {
        tell(room, LOG_FAIL, "the room does not say that it was begun");
        return PS_OK;
    }
    tell_where_it_stands(room, &walk);
    return PS_OK;
}

enum ps_err bundle_room_verify(const struct bundle_room *room)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = NULL;
    const unsigned before = room->report->failures;
    char text[640];

    if (room->bundle->script.len == 0 && json_count(room->bundle->lines) == 0) {
        tell(room, LOG_NOTE, "no ceremony: the transcript of operations alone");
        return PS_OK;
    }
    PS_TRY(blame(room, script_parse(room->bundle->script, &script)));
    if (script == NULL) {
        return PS_OK;
    }
    PS_TRY(check_lines(room, script));
    if (room->report->failures == before) {
        (void)snprintf(
            text, sizeof text, "%s with the log and with the script: %.*s",
            ps_counted(json_count(room->bundle->lines), "line agrees", "lines agree").text,
            PS_BYTES_FMT(script_title(script)));
        tell(room, LOG_PASS, text);
    }
    return PS_OK;
}
