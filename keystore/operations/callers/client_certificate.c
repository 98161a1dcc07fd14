#include "keystore/operations/internal.h"

#include "keystore/callers/client_nonces.h"
#include "keystore/events/events.h"
#include "keystore/operations/callers/clients.h"
#include "keystore/operations/callers/handlers.h"
#include "keystore/policy/access.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "lib/ceremony/people/client_statement.h"

/*
 * A client's own next certificate: nobody has to approve, since nothing but a statement signed with
 * the key that it is known by and with the new one does it, and its grants stay as they are.
 */

struct request {
    struct ps_bytes new_signature;
    struct ps_bytes old_key;
    struct ps_bytes old_signature;
    struct ps_bytes statement;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct request, new_signature, JSON_KIND_STRING, true, 1024),
    JSON_FIELD(struct request, old_key, JSON_KIND_STRING, true, 1024),
    JSON_FIELD(struct request, old_signature, JSON_KIND_STRING, true, 1024),
    JSON_FIELD(struct request, statement, JSON_KIND_STRING, true, 4096),
};

/* What was sent, read and decoded. */
struct renewal {
    struct json *parser;
    struct ps_buf octets; /* of the statement */
    struct client_statement statement;
    struct public_key *old_key;
    struct public_key *new_key;
    uint8_t new_pin[PS_SHA256_LEN];
};

static void renewal_clear(struct renewal *renewal)
{
    public_key_free(renewal->old_key);
    public_key_free(renewal->new_key);
    ps_buf_clear(&renewal->octets);
    json_free(renewal->parser);
}
#define RENEWAL_AUTO PS_CLEANUP(renewal_clear) struct renewal

static enum ps_err read_statement(struct ps_bytes text, struct renewal *renewal)
{
    renewal->octets = (struct ps_buf){.max = CLIENT_STATEMENT_MAX};
    PS_TRY(json_new(&renewal->parser));
    if (ps_base64url_decode(text, &renewal->octets) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "`statement`: not base64url, or more than %u octets",
                       CLIENT_STATEMENT_MAX);
    }
    return client_statement_parse(renewal->parser, ps_buf_bytes(&renewal->octets),
                                  &renewal->statement);
}

static enum ps_err read_key(const char *member, struct ps_bytes der, struct public_key **ret_key)
{
    return public_key_from_spki(der, ret_key) == PS_OK
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "`%s`: no public key in DER that is taken", member);
}

/* Both keys, as the statement names them. */
static enum ps_err read_keys(struct ps_bytes text, struct renewal *renewal)
{
    const struct client_statement *statement = &renewal->statement;
    uint8_t old_pin[PS_SHA256_LEN];
    PS_BUF_AUTO der = {.max = CLIENT_SPKI_MAX};

    if (ps_base64url_decode(text, &der) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "`old_key`: not base64url, or too long");
    }
    PS_TRY(read_key("old_key", ps_buf_bytes(&der), &renewal->old_key));
    PS_TRY(read_key("new_key", ps_bytes(statement->new_key, statement->new_key_len),
                    &renewal->new_key));
    ps_sha256(public_key_spki(renewal->old_key), old_pin);
    ps_sha256(public_key_spki(renewal->new_key), renewal->new_pin);
    if (memcmp(old_pin, statement->old_key, PS_SHA256_LEN) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the statement names another key than `old_key`");
    }
    if (memcmp(old_pin, renewal->new_pin, PS_SHA256_LEN) == 0) {
        return ps_fail(PS_E_DENIED, 0, "the new key is the old one");
    }
    return PS_OK;
}

static enum ps_err verify(const char *whose, struct public_key *key, const struct renewal *renewal,
                          struct ps_bytes text)
{
    PS_BUF_AUTO signature = {.max = CLIENT_SIGNATURE_MAX};

    if (ps_base64url_decode(text, &signature) != PS_OK ||
        client_statement_verify(ps_buf_bytes(&renewal->octets), key, ps_buf_bytes(&signature)) !=
            PS_OK) {
        return ps_fail(PS_E_DENIED, 0,
                       "the signature of the %s key does not verify over the statement", whose);
    }
    return PS_OK;
}

static enum ps_err read_renewal(struct json_value params, struct renewal *renewal)
{
    struct ps_bytes old_key;
    struct ps_bytes old_signature;
    struct ps_bytes new_signature;
    struct ps_bytes text;

    PS_TRY(document_text(params, "statement", &text));
    PS_TRY(document_text(params, "old_key", &old_key));
    PS_TRY(document_text(params, "old_signature", &old_signature));
    PS_TRY(document_text(params, "new_signature", &new_signature));
    PS_TRY(read_statement(text, renewal));
    PS_TRY(read_keys(old_key, renewal));
    PS_TRY(verify("old", renewal->old_key, renewal, old_signature));
    return verify("new", renewal->new_key, renewal, new_signature);
}

/* --- Whether --- */

static enum ps_err check_statement(const struct operation *op,
                                   const struct client_statement *statement)
{
    const struct keeper *keeper = op->keeper;

    if (!ps_bytes_equal_str(statement->client, op->caller)) {
        return ps_fail(PS_E_DENIED, 0, "the statement is another client's");
    }
    if (memcmp(statement->appliance, keeper->appliance.identity_hash, PS_SHA256_LEN) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the statement is for another appliance");
    }
    if (op->created_ns / PS_NS_PER_S >= statement->not_after_s) {
        return ps_fail(PS_E_DENIED, 0, "the statement has expired");
    }
    return PS_OK;
}

static enum ps_err check_nonce(const struct operation *op, const struct client_statement *statement)
{
    return client_nonces_has(op->keeper->client_nonces, statement->client, statement->nonce,
                             ps_clock_mono_ns() / PS_NS_PER_S)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "the nonce is not known, or used: get another one at /v1/whoami/nonce");
}

static bool has_pin(struct json_value pins, const char *pin)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (pins.doc != NULL && json_next(pins, &cursor, NULL, &value)) {
        if (json_string(value, &text) == PS_OK && ps_bytes_equal_str(text, pin)) {
            return true;
        }
    }
    return false;
}

#define PIN_TEXT 48u /* base64url of a pin, and a NUL */

static void put_pin(const uint8_t pin[PS_SHA256_LEN], char out[PIN_TEXT])
{
    PS_BUF_AUTO text = {.max = PIN_TEXT};

    ps_buf_put_base64url(&text, ps_bytes(pin, PS_SHA256_LEN));
    ps_buf_put_u8(&text, 0);
    memcpy(out, text.data, text.len);
}

/* The client's row with two pins, the old key's and the new one's; any other is dropped. */
static void put_row(const struct client_record *present, const struct renewal *renewal,
                    struct ps_buf *out)
{
    struct client_record record = *present;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    char old_pin[PIN_TEXT];
    char new_pin[PIN_TEXT];
    PS_BUF_AUTO pins = {.max = 256};

    put_pin(renewal->statement.old_key, old_pin);
    put_pin(renewal->new_pin, new_pin);
    ps_buf_printf(&pins, "[\"%s\",\"%s\"]", old_pin, new_pin);
    if (json_new(&parser) != PS_OK ||
        json_parse(parser, ps_buf_bytes(&pins), &JSON_LIMITS_REQUEST, &record.pins) != PS_OK) {
        out->err = PS_E_NO_MEMORY;
        return;
    }
    client_record_put(&record, out);
}

static enum ps_err check_new_pin(struct operation *op, const struct client_record *present,
                                 const struct renewal *renewal)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct client_record wanted;
    struct json_value value;
    struct ps_bytes other;
    PS_BUF_AUTO row = {.max = LOG_ENTRY_MAX};

    put_row(present, renewal, &row);
    PS_TRY(ps_buf_status(&row));
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, ps_buf_bytes(&row), &JSON_LIMITS_REQUEST, &value));
    PS_TRY(client_record_read(value, &wanted));
    client_lock(op, &wanted);
    return access_find_conflict(op->keeper->access, &wanted, &other)
               ? ps_fail(PS_E_CONFLICT, 0, "another client is known by the new key")
               : PS_OK;
}

static enum ps_err read_client(struct operation *op, struct row *row,
                               struct client_record *ret_client)
{
    struct ps_bytes name;

    PS_TRY(document_text(op->params, "client", &name));
    PS_TRY(row_read(op->keeper, CATALOG_CLIENT, name, row));
    return client_record_read(row->body, ret_client);
}

static enum ps_err check_keys(const struct client_record *client, const struct renewal *renewal)
{
    char pin[PIN_TEXT];

    put_pin(renewal->statement.old_key, pin);
    if (!has_pin(client->pins, pin)) {
        return ps_fail(PS_E_DENIED, 0, "the client is not known by the old key");
    }
    put_pin(renewal->new_pin, pin);
    return has_pin(client->pins, pin)
               ? ps_fail(PS_E_CONFLICT, 0, "the client is known by the new key already")
               : PS_OK;
}

/* Everything at the moment of the change: nothing of it waits for people. */
static enum ps_err check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    RENEWAL_AUTO renewal = {.parser = NULL};
    struct client_record client;

    PS_TRY(read_renewal(op->params, &renewal));
    PS_TRY(check_statement(op, &renewal.statement));
    PS_TRY(check_nonce(op, &renewal.statement));
    PS_TRY(read_client(op, &row, &client));
    PS_TRY(check_keys(&client, &renewal));
    return check_new_pin(op, &client, &renewal);
}

bool client_certificate_resolve(struct operation *op, struct json_value body)
{
    struct request request = {.statement = {NULL, 0}};
    struct writer json = writer(&op->resolved);
    const enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_str(&json, "client", op->caller);
    writer_text(&json, "new_signature", request.new_signature);
    writer_text(&json, "old_key", request.old_key);
    writer_text(&json, "old_signature", request.old_signature);
    writer_text(&json, "statement", request.statement);
    writer_end_object(&json);
    return true;
}

bool client_certificate_check(struct operation *op)
{
    const enum ps_err err = check(op);

    /* Who locks it stops whoever has got hold of a client's key, too. */
    if (lock_is_on(op->keeper)) {
        operation_refuse_state(op, appliance_state_name(APPLIANCE_LOCKED), STATE_LOCKED_TEXT);
        return false;
    }
    if (err == PS_E_DENIED) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

/* Nobody but the two keys says so: their signatures are verified at each of the two ends. */
enum ps_err client_certificate_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    RENEWAL_AUTO renewal = {.parser = NULL};
    struct client_record client;

    PS_TRY(read_renewal(op->params, &renewal));
    client_nonces_use(op->keeper->client_nonces, renewal.statement.nonce);
    PS_TRY(read_client(op, &row, &client));
    PS_TRY(check_keys(&client, &renewal));
    PS_TRY(check_statement(op, &renewal.statement));
    put_row(&client, &renewal, operation_change(op, CATALOG_CLIENT, client.name, row.revision));
    return PS_OK;
}

void client_certificate_execute(struct operation *op)
{
    const enum ps_err err = client_certificate_rows(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    events_alarm(op->keeper, "client-certificate", ps_bytes_str(op->caller),
                 "a client is known by another key, which it added itself");
    operation_done(op);
}
