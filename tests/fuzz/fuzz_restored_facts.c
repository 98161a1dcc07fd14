#include "tests/fuzz/fuzz.h"

#include "keystore/backup/restored_files.h"
#include "lib/ceremony/log/leaf.h"

#include <assert.h>

/* What is said of a restore names no shard that is a path, and fits where it is told. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct restored_facts facts;

    if (json_new(&json) == PS_OK &&
        restored_facts_parse(json, ps_bytes(data, size), &facts) == PS_OK) {
        assert(facts.created.len < 40);
        assert(facts.shard.len == 0 || log_shard_name_valid(facts.shard));
    }
    return 0;
}
