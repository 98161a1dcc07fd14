#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "frontends/plugins/host.h"
#include "frontends/plugins/load.h"
#include "lib/base/clock.h"

#define OTHER_USER 65534

static void probe_path(const char *name, char out[SCRATCH_PATH_MAX])
{
    const char *place = getenv("PRIVYSEAL_PROBES");
    char from[512];
    char file[64];

    (void)snprintf(from, sizeof from, "%s/probe-%s.so", place == NULL ? "." : place, name);
    (void)snprintf(file, sizeof file, "%s.so", name);
    scratch_path(file, out);
    scratch_copy_file(from, out);
}

static void assert_refused(const char *path, enum ps_err expected, const char *why)
{
    const struct privyseal_authenticator *table = NULL;

    assert_fails(expected, plugin_load(path, geteuid(), &table));
    assert_null(table);
    if (strstr(ps_detail()->text, why) == NULL) {
        fail_msg("'%s' says not '%s'", ps_detail()->text, why);
    }
}

static void a_plugin_is_loaded(void **state)
{
    const struct privyseal_authenticator *table = NULL;
    char path[SCRATCH_PATH_MAX];

    (void)state;
    probe_path("good", path);
    assert_ok(plugin_load(path, geteuid(), &table));
    assert_string_equal(table->name, "probe");
}

static void what_is_no_plugin_of_this_version_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *why;
    } bad[] = {{"abi", "is of version 2 of the interface; this program takes version 1"},
               {"size", "its table has 8 octets"},
               {"name", "has no symbol privyseal_authenticator"},
               {"lacks", "lacks one of open, start, close, authenticate, exchange"}};
    char path[SCRATCH_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        probe_path(bad[i].name, path);
        assert_refused(path, PS_E_INPUT, bad[i].why);
    }
}

static void paths_are_absolute_and_plain(void **state)
{
    char path[SCRATCH_PATH_MAX];
    char link[SCRATCH_PATH_MAX];
    char dotted[2 * SCRATCH_PATH_MAX];

    (void)state;
    probe_path("good", path);
    assert_refused("good.so", PS_E_INPUT, "is absolute");
    assert_refused("", PS_E_INPUT, "is absolute");
    scratch_path("link.so", link);
    assert_int_equal(symlink(path, link), 0);
    assert_refused(link, PS_E_INPUT, "symbolic links");
    (void)snprintf(dotted, sizeof dotted, "%s/../%s/good.so", scratch_directory,
                   strrchr(scratch_directory, '/') + 1);
    assert_refused(dotted, PS_E_INPUT, "symbolic links, '.' or '..'");
    assert_refused(scratch_directory, PS_E_INPUT, "is no regular file");
    scratch_path("nothing.so", path);
    assert_refused(path, PS_E_NOT_FOUND, "there is no");
}

static void what_others_can_write_is_refused(void **state)
{
    char path[SCRATCH_PATH_MAX];

    (void)state;
    probe_path("good", path);
    assert_int_equal(chmod(path, 0620), 0);
    assert_refused(path, PS_E_DENIED, "others than its owner can write");
    assert_int_equal(chmod(path, 0602), 0);
    assert_refused(path, PS_E_DENIED, "others than its owner can write");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(scratch_directory, 0770), 0);
    assert_refused(path, PS_E_DENIED, "others than its owner can write");
    assert_int_equal(chmod(scratch_directory, 0700), 0);
}

static void another_users_file_is_refused(void **state)
{
    const struct privyseal_authenticator *table = NULL;
    char path[SCRATCH_PATH_MAX];

    (void)state;
    if (geteuid() != 0) {
        /* One's own file is another user's than root's. */
        probe_path("good", path);
        assert_fails(PS_E_DENIED, plugin_load(path, 0, &table));
        return;
    }
    probe_path("good", path);
    assert_int_equal(chown(path, OTHER_USER, OTHER_USER), 0);
    assert_refused(path, PS_E_DENIED, "belongs to user 65534");
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(chown(scratch_directory, OTHER_USER, OTHER_USER), 0);
    assert_refused(path, PS_E_DENIED, "belongs to user 65534");
    assert_int_equal(chown(scratch_directory, 0, 0), 0);
}

static void what_is_no_object_is_refused(void **state)
{
    char path[SCRATCH_PATH_MAX];
    FILE *file;

    (void)state;
    scratch_path("text.so", path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("not an object", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_refused(path, PS_E_INPUT, "cannot load a plugin");
}

#define MANY 40u

static struct ps_loop *loop;
static struct authenticator *host;
static unsigned left;
static unsigned logged;

struct asked {
    struct question question; /* first: a question is its asked */
    enum privyseal_auth_result result;
    char code[PRIVYSEAL_AUTH_CODE_MAX + 1];
    char detail[PRIVYSEAL_AUTH_DETAIL_MAX + 1];
    unsigned answers;
};

static void log_line(const char *plugin, const char *event, const char *detail)
{
    assert_string_equal(plugin, "probe");
    assert_string_equal(event, "event");
    assert_string_equal(detail, "detail");
    logged++;
}

static void done(struct question *question, const struct privyseal_auth_answer *answer)
{
    struct asked *asked = (struct asked *)(void *)question;

    asked->result = answer->result;
    (void)snprintf(asked->code, sizeof asked->code, "%.*s", (int)answer->code.len,
                   answer->code.data == NULL ? "" : answer->code.data);
    (void)snprintf(asked->detail, sizeof asked->detail, "%.*s", (int)answer->detail.len,
                   answer->detail.data == NULL ? "" : answer->detail.data);
    asked->answers++;
    left--;
}

static void wait_for_all(void)
{
    while (left > 0) {
        assert_ok(ps_loop_turn(loop, -1));
    }
}

static int begin(void **state)
{
    char path[SCRATCH_PATH_MAX];
    const struct authenticator_options options = {.path = path,
                                                  .owner = geteuid(),
                                                  .config = "",
                                                  .threads = 2,
                                                  .waiting = MANY,
                                                  .log = log_line};

    (void)scratch_make(state);
    probe_path("good", path);
    assert_ok(ps_loop_new(&loop));
    assert_ok(authenticator_open(&options, loop, &host));
    assert_ok(authenticator_start(host));
    left = 0;
    return 0;
}

static void end_host(void)
{
    authenticator_close(host);
    host = NULL;
}

static int end(void **state)
{
    end_host();
    ps_loop_free(loop);
    return scratch_remove(state);
}

static void ask(struct asked *asked, enum question_kind kind, const char *name, uint32_t timeout_ms)
{
    const struct privyseal_auth_request request = {.individual = {name, strlen(name)},
                                                   .timeout_ms = timeout_ms};

    *asked = (struct asked){.question = {.kind = kind, .done = done}};
    left++;
    assert_ok(authenticator_ask(host, &request, &asked->question));
    assert_int_equal(asked->answers, 0);
}

static enum privyseal_auth_result ask_one(struct asked *asked, enum question_kind kind,
                                          const char *name, uint32_t timeout_ms)
{
    ask(asked, kind, name, timeout_ms);
    wait_for_all();
    assert_int_equal(asked->answers, 1);
    return asked->result;
}

#define LONG_MS 600000u

static void answers_come_into_the_loop_from_any_thread(void **state)
{
    static const char *const names[] = {"at once", "thread", "run", "log"};
    static struct asked asked[MANY];

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        ask(&asked[i], QUESTION_AUTHENTICATE, names[i % PS_COUNT_OF(names)], LONG_MS);
    }
    wait_for_all();
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(asked[i].answers, 1);
        assert_int_equal(asked[i].result, PRIVYSEAL_AUTH_OK);
    }
    assert_true(logged >= MANY / PS_COUNT_OF(names));
}

static void a_second_answer_is_dropped(void **state)
{
    struct asked asked;
    struct asked next;

    (void)state;
    ask(&asked, QUESTION_AUTHENTICATE, "twice", LONG_MS);
    ask(&next, QUESTION_AUTHENTICATE, "at once", LONG_MS);
    wait_for_all();
    assert_int_equal(asked.answers, 1);
    assert_int_equal(next.answers, 1);
}

static void without_an_answer_it_is_away(void **state)
{
    struct asked asked;

    (void)state;
    assert_int_equal(ask_one(&asked, QUESTION_AUTHENTICATE, "never", 1), PRIVYSEAL_AUTH_AWAY);
    assert_string_equal(asked.detail, "no answer within its time");
}

static void at_the_end_what_is_open_is_away(void **state)
{
    struct asked never;
    struct asked thread;

    (void)state;
    ask(&never, QUESTION_AUTHENTICATE, "never", LONG_MS);
    ask(&thread, QUESTION_AUTHENTICATE, "thread", LONG_MS);
    end_host();
    assert_int_equal(never.answers, 1);
    assert_int_equal(never.result, PRIVYSEAL_AUTH_AWAY);
    assert_string_equal(never.detail, "the program ends");
    assert_int_equal(thread.answers, 1);
    assert_int_equal(thread.result, PRIVYSEAL_AUTH_OK);
}

static void an_unsound_answer_is_a_failure(void **state)
{
    struct asked asked;

    (void)state;
    assert_int_equal(ask_one(&asked, QUESTION_AUTHENTICATE, "unsound", LONG_MS),
                     PRIVYSEAL_AUTH_FAILED);
    assert_int_equal(ask_one(&asked, QUESTION_EXCHANGE, "unsound", LONG_MS), PRIVYSEAL_AUTH_OK);
}

static void a_refusal_has_a_code_that_can_be_told(void **state)
{
    struct asked asked;

    (void)state;
    assert_int_equal(ask_one(&asked, QUESTION_SEND_OTP, "refused", LONG_MS),
                     PRIVYSEAL_AUTH_REFUSED);
    assert_string_equal(asked.code, "not-today");
    assert_int_equal(ask_one(&asked, QUESTION_SEND_OTP, "refused badly", LONG_MS),
                     PRIVYSEAL_AUTH_REFUSED);
    assert_string_equal(asked.code, "send_otp_failed");
    assert_int_equal(ask_one(&asked, QUESTION_AUTHENTICATE, "refused badly", LONG_MS),
                     PRIVYSEAL_AUTH_REFUSED);
    assert_string_equal(asked.code, "auth_failed");
}

static void what_is_over_a_limit_is_not_asked(void **state)
{
    static char text[PRIVYSEAL_AUTH_CHALLENGE_MAX + 2];
    struct privyseal_auth_challenge challenge = {.value = {text, PRIVYSEAL_AUTH_CHALLENGE_MAX}};
    struct privyseal_auth_request request = {.individual = {text, PRIVYSEAL_AUTH_ID_MAX + 1}};
    struct asked asked = {.question = {.kind = QUESTION_AUTHENTICATE, .done = done}};

    (void)state;
    (void)memset(text, 'a', sizeof text - 1);
    assert_fails(PS_E_INPUT, authenticator_ask(host, &request, &asked.question));
    request.individual.data = "never";
    request.individual.len = 5;
    request.timeout_ms = LONG_MS;
    request.challenges = &challenge;
    request.challenge_count = 1;
    left++;
    assert_ok(authenticator_ask(host, &request, &asked.question));
    challenge.value.len++;
    assert_fails(PS_E_INPUT, authenticator_ask(host, &request, &asked.question));
    challenge.value.len = 1;
    text[0] = '\xff';
    assert_fails(PS_E_INPUT, authenticator_ask(host, &request, &asked.question));
    asked.question.kind = QUESTION_CERTIFICATES;
    assert_fails(PS_E_NOT_FOUND, authenticator_ask(host, &request, &asked.question));
    asked.question.kind = QUESTION_AUTHENTICATE;
    end_host();
    assert_int_equal(asked.answers, 1);
}

static void what_a_plugin_says_of_its_configuration_is_told(void **state)
{
    char path[SCRATCH_PATH_MAX];
    const struct authenticator_options options = {
        .path = path, .owner = geteuid(), .config = "refuse", .threads = 1, .waiting = 1};
    struct authenticator *refused = NULL;

    (void)state;
    scratch_path("good.so", path);
    assert_fails(PS_E_INPUT, authenticator_open(&options, loop, &refused));
    assert_string_equal(ps_detail()->text, "plugin probe: nothing to read in there");
    assert_null(refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plugin_is_loaded, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_is_no_plugin_of_this_version_is_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(paths_are_absolute_and_plain, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_others_can_write_is_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(another_users_file_is_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(answers_come_into_the_loop_from_any_thread, begin, end),
        cmocka_unit_test_setup_teardown(a_second_answer_is_dropped, begin, end),
        cmocka_unit_test_setup_teardown(without_an_answer_it_is_away, begin, end),
        cmocka_unit_test_setup_teardown(at_the_end_what_is_open_is_away, begin, end),
        cmocka_unit_test_setup_teardown(an_unsound_answer_is_a_failure, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_has_a_code_that_can_be_told, begin, end),
        cmocka_unit_test_setup_teardown(what_is_over_a_limit_is_not_asked, begin, end),
        cmocka_unit_test_setup_teardown(what_a_plugin_says_of_its_configuration_is_told, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
