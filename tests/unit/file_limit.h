#ifndef TESTS_UNIT_FILE_LIMIT_H
#define TESTS_UNIT_FILE_LIMIT_H

#include "tests/unit/support.h"

#include <signal.h>
#include <sys/resource.h>

/* A limit on the size of files fails writes as a full disk does, half-way through one. */

static struct rlimit unlimited_files;

static inline PS_UNUSED void limit_files(uint64_t octets)
{
    struct rlimit limit;

    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited_files), 0);
    limit = (struct rlimit){.rlim_cur = octets, .rlim_max = unlimited_files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static inline PS_UNUSED void unlimit_files(void)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited_files), 0);
}

#endif
