#include "lib/formats/tlog/note.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/internal.h"
#include "lib/formats/tlog/note_internal.h"

#include <sodium.h>

#define SIGNATURES_MAX  100u /* of one note; more is not worth reading */
#define SIGNATURE_LEN   64u
#define TIME_LEN        8u    /* in front of a cosignature's signature */
#define LINE_OCTETS_MAX 2560u /* a line of somebody's ML-DSA-44 is read past */
#define DECIMAL_MAX_LEN 20u

static const char dash[] = "\xe2\x80\x94 ";

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "note: %s", what);
}

/* Names that may be ours: what C2SP allows, kept to ASCII so that no white space can hide in it. */
static bool name_valid(struct ps_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= 0x20 || name.data[i] > 0x7e || name.data[i] == '+') {
            return false;
        }
    }
    return name.len != 0;
}

static void fill_id(struct note_key *key)
{
    const uint8_t between[] = {'\n', key->type};
    const struct ps_bytes parts[] = {key->name, ps_bytes(between, sizeof between),
                                     ps_bytes(key->public_key, sizeof key->public_key)};
    uint8_t digest[PS_SHA256_LEN];

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), digest);
    memcpy(key->id, digest, sizeof key->id);
}

enum ps_err note_key_make_typed(uint8_t type, struct ps_bytes name, struct ps_bytes ed25519_public,
                                struct note_key *ret_key)
{
    struct note_key key = {.name = name, .type = type};

    if (!name_valid(name)) {
        return bad("a key name is printable ASCII without spaces and plus signs");
    }
    if (ed25519_public.len != sizeof key.public_key ||
        crypto_core_ed25519_is_valid_point(ed25519_public.data) == 0) {
        return bad("no valid Ed25519 public key");
    }
    memcpy(key.public_key, ed25519_public.data, sizeof key.public_key);
    fill_id(&key);
    *ret_key = key;
    return PS_OK;
}

enum ps_err note_key_make(struct ps_bytes name, struct ps_bytes ed25519_public,
                          struct note_key *ret_key)
{
    return note_key_make_typed(NOTE_ED25519, name, ed25519_public, ret_key);
}

void note_put_key(const struct note_key *key, struct ps_buf *out)
{
    uint8_t typed[1 + sizeof key->public_key] = {key->type};

    memcpy(typed + 1, key->public_key, sizeof key->public_key);
    ps_buf_put(out, key->name);
    ps_buf_put_u8(out, '+');
    ps_buf_put_hex(out, ps_bytes(key->id, sizeof key->id));
    ps_buf_put_u8(out, '+');
    ps_buf_put_base64(out, ps_bytes(typed, sizeof typed));
}

bool note_split_line(struct ps_bytes *rest, char mark, struct ps_bytes *ret_before)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);

    if (at == NULL) {
        return false;
    }
    *ret_before = ps_bytes(rest->data, (size_t)(at - rest->data));
    *rest = ps_bytes_from(*rest, ret_before->len + 1);
    return true;
}

/* base64 may hold plus signs; name and id cannot. */
enum ps_err note_key_parse_typed(uint8_t type, struct ps_bytes text, struct note_key *ret_key)
{
    struct ps_bytes rest = text;
    struct ps_bytes name = {0};
    struct ps_bytes hex = {0};
    struct note_key key;
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, 256);
    if (!note_split_line(&rest, '+', &name) || !note_split_line(&rest, '+', &hex) ||
        hex.len != 2 * sizeof key.id || rest.len > 128) {
        return bad("a verifier key is name+id+base64");
    }
    PS_TRY(ps_hex_decode(hex, &octets));
    PS_TRY(ps_base64_decode(rest, &octets));
    if (octets.len != sizeof key.id + 1 + sizeof key.public_key ||
        octets.data[sizeof key.id] != type) {
        return bad(type == NOTE_COSIGNATURE ? "a verifier key that is not of a witness (type 4)"
                                            : "a verifier key that is not of type Ed25519");
    }
    PS_TRY(note_key_make_typed(type, name, ps_bytes_from(ps_buf_bytes(&octets), sizeof key.id + 1),
                               &key));
    if (memcmp(key.id, octets.data, sizeof key.id) != 0) {
        return bad("the id does not belong to this name and key");
    }
    *ret_key = key;
    return PS_OK;
}

enum ps_err note_key_parse(struct ps_bytes text, struct note_key *ret_key)
{
    return note_key_parse_typed(NOTE_ED25519, text, ret_key);
}

/* A line of text: not empty, no control characters, UTF-8. */
static bool line_valid(struct ps_bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < 0x20) {
            return false;
        }
    }
    return line.len != 0 && ps_utf8_valid(line);
}

static bool extension_valid(struct ps_bytes extension)
{
    struct ps_bytes line = {0};

    while (extension.len != 0) {
        if (!note_split_line(&extension, '\n', &line) || !line_valid(line)) {
            return false;
        }
    }
    return true;
}

enum ps_err checkpoint_put(const struct checkpoint *checkpoint, struct ps_buf *out)
{
    if (!line_valid(checkpoint->origin)) {
        return bad("an origin is one line of text");
    }
    if (!extension_valid(checkpoint->extension)) {
        return bad("an extension is lines of text, each with its newline");
    }
    ps_buf_put(out, checkpoint->origin);
    ps_buf_put_u8(out, '\n');
    ps_buf_put_decimal(out, checkpoint->size);
    ps_buf_put_u8(out, '\n');
    ps_buf_put_base64(out, ps_bytes(checkpoint->root.octets, PS_SHA256_LEN));
    ps_buf_put_u8(out, '\n');
    ps_buf_put(out, checkpoint->extension);
    return ps_buf_status(out);
}

void note_put_signature(const struct note_key *key, struct ps_bytes signature, struct ps_buf *out,
                        bool first)
{
    const size_t len = SIGNATURE_LEN + (key->type == NOTE_COSIGNATURE ? TIME_LEN : 0);
    uint8_t octets[sizeof key->id + TIME_LEN + SIGNATURE_LEN];

    if (signature.len != len) {
        out->err = PS_E_INTERNAL;
        return;
    }
    memcpy(octets, key->id, sizeof key->id);
    memcpy(octets + sizeof key->id, signature.data, len);
    ps_buf_put_str(out, first ? "\n" : "");
    ps_buf_put_str(out, dash);
    ps_buf_put(out, key->name);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_base64(out, ps_bytes(octets, sizeof key->id + len));
    ps_buf_put_u8(out, '\n');
}

/* The text ends with its newline; an empty line stands between it and the signatures. */
enum ps_err note_split_text(struct ps_bytes note, struct ps_bytes *ret_text,
                            struct ps_bytes *ret_signatures)
{
    for (size_t i = 0; i < note.len; i++) {
        if (note.data[i] < 0x20 && note.data[i] != '\n') {
            return bad("a control character");
        }
    }
    if (!ps_utf8_valid(note) || note.len == 0 || note.data[note.len - 1] != '\n') {
        return bad("not lines of UTF-8 text");
    }
    /* The last empty line counts: the text may hold others. */
    for (size_t at = note.len - 1; at > 0; at--) {
        if (note.data[at] == '\n' && note.data[at - 1] == '\n') {
            *ret_text = ps_bytes(note.data, at);
            *ret_signatures = ps_bytes_from(note, at + 1);
            return ret_signatures->len != 0 ? PS_OK : bad("no signature");
        }
    }
    return bad("no empty line before the signatures");
}

static enum ps_err parse_signature(struct ps_bytes line, struct note_signature *ret_line)
{
    const struct ps_bytes begin = ps_bytes_str(dash);
    struct note_signature parsed = {0};
    struct ps_bytes rest = ps_bytes_from(line, begin.len);
    uint8_t octets[4 + LINE_OCTETS_MAX + 3];
    struct ps_buf decoded = {.data = octets, .cap = sizeof octets, .max = sizeof octets};

    if (!ps_bytes_starts_with(line, begin) || !note_split_line(&rest, ' ', &parsed.name) ||
        parsed.name.len == 0 || memchr(parsed.name.data, '+', parsed.name.len) != NULL) {
        return bad("a signature line is a dash, a name and base64");
    }
    if (ps_base64_decode(rest, &decoded) != PS_OK || decoded.len < 5 ||
        decoded.len > 4 + LINE_OCTETS_MAX) {
        return bad("a signature line without a signature in base64");
    }
    memcpy(parsed.id, octets, sizeof parsed.id);
    parsed.len = decoded.len - sizeof parsed.id;
    memcpy(parsed.octets, octets + sizeof parsed.id,
           parsed.len < sizeof parsed.octets ? parsed.len : sizeof parsed.octets);
    *ret_line = parsed;
    return PS_OK;
}

enum ps_err note_verify_ed25519(const struct note_key *key, struct ps_bytes text,
                                const uint8_t signature[64])
{
    const struct key_parts parts = {.type = PS_KEY_ED25519,
                                    .point = ps_bytes(key->public_key, sizeof key->public_key)};
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;

    PS_TRY(public_key_from_parts(&parts, &public_key));
    return public_key_verify(public_key, PS_ALG_EDDSA, text, ps_bytes(signature, SIGNATURE_LEN));
}

/*
 * All lines must be well-formed; those of other keys say nothing to us. Of several lines by the key
 * the first counts.
 */
enum ps_err note_find_signature(struct ps_bytes signatures, const struct note_key *key,
                                struct note_signature *ret_line)
{
    struct note_signature line = {0};
    struct ps_bytes text = {0};
    bool found = false;
    unsigned count = 0;

    while (note_split_line(&signatures, '\n', &text)) {
        if (++count > SIGNATURES_MAX) {
            return bad("more signatures than are worth reading");
        }
        PS_TRY(parse_signature(text, &line));
        if (!found && ps_bytes_equal(line.name, key->name) &&
            memcmp(line.id, key->id, sizeof line.id) == 0) {
            *ret_line = line;
            found = true;
        }
    }
    return found ? PS_OK : ps_fail(PS_E_DENIED, 0, "note: no signature by this key");
}

enum ps_err note_read_decimal(struct ps_bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > DECIMAL_MAX_LEN || (text.len > 1 && text.data[0] == '0')) {
        return bad("not a number in decimal digits");
    }
    for (size_t i = 0; i < text.len; i++) {
        const uint64_t digit = (uint64_t)text.data[i] - '0';

        if (text.data[i] < '0' || text.data[i] > '9' || number > (UINT64_MAX - digit) / 10) {
            return bad("not a number in decimal digits");
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return PS_OK;
}

static enum ps_err read_checkpoint(struct ps_bytes text, struct checkpoint *ret_checkpoint)
{
    struct checkpoint checkpoint = {0};
    struct ps_bytes size = {0};
    struct ps_bytes root = {0};
    uint8_t octets[PS_SHA256_LEN + 3];
    struct ps_buf decoded = {.data = octets, .cap = sizeof octets, .max = sizeof octets};

    if (!note_split_line(&text, '\n', &checkpoint.origin) || checkpoint.origin.len == 0 ||
        !note_split_line(&text, '\n', &size) || !note_split_line(&text, '\n', &root)) {
        return bad("a checkpoint has three lines at least");
    }
    if (note_read_decimal(size, &checkpoint.size) != PS_OK) {
        return bad("the second line is no tree size");
    }
    if (ps_base64_decode(root, &decoded) != PS_OK || decoded.len != PS_SHA256_LEN) {
        return bad("the third line is no root hash");
    }
    if (!extension_valid(text)) {
        return bad("an empty line in a checkpoint");
    }
    memcpy(checkpoint.root.octets, octets, PS_SHA256_LEN);
    checkpoint.extension = text;
    *ret_checkpoint = checkpoint;
    return PS_OK;
}

enum ps_err note_open(struct ps_bytes note, const struct note_key *key, struct ps_bytes *ret_text)
{
    struct note_signature line = {0};
    struct ps_bytes text = {0};
    struct ps_bytes signatures = {0};

    PS_TRY(note_split_text(note, &text, &signatures));
    PS_TRY(note_find_signature(signatures, key, &line));
    if (line.len != SIGNATURE_LEN) {
        return ps_fail(PS_E_DENIED, 0, "note: a signature of another length");
    }
    PS_TRY(note_verify_ed25519(key, text, line.octets));
    *ret_text = text;
    return PS_OK;
}

enum ps_err checkpoint_open(struct ps_bytes note, const struct note_key *key,
                            struct checkpoint *ret_checkpoint)
{
    struct ps_bytes text = {0};

    PS_TRY(note_open(note, key, &text));
    return read_checkpoint(text, ret_checkpoint);
}

enum ps_err checkpoint_peek(struct ps_bytes note, struct checkpoint *ret_checkpoint)
{
    struct ps_bytes text = {0};
    struct ps_bytes signatures = {0};

    PS_TRY(note_split_text(note, &text, &signatures));
    return read_checkpoint(text, ret_checkpoint);
}

enum ps_err note_put_signed(struct ps_bytes note, const struct note_key *key, struct ps_buf *out)
{
    struct note_signature line = {0};
    struct ps_bytes text = {0};
    struct ps_bytes signatures = {0};

    PS_TRY(note_split_text(note, &text, &signatures));
    PS_TRY(note_find_signature(signatures, key, &line));
    ps_buf_put(out, text);
    note_put_signature(key, ps_bytes(line.octets, line.len), out, true);
    return ps_buf_status(out);
}
