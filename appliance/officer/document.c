#include "appliance/officer/document.h"

#include "appliance/officer/officer.h"
#include "appliance/terminal.h"
#include "lib/base/clock.h"
#include "lib/ceremony/operation/text.h"
#include "lib/system/file.h"

#include <stdio.h>

void document_clear(struct document *document)
{
    json_free(document->json);
    document->json = NULL;
    ps_buf_clear(&document->octets);
}

/* Whether only what an editor puts at the end of a text keeps it from being a document. */
static bool has_newline_too_many(struct document *document)
{
    struct ps_bytes octets = ps_buf_bytes(&document->octets);
    const size_t whole = octets.len;

    while (octets.len != 0 &&
           (octets.data[octets.len - 1] == '\n' || octets.data[octets.len - 1] == '\r')) {
        octets.len--;
    }
    return octets.len != whole &&
           operation_document_parse(document->json, octets, &document->parsed) == PS_OK;
}

enum ps_err document_load(const char *path, struct document *ret_document)
{
    char why[sizeof ps_detail()->text];
    enum ps_err err;

    *ret_document = (struct document){0};
    PS_TRY(file_read(path, OPERATION_DOCUMENT_MAX, &ret_document->octets));
    PS_TRY(json_new(&ret_document->json));
    err = operation_document_parse(ret_document->json, ps_buf_bytes(&ret_document->octets),
                                   &ret_document->parsed);
    if (err == PS_OK) {
        return PS_OK;
    }
    (void)snprintf(why, sizeof why, "%s", ps_detail()->text);
    if (has_newline_too_many(ret_document)) {
        (void)snprintf(why, sizeof why,
                       "it ends with a newline that an editor has added, and the exact octets are "
                       "what counts; take the file from the appliance once more");
    }
    err = ps_fail(err, 0, "not a document that could be executed: %s", why);
    return officer_name_file(path, err);
}

static void put_clock(const struct operation_document *document, struct ps_buf *out)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;

    if (now_s >= document->not_before_s && now_s < document->not_after_s) {
        return;
    }
    ps_buf_put_str(out, "\nBy this computer's clock, ");
    ps_buf_put_time(out, now_s * PS_NS_PER_S, 0);
    ps_buf_printf(out, ", it %s. If the clock is right, it cannot be executed %s.\n",
                  now_s < document->not_before_s ? "does not hold yet" : "holds no longer",
                  now_s < document->not_before_s ? "now" : "any more");
}

static enum ps_err put_difference(const struct document *document, const char *last,
                                  struct ps_buf *out)
{
    DOCUMENT_AUTO before = {0};

    PS_TRY(document_load(last, &before));
    ps_buf_put_str(out, "\nCompared with ");
    terminal_put_line(last, out);
    ps_buf_put_str(out, ":\n\n");
    return operation_text_put_difference(&before.parsed, &document->parsed, out);
}

enum ps_err document_print(const struct document *document, const char *last)
{
    PS_BUF_AUTO page = {.max = (size_t)2 * OPERATION_TEXT_MAX};

    PS_TRY(operation_text_put(&document->parsed, &page));
    if (last != NULL) {
        PS_TRY(put_difference(document, last, &page));
    }
    put_clock(&document->parsed, &page);
    PS_TRY(ps_buf_status(&page));
    return terminal_print(ps_buf_bytes(&page));
}
