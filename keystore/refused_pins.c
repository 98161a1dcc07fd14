#include "keystore/refused_pins.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

/* 2^15 rounds, 32 MiB: RFC 7914; about 0.1 s, once per refused PIN and start. */
#define COST_N     32768u
#define COST_R     8u
#define COST_P     1u
#define MEMORY_MAX (64u * 1024u * 1024u)

#define SALT_LEN  16u
#define VALUE_LEN 32u

struct mark {
    uint8_t salt[SALT_LEN];
    uint8_t value[VALUE_LEN];
};

static enum ps_err put_path(const struct keeper *keeper, const struct token *token, char *out,
                            size_t size)
{
    const int len =
        snprintf(out, size, "%.*s/refused-pin.%.*s", PS_BYTES_FMT(keeper->config->data_directory),
                 PS_BYTES_FMT(tokens_name(token)));

    return len > 0 && (size_t)len < size ? PS_OK : PS_E_INPUT;
}

static enum ps_err derive(struct ps_bytes pin, const uint8_t *salt, uint8_t *out)
{
    if (EVP_PBE_scrypt((const char *)pin.data, pin.len, salt, SALT_LEN, COST_N, COST_R, COST_P,
                       MEMORY_MAX, out, VALUE_LEN) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "scrypt");
    }
    return PS_OK;
}

static enum ps_err write_mark(const char *path, const struct mark *mark)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    uint8_t octets[SALT_LEN + VALUE_LEN];
    bool written;

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %s", path);
    }
    memcpy(octets, mark->salt, SALT_LEN);
    memcpy(octets + SALT_LEN, mark->value, VALUE_LEN);
    written = write(fd, octets, sizeof octets) == (ssize_t)sizeof octets && fsync(fd) == 0;
    (void)close(fd);
    return written ? PS_OK : PS_E_STORAGE;
}

static enum ps_err read_mark(const char *path, struct mark *ret_mark)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t octets[SALT_LEN + VALUE_LEN];
    ssize_t got;

    if (fd < 0) {
        return errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE;
    }
    got = read(fd, octets, sizeof octets);
    (void)close(fd);
    if (got != (ssize_t)sizeof octets) {
        return PS_E_STORAGE;
    }
    memcpy(ret_mark->salt, octets, SALT_LEN);
    memcpy(ret_mark->value, octets + SALT_LEN, VALUE_LEN);
    return PS_OK;
}

void keeper_refuse_pin(struct keeper *keeper, struct token *token)
{
    char path[4400];
    struct mark mark;
    enum ps_err err = put_path(keeper, token, path, sizeof path);

    ps_random(mark.salt, sizeof mark.salt);
    if (err == PS_OK) {
        err = derive(tokens_pin(token), mark.salt, mark.value);
    }
    if (err == PS_OK) {
        err = write_mark(path, &mark);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "refused_pin_not_remembered", PS_TEXT("token", tokens_name(token)));
    }
}

void keeper_check_pins(struct keeper *keeper, struct token *token)
{
    char path[4400];
    uint8_t value[VALUE_LEN];
    struct mark mark;
    enum ps_err err = put_path(keeper, token, path, sizeof path);

    if (tokens_pin(token).len == 0) {
        return;
    }
    if (err == PS_OK) {
        err = read_mark(path, &mark);
    }
    if (err == PS_E_NOT_FOUND) {
        return;
    }
    if (err == PS_OK) {
        err = derive(tokens_pin(token), mark.salt, value);
    }
    /* A mark that cannot be read may be of this very PIN. */
    if (err != PS_OK || ps_bytes_equal_secret(ps_bytes(value, sizeof value),
                                              ps_bytes(mark.value, sizeof mark.value))) {
        ps_line(PS_ERROR, "pin_was_refused_before", PS_TEXT("token", tokens_name(token)));
        tokens_set_pin_refused(token, true);
        return;
    }
    tokens_set_pin_refused(token, false);
}
