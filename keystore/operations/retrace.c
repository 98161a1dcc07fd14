#include "keystore/operations/internal.h"

#include "keystore/gate/gate.h"
#include "keystore/load.h"

#include <stdlib.h>

/* So far a clock may be set back without a word, and the times of leaves cross. */
#define TIME_SLACK_S 60u

static const struct json_limits data_limits = {LOG_ENTRY_MAX, 16, 20000};

static void clear_past(struct operation **op)
{
    if (*op != NULL) {
        operation_free(*op);
    }
}
#define PAST_AUTO PS_CLEANUP(clear_past) struct operation

/* --- The operation, as its intent has it --- */

static enum ps_err take_document(struct operation *op, struct json_value document,
                                 const struct past_intent *intent)
{
    op->is_answered = true;
    op->has_intent = true;
    op->created_ns = intent->time_ns;
    if (intent->caller.len >= sizeof op->caller) {
        return ps_fail(PS_E_INPUT, 0, "a caller's name that is too long");
    }
    if (intent->caller.len != 0) {
        memcpy(op->caller, intent->caller.data, intent->caller.len);
    }
    return document_parse(op, json_raw(document));
}

static enum ps_err open_past(struct operations *operations, const struct past_intent *intent,
                             struct json_value data, struct operation **ret_op)
{
    const struct operation_type *type;
    struct json_value document;
    struct ps_bytes name;

    if (!json_member(data, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "an intent without a document");
    }
    PS_TRY(document_text(document, "type", &name));
    type = operation_type_find(name);
    if (type == NULL || type->before_genesis) {
        return ps_fail(PS_E_INPUT, 0, "an intent of a type that there is not");
    }
    *ret_op = operation_new(operations, type);
    if (*ret_op == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "too many operations are open");
    }
    return take_document(*ret_op, document, intent);
}

/* --- Whether it may have been begun --- */

/* What goes when it fails is what people approved to make, and nothing else. */
static enum ps_err check_objects(const struct operation *op, struct json_value data)
{
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;

    if (!json_member(data, "objects", &list)) {
        return PS_OK;
    }
    while (json_next(list, &cursor, NULL, &value)) {
        const struct ps_bytes text = json_raw(value);

        if (json_type(value) != JSON_STRING ||
            memmem(op->document.data, op->document.len, text.data, text.len) == NULL) {
            return ps_fail(PS_E_DENIED, 0, "its objects are not those of its document");
        }
    }
    return PS_OK;
}

/*
 * Who is valid, and what has been waited for, depends on when it was. What only takes away is good
 * at any time: it is let in while the clock is not trusted.
 */
static enum ps_err check_time(const struct operation *op, const struct past_intent *intent)
{
    const uint64_t slack_ns =
        (TIME_SLACK_S + op->keeper->config->clock_step_s) * (uint64_t)PS_NS_PER_S;
    char time[PS_TIME_MAX];

    if (op->type->narrows || operation_type_class(op->type) == 'C') {
        return PS_OK;
    }
    if (intent->time_ns + slack_ns < intent->floor_ns) {
        return ps_fail(PS_E_DENIED, 0, "it is older than what comes before it");
    }
    if (intent->time_ns > ps_clock_real_ns() + slack_ns) {
        (void)ps_time_format(intent->time_ns, 0, time);
        return ps_fail(PS_E_BUSY, 0,
                       "leaf %llu of events was written at %s, and the clock is behind that: set "
                       "it, and the start goes on",
                       (unsigned long long)intent->event, time);
    }
    return PS_OK;
}

static enum ps_err check_who(const struct operation *op, const struct recall *recall,
                             const struct past_intent *intent)
{
    if (op->type->by_itself) {
        return intent->caller.len == 0 ? PS_OK : ps_fail(PS_E_DENIED, 0, "nobody can ask for it");
    }
    if (intent->caller.len == 0) {
        return schedule_has(op, intent->time_ns / PS_NS_PER_S)
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "nobody asked for it and no policy has it done");
    }
    if (!operation_leaves_ours_alone(op)) {
        return ps_fail(PS_E_DENIED, 0, "it touches what is the appliance's own");
    }
    /* What a client does to itself shows by its rows whose it is. */
    return op->type->is_own ? PS_OK : gate_judge_intent(op->keeper->gate, recall, intent);
}

enum ps_err operations_judge_intent(struct operations *operations, const struct recall *recall,
                                    const struct past_intent *intent)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PAST_AUTO *op = NULL;
    struct json_value data;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, intent->data, &data_limits, &data));
    PS_TRY(open_past(operations, intent, data, &op));
    PS_TRY(check_objects(op, data));
    PS_TRY(check_time(op, intent));
    return check_who(op, recall, intent);
}

/* --- Keys that it made --- */

/* The row of a version that is made under this id; PS_E_NOT_FOUND. */
static enum ps_err find_version(struct json_value effects, struct ps_bytes object_id,
                                struct json_value *ret_row)
{
    struct json_value effect;
    struct json_value row;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &effect)) {
        PS_BUF_AUTO id = {.max = KEY_OBJECT_ID_MAX};

        if (!json_member(effect, "row", &row) || document_text(row, "object_id", &text) != PS_OK ||
            ps_base64url_decode(text, &id) != PS_OK ||
            !ps_bytes_equal(ps_buf_bytes(&id), object_id)) {
            continue;
        }
        *ret_row = row;
        return PS_OK;
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "the leaf has no key of an id that its document has");
}

static enum ps_err take_public(struct ps_bytes octets, enum ps_key_type type,
                               struct retraced_key *ret_key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct ps_bytes spki;
    struct ps_bytes kid;

    PS_TRY(public_key_from_spki(octets, &key));
    spki = public_key_spki(key);
    kid = public_key_kid(key);
    if (public_key_type(key) != type || spki.len > sizeof ret_key->spki ||
        kid.len >= sizeof ret_key->kid) {
        return ps_fail(PS_E_INPUT, 0, "a public key of another type than its document has");
    }
    memcpy(ret_key->spki, spki.data, spki.len);
    memcpy(ret_key->kid, kid.data, kid.len);
    ret_key->made.spki = ps_bytes(ret_key->spki, spki.len);
    return PS_OK;
}

/* A false one only keeps the key from being used: the token process tests it before. */
static enum ps_err take_check_value(struct json_value row, struct retraced_key *ret_key)
{
    PS_BUF_AUTO octets = {.max = sizeof ret_key->check};
    struct ps_bytes text;

    if (document_text(row, "check", &text) != PS_OK) {
        return PS_OK;
    }
    PS_TRY(ps_base64url_decode(text, &octets));
    memcpy(ret_key->check, octets.data, octets.len);
    ret_key->made.check = ps_bytes(ret_key->check, octets.len);
    return PS_OK;
}

enum ps_err retrace_take_made(const struct operation *op, enum ps_key_type type,
                              const struct object *object, struct retraced_key *ret_key)
{
    PS_BUF_AUTO octets = {.max = KEY_PUBLIC_MAX};
    struct json_value row;
    struct ps_bytes text;

    *ret_key = (struct retraced_key){.made = {.kid = ret_key->kid}};
    PS_TRY(find_version(op->retraced, ps_bytes(object->id, OBJECT_ID_LEN), &row));
    if (ps_key_type_info(type)->family == PS_FAMILY_SECRET) {
        return take_check_value(row, ret_key);
    }
    PS_TRY(document_text(row, "public_key", &text));
    PS_TRY(ps_base64url_decode(text, &octets));
    return take_public(ps_buf_bytes(&octets), type, ret_key);
}

/* --- Whether it did what it was to do --- */

/* From the intent to the result, with what two readings of a clock may be apart. */
struct span {
    uint64_t from_s;
    uint64_t until_s;
};

#define SLACK_S 2u

static struct span span_of(const struct past_intent *intent, const struct past_result *result)
{
    const uint64_t begun_s = intent->time_ns / PS_NS_PER_S;
    const uint64_t ended_s = result->time_ns / PS_NS_PER_S;
    const uint64_t first_s = begun_s < ended_s ? begun_s : ended_s;

    return (struct span){.from_s = first_s < SLACK_S ? 0 : first_s - SLACK_S,
                         .until_s = (begun_s < ended_s ? ended_s : begun_s) + SLACK_S};
}

/* In rows that are made once more this stands for when they were made: no clock says it. */
#define MARK_S (UINT64_C(1) << 45)

uint64_t retrace_now_s(const struct operation *op)
{
    return op->retraced.doc != NULL ? MARK_S : real_now_s();
}

/* A time that was made of the present one is later than it by as much as the mark was moved. */
static bool is_time_of(uint64_t ours, uint64_t theirs, const struct span *span)
{
    const uint64_t ahead_s = ours - MARK_S;

    if (ours < MARK_S) {
        return ours == theirs;
    }
    return theirs >= ahead_s && theirs - ahead_s >= span->from_s &&
           theirs - ahead_s <= span->until_s;
}

static bool times_agree(const struct version_record *ours, const struct version_record *theirs,
                        const struct span *span)
{
    return is_time_of(ours->created_s, theirs->created_s, span) &&
           is_time_of(ours->activates_s, theirs->activates_s, span) &&
           is_time_of(ours->expires_s, theirs->expires_s, span) &&
           is_time_of(ours->retired_s, theirs->retired_s, span);
}

static enum ps_err read_version(struct json *parser, struct ps_bytes row,
                                struct version_record *ret_record)
{
    struct json_value value;

    PS_TRY(json_parse(parser, row, &data_limits, &value));
    return version_record_read(value, ret_record);
}

static enum ps_err compare_octets(const struct ps_buf *ours, struct ps_bytes theirs)
{
    PS_TRY(ps_buf_status(ours));
    return ps_bytes_equal(ps_buf_bytes(ours), theirs)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it is not what the operation makes");
}

static enum ps_err other_times(void)
{
    return ps_fail(PS_E_DENIED, 0, "its times are not those between its begin and its end");
}

/*
 * Rows of versions and revocations say when: of these times it is known only between which they
 * are.
 */
static enum ps_err compare_version(const struct change *ours, struct ps_bytes theirs,
                                   const struct span *span)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *their_parser = NULL;
    struct version_record made;
    struct version_record told;
    PS_BUF_AUTO again = {.max = LOG_ENTRY_MAX};

    PS_TRY(json_new(&parser));
    PS_TRY(json_new(&their_parser));
    PS_TRY(read_version(parser, ps_buf_bytes(&ours->body), &made));
    PS_TRY(read_version(their_parser, theirs, &told));
    if (!times_agree(&made, &told, span)) {
        return other_times();
    }
    made.created_s = told.created_s;
    made.activates_s = told.activates_s;
    made.expires_s = told.expires_s;
    made.retired_s = told.retired_s;
    version_record_put(&made, &again);
    return compare_octets(&again, theirs);
}

static enum ps_err read_revocation(struct json *parser, struct ps_bytes row,
                                   struct revocation_record *ret_record)
{
    struct json_value value;

    PS_TRY(json_parse(parser, row, &data_limits, &value));
    return revocation_record_read(value, ret_record);
}

static enum ps_err compare_revocation(const struct change *ours, struct ps_bytes theirs,
                                      const struct span *span)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *their_parser = NULL;
    struct revocation_record made;
    struct revocation_record told;
    PS_BUF_AUTO again = {.max = LOG_ENTRY_MAX};

    PS_TRY(json_new(&parser));
    PS_TRY(json_new(&their_parser));
    PS_TRY(read_revocation(parser, ps_buf_bytes(&ours->body), &made));
    PS_TRY(read_revocation(their_parser, theirs, &told));
    if (!is_time_of(made.revoked_s, told.revoked_s, span)) {
        return other_times();
    }
    made.revoked_s = told.revoked_s;
    revocation_record_put(&made, &again);
    return compare_octets(&again, theirs);
}

static enum ps_err compare_body(const struct change *ours, struct ps_bytes theirs,
                                const struct span *span)
{
    PS_TRY(ps_buf_status(&ours->body));
    if (theirs.len != 0 && ours->kind == CATALOG_VERSION) {
        return compare_version(ours, theirs, span);
    }
    if (theirs.len != 0 && ours->kind == CATALOG_REVOCATION) {
        return compare_revocation(ours, theirs, span);
    }
    return compare_octets(&ours->body, theirs);
}

struct effect {
    struct ps_bytes kind;
    struct ps_bytes name;
    struct ps_bytes row; /* empty: removed */
};

static enum ps_err read_effect(struct json_value value, struct effect *ret_effect)
{
    struct json_value row;

    *ret_effect = (struct effect){.row = {NULL, 0}};
    PS_TRY(document_text(value, "kind", &ret_effect->kind));
    PS_TRY(document_text(value, "name", &ret_effect->name));
    if (json_member(value, "row", &row)) {
        ret_effect->row = json_raw(row);
    }
    return PS_OK;
}

static enum ps_err compare_effect(const struct change *ours, const struct effect *theirs,
                                  const struct span *span)
{
    enum ps_err err;
    struct ps_detail why;

    if (!ps_bytes_equal_str(theirs->kind, catalog_kind_name(ours->kind)) ||
        !ps_bytes_equal(theirs->name, ps_buf_bytes(&ours->name)) ||
        (ours->body.len == 0) != (theirs->row.len == 0)) {
        err = ps_fail(PS_E_DENIED, 0, "it is none that the operation changes");
    } else {
        err = compare_body(ours, theirs->row, span);
    }
    why = *ps_detail();
    return err == PS_OK ? PS_OK
                        : ps_fail(err, 0, "%.*s %.*s: %s", PS_BYTES_FMT(theirs->kind),
                                  PS_BYTES_FMT(theirs->name), why.text);
}

/* What the leaf changes, one by one what the operation changes; as the leaf has it in `out`. */
static enum ps_err compare_all(const struct operation *op, const struct span *span,
                               struct catalog_change *out)
{
    struct json_value value;
    struct effect effect;
    uint32_t cursor = 0;
    size_t count = 0;

    while (op->retraced.doc != NULL && json_next(op->retraced, &cursor, NULL, &value)) {
        if (count == op->change_count) {
            return ps_fail(PS_E_DENIED, 0, "it changes more than the operation does");
        }
        PS_TRY(read_effect(value, &effect));
        PS_TRY(compare_effect(&op->changes[count], &effect, span));
        out[count] = (struct catalog_change){.kind = op->changes[count].kind,
                                             .name = ps_buf_bytes(&op->changes[count].name),
                                             .expected = op->changes[count].expected,
                                             .body = effect.row};
        count++;
    }
    return count == op->change_count
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it changes less than the operation does");
}

/* --- As it was from there on --- */

/* What was made, and what a leaf says of the token's answer, which the token has to give again. */
static enum ps_err doubt_keys(struct operation *op, const struct catalog_change *changes)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct version_record record;
    const struct key *key;

    PS_TRY(json_new(&parser));
    for (size_t i = 0; i < op->change_count; i++) {
        if (changes[i].kind != CATALOG_VERSION ||
            (changes[i].expected != 0 && !op->type->by_itself)) {
            continue;
        }
        PS_TRY(read_version(parser, changes[i].body, &record));
        key = keys_find(op->keeper->keys, record.key);
        PS_TRY(unproven_add(op->operations, key_version(key, record.number)));
    }
    return PS_OK;
}

static enum ps_err take_over(struct operation *op, const struct catalog_change *changes,
                             uint64_t event)
{
    PS_TRY(catalog_check_changes(op->keeper->catalog, changes, op->change_count));
    PS_TRY(load_key_changes(op->keeper, changes, op->change_count));
    PS_TRY(load_changes(op->keeper, changes, op->change_count, event));
    return doubt_keys(op, changes);
}

/* False: it has none, as it says that nothing was done. */
static enum ps_err find_effects(struct json_value data, struct json_value *ret_effects)
{
    struct json_value value;
    struct ps_bytes outcome;
    const bool has_effects = json_member(data, "effects", ret_effects);

    if (json_member(data, "outcome", &value)) {
        PS_TRY(json_string(value, &outcome));
        if (has_effects != ps_bytes_equal_str(outcome, "done")) {
            return ps_fail(PS_E_DENIED, 0, "what was done has effects, and nothing else");
        }
    }
    return has_effects ? PS_OK : PS_E_NOT_FOUND;
}

static enum ps_err do_again(struct operation *op, const struct past_intent *intent,
                            const struct past_result *result)
{
    const struct span span = span_of(intent, result);
    PS_CLEANUP(free_changes)
    struct catalog_change *changes = calloc(CHANGES_MAX, sizeof *changes);

    if (changes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (op->type->rows != NULL) {
        PS_TRY(op->type->rows(op));
    }
    PS_TRY(compare_all(op, &span, changes));
    return take_over(op, changes, result->event);
}

enum ps_err operations_retrace(struct operations *operations, const struct past_intent *intent,
                               const struct past_result *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *result_parser = NULL;
    PAST_AUTO *op = NULL;
    struct json_value effects;
    struct json_value data;
    enum ps_err err;

    PS_TRY(json_new(&parser));
    PS_TRY(json_new(&result_parser));
    PS_TRY(json_parse(result_parser, result->data, &data_limits, &data));
    err = find_effects(data, &effects);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    PS_TRY(json_parse(parser, intent->data, &data_limits, &data));
    PS_TRY(open_past(operations, intent, data, &op));
    op->retraced = effects;
    return do_again(op, intent, result);
}
