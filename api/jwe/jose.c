#include "api/jwe/jose.h"

#include "lib/base/encode.h"

static const struct sign_includes includes = {.says = "x5c, x5t#S256 and jwk",
                                              .rows = {{"x5c", JWS_INCLUDE_X5C},
                                                       {"x5t#S256", JWS_INCLUDE_X5T_S256},
                                                       {"jwk", JWS_INCLUDE_JWK}}};

enum ps_err jose_read_include(struct json_value array, uint8_t *ret_include)
{
    return sign_read_include("include", array, &includes, ret_include);
}

static void put_header(const struct msg_jws_signed *answer, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"jws\":\"");
    ps_buf_put(out, answer->protected_header);
    ps_buf_put_u8(out, '.');
}

static void put_signature(const struct msg_jws_signed *answer, struct ps_buf *out)
{
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, answer->signature);
    ps_buf_put_u8(out, '"');
}

void jose_put_compact(const struct msg_jws_signed *answer, struct ps_bytes middle,
                      struct ps_buf *out)
{
    put_header(answer, out);
    ps_buf_put(out, middle);
    put_signature(answer, out);
}

void jose_put_encoded(const struct msg_jws_signed *answer, struct ps_bytes payload,
                      struct ps_buf *out)
{
    put_header(answer, out);
    ps_buf_put_base64url(out, payload);
    put_signature(answer, out);
}
