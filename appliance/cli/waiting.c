#include "appliance/cli/cli.h"

#include "appliance/terminal.h"
#include "lib/formats/json/json.h"
#include "lib/system/file.h"

/* What people have to do before a change is done. */

struct waiting {
    struct ps_bytes id;
    struct ps_bytes type;
    struct ps_bytes state;
    struct ps_bytes missing;
    struct ps_bytes requester;
    struct json_value document; /* absent in the answers to later steps */
};

static struct ps_bytes text_of(struct json_value object, const char *name)
{
    struct json_value value;
    struct ps_bytes text;

    return json_member(object, name, &value) && json_string(value, &text) == PS_OK
               ? text
               : ps_bytes(NULL, 0);
}

static bool read_waiting(struct json *json, struct ps_bytes octets, struct waiting *ret_waiting)
{
    static const char *const states[] = {"draft", "open", "approved"};
    struct waiting waiting = {.document = {0}};
    struct json_value root;

    if (json_parse(json, octets, &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT || text_of(root, "missing").data == NULL) {
        return false;
    }
    waiting.id = text_of(root, "id");
    waiting.type = text_of(root, "type");
    waiting.state = text_of(root, "state");
    waiting.missing = text_of(root, "missing");
    if (json_member(root, "document", &waiting.document) &&
        json_type(waiting.document) == JSON_OBJECT) {
        waiting.requester = text_of(waiting.document, "requester");
    }
    *ret_waiting = waiting;
    for (size_t i = 0; i < PS_COUNT_OF(states); i++) {
        if (ps_bytes_equal_str(waiting.state, states[i])) {
            return true;
        }
    }
    return false;
}

/* The octets that people sign, as they came. */
static enum ps_err keep_document(const struct waiting *waiting, const char *path)
{
    return path == NULL || waiting->document.doc == NULL
               ? PS_OK
               : file_create(path, json_raw(waiting->document), 0644);
}

static void put_next(const struct waiting *waiting, const char *path, struct ps_buf *out)
{
    const char *file = path == NULL ? "FILE" : path;

    if (ps_bytes_equal_str(waiting->state, "approved")) {
        ps_buf_printf(out, "Next: privyseal operation execute %.*s\n", PS_BYTES_FMT(waiting->id));
        return;
    }
    ps_buf_put_str(out, "Next: ");
    if (path == NULL && waiting->document.doc != NULL) {
        ps_buf_printf(out, "privyseal operation document %.*s --out FILE; ",
                      PS_BYTES_FMT(waiting->id));
    }
    if (waiting->requester.len != 0) {
        ps_buf_printf(out, "%.*s signs with privyseal-officer request %s, ",
                      PS_BYTES_FMT(waiting->requester), file);
    }
    ps_buf_printf(out,
                  "others with privyseal-officer approve %s; then privyseal operation request and "
                  "approve %.*s --signature ...\n",
                  file, PS_BYTES_FMT(waiting->id));
}

static enum ps_err tell(const struct waiting *waiting, const char *path)
{
    PS_BUF_AUTO text = {.max = 16384};

    PS_TRY(keep_document(waiting, path));
    ps_buf_printf(&text, "Operation %.*s (%.*s) is %.*s%s%.*s\n", PS_BYTES_FMT(waiting->id),
                  PS_BYTES_FMT(waiting->type), PS_BYTES_FMT(waiting->state),
                  waiting->missing.len == 0 ? "" : ": ", PS_BYTES_FMT(waiting->missing));
    put_next(waiting, path, &text);
    PS_TRY(ps_buf_status(&text));
    return terminal_print(ps_buf_bytes(&text));
}

bool cli_tell_waiting(const struct cli_run *run, struct ps_bytes json, int *ret_code)
{
    PS_CLEANUP(json_free_cleanup) struct json *reader = NULL;
    const char *path = cli_value(run, "out");
    struct waiting waiting;
    enum ps_err err;

    if (json_new(&reader) != PS_OK || !read_waiting(reader, json, &waiting)) {
        return false;
    }
    if (cli_flag(run, "json")) {
        err = keep_document(&waiting, path);
        *ret_code = cli_render(run, json);
    } else {
        err = tell(&waiting, path);
        *ret_code = CLI_DONE;
    }
    if (err != PS_OK) {
        terminal_complain("privyseal", "operation %.*s waits, but its document was not kept: %s",
                          PS_BYTES_FMT(waiting.id), ps_detail()->text);
        *ret_code = CLI_FAILED;
    }
    return true;
}
