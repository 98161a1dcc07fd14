#ifndef TESTS_UNIT_CATALOG_SUPPORT_H
#define TESTS_UNIT_CATALOG_SUPPORT_H

#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "keystore/catalog/catalog.h"
#include "lib/base/hash.h"

/* A catalog of either backend, and short words for what is in it. */

static char path[SCRATCH_PATH_MAX];
static struct catalog *catalog;

static PS_UNUSED int open_memory(void **state)
{
    (void)state;
    assert_int_equal(catalog_open_memory(&catalog), PS_OK);
    return 0;
}

static PS_UNUSED int open_sqlite(void **state)
{
    assert_int_equal(scratch_make(state), 0);
    scratch_path("catalog.sqlite", path);
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
    return 0;
}

static PS_UNUSED int close_memory(void **state)
{
    (void)state;
    catalog_close(catalog);
    catalog = NULL;
    return 0;
}

static PS_UNUSED int close_sqlite(void **state)
{
    catalog_close(catalog);
    catalog = NULL;
    return scratch_remove(state);
}

static PS_UNUSED struct ps_bytes text(const char *string)
{
    return ps_bytes_str(string);
}

static PS_UNUSED struct catalog_change change(enum catalog_kind kind, const char *name,
                                              uint64_t expected, const char *body)
{
    return (struct catalog_change){
        .kind = kind, .name = text(name), .expected = expected, .body = text(body)};
}

static PS_UNUSED enum ps_err apply_one(enum catalog_kind kind, const char *name, uint64_t expected,
                                       const char *body, uint64_t event)
{
    const struct catalog_change one = change(kind, name, expected, body);

    return catalog_apply(catalog, &one, 1, event, NULL);
}

static PS_UNUSED void put(enum catalog_kind kind, const char *name, uint64_t expected,
                          const char *body)
{
    assert_int_equal(apply_one(kind, name, expected, body, 7), PS_OK);
}

static PS_UNUSED void assert_row_in(struct catalog *where, enum catalog_kind kind, const char *name,
                                    uint64_t revision, const char *body)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(where, kind, text(name), &memory, &row), PS_OK);
    assert_int_equal(row.kind, kind);
    assert_true(ps_bytes_equal_str(row.name, name));
    assert_int_equal(row.revision, revision);
    assert_true(ps_bytes_equal_str(row.body, body));
}

static PS_UNUSED void assert_row(enum catalog_kind kind, const char *name, uint64_t revision,
                                 const char *body)
{
    assert_row_in(catalog, kind, name, revision, body);
}

static PS_UNUSED void assert_no_row(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {.revision = 77};

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, kind, text(name), &memory, &row), PS_E_NOT_FOUND);
    assert_int_equal(row.revision, 77);
    assert_int_equal(memory.len, 0);
}

/* Answers to Idempotency-Keys. */

static PS_UNUSED const uint8_t hash_a[PS_SHA256_LEN] = {1};
static PS_UNUSED const uint8_t hash_b[PS_SHA256_LEN] = {2};

static PS_UNUSED struct catalog_answer answer(const char *caller, const char *key,
                                              const uint8_t *hash, uint16_t status,
                                              uint64_t expires_ns)
{
    return (struct catalog_answer){
        .caller = text(caller),
        .key = text(key),
        .body_hash = ps_bytes(hash, PS_SHA256_LEN),
        .status = status,
        .answer = status == 0 ? ps_bytes(NULL, 0) : ps_bytes("an\0swer", 7),
        .expires_ns = expires_ns,
    };
}

static PS_UNUSED enum ps_err find(const char *caller, const char *key, uint64_t now_ns)
{
    PS_BUF_AUTO memory;
    struct catalog_answer found;

    ps_buf_init(&memory, 4096);
    PS_TRY(catalog_get_answer(catalog, text(caller), text(key), now_ns, &memory, &found));
    assert_true(ps_bytes_equal_str(found.caller, caller));
    assert_true(ps_bytes_equal_str(found.key, key));
    assert_int_equal(found.body_hash.len, PS_SHA256_LEN);
    assert_true(found.expires_ns > now_ns);
    assert_int_equal(found.answer.len, found.status == 0 ? 0 : 7);
    return found.status == 0 ? PS_E_BUSY : PS_OK;
}

#define ON_MEMORY(name)                                                                            \
    {                                                                                              \
        "memory/" #name, name, open_memory, close_memory, NULL                                     \
    }
#define ON_SQLITE(name)                                                                            \
    {                                                                                              \
        "sqlite/" #name, name, open_sqlite, close_sqlite, NULL                                     \
    }

#endif
