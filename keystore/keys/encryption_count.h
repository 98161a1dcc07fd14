#ifndef KEYSTORE_KEYS_ENCRYPTION_COUNT_H
#define KEYSTORE_KEYS_ENCRYPTION_COUNT_H

#include <stdint.h>

struct keeper;

/* How often a version of an AES key has encrypted; what it means is in encryptions.h. */
struct encryptions {
    struct keeper *keeper; /* of the block that is being reserved; NULL: none is */
    uint64_t done;
    uint64_t reserved;
};

#endif
