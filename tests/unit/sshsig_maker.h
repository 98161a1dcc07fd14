#ifndef TESTS_UNIT_SSHSIG_MAKER_H
#define TESTS_UNIT_SSHSIG_MAKER_H

#include "tests/unit/ssh_support.h"

/* SSHSIG signatures as they should be, or wrong in one thing. */
#define SSHSIG_TEST_NAMESPACE "approve.ceremony.privyseal.v1"
#define SSHSIG_TEST_MESSAGE   "{\"type\":\"key.make\",\"v\":\"1\"}"

extern const struct sshsig_policy no_flags;
extern const struct sshsig_policy presence;
extern const struct sshsig_policy both;

enum numbers {
    NUMBERS_RIGHT,
    NUMBERS_PADDED,   /* a zero octet more than needed */
    NUMBERS_NEGATIVE, /* no zero octet before a top bit that is set */
    NUMBERS_R_ZERO,
    NUMBERS_S_ZERO,
    NUMBERS_S_ZERO_OCTET,
    NUMBERS_R_ORDER,
    NUMBERS_S_ORDER,
    NUMBERS_LONG, /* an octet longer than the field */
    NUMBERS_R_ALONE,
};

/* A signature and what is wrong with it; all zeros: nothing. What is signed stays right. */
struct recipe {
    const char *preamble;
    uint32_t version;
    const char *namespace; /* signed too */
    const char *reserved;
    const char *hash;
    const char *type;        /* of the innermost signature */
    const char *application; /* signed instead of the key's */
    uint8_t flags;
    uint32_t counter;
    enum numbers numbers;
    const char *after_numbers;
    const char *after_inner;
    const char *after_all;
    size_t signature_len; /* of Ed25519, when not 64 */
};

/* The signature's octets, and these as text. */
void sshsig_test_put_envelope(const struct ssh_test_key *key, const struct recipe *recipe,
                              struct ps_bytes message, struct ps_buf *out);
void sshsig_test_put_armored(struct ps_bytes blob, size_t width, struct ps_buf *out);

/* Both, in lines of 70 letters. */
void sshsig_test_sign(const struct ssh_test_key *key, const struct recipe *recipe,
                      struct ps_bytes message, struct ps_buf *out);

/* Of SSHSIG_TEST_MESSAGE; nothing is told of a signature that is refused. */
PS_MUST_USE enum ps_err sshsig_test_verify(struct ps_bytes armored, const struct ssh_test_key *key,
                                           const struct sshsig_policy *policy);
PS_MUST_USE enum ps_err sshsig_test_peek(struct ps_bytes armored);
PS_MUST_USE enum ps_err sshsig_test_sign_and_verify(const struct ssh_test_key *key,
                                                    const struct recipe *recipe,
                                                    const struct sshsig_policy *policy);

/* Verifying and peeking both say that it is malformed, with the same words. */
void sshsig_test_malformed(enum ssh_key_type type, const struct recipe *recipe, const char *words,
                           const char *file, int line);

#define assert_malformed(type, words, ...)                                                         \
    sshsig_test_malformed((type), &(const struct recipe){__VA_ARGS__}, (words), __FILE__, __LINE__)

#endif
