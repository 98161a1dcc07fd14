#include "lib/ceremony/operation/document.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/operation/schema.h"

#include <assert.h>

/* More values than the rows of the table and the limits of lists allow. */
#define VALUES_MAX 4000u

static enum ps_err check_octets(struct ps_bytes octets)
{
    if (octets.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "the document is empty");
    }
    if (octets.len > OPERATION_DOCUMENT_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the document has %zu octets, at most %u", octets.len,
                       OPERATION_DOCUMENT_MAX);
    }
    if (octets.data[octets.len - 1] == '\n') {
        return ps_fail(PS_E_INPUT, 0,
                       "the document ends with a newline, which an editor has added: take the "
                       "file as it came");
    }
    return PS_OK;
}

/* The members that every document has; all were checked to be there and to be texts. */
static struct json_value member_of(struct json_value object, const char *name)
{
    struct json_value value = {0};
    const bool is_there = json_member(object, name, &value);

    assert(is_there);
    return value;
}

static struct ps_bytes text_of(struct json_value object, const char *name)
{
    struct ps_bytes text = {0};
    const enum ps_err err = json_string(member_of(object, name), &text);

    assert(err == PS_OK);
    return text;
}

typedef enum ps_err decode_fn(struct ps_bytes text, struct ps_buf *out);

static enum ps_err take_octets(struct ps_bytes text, decode_fn *decode, uint8_t *to, size_t len)
{
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, len);
    PS_TRY(decode(text, &octets));
    assert(octets.len == len);
    memcpy(to, octets.data, len);
    return PS_OK;
}

static enum ps_err take_hashes(struct json_value root, struct operation_document *document)
{
    const struct json_value policy = member_of(root, "policy");
    const struct json_value log = member_of(root, "log");

    PS_TRY(take_octets(text_of(root, "appliance"), ps_hex_decode, document->appliance,
                       sizeof document->appliance));
    PS_TRY(take_octets(text_of(root, "nonce"), ps_hex_decode, document->nonce,
                       sizeof document->nonce));
    PS_TRY(take_octets(text_of(policy, "hash"), ps_hex_decode, document->policy_hash,
                       sizeof document->policy_hash));
    PS_TRY(take_octets(text_of(root, "roster"), ps_hex_decode, document->roster_hash,
                       sizeof document->roster_hash));
    return take_octets(text_of(log, "root"), ps_base64url_decode, document->log_root,
                       sizeof document->log_root);
}

static enum ps_err take_time(struct json_value root, const char *name, uint64_t *ret_s)
{
    uint64_t real_ns;

    PS_TRY(ps_time_parse(text_of(root, name), &real_ns));
    *ret_s = real_ns / PS_NS_PER_S;
    return PS_OK;
}

/* A is the highest, and the only one above B that a key has. */
static bool names_class_a(struct json_value params)
{
    struct json_value value;
    struct ps_bytes class;

    return json_type(params) == JSON_OBJECT && json_member(params, "class", &value) &&
           json_type(value) == JSON_STRING && json_string(value, &class) == PS_OK &&
           ps_bytes_equal_str(class, "A");
}

/* Every key that certifies is of class A: so is what has it certify, now or by itself later. */
static bool names_issuer(const struct operation_type_info *type, struct json_value params)
{
    struct json_value rotation;
    struct json_value value;

    if ((type->about != OPERATION_ABOUT_KEY && type->about != OPERATION_ABOUT_FAMILY &&
         type->about != OPERATION_ABOUT_PROFILE) ||
        json_type(params) != JSON_OBJECT) {
        return false;
    }
    return json_member(params, "issuer", &value) ||
           (json_member(params, "rotation", &rotation) && json_type(rotation) == JSON_OBJECT &&
            json_member(rotation, "issuer", &value));
}

/* Whom a grant lets be issued certificates has a key that certifies used without people. */
static bool grants_certificates(const struct operation_type_info *type, struct json_value params)
{
    struct json_value operations;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (type->about != OPERATION_ABOUT_CLIENT || json_type(params) != JSON_OBJECT ||
        !json_member(params, "operations", &operations) || json_type(operations) != JSON_ARRAY) {
        return false;
    }
    while (json_next(operations, &cursor, NULL, &value)) {
        if (json_type(value) == JSON_STRING && json_string(value, &name) == PS_OK &&
            ps_bytes_starts_with(name, ps_bytes_str("x509."))) {
            return true;
        }
    }
    return false;
}

static enum ps_err take_members(struct json_value root, struct operation_document *document)
{
    const struct json_value log = member_of(root, "log");
    struct json_value practice;

    document->is_practice = json_member(root, "practice", &practice);
    document->params = member_of(root, "params");
    document->type = operation_type_info_find(text_of(root, "type"));
    document->class = document->type->class;
    if (names_class_a(document->params) || names_issuer(document->type, document->params) ||
        grants_certificates(document->type, document->params)) {
        document->class = OPERATION_CLASS_A;
    }
    document->ceremony = text_of(root, "ceremony");
    document->step = text_of(root, "step");
    document->requester = text_of(root, "requester");
    document->reason = text_of(root, "reason");
    document->policy_epoch = param_number(text_of(member_of(root, "policy"), "epoch"));
    document->log_origin = text_of(log, "origin");
    document->log_size = param_number(text_of(log, "size"));
    document->max_log_size = param_number(text_of(root, "max_log_size"));
    PS_TRY(take_time(root, "not_before", &document->not_before_s));
    PS_TRY(take_time(root, "not_after", &document->not_after_s));
    return take_hashes(root, document);
}

/* What could never be executed is no document that anybody should sign. */
static enum ps_err check_ends(const struct operation_document *document)
{
    if (document->not_before_s >= document->not_after_s) {
        return ps_fail(PS_E_INPUT, 0, "member \"not_after\": not after \"not_before\"");
    }
    if (document->log_size > document->max_log_size) {
        return ps_fail(PS_E_INPUT, 0, "member \"max_log_size\": less than the size of the log");
    }
    return PS_OK;
}

enum ps_err operation_document_parse(struct json *json, struct ps_bytes octets,
                                     struct operation_document *ret_document)
{
    const struct json_limits limits = {OPERATION_DOCUMENT_MAX, OPERATION_DOCUMENT_DEPTH_MAX,
                                       VALUES_MAX};
    struct operation_document document = {.octets = octets};

    PS_TRY(check_octets(octets));
    PS_TRY(json_parse(json, octets, &limits, &document.root));
    PS_TRY(params_check(operation_params_of_document(), document.root));
    PS_TRY(take_members(document.root, &document));
    PS_TRY(operation_params_check(document.type, document.params));
    PS_TRY(json_check_canonical(document.root));
    PS_TRY(check_ends(&document));
    ps_sha256(octets, document.hash);
    *ret_document = document;
    return PS_OK;
}

enum ps_err operation_params_check(const struct operation_type_info *type, struct json_value params)
{
    return params_check(operation_params_of(type), params);
}

/* Down the path's names; false when one of them is not there. */
static bool find_path(struct json_value object, const char *path, struct json_value *ret_value)
{
    char name[64];

    while (*path != 0) {
        const size_t len = strcspn(path, ".");

        assert(len < sizeof name);
        memcpy(name, path, len);
        name[len] = 0;
        if (json_type(object) != JSON_OBJECT || !json_member(object, name, &object)) {
            return false;
        }
        path += len + (path[len] == '.' ? 1 : 0);
    }
    *ret_value = object;
    return true;
}

enum ps_err operation_document_text(const struct operation_document *document, const char *path,
                                    struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!find_path(document->params, path, &value)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no member \"params.%s\"", path);
    }
    return json_string(value, ret_text);
}

struct ps_bytes operation_document_subject(const struct operation_document *document)
{
    const char *path = document->type->subject;
    struct ps_bytes text = {0};
    const enum ps_err err = path == NULL ? PS_OK : operation_document_text(document, path, &text);

    assert(err == PS_OK);
    return text;
}
