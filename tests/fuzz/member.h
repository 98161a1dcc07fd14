/* Comes before the text of a target that shares its program with others: its function is one of
 * many. */
#ifndef TESTS_FUZZ_MEMBER_H
#define TESTS_FUZZ_MEMBER_H

#include "tests/fuzz/together.h"

/* What is declared static stays so where it is defined without saying it. */
static int fuzz_run(const uint8_t *data, size_t size);

/* As main() in tests/together_member.h. */
#define LLVMFuzzerTestOneInput(...)                                                                \
    fuzz_run(const uint8_t *data, size_t size);                                                    \
    __attribute__((constructor)) static void fuzz_join_this(void)                                  \
    {                                                                                              \
        static struct fuzz_member this_member = {.file = __FILE__, .run = fuzz_run};               \
        fuzz_join(&this_member);                                                                   \
    }                                                                                              \
    int fuzz_run(__VA_ARGS__)

#endif
