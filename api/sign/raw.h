#ifndef API_SIGN_RAW_H
#define API_SIGN_RAW_H

#include "lib/base/algorithm.h"
#include "lib/formats/json/json.h"

/* What raw signing and verifying have in common: a message or its digest. */
struct raw_input {
    struct ps_bytes message;
    struct ps_bytes digest;
    struct ps_bytes digest_algorithm;
    struct ps_bytes algorithm;
    struct ps_bytes encoding;
    struct ps_bytes signature; /* verify only */
    uint32_t version;          /* 0: not named */
};

/*
 * Checks that one of message and digest is there, and that digest, its algorithm and the signature
 * algorithm go together. Errors: PS_E_INPUT (400), PS_E_STATE (422); the detail names the member.
 */
PS_MUST_USE enum ps_err raw_check_input(const struct raw_input *input);

/* RAW_ENCODING_...; Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err raw_read_encoding(struct ps_bytes name, uint8_t *ret_encoding);

#endif
