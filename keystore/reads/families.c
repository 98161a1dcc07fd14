#include "keystore/reads/internal.h"

/* Families of keys, to whoever may see keys of their names, and to the client of each. */

static void put_names(const struct key_record *key, struct writer *json)
{
    writer_begin_array(json, "formats");
    for (size_t i = 0; i < key->format_count; i++) {
        writer_str(json, NULL, ps_format_name(key->formats[i]));
    }
    writer_end_array(json);
    writer_begin_array(json, "algorithms");
    for (size_t i = 0; i < key->algorithm_count; i++) {
        writer_str(json, NULL, ps_alg_info(key->algorithms[i])->name);
    }
    writer_end_array(json);
}

static void put_rotation(const struct key_record *key, struct writer *json)
{
    const struct rotation *rotation = &key->rotation;
    const bool needs_certificates = rotation->certificates != KEY_CERTIFICATES_NONE;

    writer_begin_object(json, "rotation");
    writer_number(json, "period_s", rotation->period_s);
    writer_number(json, "publish_ahead_s", rotation->publish_ahead_s);
    writer_number(json, "retain_s", rotation->retain_s);
    if (needs_certificates) {
        writer_str(json, "certificate", key_certificates_name(rotation->certificates));
        writer_str(json, "on_expiry", rotation->stops ? "stop" : "warn");
    }
    writer_end_object(json);
}

static void put_jwt(const struct key_record *key, struct writer *json)
{
    writer_begin_object(json, "jwt");
    writer_text_if(json, "typ", key->jwt_type);
    writer_text_if(json, "iss", key->jwt_issuer);
    writer_number_if(json, "max_ttl_s", key->jwt_max_ttl_s);
    writer_end_object(json);
}

/* As it was asked for, with what was not said then. */
static void put_template(const struct key_record *key, struct writer *json)
{
    writer_begin_object(json, "template");
    writer_str(json, "type", ps_key_type_info(key->type)->name);
    writer_str(json, "usage", ps_usage_name(key->usage));
    put_names(key, json);
    writer_text(json, "residence", key->residence);
    writer_text(json, "recovery", key->recovery);
    writer_text(json, "token", key->token);
    writer_str(json, "verify", key_verify_name(key->verify));
    writer_number_if(json, "validity_s", key->validity_s);
    put_rotation(key, json);
    put_jwt(key, json);
    writer_raw(json, "labels",
               key->labels.doc == NULL ? ps_bytes_str("{}") : json_raw(key->labels));
    writer_end_object(json);
}

void read_put_family(const struct family_record *family, uint64_t revision, struct writer *json)
{
    writer_text(json, "prefix", family->prefix);
    writer_text(json, "client", family->client);
    writer_number(json, "maximum", family->maximum);
    writer_number(json, "made", family->made);
    writer_bool(json, "suspended", family->suspended);
    put_template(&family->key, json);
    writer_number(json, "revision", revision);
}

static enum ps_err take(struct read *read, const struct catalog_row *row,
                        struct family_record *ret_family)
{
    struct json_value body;

    PS_TRY(json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    return family_record_read(body, ret_family);
}

static bool may_see(struct read *read, const struct family_record *family)
{
    const struct question question = {.role = read->role,
                                      .caller = &read->message->caller,
                                      .operation = GRANTED_KEYS_READ,
                                      .key = family->prefix,
                                      .is_free = true};

    return ps_bytes_equal(authority_name(&read->authority), family->client) ||
           authority_decide(read->keeper, &question).problem == PS_PROBLEM_NONE;
}

static enum ps_err put_item(struct read *read, const struct catalog_row *row, struct writer *json,
                            bool *ret_written)
{
    struct family_record family;

    PS_TRY(take(read, row, &family));
    *ret_written = may_see(read, &family);
    if (*ret_written) {
        writer_begin_object(json, NULL);
        read_put_family(&family, row->revision, json);
        writer_end_object(json);
    }
    return PS_OK;
}

enum ps_err read_families(struct read *read)
{
    return read_list(read, CATALOG_FAMILY, put_item);
}

enum ps_err read_family(struct read *read)
{
    PS_BUF_AUTO memory = {.max = CATALOG_BODY_MAX};
    struct writer json = writer(&read->body);
    struct family_record family;
    struct catalog_row row;
    const enum ps_err err =
        catalog_get(read->keeper->known, CATALOG_FAMILY, read->message->name, &memory, &row);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    if (err == PS_OK) {
        PS_TRY(take(read, &row, &family));
    }
    if (err != PS_OK || !may_see(read, &family)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such family");
    }
    writer_begin_object(&json, NULL);
    read_put_family(&family, row.revision, &json);
    writer_end_object(&json);
    ps_buf_put_decimal(&read->etag, row.revision);
    return PS_OK;
}
