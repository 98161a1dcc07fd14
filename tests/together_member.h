/* Comes before the text of a test that shares its program with others, and makes its main() one of
 * many. */
#ifndef TESTS_TOGETHER_MEMBER_H
#define TESTS_TOGETHER_MEMBER_H

#include "tests/together.h"

/* What is declared static stays so where it is defined without saying it. */
static int together_main(void);

/* A macro, for clang knows the file's name only from its text on. */
#define main(...)                                                                                  \
    together_main(void);                                                                           \
    __attribute__((constructor)) static void together_join_this(void)                              \
    {                                                                                              \
        static struct together_test this_test = {.file = __FILE__, .run = together_main};          \
        together_join(&this_test);                                                                 \
    }                                                                                              \
    int together_main(__VA_ARGS__)

#endif
