#include "frontends/shared/caller.h"

#include "lib/base/encode.h"

#include <stdio.h>

static bool has_uid(const struct config_uids *uids, uint32_t uid)
{
    for (size_t i = 0; i < uids->count; i++) {
        if (uids->ids[i] == uid) {
            return true;
        }
    }
    return false;
}

static bool has_pin(const char *lines, const uint8_t spki[PS_SHA256_LEN])
{
    char pin[64];
    const size_t len = ps_base64url_len(PS_SHA256_LEN);

    ps_base64url_encode(ps_bytes(spki, PS_SHA256_LEN), pin);
    while (*lines != '\0') {
        const size_t line = strcspn(lines, "\n");

        if (line == len && memcmp(lines, pin, len) == 0) {
            return true;
        }
        lines += line + (lines[line] == '\n');
    }
    return false;
}

bool caller_is_administrator(const struct settings_administrators *administrators,
                             const struct http_caller *caller)
{
    switch (caller->kind) {
    case HTTP_CALLER_UNIX:
        return has_uid(&administrators->uids, caller->uid);
    case HTTP_CALLER_TLS:
        return has_pin(administrators->pins, caller->spki);
    case HTTP_CALLER_NOBODY:
    default:
        return false;
    }
}

void caller_text(const struct http_caller *caller, char ret_text[CALLER_TEXT_MAX])
{
    switch (caller->kind) {
    case HTTP_CALLER_UNIX:
        (void)snprintf(ret_text, CALLER_TEXT_MAX, "uid %u", caller->uid);
        break;
    case HTTP_CALLER_TLS:
        (void)snprintf(ret_text, CALLER_TEXT_MAX, "pin ");
        ps_base64url_encode(ps_bytes(caller->spki, PS_SHA256_LEN), ret_text + 4);
        ret_text[4 + ps_base64url_len(PS_SHA256_LEN)] = '\0';
        break;
    case HTTP_CALLER_NOBODY:
    default:
        (void)snprintf(ret_text, CALLER_TEXT_MAX, "nobody");
        break;
    }
}
