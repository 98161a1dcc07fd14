#include "tests/fuzz/fuzz.h"

#include "frontends/certify/providers/csv_table.h"

#include <assert.h>

/* Whoever is in a register that is taken can be found in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(csv_table_free_cleanup) struct csv_table *table = NULL;
    PS_BUF_AUTO person = {.max = 8u << 20};

    if (csv_table_new(ps_bytes(data, size), ps_bytes_str("sub"), &table) == PS_OK) {
        const enum ps_err err = csv_table_put(table, ps_bytes_str("1"), &person);

        assert(err == PS_OK || err == PS_E_NOT_FOUND);
        assert(err != PS_OK || person.data[person.len - 1] == '}');
    }
    return 0;
}
