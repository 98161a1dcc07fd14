#include "keystore/keys/key_version.h"

#include <string.h>

bool version_next_token(const struct key_version *version, size_t *cursor,
                        struct ps_bytes *ret_token)
{
    const char *at = version->tokens == NULL ? "" : version->tokens + *cursor;
    const size_t len = strcspn(at, "\n");

    if (len == 0) {
        return false;
    }
    *ret_token = ps_bytes(at, len);
    *cursor += len + 1;
    return true;
}

struct ps_bytes version_token(const struct key_version *version)
{
    struct ps_bytes token = {NULL, 0};
    size_t cursor = 0;

    (void)version_next_token(version, &cursor, &token);
    return token;
}

bool version_is_on(const struct key_version *version, struct ps_bytes token)
{
    struct ps_bytes name;
    size_t cursor = 0;

    while (version_next_token(version, &cursor, &name)) {
        if (ps_bytes_equal(name, token)) {
            return true;
        }
    }
    return false;
}
