#include "api/client/privyseal_sign.h"

#include "api/client/internal.h"

static void put_query(struct ps_buf *path, const char *name, const char *text)
{
    if (text == NULL) {
        return;
    }
    ps_buf_printf(path, "&%s=", name);
    for (; *text != '\0'; text++) {
        const uint8_t c = (uint8_t)*text;

        if (ps_is_letter(c) || ps_is_digit(c)) {
            ps_buf_put_u8(path, c);
        } else {
            ps_buf_printf(path, "%%%02X", c);
        }
    }
}

enum privyseal_result privyseal_sign_pdf(struct privyseal *client,
                                         const struct privyseal_pdf *request,
                                         struct privyseal_answer *ret_answer)
{
    PS_BUF_AUTO path = {.max = 8192};
    struct privyseal_request call = {.method = "POST",
                                     .body = request->document,
                                     .body_len = request->document_len,
                                     .content_type = "application/pdf"};

    *ret_answer = (struct privyseal_answer){0};
    if (request->key == NULL || request->document == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a signature needs a key and a document");
    }
    ps_buf_printf(&path, "/v1/pdf/sign?page=%u", request->page == 0 ? 1 : request->page);
    put_query(&path, "key", request->key);
    put_query(&path, "reason", request->reason);
    put_query(&path, "location", request->location);
    put_query(&path, "rectangle", request->rectangle);
    put_query(&path, "text", request->text);
    put_query(&path, "algorithm", request->algorithm);
    ps_buf_put_u8(&path, '\0');
    if (ps_buf_status(&path) != PS_OK) {
        return client_fail(client, PRIVYSEAL_USAGE, "the texts are too long");
    }
    call.path = (const char *)path.data;
    return privyseal_call(client, &call, ret_answer);
}
