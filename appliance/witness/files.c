#include "appliance/witness/internal.h"

#include "lib/base/encode.h"
#include "lib/formats/tlog/note_internal.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_LEN     32u
#define KEY_TEXT_MAX 1024u
#define LOGS_MAX     (256u * 1024u)

/* As golang.org/x/mod/sumdb/note writes one: this, the name, the key's id, base64(type || seed). */
static const char private_title[] = "PRIVATE+KEY+";

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void free_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static enum ps_err join(const char *directory, const char *name, char path[WITNESS_PATH_MAX])
{
    const int len = snprintf(path, WITNESS_PATH_MAX, "%s/%s", directory, name);

    return len < 0 || (size_t)len >= WITNESS_PATH_MAX
               ? ps_fail(PS_E_INPUT, 0, "the path of the directory is too long")
               : PS_OK;
}

static enum ps_err key_of_seed(struct ps_bytes name, struct ps_bytes seed, struct note_key *ret_key)
{
    PS_CLEANUP(free_pkey)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.data, seed.len);
    uint8_t octets[32];
    size_t len = sizeof octets;

    if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, octets, &len) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "cannot take the key up");
    }
    return cosigner_key_make(name, ps_bytes(octets, len), ret_key);
}

enum ps_err witness_key_sign(const struct ps_secret *seed, struct ps_bytes message,
                             uint8_t ret_signature[64])
{
    const struct ps_bytes octets = ps_secret_bytes(seed);
    PS_CLEANUP(free_pkey)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, octets.data, octets.len);
    PS_CLEANUP(free_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = 64;

    if (pkey == NULL || context == NULL ||
        EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) != 1 ||
        EVP_DigestSign(context, ret_signature, &len, message.data, message.len) != 1) {
        return ps_fail(PS_E_INTERNAL, 0, "signing with the witness's key failed");
    }
    return PS_OK;
}

static void put_private(const struct note_key *key, struct ps_bytes seed, struct ps_buf *out)
{
    uint8_t typed[1 + SEED_LEN] = {NOTE_COSIGNATURE};

    memcpy(typed + 1, seed.data, SEED_LEN);
    ps_buf_put_str(out, private_title);
    ps_buf_put(out, key->name);
    ps_buf_put_u8(out, '+');
    ps_buf_put_hex(out, ps_bytes(key->id, sizeof key->id));
    ps_buf_put_u8(out, '+');
    ps_buf_put_base64(out, ps_bytes(typed, sizeof typed));
    ps_buf_put_u8(out, '\n');
    ps_wipe(typed, sizeof typed);
}

static enum ps_err sync_directory(const char *path)
{
    PS_CLEANUP(file_close_cleanup) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", path);
}

static enum ps_err make_directories(const char *directory)
{
    char path[WITNESS_PATH_MAX];

    PS_TRY(join(directory, "seen", path));
    if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", directory);
    }
    if (mkdir(path, 0755) != 0) {
        return errno == EEXIST ? ps_fail(PS_E_CONFLICT, 0, "%s is a witness's already", directory)
                               : ps_fail_errno(PS_E_STORAGE, "%s: making it", path);
    }
    return PS_OK;
}

static enum ps_err write_key(const char *directory, struct ps_bytes name, struct ps_bytes seed,
                             struct ps_buf *ret_key)
{
    PS_BUF_AUTO text = PS_BUF_SECRET(KEY_TEXT_MAX);
    char path[WITNESS_PATH_MAX];
    struct note_key key;

    PS_TRY(key_of_seed(name, seed, &key));
    PS_TRY(make_directories(directory));
    put_private(&key, seed, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(join(directory, "key", path));
    PS_TRY(file_create(path, ps_buf_bytes(&text), 0600));
    PS_TRY(join(directory, "logs", path));
    PS_TRY(file_create(path, ps_bytes(NULL, 0), 0644));
    PS_TRY(sync_directory(directory));
    note_put_key(&key, ret_key);
    return ps_buf_status(ret_key);
}

enum ps_err witness_create(const char *directory, struct ps_bytes name, struct ps_buf *ret_key)
{
    uint8_t seed[SEED_LEN];
    enum ps_err err;

    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return ps_fail_errno(PS_E_INTERNAL, "getrandom");
    }
    err = write_key(directory, name, ps_bytes(seed, sizeof seed), ret_key);
    ps_wipe(seed, sizeof seed);
    return err;
}

/* The key's parts; `decoded` gets the type and the seed. */
static enum ps_err read_private(struct ps_bytes text, struct ps_bytes *ret_name,
                                struct ps_buf *decoded)
{
    struct ps_bytes rest = text;
    struct ps_bytes word = {0};

    if (!ps_bytes_starts_with(rest, ps_bytes_str(private_title))) {
        return ps_fail(PS_E_INPUT, 0, "the file `key` is no private key of a note");
    }
    rest = ps_bytes_from(rest, strlen(private_title));
    if (!note_split_line(&rest, '+', ret_name) || !note_split_line(&rest, '+', &word) ||
        ps_base64_decode(rest, decoded) != PS_OK || decoded->len != 1 + SEED_LEN ||
        decoded->data[0] != NOTE_COSIGNATURE) {
        return ps_fail(PS_E_INPUT, 0, "the file `key` is no private key of a witness (type 4)");
    }
    return PS_OK;
}

static enum ps_err load_key(struct witness *witness)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *text = NULL;
    PS_BUF_AUTO decoded = PS_BUF_SECRET(2 + SEED_LEN);
    char path[WITNESS_PATH_MAX];
    struct ps_bytes name = {0};
    struct ps_bytes seed;

    PS_TRY(join(witness->directory, "key", path));
    PS_TRY(file_open_private(path, &fd));
    PS_TRY(ps_secret_read_fd(fd, &text));
    PS_TRY(read_private(ps_secret_bytes(text), &name, &decoded));
    ps_buf_put(&witness->name, name);
    PS_TRY(ps_buf_status(&witness->name));
    seed = ps_bytes_from(ps_buf_bytes(&decoded), 1);
    PS_TRY(key_of_seed(ps_buf_bytes(&witness->name), seed, &witness->key));
    return ps_secret_new(seed, &witness->secret);
}

enum ps_err witness_open(const char *directory, struct witness **ret_witness)
{
    PS_CLEANUP(witness_free_cleanup) struct witness *witness = calloc(1, sizeof *witness);
    char path[WITNESS_PATH_MAX];

    if (witness == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    witness->seen_fd = -1;
    ps_buf_init(&witness->name, LOG_KEY_TEXT_MAX);
    witness->directory = strdup(directory);
    if (witness->directory == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(load_key(witness));
    PS_TRY(join(directory, "seen", path));
    witness->seen_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (witness->seen_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    *ret_witness = witness;
    witness = NULL;
    return PS_OK;
}

void witness_free(struct witness *witness)
{
    if (witness == NULL) {
        return;
    }
    if (witness->seen_fd >= 0) {
        (void)close(witness->seen_fd);
    }
    ps_secret_free(witness->secret);
    ps_buf_clear(&witness->name);
    free(witness->directory);
    free(witness);
}

void witness_put_key(const struct witness *witness, struct ps_buf *out)
{
    note_put_key(&witness->key, out);
}

/* The log of a line that has this origin, under its own name or as one of its shards. */
static enum ps_err match(struct ps_bytes line, struct ps_bytes origin, struct note_key *ret_key)
{
    struct note_key key;

    PS_TRY(note_key_parse(line, &key));
    if (ps_bytes_equal(key.name, origin)) {
        return note_key_make(origin, ps_bytes(key.public_key, sizeof key.public_key), ret_key);
    }
    PS_TRY(log_key_parse(line, &key));
    return log_key_of_origin(&key, origin, ret_key);
}

enum ps_err witness_find_log(const struct witness *witness, struct ps_bytes origin,
                             struct note_key *ret_key)
{
    char path[WITNESS_PATH_MAX];
    PS_BUF_AUTO text = {.max = 0};
    struct ps_bytes rest;
    struct ps_bytes line = {0};

    PS_TRY(join(witness->directory, "logs", path));
    PS_TRY(file_read(path, LOGS_MAX, &text));
    rest = ps_buf_bytes(&text);
    while (note_split_line(&rest, '\n', &line)) {
        if (match(line, origin, ret_key) == PS_OK) {
            return PS_OK;
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "no log that this witness watches has the origin %.*s",
                   PS_BYTES_FMT(origin));
}

static enum ps_err read_logs(const char *directory, struct ps_buf *text)
{
    char path[WITNESS_PATH_MAX];

    PS_TRY(join(directory, "logs", path));
    return file_read(path, LOGS_MAX, text);
}

static enum ps_err write_logs(const char *directory, const struct ps_buf *text)
{
    char path[WITNESS_PATH_MAX];

    PS_TRY(ps_buf_status(text));
    PS_TRY(join(directory, "logs", path));
    PS_TRY(file_write(path, ps_buf_bytes(text), 0644));
    return sync_directory(directory);
}

enum ps_err witness_add_log(const char *directory, struct ps_bytes key)
{
    PS_CLEANUP(witness_free_cleanup) struct witness *witness = NULL;
    struct note_key parsed;
    struct note_key known;
    PS_BUF_AUTO text = {.max = 0};

    PS_TRY(note_key_parse(key, &parsed));
    PS_TRY(witness_open(directory, &witness));
    if (witness_find_log(witness, parsed.name, &known) == PS_OK) {
        return ps_fail(PS_E_CONFLICT, 0, "a log of the name %.*s is watched already",
                       PS_BYTES_FMT(parsed.name));
    }
    PS_TRY(read_logs(directory, &text));
    ps_buf_put(&text, key);
    ps_buf_put_u8(&text, '\n');
    return write_logs(directory, &text);
}

static enum ps_err check_names(struct ps_bytes former, struct ps_bytes key)
{
    struct note_key before;
    struct note_key after;

    PS_TRY(note_key_parse(former, &before));
    PS_TRY(note_key_parse(key, &after));
    return ps_bytes_equal(before.name, after.name)
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "they are keys of two logs: %.*s and %.*s",
                         PS_BYTES_FMT(before.name), PS_BYTES_FMT(after.name));
}

enum ps_err witness_replace_log(const char *directory, struct ps_bytes former, struct ps_bytes key)
{
    PS_CLEANUP(witness_free_cleanup) struct witness *witness = NULL;
    PS_BUF_AUTO text = {.max = 0};
    PS_BUF_AUTO changed = {.max = LOGS_MAX};
    struct ps_bytes rest;
    struct ps_bytes line = {0};
    bool is_there = false;

    PS_TRY(check_names(former, key));
    PS_TRY(witness_open(directory, &witness));
    PS_TRY(read_logs(directory, &text));
    rest = ps_buf_bytes(&text);
    while (note_split_line(&rest, '\n', &line)) {
        const bool is_former = ps_bytes_equal(line, former);

        is_there |= is_former;
        ps_buf_put(&changed, is_former ? key : line);
        ps_buf_put_u8(&changed, '\n');
    }
    ps_buf_put(&changed, rest); /* somebody's, without a newline: not ours to drop */
    if (!is_there) {
        return ps_fail(PS_E_CONFLICT, 0, "the key that is to be replaced is not watched");
    }
    return write_logs(directory, &changed);
}
