#ifndef PKCS11_WRAPPED_RECORD_H
#define PKCS11_WRAPPED_RECORD_H

#include "lib/ipc/messages_token.h"
#include "pkcs11/objects/object.h"

/*
 * The record of a wrapped key: what binds its blob to the one version of the one key that it was
 * made for. The form of what the MAC covers is permanent, as blobs outlive this program:
 *
 *   "privyseal wrapped key 1", name, version, type, usage, object id, wrapping key's id, public
 * key (empty for secret keys), blob
 *
 * each as u32 length and so many octets; version as 4 octets, type and usage as their names.
 */

/* A key as a token process is asked for it, and its record. All is borrowed. */
struct wrapped_key {
    struct ps_bytes id;
    enum ps_key_type type;
    struct wrapped_record record;
};

/* Errors: PS_E_INPUT (no record, of no kind of key that there is, or of one that wraps others). */
PS_MUST_USE enum ps_err wrapped_key_read(struct ps_bytes id, enum ps_key_type type,
                                         struct ps_bytes octets, struct wrapped_key *ret_key);

/* What is wrapped and what a MAC is made with, in this session. */
struct wrapped_handles {
    CK_OBJECT_HANDLE wrapping;
    CK_OBJECT_HANDLE mac;
};

/* The one secret key with this id. Errors: PS_E_TOKEN (there is none), those of a search. */
PS_MUST_USE enum ps_err wrapped_find_secret(struct session *session, struct ps_bytes id,
                                            CK_OBJECT_HANDLE *ret_handle);

/*
 * Searches for both by their ids. Errors: PS_E_TOKEN (the token holds no such keys: its detail says
 * so) and those of a search.
 */
PS_MUST_USE enum ps_err wrapped_find_handles(struct session *session,
                                             const struct wrapped_record *record,
                                             struct wrapped_handles *ret_handles);

/* Makes the MAC in the token. out: TOKEN_MAC_LEN octets. */
PS_MUST_USE enum ps_err wrapped_make_mac(struct session *session, CK_OBJECT_HANDLE mac_key,
                                         const struct wrapped_key *key, uint8_t *out);

#endif
