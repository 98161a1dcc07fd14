#include "lib/formats/cms/cms.h"
#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/encode.h"

/* Detached CMS signatures over octets that come in JSON, or over their digest. */

struct cms_body {
    struct ps_bytes content;
    struct ps_bytes digest;
    struct ps_bytes algorithm;
    struct ps_bytes key;
};

enum { CMS_FIELDS = 4 };
static const struct json_field cms_fields[CMS_FIELDS] = {
    JSON_FIELD(struct cms_body, content, JSON_KIND_OCTETS, false, IPC_PAYLOAD_MAX),
    JSON_FIELD(struct cms_body, digest, JSON_KIND_OCTETS, false, PS_HASH_MAX),
    JSON_FIELD(struct cms_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct cms_body, key, JSON_KIND_NAME, true, 128),
};

/* Of SHA-256, SHA-384 or SHA-512; which of them the algorithm needs, the keeper knows. */
static enum ps_err check_digest(struct ps_bytes digest)
{
    return digest.len == 32 || digest.len == 48 || digest.len == 64
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "member \"digest\": not 32, 48 or 64 octets");
}

static enum ps_err read_cms(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct msg_cms_sign *cms = &message->cms;
    struct cms_body body = {.key = {NULL, 0}};

    (void)item;
    PS_TRY(json_read_object(object, cms_fields, CMS_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    if ((body.content.data == NULL) == (body.digest.data == NULL)) {
        return ps_fail(PS_E_INPUT, 0, "either \"content\" or \"digest\", and not both");
    }
    PS_TRY(sign_check_algorithm(body.algorithm));
    cms->is_digest = body.digest.data != NULL ? 1 : 0;
    if (cms->is_digest != 0) {
        PS_TRY(check_digest(body.digest));
    }
    if (!in_batch) {
        cms->key = body.key;
    }
    cms->algorithm = body.algorithm;
    cms->content = body.content;
    cms->digest = body.digest;
    return PS_OK;
}

static void address_cms(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->cms.caller = exchange_caller(exchange);
    message->cms.request_id = http_request_id(exchange->request);
    message->cms.key = key;
}

enum ps_err cms_put_answer(const struct msg_cms_signed *answer, struct ps_buf *out)
{
    const struct cms_signed parts = {.algorithm = ps_alg_by_name(answer->algorithm),
                                     .attributes = answer->attributes,
                                     .signature = answer->signature,
                                     .chain = answer->chain};

    return cms_put_signed_data(&parts, out);
}

static void write_cms(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_cms_signed *answer = message;
    PS_BUF_AUTO cms = {.max = HTTP_ANSWER_MAX};

    (void)item;
    if (cms_put_answer(answer, &cms) != PS_OK) {
        out->err = out->err == PS_OK ? PS_E_INTERNAL : out->err;
        return;
    }
    ps_buf_put_str(out, "{\"cms\":\"");
    ps_buf_put_base64url(out, ps_buf_bytes(&cms));
    ps_buf_put_str(out, "\",\"algorithm\":");
    ps_buf_put_json_string(out, answer->algorithm);
    sign_put_end(answer->kid, answer->version, out);
}

const struct sign_verb sign_cms = {.ask = &msg_cms_sign_info,
                                   .expect = &msg_cms_signed_info,
                                   .read = read_cms,
                                   .address = address_cms,
                                   .write = write_cms};

void cms_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_cms);
}
