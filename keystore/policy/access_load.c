#include "keystore/policy/access_internal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <stdlib.h>

struct load {
    struct access *access;
    struct index *index;
};

static enum ps_err no_memory(void)
{
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

static void free_client(void *object)
{
    struct access_client *client = object;

    free(client->grants);
    free(client);
}

void access_index_free(struct index *index)
{
    if (index == NULL) {
        return;
    }
    ps_map_free(index->pins, NULL);
    ps_map_free(index->uids, NULL);
    ps_map_free(index->rules, NULL);
    ps_map_free(index->clients, free_client);
    ps_map_free(index->grants, free);
    ps_map_free(index->remembered, free);
    free(index);
}
PS_DEFINE_CLEANUP(struct index, access_index_free)

static enum ps_err new_index(struct index **ret_index)
{
    PS_CLEANUP(access_index_free_cleanup) struct index *index = calloc(1, sizeof *index);

    if (index == NULL) {
        return no_memory();
    }
    PS_TRY(ps_map_new(&index->clients));
    PS_TRY(ps_map_new(&index->pins));
    PS_TRY(ps_map_new(&index->uids));
    PS_TRY(ps_map_new(&index->rules));
    PS_TRY(ps_map_new(&index->grants));
    PS_TRY(ps_map_new(&index->remembered));
    *ret_index = index;
    index = NULL;
    return PS_OK;
}

static enum ps_err read_pins(struct json_value pins, struct access_client *client)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, PS_SHA256_LEN);
    while (pins.doc != NULL && json_next(pins, &cursor, NULL, &value)) {
        ps_buf_reset(&octets);
        PS_TRY(json_string(value, &text));
        PS_TRY(ps_base64url_decode(text, &octets));
        if (octets.len != PS_SHA256_LEN || client->pin_count == CLIENT_PINS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "member \"pins\": not of its schema");
        }
        memcpy(client->pins[client->pin_count++], octets.data, PS_SHA256_LEN);
    }
    return PS_OK;
}

static enum ps_err read_uids(struct json_value uids, struct access_client *client)
{
    struct json_value value;
    uint32_t cursor = 0;
    int64_t uid = 0;

    while (uids.doc != NULL && json_next(uids, &cursor, NULL, &value)) {
        PS_TRY(json_integer(value, &uid));
        if (uid < 0 || uid >= (int64_t)UINT32_MAX || client->uid_count == CLIENT_UIDS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "member \"uids\": not of its schema");
        }
        client->uids[client->uid_count++] = (uint32_t)uid;
    }
    return PS_OK;
}

enum ps_err access_read_identities(const struct client_record *record,
                                   struct access_client *ret_client)
{
    if (record->issuer.len != 0 || record->san.len != 0) {
        if (record->issuer.len != PS_SHA256_LEN || record->san.len == 0 ||
            record->san.len > CLIENT_SAN_MAX) {
            return ps_fail(PS_E_INPUT, 0, "member \"issuer\": not of its schema");
        }
        memcpy(ret_client->rule, record->issuer.data, PS_SHA256_LEN);
        memcpy(ret_client->rule + PS_SHA256_LEN, record->san.data, record->san.len);
        ret_client->rule_len = PS_SHA256_LEN + record->san.len;
    }
    PS_TRY(read_pins(record->pins, ret_client));
    return read_uids(record->uids, ret_client);
}

static unsigned listeners_of(struct ps_bytes name)
{
    if (ps_bytes_equal_str(name, "both")) {
        return ACCESS_CLIENTS | ACCESS_MANAGEMENT;
    }
    return ps_bytes_equal_str(name, "management") ? ACCESS_MANAGEMENT : ACCESS_CLIENTS;
}

static enum ps_err add_identity(struct ps_map *map, struct ps_bytes identity,
                                struct access_client *client)
{
    const enum ps_err err = ps_map_add(map, identity, client);

    if (err == PS_E_CONFLICT) {
        return ps_fail(PS_E_CONFLICT, 0, "client %s has an identity of another client",
                       client->name);
    }
    return err;
}

static enum ps_err add_identities(struct index *index, struct access_client *client)
{
    for (size_t i = 0; i < client->pin_count; i++) {
        PS_TRY(add_identity(index->pins, ps_bytes(client->pins[i], PS_SHA256_LEN), client));
    }
    for (size_t i = 0; i < client->uid_count; i++) {
        PS_TRY(
            add_identity(index->uids, ps_bytes(&client->uids[i], sizeof client->uids[i]), client));
    }
    if (client->rule_len != 0) {
        PS_TRY(add_identity(index->rules, ps_bytes(client->rule, client->rule_len), client));
    }
    return PS_OK;
}

static uint64_t number_for(struct access *access, struct ps_bytes name)
{
    const struct access_client *before =
        access->index == NULL ? NULL : ps_map_get(access->index->clients, name);

    return before != NULL ? before->number : ++access->last_number;
}

static enum ps_err parse_row(struct access *access, const struct catalog_row *row,
                             struct json_value *ret_value)
{
    const struct json_limits limits = {CATALOG_BODY_MAX, 16, 20000};

    return json_parse(access->json, row->body, &limits, ret_value);
}

static enum ps_err add_client(void *context, const struct catalog_row *row)
{
    const struct load *load = context;
    struct client_record record;
    struct json_value value;
    struct access_client *client;
    enum ps_err err;

    PS_TRY(parse_row(load->access, row, &value));
    PS_TRY(client_record_read(value, &record));
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        return no_memory();
    }
    memcpy(client->name, record.name.data, record.name.len);
    client->name_len = record.name.len;
    client->listeners = listeners_of(record.listener);
    client->suspended = record.suspended;
    err = ps_map_add(load->index->clients, access_client_name(client), client);
    if (err != PS_OK) {
        free_client(client);
        return err;
    }
    client->number = number_for(load->access, access_client_name(client));
    PS_TRY(access_read_identities(&record, client));
    return add_identities(load->index, client);
}

/* Octets that all texts of the grant take together. */
static size_t texts_len(const struct grant_record *record)
{
    struct json_value value;
    uint32_t cursor = 0;
    size_t len = record->id.len + record->keys.len;

    while (json_next(record->operations, &cursor, NULL, &value)) {
        len += json_raw(value).len;
    }
    return len;
}

static struct ps_bytes place(uint8_t **at, struct ps_bytes text)
{
    const struct ps_bytes copy = ps_bytes(*at, text.len);

    if (text.len != 0) {
        memcpy(*at, text.data, text.len);
    }
    *at += text.len;
    return copy;
}

static enum ps_err read_operations(struct json_value operations, uint8_t **at,
                                   struct access_grant *grant)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(operations, &cursor, NULL, &value)) {
        struct granted *granted = &grant->granted[grant->count];

        PS_TRY(json_string(value, &name));
        granted->op = granted_op_by_name(name, &granted->parameter);
        if (granted->op == GRANTED_NONE) {
            return ps_fail(PS_E_INPUT, 0, "grant %.*s: no operation %.*s", PS_BYTES_FMT(grant->id),
                           PS_BYTES_FMT(name));
        }
        granted->parameter = place(at, granted->parameter);
        grant->operations |= UINT64_C(1) << granted->op;
        grant->count++;
    }
    return PS_OK;
}

static enum ps_err read_formats(struct json_value formats, struct access_grant *grant)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(formats, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &name));
        grant->formats |= GRANTED_FORMAT(ps_format_by_name(name));
    }
    return PS_OK;
}

static void take_over_rate(const struct access *access, struct access_grant *grant)
{
    const struct access_grant *before =
        access->index == NULL ? NULL : ps_map_get(access->index->grants, grant->id);

    grant->uses.level = grant->rate_per_s * PS_NS_PER_S;
    grant->looks = grant->uses;
    if (before != NULL && before->rate_per_s == grant->rate_per_s) {
        grant->uses = before->uses;
        grant->looks = before->looks;
    }
}

static void free_grant(struct access_grant **grant)
{
    free(*grant);
}

static enum ps_err make_grant(const struct access *access, const struct grant_record *record,
                              struct access_grant **ret_grant)
{
    const size_t count = json_count(record->operations);
    const size_t head = sizeof(struct access_grant) + count * sizeof(struct granted);
    PS_CLEANUP(free_grant) struct access_grant *grant = calloc(1, head + texts_len(record));
    uint8_t *at;

    if (grant == NULL) {
        return no_memory();
    }
    at = (uint8_t *)grant + head;
    grant->id = place(&at, record->id);
    grant->keys = place(&at, record->keys);
    grant->rate_per_s = record->rate_per_s;
    grant->not_after_s = record->not_after_s;
    PS_TRY(read_operations(record->operations, &at, grant));
    PS_TRY(read_formats(record->formats, grant));
    take_over_rate(access, grant);
    *ret_grant = grant;
    grant = NULL;
    return PS_OK;
}

static enum ps_err give(struct access_client *client, struct access_grant *grant)
{
    /* Doubles at each power of two. */
    if ((client->grant_count & (client->grant_count - 1)) == 0) {
        const size_t size = client->grant_count == 0 ? 1 : client->grant_count * 2;
        struct access_grant **grants =
            reallocarray(client->grants, size, sizeof(struct access_grant *));

        if (grants == NULL) {
            return no_memory();
        }
        client->grants = grants;
    }
    client->grants[client->grant_count++] = grant;
    return PS_OK;
}

static enum ps_err own_grant(struct index *index, struct access_client *client,
                             struct access_grant *grant)
{
    const enum ps_err err = ps_map_add(index->grants, grant->id, grant);

    if (err != PS_OK) {
        free(grant);
        return err;
    }
    return give(client, grant);
}

static enum ps_err add_grant(void *context, const struct catalog_row *row)
{
    const struct load *load = context;
    struct access_grant *grant = NULL;
    struct access_client *client;
    struct grant_record record;
    struct json_value value;

    PS_TRY(parse_row(load->access, row, &value));
    PS_TRY(grant_record_read(value, &record));
    client = ps_map_get(load->index->clients, record.client);
    if (client == NULL) {
        /* It gives nobody anything, unless a client of that name is registered again. */
        return PS_OK;
    }
    PS_TRY(make_grant(load->access, &record, &grant));
    return own_grant(load->index, client, grant);
}

static enum ps_err fill(struct access *access, struct catalog *catalog, struct index **ret_index)
{
    PS_CLEANUP(access_index_free_cleanup) struct index *index = NULL;
    struct load load = {.access = access};

    PS_TRY(new_index(&index));
    load.index = index;
    PS_TRY(catalog_list(catalog, CATALOG_CLIENT, ps_bytes(NULL, 0), UINT32_MAX, add_client, &load));
    PS_TRY(catalog_list(catalog, CATALOG_GRANT, ps_bytes(NULL, 0), UINT32_MAX, add_grant, &load));
    *ret_index = index;
    index = NULL;
    return PS_OK;
}

enum ps_err access_load(struct access *access, struct catalog *catalog)
{
    struct index *index = NULL;
    const enum ps_err err = fill(access, catalog, &index);

    /* What is known of before may have been revoked meanwhile. */
    access_index_free(access->index);
    access->index = index;
    return err;
}
