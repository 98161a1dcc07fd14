#include "appliance/supervisor/users.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST 61500u

static char users_key[32];
static char token_a[] = "a";
static char token_b[] = "b";

static struct config make_config(const char *users)
{
    struct config config = {.token_count = 2};

    (void)snprintf(users_key, sizeof users_key, "%s", users);
    config.appliance.users = users_key;
    config.appliance.users_first = FIRST;
    config.tokens[0].name = token_a;
    config.tokens[1].name = token_b;
    return config;
}

static void without_the_right_all_roles_stay_the_same_user(void **state)
{
    const struct config config = make_config("dynamic");
    struct users users;
    uint32_t uids[CONFIG_TOKENS_MAX + 3];

    (void)state;
    assert_int_equal(users_resolve(&config, false, &users), PS_OK);
    assert_false(users.separate);
    assert_int_equal(users.keeper.uid, geteuid());
    assert_int_equal(users_list_uids(&users, 2, uids), 0);
}

static void same_keeps_one_user_even_with_the_right(void **state)
{
    const struct config config = make_config("same");
    struct users users;

    (void)state;
    assert_int_equal(users_resolve(&config, true, &users), PS_OK);
    assert_false(users.separate);
}

static void dynamic_users_are_distinct_and_unused(void **state)
{
    const struct config config = make_config("dynamic");
    struct users users;
    uint32_t uids[CONFIG_TOKENS_MAX + 3];

    (void)state;
    assert_int_equal(users_resolve(&config, true, &users), PS_OK);
    assert_true(users.separate);
    assert_int_equal(users_list_uids(&users, 2, uids), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(uids[i] >= FIRST);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(uids[i], uids[k]);
        }
    }
}

static void the_id_of_a_running_process_is_passed_over(void **state)
{
    const struct config config = make_config("dynamic");
    struct users users;
    uint32_t uids[CONFIG_TOKENS_MAX + 3];
    int pipes[2];
    pid_t pid;
    char octet = 0;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        const bool done = setresuid(FIRST, FIRST, FIRST) == 0 && write(pipes[1], "x", 1) == 1;

        (void)close(pipes[1]);
        for (;;) {
            (void)pause();
        }
        _exit(done);
    }
    assert_int_equal(read(pipes[0], &octet, 1), 1);
    assert_int_equal(users_resolve(&config, true, &users), PS_OK);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    for (size_t i = 0; i < users_list_uids(&users, 2, uids); i++) {
        assert_int_not_equal(uids[i], FIRST);
    }
}

static void named_users_must_be_there_and_be_permitted(void **state)
{
    const struct config config = make_config("no-such");
    struct users users;

    (void)state;
    assert_int_equal(users_resolve(&config, true, &users), PS_E_NOT_FOUND);
    assert_non_null(strstr(ps_detail()->text, "no-such-clients"));
    assert_int_equal(users_resolve(&config, false, &users), PS_E_DENIED);
}

static char directory[64];
static char inside[100];
static char deep[120];
static const struct role_user somebody = {.uid = 4321, .gid = 4322};

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-users-XXXXXX");
    if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0) {
        return -1;
    }
    (void)snprintf(inside, sizeof inside, "%s/data", directory);
    (void)snprintf(deep, sizeof deep, "%s/file", inside);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(deep);
    (void)rmdir(inside);
    return rmdir(directory);
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fclose(file);
}

static void assert_owner(const char *path, uid_t uid)
{
    struct stat found;

    assert_int_equal(lstat(path, &found), 0);
    assert_int_equal(found.st_uid, uid);
}

static void a_directory_is_made_closed_to_others(void **state)
{
    struct stat found;

    (void)state;
    assert_int_equal(users_give_directory(inside, false, &somebody), PS_OK);
    assert_int_equal(stat(inside, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(found.st_uid, geteuid());
}

static void all_in_it_is_made_over(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir(inside, 0700), 0);
    make_file(deep);
    assert_int_equal(users_give_directory(inside, true, &somebody), PS_OK);
    assert_owner(inside, 4321);
    assert_owner(deep, 4321);
    assert_int_equal(users_give_directory(inside, true, &somebody), PS_OK);
}

static void what_has_to_be_there_is_not_made(void **state)
{
    (void)state;
    assert_int_equal(users_give_existing(inside, false, &somebody), PS_E_STORAGE);
    assert_int_equal(access(inside, F_OK), -1);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(users_give_existing(inside, false, &somebody), PS_OK);
}

enum { TOLD = 0, NOT_TOLD = 1, NOT_MOUNTED = 2 };

/* In a process that sees a file system there which takes nothing. */
static int try_where_nothing_can_be_written(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", inside, "tmpfs", MS_RDONLY, "mode=0755") != 0) {
        return NOT_MOUNTED;
    }
    return users_give_existing(inside, false, &somebody) == PS_E_STORAGE &&
                   strstr(ps_detail()->text, "ReadWritePaths=") != NULL
               ? TOLD
               : NOT_TOLD;
}

static void what_the_service_may_not_write_is_said_with_its_remedy(void **state)
{
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(mkdir(inside, 0700), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(try_where_nothing_can_be_written());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_MOUNTED) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), TOLD);
}

static void a_directory_open_to_others_is_taken_only_when_empty(void **state)
{
    (void)state;
    assert_int_equal(mkdir(inside, 0755), 0);
    assert_int_equal(chmod(inside, 0755), 0);
    make_file(deep);
    assert_int_equal(users_give_directory(inside, false, &somebody), PS_E_DENIED);
    assert_int_equal(unlink(deep), 0);
    assert_int_equal(users_give_directory(inside, false, &somebody), PS_OK);
}

static void links_do_not_lead_out_of_it(void **state)
{
    char victim[120];

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    (void)snprintf(victim, sizeof victim, "%s/victim", directory);
    make_file(victim);
    assert_int_equal(mkdir(inside, 0700), 0);
    assert_int_equal(symlink(victim, deep), 0);
    assert_int_equal(users_give_directory(inside, true, &somebody), PS_OK);
    assert_owner(victim, 0);
    assert_int_equal(unlink(deep), 0);
    assert_int_equal(link(victim, deep), 0);
    assert_int_equal(users_give_directory(inside, true, &somebody), PS_E_DENIED);
    assert_owner(victim, 0);
    assert_int_equal(unlink(victim), 0);
}

static void a_directory_that_is_a_link_is_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("/tmp", inside), 0);
    assert_int_equal(users_give_directory(inside, false, &somebody), PS_E_STORAGE);
    assert_int_equal(unlink(inside), 0);
}

static void what_the_user_cannot_reach_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(users_give_directory(inside, true, &somebody), PS_E_DENIED);
    assert_non_null(strstr(ps_detail()->text, "cannot reach"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_right_all_roles_stay_the_same_user),
        cmocka_unit_test(same_keeps_one_user_even_with_the_right),
        cmocka_unit_test(dynamic_users_are_distinct_and_unused),
        cmocka_unit_test(the_id_of_a_running_process_is_passed_over),
        cmocka_unit_test(named_users_must_be_there_and_be_permitted),
        TEST(a_directory_is_made_closed_to_others),
        TEST(all_in_it_is_made_over),
        TEST(what_has_to_be_there_is_not_made),
        TEST(what_the_service_may_not_write_is_said_with_its_remedy),
        TEST(a_directory_open_to_others_is_taken_only_when_empty),
        TEST(links_do_not_lead_out_of_it),
        TEST(a_directory_that_is_a_link_is_refused),
        TEST(what_the_user_cannot_reach_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
