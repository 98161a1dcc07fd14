#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "keystore/backup/mirror_files.h"
#include "lib/formats/tlog/note.h"

/* What a mirror's checkpoint covers is there, whatever ended its writer in between. */

static struct merkle_edge edge; /* of the leaves that were put */

static void put_leaf(struct ps_buf *out, const char *text)
{
    ps_buf_put_u16(out, (uint16_t)strlen(text));
    ps_buf_put_str(out, text);
    merkle_edge_append(&edge, merkle_leaf_hash(ps_bytes_str(text)));
}

static void append(struct mirror_files *files, const char *one, const char *other)
{
    PS_BUF_AUTO leaves = {.max = 4096};

    put_leaf(&leaves, one);
    put_leaf(&leaves, other);
    assert_ok(mirror_files_append(files, ps_buf_bytes(&leaves)));
}

static void sign(struct mirror_files *files)
{
    const uint8_t signature[64] = {7};
    const struct note_key key = {.name = ps_bytes_str("log/events"), .type = NOTE_ED25519};
    const struct checkpoint checkpoint = {
        .origin = key.name, .size = edge.size, .root = merkle_edge_root(&edge)};
    PS_BUF_AUTO note = {.max = 4096};

    assert_ok(checkpoint_put(&checkpoint, &note));
    note_put_signature(&key, ps_bytes(signature, sizeof signature), &note, true);
    assert_ok(mirror_files_sign(files, ps_buf_bytes(&note)));
}

static struct mirror_files *open_files(uint64_t leaves, uint64_t signed_leaves)
{
    struct mirror_files *files = NULL;
    struct mirror_found found;

    assert_ok(mirror_files_open(scratch_directory, &files, &found));
    assert_int_equal(found.leaves, leaves);
    assert_int_equal(found.signed_leaves, signed_leaves);
    return files;
}

static void expect_refused(enum ps_err err)
{
    struct mirror_files *files = NULL;
    struct mirror_found found;

    assert_fails(err, mirror_files_open(scratch_directory, &files, &found));
}

/* Two leaves that are signed for, and two that are not. */
static int make(void **state)
{
    struct mirror_files *files;

    (void)scratch_make(state);
    edge = (struct merkle_edge){.size = 0};
    files = open_files(0, 0);
    append(files, "one", "two");
    sign(files);
    append(files, "three", "four");
    mirror_files_free(files);
    return 0;
}

static void write_at(const char *name, struct ps_bytes octets, off_t at)
{
    char path[SCRATCH_PATH_MAX];
    int fd;

    scratch_path(name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, octets.data, octets.len, at < 0 ? lseek(fd, 0, SEEK_END) : at),
                     octets.len);
    assert_int_equal(close(fd), 0);
}

static void what_was_written_is_found_and_goes_on(void **state)
{
    struct mirror_files *files = open_files(4, 2);

    (void)state;
    append(files, "five", "six");
    sign(files);
    mirror_files_free(files);
    mirror_files_free(open_files(6, 6));
}

static void half_a_leaf_is_written_over(void **state)
{
    struct mirror_files *files;

    (void)state;
    /* What stands behind the 11 octets that are written over it would be one more leaf. */
    write_at("events/entries", LITERAL("\1\1fi.......\0\5seven"), -1);
    files = open_files(4, 2);
    append(files, "five", "six");
    mirror_files_free(files);
    mirror_files_free(open_files(6, 2));
}

static void it_is_cut_to_what_is_signed_for(void **state)
{
    struct mirror_files *files = open_files(4, 2);

    (void)state;
    assert_ok(mirror_files_cut(files));
    mirror_files_free(files);
    mirror_files_free(open_files(2, 2));
}

static void a_changed_leaf_that_was_signed_for_is_an_input_error(void **state)
{
    (void)state;
    write_at("events/entries", LITERAL("O"), 2);
    expect_refused(PS_E_INPUT);
}

static void one_that_lacks_what_was_signed_for_is_an_input_error(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("events/entries", path);
    assert_int_equal(truncate(path, 6), 0);
    expect_refused(PS_E_INPUT);
    assert_non_null(strstr(ps_detail()->text, "entry 1"));
}

static void one_that_somebody_has_open_is_busy(void **state)
{
    struct mirror_files *files = open_files(4, 2);

    (void)state;
    expect_refused(PS_E_BUSY);
    mirror_files_free(files);
    mirror_files_free(open_files(4, 2));
}

static void a_copy_of_another_layout_is_left_alone(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("events/tile", path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(PS_E_CONFLICT);
}

static void a_directory_that_is_not_there_is_a_storage_error(void **state)
{
    struct mirror_files *files = NULL;
    struct mirror_found found;

    (void)state;
    assert_fails(PS_E_STORAGE, mirror_files_open("/no/such/directory", &files, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_found_and_goes_on, make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(half_a_leaf_is_written_over, make, scratch_remove),
        cmocka_unit_test_setup_teardown(it_is_cut_to_what_is_signed_for, make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_changed_leaf_that_was_signed_for_is_an_input_error, make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(one_that_lacks_what_was_signed_for_is_an_input_error, make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(one_that_somebody_has_open_is_busy, make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_copy_of_another_layout_is_left_alone, make,
                                        scratch_remove),
        cmocka_unit_test(a_directory_that_is_not_there_is_a_storage_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
