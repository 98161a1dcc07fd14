#include "lib/config/table.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Lists travel to a token process in one field of this size (messages_supervisor.h). */
#define LIST_MAX 4096u

static enum ps_err check_text(const char *text)
{
    (void)text;
    return PS_OK;
}

static enum ps_err check_path(const char *text)
{
    if (text[0] != '/') {
        return ps_fail(PS_E_INPUT, 0, "'%.120s' is not an absolute path; begin it with /", text);
    }
    for (const char *at = text; at != NULL; at = strchr(at + 1, '/')) {
        const size_t len = strcspn(at + 1, "/");

        if (len == 0 || (len == 1 && at[1] == '.') || (len == 2 && memcmp(at + 1, "..", 2) == 0)) {
            return ps_fail(PS_E_INPUT, 0,
                           "'%.120s' has an empty, '.' or '..' part; write the plain path", text);
        }
    }
    return PS_OK;
}

static enum ps_err check_origin(const char *text)
{
    if (strpbrk(text, " \t+") != NULL || strchr(text, '.') == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "'%s' is no origin; use a domain name you own and a path, without spaces "
                       "and '+', such as keys.example/a",
                       text);
    }
    return PS_OK;
}

static enum ps_err check_name(const char *text)
{
    if (text[0] < 'a' || text[0] > 'z' ||
        text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
        return ps_fail(PS_E_INPUT, 0, "'%s' is no name of lower-case letters, digits and '-'",
                       text);
    }
    return PS_OK;
}

static enum ps_err check_credential(const char *text)
{
    if (text[0] == '.' || strchr(text, '/') != NULL) {
        return ps_fail(PS_E_INPUT, 0, "'%s' is no name of a systemd credential", text);
    }
    return PS_OK;
}

static enum ps_err check_uri(const char *text)
{
    if (strncmp(text, "pkcs11:", 7) != 0) {
        return ps_fail(PS_E_INPUT, 0,
                       "'%.120s' is no URI of RFC 7512; it begins with pkcs11:", text);
    }
    return PS_OK;
}

static enum ps_err check_address(const char *text)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, text, &address) != 1 && inet_pton(AF_INET6, text, &address) != 1) {
        return ps_fail(PS_E_INPUT, 0, "'%s' is no numeric IPv4 or IPv6 address", text);
    }
    return PS_OK;
}

static enum ps_err check_environment(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    const size_t name = strcspn(text, "=");

    if (text[name] == '\0' || strcspn(text, letters) != 0 || strspn(text, rest) != name) {
        return ps_fail(PS_E_INPUT, 0, "'%.120s' is not NAME=value", text);
    }
    if (strncmp(text, "LD_", 3) == 0 || strncmp(text, "GLIBC_", 6) == 0) {
        return ps_fail(PS_E_INPUT, 0, "variables of the dynamic loader are not passed on");
    }
    return PS_OK;
}

static enum ps_err check_pin(const char *text)
{
    PS_BUF_AUTO octets = {.max = PS_SHA256_LEN};

    if (ps_base64url_decode(ps_bytes_str(text), &octets) != PS_OK || octets.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "'%.60s' is no SHA-256 in base64url without padding", text);
    }
    return PS_OK;
}

static enum ps_err read_text(const struct config_key *key, const char *text, void *value)
{
    char *copy = strdup(text);
    char **at = value;

    (void)key;
    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    free(*at);
    *at = copy;
    return PS_OK;
}

static enum ps_err read_line(const struct config_key *key, const char *text, void *value)
{
    char **at = value;
    char *joined;

    if ((*at)[0] == '\0') {
        return read_text(key, text, value);
    }
    if (strlen(*at) + 1 + strlen(text) > LIST_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "all lines of this key together are over %u characters",
                       LIST_MAX);
    }
    if (asprintf(&joined, "%s\n%s", *at, text) < 0) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    free(*at);
    *at = joined;
    return PS_OK;
}

/* Digits only: no sign, no white space, no other base than the one asked for. */
static bool read_digits(const char *text, char last_digit, uint64_t *ret_number)
{
    const uint64_t base = (uint64_t)(last_digit - '0') + 1;
    uint64_t number = 0;

    if (text[0] == '\0' || strlen(text) > 19) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > last_digit) {
            return false;
        }
        number = number * base + (uint64_t)(*text - '0');
    }
    *ret_number = number;
    return true;
}

static enum ps_err read_number(const struct config_key *key, const char *text, void *value)
{
    uint64_t number;

    if (!read_digits(text, '9', &number) || number < key->least || number > key->most) {
        return ps_fail(PS_E_INPUT, 0, "'%.40s' is no whole number from %llu to %llu", text,
                       (unsigned long long)key->least, (unsigned long long)key->most);
    }
    *(uint64_t *)value = number;
    return PS_OK;
}

static enum ps_err read_mode(const struct config_key *key, const char *text, void *value)
{
    uint64_t mode;

    if (!read_digits(text, '7', &mode) || (mode & ~key->most) != 0) {
        return ps_fail(PS_E_INPUT, 0, "'%.40s' is no octal mode of a socket, such as 0660", text);
    }
    *(uint64_t *)value = mode;
    return PS_OK;
}

static enum ps_err read_bool(const struct config_key *key, const char *text, void *value)
{
    (void)key;
    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        return ps_fail(PS_E_INPUT, 0, "'%.40s' is neither yes nor no", text);
    }
    *(bool *)value = text[0] == 'y';
    return PS_OK;
}

static enum ps_err read_level(const struct config_key *key, const char *text, void *value)
{
    /* In the order of enum ps_level. */
    static const char *const names[] = {"debug", "info", "warning", "error"};

    (void)key;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *(uint64_t *)value = i;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0, "'%.40s' is none of debug, info, warning, error", text);
}

static enum ps_err add_uid(struct config_uids *uids, const char *text, size_t len)
{
    char word[24];
    uint64_t uid;

    if (uids->count == CONFIG_UIDS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u user ids", CONFIG_UIDS_MAX);
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word), text);
    /* (uid_t)-1 means "no change" to the kernel and is nobody. */
    if (!read_digits(word, '9', &uid) || uid >= UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "'%s' is no numeric user id; separate them by spaces", word);
    }
    uids->ids[uids->count++] = (uint32_t)uid;
    return PS_OK;
}

static enum ps_err read_uids(const struct config_key *key, const char *text, void *value)
{
    struct config_uids uids = {.count = 0};

    (void)key;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        const size_t len = strcspn(text, " ");

        PS_TRY(add_uid(&uids, text, len));
        text += len;
    }
    *(struct config_uids *)value = uids;
    return PS_OK;
}

/* A kind with `check` is a text whose octets are counted; `read` stores the value. */
struct kind {
    enum ps_err (*check)(const char *text);
    enum ps_err (*read)(const struct config_key *key, const char *text, void *value);
};

static const struct kind kinds[] = {
    [CONFIG_TEXT] = {check_text, read_text},
    [CONFIG_ORIGIN] = {check_origin, read_text},
    [CONFIG_PATH] = {check_path, read_text},
    [CONFIG_NAME] = {check_name, read_text},
    [CONFIG_CREDENTIAL] = {check_credential, read_text},
    [CONFIG_URI] = {check_uri, read_text},
    [CONFIG_ADDRESS] = {check_address, read_text},
    [CONFIG_PATHS] = {check_path, read_line},
    [CONFIG_ENVIRONMENT] = {check_environment, read_line},
    [CONFIG_WITNESSES] = {check_text, read_line},
    [CONFIG_SYSTEM_CALLS] = {check_text, read_line},
    [CONFIG_BOOL] = {NULL, read_bool},
    [CONFIG_NUMBER] = {NULL, read_number},
    [CONFIG_MODE] = {NULL, read_mode},
    [CONFIG_LEVEL] = {NULL, read_level},
    [CONFIG_UIDS] = {NULL, read_uids},
    [CONFIG_PINS] = {check_pin, read_line},
};

bool config_key_is_list(const struct config_key *key)
{
    return kinds[key->kind].read == read_line;
}

bool config_key_is_text(const struct config_key *key)
{
    return kinds[key->kind].check != NULL;
}

static enum ps_err check_octets(const struct config_key *key, const char *text)
{
    const size_t len = strlen(text);

    if (len < key->least || len > key->most) {
        return ps_fail(PS_E_LIMIT, 0, "%zu characters; it takes %llu to %llu", len,
                       (unsigned long long)key->least, (unsigned long long)key->most);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return ps_fail(PS_E_INPUT, 0, "control characters are not allowed here");
        }
    }
    return PS_OK;
}

enum ps_err config_key_read(const struct config_key *key, const char *text, void *section)
{
    if (config_key_is_text(key)) {
        PS_TRY(check_octets(key, text));
        PS_TRY(kinds[key->kind].check(text));
    }
    return kinds[key->kind].read(key, text, config_key_value(key, section));
}

void *config_key_value(const struct config_key *key, void *section)
{
    return (uint8_t *)section + key->offset;
}
