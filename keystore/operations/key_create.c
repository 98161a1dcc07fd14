#include "keystore/operations/internal.h"

#include "keystore/policy/rules.h"
#include "keystore/reads/reads.h"

/* What a request may say; api.md, POST /v1/keys. */
struct create_request {
    struct json_value algorithms;
    struct json_value certificate;
    struct json_value formats;
    struct json_value jwt;
    struct json_value labels;
    struct ps_bytes name;
    bool portable;
    struct ps_bytes recovery;
    struct ps_bytes residence;
    struct json_value rotation;
    struct ps_bytes token;
    struct ps_bytes type;
    struct ps_bytes usage;
    uint64_t validity_s;
    struct ps_bytes verify;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct create_request, algorithms, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct create_request, certificate, JSON_KIND_ANY, false, 0),
    JSON_FIELD(struct create_request, formats, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct create_request, jwt, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, labels, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, name, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct create_request, portable, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct create_request, recovery, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct create_request, residence, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct create_request, rotation, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, token, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct create_request, type, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct create_request, usage, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct create_request, validity_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct create_request, verify, JSON_KIND_STRING, false, 16),
};

struct rotation_request {
    struct ps_bytes certificate;
    uint64_t period_s;
    uint64_t publish_ahead_s;
    uint64_t retain_s;
};

static const struct json_field rotation_fields[] = {
    JSON_FIELD(struct rotation_request, certificate, JSON_KIND_STRING, false, PS_NAME_MAX),
    JSON_FIELD(struct rotation_request, period_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct rotation_request, publish_ahead_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct rotation_request, retain_s, JSON_KIND_U64, false, 0),
};

struct jwt_request {
    struct ps_bytes iss;
    uint64_t max_ttl_s;
    struct ps_bytes typ;
};

static const struct json_field jwt_fields[] = {
    JSON_FIELD(struct jwt_request, iss, JSON_KIND_STRING, false, KEY_JWT_TEXT_MAX),
    JSON_FIELD(struct jwt_request, max_ttl_s, JSON_KIND_U64, false, UINT32_MAX),
    JSON_FIELD(struct jwt_request, typ, JSON_KIND_STRING, false, 64),
};

static enum ps_err read_algorithms(struct json_value list, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (list.doc != NULL && json_next(list, &cursor, NULL, &value)) {
        enum ps_alg algorithm;

        PS_TRY(json_string(value, &text));
        algorithm = ps_alg_by_name(text);
        if (algorithm == PS_ALG_NONE) {
            return ps_fail(PS_E_STATE, 0, "`algorithms`: one of them does not exist");
        }
        for (size_t i = 0; i < record->algorithm_count; i++) {
            if (record->algorithms[i] == algorithm) {
                return ps_fail(PS_E_INPUT, 0, "`algorithms`: the same one twice");
            }
        }
        if (record->algorithm_count == KEY_ALGS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "`algorithms`: more than %d", KEY_ALGS_MAX);
        }
        record->algorithms[record->algorithm_count++] = algorithm;
    }
    return PS_OK;
}

static enum ps_err read_formats(struct json_value list, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (list.doc != NULL && json_next(list, &cursor, NULL, &value)) {
        enum ps_format format;

        PS_TRY(json_string(value, &text));
        format = ps_format_by_name(text);
        if (format == PS_FORMAT_NONE) {
            return ps_fail(PS_E_STATE, 0, "`formats`: one of them does not exist");
        }
        for (size_t i = 0; i < record->format_count; i++) {
            if (record->formats[i] == format) {
                return ps_fail(PS_E_INPUT, 0, "`formats`: the same one twice");
            }
        }
        if (record->format_count == KEY_FORMATS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "`formats`: more than %d", KEY_FORMATS_MAX);
        }
        record->formats[record->format_count++] = format;
    }
    return PS_OK;
}

/* What is not said is what fits the type, so that the shortest request makes a useful key. */
static void fill_defaults(const struct create_request *request, struct key_record *record)
{
    if (request->algorithms.doc == NULL && record->usage == PS_USAGE_SIGN) {
        for (unsigned alg = 1; alg < PS_ALG_COUNT && record->algorithm_count == 0; alg++) {
            if (ps_alg_fits((enum ps_alg)alg, record->type)) {
                record->algorithms[record->algorithm_count++] = (enum ps_alg)alg;
            }
        }
    }
    record->residence = request->residence.len != 0 ? request->residence : ps_bytes_str("token");
    record->recovery = request->recovery.len != 0 ? request->recovery : ps_bytes_str("none");
}

static enum ps_err read_choices(const struct create_request *request, struct key_record *record)
{
    record->type = ps_key_type_by_name(request->type);
    record->usage = ps_usage_by_name(request->usage);
    if (record->type == PS_KEY_NONE) {
        return ps_fail(PS_E_STATE, 0, "`type`: there is no such type of key");
    }
    if (record->usage == PS_USAGE_NONE) {
        return ps_fail(PS_E_STATE, 0, "`usage`: there is no such usage");
    }
    if (request->verify.len != 0 && !ps_bytes_equal_str(request->verify, "always") &&
        !ps_bytes_equal_str(request->verify, "sampled")) {
        return ps_fail(PS_E_STATE, 0, "`verify`: always or sampled");
    }
    return PS_OK;
}

/* ECDSA is sampled unless the request says otherwise; the others are always verified. */
static enum key_verify choose_verify(const struct create_request *request,
                                     const struct key_record *record)
{
    if (request->verify.len != 0) {
        return ps_bytes_equal_str(request->verify, "sampled") ? KEY_VERIFY_SAMPLED
                                                              : KEY_VERIFY_ALWAYS;
    }
    return ps_key_type_info(record->type)->family == PS_FAMILY_EC && record->algorithm_count != 0
               ? KEY_VERIFY_SAMPLED
               : KEY_VERIFY_ALWAYS;
}

static enum ps_err read_nested(const struct create_request *request, struct key_record *record)
{
    struct jwt_request jwt = {.max_ttl_s = 0};
    struct rotation_request rotation = {.period_s = 0};

    if (request->rotation.doc != NULL) {
        PS_TRY(json_read_object(request->rotation, rotation_fields, PS_COUNT_OF(rotation_fields),
                                &rotation, NULL));
    }
    if (rotation.certificate.len != 0 && !ps_bytes_equal_str(rotation.certificate, "none")) {
        return ps_fail(PS_E_STATE, 0, "`rotation`: this appliance has no issuer key");
    }
    record->rotation = (struct rotation){.period_s = rotation.period_s,
                                         .publish_ahead_s = rotation.publish_ahead_s,
                                         .retain_s = rotation.retain_s};
    if (request->jwt.doc != NULL) {
        PS_TRY(json_read_object(request->jwt, jwt_fields, PS_COUNT_OF(jwt_fields), &jwt, NULL));
    }
    record->jwt_issuer = jwt.iss;
    record->jwt_type = jwt.typ;
    record->jwt_max_ttl_s = jwt.max_ttl_s;
    record->labels = request->labels;
    return PS_OK;
}

/* Parts of the design that are not built yet are refused by name, never ignored. */
static enum ps_err check_absent(const struct create_request *request)
{
    struct ps_bytes text = ps_bytes(NULL, 0);

    if (request->portable) {
        return ps_fail(PS_E_STATE, 0, "`portable`: needs a wrapping key, and there is none");
    }
    if (request->certificate.doc != NULL &&
        (json_string(request->certificate, &text) != PS_OK || !ps_bytes_equal_str(text, "none"))) {
        return ps_fail(PS_E_STATE, 0, "`certificate`: this appliance has no issuer key");
    }
    return PS_OK;
}

static enum ps_err read_request(struct json_value body, struct create_request *request,
                                struct key_record *record)
{
    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), request, NULL));
    PS_TRY(check_absent(request));
    record->name = request->name;
    record->token = request->token;
    record->validity_s = request->validity_s;
    record->state = KEY_ACTIVE;
    record->latest = 1;
    PS_TRY(read_choices(request, record));
    PS_TRY(read_algorithms(request->algorithms, record));
    PS_TRY(read_formats(request->formats, record));
    PS_TRY(read_nested(request, record));
    fill_defaults(request, record);
    record->verify = choose_verify(request, record);
    return PS_OK;
}

/* The form of the row it will be: labels, lengths, characters. */
static enum ps_err check_form(const struct key_record *record)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct key_record read;
    struct json_value row;
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    PS_TRY(json_new(&parser));
    key_record_put(record, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &row));
    return key_record_read(row, &read);
}

/* Creating what exists with the same parameters is no change; with others it is a conflict. */
static bool is_the_same(struct operation *op, const struct key_record *wanted, bool *ret_same)
{
    ROW_AUTO row = {.parser = NULL};
    struct key_record present;
    PS_BUF_AUTO a;
    PS_BUF_AUTO b;
    struct key_record compared = *wanted;

    ps_buf_init(&a, LOG_ENTRY_MAX);
    ps_buf_init(&b, LOG_ENTRY_MAX);
    if (row_read(op->keeper, CATALOG_KEY, wanted->name, &row) != PS_OK ||
        key_record_read(row.body, &present) != PS_OK) {
        return false;
    }
    present.state = compared.state;
    present.latest = compared.latest;
    key_record_put(&present, &a);
    key_record_put(&compared, &b);
    *ret_same = ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b));
    return true;
}

static void answer_existing(struct operation *op, const struct key_record *record)
{
    bool same = false;
    struct writer json = writer(&op->body);
    struct key *key = keys_find(op->keeper->keys, record->name);

    if (!is_the_same(op, record, &same)) {
        operation_refuse_error(op, PS_E_STORAGE);
    } else if (!same) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "a key of this name exists with others");
    } else {
        writer_begin_object(&json, NULL);
        read_put_key(key, true, &json);
        writer_end_object(&json);
        read_put_key_etag(key, &op->etag);
        operation_exists(op);
    }
}

/* The token and its description; false when it is refused. It may be away: see is_that_token. */
static bool find_token(struct operation *op, const struct key_record *record,
                       struct token_view *ret_view)
{
    op->token = tokens_find(op->keeper->tokens, record->token);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "`token`: there is no such token");
        return false;
    }
    for (size_t i = 0; tokens_view(op->token, i, ret_view); i++) {
        if (ret_view->state == TOKEN_READY) {
            return true;
        }
    }
    return true;
}

static bool obeys_rules(struct operation *op, const struct key_record *record)
{
    const struct key_rule_context context = {.jwks_max_age_s = read_longest_max_age(op->keeper)};
    const struct rule *rule = rules_check_key(record, &context);

    if (rule != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", rule->detail);
        return false;
    }
    return true;
}

bool key_create_resolve(struct operation *op, struct json_value body)
{
    struct create_request request = {.portable = false};
    struct key_record record = {.latest = 1};
    struct token_view view = {.number = 0};
    enum ps_err err = read_request(body, &request, &record);

    if (err != PS_OK) {
        operation_refuse(op, err == PS_E_STATE ? PS_PROBLEM_REFUSED : PS_PROBLEM_MALFORMED, "%s",
                         ps_detail()->text);
        return false;
    }
    if (record.token.len == 0) {
        record.token = ps_bytes_str(op->keeper->appliance.token);
    }
    err = check_form(&record);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (op->subject.len != 0 && !ps_bytes_equal(ps_buf_bytes(&op->subject), record.name)) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "`subject` and `name` are two names");
        return false;
    }
    if (!find_token(op, &record, &view)) {
        return false;
    }
    key_params_put(&record, operation_reserve(op), &view, &op->resolved);
    return true;
}

/* The key goes into the token that people approved, and nowhere else. */
static bool is_that_token(struct operation *op, const struct token_view *view)
{
    struct ps_bytes serial;
    struct ps_bytes profile;

    if (view->state != TOKEN_READY) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    if (document_text(op->params, "serial", &serial) == PS_OK &&
        document_text(op->params, "profile", &profile) == PS_OK &&
        ps_bytes_equal(serial, view->serial) && ps_bytes_equal(profile, view->profile)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT,
                     "the token or its profile is another one since: make a new operation");
    return false;
}

bool key_create_check(struct operation *op)
{
    struct token_view view = {.number = 0};
    struct key_record record;
    enum ps_err err = key_params_read(op, &record);

    if (err == PS_OK) {
        err = key_params_object(op, 0);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    operation_lock(op, "key", record.name);
    if (!obeys_rules(op, &record)) {
        return false;
    }
    if (keys_find(op->keeper->keys, record.name) != NULL) {
        answer_existing(op, &record);
        return false;
    }
    return find_token(op, &record, &view) && is_that_token(op, &view);
}

static void on_made(struct operation *op, const struct made *made)
{
    const uint64_t now_s = real_now_s();
    struct key_record record;
    struct version_record version;
    PS_BUF_AUTO name = {0};
    const enum ps_err err = key_params_read(op, &record);

    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    ps_buf_init(&name, KEY_VERSION_NAME_MAX);
    version = (struct version_record){
        .key = record.name,
        .number = 1,
        .state = record.state,
        .object_id = ps_bytes(op->objects[0].id, OBJECT_ID_LEN),
        .public_key = made->spki,
        .kid = ps_bytes_str(made->kid),
        .token = record.token,
        .created_s = now_s,
        .activates_s = now_s,
        .expires_s = record.validity_s == 0 ? 0 : now_s + record.validity_s,
    };
    key_record_put(&record, operation_change(op, CATALOG_KEY, record.name, 0));
    version_record_put_name(record.name, 1, &name);
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
    operation_done(op);
}

static bool prepare(struct operation *op, struct key_record *record, struct make_spec *ret_spec)
{
    enum ps_err err = key_params_read(op, record);

    if (err == PS_OK) {
        err = key_params_object(op, 0);
    }
    if (err == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, record->token);
        err = op->token == NULL ? ps_fail(PS_E_TOKEN, 0, "the token is not configured") : PS_OK;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return false;
    }
    ps_buf_reset(&op->subject);
    ps_buf_put(&op->subject, record->name);
    ps_buf_put_u8(&op->subject, 0);
    *ret_spec = (struct make_spec){.token = op->token,
                                   .type = record->type,
                                   .usage = record->usage,
                                   .algorithms = record->algorithms,
                                   .algorithm_count = record->algorithm_count,
                                   .label = (const char *)op->subject.data};
    return true;
}

void key_create_execute(struct operation *op)
{
    struct key_record record;
    struct make_spec spec;

    if (prepare(op, &record, &spec)) {
        make_key(op, &spec, &op->objects[0], on_made);
    }
}

void key_create_settle(struct operation *op)
{
    struct key_record record;
    struct make_spec spec;

    if (prepare(op, &record, &spec)) {
        make_settle(op, &spec, &op->objects[0], on_made);
    }
}

/* Also of every other operation on a key: its resolved parameters name it. */
enum ps_err key_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes name;
    struct key *key;

    if (document_text(op->params, "name", &name) != PS_OK) {
        PS_TRY(document_text(op->params, "key", &name));
    }
    key = keys_find(op->keeper->keys, name);
    if (key == NULL) {
        return ps_fail(PS_E_INTERNAL, 0, "the key that was changed is not there");
    }
    read_put_key(key, true, json);
    read_put_key_etag(key, &op->etag);
    ps_buf_printf(&op->location, "/v1/keys/%s", key->name);
    return ps_buf_status(json->out);
}
