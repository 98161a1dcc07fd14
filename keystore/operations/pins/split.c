#include "keystore/operations/pins/pins.h"

#include "keystore/gate/gate.h"
#include "keystore/operations/pins/handlers.h"
#include "keystore/operations/pins/so_pin.h"
#include "lib/formats/pem.h"

/*
 * Splitting a PIN. What people approve is who holds a share, to which certificate it is sealed, and
 * how many put the PIN together; what comes of that, the check value and the sealed shares with
 * their commitments, is made when it is executed, and taken from the leaf when a start does it once
 * more: nobody can make it again without the PIN.
 */

struct holder {
    struct ps_bytes officer;
    struct ps_bytes certificate; /* text of the request, or octets */
};

/* --- What is asked for --- */

struct pin_request {
    struct ps_bytes pin;
    uint32_t threshold;
    struct json_value holders;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct pin_request, pin, JSON_KIND_STRING, false, 8),
    JSON_FIELD(struct pin_request, threshold, JSON_KIND_U32, true, SHARE_COUNT_MAX),
    JSON_FIELD(struct pin_request, holders, JSON_KIND_ARRAY, true, 0),
};

static const struct json_field holder_fields[] = {
    JSON_FIELD(struct holder, officer, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct holder, certificate, JSON_KIND_STRING, true, 3 * CMS_RECIPIENT_MAX),
};

/* PEM, or DER in base64url. */
static enum ps_err read_certificate(struct ps_bytes text, struct ps_buf *der)
{
    if (ps_bytes_starts_with(text, ps_bytes_str("-----BEGIN"))) {
        PS_TRY(pem_take(&text, PEM_CERTIFICATE, der));
    } else {
        PS_TRY(ps_base64url_decode(text, der));
    }
    return cms_check_recipient(ps_buf_bytes(der));
}

static enum ps_err put_holder(struct json_value value, struct writer *json)
{
    struct holder holder = {.officer = {NULL, 0}};
    PS_BUF_AUTO der = {.max = CMS_RECIPIENT_MAX};
    uint8_t hash[PS_SHA256_LEN];

    if (json_type(value) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "member \"holders\": not an object");
    }
    PS_TRY(json_read_object(value, holder_fields, PS_COUNT_OF(holder_fields), &holder, NULL));
    PS_TRY(read_certificate(holder.certificate, &der));
    ps_sha256(ps_buf_bytes(&der), hash);
    writer_begin_object(json, NULL);
    writer_octets(json, "certificate", ps_buf_bytes(&der));
    writer_text(json, "officer", holder.officer);
    writer_hex(json, "sha256", ps_bytes(hash, sizeof hash));
    writer_end_object(json);
    return PS_OK;
}

static enum ps_err put_params(struct operation *op, const struct pin_request *request)
{
    struct writer json = writer(&op->resolved);
    struct json_value value;
    uint32_t cursor = 0;

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "holders");
    while (json_next(request->holders, &cursor, NULL, &value)) {
        PS_TRY(put_holder(value, &json));
    }
    writer_end_array(&json);
    writer_text(&json, "pin", request->pin.len == 0 ? ps_bytes_str("user") : request->pin);
    writer_decimal(&json, "threshold", request->threshold);
    writer_text(&json, "token", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return PS_OK;
}

bool pin_resolve(struct operation *op, struct json_value body)
{
    struct pin_request request = {.threshold = 0};
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err == PS_OK && strcmp(op->type->name, "pin.reset") == 0 &&
        ps_bytes_equal_str(request.pin, "so")) {
        err = ps_fail(PS_E_INPUT, 0,
                      "it is the user's PIN that is reset; the SO PIN is changed "
                      "(pin.change)");
    }
    if (err == PS_OK) {
        err = put_params(op, &request);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return true;
}

/* --- Whether it may be --- */

enum ps_err pin_params_read(const struct operation *op, struct pin_params *ret_params)
{
    struct ps_bytes pin;

    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_text(op->params, "pin", &pin));
    PS_TRY(document_number(op->params, "threshold", &ret_params->threshold));
    ret_params->pin = ps_bytes_equal_str(pin, "so") ? SHARE_PIN_SO : SHARE_PIN_USER;
    if (!json_member(op->params, "holders", &ret_params->holders) ||
        ret_params->threshold > json_count(ret_params->holders)) {
        return ps_fail(PS_E_INPUT, 0, "there are fewer holders than put the PIN together");
    }
    return PS_OK;
}

static enum ps_err check_holder(const struct operation *op, struct json_value value,
                                struct holder *ret_holder)
{
    const struct person *person;

    PS_TRY(document_text(value, "officer", &ret_holder->officer));
    PS_TRY(document_text(value, "certificate", &ret_holder->certificate));
    person = roster_find(gate_roster(op->keeper->gate), ret_holder->officer);
    if (person == NULL || person->role != ROSTER_OFFICER || person->is_suspended) {
        return ps_fail(PS_E_INPUT, 0, "%.*s is no officer of the roster, or is suspended",
                       PS_BYTES_FMT(ret_holder->officer));
    }
    return PS_OK;
}

/* Who can open the shares of two people is as many as the threshold says sooner than it says. */
static enum ps_err check_two(const struct holder *one, const struct holder *other)
{
    if (ps_bytes_equal(one->officer, other->officer)) {
        return ps_fail(PS_E_INPUT, 0, "%.*s is there twice", PS_BYTES_FMT(one->officer));
    }
    return ps_bytes_equal(one->certificate, other->certificate)
               ? ps_fail(PS_E_INPUT, 0, "%.*s and %.*s have one certificate: each has their own",
                         PS_BYTES_FMT(one->officer), PS_BYTES_FMT(other->officer))
               : PS_OK;
}

static enum ps_err check_holders(const struct operation *op, struct json_value holders)
{
    struct holder all[SHARE_COUNT_MAX];
    struct json_value value;
    uint32_t cursor = 0;
    size_t count = 0;

    while (json_next(holders, &cursor, NULL, &value)) {
        if (count == SHARE_COUNT_MAX) {
            return ps_fail(PS_E_INPUT, 0, "at most %d people hold shares", SHARE_COUNT_MAX);
        }
        PS_TRY(check_holder(op, value, &all[count]));
        for (size_t i = 0; i < count; i++) {
            PS_TRY(check_two(&all[i], &all[count]));
        }
        count++;
    }
    return PS_OK;
}

static struct ps_bytes present_pin(const struct operation *op, const struct pin_params *params)
{
    const struct token *token = tokens_find(op->keeper->tokens, params->token);

    if (token == NULL) {
        return ps_bytes(NULL, 0);
    }
    return params->pin == SHARE_PIN_SO ? so_pin_at_hand(op, token) : tokens_pin(token);
}

static enum ps_err read_left(const struct operation *op, const struct pin_params *params,
                             struct ps_buf *name, struct row *row)
{
    pin_record_put_name(params->token, params->pin, true, name);
    PS_TRY(ps_buf_status(name));
    return row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(name), row);
}

/* Which of two the user has shows by who is logged in; the security officer has to be asked. */
static bool is_proven(struct operation *op, const struct pin_params *params)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    const enum ps_err err =
        params->pin == SHARE_PIN_SO ? read_left(op, params, &name, &row) : PS_E_NOT_FOUND;

    if (err == PS_OK) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "a change of the SO PIN was left unsettled, and which of two PINs the "
                         "token has is not known: change it (pin.change), which asks the token");
    } else if (err != PS_E_NOT_FOUND) {
        operation_refuse_error(op, err);
    }
    return err == PS_E_NOT_FOUND;
}

static bool may_split(struct operation *op)
{
    struct pin_params params = {.threshold = 0};

    if (pin_params_read(op, &params) != PS_OK || !is_proven(op, &params)) {
        return false;
    }
    if (present_pin(op, &params).len != 0 &&
        (params.pin == SHARE_PIN_SO || tokens_is_ready(op->token))) {
        return true;
    }
    if (params.pin == SHARE_PIN_SO &&
        (tokens_so_pin(op->token).len != 0 || custody_can_gather_so_pin(op->keeper, op->token))) {
        return so_pin_will_do(op, op->token);
    }
    operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                     "the appliance has not this PIN at hand: unlock the token first, or name "
                     "the SO PIN in the configuration");
    return false;
}

void pin_lock(struct operation *op)
{
    struct ps_bytes token;

    if (document_text(op->params, "token", &token) == PS_OK) {
        operation_lock(op, "pin", token);
    }
}

bool pin_check_operation(struct operation *op)
{
    struct pin_params params = {.threshold = 0};
    enum ps_err err = pin_params_read(op, &params);

    if (err == PS_OK) {
        err = check_holders(op, params.holders);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    op->token = tokens_find(op->keeper->tokens, params.token);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such token");
        return false;
    }
    return strcmp(op->type->name, "pin.split") == 0 ? may_split(op) : pin_way_of(op)->may(op);
}

/* --- What comes of it --- */

struct list {
    struct pin_set_holder of[SHARE_COUNT_MAX];
    struct ps_buf certificates[SHARE_COUNT_MAX];
    size_t count;
};

static void list_clear(struct list *list)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_buf_clear(&list->certificates[i]);
    }
}

static enum ps_err read_holders(struct json_value holders, struct list *list)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (list->count < SHARE_COUNT_MAX && json_next(holders, &cursor, NULL, &value)) {
        struct ps_buf *der = &list->certificates[list->count];

        ps_buf_init(der, CMS_RECIPIENT_MAX);
        PS_TRY(document_text(value, "officer", &list->of[list->count].officer));
        PS_TRY(document_text(value, "certificate", &text));
        PS_TRY(ps_base64url_decode(text, der));
        list->of[list->count++].certificate = ps_buf_bytes(der);
    }
    return PS_OK;
}

/* Of the person as the roster has them now: one who leaves, or comes back as another, is noticed.
 */
static enum ps_err hash_entry(const struct operation *op, struct ps_bytes officer,
                              uint8_t out[PS_SHA256_LEN])
{
    const struct person *person = roster_find(gate_roster(op->keeper->gate), officer);
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};

    if (person == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "%.*s is not in the roster", PS_BYTES_FMT(officer));
    }
    person_put(person, &text);
    PS_TRY(ps_buf_status(&text));
    ps_sha256(ps_buf_bytes(&text), out);
    return PS_OK;
}

static enum ps_err put_made(const struct operation *op, const struct list *list,
                            const struct pin_set *set, struct ps_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        uint8_t certificate[PS_SHA256_LEN];
        uint8_t entry[PS_SHA256_LEN];
        const struct pin_holder holder = {
            .officer = list->of[i].officer,
            .certificate = ps_bytes(certificate, sizeof certificate),
            .entry = ps_bytes(entry, sizeof entry),
            .commitment = ps_bytes(set->shares[i].commitment, PS_SHA256_LEN),
            .sealed = ps_buf_bytes(&set->shares[i].sealed),
        };

        ps_sha256(list->of[i].certificate, certificate);
        PS_TRY(hash_entry(op, holder.officer, entry));
        ps_buf_put_u8(out, i == 0 ? '[' : ',');
        pin_holder_put(&holder, out);
    }
    ps_buf_put_u8(out, ']');
    return ps_buf_status(out);
}

struct ps_bytes pin_set_name(const struct operation *op)
{
    return ps_bytes(op->hash, SHARE_SET_LEN);
}

/* --- What only the leaf knows --- */

static enum ps_err find_told(const struct operation *op, struct pin_record *ret_record)
{
    struct json_value effect;
    struct json_value row;
    struct ps_bytes kind;
    uint32_t cursor = 0;

    while (json_next(op->retraced, &cursor, NULL, &effect)) {
        if (document_text(effect, "kind", &kind) == PS_OK && ps_bytes_equal_str(kind, "pin") &&
            json_member(effect, "row", &row)) {
            return pin_record_read(row, ret_record);
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "the leaf has no splitting of a PIN");
}

static enum ps_err copy_octets(struct ps_bytes from, uint8_t *to, size_t len)
{
    if (from.len != len) {
        return ps_fail(PS_E_INPUT, 0, "a splitting with octets of another length");
    }
    memcpy(to, from.data, len);
    return PS_OK;
}

static enum ps_err take_told(const struct operation *op, const struct list *list,
                             struct pin_set *set)
{
    struct pin_record told;
    struct pin_holder holder;

    PS_TRY(find_told(op, &told));
    PS_TRY(copy_octets(told.salt, set->check.salt, PIN_CHECK_SALT));
    PS_TRY(copy_octets(told.check, set->check.value, PIN_CHECK_VALUE));
    for (set->count = 0; set->count < list->count; set->count++) {
        struct pin_set_share *share = &set->shares[set->count];

        if (!pin_record_holder(&told, set->count, &holder)) {
            return ps_fail(PS_E_DENIED, 0, "the leaf has fewer shares than its document holders");
        }
        PS_TRY(copy_octets(holder.commitment, share->commitment, PS_SHA256_LEN));
        ps_buf_init(&share->sealed, CMS_SEALED_MAX);
        ps_buf_put(&share->sealed, holder.sealed);
    }
    return PS_OK;
}

static enum ps_err make_set(const struct operation *op, const struct pin_params *params,
                            const struct list *list, struct ps_bytes pin, struct pin_set *set)
{
    const struct pin_set_spec spec = {.token = params->token,
                                      .pin = params->pin,
                                      .set = pin_set_name(op),
                                      .threshold = (unsigned)params->threshold,
                                      .holders = list->of,
                                      .count = list->count};

    return op->retraced.doc != NULL ? take_told(op, list, set) : pin_set_make(&spec, pin, set);
}

static enum ps_err put_row(struct operation *op, const struct pin_params *params,
                           const struct pin_record *record)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    enum ps_err err;

    pin_record_put_name(params->token, params->pin, record->is_next, &name);
    PS_TRY(ps_buf_status(&name));
    err = row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(&name), &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    pin_record_put(record, operation_change(op, CATALOG_PIN, ps_buf_bytes(&name),
                                            err == PS_OK ? row.revision : 0));
    return PS_OK;
}

static enum ps_err put_set(struct operation *op, const struct pin_params *params,
                           const struct pin_set *set, struct ps_bytes holders, bool is_next)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct pin_record record = {
        .token = params->token,
        .pin = params->pin,
        .is_next = is_next,
        .set = pin_set_name(op),
        .threshold = (uint32_t)params->threshold,
        .salt = ps_bytes(set->check.salt, PIN_CHECK_SALT),
        .check = ps_bytes(set->check.value, PIN_CHECK_VALUE),
    };

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, holders, &JSON_LIMITS_REQUEST, &record.holders));
    return put_row(op, params, &record);
}

enum ps_err pin_put_set(struct operation *op, struct ps_bytes pin, bool is_next)
{
    PS_CLEANUP(list_clear) struct list list = {.count = 0};
    PS_CLEANUP(pin_set_clear) struct pin_set set = {.count = 0};
    struct pin_params params = {.threshold = 0};
    PS_BUF_AUTO holders = {.max = LOG_ENTRY_MAX};

    PS_TRY(pin_params_read(op, &params));
    PS_TRY(read_holders(params.holders, &list));
    PS_TRY(make_set(op, &params, &list, pin, &set));
    PS_TRY(put_made(op, &list, &set, &holders));
    return put_set(op, &params, &set, ps_buf_bytes(&holders), is_next);
}

/* The PIN is the token's, so that a splitting which was left as the next one is of none, or of it.
 */
enum ps_err pin_split_rows(struct operation *op)
{
    struct pin_params params = {.threshold = 0};
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    enum ps_err err;

    PS_TRY(pin_params_read(op, &params));
    PS_TRY(pin_put_set(op, present_pin(op, &params), false));
    err = read_left(op, &params, &name, &row);
    if (err == PS_OK) {
        operation_remove(op, CATALOG_PIN, ps_buf_bytes(&name), row.revision);
    }
    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

enum ps_err pin_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes text;

    PS_TRY(document_text(op->params, "token", &text));
    writer_text(json, "token", text);
    PS_TRY(document_text(op->params, "pin", &text));
    writer_text(json, "pin", text);
    writer_hex(json, "set", pin_set_name(op));
    ps_buf_put_str(&op->location, "/v1/pins");
    return PS_OK;
}
