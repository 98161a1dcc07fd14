#include "frontends/oidc/csrf.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <assert.h>

#define OCTETS 32u

static bool decode(struct ps_bytes text, size_t len, uint8_t *ret_octets)
{
    PS_BUF_AUTO octets = {.max = 3 * OCTETS};

    if (ps_base64url_decode(text, &octets) != PS_OK || octets.len != len) {
        return false;
    }
    memcpy(ret_octets, octets.data, len);
    return true;
}

/* RFC 6265 section 4.2.1: pairs with "; " between them; browsers send what they like besides. */
bool csrf_find(struct ps_bytes cookies, const char *cookie, struct ps_bytes *ret_value)
{
    const struct ps_bytes name = ps_bytes_str(cookie);
    uint8_t octets[OCTETS];

    while (cookies.len != 0) {
        const uint8_t *end = memchr(cookies.data, ';', cookies.len);
        const size_t len = end == NULL ? cookies.len : (size_t)(end - cookies.data);
        const struct ps_bytes pair = ps_bytes(cookies.data, len);

        *ret_value = ps_bytes_from(pair, name.len + 1);
        if (ps_bytes_starts_with(pair, name) && pair.len > name.len && pair.data[name.len] == '=' &&
            decode(*ret_value, OCTETS, octets)) {
            return true;
        }
        cookies = ps_bytes_from(cookies, len + 1);
        while (cookies.len != 0 && cookies.data[0] == ' ') {
            cookies = ps_bytes_from(cookies, 1);
        }
    }
    return false;
}

void csrf_make_value(char ret_value[CSRF_VALUE_LEN + 1])
{
    uint8_t octets[OCTETS];

    ps_random(octets, sizeof octets);
    ps_base64url_encode(ps_bytes(octets, sizeof octets), ret_value);
    ret_value[CSRF_VALUE_LEN] = '\0';
}

void csrf_make_token(struct ps_bytes value, char ret_token[CSRF_TOKEN_LEN + 1])
{
    uint8_t octets[2 * OCTETS];
    uint8_t plain[OCTETS];
    const bool decoded = decode(value, OCTETS, plain);

    assert(decoded);
    ps_random(octets, OCTETS);
    for (size_t i = 0; decoded && i < OCTETS; i++) {
        octets[OCTETS + i] = octets[i] ^ plain[i];
    }
    ps_base64url_encode(ps_bytes(octets, sizeof octets), ret_token);
    ret_token[CSRF_TOKEN_LEN] = '\0';
}

bool csrf_is_of(struct ps_bytes token, struct ps_bytes value)
{
    uint8_t octets[2 * OCTETS];
    uint8_t plain[OCTETS];

    if (!decode(value, OCTETS, plain) || !decode(token, sizeof octets, octets)) {
        return false;
    }
    for (size_t i = 0; i < OCTETS; i++) {
        octets[OCTETS + i] ^= octets[i];
    }
    return ps_bytes_equal_secret(ps_bytes(octets + OCTETS, OCTETS), ps_bytes(plain, OCTETS));
}

bool csrf_is_good(struct ps_bytes cookies, struct ps_bytes token)
{
    struct ps_bytes value;

    return csrf_find(cookies, CSRF_COOKIE, &value) && csrf_is_of(token, value);
}
