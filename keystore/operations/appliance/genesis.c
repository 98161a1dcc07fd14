#include "keystore/operations/internal.h"

#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/operations/appliance/genesis.h"
#include "keystore/operations/appliance/handlers.h"
#include "keystore/operations/callers/clients.h"
#include "keystore/policy/rules.h"
#include "keystore/tokens/approval.h"
#include "keystore/tokens/unready.h"
#include "lib/formats/public_key/public_key.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Genesis: takes a token in, makes the log's key and the appliance's identity in it, and writes the
 * log's first leaf, which carries the rows of the first client. Nothing of it counts before that
 * leaf is durable.
 */

#define LOGIN_LIMIT_NS (60 * PS_NS_PER_S)

enum stage {
    STAGE_BLANK,
    STAGE_LOGIN,
    STAGE_SWEEP,
    STAGE_LOG_KEY,
    STAGE_IDENTITY,
    STAGE_ANCHOR,
    STAGE_ROWS
};

struct key_made {
    uint8_t spki[128];
    size_t spki_len;
    char kid[PUBLIC_KEY_KID_LEN + 1];
};

struct genesis {
    enum stage stage;
    struct key_made keys[2]; /* log, identity */
};

static const char *const key_names[2] = {LOG_KEY_NAME, IDENTITY_KEY_NAME};

/* --- The stages --- */

static struct genesis *genesis_of(const struct operation *op)
{
    return op->work;
}

static void next(struct operation *op, enum stage stage)
{
    genesis_of(op)->stage = stage;
    op->is_waiting = false;
    genesis_go_on(op);
}

static void on_initialised(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    operation_note_calls(op, answer);
    if (answer->outcome != TOKEN_ANSWERED) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token was not initialised");
        return;
    }
    next(op, STAGE_LOGIN);
}

static void initialise(struct operation *op)
{
    char label[33];
    const int len =
        snprintf(label, sizeof label, "privyseal-%.*s", PS_BYTES_FMT(tokens_name(op->token)));
    const struct msg_token_initialise message = {
        .label = ps_bytes(label, (size_t)len < sizeof label ? (size_t)len : sizeof label - 1),
        .so_pin = tokens_so_pin(op->token),
        .pin = tokens_pin(op->token),
    };
    const enum ps_err err = tokens_call_in_state(op->token, TOKEN_BLANK, &msg_token_initialise_info,
                                                 &message, on_initialised, op);

    op->is_waiting = err == PS_OK;
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}

/* Waits for the log-in; the token's changes and the tick come back here. */
static void wait_for_login(struct operation *op)
{
    tokens_approve(op->token, &(struct token_identity){.serial = {NULL, 0}});
    if (tokens_is_ready(op->token)) {
        next(op, STAGE_SWEEP);
    } else if (tokens_pin_refused(op->token)) {
        operation_failed(op, PS_PROBLEM_REFUSED, "the token refused the configured PIN");
    } else if (ps_clock_mono_ns() > op->deadline_ns) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is %s",
                         token_state_name(tokens_state(op->token)));
    }
}

static void on_swept(struct operation *op, bool is_clean)
{
    if (is_clean) {
        next(op, STAGE_LOG_KEY);
    } else {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "what an earlier genesis left in the token cannot be destroyed");
    }
}

static void on_made(struct operation *op, const struct made *made)
{
    struct genesis *genesis = genesis_of(op);
    struct key_made *key = &genesis->keys[genesis->stage == STAGE_LOG_KEY ? 0 : 1];

    if (made->spki.len > sizeof key->spki) {
        operation_failed(op, PS_PROBLEM_INTERNAL, "a public key of %zu octets", made->spki.len);
        return;
    }
    memcpy(key->spki, made->spki.data, made->spki.len);
    key->spki_len = made->spki.len;
    (void)snprintf(key->kid, sizeof key->kid, "%s", made->kid);
    next(op, genesis->stage == STAGE_LOG_KEY ? STAGE_IDENTITY : STAGE_ANCHOR);
}

static void make(struct operation *op, size_t which)
{
    static const enum ps_alg algorithms[] = {PS_ALG_EDDSA};
    const struct make_spec spec = {.token = op->token,
                                   .type = PS_KEY_ED25519,
                                   .usage = PS_USAGE_SIGN,
                                   .algorithms = algorithms,
                                   .algorithm_count = 1,
                                   .label = ps_bytes_str(key_names[which])};

    op->is_waiting = true;
    make_key(op, &spec, &op->objects[which], on_made);
}

static void on_anchor(void *context, bool is_written)
{
    struct operation *op = context;

    if (is_written) {
        next(op, STAGE_ROWS);
    } else {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the anchor was not written");
    }
}

/* An empty log's anchor, before there is a log: from its first leaf on there is never none. */
static void write_anchor(struct operation *op)
{
    struct appliance *appliance = &op->keeper->appliance;
    const struct ps_bytes name = tokens_name(op->token);

    memcpy(appliance->token, name.data, name.len);
    appliance->token[name.len] = 0;
    op->is_waiting = true;
    anchor_write(op->keeper->anchor, on_anchor, op);
}

/* --- The rows --- */

static enum ps_err put_key_rows(struct operation *op, size_t which)
{
    const struct key_made *made = &genesis_of(op)->keys[which];
    const uint64_t now_s = real_now_s();
    const struct ps_bytes name = ps_bytes_str(key_names[which]);
    const struct key_record key = {
        .name = name,
        .type = PS_KEY_ED25519,
        .usage = PS_USAGE_SIGN,
        .class = KEY_CLASS_A,
        .formats = {PS_FORMAT_RAW},
        .format_count = 1,
        .algorithms = {PS_ALG_EDDSA},
        .algorithm_count = 1,
        .residence = ps_bytes_str("token"),
        .recovery = ps_bytes_str("none"),
        .token = tokens_name(op->token),
        .state = KEY_ACTIVE,
        .verify = KEY_VERIFY_ALWAYS,
        .latest = 1,
    };
    const struct version_record version = {
        .key = name,
        .number = 1,
        .state = KEY_ACTIVE,
        .object_id = ps_bytes(op->objects[which].id, OBJECT_ID_LEN),
        .public_key = ps_bytes(made->spki, made->spki_len),
        .kid = ps_bytes_str(made->kid),
        .token = tokens_name(op->token),
        .created_s = now_s,
        .activates_s = now_s,
    };
    PS_BUF_AUTO row_name;

    ps_buf_init(&row_name, KEY_VERSION_NAME_MAX);
    version_record_put_name(name, 1, &row_name);
    PS_TRY(ps_buf_status(&row_name));
    key_record_put(&key, operation_change(op, CATALOG_KEY, name, 0));
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&row_name), 0));
    return PS_OK;
}

static enum ps_err put_token_row(struct operation *op)
{
    struct token_view view = {.number = 0};
    size_t at = 0;

    while (tokens_view(op->token, at, &view) && view.state != TOKEN_READY) {
        at++;
    }
    if (view.state != TOKEN_READY) {
        return ps_fail(PS_E_TOKEN, 0, "the token went away");
    }
    token_record_put(&(struct token_record){.name = tokens_name(op->token),
                                            .serial = view.serial,
                                            .label = view.label,
                                            .manufacturer = view.manufacturer,
                                            .model = view.model,
                                            .firmware = view.firmware,
                                            .profile = view.profile,
                                            .module_hash = view.module_hash,
                                            .profile_hash = view.profile_hash},
                     operation_change(op, CATALOG_TOKEN, tokens_name(op->token), 0));
    return PS_OK;
}

static enum ps_err put_appliance_rows(struct operation *op, struct ps_bytes origin)
{
    struct ps_bytes hex;
    struct appliance_record record;
    PS_BUF_AUTO configuration;

    ps_buf_init(&configuration, PS_SHA256_LEN);
    PS_TRY(document_text(op->params, "configuration", &hex));
    PS_TRY(ps_hex_decode(hex, &configuration));
    record = (struct appliance_record){
        .origin = origin,
        .log_object_id = ps_bytes(op->objects[0].id, OBJECT_ID_LEN),
        .log_token = tokens_name(op->token),
        .log_verifier = ps_buf_bytes(&op->subject),
        .practice = op->keeper->config->practice != 0,
        .configuration = ps_buf_bytes(&configuration),
        .created_s = real_now_s(),
    };
    appliance_record_put(&record,
                         operation_change(op, CATALOG_APPLIANCE, ps_bytes_str(APPLIANCE_ROW), 0));
    return genesis_put_people(op);
}

/* Everything about the appliance and its keys, and no signature with any of them. */
static void put_grant(struct operation *op, struct ps_bytes client)
{
    struct writer json = writer(operation_change(op, CATALOG_GRANT, ps_bytes_str(op->id), 0));

    writer_begin_object(&json, NULL);
    writer_text(&json, "client", client);
    writer_begin_array(&json, "formats");
    writer_end_array(&json);
    writer_str(&json, "id", op->id);
    writer_str(&json, "keys", "*");
    writer_number(&json, "not_after_s", 0);
    writer_begin_array(&json, "operations");
    for (unsigned i = GRANTED_KEYS_CREATE; i < GRANTED_COUNT; i++) {
        writer_str(&json, NULL, granted_op_info((enum granted_op)i)->name);
    }
    writer_str(&json, NULL, granted_op_info(GRANTED_KEYS_READ)->name);
    writer_end_array(&json);
    writer_number(&json, "rate_per_s", 0);
    writer_end_object(&json);
}

static enum ps_err put_client_rows(struct operation *op)
{
    struct json_value client;
    struct ps_bytes name;

    if (!json_member(op->params, "client", &client)) {
        return ps_fail(PS_E_INPUT, 0, "no client");
    }
    PS_TRY(document_text(client, "name", &name));
    PS_TRY(client_params_to_row(client, operation_change(op, CATALOG_CLIENT, name, 0)));
    put_grant(op, name);
    return PS_OK;
}

static enum ps_err put_rows(struct operation *op)
{
    const struct key_made *log = &genesis_of(op)->keys[0];
    char text[IPC_NAME_MAX + 1];
    struct ps_bytes origin;

    PS_TRY(document_text(op->params, "origin", &origin));
    memcpy(text, origin.data, origin.len);
    text[origin.len] = 0;
    ps_buf_reset(&op->subject);
    PS_TRY(checkpoints_put_verifier(text, "events", "", ps_bytes(log->spki, log->spki_len),
                                    &op->subject));
    PS_TRY(put_appliance_rows(op, origin));
    PS_TRY(put_token_row(op));
    PS_TRY(put_key_rows(op, 0));
    PS_TRY(put_key_rows(op, 1));
    return put_client_rows(op);
}

static void finish(struct operation *op)
{
    const enum ps_err err = put_rows(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

void genesis_go_on(struct operation *op)
{
    switch (genesis_of(op)->stage) {
    case STAGE_BLANK:
        initialise(op);
        break;
    case STAGE_LOGIN:
        wait_for_login(op);
        break;
    case STAGE_SWEEP:
        op->is_waiting = true;
        clean_sweep_then(op, on_swept);
        break;
    case STAGE_LOG_KEY:
        make(op, 0);
        break;
    case STAGE_IDENTITY:
        make(op, 1);
        break;
    case STAGE_ANCHOR:
        write_anchor(op);
        break;
    case STAGE_ROWS:
        finish(op);
        break;
    }
}

void genesis_execute(struct operation *op)
{
    struct genesis *genesis = op->work == NULL ? calloc(1, sizeof *genesis) : op->work;

    if (genesis == NULL) {
        operation_failed(op, PS_PROBLEM_OVERLOADED, "out of memory");
        return;
    }
    if (op->work == NULL) {
        op->work = genesis;
        op->goes_on = true;
        op->deadline_ns = ps_clock_mono_ns() + LOGIN_LIMIT_NS;
        genesis->stage = tokens_state(op->token) == TOKEN_BLANK ? STAGE_BLANK : STAGE_LOGIN;
    }
    genesis_go_on(op);
}

enum ps_err genesis_describe(struct operation *op, struct writer *json)
{
    struct json_value client;
    struct ps_bytes text;

    if (json_member(op->params, "client", &client)) {
        PS_TRY(document_text(client, "name", &text));
        writer_text(json, "client", text);
    }
    writer_text(json, "log_key", ps_buf_bytes(&op->subject));
    PS_TRY(document_text(op->params, "origin", &text));
    writer_text(json, "origin", text);
    PS_TRY(document_text(op->params, "token", &text));
    writer_text(json, "token", text);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
