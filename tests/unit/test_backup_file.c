#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "keystore/backup/backup_file.h"
#include "keystore/backup/shelf.h"

#include <fcntl.h>
#include <sys/stat.h>

/* What has a backup's name is one that was finished; and only that is counted or removed. */

static void write_in(const char *name, const char *text)
{
    char path[SCRATCH_PATH_MAX];
    FILE *file;

    scratch_path(name, path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Each name is of another year; the newest is that of 2025. */
static void those_of_the_future_do_not_have_others_removed(void **state)
{
    struct shelved all[] = {{.name = "20231121T024131Z.privyseal-backup"},
                            {.name = "20241121T024131Z.privyseal-backup"},
                            {.name = "20251121T024131Z.privyseal-backup"},
                            {.name = "20301121T024131Z.privyseal-backup"},
                            {.name = "20311121T024131Z.privyseal-backup"}};
    const struct shelf shelf = {.all = all, .count = PS_COUNT_OF(all)};
    const char *newest = all[2].name;

    (void)state;
    assert_int_equal(shelf_count_surplus(&shelf, newest, 1), 2);
    assert_int_equal(shelf_count_surplus(&shelf, newest, 2), 1);
    assert_int_equal(shelf_count_surplus(&shelf, newest, 3), 0);
    assert_int_equal(shelf_count_surplus(&shelf, newest, 4), 0);
    assert_int_equal(shelf_count_surplus(&shelf, all[4].name, 3), 2);
    assert_int_equal(shelf_count_surplus(&(struct shelf){.all = NULL}, newest, 1), 0);
}

static void only_what_has_a_backups_name_is_on_the_shelf(void **state)
{
    static const char *const others[] = {
        "20261121T024130Z.privyseal-backup.1", ".20261121T024130Z.privyseal-backup.part",
        "20261321T024130Z.privyseal-backup",   "20261121T024130Z",
        "2026112T0241300Z.privyseal-backup",   "notes.txt"};
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        write_in(others[i], "x");
    }
    write_in("20261121T024131Z.privyseal-backup", "abc");
    write_in("20251121T024131Z.privyseal-backup", "a");
    assert_ok(shelf_read(&shelf, scratch_directory));
    assert_int_equal(shelf.count, 2);
    assert_string_equal(shelf.all[0].name, "20251121T024131Z.privyseal-backup");
    assert_int_equal(shelf.all[1].octets, 3);
    assert_int_equal(shelf.all[1].created_s, 1795228891);
    assert_ok(shelf_remove(scratch_directory, shelf.all[0].name));
    assert_int_equal(shelf_remove(scratch_directory, shelf.all[0].name), PS_E_STORAGE);
    assert_ok(shelf_read(&shelf, scratch_directory));
    assert_int_equal(shelf.count, 1);
    assert_int_equal(shelf_read(&shelf, "/no/such/directory"), PS_E_STORAGE);
}

static bool is_there(const char *name)
{
    char path[SCRATCH_PATH_MAX];

    scratch_path(name, path);
    return access(path, F_OK) == 0;
}

/* What a death in the middle of one has left; and nothing else. */
static void what_was_not_finished_is_swept(void **state)
{
    static const char *const others[] = {"20261121T024130Z.privyseal-backup",
                                         "20261121T024130Z.privyseal-backup.part",
                                         ".20261121T024130Z.privyseal-backup",
                                         ".20261121T024130Z.privyseal-backup.part.1",
                                         ".20261321T024130Z.privyseal-backup.part",
                                         ".part",
                                         ".mine.part"};
    static const char *const parts[] = {".20251121T024130Z.privyseal-backup.part",
                                        ".20261121T024130Z.privyseal-backup.part"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        write_in(others[i], "x");
    }
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        write_in(parts[i], "x");
    }
    assert_ok(shelf_sweep(scratch_directory));
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        assert_true(is_there(others[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        assert_false(is_there(parts[i]));
    }
    assert_int_equal(shelf_sweep("/no/such/directory"), PS_E_STORAGE);
}

static void a_file_has_its_name_only_when_it_is_finished(void **state)
{
    char name[SHELF_NAME_LEN + 1];
    struct backup_file *file;
    PS_CLEANUP(shelf_clear) struct shelf shelf = {.all = NULL};

    (void)state;
    shelf_put_name(1795228891, name);
    assert_ok(backup_file_new(scratch_directory, name, &file));
    assert_ok(backup_file_put(file, BACKUP_HEADER, ps_bytes_str("{}")));
    backup_file_free(file); /* as when it fails */
    assert_ok(backup_file_new(scratch_directory, name, &file));
    assert_ok(backup_file_put(file, BACKUP_HEADER, ps_bytes_str("{}")));
    assert_ok(shelf_read(&shelf, scratch_directory));
    assert_int_equal(shelf.count, 0);
    assert_ok(backup_file_finish(file));
    backup_file_free(file);
    assert_ok(shelf_read(&shelf, scratch_directory));
    assert_int_equal(shelf.count, 1);
    assert_int_equal(shelf.all[0].octets, sizeof BACKUP_MAGIC - 1 + 5 + 2 + 5 + 32);
    assert_int_equal(backup_file_new("/no/such/directory", name, &file), PS_E_STORAGE);
}

static void rows_that_were_written_once_more_count_once(void **state)
{
    static uint8_t octets[BACKUP_RECORD_MAX + 1];
    uint8_t once[PS_SHA256_LEN];
    struct backup_file *file;

    (void)state;
    assert_ok(backup_file_new(scratch_directory, "x", &file));
    assert_ok(backup_file_put(file, BACKUP_HEADER, ps_bytes_str("{}")));
    assert_ok(backup_file_put(file, BACKUP_ROW, ps_bytes(octets, BACKUP_RECORD_MAX)));
    assert_int_equal(backup_file_put(file, BACKUP_ROW, ps_bytes(octets, sizeof octets)),
                     PS_E_LIMIT);
    memcpy(once, backup_file_rows_hash(file), sizeof once);
    for (unsigned i = 0; i < 8; i++) {
        assert_ok(backup_file_put(file, BACKUP_ROW, ps_bytes(octets, BACKUP_RECORD_MAX)));
    }
    assert_ok(backup_file_rewind(file));
    assert_int_equal(backup_file_rows(file), 0);
    assert_ok(backup_file_put(file, BACKUP_ROW, ps_bytes(octets, BACKUP_RECORD_MAX)));
    assert_int_equal(backup_file_rows(file), 1);
    assert_memory_equal(backup_file_rows_hash(file), once, sizeof once);
    assert_ok(backup_file_finish(file));
    backup_file_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_the_future_do_not_have_others_removed),
        cmocka_unit_test_setup_teardown(only_what_has_a_backups_name_is_on_the_shelf, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(what_was_not_finished_is_swept, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_file_has_its_name_only_when_it_is_finished, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(rows_that_were_written_once_more_count_once, scratch_make,
                                        scratch_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
