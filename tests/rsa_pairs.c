/*
 * RSA pairs for SoftHSM, wherever it is loaded by a program that has this: the calls of a program's
 * own come before those of its libraries.
 *
 * libcrypto 3.0 takes every number that may be a prime through a slow gcd, and every prime through
 * 64 rounds or more. Here what small primes divide is crossed out first, and what is left passes
 * two tests of Fermat's: that a random number of this size does so, and is no prime, is not to be
 * expected once in all runs of all tests. A pair is as random as any, and no less valid.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * So many odd numbers are looked at, of which one in 700 is a prime of 2048 bits. To divide by more
 * would cost more than the tests of Fermat's that it saves.
 */
enum { SPAN = 1 << 15, DIVISORS_END = 1 << 16 };

/* Of what fails only where there is no memory. */
static void must(int result)
{
    if (result != 1) {
        abort();
    }
}

static BIGNUM *number_new(void)
{
    BIGNUM *number = BN_new();

    must(number != NULL);
    return number;
}

static bool *flags_new(size_t count)
{
    bool *flags = calloc(count, sizeof *flags);

    must(flags != NULL);
    return flags;
}

static BIGNUM *number_before(const BIGNUM *number)
{
    BIGNUM *before = BN_dup(number);

    must(before != NULL && BN_sub_word(before, 1) == 1);
    return before;
}

/* Of the odd numbers from the first one on, those that `divisor` divides. */
static void cross_out(bool *crossed, const BIGNUM *first, BN_ULONG divisor)
{
    const BN_ULONG short_of = divisor - BN_mod_word(first, divisor);

    /* Steps are of 2: to an odd distance another divisor is added. */
    for (BN_ULONG at = (short_of % 2 == 0 ? short_of : short_of + divisor) / 2 % divisor; at < SPAN;
         at += divisor) {
        crossed[at] = true;
    }
}

static void cross_out_all(bool *crossed, const BIGNUM *first)
{
    bool *is_composite = flags_new(DIVISORS_END);

    for (BN_ULONG divisor = 3; divisor < DIVISORS_END; divisor += 2) {
        if (is_composite[divisor]) {
            continue;
        }
        for (BN_ULONG at = divisor * divisor; at < DIVISORS_END; at += 2 * divisor) {
            is_composite[at] = true;
        }
        cross_out(crossed, first, divisor);
    }
    free(is_composite);
}

/* base^(number - 1) is 1. */
static bool passes_fermat(const BIGNUM *number, BN_ULONG base, BN_CTX *context)
{
    BIGNUM *power = number_new();
    BIGNUM *of = number_new();
    BIGNUM *before = number_before(number);
    bool is_one;

    must(BN_set_word(of, base));
    must(BN_mod_exp(power, of, before, number, context));
    is_one = BN_is_one(power);
    BN_free(power);
    BN_free(of);
    BN_free(before);
    return is_one;
}

/* `e` is a prime, and does not divide the number before it. */
static bool is_usable(const BIGNUM *number, const BIGNUM *e, BN_CTX *context)
{
    return BN_mod_word(number, BN_get_word(e)) != 1 && passes_fermat(number, 2, context) &&
           passes_fermat(number, 3, context);
}

/* The first from a random number on, which has so many bits and both highest ones set. */
static BIGNUM *find_prime(int bits, const BIGNUM *e, BN_CTX *context)
{
    bool *crossed = flags_new(SPAN);
    BIGNUM *prime = number_new();
    size_t at = 0;

    must(BN_priv_rand(prime, bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD));
    cross_out_all(crossed, prime);
    while (crossed[at] || !is_usable(prime, e, context)) {
        must(++at < SPAN && BN_add_word(prime, 2) == 1);
    }
    must(BN_num_bits(prime) == bits);
    free(crossed);
    return prime;
}

/* p: the larger one. Both are the pair's then. */
static void complete(RSA *rsa, BIGNUM *p, BIGNUM *q, const BIGNUM *e, BN_CTX *context)
{
    BIGNUM *n = number_new();
    BIGNUM *d = number_new();
    BIGNUM *phi = number_new();
    BIGNUM *of_p = number_new();
    BIGNUM *of_q = number_new();
    BIGNUM *inverse = number_new();
    BIGNUM *before_p = number_before(p);
    BIGNUM *before_q = number_before(q);

    must(BN_mul(n, p, q, context));
    must(BN_mul(phi, before_p, before_q, context));
    must(BN_mod_inverse(d, e, phi, context) != NULL);
    must(BN_mod(of_p, d, before_p, context));
    must(BN_mod(of_q, d, before_q, context));
    must(BN_mod_inverse(inverse, q, p, context) != NULL);
    must(RSA_set0_key(rsa, n, BN_dup(e), d));
    must(RSA_set0_factors(rsa, p, q));
    must(RSA_set0_crt_params(rsa, of_p, of_q, inverse));
    BN_free(phi);
    BN_free(before_p);
    BN_free(before_q);
}

/* Its header says nothing about who sees it: SoftHSM has to. */
__attribute__((visibility("default"))) int RSA_generate_key_ex(RSA *rsa, int bits, BIGNUM *e,
                                                               BN_GENCB *progress)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *p;
    BIGNUM *q;

    (void)progress;
    must(context != NULL);
    p = find_prime(bits / 2, e, context);
    q = find_prime(bits / 2, e, context);
    if (BN_cmp(p, q) < 0) {
        BN_swap(p, q);
    }
    complete(rsa, p, q, e, context);
    BN_CTX_free(context);
    return 1;
}
