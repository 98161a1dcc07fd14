#include "lib/formats/ssh/ssh_key.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/internal.h"
#include "lib/formats/ssh/internal.h"

#include <stdlib.h>

#define POINT_UNCOMPRESSED 0x04u /* SEC 1 section 2.3.3; 2 and 3 are compressed */

static const struct ssh_type types[SSH_KEY_COUNT] = {
    [SSH_KEY_ED25519] = {"ssh-ed25519", NULL, false, PS_KEY_ED25519, PS_ALG_EDDSA},
    [SSH_KEY_ECDSA_P256] = {"ecdsa-sha2-nistp256", "nistp256", false, PS_KEY_EC_P256, PS_ALG_ES256},
    [SSH_KEY_ECDSA_P384] = {"ecdsa-sha2-nistp384", "nistp384", false, PS_KEY_EC_P384, PS_ALG_ES384},
    [SSH_KEY_SK_ED25519] = {"sk-ssh-ed25519@openssh.com", NULL, true, PS_KEY_ED25519, PS_ALG_EDDSA},
    [SSH_KEY_SK_ECDSA_P256] = {"sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", true,
                               PS_KEY_EC_P256, PS_ALG_ES256},
};

/* How the name of a type that is refused ends, and what its owner does about it. */
static const struct {
    const char *ending;
    const char *advice;
} refused[] = {
    {"-cert-v01@openssh.com", "SSH certificates are not accepted; give the key itself, the .pub "
                              "file without -cert in its name"},
    {"ssh-rsa", "RSA keys are not accepted; make an ed25519 key: ssh-keygen -t ed25519"},
    {"ssh-dss", "DSA keys are not accepted; make an ed25519 key: ssh-keygen -t ed25519"},
    {"ecdsa-sha2-nistp521", "ECDSA keys on P-521 are not accepted; make an ed25519 key: "
                            "ssh-keygen -t ed25519"},
};

static enum ps_err bad(const char *sentence)
{
    return ps_fail(PS_E_INPUT, 0, "%s", sentence);
}

struct ps_bytes ssh_take_string(struct ps_reader *reader)
{
    return ps_reader_take(reader, ps_reader_u32(reader));
}

void ssh_put_string(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u32(out, (uint32_t)octets.len);
    ps_buf_put(out, octets);
}

static bool ends_with(struct ps_bytes a, const char *ending)
{
    const size_t len = strlen(ending);

    return a.len >= len && memcmp(a.data + (a.len - len), ending, len) == 0;
}

static const struct ssh_type *type_by_name(struct ps_bytes name)
{
    for (unsigned i = SSH_KEY_NONE + 1; i < SSH_KEY_COUNT; i++) {
        if (ps_bytes_equal_str(name, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

/* What to say of a type that is refused by name; NULL when it is not one of these. */
static const char *advice_on(struct ps_bytes name)
{
    for (size_t i = 0; i < PS_COUNT_OF(refused); i++) {
        if (ends_with(name, refused[i].ending)) {
            return refused[i].advice;
        }
    }
    return NULL;
}

static enum ps_err find_type(struct ps_bytes name, const struct ssh_type **ret_type)
{
    const struct ssh_type *type = type_by_name(name);
    const char *advice = advice_on(name);

    if (type == NULL) {
        return bad(advice != NULL ? advice
                                  : "this is no kind of SSH key that is accepted; make an ed25519 "
                                    "key: ssh-keygen -t ed25519");
    }
    *ret_type = type;
    return PS_OK;
}

/* Printable ASCII, so that nothing can hide in it when it is shown. */
static bool application_valid(struct ps_bytes application)
{
    for (size_t i = 0; i < application.len; i++) {
        if (application.data[i] <= 0x20 || application.data[i] > 0x7e) {
            return false;
        }
    }
    return application.len != 0 && application.len <= SSH_KEY_APPLICATION_MAX;
}

/* RFC 5656 section 3.1 lets points be compressed; one key has one blob here. */
static enum ps_err check_point_form(const struct ssh_type *type, struct ps_bytes point)
{
    const struct ps_key_type_info *info = ps_key_type_info(type->key);
    const size_t len = info->family == PS_FAMILY_EC ? 1 + 2 * info->coordinate : 32;

    if (info->family == PS_FAMILY_EC && point.len != 0 &&
        (point.data[0] == 0x02 || point.data[0] == 0x03)) {
        return bad("the point of this ECDSA key is compressed, which is not accepted; give the "
                   ".pub file that ssh-keygen wrote");
    }
    if (point.len != len || (info->family == PS_FAMILY_EC && point.data[0] != POINT_UNCOMPRESSED)) {
        return bad("the point of this SSH key is not of its type's form; give the .pub file that "
                   "ssh-keygen wrote");
    }
    return PS_OK;
}

static enum ps_err make_public(const struct ssh_type *type, struct ps_bytes point,
                               struct public_key **ret_public)
{
    const struct key_parts parts = {
        .type = type->key,
        .point = type->curve != NULL ? ps_bytes_from(point, 1) : point,
    };
    enum ps_err err;

    PS_TRY(check_point_form(type, point));
    err = public_key_from_parts(&parts, ret_public);
    if (err == PS_E_INPUT) {
        return bad("the point of this SSH key is not on its curve or of small order; no signature "
                   "by it means anything: make a new key");
    }
    return err;
}

/* Reads key->blob into the other members. */
static enum ps_err read_blob(struct ssh_key *key)
{
    struct ps_reader reader = ps_reader(ps_bytes(key->blob, key->blob_len));
    struct ps_bytes curve = {0};
    struct ps_bytes point;

    PS_TRY(find_type(ssh_take_string(&reader), &key->type));
    if (key->type->curve != NULL) {
        curve = ssh_take_string(&reader);
    }
    point = ssh_take_string(&reader);
    if (key->type->is_sk) {
        key->application = ssh_take_string(&reader);
    }
    if (ps_reader_finish(&reader) != PS_OK) {
        return bad("this SSH key is cut short or has octets left over; give the .pub file that "
                   "ssh-keygen wrote");
    }
    if (key->type->curve != NULL && !ps_bytes_equal_str(curve, key->type->curve)) {
        return bad("the curve inside this SSH key is not the one of its type; give the .pub file "
                   "that ssh-keygen wrote");
    }
    if (key->type->is_sk && !application_valid(key->application)) {
        return bad("the application of this hardware key is not 1 to 255 printable characters; "
                   "make the key anew without -O application");
    }
    return make_public(key->type, point, &key->public);
}

static void fill_fingerprint(struct ssh_key *key)
{
    uint8_t digest[PS_SHA256_LEN];
    uint8_t octets[64] = {0};
    struct ps_buf text = {.data = octets, .cap = sizeof octets, .max = sizeof octets};

    ps_sha256(ssh_key_blob(key), digest);
    ps_buf_put_str(&text, "SHA256:");
    ps_buf_put_base64(&text, ps_bytes(digest, sizeof digest));
    memcpy(key->fingerprint, octets, SSH_KEY_FINGERPRINT_LEN);
}

enum ps_err ssh_key_parse_blob(struct ps_bytes blob, struct ssh_key **ret_key)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;

    if (blob.len > SSH_KEY_BLOB_MAX) {
        const struct ssh_type *type;
        struct ps_reader reader = ps_reader(blob);

        /* The most frequent reason is a type that is refused anyway. */
        PS_TRY(find_type(ssh_take_string(&reader), &type));
        return bad("this SSH key is longer than any that is accepted; give the .pub file that "
                   "ssh-keygen wrote");
    }
    key = calloc(1, sizeof *key);
    if (key == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (blob.len != 0) {
        memcpy(key->blob, blob.data, blob.len);
    }
    key->blob_len = blob.len;
    PS_TRY(read_blob(key));
    fill_fingerprint(key);
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

/* Takes what stands before the next space, or all. */
static struct ps_bytes take_word(struct ps_bytes *rest)
{
    const uint8_t *space = rest->len == 0 ? NULL : memchr(rest->data, ' ', rest->len);
    const size_t len = space == NULL ? rest->len : (size_t)(space - rest->data);
    const struct ps_bytes word = ps_bytes(rest->data, len);

    *rest = ps_bytes_from(*rest, len + 1);
    return word;
}

static bool holds_type(struct ps_bytes rest)
{
    while (rest.len != 0) {
        const struct ps_bytes word = take_word(&rest);

        if (type_by_name(word) != NULL || advice_on(word) != NULL) {
            return true;
        }
    }
    return false;
}

static enum ps_err find_line_type(struct ps_bytes line, const struct ssh_type **ret_type)
{
    struct ps_bytes rest = line;
    const struct ps_bytes word = take_word(&rest);

    if (ps_bytes_starts_with(line, ps_bytes_str("-----BEGIN")) &&
        memmem(line.data, line.len, "PRIVATE KEY", strlen("PRIVATE KEY")) != NULL) {
        return bad("this is a private key, which nobody else should ever have; make a new pair and "
                   "give the .pub file");
    }
    if (type_by_name(word) == NULL && advice_on(word) == NULL && holds_type(rest)) {
        return bad("options or names stand before the key, which is not accepted; give the line of "
                   "the .pub file as it is");
    }
    return find_type(word, ret_type);
}

/* Length, newline, comment: everything but the key. Yields the line without its newline. */
static enum ps_err check_line(struct ps_bytes *line)
{
    if (line->len > SSH_KEY_LINE_MAX) {
        return bad("this line is longer than that of any SSH key that is accepted; give the .pub "
                   "file with a shorter comment");
    }
    if (line->len != 0 && line->data[line->len - 1] == '\n') {
        line->len--;
    }
    for (size_t i = 0; i < line->len; i++) {
        if (line->data[i] < 0x20 || line->data[i] == 0x7f) {
            return bad("this is not one line: it holds a further line, a carriage return, a tab or "
                       "another control character; give the one line of the .pub file");
        }
    }
    if (!ps_utf8_valid(*line)) {
        return bad("the comment of this SSH key is not UTF-8; give the .pub file with another "
                   "comment");
    }
    return PS_OK;
}

enum ps_err ssh_key_parse_line(struct ps_bytes line, struct ssh_key **ret_key)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO blob = {.max = SSH_KEY_LINE_MAX};
    const struct ssh_type *type;
    struct ps_bytes text;
    enum ps_err err;

    PS_TRY(find_line_type(line, &type));
    PS_TRY(check_line(&line));
    (void)take_word(&line);
    text = take_word(&line);
    err = ps_base64_decode(text, &blob);
    if (err == PS_E_INPUT || text.len == 0) {
        return bad("what follows the type of this SSH key is not base64 in its one form; give the "
                   "line of the .pub file as it is");
    }
    PS_TRY(err);
    PS_TRY(ssh_key_parse_blob(ps_buf_bytes(&blob), &key));
    if (key->type != type) {
        return bad("the type before this SSH key is not the one inside it; give the line of the "
                   ".pub file as it is");
    }
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

void ssh_key_free(struct ssh_key *key)
{
    if (key != NULL) {
        public_key_free(key->public);
        free(key);
    }
}

enum ssh_key_type ssh_key_type(const struct ssh_key *key)
{
    return (enum ssh_key_type)(key->type - types);
}

const char *ssh_key_type_name(enum ssh_key_type type)
{
    return type > SSH_KEY_NONE && type < SSH_KEY_COUNT ? types[type].name : NULL;
}

bool ssh_key_is_sk(const struct ssh_key *key)
{
    return key->type->is_sk;
}

struct ps_bytes ssh_key_blob(const struct ssh_key *key)
{
    return ps_bytes(key->blob, key->blob_len);
}

struct ps_bytes ssh_key_application(const struct ssh_key *key)
{
    return key->application;
}

const char *ssh_key_fingerprint(const struct ssh_key *key)
{
    return key->fingerprint;
}

bool ssh_key_equal(const struct ssh_key *a, const struct ssh_key *b)
{
    return ps_bytes_equal(ssh_key_blob(a), ssh_key_blob(b));
}

void ssh_key_put_line(const struct ssh_key *key, struct ps_buf *out)
{
    ps_buf_put_str(out, key->type->name);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_base64(out, ssh_key_blob(key));
}
