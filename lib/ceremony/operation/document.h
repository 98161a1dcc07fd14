#ifndef CEREMONY_OPERATION_DOCUMENT_H
#define CEREMONY_OPERATION_DOCUMENT_H

#include "lib/base/hash.h"
#include "lib/ceremony/operation/types.h"
#include "lib/formats/json/json.h"

/*
 * The document of an operation: the octets that people sign (ceremonies.md, "The operation"). JSON
 * in its RFC 8785 form, with a closed schema for each type: ASCII member names, integers as strings
 * of decimal digits, booleans; no numbers, no null, no unknown and no repeated members.
 */
#define OPERATION_DOCUMENT_MAX       (48u * 1024u) /* octets: it has to fit into a leaf of the log */
#define OPERATION_DOCUMENT_DEPTH_MAX 8u
#define OPERATION_NONCE_LEN          16u

/* What was read; texts and values are valid as long as its reader and its octets. */
struct operation_document {
    const struct operation_type_info *type;
    char class;             /* the type's, or a higher one of the keys it names; an issuer's is A */
    struct ps_bytes octets; /* as they are signed */
    struct json_value root;
    struct json_value params;         /* of the schema of `type` */
    uint8_t hash[PS_SHA256_LEN];      /* of the octets */
    uint8_t appliance[PS_SHA256_LEN]; /* of its identity key; zeros before genesis */
    bool is_practice;                 /* says the appliance, and nobody who asks */
    struct ps_bytes ceremony;
    struct ps_bytes step;
    struct ps_bytes requester;
    struct ps_bytes reason;
    uint8_t nonce[OPERATION_NONCE_LEN];
    uint64_t policy_epoch;
    uint8_t policy_hash[PS_SHA256_LEN];
    uint8_t roster_hash[PS_SHA256_LEN];
    struct ps_bytes log_origin; /* of the appliance; empty before genesis */
    uint64_t log_size;          /* of `events` when it was made, and its root then: */
    uint8_t log_root[PS_SHA256_LEN];
    uint64_t not_before_s; /* since 1970; always before not_after_s */
    uint64_t not_after_s;
    uint64_t max_log_size; /* of `events`; never less than log_size */
};

/*
 * Reads a document and checks all that can be known from it alone.
 *
 * json:    the reader whose memory the result uses; its earlier values end
 * octets:  exactly what was, or will be, signed; at most OPERATION_DOCUMENT_MAX
 * Errors:  PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY; the detail is a sentence that names the member
 * Source:  RFC 8785
 */
PS_MUST_USE enum ps_err operation_document_parse(struct json *json, struct ps_bytes octets,
                                                 struct operation_document *ret_document);

/*
 * Are these parameters of the type's schema? For who makes a document.
 * Errors: as above.
 */
PS_MUST_USE enum ps_err operation_params_check(const struct operation_type_info *type,
                                               struct json_value params);

/* The key, client, set, ... that it is about; empty when its type has only one. */
struct ps_bytes operation_document_subject(const struct operation_document *document);

/*
 * A member of params by its path of names ("client.name"), which the schema says is a string.
 * Errors: PS_E_NOT_FOUND when it is not there (optional members).
 */
PS_MUST_USE enum ps_err operation_document_text(const struct operation_document *document,
                                                const char *path, struct ps_bytes *ret_text);

#endif
