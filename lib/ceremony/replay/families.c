#include "lib/ceremony/replay/rows.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/formats/public_key/public_key.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Families of keys: people approve the terms of a family, and its client then makes keys that
 * nobody approves. So each of these is held against the document of its family: whose it is, its
 * name, everything that the key is, and how many there are; and its rows against its own document.
 */

#define OBJECT_ID_LEN 16u
#define SPKI_MAX      1024u
/* Between an intent, the rows of its key and the result: what a clock may be set by. */
#define SLACK_S 60u

struct family {
    char prefix[PS_NAME_MAX + 1];
    char client[PS_NAME_MAX + 1];
    uint64_t maximum;
    uint64_t made;
    uint64_t approved; /* the leaf */
    bool is_suspended;
    struct ps_buf octets; /* of its params */
    struct json *parser;
    struct json_value params;
};

static void family_free(void *value)
{
    struct family *family = value;

    if (family != NULL) {
        ps_buf_clear(&family->octets);
        json_free(family->parser);
        free(family);
    }
}

static void family_free_auto(struct family **family)
{
    family_free(*family);
}

void replay_forget_families(struct replay *replay)
{
    if (replay->families != NULL) {
        ps_map_free(replay->families, family_free);
    }
}

/* --- Which there are --- */

static struct family *find_family(const struct replay *replay, struct ps_bytes prefix)
{
    return ps_map_get(replay->families, prefix);
}

static enum ps_err copy_name(const struct operation_document *document, const char *member,
                             char out[PS_NAME_MAX + 1])
{
    struct ps_bytes name;

    PS_TRY(operation_document_text(document, member, &name));
    (void)snprintf(out, PS_NAME_MAX + 1, "%.*s", PS_BYTES_FMT(name));
    return PS_OK;
}

static enum ps_err read_family(const struct operation_document *document, struct family *family)
{
    const struct json_limits limits = {OPERATION_DOCUMENT_MAX, OPERATION_DOCUMENT_DEPTH_MAX, 20000,
                                       false};

    PS_TRY(copy_name(document, "prefix", family->prefix));
    PS_TRY(copy_name(document, "client", family->client));
    PS_TRY(replay_read_digits(document, "maximum", &family->maximum));
    ps_buf_init(&family->octets, OPERATION_DOCUMENT_MAX);
    ps_buf_put(&family->octets, json_raw(document->params));
    PS_TRY(ps_buf_status(&family->octets));
    PS_TRY(json_new(&family->parser));
    return json_parse(family->parser, ps_buf_bytes(&family->octets), &limits, &family->params);
}

/* The row says what people approved; its number is for whoever asks. */
static enum ps_err check_family_row(const struct family *family, struct json_value row)
{
    struct json_value key;

    if (!replay_text_is(row, "client", ps_bytes_str(family->client)) ||
        !replay_text_is(row, "prefix", ps_bytes_str(family->prefix)) ||
        !replay_number_is(row, "maximum", (int64_t)family->maximum) ||
        !replay_flag_is(row, "suspended", false) || !json_member(row, "key", &key) ||
        json_type(key) != JSON_OBJECT) {
        return ps_fail(PS_E_DENIED, 0, "the row of the family %s is not what people approved",
                       family->prefix);
    }
    if (!replay_text_is(family->params, "class", ps_bytes_str("B"))) {
        return ps_fail(PS_E_DENIED, 0, "a key of class A is not made without people");
    }
    return replay_check_key_row(family->params, ps_bytes_str(family->prefix), key);
}

static enum ps_err add_family(struct replay *replay, struct replayed *op, uint64_t index,
                              struct json_value effects)
{
    PS_CLEANUP(family_free_auto) struct family *family = calloc(1, sizeof *family);
    struct json_value row;
    enum ps_err err;

    if (family == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (!op->is_judged) {
        return PS_OK; /* told already; its keys have no family then */
    }
    PS_TRY(read_family(waiting_document(op->waiting), family));
    family->approved = index;
    if (!replay_find_effect(effects, "family", ps_bytes_str(family->prefix), &row)) {
        return ps_fail(PS_E_DENIED, 0, "a new family without its row");
    }
    PS_TRY(check_family_row(family, row));
    if (!replay_number_is(row, "made", 0)) {
        return ps_fail(PS_E_DENIED, 0, "a new family has made keys");
    }
    err = ps_map_add(replay->families, ps_bytes_str(family->prefix), family);
    if (err == PS_OK) {
        family = NULL;
    }
    if (err == PS_E_CONFLICT) {
        return ps_fail(PS_E_DENIED, 0, "there is this family already");
    }
    return err;
}

/* Of chosen leaves its making may have been left out: then no key of it is believed. */
static enum ps_err change_family(struct replay *replay, const struct replayed *op)
{
    const struct operation_document *document = waiting_document(op->waiting);
    struct family *family;
    struct ps_bytes prefix;

    PS_TRY(operation_document_text(document, "family", &prefix));
    family = find_family(replay, prefix);
    if (family == NULL) {
        return replay->sink.is_chosen ? PS_OK
                                      : ps_fail(PS_E_DENIED, 0, "there is no family of this name");
    }
    if (strcmp(document->type->name, "family.revoke") == 0) {
        family_free(ps_map_remove(replay->families, prefix));
    } else {
        family->is_suspended = strcmp(document->type->name, "family.suspend") == 0;
    }
    return PS_OK;
}

static struct family *family_of(const struct replay *replay, struct ps_bytes client)
{
    struct family *family;
    size_t cursor = 0;

    while ((family = ps_map_next(replay->families, &cursor)) != NULL) {
        if (ps_bytes_equal_str(client, family->client)) {
            return family;
        }
    }
    return NULL;
}

static enum ps_err remove_client(struct replay *replay, const struct replayed *op)
{
    struct family *family;
    struct ps_bytes client;

    PS_TRY(operation_document_text(waiting_document(op->waiting), "client", &client));
    while ((family = family_of(replay, client)) != NULL) {
        family_free(ps_map_remove(replay->families, ps_bytes_str(family->prefix)));
    }
    return PS_OK;
}

/* --- A key of one --- */

/* Any token that has the wrapping key makes keys of a family; the rest is the family's. */
static const char *const of_one_key[] = {"family",  "name",   "object_id",
                                         "profile", "serial", "token"};
static const char *const of_the_family[] = {"client",  "maximum", "prefix",
                                            "profile", "serial",  "token"};

static bool has_members_of(struct json_value one, const char *const *except, size_t count,
                           struct json_value other)
{
    struct json_value value;
    struct json_value expected;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(one, &cursor, &name, &value)) {
        if (!replay_is_listed(name, except, count) &&
            (!replay_find_member(other, name, &expected) ||
             !ps_bytes_equal(json_raw(value), json_raw(expected)))) {
            return false;
        }
    }
    return true;
}

static enum ps_err check_terms(const struct family *family, const struct replayed *op,
                               struct ps_bytes name)
{
    const struct json_value params = waiting_document(op->waiting)->params;
    const struct ps_bytes prefix = ps_bytes_str(family->prefix);

    if (strcmp(family->client, op->caller) != 0) {
        return ps_fail(PS_E_DENIED, 0, "the family %s is of the client %s, and not of %s",
                       family->prefix, family->client, op->caller);
    }
    if (!ps_bytes_starts_with(name, prefix) || name.len == prefix.len) {
        return ps_fail(PS_E_DENIED, 0, "the key %.*s is not of the family %s by its name",
                       PS_BYTES_FMT(name), family->prefix);
    }
    return has_members_of(params, of_one_key, PS_COUNT_OF(of_one_key), family->params) &&
                   has_members_of(family->params, of_the_family, PS_COUNT_OF(of_the_family), params)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0,
                         "the key %.*s is of another kind than people approved with "
                         "the family %s",
                         PS_BYTES_FMT(name), family->prefix);
}

/* Of chosen leaves keys that were made in between have been left out. */
static enum ps_err count_key(const struct replay *replay, struct family *family,
                             struct json_value row)
{
    uint64_t made;
    bool is_next;

    PS_TRY(replay_read_number(row, "made", &made));
    is_next = replay->sink.is_chosen ? made > family->made : made == family->made + 1;
    if (!is_next || made > family->maximum) {
        return ps_fail(PS_E_DENIED, 0,
                       "it is key %llu of the family %s, after %llu of at most %llu",
                       (unsigned long long)made, family->prefix, (unsigned long long)family->made,
                       (unsigned long long)family->maximum);
    }
    family->made = made;
    return family->is_suspended
               ? ps_fail(PS_E_DENIED, 0, "the family %s was suspended", family->prefix)
               : PS_OK;
}

/* Its rows, and no others. */
static enum ps_err check_rows(const struct replayed *op, struct ps_bytes name, uint64_t end_ns,
                              struct json_value effects)
{
    PS_BUF_AUTO version = {.max = PS_NAME_MAX + 2};
    struct json_value row;

    ps_buf_printf(&version, "%.*s/1", PS_BYTES_FMT(name));
    PS_TRY(ps_buf_status(&version));
    if (effects.doc == NULL || json_count(effects) != 3 ||
        !replay_find_effect(effects, "key", name, &row) ||
        !replay_find_effect(effects, "version", ps_buf_bytes(&version), &row)) {
        return ps_fail(PS_E_DENIED, 0, "it made other rows than those of one key");
    }
    return replay_check_new_key(op, name, end_ns, effects);
}

static enum ps_err take_key(struct replay *replay, struct replayed *op,
                            const struct log_event *event, struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    struct family *family;
    struct json_value row;
    struct ps_bytes prefix;
    struct ps_bytes name;

    PS_TRY(operation_document_text(document, "family", &prefix));
    PS_TRY(operation_document_text(document, "name", &name));
    family = find_family(replay, prefix);
    if (family == NULL) {
        return ps_fail(
            PS_E_DENIED, 0,
            "the key %.*s was made under a family that these leaves do not show approved",
            PS_BYTES_FMT(name));
    }
    if (!replay_find_effect(effects, "family", prefix, &row)) {
        return ps_fail(PS_E_DENIED, 0, "a key that its family does not count");
    }
    PS_TRY(count_key(replay, family, row));
    PS_TRY(check_family_row(family, row));
    PS_TRY(check_terms(family, op, name));
    PS_TRY(check_rows(op, name, event->time_ns, effects));
    op->family = (struct replay_family){.prefix = ps_bytes_str(family->prefix),
                                        .approved = family->approved,
                                        .made = family->made,
                                        .maximum = family->maximum};
    return PS_OK;
}

/* What a client does for itself, but for keys of a family, is about that client alone. */
static enum ps_err check_own(const struct replayed *op, struct json_value effects)
{
    struct json_value effect;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &effect)) {
        if (!replay_text_is(effect, "kind", ps_bytes_str("client")) ||
            !replay_text_is(effect, "name",
                            operation_document_subject(waiting_document(op->waiting)))) {
            return ps_fail(PS_E_DENIED, 0, "it changed what nobody had approved");
        }
    }
    return PS_OK;
}

enum ps_err replay_take_families(struct replay *replay, struct replayed *op, uint64_t index,
                                 const struct log_event *event)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct json_value effects = replay_effects_of(event->data);
    const char *type = document->type->name;

    if (strcmp(type, "family.create") == 0) {
        return add_family(replay, op, index, effects);
    }
    if (strcmp(type, "family.suspend") == 0 || strcmp(type, "family.resume") == 0 ||
        strcmp(type, "family.revoke") == 0) {
        return change_family(replay, op);
    }
    if (strcmp(type, "client.remove") == 0) {
        return remove_client(replay, op);
    }
    if (strcmp(type, "family.make_key") == 0) {
        return take_key(replay, op, event, effects);
    }
    return document->class == OPERATION_CLASS_NONE && !replay_is_of_proof(op)
               ? check_own(op, effects)
               : PS_OK;
}
