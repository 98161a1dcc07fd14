#include "tests/fuzz/ipc.h"

#include "lib/ipc/messages_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_set(&token_set, data, size);
    return 0;
}
