#ifndef TESTS_UNIT_LIAR_H
#define TESTS_UNIT_LIAR_H

#include "tests/unit/support.h"

#include <unistd.h>

/* The module that says it is another one (tests/fake_p11/liar.c), and where it stands. */

static inline const char *liar_path(void)
{
    const char *path = getenv("LIAR");

    assert_non_null(path);
    return path;
}

/* For token processes that are started from now on. */
static inline void liar_begin(const char *other, const char *directory)
{
    assert_int_equal(setenv("LIAR_MODULE", other, 1), 0);
    assert_int_equal(setenv("LIAR_DIRECTORY", directory, 1), 0);
}

static inline bool liar_noted(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", getenv("LIAR_DIRECTORY"), name);
    return access(path, F_OK) == 0;
}

static inline PS_UNUSED void liar_forget(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", getenv("LIAR_DIRECTORY"), name);
    assert_int_equal(unlink(path), 0);
}

/* A copy of a file, whole under its name at once, in another file than the one that had it. */
static inline void put_in_place(const char *from, const char *path)
{
    char new[512];
    FILE *file;
    PS_BUF_AUTO content = {0};

    assert_true(read_file(from, &content));
    (void)snprintf(new, sizeof new, "%s.new", path);
    file = fopen(new, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(new, path), 0);
}

#endif
