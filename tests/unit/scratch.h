#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of one test alone, and files in it. */
#define SCRATCH_PATH_MAX 200

static char scratch_directory[SCRATCH_PATH_MAX / 2];

/* Setup and teardown of a test. */
static int scratch_make(void **state)
{
    const char *top = getenv("TMPDIR");

    (void)state;
    (void)snprintf(scratch_directory, sizeof scratch_directory, "%s/privyseal-test-XXXXXX",
                   top == NULL ? "/tmp" : top);
    assert_non_null(mkdtemp(scratch_directory));
    return 0;
}

static int scratch_remove_entry(const char *path, const struct stat *status, int type,
                                struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int scratch_remove(void **state)
{
    (void)state;
    return nftw(scratch_directory, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_path(const char *name, char out[SCRATCH_PATH_MAX])
{
    (void)snprintf(out, SCRATCH_PATH_MAX, "%s/%s", scratch_directory, name);
}

static inline void scratch_copy_file(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char block[4096];
    ssize_t len;

    assert_true(in >= 0 && out >= 0);
    while ((len = read(in, block, sizeof block)) > 0) {
        assert_int_equal(write(out, block, (size_t)len), len);
    }
    assert_int_equal(len, 0);
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);
}

#endif
