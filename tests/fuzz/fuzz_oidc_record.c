#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/transaction.h"

#include <assert.h>

/* A record that is taken is written as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ps_bytes record = ps_bytes(data, size);
    PS_BUF_AUTO again = {.max = 1u << 20};
    TRANSACTION_AUTO transaction;

    transaction_init(&transaction);
    if (transaction_read(record, &transaction) == PS_OK) {
        assert(transaction_write(&transaction, &again) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&again), record));
    }
    return 0;
}
