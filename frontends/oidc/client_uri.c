#include "frontends/oidc/client.h"

#define URI_MAX 1024u

/* RFC 3986 section 2, without what begins a fragment and without "*", which is no wildcard here. */
static bool is_uri_text(struct ps_bytes uri)
{
    for (size_t i = 0; i < uri.len; i++) {
        const uint8_t c = uri.data[i];

        if (!ps_is_letter(c) && !ps_is_digit(c) &&
            (c == '\0' || strchr("-._~:/?[]@!$&'()+,;=%", c) == NULL)) {
            return false;
        }
    }
    return uri.len != 0 && uri.len <= URI_MAX;
}

static bool starts_with(struct ps_bytes uri, const char *prefix)
{
    return ps_bytes_starts_with(uri, ps_bytes_str(prefix));
}

/* What stands between "//" and the path or query. */
static struct ps_bytes authority_of(struct ps_bytes uri, size_t from)
{
    const struct ps_bytes rest = ps_bytes_from(uri, from);
    size_t len = 0;

    while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?') {
        len++;
    }
    return ps_bytes(rest.data, len);
}

static bool has_user(struct ps_bytes authority)
{
    return authority.len != 0 && memchr(authority.data, '@', authority.len) != NULL;
}

static bool is_loopback(struct ps_bytes authority)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < PS_COUNT_OF(hosts); i++) {
        const size_t len = strlen(hosts[i]);

        if (starts_with(authority, hosts[i]) &&
            (authority.len == len || authority.data[len] == ':')) {
            return true;
        }
    }
    return false;
}

/* RFC 8252 section 7.1: a name in reverse order, which therefore has a dot. */
static bool is_private_scheme(struct ps_bytes uri)
{
    const uint8_t *colon = memchr(uri.data, ':', uri.len);
    const size_t len = colon == NULL ? 0 : (size_t)(colon - uri.data);

    if (len == 0 || len + 1 == uri.len || memchr(uri.data, '.', len) == NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = uri.data[i];

        if (!ps_is_letter(c) && (i == 0 || (!ps_is_digit(c) && c != '.' && c != '-' && c != '+'))) {
            return false;
        }
    }
    return true;
}

bool client_redirect_uri_valid(struct ps_bytes uri)
{
    struct ps_bytes authority;

    if (!is_uri_text(uri)) {
        return false;
    }
    if (starts_with(uri, "https://")) {
        authority = authority_of(uri, 8);
        return authority.len != 0 && !has_user(authority);
    }
    if (starts_with(uri, "http://")) {
        authority = authority_of(uri, 7);
        return is_loopback(authority) && !has_user(authority);
    }
    return is_private_scheme(uri);
}
