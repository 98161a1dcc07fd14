#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/hash.h"

/* Checks of results that say what went wrong, and files of vectors. */

static inline PS_UNUSED void check_err(enum ps_err expected, enum ps_err got, const char *call,
                                       const char *file, int line)
{
    if (got != expected) {
        print_error("%s\n  gave %s, not %s: %s\n", call, ps_err_info(got)->name,
                    ps_err_info(expected)->name, got == PS_OK ? "" : ps_detail()->text);
        _fail(file, line);
    }
}

#define assert_ok(call)              check_err(PS_OK, (call), #call, __FILE__, __LINE__)
#define assert_fails(expected, call) check_err((expected), (call), #call, __FILE__, __LINE__)

/* A literal's octets, NUL within them included. */
#define LITERAL(text) ps_bytes("" text, sizeof(text) - 1)

static inline PS_UNUSED void check_bytes(struct ps_bytes got, struct ps_bytes expected,
                                         const char *file, int line)
{
    if (!ps_bytes_equal(got, expected)) {
        print_error("got      %.*s\nexpected %.*s\n", PS_BYTES_FMT(got), PS_BYTES_FMT(expected));
        _fail(file, line);
    }
}

#define assert_bytes(got, expected) check_bytes((got), (expected), __FILE__, __LINE__)
#define assert_text(got, expected)  check_bytes((got), ps_bytes_str(expected), __FILE__, __LINE__)

#define READ_FILE_MAX  (size_t)(16 * 1024 * 1024)
#define READ_FILE_STEP 8192u

/* Reads a whole file; false when there is none. */
static inline PS_UNUSED bool read_file(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *to;
    size_t got;

    if (file == NULL) {
        return false;
    }
    ps_buf_init(out, READ_FILE_MAX);
    do {
        to = ps_buf_reserve(out, READ_FILE_STEP);
        assert_non_null(to);
        got = fread(to, 1, READ_FILE_STEP, file);
        ps_buf_commit(out, got);
    } while (got != 0);
    (void)fclose(file);
    return true;
}

/* Of the source tree; tests started by hand run from its top. */
static inline PS_UNUSED const char *source_root(void)
{
    const char *root = getenv("PRIVYSEAL_SOURCE_ROOT");

    return root == NULL ? "." : root;
}

/* tests/vectors/<name>, which is there. */
static inline PS_UNUSED void read_vectors(const char *name, struct ps_buf *out)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/tests/vectors/%s", source_root(), name);
    if (!read_file(path, out)) {
        fail_msg("no file %s", path);
    }
}

/* Of no file: of no octets. */
static inline PS_UNUSED void hash_file(const char *path, uint8_t ret_sha256[PS_SHA256_LEN])
{
    PS_BUF_AUTO content = {0};

    (void)read_file(path, &content);
    ps_sha256(ps_buf_bytes(&content), ret_sha256);
}

#endif
