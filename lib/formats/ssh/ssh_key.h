#ifndef FORMATS_SSH_SSH_KEY_H
#define FORMATS_SSH_SSH_KEY_H

#include "lib/base/buf.h"

/*
 * Public keys of people, as OpenSSH writes them (RFC 4253 section 6.6, RFC 5656 section 3.1,
 * RFC 8709 section 4, OpenSSH's PROTOCOL.u2f). The sk- types live in a hardware key.
 */
enum ssh_key_type {
    SSH_KEY_NONE,
    SSH_KEY_ED25519,
    SSH_KEY_ECDSA_P256,
    SSH_KEY_ECDSA_P384,
    SSH_KEY_SK_ED25519,
    SSH_KEY_SK_ECDSA_P256,
    SSH_KEY_COUNT
};

/* Immutable after it was made; used by one thread at a time (it caches OpenSSL contexts). */
struct ssh_key;

#define SSH_KEY_LINE_MAX        1024u /* octets of a line with its comment and newline */
#define SSH_KEY_BLOB_MAX        512u
#define SSH_KEY_APPLICATION_MAX 255u
#define SSH_KEY_FINGERPRINT_LEN 50u /* "SHA256:" and 43 letters of base64 without padding */

/*
 * Both refuse what is not one of the types above, with a sentence that says which key to make
 * instead: RSA, DSA, P-521, certificates. They refuse points that are compressed, not on the curve
 * or of small order, a curve that does not belong to the type, an application (sk-) that is empty,
 * longer than SSH_KEY_APPLICATION_MAX or not printable ASCII, and octets left over.
 * Errors: PS_E_INPUT (the detail is a sentence for the person whose key it is), PS_E_NO_MEMORY.
 */

/*
 * One line as in id_ed25519.pub: type, base64, then a comment or nothing, single spaces between,
 * and one newline or none at the end. Nothing stands before the type. The base64 is the canonical
 * one. The comment is UTF-8 without control characters and is not kept.
 */
PS_MUST_USE enum ps_err ssh_key_parse_line(struct ps_bytes line, struct ssh_key **ret_key);

/* The octets that the base64 of the line stands for. */
PS_MUST_USE enum ps_err ssh_key_parse_blob(struct ps_bytes blob, struct ssh_key **ret_key);

void ssh_key_free(struct ssh_key *key);
PS_DEFINE_CLEANUP(struct ssh_key, ssh_key_free)

enum ssh_key_type ssh_key_type(const struct ssh_key *key);
const char *ssh_key_type_name(enum ssh_key_type type); /* "ssh-ed25519"; NULL if not a type */
bool ssh_key_is_sk(const struct ssh_key *key);

/* All three are valid as long as the key. `application` is empty for types that are not sk-. */
struct ps_bytes ssh_key_blob(const struct ssh_key *key);
struct ps_bytes ssh_key_application(const struct ssh_key *key);
const char *ssh_key_fingerprint(const struct ssh_key *key); /* as `ssh-keygen -l` prints it */

/* Octet for octet. */
bool ssh_key_equal(const struct ssh_key *a, const struct ssh_key *b);

/* "type base64", without comment and newline: what ssh_key_parse_line reads back. */
void ssh_key_put_line(const struct ssh_key *key, struct ps_buf *out);

#endif
