#ifndef CEREMONY_PEOPLE_APPROVAL_H
#define CEREMONY_PEOPLE_APPROVAL_H

#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/*
 * What a person says of an operation document: an OpenSSH signature (SSHSIG) over its octets, under
 * a namespace of its own for each kind, so that none can be taken for another.
 */
enum approval_kind {
    APPROVAL_REQUEST,   /* request.ceremony.privyseal.v1: asks for the operation */
    APPROVAL_APPROVE,   /* approve... */
    APPROVAL_REJECT,    /* reject... */
    APPROVAL_STATEMENT, /* statement...: agrees at the end, or proves to have a new key */
    APPROVAL_KIND_COUNT
};

/* "approve.ceremony.privyseal.v1", "approve" */
const char *approval_namespace(enum approval_kind kind);
const char *approval_kind_name(enum approval_kind kind);

/* A verified signature. It holds no memory; what it refers to need not stay. */
struct approval {
    enum approval_kind kind;
    char person[PS_NAME_MAX + 1];
    enum roster_role role;           /* when it was verified */
    uint8_t document[PS_SHA256_LEN]; /* SHA-256 of the octets */
    uint8_t key[PS_SHA256_LEN];      /* SHA-256 of the key's SSH wire form */
    bool is_unproven;                /* the key came without an attestation */
    bool is_sk;                      /* from a hardware key, which said the next two */
    uint8_t sk_flags;
    uint32_t sk_counter;
};

/*
 * roster:    of the moment; for statements of new people the one with them in it
 * person:    who is said to have signed; empty: whoever has the key that the signature names
 * document:  the octets that were signed
 * signature: the armored SSHSIG
 */
struct approval_request {
    const struct roster *roster;
    const struct policy *policy;
    uint64_t now_s; /* seconds since 1970 */
    enum approval_kind kind;
    struct ps_bytes person;
    struct ps_bytes document;
    struct ps_bytes signature;
};

/*
 * Verifies one signature against the keys that the person has in the roster.
 * Errors: PS_E_INPUT (no signature in the form that sshsig.h accepts, no name), PS_E_DENIED (no
 *         such person, not valid now, a key that is not theirs, another namespace, flags, or it
 *         does not verify), PS_E_NO_MEMORY. The detail is one sentence for the person.
 */
PS_MUST_USE enum ps_err approval_verify(const struct approval_request *request,
                                        struct approval *ret_approval);

/*
 * SHA-256 of the wire form of the key that an armored signature says it was made with; nothing is
 * verified. Errors: of sshsig_peek.
 */
PS_MUST_USE enum ps_err approval_peek_key(struct ps_bytes signature,
                                          uint8_t ret_key[PS_SHA256_LEN]);

/*
 * Whether the one says nothing more than the other: the same kind of signature by the same person,
 * and of statements, which show that somebody has a key, by the same key.
 */
bool approval_repeats(const struct approval *a, const struct approval *b);

#endif
