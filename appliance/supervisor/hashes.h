#ifndef APPLIANCE_SUPERVISOR_HASHES_H
#define APPLIANCE_SUPERVISOR_HASHES_H

#include "appliance/config/config.h"
#include "lib/sandbox/sandbox.h"

/* What the hashes of a start are taken of, besides the files that the configuration names. */
struct hashes_input {
    const struct config *config;
    const struct ps_buf *profiles; /* one per token, as read */
    struct sandbox_support support;
    bool separate_users;
};

/*
 * Appends the JSON object that goes into the start's leaf and into GET /v1/system:
 * {"version", "program", "configuration", "modules": {token: hash}, "profiles": {token: hash},
 *  "sandbox": {"users": "separate" | "same", "landlock": version, "seccomp": bool,
 *              "missing": [text]}}; hashes are SHA-256 in hex.
 *
 * Errors: PS_E_NOT_FOUND, PS_E_DENIED, PS_E_STORAGE (a file), PS_E_LIMIT
 */
PS_MUST_USE enum ps_err hashes_put(const struct hashes_input *input, struct ps_buf *out);

/* What keeps the roles less apart than they could be, one sentence after the other; "" if nothing.
 */
void hashes_put_missing(const struct hashes_input *input, struct ps_buf *out);

#endif
