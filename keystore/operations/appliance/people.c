#include "keystore/operations/internal.h"

#include "keystore/gate/gate.h"
#include "keystore/operations/appliance/handlers.h"
#include "keystore/reads/reads.h"
#include "lib/ceremony/members.h"
#include "lib/ceremony/people/people_change.h"
#include "lib/ceremony/people/person.h"
#include "lib/formats/ssh/ssh_key.h"

/*
 * Changes of who decides: people and policy. What a document makes of them and whether that may be
 * is lib/ceremony/people/people_change.h; here are the requests and the rows.
 */

static struct people_change change_of(const struct operation *op)
{
    return (struct people_change){.type = operation_type_info_find(ps_bytes_str(op->type->name)),
                                  .params = op->params};
}

static struct people_present present_of(const struct operation *op)
{
    const struct gate *gate = op->keeper->gate;

    return (struct people_present){.roster = gate_roster(gate),
                                   .policy = gate_policy(gate),
                                   .is_practice = op->keeper->appliance.is_practice,
                                   .now_s = real_now_s()};
}

/* --- Requests --- */

struct entry_request {
    struct ps_bytes person;
    struct ps_bytes role;
    struct json_value keys;
    struct json_value unproven;
    struct ps_bytes valid_from;
    struct ps_bytes valid_until;
    struct ps_bytes quorum; /* of a replacement */
};

static const struct json_field entry_fields[] = {
    JSON_FIELD(struct entry_request, person, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct entry_request, role, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct entry_request, keys, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct entry_request, unproven, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct entry_request, valid_from, JSON_KIND_STRING, false, 20),
    JSON_FIELD(struct entry_request, valid_until, JSON_KIND_STRING, true, 20),
    JSON_FIELD(struct entry_request, quorum, JSON_KIND_STRING, false, 16),
};
#define ENROL_FIELDS (PS_COUNT_OF(entry_fields) - 1) /* without `quorum` */

static enum ps_err read_entry(const struct operation *op, const struct entry_request *request,
                              struct person **ret_person)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value entry;
    struct writer json;
    PS_BUF_AUTO text;

    ps_buf_init(&text, DOCUMENT_MAX);
    json = writer(&text);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "keys", json_raw(request->keys));
    writer_text(&json, "person", request->person);
    writer_text(&json, "role", request->role);
    if (request->unproven.doc != NULL) {
        writer_raw(&json, "unproven", json_raw(request->unproven));
    }
    if (request->valid_from.len == 0) {
        writer_time_s(&json, "valid_from", op->created_ns / PS_NS_PER_S);
    } else {
        writer_text(&json, "valid_from", request->valid_from);
    }
    writer_text(&json, "valid_until", request->valid_until);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &entry));
    return person_read(entry, ret_person);
}

/*
 * A key is unproven unless an attestation showed that hardware holds it, whatever the request says.
 * None comes with a request, so that only a key which the same person has already can be anything
 * else.
 */
static void mark_unproven(const struct gate *gate, struct person *person)
{
    const struct person *before = roster_find(gate_roster(gate), ps_bytes_str(person->name));

    for (size_t i = 0; i < person->key_count; i++) {
        person->keys[i].is_unproven = true;
        for (size_t k = 0; before != NULL && k < before->key_count; k++) {
            if (ssh_key_equal(person->keys[i].key, before->keys[k].key)) {
                person->keys[i].is_unproven = before->keys[k].is_unproven;
            }
        }
    }
}

static enum ps_err put_entry(struct operation *op, const struct entry_request *request)
{
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;

    PS_TRY(read_entry(op, request, &person));
    mark_unproven(op->keeper->gate, person);
    ps_buf_put_str(&op->resolved, "{\"entry\":");
    person_put(person, &op->resolved);
    return PS_OK;
}

/* How long the document holds is part of it, and made of what it asks for. */
static enum ps_err set_validity(struct operation *op)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct people_change change = change_of(op);

    PS_TRY(ps_buf_status(&op->resolved));
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, ps_buf_bytes(&op->resolved), &JSON_LIMITS_REQUEST, &change.params));
    op->valid_s = people_change_valid_s(&change, gate_policy(op->keeper->gate));
    return PS_OK;
}

/* True: resolved. */
static bool resolve_end(struct operation *op, enum ps_err err)
{
    if (err == PS_OK) {
        err = set_validity(op);
    }
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

bool officer_enrol_resolve(struct operation *op, struct json_value body)
{
    struct entry_request request = {.person = {NULL, 0}};
    enum ps_err err = json_read_object(body, entry_fields, ENROL_FIELDS, &request, NULL);

    if (err == PS_OK) {
        err = put_entry(op, &request);
    }
    ps_buf_put_u8(&op->resolved, '}');
    return resolve_end(op, err);
}

static enum ps_err put_replacement(struct operation *op, struct entry_request *request)
{
    if (request->quorum.len == 0) {
        request->quorum = ps_bytes_str("officers");
    }
    if (!ps_bytes_equal_str(request->quorum, "officers") &&
        !ps_bytes_equal_str(request->quorum, "recovery")) {
        return ps_fail(PS_E_INPUT, 0, "member \"quorum\": officers or recovery");
    }
    PS_TRY(put_entry(op, request));
    ps_buf_put_str(&op->resolved, ",\"person\":");
    ps_buf_put_json_string(&op->resolved, ps_buf_bytes(&op->subject));
    ps_buf_printf(&op->resolved, ",\"quorum\":\"%.*s\"}", PS_BYTES_FMT(request->quorum));
    return PS_OK;
}

bool officer_replace_resolve(struct operation *op, struct json_value body)
{
    struct entry_request request = {.person = {NULL, 0}};
    enum ps_err err =
        json_read_object(body, entry_fields, PS_COUNT_OF(entry_fields), &request, NULL);

    if (err == PS_OK) {
        err = put_replacement(op, &request);
    }
    return resolve_end(op, err);
}

/* Removal, suspension and its end: the path names the person. */
bool officer_name_resolve(struct operation *op, struct json_value body)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_text(&json, "person", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return resolve_end(
        op, json_count(body) == 0 ? PS_OK : ps_fail(PS_E_INPUT, 0, "this has no parameters"));
}

struct policy_request {
    struct json_value policy;
};

static const struct json_field policy_fields[] = {
    JSON_FIELD(struct policy_request, policy, JSON_KIND_OBJECT, true, 0),
};

bool policy_change_resolve(struct operation *op, struct json_value body)
{
    struct policy_request request;
    struct policy policy;
    enum ps_err err =
        json_read_object(body, policy_fields, PS_COUNT_OF(policy_fields), &request, NULL);

    if (err == PS_OK) {
        err = policy_read(request.policy, &policy);
    }
    if (err == PS_OK) {
        ps_buf_put_str(&op->resolved, "{\"policy\":");
        policy_put(&policy, &op->resolved);
        ps_buf_put_u8(&op->resolved, '}');
    }
    return resolve_end(op, err);
}

/* --- Whether it is possible --- */

static void refuse(struct operation *op, enum ps_err err)
{
    static const struct {
        enum ps_err err;
        enum ps_problem problem;
    } problems[] = {
        {PS_E_INPUT, PS_PROBLEM_REFUSED},       {PS_E_LIMIT, PS_PROBLEM_REFUSED},
        {PS_E_DENIED, PS_PROBLEM_REFUSED},      {PS_E_CONFLICT, PS_PROBLEM_CONFLICT},
        {PS_E_NOT_FOUND, PS_PROBLEM_NOT_FOUND}, {PS_E_STATE, PS_PROBLEM_WRONG_STATE},
    };

    for (size_t i = 0; i < PS_COUNT_OF(problems); i++) {
        if (problems[i].err == err) {
            operation_refuse(op, problems[i].problem, "%s", ps_detail()->text);
            return;
        }
    }
    operation_refuse_error(op, err);
}

/* The row that If-Match is about: the policy's, or the person's who is changed. */
static enum ps_err take_revision(struct operation *op)
{
    const bool is_policy = strcmp(op->type->name, "policy.change") == 0;
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name = ps_bytes_str(POLICY_ROW);
    enum ps_err err;

    if (!is_policy && document_text(op->params, "person", &name) != PS_OK) {
        return PS_OK; /* somebody new */
    }
    err = row_read(op->keeper, is_policy ? CATALOG_POLICY : CATALOG_ROSTER, name, &row);
    if (err == PS_OK) {
        ps_buf_put_decimal(&op->etag, row.revision);
    }
    return err;
}

bool people_check(struct operation *op)
{
    const struct people_change change = change_of(op);
    const struct people_present present = present_of(op);
    enum ps_err err = people_change_check(&change, &present);

    if (err == PS_OK) {
        err = take_revision(op);
    }
    if (err != PS_OK) {
        refuse(op, err);
        return false;
    }
    operation_lock(op, "people", ps_bytes(NULL, 0));
    return true;
}

/* --- The rows --- */

/* Errors: PS_E_NOT_FOUND is none: revision 0. */
static enum ps_err revision_of(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                               uint64_t *ret_revision)
{
    ROW_AUTO row = {.parser = NULL};
    const enum ps_err err = row_read(op->keeper, kind, name, &row);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    *ret_revision = err == PS_OK ? row.revision : 0;
    return PS_OK;
}

static enum ps_err put_people(struct operation *op, const struct roster *before,
                              const struct roster *after)
{
    const struct person *person;
    uint64_t revision;

    for (size_t i = 0; (person = roster_at(before, i)) != NULL; i++) {
        const struct ps_bytes name = ps_bytes_str(person->name);

        if (roster_find(after, name) == NULL) {
            PS_TRY(revision_of(op, CATALOG_ROSTER, name, &revision));
            operation_remove(op, CATALOG_ROSTER, name, revision);
        }
    }
    for (size_t i = 0; (person = roster_at(after, i)) != NULL; i++) {
        const struct ps_bytes name = ps_bytes_str(person->name);
        const struct person *present = roster_find(before, name);

        if (present == NULL || !person_equal(present, person)) {
            PS_TRY(revision_of(op, CATALOG_ROSTER, name, &revision));
            person_put(person, operation_change(op, CATALOG_ROSTER, name, revision));
        }
    }
    return PS_OK;
}

static enum ps_err put_policy(struct operation *op, const struct policy *policy)
{
    const struct ps_bytes name = ps_bytes_str(POLICY_ROW);
    struct policy_record record = {.epoch = policy->epoch};
    uint64_t revision;

    if (!json_member(op->params, "policy", &record.document)) {
        return ps_fail(PS_E_INPUT, 0, "no policy");
    }
    PS_TRY(revision_of(op, CATALOG_POLICY, name, &revision));
    policy_record_put(&record, operation_change(op, CATALOG_POLICY, name, revision));
    return PS_OK;
}

enum ps_err people_rows(struct operation *op)
{
    const struct people_change change = change_of(op);
    const struct people_present present = present_of(op);
    PS_CLEANUP(roster_free_cleanup) struct roster *next = NULL;
    struct policy policy;

    op->status = strcmp(op->type->name, "officer.enrol") == 0 ? 201 : 200;
    PS_TRY(people_change_roster(&change, present.roster, &next));
    PS_TRY(people_change_policy(&change, present.policy, &policy));
    PS_TRY(put_people(op, present.roster, next));
    return policy.epoch == present.policy->epoch ? PS_OK : put_policy(op, &policy);
}

/* --- The answer --- */

/* Whom the entry names, or else `person`. */
static enum ps_err name_of(const struct operation *op, struct ps_bytes *ret_name)
{
    struct json_value entry;

    return document_text(json_member(op->params, "entry", &entry) ? entry : op->params, "person",
                         ret_name);
}

enum ps_err officer_describe(struct operation *op, struct writer *json)
{
    PS_CLEANUP(person_free_cleanup) struct person *person = NULL;
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;

    PS_TRY(name_of(op, &name));
    if (strcmp(op->type->name, "officer.remove") == 0) {
        writer_text(json, "removed", name);
        return PS_OK;
    }
    PS_TRY(row_read_new(op, CATALOG_ROSTER, name, &row));
    PS_TRY(person_read(row.body, &person));
    read_put_person(person, row.revision, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/officers/%s", person->name);
    return PS_OK;
}

enum ps_err policy_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct policy_record record;

    PS_TRY(row_read_new(op, CATALOG_POLICY, ps_bytes_str(POLICY_ROW), &row));
    PS_TRY(policy_record_read(row.body, &record));
    writer_number(json, "epoch", record.epoch);
    writer_raw(json, "policy", json_raw(record.document));
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_put_str(&op->location, "/v1/policy");
    return PS_OK;
}
