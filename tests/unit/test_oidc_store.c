#include "frontends/oidc/clients.h"
#include "frontends/oidc/seal.h"
#include "frontends/oidc/store.h"
#include "frontends/oidc/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static struct db *own;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-oidc-XXXXXX");
    return mkdtemp(directory) != NULL && clients_open(directory, &own) == PS_OK ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[100];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"transactions.db", "transactions.db-wal",
                                        "transactions.db-shm", "oidc.db"};

    (void)state;
    db_close(own);
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        (void)unlink(path_of(names[i]));
    }
    return rmdir(directory);
}

static struct store *open_at(const char *boot, uint64_t most, uint64_t now_s)
{
    const struct store_place place = {directory, own, ps_bytes_str(boot)};
    const struct store_limits limits = {.most = most, .per_owner = 2};
    struct store *store = NULL;

    assert_int_equal(oidc_store_open(&place, &limits, now_s, &store), PS_OK);
    return store;
}

static const struct store_key key = {STORE_CODE, {(const uint8_t *)"handle", 6}};

static enum ps_err get(struct store *store, const struct store_key *of, uint64_t now_s)
{
    PS_BUF_AUTO record = {.max = STORE_RECORD_MAX + 1};
    const enum ps_err err = store_get(store, of, STORE_OPEN, now_s, &record);

    assert_true(err != PS_OK || ps_bytes_equal_str(ps_buf_bytes(&record), "record"));
    return err;
}

static void put(struct store *store, uint64_t expires_s)
{
    assert_int_equal(store_put(store, &key, STORE_OPEN, expires_s, ps_bytes_str("record")), PS_OK);
}

static void a_thing_is_found_by_its_handle_and_kind_until_its_time(void **state)
{
    PS_CLEANUP(store_close_cleanup) struct store *store = open_at("boot", 9, 1);
    const struct store_key other_kind = {STORE_TOKEN, key.handle};
    const struct store_key other_handle = {STORE_CODE, ps_bytes_str("Handle")};
    PS_BUF_AUTO record = {.max = STORE_RECORD_MAX + 1};

    (void)state;
    put(store, 10);
    assert_int_equal(get(store, &key, 9), PS_OK);
    assert_int_equal(get(store, &key, 10), PS_E_NOT_FOUND);
    assert_int_equal(get(store, &other_kind, 9), PS_E_NOT_FOUND);
    assert_int_equal(get(store, &other_handle, 9), PS_E_NOT_FOUND);
    assert_int_equal(store_get(store, &key, STORE_USED, 9, &record), PS_E_STATE);
    assert_int_equal(store_take(store, &key, STORE_USED, 9, &record), PS_E_STATE);
    assert_int_equal(store_count(store), 1);
    assert_int_equal(store_take(store, &key, STORE_OPEN, 9, &record), PS_OK);
    assert_int_equal(store_take(store, &key, STORE_OPEN, 9, &record), PS_E_NOT_FOUND);
    assert_int_equal(store_count(store), 0);
}

static void there_are_not_more_than_there_may_be(void **state)
{
    const struct store_key second = {STORE_CODE, ps_bytes_str("second")};
    PS_CLEANUP(store_close_cleanup) struct store *store = open_at("boot", 1, 1);

    (void)state;
    put(store, 10);
    assert_int_equal(store_put(store, &second, STORE_OPEN, 10, ps_bytes_str("")), PS_E_LIMIT);
    assert_int_equal(store_sweep(store, 9), PS_OK);
    assert_int_equal(store_count(store), 1);
    assert_int_equal(store_sweep(store, 10), PS_OK);
    assert_int_equal(store_count(store), 0);
    assert_int_equal(store_put(store, &second, STORE_OPEN, 20, ps_bytes_str("")), PS_OK);
}

static enum ps_err put_of(struct store *store, const char *owner, const char *handle,
                          uint64_t expires_s)
{
    const struct store_key of = {STORE_TRANSACTION, ps_bytes_str(handle)};

    return store_put_of(store, &of, ps_bytes_str(owner), expires_s, ps_bytes_str("record"));
}

static void an_owner_has_no_more_than_a_share(void **state)
{
    const struct store_key a = {STORE_TRANSACTION, ps_bytes_str("a")};
    const struct store_key b = {STORE_TRANSACTION, ps_bytes_str("b")};
    struct store *store = open_at("boot", 9, 1);
    PS_BUF_AUTO record = {.max = STORE_RECORD_MAX + 1};

    (void)state;
    assert_int_equal(put_of(store, "one", "a", 10), PS_OK);
    assert_int_equal(put_of(store, "one", "b", 20), PS_OK);
    assert_int_equal(put_of(store, "one", "c", 10), PS_E_LIMIT);
    assert_int_equal(put_of(store, "other", "c", 10), PS_OK);
    assert_int_equal(store_take(store, &a, STORE_USED, 1, &record), PS_E_STATE);
    assert_int_equal(put_of(store, "one", "d", 10), PS_E_LIMIT);
    assert_int_equal(store_take(store, &a, STORE_OPEN, 1, &record), PS_OK);
    assert_int_equal(put_of(store, "one", "d", 10), PS_OK);
    assert_int_equal(store_drop(store, &b), PS_OK);
    assert_int_equal(store_drop(store, &b), PS_OK);
    assert_int_equal(put_of(store, "one", "e", 30), PS_OK);
    assert_int_equal(put_of(store, "one", "f", 30), PS_E_LIMIT);
    assert_int_equal(store_sweep(store, 10), PS_OK);
    assert_int_equal(put_of(store, "one", "f", 30), PS_OK);
    assert_int_equal(put_of(store, "one", "g", 30), PS_E_LIMIT);
    assert_int_equal(store_count(store), 2);
    store_close(store);
    store = open_at("boot", 9, 2);
    assert_int_equal(store_count(store), 2);
    assert_int_equal(put_of(store, "one", "g", 30), PS_OK);
    assert_int_equal(store_sweep(store, 30), PS_OK);
    assert_int_equal(store_count(store), 0);
    store_close(store);
}

static void logins_leave_room_for_those_that_have_come_so_far(void **state)
{
    PS_CLEANUP(store_close_cleanup) struct store *store = open_at("boot", 8, 1);
    const struct store_key token = {STORE_TOKEN, ps_bytes_str("token")};
    char name[2] = "a";

    (void)state;
    for (; name[0] < 'h'; name[0]++) {
        assert_int_equal(put_of(store, name, name, 10), PS_OK);
    }
    assert_int_equal(put_of(store, "last", "last", 10), PS_E_LIMIT);
    assert_int_equal(store_put(store, &token, STORE_OPEN, 10, ps_bytes_str("")), PS_OK);
    assert_int_equal(store_put(store, &key, STORE_OPEN, 10, ps_bytes_str("")), PS_E_LIMIT);
}

static void what_is_used_once_is_so_until_its_time(void **state)
{
    PS_CLEANUP(store_close_cleanup) struct store *store = open_at("boot", 9, 1);
    const struct ps_bytes a = ps_bytes_str("a");
    const struct ps_bytes bc = ps_bytes_str("bc");

    (void)state;
    assert_int_equal(store_use_once(store, a, bc, 10), PS_OK);
    assert_int_equal(store_use_once(store, a, bc, 99), PS_E_CONFLICT);
    assert_int_equal(store_use_once(store, ps_bytes_str("ab"), ps_bytes_str("c"), 10), PS_OK);
    assert_int_equal(store_sweep(store, 10), PS_OK);
    assert_int_equal(store_use_once(store, a, bc, 20), PS_OK);
}

static void it_outlives_the_program_and_not_the_machine(void **state)
{
    struct store *store = open_at("boot", 9, 1);

    (void)state;
    put(store, 1000);
    assert_int_equal(store_use_once(store, ps_bytes_str("a"), ps_bytes_str("b"), 1000), PS_OK);
    assert_false(store_may_forget(store, 0));
    store_close(store);
    store = open_at("boot", 9, 50);
    assert_int_equal(store_count(store), 1);
    assert_int_equal(get(store, &key, 50), PS_OK);
    assert_false(store_may_forget(store, 50));
    store_close(store);
    store = open_at("other", 9, 60);
    assert_int_equal(store_count(store), 0);
    assert_int_equal(get(store, &key, 60), PS_E_NOT_FOUND);
    assert_true(store_may_forget(store, 60));
    assert_false(store_may_forget(store, 61));
    assert_int_equal(store_use_once(store, ps_bytes_str("a"), ps_bytes_str("b"), 1000), PS_OK);
    store_close(store);
}

/* Not synced, it may be anything after a crash of the machine. */
static void what_another_start_left_need_not_be_a_database(void **state)
{
    struct store *store = open_at("boot", 9, 1);
    FILE *file;

    (void)state;
    put(store, 1000);
    store_close(store);
    file = fopen(path_of("transactions.db"), "r+");
    assert_non_null(file);
    for (size_t i = 0; i < 4096; i++) {
        assert_int_equal(fputc('x', file), 'x');
    }
    assert_int_equal(fclose(file), 0);
    store = open_at("other", 9, 60);
    assert_int_equal(store_count(store), 0);
    assert_true(store_may_forget(store, 60));
    store_close(store);
}

static void without_its_file_it_knows_that_it_forgot(void **state)
{
    struct store *store = open_at("boot", 9, 1);

    (void)state;
    store_close(store);
    assert_int_equal(unlink(path_of("transactions.db")), 0);
    store = open_at("boot", 9, 60);
    assert_true(store_may_forget(store, 60));
    store_close(store);
}

/* As when it ends between finding that and opening a new one. */
static void a_life_that_was_not_begun_is_found_anew(void **state)
{
    const struct store_place place = {"/nowhere", own, ps_bytes_str("boot")};
    const struct store_limits limits = {.most = 9, .per_owner = 2};
    struct store *store = open_at("boot", 9, 1);

    (void)state;
    store_close(store);
    store = NULL;
    assert_int_equal(oidc_store_open(&place, &limits, 50, &store), PS_E_STORAGE);
    assert_null(store);
    store = open_at("boot", 9, 60);
    assert_true(store_may_forget(store, 60));
    store_close(store);
    store = open_at("boot", 9, 70);
    assert_false(store_may_forget(store, 61));
    store_close(store);
}

static void what_is_sealed_opens_under_its_handle_alone(void **state)
{
    const struct ps_bytes handle = ps_bytes_str("handle");
    PS_BUF_AUTO sealed = {.max = 200};
    PS_BUF_AUTO opened = {.max = 200};

    (void)state;
    assert_int_equal(seal_close(handle, ps_bytes_str("text"), &sealed), PS_OK);
    assert_int_equal(sealed.len, 4 + SEAL_EXTRA);
    assert_int_equal(seal_open(handle, ps_buf_bytes(&sealed), &opened), PS_OK);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&opened), "text"));
    assert_int_equal(seal_open(ps_bytes_str("other"), ps_buf_bytes(&sealed), &opened),
                     PS_E_STORAGE);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(seal_open(handle, ps_buf_bytes(&sealed), &opened), PS_E_STORAGE);
        sealed.data[i] ^= 1;
        assert_int_equal(seal_open(handle, ps_bytes(sealed.data, i), &opened), PS_E_STORAGE);
    }
    ps_buf_reset(&sealed);
    assert_int_equal(seal_close(handle, ps_bytes(NULL, 0), &sealed), PS_OK);
    ps_buf_reset(&opened);
    assert_int_equal(seal_open(handle, ps_buf_bytes(&sealed), &opened), PS_OK);
    assert_int_equal(opened.len, 0);
}

static void a_record_is_read_as_it_was_written(void **state)
{
    TRANSACTION_AUTO made;
    TRANSACTION_AUTO read;
    PS_BUF_AUTO record = {.max = 1000};

    (void)state;
    transaction_init(&made);
    transaction_init(&read);
    assert_int_equal(transaction_set(&made, TRANSACTION_STATE, ps_bytes_str("s")), PS_OK);
    assert_int_equal(transaction_write(&made, &record), PS_OK);
    assert_int_equal(transaction_read(ps_buf_bytes(&record), &read), PS_OK);
    assert_true(ps_bytes_equal_str(transaction_text(&read, TRANSACTION_STATE), "s"));
    for (size_t i = 0; i < record.len; i++) {
        assert_int_equal(transaction_read(ps_bytes(record.data, i), &read), PS_E_INPUT);
    }
    ps_buf_put_u8(&record, 0);
    assert_int_equal(transaction_read(ps_buf_bytes(&record), &read), PS_E_INPUT);
    record.data[0]++;
    assert_int_equal(transaction_read(ps_buf_bytes(&record), &read), PS_E_INPUT);
}

static void words_stand_between_spaces(void **state)
{
    struct ps_bytes list = ps_bytes_str("  one two  three ");
    struct ps_bytes word;
    PS_BUF_AUTO json = {.max = 100};

    (void)state;
    words_put_json(list, &json);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&json), "[\"one\",\"two\",\"three\"]"));
    assert_true(words_have(list, ps_bytes_str("two")));
    assert_false(words_have(list, ps_bytes_str("tw")));
    assert_false(words_have(list, ps_bytes_str("")));
    assert_true(words_next(&list, &word) && words_next(&list, &word) && words_next(&list, &word));
    assert_false(words_next(&list, &word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thing_is_found_by_its_handle_and_kind_until_its_time,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_are_not_more_than_there_may_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_owner_has_no_more_than_a_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logins_leave_room_for_those_that_have_come_so_far, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_used_once_is_so_until_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_outlives_the_program_and_not_the_machine, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_another_start_left_need_not_be_a_database, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_its_file_it_knows_that_it_forgot, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_life_that_was_not_begun_is_found_anew, set_up, tear_down),
        cmocka_unit_test(what_is_sealed_opens_under_its_handle_alone),
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(words_stand_between_spaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
