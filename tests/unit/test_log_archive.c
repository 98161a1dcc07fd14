#include "tests/unit/log_support.h"

#include "lib/ceremony/log/archive.h"
#include "lib/ceremony/log/verify.h"

/* Archives of shards; tests/integration/test_log_shards.py makes whole ones. */

#define SHARD "2026-11-0001"

struct place {
    char top[PATH_LEN / 4];
    char archive[PATH_LEN / 2];
    char log[PATH_LEN / 2];
};

static struct place make_place(void)
{
    struct place place;

    (void)snprintf(place.top, sizeof place.top, "%s/privyseal-log-XXXXXX", scratch_top());
    assert_non_null(mkdtemp(place.top));
    (void)snprintf(place.archive, sizeof place.archive, "%s/archive", place.top);
    (void)snprintf(place.log, sizeof place.log, "%s/tests/vectors/log/sample", source_root());
    return place;
}

static void put_file(const char *directory, const char *name, const char *text)
{
    char path[PATH_LEN];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char *const files[] = {
    "events/checkpoint",        "events/tile/0/000.p/3",    "events/tile/entries/000.p/3",
    "use/" SHARD "/checkpoint", "use/" SHARD "/tile/0/000", "use/" SHARD "/tile/entries/001.p/4",
};

/* An export with a manifest of some of its files: the sample has no shard that is signed whole. */
static void make_archive(const struct place *place)
{
    PS_BUF_AUTO manifest = {.max = 65536};

    assert_ok(log_export(place->log, place->archive));
    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        char path[PATH_LEN];
        uint8_t hash[PS_SHA256_LEN];
        PS_BUF_AUTO content;

        (void)snprintf(path, sizeof path, "%s/%s", place->archive, files[i]);
        assert_true(read_file(path, &content));
        ps_sha256(ps_buf_bytes(&content), hash);
        ps_buf_put_hex(&manifest, ps_bytes(hash, sizeof hash));
        ps_buf_printf(&manifest, "  %s\n", files[i]);
    }
    ps_buf_put_u8(&manifest, 0);
    put_file(place->archive, "manifest", (const char *)manifest.data);
}

static void its_hash_is_that_of_its_manifest(void **state)
{
    const struct place place = make_place();
    uint8_t hash[PS_SHA256_LEN];
    uint8_t again[PS_SHA256_LEN];
    int fd;

    (void)state;
    make_archive(&place);
    assert_ok(log_archive_check(place.archive, hash));
    fd = open(place.archive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(log_archive_hash(fd, again));
    assert_int_equal(close(fd), 0);
    assert_memory_equal(hash, again, sizeof hash);
    remove_tree(place.top);
}

static void only_a_complete_shard_that_is_signed_whole_is_archived(void **state)
{
    const struct place place = make_place();

    (void)state;
    assert_fails(PS_E_INPUT, log_archive(place.log, ps_bytes_str("../events"), place.archive));
    assert_int_not_equal(access(place.archive, F_OK), 0);
    assert_fails(PS_E_STATE, log_archive(place.log, ps_bytes_str("2026-11-0002"), place.archive));
    assert_fails(PS_E_STATE, log_archive(place.log, ps_bytes_str(SHARD), place.archive));
    assert_non_null(strstr(ps_detail()->text, "not signed yet"));
    assert_fails(PS_E_NOT_FOUND,
                 log_archive(place.log, ps_bytes_str("2026-11-0003"), place.archive));
    assert_fails(PS_E_NOT_FOUND, log_archive("/nonexistent", ps_bytes_str(SHARD), place.archive));
    assert_int_equal(rmdir(place.top), 0); /* nothing of any of them is left */
    assert_int_equal(mkdir(place.top, 0700), 0);
    assert_int_equal(mkdir(place.archive, 0700), 0);
    assert_fails(PS_E_CONFLICT, log_archive(place.log, ps_bytes_str(SHARD), place.archive));
    remove_tree(place.top);
}

static void a_file_that_changed_is_named(void **state)
{
    const struct place place = make_place();
    uint8_t hash[PS_SHA256_LEN];

    (void)state;
    make_archive(&place);
    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        char path[PATH_LEN];
        char away[PATH_LEN];

        (void)snprintf(path, sizeof path, "%s/%s", place.archive, files[i]);
        (void)snprintf(away, sizeof away, "%s/away", place.top);
        flip_bit(path, 7, 3);
        assert_fails(PS_E_DENIED, log_archive_check(place.archive, hash));
        assert_non_null(strstr(ps_detail()->text, files[i]));
        flip_bit(path, 7, 3);
        assert_int_equal(rename(path, away), 0);
        assert_fails(PS_E_DENIED, log_archive_check(place.archive, hash));
        assert_non_null(strstr(ps_detail()->text, files[i]));
        assert_int_equal(rename(away, path), 0);
    }
    assert_ok(log_archive_check(place.archive, hash));
    remove_tree(place.top);
}

static void a_manifest_lists_hashes_and_files_below_it(void **state)
{
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
    static const char *const malformed[] = {
        "",
        "x\n",
        ZEROS "  file", /* not ended */
        ZEROS "  \n",
        ZEROS " file\n",
        ZEROS "  /etc/passwd\n",
        ZEROS "  ../file\n",
        ZEROS "  use/../../file\n",
    };
    const struct place place = make_place();
    uint8_t hash[PS_SHA256_LEN];

    (void)state;
    assert_fails(PS_E_NOT_FOUND, log_archive_check("/nonexistent", hash));
    assert_fails(PS_E_NOT_FOUND, log_archive_check(place.top, hash));
    for (size_t i = 0; i < PS_COUNT_OF(malformed); i++) {
        put_file(place.top, "manifest", malformed[i]);
        assert_fails(PS_E_INPUT, log_archive_check(place.top, hash));
    }
    put_file(place.top, "manifest", ZEROS "  file\n");
    assert_fails(PS_E_DENIED, log_archive_check(place.top, hash));
    put_file(place.top, "file", "x");
    assert_fails(PS_E_DENIED, log_archive_check(place.top, hash));
    remove_tree(place.top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_hash_is_that_of_its_manifest),
        cmocka_unit_test(only_a_complete_shard_that_is_signed_whole_is_archived),
        cmocka_unit_test(a_file_that_changed_is_named),
        cmocka_unit_test(a_manifest_lists_hashes_and_files_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
