#include "lib/formats/ssh/sshsig.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/internal.h"
#include "lib/formats/ssh/internal.h"

#include <assert.h>

#define SSHSIG_VERSION 1u
#define ARMOR_LINE_MAX 76u
#define COORDINATE_MAX 48u
#define RAW_MAX        (2 * COORDINATE_MAX)
/* Preamble, namespace, hash's name and hash with their lengths; no key of ours needs more. */
#define SIGNED_MAX (6u + 4u + SSHSIG_NAMESPACE_MAX + 4u + 4u + 6u + 4u + PS_HASH_MAX)

/*
 * WebAuthn section 6.1: presence, verification, backup eligible, backed up. The others stand for
 * data that an SSH signature has no place for, or for nothing yet.
 */
#define FLAGS_KNOWN (SSHSIG_FLAG_PRESENCE | SSHSIG_FLAG_VERIFICATION | 0x08u | 0x10u)

static const char armor_begin[] = "-----BEGIN SSH SIGNATURE-----\n";
static const char armor_end[] = "-----END SSH SIGNATURE-----";
static const char preamble[] = "SSHSIG";
static const char hash_name[] = "sha512";

/* The members of the blob that differ from one signature to another. */
struct envelope {
    struct ps_bytes key;
    struct ps_bytes namespace;
    struct ps_bytes signature;
};

/* The innermost signature. */
struct inner {
    uint8_t raw[RAW_MAX]; /* R || S of ECDSA, or Ed25519's 64 octets */
    size_t raw_len;
    struct sshsig_seen seen;
};

static enum ps_err bad(const char *sentence)
{
    return ps_fail(PS_E_INPUT, 0, "%s", sentence);
}

static enum ps_err denied(const char *sentence)
{
    return ps_fail(PS_E_DENIED, 0, "%s", sentence);
}

/* Joins lines, each of which has its newline. */
static enum ps_err join_lines(struct ps_bytes lines, struct ps_buf *out)
{
    while (lines.len != 0) {
        const uint8_t *newline = memchr(lines.data, '\n', lines.len);
        const size_t len = newline == NULL ? 0 : (size_t)(newline - lines.data);

        if (len == 0 || len > ARMOR_LINE_MAX) {
            return bad("a line of this SSH signature is empty or over 76 letters; give the .sig "
                       "file that ssh-keygen wrote");
        }
        ps_buf_put(out, ps_bytes(lines.data, len));
        lines = ps_bytes_from(lines, len + 1);
    }
    return ps_buf_status(out);
}

/* Yields what stands between the first and the last line. */
static enum ps_err strip_armor(struct ps_bytes armored, struct ps_bytes *ret_lines)
{
    const size_t end_len = sizeof armor_end - 1;
    struct ps_bytes rest = armored;

    if (rest.len > SSHSIG_ARMORED_MAX) {
        return bad("this is longer than any SSH signature that is accepted; give the .sig file "
                   "that ssh-keygen wrote");
    }
    if (rest.len != 0 && memchr(rest.data, '\r', rest.len) != NULL) {
        return bad("this SSH signature holds carriage returns; give the .sig file with the line "
                   "ends that ssh-keygen wrote");
    }
    if (!ps_bytes_starts_with(rest, ps_bytes_str(armor_begin))) {
        return bad("this does not begin as an SSH signature does; give the .sig file that "
                   "ssh-keygen -Y sign wrote");
    }
    rest = ps_bytes_from(rest, sizeof armor_begin - 1);
    if (rest.len != 0 && rest.data[rest.len - 1] == '\n') {
        rest.len--;
    }
    if (rest.len < end_len || memcmp(rest.data + (rest.len - end_len), armor_end, end_len) != 0) {
        return bad("this does not end as an SSH signature does; give the whole .sig file and "
                   "nothing after it");
    }
    rest.len -= end_len;
    *ret_lines = rest;
    return PS_OK;
}

static enum ps_err decode_armor(struct ps_bytes armored, struct ps_buf *out)
{
    PS_BUF_AUTO text = {.max = SSHSIG_ARMORED_MAX};
    struct ps_bytes lines;
    enum ps_err err;

    PS_TRY(strip_armor(armored, &lines));
    PS_TRY(join_lines(lines, &text));
    err = ps_base64_decode(ps_buf_bytes(&text), out);
    if (err == PS_E_INPUT) {
        return bad("this SSH signature is not base64 in its one form; give the .sig file that "
                   "ssh-keygen wrote");
    }
    return err;
}

/* Printable ASCII, so that nothing can hide in it when it is shown. */
static bool namespace_valid(struct ps_bytes namespace)
{
    for (size_t i = 0; i < namespace.len; i++) {
        if (namespace.data[i] <= 0x20 || namespace.data[i] > 0x7e) {
            return false;
        }
    }
    return namespace.len != 0 && namespace.len <= SSHSIG_NAMESPACE_MAX;
}

/* PROTOCOL.sshsig section 2. */
static enum ps_err read_envelope(struct ps_bytes blob, struct envelope *ret_envelope)
{
    struct ps_reader reader = ps_reader(blob);
    const struct ps_bytes magic = ps_reader_take(&reader, sizeof preamble - 1);
    const uint32_t version = ps_reader_u32(&reader);
    const struct ps_bytes key = ssh_take_string(&reader);
    const struct ps_bytes namespace = ssh_take_string(&reader);
    const struct ps_bytes reserved = ssh_take_string(&reader);
    const struct ps_bytes hash = ssh_take_string(&reader);
    const struct ps_bytes signature = ssh_take_string(&reader);

    if (!ps_bytes_equal_str(magic, preamble) || version != SSHSIG_VERSION) {
        return bad("this is not an SSH signature of version 1; make it with ssh-keygen -Y sign");
    }
    if (ps_reader_finish(&reader) != PS_OK) {
        return bad("this SSH signature is cut short or has octets left over; give the .sig file "
                   "that ssh-keygen wrote");
    }
    if (!namespace_valid(namespace)) {
        return bad("the namespace of this SSH signature is not 1 to 127 printable characters; make "
                   "it with the -n that you were given");
    }
    if (reserved.len != 0) {
        return bad("the reserved field of this SSH signature is not empty; make it with "
                   "ssh-keygen -Y sign");
    }
    if (!ps_bytes_equal_str(hash, hash_name)) {
        return bad("this SSH signature uses another hash than sha512; make it with ssh-keygen "
                   "-Y sign without -O hashalg");
    }
    *ret_envelope = (struct envelope){.key = key, .namespace = namespace, .signature = signature};
    return PS_OK;
}

/*
 * RFC 4251 section 5, mpint: two's complement, "Unnecessary leading bytes with the value 0 or 255
 * MUST NOT be included." Writes `len` octets. Errors: PS_E_INPUT when it is not positive, not in
 * that form or longer.
 */
static enum ps_err read_mpint(struct ps_reader *reader, size_t len, uint8_t *out)
{
    struct ps_bytes number = ssh_take_string(reader);

    if (number.len == 0 || (number.data[0] & 0x80) != 0) {
        return bad("a number in this ECDSA signature is zero, negative or missing; sign again");
    }
    if (number.data[0] == 0) {
        number = ps_bytes_from(number, 1);
        if (number.len == 0 || (number.data[0] & 0x80) == 0) {
            return bad("a number in this ECDSA signature is zero or not in its shortest form; sign "
                       "again");
        }
    }
    if (number.len > len) {
        return bad("a number in this ECDSA signature is too long for its curve; sign again");
    }
    memset(out, 0, len - number.len);
    memcpy(out + (len - number.len), number.data, number.len);
    return PS_OK;
}

/* RFC 5656 section 3.1.2: the two numbers R and S. */
static enum ps_err read_ecdsa(const struct ssh_type *type, struct ps_bytes octets,
                              struct inner *inner)
{
    const size_t coordinate = ps_key_type_info(type->key)->coordinate;
    struct ps_reader reader = ps_reader(octets);

    assert(coordinate <= COORDINATE_MAX);
    PS_TRY(read_mpint(&reader, coordinate, inner->raw));
    PS_TRY(read_mpint(&reader, coordinate, inner->raw + coordinate));
    if (ps_reader_finish(&reader) != PS_OK) {
        return bad("octets are left over in this ECDSA signature; sign again");
    }
    inner->raw_len = 2 * coordinate;
    if (ecdsa_check_raw(type->key, ps_bytes(inner->raw, inner->raw_len)) != PS_OK) {
        return bad("a number in this ECDSA signature is not below the order of its curve; sign "
                   "again");
    }
    return PS_OK;
}

static enum ps_err read_ed25519(struct ps_bytes octets, struct inner *inner)
{
    if (octets.len != 64) {
        return bad("this Ed25519 signature is not of 64 octets; sign again");
    }
    memcpy(inner->raw, octets.data, octets.len);
    inner->raw_len = octets.len;
    return PS_OK;
}

/* The signature with its type in front and, of a hardware key, flags and counter behind. */
static enum ps_err read_inner(const struct ssh_type *type, struct ps_bytes signature,
                              struct inner *ret_inner)
{
    struct ps_reader reader = ps_reader(signature);
    const struct ps_bytes name = ssh_take_string(&reader);
    const struct ps_bytes octets = ssh_take_string(&reader);
    struct inner inner = {.seen = {.sk = type->is_sk}};

    if (!ps_bytes_equal_str(name, type->name)) {
        return bad("this signature is not of the type of its key; sign with ssh-keygen -Y sign");
    }
    if (type->is_sk) {
        inner.seen.flags = ps_reader_u8(&reader);
        inner.seen.counter = ps_reader_u32(&reader);
    }
    if (ps_reader_finish(&reader) != PS_OK) {
        return bad("the innermost part of this SSH signature is cut short or has octets left over; "
                   "give the .sig file that ssh-keygen wrote");
    }
    if ((inner.seen.flags & ~FLAGS_KNOWN) != 0) {
        return bad("this hardware key announces data that an SSH signature does not carry; use "
                   "another one");
    }
    PS_TRY(type->curve != NULL ? read_ecdsa(type, octets, &inner) : read_ed25519(octets, &inner));
    *ret_inner = inner;
    return PS_OK;
}

/* PROTOCOL.sshsig section 3. */
static void put_signed(const char *namespace, const struct ps_bytes message[2], struct ps_buf *out)
{
    uint8_t digest[PS_HASH_MAX];

    ps_hash_parts(PS_SHA512, message, 2, digest);
    ps_buf_put_str(out, preamble);
    ssh_put_string(out, ps_bytes_str(namespace));
    ssh_put_string(out, ps_bytes(NULL, 0));
    ssh_put_string(out, ps_bytes_str(hash_name));
    ssh_put_string(out, ps_bytes(digest, ps_hash_len(PS_SHA512)));
}

/* PROTOCOL.u2f: SHA256(application), flags, counter, SHA256(what is signed). */
static void put_sk_signed(const struct ssh_key *key, const struct sshsig_seen *seen,
                          struct ps_bytes data, struct ps_buf *out)
{
    uint8_t digest[PS_SHA256_LEN];

    ps_sha256(key->application, digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
    ps_buf_put_u8(out, seen->flags);
    ps_buf_put_u32(out, seen->counter);
    ps_sha256(data, digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
}

/* The message comes in two pieces. Errors: PS_E_DENIED when it does not verify. */
static enum ps_err verify_inner(const struct ssh_key *key, const struct inner *inner,
                                const char *namespace, const struct ps_bytes message[2])
{
    PS_BUF_AUTO data = {.max = SIGNED_MAX};
    PS_BUF_AUTO sk_data = {.max = SIGNED_MAX};

    put_signed(namespace, message, &data);
    if (key->type->is_sk) {
        put_sk_signed(key, &inner->seen, ps_buf_bytes(&data), &sk_data);
    }
    PS_TRY(ps_buf_status(&data));
    PS_TRY(ps_buf_status(&sk_data));
    return public_key_verify(key->public, key->type->alg,
                             ps_buf_bytes(key->type->is_sk ? &sk_data : &data),
                             ps_bytes(inner->raw, inner->raw_len));
}

/* Editors add a newline at the end of a file, and copying loses one: a person would not see it. */
static enum ps_err verify_message(const struct ssh_key *key, const struct inner *inner,
                                  const char *namespace, struct ps_bytes message)
{
    const struct ps_bytes added[2] = {message, ps_bytes_str("\n")};
    const struct ps_bytes same[2] = {message, {0}};
    const struct ps_bytes lost[2] = {ps_bytes(message.data, message.len == 0 ? 0 : message.len - 1),
                                     {0}};
    const enum ps_err err = verify_inner(key, inner, namespace, same);

    if (err != PS_E_DENIED) {
        return err;
    }
    if (verify_inner(key, inner, namespace, added) == PS_OK) {
        return denied("an editor has added a newline at the end of the file that was signed; sign "
                      "the file as it was handed out");
    }
    if (message.len != 0 && message.data[message.len - 1] == '\n' &&
        verify_inner(key, inner, namespace, lost) == PS_OK) {
        return denied("the newline at the end of the file was lost before it was signed; sign the "
                      "file as it was handed out");
    }
    return denied("this SSH signature does not verify: other octets were signed; sign the file as "
                  "it was handed out");
}

static enum ps_err check_application(const struct ssh_key *key, const struct sshsig_policy *policy)
{
    if (key->type->is_sk && !ps_bytes_equal_str(key->application, policy->application)) {
        return denied("this hardware key was made for another application; make one with the "
                      "application that the roster says");
    }
    return PS_OK;
}

static enum ps_err check_flags(const struct sshsig_seen *seen, const struct sshsig_policy *policy)
{
    if (seen->sk && policy->presence && (seen->flags & SSHSIG_FLAG_PRESENCE) == 0) {
        return denied("nobody touched the hardware key when this signature was made; make a key "
                      "without -O no-touch-required");
    }
    if (seen->sk && policy->verification && (seen->flags & SSHSIG_FLAG_VERIFICATION) == 0) {
        return denied("the hardware key did not ask for a PIN or a finger when this signature was "
                      "made; make a key with -O verify-required");
    }
    return PS_OK;
}

enum ps_err sshsig_verify(struct ps_bytes armored, const struct ssh_key *key, const char *namespace,
                          struct ps_bytes message, const struct sshsig_policy *policy,
                          struct sshsig_seen *ret_seen)
{
    PS_BUF_AUTO blob = {.max = SSHSIG_ARMORED_MAX};
    struct envelope envelope;
    struct inner inner;

    assert(namespace_valid(ps_bytes_str(namespace)) && policy->application != NULL);
    PS_TRY(decode_armor(armored, &blob));
    PS_TRY(read_envelope(ps_buf_bytes(&blob), &envelope));
    if (!ps_bytes_equal(envelope.key, ssh_key_blob(key))) {
        return denied("this SSH signature is by another key than the one expected; sign with the "
                      "key that the roster has");
    }
    PS_TRY(read_inner(key->type, envelope.signature, &inner));
    if (!ps_bytes_equal_str(envelope.namespace, namespace)) {
        return ps_fail(PS_E_DENIED, 0,
                       "this SSH signature was made under another namespace; sign with -n %s",
                       namespace);
    }
    PS_TRY(check_application(key, policy));
    PS_TRY(verify_message(key, &inner, namespace, message));
    PS_TRY(check_flags(&inner.seen, policy));
    *ret_seen = inner.seen;
    return PS_OK;
}

void sshsig_claim_clear(struct sshsig_claim *claim)
{
    ssh_key_free(claim->key);
    *claim = (struct sshsig_claim){0};
}

enum ps_err sshsig_peek(struct ps_bytes armored, struct sshsig_claim *ret_claim)
{
    PS_BUF_AUTO blob = {.max = SSHSIG_ARMORED_MAX};
    SSHSIG_CLAIM_AUTO claim = {0};
    struct envelope envelope;
    struct inner inner;

    PS_TRY(decode_armor(armored, &blob));
    PS_TRY(read_envelope(ps_buf_bytes(&blob), &envelope));
    PS_TRY(ssh_key_parse_blob(envelope.key, &claim.key));
    PS_TRY(read_inner(claim.key->type, envelope.signature, &inner));
    memcpy(claim.namespace, envelope.namespace.data, envelope.namespace.len);
    *ret_claim = claim;
    claim.key = NULL;
    return PS_OK;
}
