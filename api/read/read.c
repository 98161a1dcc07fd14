#include "api/handlers.h"
#include "api/internal.h"
#include "lib/base/name.h"

#include <strings.h>

#define LIST_DEFAULT 100u
#define LIST_MAX     1000u

/* What ends within a month is what one looks for. */
#define WITHIN_DEFAULT_S (30u * 86400u)
#define WITHIN_MAX_S     (100ull * 366 * 86400)

/* Names and ids alike. */
static bool is_position(struct ps_bytes text)
{
    return ps_request_id_valid(text) || ps_name_valid(text);
}

static enum ps_err read_list_query(const struct exchange *exchange, struct msg_read *message)
{
    uint64_t limit = LIST_DEFAULT;

    if (http_target_parameter(http_request_target(exchange->request), "after", &message->after) &&
        !is_position(message->after)) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter after is no name");
    }
    if (http_target_parameter(http_request_target(exchange->request), "state", &message->name) &&
        !is_position(message->name)) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter state is no state of an operation");
    }
    PS_TRY(exchange_query_number(exchange, "limit", 1, LIST_MAX, &limit));
    message->limit = (uint32_t)limit;
    return PS_OK;
}

static struct msg_read begin(const struct exchange *exchange)
{
    return (struct msg_read){.caller = exchange_caller(exchange),
                             .request_id = http_request_id(exchange->request),
                             .resource = (uint16_t)exchange->match.route->resource,
                             .name = exchange_variable(exchange, 0)};
}

static void ask(struct exchange *exchange, const struct msg_read *message)
{
    exchange_ask(exchange, &msg_read_info, message, &msg_document_info, document_answer);
}

void read_resource(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);
    const enum ps_err err = read_list_query(exchange, &message);
    char tree[PS_NAME_MAX + 1];

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    if (exchange->match.variable_count == 2) {
        message.name = log_tree_name(exchange, tree);
    }
    ask(exchange, &message);
}

void expiring_read(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);
    enum ps_err err;

    message.resource = READ_EXPIRING;
    message.from = WITHIN_DEFAULT_S;
    err = exchange_query_number(exchange, "within_s", 0, WITHIN_MAX_S, &message.from);
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, &message);
}

void whoami_nonce(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);

    message.resource = READ_CLIENT_NONCE;
    ask(exchange, &message);
}

struct form {
    const char *media;
    uint8_t accept; /* of msg_read */
};

static const struct form key_forms[] = {
    {"application/jwk+json", 0},
    {"application/json", 0},
    {"application/x-pem-file", 1},
    {"application/pkix-spki", 2},
    {"application/cose-key", 3},
    {"application/*", 0},
    {"*/*", 0},
};

static const struct form certificate_forms[] = {
    {"application/pem-certificate-chain", 0},
    {"application/x-pem-file", 0},
    {"application/pkix-cert", 1},
    {"application/*", 0},
    {"*/*", 0},
};

/* The media range at the front of the list, which moves behind it. */
static struct ps_bytes next_range(struct ps_bytes *list)
{
    const uint8_t *comma = memchr(list->data, ',', list->len);
    struct ps_bytes range =
        ps_bytes(list->data, comma == NULL ? list->len : (size_t)(comma - list->data));

    *list = ps_bytes_from(*list, range.len + 1);
    while (range.len != 0 && range.data[0] == ' ') {
        range = ps_bytes_from(range, 1);
    }
    return range;
}

/* The first media range of the list that we can serve; the first form when there is none. */
static uint8_t choose_form(const struct form *forms, size_t count, struct ps_bytes accept)
{
    while (accept.data != NULL && accept.len != 0) {
        const struct ps_bytes range = next_range(&accept);

        for (size_t i = 0; i < count; i++) {
            if (exchange_is_media(range, forms[i].media)) {
                return forms[i].accept;
            }
        }
    }
    return forms[0].accept;
}

void key_public(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);

    message.resource = READ_KEY_PUBLIC;
    message.accept = choose_form(key_forms, PS_COUNT_OF(key_forms),
                                 http_request_header(exchange->request, HTTP_ACCEPT));
    ask(exchange, &message);
}

static void ask_of_version(struct exchange *exchange, struct msg_read *message)
{
    const enum ps_err err =
        exchange_query_number(exchange, "version", 1, UINT32_MAX, &message->from);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, message);
}

void key_certificate(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);

    message.resource = READ_KEY_CERTIFICATE;
    message.accept = choose_form(certificate_forms, PS_COUNT_OF(certificate_forms),
                                 http_request_header(exchange->request, HTTP_ACCEPT));
    ask_of_version(exchange, &message);
}

void key_tlog_proof(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);

    message.resource = READ_KEY_TLOG_PROOF;
    ask_of_version(exchange, &message);
}

void certificate_tlog_proof(struct exchange *exchange)
{
    struct msg_read message = begin(exchange);

    message.resource = READ_CERTIFICATE_TLOG_PROOF;
    ask_of_version(exchange, &message);
}
