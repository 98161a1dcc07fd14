#include "tests/unit/log_support.h"

/*
 * A power cut at any moment, with the sectors of what was not synced written in any order, loses no
 * leaf that was synced and makes none that was never appended.
 */

#define SECTOR 512u

/* What the record's file held when it was synced, and just before the next sync. */
struct moment {
    uint8_t *synced;
    uint8_t *dirty;
    size_t synced_len;
    size_t dirty_len;
};

static struct moment moments[200];
static size_t moment_count;
static ino_t record_inode; /* 0: nothing is kept */

static uint8_t *read_all(int fd, size_t *ret_len)
{
    struct stat status;
    uint8_t *octets;

    if (fstat(fd, &status) != 0) {
        return NULL;
    }
    octets = malloc((size_t)status.st_size + 1);
    if (octets == NULL || pread(fd, octets, (size_t)status.st_size, 0) != status.st_size) {
        free(octets);
        return NULL;
    }
    *ret_len = (size_t)status.st_size;
    return octets;
}

static void keep_moment(int fd)
{
    struct moment *moment = &moments[moment_count];
    struct stat status;

    if (record_inode == 0 || fstat(fd, &status) != 0 || status.st_ino != record_inode ||
        moment_count == PS_COUNT_OF(moments)) {
        return;
    }
    moment->dirty = read_all(fd, &moment->dirty_len);
    if (moment_count != 0) {
        moment->synced = moments[moment_count - 1].dirty;
        moment->synced_len = moments[moment_count - 1].dirty_len;
    }
    moment_count++;
}

static int keeping_sync(int fd)
{
    keep_moment(fd);
    return fdatasync(fd);
}

static const struct log_io keeping_io = {.write_at = pwrite, .sync = keeping_sync};

/* Leaves that are whole in the first octets of a record. */
static uint64_t leaves_in(const uint8_t *record, size_t len, struct merkle_edge *ret_edge)
{
    uint64_t count = 0;

    *ret_edge = (struct merkle_edge){0};
    for (size_t at = 0; at + 2 < len;) {
        const size_t leaf = (size_t)record[at] << 8 | record[at + 1];

        if (leaf == 0 || at + 2 + leaf > len || memchr(record + at + 2, 0, leaf) != NULL) {
            break;
        }
        merkle_edge_append(ret_edge, merkle_leaf_hash(ps_bytes(record + at + 2, leaf)));
        at += 2 + leaf;
        count++;
    }
    return count;
}

static void write_file(const struct fixture *f, const char *name, const void *octets, size_t len)
{
    char path[PATH_LEN];
    FILE *file;

    path_in(f, name, path);
    file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(octets, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* What came back is a beginning of all that was ever appended, and goes on. */
static void assert_is_beginning(struct fixture *f, uint64_t least, const struct moment *whole)
{
    struct merkle_edge edge = {0};
    struct merkle_hash expected;
    struct merkle_hash found;
    size_t at = 0;

    open_log(f);
    assert_in_range(log_size(f->log), least, 1000);
    for (uint64_t i = 0; i < log_size(f->log); i++) {
        const size_t leaf = (size_t)whole->dirty[at] << 8 | whole->dirty[at + 1];

        assert_true(at + 2 + leaf <= whole->dirty_len && leaf != 0);
        merkle_edge_append(&edge, merkle_leaf_hash(ps_bytes(whole->dirty + at + 2, leaf)));
        at += 2 + leaf;
    }
    expected = merkle_edge_root(&edge);
    assert_ok(log_root(f->log, log_size(f->log), &found));
    assert_memory_equal(found.octets, expected.octets, sizeof found.octets);
    assert_int_equal(entries_length(f), at);
}

/* The file after a power cut: of the sectors that differ, those in `mask` were written. */
static void cut_power(const struct moment *moment, uint64_t mask, const struct moment *whole,
                      const uint8_t *hashes)
{
    const bool longer = moment->dirty_len > moment->synced_len;
    const size_t len = longer == ((mask & 1) != 0) ? moment->dirty_len : moment->synced_len;
    uint8_t *octets = calloc(1, len + 1);
    struct fixture *f = make_fixture();
    struct merkle_edge edge;
    const uint64_t least = leaves_in(moment->synced, moment->synced_len, &edge);
    unsigned differing = 0;

    assert_non_null(octets);
    memcpy(octets, moment->synced, len < moment->synced_len ? len : moment->synced_len);
    for (size_t at = 0; at < len && at < moment->dirty_len; at += SECTOR) {
        const size_t part = moment->dirty_len - at < SECTOR ? moment->dirty_len - at : SECTOR;
        const size_t some = len - at < part ? len - at : part;

        if (memcmp(octets + at, moment->dirty + at, some) != 0 && (mask >> ++differing % 64 & 1)) {
            memcpy(octets + at, moment->dirty + at, some);
        }
    }
    assert_int_equal(mkdir(f->directory, 0700), 0);
    write_file(f, "entries", octets, len);
    /* Hashes are written after the sync; they are on the disk up to any place, or not at all. */
    write_file(f, "hashes.0", hashes, (mask >> 40 & 1) != 0 ? least * 32 : mask % (least + 1) * 32);
    assert_is_beginning(f, least, whole);
    free_fixture(f);
    free(octets);
}

static unsigned differing_sectors(const struct moment *moment)
{
    unsigned count = 0;

    for (size_t at = 0; at < moment->dirty_len && at < moment->synced_len; at += SECTOR) {
        const size_t left = moment->dirty_len - at < moment->synced_len - at
                                ? moment->dirty_len - at
                                : moment->synced_len - at;

        count +=
            memcmp(moment->synced + at, moment->dirty + at, left < SECTOR ? left : SECTOR) != 0;
    }
    return count;
}

/* Every subset of the sectors, where these are few; else some of them. */
static void cut_power_in_every_way(const struct moment *moment, const struct moment *whole,
                                   const uint8_t *hashes)
{
    const unsigned count = differing_sectors(moment);
    const uint64_t subsets = count < 6 ? UINT64_C(2) << count : 100;
    uint64_t mask = 0x9e3779b97f4a7c15;

    for (uint64_t i = 0; i < subsets; i++) {
        mask = mask * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        cut_power(moment, count < 6 ? i | (mask & ~((UINT64_C(2) << count) - 1)) : mask >> 7, whole,
                  hashes);
    }
}

/* Batches of leaves, of which some begin at the last octet of a sector. */
static void append_batches(struct fixture *f)
{
    static const size_t batches[][4] = {
        {100, 200, 300, 0}, {205, 0},          {511, 0},  {255, 256, 257, 512},
        {1, 1, 1, 1},       {1500, 700, 0},    {2047, 0}, {215, 215, 215, 215},
        {4000, 1, 4000, 0}, {16000, 16000, 0}, {300, 0},  {33000, 40000, 0},
    };
    uint64_t octets = 0;

    for (size_t i = 0; i < PS_COUNT_OF(batches); i++) {
        for (size_t j = 0; j < 4 && batches[i][j] != 0; j++) {
            append_sized(f, batches[i][j]);
            octets += 2 + batches[i][j];
        }
        assert_ok(log_sync(f->log));
        /* The next batch begins with a length across two sectors. */
        append_sized(f, 2 * SECTOR - 1 - 2 - octets % SECTOR);
        octets += 2 * SECTOR - 1 - octets % SECTOR;
        assert_ok(log_sync(f->log));
        assert_int_equal(octets % SECTOR, SECTOR - 1);
        append_sized(f, 257 + i * 100);
        octets += 2 + 257 + i * 100;
        append_sized(f, 300);
        octets += 2 + 300;
        assert_ok(log_sync(f->log));
    }
}

static void a_power_cut_loses_no_leaf_and_makes_none(void **state)
{
    struct fixture *f = make_fixture();
    struct stat status;
    char path[PATH_LEN];
    PS_BUF_AUTO hashes;

    (void)state;
    start_writer(f, &keeping_io);
    open_log(f);
    path_in(f, "entries", path);
    assert_int_equal(stat(path, &status), 0);
    record_inode = status.st_ino;
    append_batches(f);
    record_inode = 0;
    assert_true(moment_count > 30 && moment_count < PS_COUNT_OF(moments));
    path_in(f, "hashes.0", path);
    assert_true(read_file(path, &hashes));
    stop_writer(f);
    for (size_t i = 1; i < moment_count; i++) {
        assert_non_null(moments[i].dirty);
        cut_power_in_every_way(&moments[i], &moments[moment_count - 1], hashes.data);
    }
    for (size_t i = 0; i < moment_count; i++) {
        free(moments[i].dirty);
    }
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_loses_no_leaf_and_makes_none),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
