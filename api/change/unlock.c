#include "api/handlers.h"
#include "api/internal.h"
#include "lib/formats/jose/jwe.h"

/*
 * Shares of PINs on their way to the keeper: taken apart here like any JWE, and opened there.
 * Nothing here could open one.
 */

#define TEXT_MAX 8192u

struct share_body {
    struct ps_bytes share;
};

static const struct json_field share_fields[] = {
    JSON_FIELD(struct share_body, share, JSON_KIND_STRING, true, TEXT_MAX)};

static enum ps_err read_share(struct exchange *exchange, struct ps_buf *memory,
                              struct jwe_parsed *ret_jwe)
{
    struct share_body body = {.share = {NULL, 0}};
    struct json_value root;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, share_fields, PS_COUNT_OF(share_fields), &body, NULL));
    PS_TRY(jwe_parse(body.share, memory, ret_jwe));
    if (ret_jwe->sealed.alg != JWE_ECDH_ES || ret_jwe->sealed.enc != JWE_A256GCM ||
        ret_jwe->sealed.encrypted_key.len != 0) {
        return ps_fail(PS_E_INPUT, 0,
                       "member \"share\": sealed with something else than ECDH-ES and A256GCM");
    }
    return PS_OK;
}

void unlock_share(struct exchange *exchange)
{
    PS_BUF_AUTO memory = {.max = JWE_PARSE_ROOM(TEXT_MAX)};
    struct jwe_parsed jwe;
    struct msg_unlock_share message = {0};
    const enum ps_err err = read_share(exchange, &memory, &jwe);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message = (struct msg_unlock_share){.caller = exchange_caller(exchange),
                                        .request_id = http_request_id(exchange->request),
                                        .header = jwe.sealed.header_b64,
                                        .iv = jwe.sealed.iv,
                                        .ciphertext = jwe.sealed.ciphertext,
                                        .tag = jwe.sealed.tag,
                                        .point = jwe.epk};
    exchange_ask(exchange, &msg_unlock_share_info, &message, &msg_document_info, document_answer);
}
