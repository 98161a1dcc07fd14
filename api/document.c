#include "api/internal.h"

static const char *const media_types[] = {
    [MEDIA_JSON] = "application/json",
    [MEDIA_JWKS] = "application/jwk-set+json",
    [MEDIA_PEM] = "application/x-pem-file",
    [MEDIA_DER] = "application/pkix-spki",
    [MEDIA_TEXT] = "text/plain; charset=utf-8",
    [MEDIA_OCTETS] = "application/octet-stream",
    [MEDIA_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
    [MEDIA_CERTIFICATES] = "application/pem-certificate-chain",
    [MEDIA_CERTIFICATE] = "application/pkix-cert",
    [MEDIA_CRL] = "application/pkix-crl",
    [MEDIA_COSE_KEY] = "application/cose-key",
};

static bool is_not_modified(const struct exchange *exchange, const struct msg_document *document)
{
    const struct ps_bytes header = http_request_header(exchange->request, HTTP_IF_NONE_MATCH);

    return document->status == 200 && document->etag.len != 0 && header.data != NULL &&
           exchange->match.route->method == HTTP_GET && http_etag_named(header, document->etag);
}

void document_answer(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                     const void *message)
{
    const struct msg_document *document = message;
    struct http_answer answer;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    if (document->media >= PS_COUNT_OF(media_types) || document->status < 200 ||
        document->status > 599) {
        exchange_refuse(exchange, PS_PROBLEM_INTERNAL, NULL);
        return;
    }
    answer = (struct http_answer){.status = document->status,
                                  .media = media_types[document->media],
                                  .etag = document->etag,
                                  .location = document->location,
                                  .max_age_s = document->max_age_s};
    if (is_not_modified(exchange, document)) {
        answer.status = 304;
        answer.media = NULL;
    } else {
        ps_buf_put(http_request_out(exchange->request), document->body);
    }
    http_answer(exchange->request, &answer);
}
