#include "tests/quick_scrypt.h"
#include "tests/unit/file_limit.h"
#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "keystore/custody/internal.h"
#include "keystore/custody/refused_pins.h"
#include "keystore/tokens/internal.h"

#include <errno.h>
#include <sys/syscall.h>

/* What is kept of PINs that a token refused: none of them is tried again, by whatever start. */

#define TOKEN "t"
#define OTHER "other"
#define USER  "refused-pin." TOKEN
#define MARK  48u /* octets of one */

static struct ps_loop *loop;
static struct msg_keeper_config config;
static struct keeper keeper;
static struct token *token;
static struct token *other;

static const struct tokens_handler handler;

/* --- What is asked of the disk --- */

static char asked[600]; /* "sync NAME" and "rename NAME" in their order */
static bool sync_fails;

static void note(const char *what, const char *path)
{
    const char *name = strrchr(path, '/');
    const size_t len = strlen(asked);

    (void)snprintf(asked + len, sizeof asked - len, "%s %s\n", what,
                   strcmp(path, scratch_directory) == 0 ? "." : name + 1);
}

int fsync(int fd)
{
    char link[64];
    char path[SCRATCH_PATH_MAX] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    assert_true(readlink(link, path, sizeof path - 1) > 0);
    note("sync", path);
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    note("rename", from);
    return (int)syscall(SYS_rename, from, to);
}

/* --- Tokens --- */

static struct token *add_token(const char *name)
{
    assert_ok(tokens_set_pin(keeper.tokens, ps_bytes_str(name), ps_bytes_str("first"), false));
    return tokens_find(keeper.tokens, ps_bytes_str(name));
}

static int begin(void **state)
{
    (void)scratch_make(state);
    config.data_directory = ps_bytes_str(scratch_directory);
    keeper = (struct keeper){.config = &config};
    assert_ok(ps_loop_new(&loop));
    assert_ok(tokens_new(loop, &handler, NULL, 1000, &keeper.tokens));
    token = add_token(TOKEN);
    other = add_token(OTHER);
    asked[0] = 0;
    sync_fails = quick_scrypt_fails = false;
    return 0;
}

static int end(void **state)
{
    tokens_free(keeper.tokens);
    ps_loop_free(loop);
    return scratch_remove(state);
}

static void give(struct token *to, const char *pin, bool is_so)
{
    assert_ok(tokens_set_pin(keeper.tokens, tokens_name(to), ps_bytes_str(pin), is_so));
}

static void refuse(const char *pin)
{
    give(token, pin, false);
    keeper_refuse_pin(&keeper, token);
}

/* By a start that finds it configured. */
static bool is_refused(struct token *of, const char *pin)
{
    give(of, pin, false);
    of->pin_refused = of->pin_is_new = false;
    keeper_check_pins(&keeper, of);
    return tokens_pin_refused(of);
}

static bool is_so_refused(struct token *of, const char *pin)
{
    give(of, pin, true);
    return keeper_so_pin_was_refused(&keeper, of);
}

static void put_file(const char *name, size_t len)
{
    static const uint8_t octets[4 * MARK] = {0};
    char path[SCRATCH_PATH_MAX];
    FILE *file;

    scratch_path(name, path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* --- Tests --- */

static void one_that_was_refused_is_known_again_and_another_is_new(void **state)
{
    (void)state;
    refuse("1111");
    assert_true(is_refused(token, "1111"));
    assert_false(token->pin_is_new);
    assert_false(is_refused(token, "2222"));
    /* What a process says of the PIN that it tried is not about this one. */
    assert_true(token->pin_is_new);
}

static void without_marks_a_process_is_believed(void **state)
{
    (void)state;
    tokens_set_pin_refused(token, true);
    keeper_check_pins(&keeper, token);
    assert_true(tokens_pin_refused(token));
}

static void where_there_is_no_pin_none_is_refused(void **state)
{
    (void)state;
    put_file(USER, MARK - 1);
    give(token, "", false);
    keeper_check_pins(&keeper, token);
    assert_false(tokens_pin_refused(token));
}

static void the_last_four_are_known(void **state)
{
    static const char *const pins[] = {"1111", "2222", "3333", "4444", "5555"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(pins); i++) {
        refuse(pins[i]);
    }
    for (size_t i = 0; i < PS_COUNT_OF(pins); i++) {
        assert_int_equal(is_refused(token, pins[i]), i != 0);
    }
}

static void each_pin_of_each_token_has_marks_of_its_own(void **state)
{
    (void)state;
    refuse("1111");
    give(token, "1111", true);
    keeper_refuse_so_pin(&keeper, token, ps_bytes_str("2222"));
    assert_true(is_so_refused(token, "2222"));
    assert_false(is_so_refused(token, "1111"));
    assert_true(is_refused(token, "1111"));
    assert_false(is_refused(token, "2222"));
    assert_false(is_refused(other, "1111"));
    assert_false(is_so_refused(other, "2222"));
}

/* They may be of this very PIN. */
static void marks_that_cannot_be_read_are_of_any_pin(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    put_file(USER, MARK - 1);
    assert_true(is_refused(token, "1111"));
    put_file(USER, MARK + 1);
    assert_true(is_refused(token, "1111"));
    put_file(USER, MARK);
    assert_false(is_refused(token, "1111"));
    scratch_path(USER, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(is_refused(token, "1111"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(USER, path), 0); /* leads nowhere */
    assert_true(is_refused(token, "1111"));
    assert_int_equal(unlink(path), 0);
    assert_false(is_refused(token, "1111"));
}

/* It may be the one that was refused, and may be another than the one that was split. */
static void a_pin_that_cannot_be_compared_is_not_tried(void **state)
{
    struct pin_check check;
    struct pin_row row = {.parser = NULL};

    (void)state;
    refuse("1111");
    assert_ok(pin_check_make(ps_bytes_str("2222"), &check));
    row.record.salt = ps_bytes(check.salt, sizeof check.salt);
    row.record.check = ps_bytes(check.value, sizeof check.value);
    assert_true(pin_row_is_of(&row, ps_bytes_str("2222")));
    quick_scrypt_fails = true;
    assert_false(pin_row_is_of(&row, ps_bytes_str("2222")));
    assert_false(pin_row_is_of(&row, ps_bytes_str("1111")));
    assert_true(is_refused(token, "2222"));
    quick_scrypt_fails = false;
    assert_false(is_refused(token, "2222"));
}

static void a_mark_takes_the_place_of_damaged_ones(void **state)
{
    (void)state;
    put_file(USER, MARK + 1);
    refuse("1111");
    assert_true(is_refused(token, "1111"));
    assert_false(is_refused(token, "2222"));
}

/* Else a crash would take it away, or those of before. */
static void a_mark_is_durable_before_it_has_its_name(void **state)
{
    (void)state;
    refuse("1111");
    assert_string_equal(asked, "sync " USER ".part\nrename " USER ".part\nsync .\n");
}

static void assert_only_the_first_is_known(void)
{
    assert_true(is_refused(token, "1111"));
    assert_false(is_refused(token, "2222"));
    assert_false(is_refused(token, "3333"));
}

static void where_no_mark_can_be_written_those_of_before_stay(void **state)
{
    (void)state;
    refuse("1111");
    limit_files(MARK + 1);
    refuse("2222");
    unlimit_files();
    assert_only_the_first_is_known();
    sync_fails = true;
    refuse("3333");
    assert_only_the_first_is_known();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_was_refused_is_known_again_and_another_is_new,
                                        begin, end),
        cmocka_unit_test_setup_teardown(without_marks_a_process_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(where_there_is_no_pin_none_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_last_four_are_known, begin, end),
        cmocka_unit_test_setup_teardown(each_pin_of_each_token_has_marks_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(marks_that_cannot_be_read_are_of_any_pin, begin, end),
        cmocka_unit_test_setup_teardown(a_pin_that_cannot_be_compared_is_not_tried, begin, end),
        cmocka_unit_test_setup_teardown(a_mark_takes_the_place_of_damaged_ones, begin, end),
        cmocka_unit_test_setup_teardown(a_mark_is_durable_before_it_has_its_name, begin, end),
        cmocka_unit_test_setup_teardown(where_no_mark_can_be_written_those_of_before_stay, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
