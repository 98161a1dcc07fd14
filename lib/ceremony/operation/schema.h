#ifndef CEREMONY_OPERATION_SCHEMA_H
#define CEREMONY_OPERATION_SCHEMA_H

#include "lib/ceremony/operation/types.h"
#include "lib/formats/json/json.h"

/*
 * The rows of operation_types.def that say what a document holds, for those files that check it and
 * tell it to people.
 */
enum param_kind {
    PARAM_TYPE,      /* no member: the rows of a type begin */
    PARAM_PARAMS,    /* the params of the document's type */
    PARAM_OBJECT,    /* with the members whose rows say so */
    PARAM_LIST,      /* of what its "[]" row says; no text or number is there twice */
    PARAM_MAP,       /* member names of up to 64 printable characters, and what its ".*" row says */
    PARAM_TEXT,      /* any UTF-8 */
    PARAM_PRINTABLE, /* printable ASCII, no blank at either end */
    PARAM_NAME,      /* lib/base/name.h */
    PARAM_PATTERN,   /* of names */
    PARAM_CHOICE,    /* one of .choices */
    PARAM_TYPE_NAME, /* of an operation */
    PARAM_DECIMAL,   /* digits without leading zeros */
    PARAM_VERSION,   /* the same: of a key, 0 is all of it */
    PARAM_SECONDS,   /* the same: a duration */
    PARAM_UNIX_TIME, /* the same: since 1970 */
    PARAM_TIME,      /* RFC 3339 in UTC, whole seconds */
    PARAM_HEX,       /* lower case */
    PARAM_OCTETS,    /* base64url of .max octets; or empty when .min is 0 */
    PARAM_DER,       /* base64url of .min to .max octets */
    PARAM_BOOL,      /* true or false */
    PARAM_TRUE,      /* true, or it is not there */
    PARAM_KEY_TYPE,  /* lib/base/algorithm.h, as the next three */
    PARAM_ALGORITHM, /* */
    PARAM_USAGE,     /* */
    PARAM_FORMAT,    /* */
    PARAM_GRANTED,   /* what a grant names: "jws.sign", "x509.issue:profile" */
    PARAM_SSH_KEY,   /* lib/formats/ssh/ssh_key.h: type and base64, no comment */
    PARAM_FINGERPRINT, /* of such a key, as ssh-keygen prints it */
    PARAM_KIND_COUNT
};

struct param {
    const char *path;
    enum param_kind kind;
    bool optional;
    bool own;
    uint64_t min;
    uint64_t max; /* 0: PARAM_TEXT_MAX or PARAM_NUMBER_MAX */
    const char *choices;
    const char *element;
    const char *label;
    const char *none;
};

#define PARAM_TEXT_MAX   2048u
#define PARAM_NUMBER_MAX UINT64_C(9999999999999999)

/* The rows of a type, or of the document itself. */
struct params {
    const struct param *rows;
    size_t count;
    const char *prefix; /* of paths in errors */
};

struct params operation_params_of(const struct operation_type_info *type);
struct params operation_params_of_document(void);

/*
 * Rows beneath a row. parent: NULL for the outermost members. param_member: NULL when there is no
 * row for this name. param_next_member: walks the members of an object in the order of the table,
 * *cursor starts at 0.
 */
const struct param *param_member(struct params params, const struct param *parent,
                                 struct ps_bytes name);
const struct param *param_element(struct params params, const struct param *list);
const struct param *param_next_member(struct params params, const struct param *parent,
                                      size_t *cursor);

/* The name of an object's member: the end of its path. */
const char *param_name(const struct param *param);

/* False when the object has no such member. */
bool param_find(struct json_value object, const struct param *param, struct json_value *ret_value);

/* Is this value of the schema? Errors: PS_E_INPUT, with the member's path in the detail. */
PS_MUST_USE enum ps_err params_check(struct params params, struct json_value object);

/* One value that is neither object, list nor map. Errors: as above. */
PS_MUST_USE enum ps_err param_check_value(struct params params, const struct param *param,
                                          struct json_value value);

/* Digits of a number that was checked. */
uint64_t param_number(struct ps_bytes digits);

#endif
