#include "api/client/privyseal_x509.h"

#include "api/client/internal.h"

#include "lib/base/encode.h"
#include "lib/formats/pem.h"

#include <stdio.h>

#define CERTIFICATE_MAX (64u * 1024u)

void privyseal_issued_clear(struct privyseal_issued *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_issued){0};
}

static enum ps_err put_pem(struct json_value certificate, struct ps_buf *out)
{
    PS_BUF_AUTO der = {.max = CERTIFICATE_MAX};
    struct ps_bytes text;

    PS_TRY(json_string(certificate, &text));
    PS_TRY(ps_base64url_decode(text, &der));
    pem_put(PEM_CERTIFICATE, ps_buf_bytes(&der), out);
    return ps_buf_status(out);
}

static enum ps_err put_all(struct json_value root, struct ps_buf *out)
{
    struct json_value value;
    struct json_value above;
    uint32_t cursor = 0;

    if (!json_member(root, "certificate", &value)) {
        return PS_E_INPUT;
    }
    PS_TRY(put_pem(value, out));
    if (!json_member(root, "chain", &value) || json_type(value) != JSON_ARRAY) {
        return PS_E_INPUT;
    }
    while (json_next(value, &cursor, NULL, &above)) {
        PS_TRY(put_pem(above, out));
    }
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static enum ps_err read_issued(struct privyseal_issued *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    const char **const members[] = {&result->serial, &result->not_before, &result->not_after};
    static const char *const names[] = {"serial", "not_before", "not_after"};
    size_t at[PS_COUNT_OF(names)];
    struct json_value root;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    memory->texts.max = CLIENT_ANSWER_MAX;
    PS_TRY(put_all(root, &memory->texts));
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        PS_TRY(client_keep_member(root, names[i], &memory->texts, &at[i]));
    }
    /* Only now, since the buffer may move while it grows. */
    result->pem = (const char *)memory->texts.data;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        *members[i] = (const char *)memory->texts.data + at[i];
    }
    return PS_OK;
}

enum privyseal_result privyseal_issue_certificate(struct privyseal *client,
                                                  const struct privyseal_x509 *request,
                                                  struct privyseal_issued *ret_issued)
{
    enum privyseal_result result;
    char validity[16];
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_issued = (struct privyseal_issued){0};
    if (request->profile == NULL || (request->csr_len == 0) == (request->public_jwk == NULL)) {
        return client_fail(client, PRIVYSEAL_USAGE,
                           "a certificate needs a profile, and a request or a JWK");
    }
    ps_buf_put_u8(&body, '{');
    client_put_member(&body, "profile", request->profile);
    if (request->csr_len != 0) {
        client_put_octets(&body, "csr", request->csr, request->csr_len);
    }
    client_put_raw(&body, "public_jwk", request->public_jwk);
    client_put_raw(&body, "subject", request->subject);
    client_put_raw(&body, "sans", request->sans);
    (void)snprintf(validity, sizeof validity, "%u", request->validity_s);
    client_put_raw(&body, "validity_s", request->validity_s == 0 ? NULL : validity);
    result = client_post(client, "/v1/x509/issue", &body, &ret_issued->answer);
    if (result == PRIVYSEAL_OK && read_issued(ret_issued) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a certificate");
    }
    return result;
}
