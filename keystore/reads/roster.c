#include "keystore/reads/internal.h"

#include "keystore/gate/gate.h"
#include "keystore/operations/operations.h"
#include "lib/ceremony/people/person.h"
#include "lib/formats/ssh/ssh_key.h"

/* Who decides: the people of the roster, and the policy. */

static void put_keys(const struct person *person, struct writer *json)
{
    PS_BUF_AUTO line;

    ps_buf_init(&line, SSH_KEY_LINE_MAX);
    writer_begin_array(json, "keys");
    for (size_t i = 0; i < person->key_count; i++) {
        const struct roster_key *key = &person->keys[i];

        ps_buf_reset(&line);
        ssh_key_put_line(key->key, &line);
        writer_begin_object(json, NULL);
        writer_text(json, "key", ps_buf_bytes(&line));
        writer_str(json, "fingerprint", ssh_key_fingerprint(key->key));
        writer_bool(json, "unproven", key->is_unproven);
        writer_end_object(json);
    }
    writer_end_array(json);
}

void read_put_person(const struct person *person, uint64_t revision, struct writer *json)
{
    writer_str(json, "person", person->name);
    writer_str(json, "role", roster_role_name(person->role));
    writer_str(json, "standing", person_standing_name(person_standing(person, real_now_s())));
    writer_bool(json, "suspended", person->is_suspended);
    writer_time_s(json, "valid_from", person->valid_from_s);
    writer_time_s(json, "valid_until", person->valid_until_s);
    put_keys(person, json);
    writer_number(json, "revision", revision);
}

static enum ps_err put_officer(struct read *read, const struct catalog_row *row,
                               struct writer *json, bool *ret_written)
{
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;
    struct json_value body;

    PS_TRY(json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(person_read(body, &person));
    writer_begin_object(json, NULL);
    read_put_person(person, row->revision, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

enum ps_err read_officers(struct read *read)
{
    return read_list(read, CATALOG_ROSTER, put_officer);
}

enum ps_err read_officer(struct read *read)
{
    struct writer json = writer(&read->body);
    struct catalog_row row;
    bool written;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(catalog_get(read->keeper->known, CATALOG_ROSTER, read->message->name, &memory, &row));
    PS_TRY(put_officer(read, &row, &json, &written));
    ps_buf_put_decimal(&read->etag, row.revision);
    return PS_OK;
}

/* The octets whose hash documents carry: what an officer verifies signatures with, offline. */
enum ps_err read_roster(struct read *read)
{
    roster_put(gate_roster(read->keeper->gate), &read->body);
    read_tag_body(read);
    return PS_OK;
}

enum ps_err read_policy_document(struct read *read)
{
    policy_put(gate_policy(read->keeper->gate), &read->body);
    read_tag_body(read);
    return PS_OK;
}

static void put_types(struct writer *json)
{
    struct operation_type_view view;

    writer_begin_array(json, "operations");
    for (size_t i = 0; operations_type_at(i, &view); i++) {
        const char class[2] = {view.class, 0};

        writer_begin_object(json, NULL);
        writer_str(json, "type", view.name);
        writer_str(json, "class", class);
        writer_end_object(json);
    }
    writer_end_array(json);
}

static enum ps_err put_revision(struct read *read)
{
    struct catalog_row row;
    enum ps_err err;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX);
    err = catalog_get(read->keeper->known, CATALOG_POLICY, ps_bytes_str(POLICY_ROW), &memory, &row);
    if (err == PS_E_NOT_FOUND) {
        return PS_OK; /* before genesis */
    }
    PS_TRY(err);
    ps_buf_put_decimal(&read->etag, row.revision);
    return PS_OK;
}

enum ps_err read_policy(struct read *read)
{
    const struct appliance *appliance = &read->keeper->appliance;
    struct writer json = writer(&read->body);
    PS_BUF_AUTO policy;

    ps_buf_init(&policy, POLICY_OCTETS_MAX);
    policy_put(gate_policy(read->keeper->gate), &policy);
    PS_TRY(ps_buf_status(&policy));
    writer_begin_object(&json, NULL);
    writer_number(&json, "epoch", appliance->policy_epoch);
    writer_hex(&json, "hash", ps_bytes(appliance->policy_hash, PS_SHA256_LEN));
    writer_raw(&json, "policy", ps_buf_bytes(&policy));
    writer_hex(&json, "roster", ps_bytes(appliance->roster_hash, PS_SHA256_LEN));
    put_types(&json);
    writer_end_object(&json);
    return put_revision(read);
}
