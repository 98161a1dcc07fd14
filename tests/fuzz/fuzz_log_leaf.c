#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/log/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    struct log_event event;
    struct log_shard shard;
    struct log_use use;
    struct ps_bytes key;

    if (json == NULL && json_new(&json) != PS_OK) {
        return 0;
    }
    if (log_event_read(json, ps_bytes(data, size), &event) == PS_OK) {
        (void)!log_shard_read(event.data, &shard);
        (void)!log_genesis_read_key(&event, &key);
    }
    (void)!log_use_read(json, ps_bytes(data, size), &use);
    return 0;
}
