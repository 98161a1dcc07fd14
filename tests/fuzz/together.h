#ifndef TESTS_FUZZ_TOGETHER_H
#define TESTS_FUZZ_TOGETHER_H

#include "tests/fuzz/fuzz.h"

/* One target of a program that is made of several (together.c). */
struct fuzz_member {
    const char *file; /* with its folder */
    int (*run)(const uint8_t *data, size_t size);
    struct fuzz_member *next;
};

/* member: stays where it is until the program ends */
void fuzz_join(struct fuzz_member *member);

#endif
