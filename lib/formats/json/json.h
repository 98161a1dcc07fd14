#ifndef FORMATS_JSON_JSON_H
#define FORMATS_JSON_JSON_H

#include "lib/base/buf.h"

/*
 * A strict JSON reader (RFC 8259) for octets from outside: valid UTF-8, no duplicate member names
 * (compared after unescaping), no number outside the grammar, nothing after the value, limits on
 * octets, depth and values before anything is allocated for them. What it accepts, cJSON may be
 * given too, so it refuses what is in the grammar and yet read differently by different readers:
 * negative zero, exponents over 180 and numbers of more than 128 characters. Values point into the
 * text, which outlives them: nothing is copied or re-serialised.
 */
struct json;

struct json_limits {
    size_t octets;
    unsigned depth;  /* 1: a scalar or one flat object or array has depth 1 */
    unsigned values; /* members and elements in all */
    /* Lets negative zero pass, for who reads numbers as doubles and writes zero without a sign. */
    bool negative_zero;
};
#define JSON_LIMITS_REQUEST ((struct json_limits){1024 * 1024, 16, 20000, false})
#define JSON_DEPTH_MAX      64u /* the largest depth that may be asked for */

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* One value of a document; small, passed by value, valid as long as the document and its text. */
struct json_value {
    const struct json *doc;
    uint32_t at;
};

/* A reader that can be used again and again and keeps its memory. */
PS_MUST_USE enum ps_err json_new(struct json **ret_json);
void json_free(struct json *json);
PS_DEFINE_CLEANUP(struct json, json_free)

/* Frees the readers that the other functions of lib/formats keep for the calling thread. */
void json_end_thread(void);

/* Errors: PS_E_INPUT (the detail says what and at which octet), PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err json_parse(struct json *json, struct ps_bytes text,
                                   const struct json_limits *limits, struct json_value *ret_root);

/*
 * Wipes what was decoded of the last text, which may be a secret of a message; values of it are not
 * valid any more.
 */
void json_forget(struct json *json);

enum json_type json_type(struct json_value value);

/* The value's own octets, as they stand in the text (a string's with its quotes). */
struct ps_bytes json_raw(struct json_value value);

/* Members or elements. */
size_t json_count(struct json_value container);

/* False when the object has no such member; names are compared unescaped and with case. */
bool json_member(struct json_value object, const char *name, struct json_value *ret_value);

/*
 * Walks an object or array in order: *cursor starts at 0; false at the end. `ret_name` (may be NULL
 * for arrays) is the raw name without quotes, escapes not undone.
 */
bool json_next(struct json_value container, uint32_t *cursor, struct ps_bytes *ret_name,
               struct json_value *ret_value);

/*
 * A string's octets with escapes undone. Borrowed from the text where there are none, else from
 * memory of the document, valid until the next json_parse. May hold NUL (from \u0000).
 * Errors: PS_E_INPUT when it is no string.
 */
PS_MUST_USE enum ps_err json_string(struct json_value value, struct ps_bytes *ret_text);

/*
 * Memory that lives as long as the value's document, for what is decoded of it: until the next
 * json_parse. NULL without memory.
 */
uint8_t *json_room(struct json_value value, size_t len);

/* An integer without fraction or exponent within +-10^15. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err json_integer(struct json_value value, int64_t *ret_number);

/*
 * Reading an object with a closed schema into a struct: one table per route or document. A member
 * that is unknown, missing, of another type or outside its limits is PS_E_INPUT, and the detail
 * names it. Absent optional members leave the struct's field as it was; after an error
 * the struct's content means nothing.
 */
enum json_kind {
    JSON_KIND_STRING, /* struct ps_bytes, unescaped; NUL is refused */
    JSON_KIND_NAME,   /* the same, and ps_name_valid */
    JSON_KIND_OCTETS, /* struct ps_bytes, decoded from base64url into the document's memory */
    JSON_KIND_U32,    /* uint32_t, not negative */
    JSON_KIND_U64,    /* uint64_t, up to 10^15 */
    JSON_KIND_BOOL,   /* bool */
    JSON_KIND_OBJECT, /* struct json_value */
    JSON_KIND_ARRAY,  /* struct json_value */
    JSON_KIND_ANY     /* struct json_value */
};

struct json_field {
    const char *name;
    size_t offset;
    uint64_t max; /* octets of a string (after decoding), or the largest number; 0: no own limit */
    enum json_kind kind;
    bool required;
};

#define JSON_FIELD(type, member, kind_, required_, max_)                                           \
    {                                                                                              \
        .name = #member, .offset = offsetof(type, member), .max = (max_), .kind = (kind_),         \
        .required = (required_)                                                                    \
    }

/* `seen`, if not NULL, gets a bit for each member that was there, in the order of the table. */
PS_MUST_USE enum ps_err json_read_object(struct json_value object, const struct json_field *fields,
                                         size_t count, void *ret_struct, uint64_t *seen);

/*
 * RFC 8785 (JCS) for documents of our own profile: ASCII member names, strings, booleans, arrays
 * and objects, integers within +-2^53; no null.
 */
PS_MUST_USE enum ps_err json_put_canonical(struct json_value value, struct ps_buf *out);

/* PS_OK when the text is its own canonical form to the octet. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err json_check_canonical(struct json_value root);

#endif
