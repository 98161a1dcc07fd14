#ifndef KEYSTORE_READS_RANDOM_H
#define KEYSTORE_READS_RANDOM_H

#include "keystore/internal.h"

/* Random octets of the token for clients, one request after the other. */
PS_MUST_USE enum ps_err randoms_new(struct keeper *keeper, struct randoms **ret_randoms);
void randoms_free(struct randoms *randoms);
PS_DEFINE_CLEANUP(struct randoms, randoms_free)

#endif
