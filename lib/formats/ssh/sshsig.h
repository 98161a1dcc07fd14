#ifndef FORMATS_SSH_SSHSIG_H
#define FORMATS_SSH_SSHSIG_H

#include "lib/formats/ssh/ssh_key.h"

/*
 * Signatures of people over exact octets, as `ssh-keygen -Y sign -n NAMESPACE -f KEY FILE` makes
 * them (OpenSSH's PROTOCOL.sshsig version 1; for sk- keys PROTOCOL.u2f). What is accepted here
 * `ssh-keygen -Y verify` accepts too; it accepts more.
 */

#define SSHSIG_ARMORED_MAX   4096u
#define SSHSIG_NAMESPACE_MAX 127u

/*
 * What is asked of a signature by an sk- key. It says nothing of other keys, which know neither an
 * application nor flags: whether a person may have one is the caller's matter (ssh_key_is_sk).
 */
struct sshsig_policy {
    const char *application; /* the key's has to be this one: "ssh:" if the roster says no other */
    bool presence;           /* someone touched the hardware key */
    bool verification;       /* and gave it a PIN or a finger */
};

/* Flags of an sk- signature, as in WebAuthn's authenticator data. */
#define SSHSIG_FLAG_PRESENCE     0x01u
#define SSHSIG_FLAG_VERIFICATION 0x04u

/* What the hardware key said; zeros for other keys. */
struct sshsig_seen {
    bool sk;
    uint8_t flags;
    uint32_t counter; /* some hardware keys do not count: for people to look at, not to decide on */
};

/*
 * Verifies that `key` signed `message` under `namespace`.
 *
 * armored:   "-----BEGIN SSH SIGNATURE-----", lines of base64 of at most 76 letters, and
 *            "-----END SSH SIGNATURE-----", ended by newlines, the last of which may be missing
 * key:       the one the signature has to name, octet for octet
 * namespace: 1 to SSHSIG_NAMESPACE_MAX octets
 * Errors:    PS_E_INPUT: not an SSH signature in the one form accepted: version 1, sha512, nothing
 *            reserved, nothing left over, numbers in their only encoding and range.
 *            PS_E_DENIED: by another key, under another namespace, not what the policy asks for, or
 *            it does not verify. The detail names a newline that was added or lost at the end.
 *            PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err sshsig_verify(struct ps_bytes armored, const struct ssh_key *key,
                                      const char *namespace, struct ps_bytes message,
                                      const struct sshsig_policy *policy,
                                      struct sshsig_seen *ret_seen);

/* What a signature says of itself; nobody has verified it. */
struct sshsig_claim {
    struct ssh_key *key;
    char namespace[SSHSIG_NAMESPACE_MAX + 1];
};

void sshsig_claim_clear(struct sshsig_claim *claim);
#define SSHSIG_CLAIM_AUTO PS_CLEANUP(sshsig_claim_clear) struct sshsig_claim

/*
 * Reads without verifying, to find out whose key to verify with. Refuses all that is malformed as
 * sshsig_verify does, and keys as ssh_key_parse_blob does. Clear `ret_claim` when done.
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err sshsig_peek(struct ps_bytes armored, struct sshsig_claim *ret_claim);

#endif
