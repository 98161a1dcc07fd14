#include "keystore/reads/internal.h"

#include "keystore/backup/holders.h"
#include "lib/formats/cose/cose.h"

/* Keys as api.md describes them, and their public halves. */

static void put_lists(const struct key *key, struct writer *json)
{
    writer_begin_array(json, "formats");
    for (unsigned format = 1; format < PS_FORMAT_COUNT; format++) {
        if (key_has_format(key, (enum ps_format)format)) {
            writer_str(json, NULL, ps_format_name((enum ps_format)format));
        }
    }
    writer_end_array(json);
    writer_begin_array(json, "algorithms");
    for (size_t i = 0; i < key->algorithm_count; i++) {
        writer_str(json, NULL, ps_alg_info(key->algorithms[i])->name);
    }
    writer_end_array(json);
}

static void put_policy(const struct key *key, struct writer *json)
{
    writer_str(json, "verify", key_verify_name(key->verify));
    writer_number_if(json, "validity_s", key->validity_s);
    writer_begin_object(json, "rotation");
    writer_number(json, "period_s", key->rotation.period_s);
    writer_number(json, "publish_ahead_s", key->rotation.publish_ahead_s);
    writer_number(json, "retain_s", key->rotation.retain_s);
    if (key->rotation.certificates != KEY_CERTIFICATES_NONE) {
        writer_str(json, "certificate", key_certificates_name(key->rotation.certificates));
        writer_text_if(json, "issuer", ps_bytes_str(key->issuer));
        writer_str(json, "on_expiry", key->rotation.stops ? "stop" : "warn");
    }
    writer_end_object(json);
    if (key->jwt_type[0] != 0 || key->jwt_issuer[0] != 0 || key->jwt_max_ttl_s != 0) {
        writer_begin_object(json, "jwt");
        writer_text_if(json, "typ", ps_bytes_str(key->jwt_type));
        writer_text_if(json, "iss", ps_bytes_str(key->jwt_issuer));
        writer_number_if(json, "max_ttl_s", key->jwt_max_ttl_s);
        writer_end_object(json);
    }
    writer_raw(json, "labels", ps_bytes_str(key->labels == NULL ? "{}" : key->labels));
}

/* One algorithm: the JWK says it. Several: it says none, or verifiers would refuse the others. */
static enum ps_alg only_algorithm(const struct key *key)
{
    return key->algorithm_count == 1 ? key->algorithms[0] : PS_ALG_NONE;
}

static const char *use_of(const struct key *key)
{
    return key->usage == PS_USAGE_DECRYPT ? "enc" : "sig";
}

static void put_version(struct key_version *version, struct writer *json)
{
    struct public_key *public_key;

    writer_begin_object(json, NULL);
    writer_number(json, "version", version->number);
    writer_str(json, "state", key_state_name(version->state));
    writer_text_if(json, "kid", ps_bytes_str(version->kid));
    writer_time_s(json, "created", version->created_s);
    writer_time_s(json, "activates", version->activates_s);
    writer_time_s_if(json, "expires", version->expires_s);
    writer_time_s_if(json, "retired", version->retired_s);
    if (version->spki != NULL && version_public_key(version, &public_key) == PS_OK) {
        writer_raw(json, "public_jwk", ps_bytes(NULL, 0));
        public_key_put_jwk(public_key, only_algorithm(version->key), use_of(version->key),
                           json->out);
    }
    writer_text(json, "token", version_token(version));
    read_put_certificate(version, json);
    writer_end_object(json);
}

void read_put_key(struct key *key, bool with_versions, struct writer *json)
{
    const struct key_version *active = key_active(key, real_now_s());

    writer_str(json, "name", key->name);
    writer_str(json, "type", ps_key_type_info(key->type)->name);
    writer_str(json, "usage", ps_usage_name(key->usage));
    writer_str(json, "class", key_class_name(key_class_of(key)));
    put_lists(key, json);
    writer_str(json, "residence", key->residence);
    writer_str(json, "recovery", key->recovery);
    writer_str(json, "token", key->token);
    writer_str(json, "state", key_state_name(key->state));
    put_policy(key, json);
    if (with_versions) {
        writer_begin_array(json, "versions");
        for (size_t i = 0; i < key->version_count; i++) {
            put_version(key->versions[i], json);
        }
        writer_end_array(json);
    }
    if (active != NULL) {
        read_put_certificate(active, json);
    }
    writer_number(json, "revision", key->revision);
}

void read_put_key_etag(const struct key *key, struct ps_buf *out)
{
    ps_buf_put_decimal(out, key->revision);
}

static bool may_see(struct read *read, struct ps_bytes name)
{
    const struct question question = {.role = read->role,
                                      .caller = &read->message->caller,
                                      .operation = GRANTED_KEYS_READ,
                                      .key = name,
                                      .is_free = true};

    return authority_decide(read->keeper, &question).problem == PS_PROBLEM_NONE;
}

static enum ps_err put_item(struct read *read, const struct catalog_row *row, struct writer *json,
                            bool *ret_written)
{
    struct key *key = may_see(read, row->name) ? keys_find(read->keeper->keys, row->name) : NULL;

    *ret_written = key != NULL;
    if (*ret_written) {
        writer_begin_object(json, NULL);
        read_put_key(key, false, json);
        writer_end_object(json);
    }
    return PS_OK;
}

enum ps_err read_keys(struct read *read)
{
    return read_list(read, CATALOG_KEY, put_item);
}

static enum ps_err find_key(struct read *read, struct key **ret_key)
{
    *ret_key = keys_find(read->keeper->keys, read->message->name);
    return *ret_key == NULL ? ps_fail(PS_E_NOT_FOUND, 0, "there is no such key") : PS_OK;
}

enum ps_err read_key(struct read *read)
{
    struct writer json = writer(&read->body);
    struct key *key;

    PS_TRY(find_key(read, &key));
    writer_begin_object(&json, NULL);
    read_put_key(key, true, &json);
    PS_TRY(holders_put_destroyed(read->keeper, key, &json));
    writer_end_object(&json);
    read_put_key_etag(key, &read->etag);
    return PS_OK;
}

enum { ACCEPT_JWK, ACCEPT_PEM, ACCEPT_DER, ACCEPT_COSE_KEY };

/* The active version's, or the newest one's when none is active. */
enum ps_err read_key_public(struct read *read)
{
    struct key *key;
    struct key_version *version;
    struct public_key *public_key;

    PS_TRY(find_key(read, &key));
    version = key_active(key, real_now_s());
    version = version == NULL ? key_latest(key) : version;
    if (version == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the key has no version");
    }
    PS_TRY(version_public_key(version, &public_key));
    if (read->message->accept == ACCEPT_PEM) {
        read->document.media = MEDIA_PEM;
        public_key_put_pem(public_key, &read->body);
    } else if (read->message->accept == ACCEPT_DER) {
        read->document.media = MEDIA_DER;
        ps_buf_put(&read->body, public_key_spki(public_key));
    } else if (read->message->accept == ACCEPT_COSE_KEY) {
        read->document.media = MEDIA_COSE_KEY;
        PS_TRY(cose_key_put(public_key, only_algorithm(key), &read->body));
    } else {
        public_key_put_jwk(public_key, only_algorithm(key), use_of(key), &read->body);
    }
    read_tag_body(read);
    return PS_OK;
}

/* --- For the api, which verifies itself --- */

/* One entry per algorithm, so that a signature by another one than the key's is not taken. */
static void put_entries(struct key_version *version, struct public_key *public_key,
                        struct writer *json)
{
    const struct key *key = version->key;

    for (size_t i = 0; i < key->algorithm_count; i++) {
        struct ps_buf *out = json->out;

        writer_raw(json, NULL, ps_bytes(NULL, 0));
        public_key_put_jwk(public_key, key->algorithms[i], "sig", out);
        if (out->err == PS_OK && out->len != 0) {
            /* In place of the closing brace. */
            out->len--;
            ps_buf_printf(out, ",\"version\":%u}", version->number);
        }
    }
}

static enum ps_err put_verify_keys(struct key *key, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "keys");
    for (size_t i = key->version_count; i > 0; i--) {
        struct key_version *version = key->versions[i - 1];
        struct public_key *public_key;

        if (version->spki == NULL || version->is_unproven || version->state == KEY_COMPROMISED ||
            key->state == KEY_COMPROMISED) {
            continue;
        }
        PS_TRY(version_public_key(version, &public_key));
        put_entries(version, public_key, &json);
    }
    writer_end_array(&json);
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* What has to be granted to verify what is in a format. */
static const struct verifiable {
    enum ps_format format;
    enum granted_op operation;
} verifiables[] = {{PS_FORMAT_JWS, GRANTED_JWS_VERIFY},
                   {PS_FORMAT_COSE, GRANTED_COSE_VERIFY},
                   {PS_FORMAT_RAW, GRANTED_RAW_SIGN}};

static const struct verifiable *verifiable_of(uint8_t format)
{
    for (size_t i = 0; i < PS_COUNT_OF(verifiables); i++) {
        if (verifiables[i].format == format) {
            return &verifiables[i];
        }
    }
    return &verifiables[0];
}

void read_answer_verify_keys(struct keeper *keeper, const struct reply_to *to,
                             const struct msg_verify_keys *message)
{
    const struct verifiable *row = verifiable_of(message->format);
    const struct question question = {
        .role = to->peer->role,
        .caller = &message->caller,
        .operation = row->operation,
        .key = message->key,
        .format = row->format,
    };
    const struct authority authority =
        authority_decide_request(keeper, &question, message->request_id);
    struct key *key = keys_find(keeper->keys, message->key);
    enum ps_err err;
    PS_BUF_AUTO body;

    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return;
    }
    if (key == NULL || !key_has_format(key, row->format)) {
        answer_problem(to,
                       &(struct problem_answer){
                           .problem = key == NULL ? PS_PROBLEM_NOT_FOUND : PS_PROBLEM_KEY_MISMATCH,
                           .detail = key == NULL ? "there is no such key"
                                                 : "the key is not made for this format"});
        return;
    }
    err = put_verify_keys(key, &body);
    if (err != PS_OK) {
        answer_error(to, err);
        return;
    }
    answer_document(to, &(struct msg_document){
                            .status = 200, .media = MEDIA_JWKS, .body = ps_buf_bytes(&body)});
}
