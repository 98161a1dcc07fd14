#include "frontends/oidc/pages/visitor.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <stdio.h>

struct visitor *visitor_of(struct exchange *exchange)
{
    struct visitor *visitor = (struct visitor *)(void *)exchange->own;
    struct ps_bytes found;

    if (visitor->value[0] != '\0') {
        return visitor;
    }
    if (csrf_find(http_request_header(exchange->request, HTTP_COOKIE), VISITOR_COOKIE, &found)) {
        memcpy(visitor->value, found.data, CSRF_VALUE_LEN);
    } else {
        csrf_make_value(visitor->value);
        visitor->is_new = true;
    }
    return visitor;
}

/* Of the cookie, for one purpose: a value of the cookie's own kind. */
static void derive(const struct visitor *visitor, const char *purpose, struct ps_bytes about,
                   char ret_value[CSRF_VALUE_LEN + 1])
{
    const struct ps_bytes parts[] = {ps_bytes_str(purpose),
                                     ps_bytes(visitor->value, CSRF_VALUE_LEN), about};
    uint8_t hash[PS_SHA256_LEN];

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), ret_value);
    ret_value[CSRF_VALUE_LEN] = '\0';
}

void visitor_put_mark(const struct visitor *visitor, struct ps_buf *out)
{
    char mark[CSRF_VALUE_LEN + 1];

    derive(visitor, "privyseal login browser", ps_bytes(NULL, 0), mark);
    ps_buf_put_str(out, mark);
}

bool visitor_owns(const struct visitor *visitor, const struct transaction *transaction)
{
    PS_BUF_AUTO mark = {.max = CSRF_VALUE_LEN};

    visitor_put_mark(visitor, &mark);
    return ps_buf_status(&mark) == PS_OK &&
           ps_bytes_equal_secret(ps_buf_bytes(&mark),
                                 transaction_text(transaction, TRANSACTION_BROWSER));
}

void visitor_make_token(const struct visitor *visitor, const char *handle,
                        char ret_token[CSRF_TOKEN_LEN + 1])
{
    char value[CSRF_VALUE_LEN + 1];

    derive(visitor, "privyseal login form", ps_bytes_str(handle), value);
    csrf_make_token(ps_bytes(value, CSRF_VALUE_LEN), ret_token);
}

bool visitor_has_sent(const struct visitor *visitor, const char *handle, struct ps_bytes token)
{
    char value[CSRF_VALUE_LEN + 1];

    derive(visitor, "privyseal login form", ps_bytes_str(handle), value);
    return csrf_is_of(token, ps_bytes(value, CSRF_VALUE_LEN));
}

void visitor_make_cookie(const struct visitor *visitor, char ret_header[VISITOR_COOKIE_MAX])
{
    (void)snprintf(ret_header, VISITOR_COOKIE_MAX,
                   VISITOR_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax", visitor->value);
}
