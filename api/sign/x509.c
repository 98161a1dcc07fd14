#include "api/handlers.h"
#include "api/internal.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/formats/der.h"
#include "lib/formats/public_key/public_key.h"
#include "lib/formats/x509/csr.h"

/* Certificates for clients, and what was revoked. */

struct issue_body {
    struct ps_bytes profile;
    struct ps_bytes csr;
    struct json_value public_jwk;
    struct json_value subject;
    struct json_value sans;
    uint64_t validity_s;
};

static const struct json_field issue_fields[] = {
    JSON_FIELD(struct issue_body, profile, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct issue_body, csr, JSON_KIND_OCTETS, false, X509_CSR_MAX),
    JSON_FIELD(struct issue_body, public_jwk, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct issue_body, subject, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct issue_body, sans, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct issue_body, validity_s, JSON_KIND_U64, false, 0),
};
enum { ISSUE_HAS_VALIDITY = 1u << 5 };

static void put_octets(const char *before, struct ps_bytes octets, struct ps_buf *out)
{
    ps_buf_put_str(out, before);
    ps_buf_put_u8(out, '"');
    ps_buf_put_base64url(out, octets);
    ps_buf_put_u8(out, '"');
}

static void put_time(const char *before, uint64_t seconds, struct ps_buf *out)
{
    ps_buf_put_str(out, before);
    ps_buf_put_u8(out, '"');
    ps_buf_put_time(out, seconds * PS_NS_PER_S, 0);
    ps_buf_put_u8(out, '"');
}

/* Certificates one after the other, as an array. */
static enum ps_err put_chain(struct ps_bytes chain, struct ps_buf *out)
{
    const char *before = "";

    ps_buf_put_str(out, ",\"chain\":[");
    while (chain.len != 0) {
        struct ps_reader reader = ps_reader(chain);
        struct ps_bytes inside;

        PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
        put_octets(before, ps_bytes(chain.data, chain.len - reader.left.len), out);
        chain = reader.left;
        before = ",";
    }
    ps_buf_put_u8(out, ']');
    return PS_OK;
}

static void on_issued(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    const struct msg_x509_issued *issued = message;
    struct ps_buf *out = http_request_out(exchange->request);

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    put_octets("{\"certificate\":", issued->certificate, out);
    if (put_chain(issued->chain, out) != PS_OK) {
        ps_buf_reset(out);
        exchange_refuse(exchange, PS_PROBLEM_INTERNAL, NULL);
        return;
    }
    ps_buf_put_str(out, ",\"serial\":\"");
    ps_buf_put_hex(out, issued->serial);
    put_time("\",\"not_before\":", issued->not_before_s, out);
    put_time(",\"not_after\":", issued->not_after_s, out);
    ps_buf_put_u8(out, '}');
    exchange_answer_json(exchange);
}

/* The text of a member, which the keeper reads; nothing when it was not given. */
static enum ps_err take_text(struct json_value value, const char *name, size_t most,
                             struct ps_bytes *ret_text)
{
    if (value.doc == NULL) {
        return PS_OK;
    }
    *ret_text = json_raw(value);
    return ret_text->len <= most
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "member \"%s\": more than %zu octets", name, most);
}

static enum ps_err read_issue(struct exchange *exchange, struct msg_x509_issue *message,
                              struct public_key **ret_key)
{
    struct issue_body body = {.validity_s = 0};
    struct json_value root;
    uint64_t seen;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, issue_fields, PS_COUNT_OF(issue_fields), &body, &seen));
    if ((body.csr.data == NULL) == (body.public_jwk.doc == NULL)) {
        return ps_fail(PS_E_INPUT, 0, "either \"csr\" or \"public_jwk\", and not both");
    }
    if ((seen & ISSUE_HAS_VALIDITY) != 0 && body.validity_s == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"validity_s\": 1 or more");
    }
    if (body.public_jwk.doc != NULL) {
        PS_TRY(public_key_from_jwk_value(body.public_jwk, ret_key));
        message->spki = public_key_spki(*ret_key);
    }
    message->profile = body.profile;
    message->csr = body.csr;
    message->validity_s = body.validity_s;
    PS_TRY(take_text(body.subject, "subject", IPC_SUBJECT_MAX, &message->subject));
    return take_text(body.sans, "sans", IPC_SANS_MAX, &message->sans);
}

void x509_issue(struct exchange *exchange)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct msg_x509_issue message = {.caller = exchange_caller(exchange),
                                     .request_id = http_request_id(exchange->request)};
    const enum ps_err err = read_issue(exchange, &message, &key);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    exchange_ask(exchange, &msg_x509_issue_info, &message, &msg_x509_issued_info, on_issued);
}
