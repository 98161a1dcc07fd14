#include "lib/db/migrate.h"

#include "tests/unit/db_fixture.h"

static const char *const two_steps[] = {
    "CREATE TABLE pair (name TEXT NOT NULL) STRICT; INSERT INTO pair VALUES ('one')",
    "ALTER TABLE pair ADD COLUMN number INTEGER NOT NULL DEFAULT 7",
};

static void steps_are_taken_one_after_the_other(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    struct db_schema schema = {"thing", 1234, two_steps, 1};

    (void)state;
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_OK);
    assert_int_equal(number_of(db, "SELECT version FROM schema"), 1);
    schema.count = 2;
    assert_int_equal(db_migrate(db, &schema), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_OK);
    assert_int_equal(number_of(db, "SELECT version FROM schema"), 2);
    assert_int_equal(number_of(db, "SELECT number FROM pair"), 7);
}

static void newer_version_is_refused_in_a_sentence(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    struct db_schema schema = {"thing", 1234, two_steps, 2};

    (void)state;
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_OK);
    schema.count = 1;
    assert_int_equal(db_migrate(db, &schema), PS_E_STATE);
    assert_string_equal(ps_detail()->text,
                        "the thing is of version 2, written by a newer Privyseal; this one knows "
                        "versions up to 1: start the newer one");
    assert_int_equal(number_of(db, "SELECT version FROM schema"), 2);
}

static void failed_step_leaves_the_version_before_it(void **state)
{
    static const char *const bad[] = {"CREATE TABLE pair (name TEXT NOT NULL) STRICT",
                                      "CREATE TABLE more (a TEXT) STRICT; CREATE TABLE pair (b)"};
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    struct db_schema schema = {"thing", 1234, bad, 2};

    (void)state;
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_E_STORAGE);
    assert_int_equal(number_of(db, "SELECT version FROM schema"), 1);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), 0);
}

static void database_of_something_else_is_refused(void **state)
{
    struct db_schema schema = {"thing", 1234, two_steps, 2};
    struct db *db = NULL;

    (void)state;
    elsewhere("CREATE TABLE theirs (a)");
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_E_STORAGE);
    db_close(db);
    elsewhere("DROP TABLE theirs; PRAGMA application_id = 99");
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_migrate(db, &schema), PS_E_STORAGE);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DB_TEST(steps_are_taken_one_after_the_other),
        DB_TEST(newer_version_is_refused_in_a_sentence),
        DB_TEST(failed_step_leaves_the_version_before_it),
        DB_TEST(database_of_something_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
