#include "tests/fuzz/ipc.h"

#include "lib/ipc/messages_keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_set(&keeper_set, data, size);
    return 0;
}
