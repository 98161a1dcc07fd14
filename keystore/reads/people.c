#include "keystore/reads/internal.h"

#include "keystore/callers/client_nonces.h"

/* Clients, grants and sets: rows of the catalog as documents. */

static void put_array(struct writer *json, const char *name, struct json_value value)
{
    writer_raw(json, name, value.doc == NULL ? ps_bytes_str("[]") : json_raw(value));
}

void read_put_client(const struct client_record *client, uint64_t revision, struct writer *json)
{
    writer_text(json, "name", client->name);
    put_array(json, "pins", client->pins);
    put_array(json, "uids", client->uids);
    if (client->issuer.len != 0) {
        writer_octets(json, "issuer", client->issuer);
    }
    writer_text_if(json, "san", client->san);
    writer_text(json, "listener", client->listener);
    writer_bool(json, "suspended", client->suspended);
    writer_number(json, "revision", revision);
}

void read_put_grant(const struct grant_record *grant, struct writer *json)
{
    writer_text(json, "id", grant->id);
    writer_text(json, "client", grant->client);
    writer_text(json, "keys", grant->keys);
    put_array(json, "operations", grant->operations);
    put_array(json, "formats", grant->formats);
    writer_number_if(json, "rate_per_s", grant->rate_per_s);
    writer_time_s_if(json, "not_after", grant->not_after_s);
}

void read_put_set(const struct set_record *set, uint64_t revision, struct writer *json)
{
    writer_text(json, "name", set->name);
    put_array(json, "keys", set->keys);
    writer_number(json, "max_age_s", set->max_age_s);
    writer_number(json, "revision", revision);
}

static enum ps_err parse(struct read *read, const struct catalog_row *row,
                         struct json_value *ret_body)
{
    return json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, ret_body);
}

static enum ps_err put_client(struct read *read, const struct catalog_row *row, struct writer *json,
                              bool *ret_written)
{
    struct client_record client;
    struct json_value body;

    PS_TRY(parse(read, row, &body));
    PS_TRY(client_record_read(body, &client));
    writer_begin_object(json, NULL);
    read_put_client(&client, row->revision, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

static enum ps_err put_grant(struct read *read, const struct catalog_row *row, struct writer *json,
                             bool *ret_written)
{
    struct grant_record grant;
    struct json_value body;

    PS_TRY(parse(read, row, &body));
    PS_TRY(grant_record_read(body, &grant));
    writer_begin_object(json, NULL);
    read_put_grant(&grant, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

static enum ps_err put_set(struct read *read, const struct catalog_row *row, struct writer *json,
                           bool *ret_written)
{
    struct set_record set;
    struct json_value body;

    PS_TRY(parse(read, row, &body));
    PS_TRY(set_record_read(body, &set));
    writer_begin_object(json, NULL);
    read_put_set(&set, row->revision, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

enum ps_err read_clients(struct read *read)
{
    return read_list(read, CATALOG_CLIENT, put_client);
}

enum ps_err read_grants(struct read *read)
{
    return read_list(read, CATALOG_GRANT, put_grant);
}

enum ps_err read_sets(struct read *read)
{
    return read_list(read, CATALOG_SET, put_set);
}

enum ps_err read_client(struct read *read)
{
    struct writer json = writer(&read->body);
    struct catalog_row row;
    bool written;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(catalog_get(read->keeper->known, CATALOG_CLIENT, read->message->name, &memory, &row));
    PS_TRY(put_client(read, &row, &json, &written));
    ps_buf_put_decimal(&read->etag, row.revision);
    return PS_OK;
}

/* What a statement about the caller's next key has to say, in the statement's own forms. */
enum ps_err read_client_nonce(struct read *read)
{
    const struct keeper *keeper = read->keeper;
    const struct msg_caller *caller = &read->message->caller;
    const struct ps_bytes client = authority_name(&read->authority);
    struct writer json = writer(&read->body);
    uint8_t nonce[CLIENT_NONCE_LEN];

    PS_TRY(
        client_nonces_give(keeper->client_nonces, client, ps_clock_mono_ns() / PS_NS_PER_S, nonce));
    writer_begin_object(&json, NULL);
    writer_hex(&json, "appliance", ps_bytes(keeper->appliance.identity_hash, PS_SHA256_LEN));
    writer_text(&json, "client", client);
    writer_hex(&json, "nonce", ps_bytes(nonce, sizeof nonce));
    writer_time_s(&json, "not_after", real_now_s() + CLIENT_NONCE_LIVE_S);
    if (caller->kind == CALLER_TLS) {
        writer_octets(&json, "old_key", caller->spki);
    }
    writer_end_object(&json);
    return PS_OK;
}
