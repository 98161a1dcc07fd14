#include "tests/fuzz/ipc.h"

#include "lib/ipc/messages_supervisor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_set(&supervisor_set, data, size);
    return 0;
}
