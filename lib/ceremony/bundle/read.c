#include "lib/ceremony/bundle/internal.h"

#include "lib/base/encode.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/script/script.h"
#include "lib/ceremony/transcript_line.h"
#include "lib/formats/ssh/sshsig.h"

#include <stdlib.h>

#define DEPTH_MAX  24u
#define VALUES_MAX 4000000u

const char *const bundle_section_names[BUNDLE_SECTIONS] = {
    [BUNDLE_CHECKPOINT] = "checkpoint",
    [BUNDLE_LEAVES] = "leaves",
    [BUNDLE_ROOM] = "room",
};

void bundle_free(struct bundle *bundle)
{
    if (bundle != NULL) {
        json_free(bundle->json);
        free(bundle->leaves);
        free(bundle);
    }
}

/* --- The schemas --- */

struct members {
    struct json_value checkpoint;
    struct json_value digests;
    struct ps_bytes format;
    struct json_value leaves;
    struct json_value room;
    struct json_value statements;
    uint32_t v;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct members, checkpoint, JSON_KIND_ANY, true, 0),
    JSON_FIELD(struct members, digests, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, format, JSON_KIND_STRING, true, 64),
    JSON_FIELD(struct members, leaves, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct members, room, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, statements, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct members, v, JSON_KIND_U32, true, 1),
};

struct room_members {
    struct json_value lines;
    struct ps_bytes script;
};

static const struct json_field room_fields[] = {
    JSON_FIELD(struct room_members, lines, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct room_members, script, JSON_KIND_STRING, true, SCRIPT_OCTETS_MAX),
};

struct leaf_members {
    uint64_t index;
    struct json_value leaf;
    struct json_value proof;
};

static const struct json_field leaf_fields[] = {
    JSON_FIELD(struct leaf_members, index, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct leaf_members, leaf, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct leaf_members, proof, JSON_KIND_ARRAY, true, 0),
};

struct statement_members {
    bool agree;
    struct ps_bytes person;
    struct ps_bytes signature;
};

static const struct json_field statement_fields[] = {
    JSON_FIELD(struct statement_members, agree, JSON_KIND_BOOL, true, 0),
    JSON_FIELD(struct statement_members, person, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct statement_members, signature, JSON_KIND_STRING, true, SSHSIG_ARMORED_MAX),
};

static enum ps_err take_leaves(struct bundle *bundle, struct json_value leaves)
{
    const size_t count = json_count(leaves);
    struct json_value value;
    uint32_t cursor = 0;

    if (count > BUNDLE_LEAVES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u leaves", BUNDLE_LEAVES_MAX);
    }
    bundle->leaves = calloc(count == 0 ? 1 : count, sizeof *bundle->leaves);
    if (bundle->leaves == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while (json_next(leaves, &cursor, NULL, &value)) {
        bundle->leaves[bundle->leaf_count++] = value;
    }
    return PS_OK;
}

static enum ps_err check_strings(struct json_value array, const char *name)
{
    struct json_value value;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &value)) {
        if (json_type(value) != JSON_STRING) {
            return ps_fail(PS_E_INPUT, 0, "`%s` has something else than strings", name);
        }
    }
    return PS_OK;
}

static enum ps_err take_room(struct bundle *bundle, struct json_value value)
{
    struct room_members room;

    PS_TRY(json_read_object(value, room_fields, PS_COUNT_OF(room_fields), &room, NULL));
    PS_TRY(check_strings(room.lines, "lines"));
    if (json_count(room.lines) > TRANSCRIPT_LINES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u lines of the room", TRANSCRIPT_LINES_MAX);
    }
    bundle->script = room.script;
    bundle->lines = room.lines;
    return PS_OK;
}

static enum ps_err take(struct bundle *bundle, const struct members *members)
{
    if (!ps_bytes_equal_str(members->format, BUNDLE_FORMAT) || members->v != 1) {
        return ps_fail(PS_E_INPUT, 0,
                       "not a transcript of version 1: `format` or `v` says something else");
    }
    bundle->sections[BUNDLE_CHECKPOINT] = members->checkpoint;
    bundle->sections[BUNDLE_LEAVES] = members->leaves;
    bundle->sections[BUNDLE_ROOM] = members->room;
    bundle->digests = members->digests;
    bundle->statements = members->statements;
    PS_TRY(json_string(members->checkpoint, &bundle->checkpoint));
    if (json_count(members->statements) > BUNDLE_STATEMENTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u statements", BUNDLE_STATEMENTS_MAX);
    }
    PS_TRY(take_leaves(bundle, members->leaves));
    return take_room(bundle, members->room);
}

enum ps_err bundle_parse(struct ps_bytes octets, struct bundle **ret_bundle)
{
    static const struct json_limits limits = {BUNDLE_OCTETS_MAX, DEPTH_MAX, VALUES_MAX, false};
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = calloc(1, sizeof *bundle);
    struct members members = {.v = 0};
    struct json_value root;

    if (bundle == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&bundle->json));
    PS_TRY(json_parse(bundle->json, octets, &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "not a transcript: no JSON object");
    }
    PS_TRY(json_check_canonical(root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &members, NULL));
    PS_TRY(take(bundle, &members));
    *ret_bundle = bundle;
    bundle = NULL;
    return PS_OK;
}

/* --- Its parts --- */

size_t bundle_leaf_count(const struct bundle *bundle)
{
    return bundle->leaf_count;
}

enum ps_err bundle_leaf_at(const struct bundle *bundle, size_t index, struct bundle_leaf *ret_leaf)
{
    struct leaf_members members;

    if (index >= bundle->leaf_count) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such leaf");
    }
    PS_TRY(json_read_object(bundle->leaves[index], leaf_fields, PS_COUNT_OF(leaf_fields), &members,
                            NULL));
    *ret_leaf =
        (struct bundle_leaf){.index = members.index, .leaf = members.leaf, .proof = members.proof};
    return PS_OK;
}

struct ps_bytes bundle_checkpoint(const struct bundle *bundle)
{
    return bundle->checkpoint;
}

struct ps_bytes bundle_script(const struct bundle *bundle)
{
    return bundle->script;
}

struct ps_bytes bundle_line_at(const struct bundle *bundle, size_t index)
{
    struct ps_bytes line = {NULL, 0};
    struct json_value value;
    uint32_t cursor = 0;

    for (size_t i = 0; json_next(bundle->lines, &cursor, NULL, &value); i++) {
        if (i == index) {
            return json_string(value, &line) == PS_OK ? line : ps_bytes(NULL, 0);
        }
    }
    return ps_bytes(NULL, 0);
}

size_t bundle_statement_count(const struct bundle *bundle)
{
    return json_count(bundle->statements);
}

enum ps_err bundle_statement_at(const struct bundle *bundle, size_t index,
                                struct bundle_statement *ret_statement)
{
    struct statement_members members = {.agree = false};
    struct json_value value;
    uint32_t cursor = 0;

    for (size_t i = 0; json_next(bundle->statements, &cursor, NULL, &value); i++) {
        if (i != index) {
            continue;
        }
        if (json_type(value) != JSON_OBJECT) {
            return ps_fail(PS_E_INPUT, 0, "a statement that is no object");
        }
        PS_TRY(json_read_object(value, statement_fields, PS_COUNT_OF(statement_fields), &members,
                                NULL));
        *ret_statement = (struct bundle_statement){
            .agrees = members.agree, .person = members.person, .signature = members.signature};
        return PS_OK;
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "no such statement");
}

/* --- Writing --- */

void bundle_put_digests(const struct ps_bytes sections[BUNDLE_SECTIONS], struct ps_buf *out)
{
    for (size_t i = 0; i < BUNDLE_SECTIONS; i++) {
        uint8_t hash[PS_SHA256_LEN];

        ps_sha256(sections[i], hash);
        ps_buf_printf(out, "%c\"%s\":\"", i == 0 ? '{' : ',', bundle_section_names[i]);
        ps_buf_put_hex(out, ps_bytes(hash, sizeof hash));
        ps_buf_put_u8(out, '"');
    }
    ps_buf_put_u8(out, '}');
}

void bundle_put_all(const struct ps_bytes sections[BUNDLE_SECTIONS], struct ps_bytes statements,
                    struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"checkpoint\":");
    ps_buf_put(out, sections[BUNDLE_CHECKPOINT]);
    ps_buf_put_str(out, ",\"digests\":");
    bundle_put_digests(sections, out);
    ps_buf_put_str(out, ",\"format\":\"" BUNDLE_FORMAT "\",\"leaves\":");
    ps_buf_put(out, sections[BUNDLE_LEAVES]);
    ps_buf_put_str(out, ",\"room\":");
    ps_buf_put(out, sections[BUNDLE_ROOM]);
    ps_buf_put_str(out, ",\"statements\":");
    ps_buf_put(out, statements);
    ps_buf_put_str(out, ",\"v\":1}");
}

enum ps_err bundle_put_statement(const struct bundle *bundle, bool agrees, struct ps_bytes person,
                                 struct ps_buf *out)
{
    ps_buf_printf(out, "{\"agree\":%s,\"digests\":", agrees ? "true" : "false");
    ps_buf_put(out, json_raw(bundle->digests));
    ps_buf_put_str(out, ",\"person\":");
    ps_buf_put_json_string(out, person);
    ps_buf_put_str(out, ",\"type\":\"" BUNDLE_FORMAT "\",\"v\":\"1\"}");
    return ps_buf_status(out);
}

static void put_statement(const struct bundle_statement *statement, struct ps_buf *out)
{
    ps_buf_printf(out, "{\"agree\":%s,\"person\":", statement->agrees ? "true" : "false");
    ps_buf_put_json_string(out, statement->person);
    ps_buf_put_str(out, ",\"signature\":");
    ps_buf_put_json_string(out, statement->signature);
    ps_buf_put_u8(out, '}');
}

enum ps_err bundle_put_with(const struct bundle *bundle, const struct bundle_statement *statement,
                            struct ps_buf *out)
{
    const struct ps_bytes raw = json_raw(bundle->statements);
    const size_t count = bundle_statement_count(bundle);
    struct ps_bytes sections[BUNDLE_SECTIONS];
    PS_BUF_AUTO statements = {.max = BUNDLE_OCTETS_MAX};

    for (size_t i = 0; i < count; i++) {
        struct bundle_statement one;

        PS_TRY(bundle_statement_at(bundle, i, &one));
        if (ps_bytes_equal(one.person, statement->person)) {
            return ps_fail(PS_E_CONFLICT, 0, "%.*s has signed the end of this transcript already",
                           PS_BYTES_FMT(one.person));
        }
    }
    if (count == BUNDLE_STATEMENTS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u people sign its end", BUNDLE_STATEMENTS_MAX);
    }
    ps_buf_put(&statements, ps_bytes(raw.data, raw.len - 1));
    ps_buf_put_str(&statements, count == 0 ? "" : ",");
    put_statement(statement, &statements);
    ps_buf_put_u8(&statements, ']');
    for (size_t i = 0; i < BUNDLE_SECTIONS; i++) {
        sections[i] = json_raw(bundle->sections[i]);
    }
    PS_TRY(ps_buf_status(&statements));
    bundle_put_all(sections, ps_buf_bytes(&statements), out);
    return ps_buf_status(out);
}
