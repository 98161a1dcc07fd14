#include "tests/appliance/supervised.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/system/file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Processes: who is started, connected, replaced and ended, and when. */

static void read_proc(pid_t pid, const char *file, char *to, size_t size)
{
    char path[64];
    PS_BUF_AUTO content;
    FILE *stream;

    ps_buf_init(&content, 1);
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    stream = fopen(path, "r");
    assert_non_null(stream);
    to[fread(to, 1, size - 1, stream)] = '\0';
    (void)fclose(stream);
}

static void each_role_runs_under_its_name_and_without_rights(void **state)
{
    unsigned uids[PS_COUNT_OF(roles)];

    (void)state;
    harness_start_ready(&harness);
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        const pid_t pid = harness_pid_of(&harness, roles[i]);
        char text[4096];

        read_proc(pid, "cmdline", text, sizeof text);
        assert_string_equal(text, "privyseald");
        assert_string_equal(text + strlen("privyseald") + 1, i < 2    ? "token"
                                                             : i == 2 ? "keeper"
                                                                      : "api");
        read_proc(pid, "status", text, sizeof text);
        assert_non_null(strstr(text, "NoNewPrivs:\t1"));
        assert_non_null(strstr(text, "Seccomp:\t2"));
        assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
        assert_int_equal(sscanf(strstr(text, "Uid:"), "Uid: %u", &uids[i]), 1);
    }
    if (geteuid() == 0) {
        assert_int_equal(uids[0], uids[1]);
        for (size_t i = 1; i < PS_COUNT_OF(roles); i++) {
            for (size_t k = 0; k < i; k++) {
                assert_true(uids[i] != 0 && (k == 0 || uids[i] != uids[k]));
            }
        }
    }
}

static void nothing_but_its_channel_is_open_in_a_role(void **state)
{
    const char *line;

    (void)state;
    harness_start_ready(&harness);
    /* 0-2 and the channel, then epoll and the signals: a received listener is the next one. */
    line = harness_wait_line(&harness, event("probe_listener"), process("api clients"), NULL);
    assert_in_range(harness_number(line, "fd"), 4, 8);
}

static void assert_greeted(const char *who, const char *by)
{
    char from[96];

    (void)snprintf(from, sizeof from, "\"from\":\"%s\"", by);
    (void)harness_wait_line(&harness, event("probe_hello"), process(who), from, NULL);
}

static void each_role_gets_what_it_needs(void **state)
{
    const char *line;

    (void)state;
    harness_start_ready(&harness);
    line = harness_wait_line(&harness, event("probe_config"), process("keeper"), NULL);
    assert_non_null(strstr(line, "probe.example/a"));
    assert_non_null(strstr(line, "\\\"program\\\":"));
    assert_non_null(strstr(line, "\\\"sandbox\\\":"));
    assert_int_equal(harness_number(line, "refused_uids"), geteuid() == 0 ? 4 : 0);
    assert_int_equal(harness_number(line, "administrators"), 1);
    line = harness_wait_line(&harness, event("probe_pin"), process("keeper"), NULL);
    assert_int_equal(harness_number(line, "octets"), 6);
    line = harness_wait_line(&harness, event("probe_config"), process("token a/1"), NULL);
    assert_non_null(strstr(line, "/module.so"));
    line = harness_wait_line(&harness, event("probe_listener"), process("api management"), NULL);
    assert_non_null(strstr(line, "/management.sock"));
    assert_false(harness_has_line(&harness, "\"process\":\"token a/0\",\"event\":\"probe_pin\""));
}

static void a_killed_keeper_comes_back_with_peers_and_pins(void **state)
{
    pid_t before;

    (void)state;
    harness_start_ready(&harness);
    before = harness_pid_of(&harness, "keeper");
    (void)harness_wait_line(&harness, event("probe_pin"), process("keeper"), NULL);
    assert_int_equal(kill(before, SIGKILL), 0);
    (void)harness_wait_line(&harness, event("role_ended"), "\"role\":\"keeper\"", "\"signal\":9",
                            NULL);
    (void)harness_wait_replaced(&harness, "keeper", before);
    (void)harness_wait_line(&harness, event("probe_pin"), process("keeper"), NULL);
}

/* All that there is to be greeted: with the keeper by every other role, and by it. */
static void assert_all_greeted(void)
{
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        if (strcmp(roles[i], "keeper") != 0) {
            assert_greeted("keeper", roles[i]);
            assert_greeted(roles[i], "keeper");
        }
    }
}

static void the_keeper_is_connected_with_everybody(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    assert_all_greeted();
    assert_false(harness_has_line(&harness, "\"process\":\"api clients\",\"event\":\"probe_hello\","
                                            "\"from\":\"token"));
}

static void kill_role(const char *role)
{
    const pid_t before = harness_pid_of(&harness, role);

    assert_int_equal(kill(before, SIGKILL), 0);
    (void)harness_wait_replaced(&harness, role, before);
}

static void survivors_get_new_channels(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    assert_all_greeted();
    kill_role("keeper");
    assert_all_greeted();
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        if (strcmp(roles[i], "keeper") != 0) {
            kill_role(roles[i]);
            assert_greeted("keeper", roles[i]);
            assert_greeted(roles[i], "keeper");
        }
    }
}

/* `"hash":"<SHA-256 of the text>"`; stays until the next call. */
static const char *hash_of(const char *text)
{
    static char member[80];
    uint8_t sha256[PS_SHA256_LEN];
    PS_BUF_AUTO hex = {.max = sizeof member};

    ps_sha256(ps_bytes_str(text), sha256);
    ps_buf_put_hex(&hex, ps_bytes(sha256, sizeof sha256));
    (void)snprintf(member, sizeof member, "\"hash\":\"%.*s\"", PS_BYTES_FMT(ps_buf_bytes(&hex)));
    return member;
}

static void wait_for_hash(const char *module, unsigned number)
{
    char role[40];
    char text[20];

    (void)snprintf(role, sizeof role, "token a/%u", number);
    (void)snprintf(text, sizeof text, "\"number\":%u", number);
    (void)harness_wait_line(&harness, event("probe_peer"), process("keeper"), "\"name\":\"a\"",
                            text, hash_of(module), NULL);
}

static void the_keeper_is_told_which_module_a_process_was_started_with(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    for (unsigned number = 0; number < 2; number++) {
        wait_for_hash("a module", number);
    }
    (void)harness_wait_line(&harness, event("probe_config"), process("token a/0"),
                            hash_of("a module"), NULL);
    harness_write_module(&harness, "another");
    kill_role("keeper"); /* what runs goes on with what it has loaded */
    wait_for_hash("a module", 0);
    wait_for_hash("a module", 1);
    kill_role("token a/0");
    wait_for_hash("another", 0);
    (void)harness_wait_line(&harness, event("probe_config"), process("token a/0"),
                            hash_of("another"), NULL);
    kill_role("keeper");
    wait_for_hash("another", 0);
    wait_for_hash("a module", 1);
}

/* All others go on meanwhile. */
static void a_module_that_cannot_be_read_is_waited_for(void **state)
{
    const char *not_started = event("role_not_started");
    char path[128];
    pid_t before;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/module.so", harness.directory);
    harness_start_ready(&harness);
    before = harness_pid_of(&harness, "token a/0");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kill(before, SIGKILL), 0);
    for (unsigned i = 0; i < 4; i++) {
        (void)harness_wait_line(&harness, not_started, "\"role\":\"token a/0\"", path, NULL);
    }
    assert_int_equal(kill(harness_pid_of(&harness, "token a/1"), 0), 0);
    assert_int_equal(kill(harness_pid_of(&harness, "keeper"), 0), 0);
    harness_write_module(&harness, "another");
    (void)harness_wait_replaced(&harness, "token a/0", before);
    wait_for_hash("another", 0);
}

static void a_hung_token_process_is_killed_and_replaced(void **state)
{
    pid_t before;

    (void)state;
    harness_start_ready(&harness);
    before = harness_pid_of(&harness, "token a/0");
    assert_int_equal(kill(harness_pid_of(&harness, "keeper"), SIGUSR1), 0);
    (void)harness_wait_line(&harness, event("role_hangs"), "token a/0", NULL);
    (void)harness_wait_line(&harness, event("role_ended"), "token a/0", "\"signal\":9", NULL);
    (void)harness_wait_replaced(&harness, "token a/0", before);
    harness_wait_gone(before);
}

static void a_stopped_process_that_is_hung_is_killed_too(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    assert_int_equal(kill(harness_pid_of(&harness, "token a/0"), SIGSTOP), 0);
    assert_int_equal(kill(harness_pid_of(&harness, "keeper"), SIGUSR1), 0);
    (void)harness_wait_line(&harness, event("role_ended"), "token a/0", "\"signal\":9", NULL);
}

static void a_crashing_role_is_tried_again_and_others_go_on(void **state)
{
    (void)state;
    harness_write_config(&harness, "", "environment = PROBE_CRASH=1\n");
    harness_start(&harness, NULL, -1);
    for (unsigned i = 0; i < 4; i++) {
        (void)harness_wait_line(&harness, event("role_ended"), "token a/1", "\"exit_code\":9",
                                NULL);
    }
    assert_false(harness_has_line(&harness, "\"event\":\"role_ended\",\"role\":\"keeper\""));
    assert_false(harness_has_line(&harness, "\"process\":\"supervisor\",\"event\":\"ready\""));
}

static size_t place_of(const char *text)
{
    const uint8_t *at = memmem(harness.seen.data, harness.seen.len, text, strlen(text));

    assert_non_null(at);
    return (size_t)(at - harness.seen.data);
}

static void a_stop_goes_from_who_asks_to_who_answers(void **state)
{
    struct stat found;
    char path[128];

    (void)state;
    harness_start_ready(&harness);
    assert_int_equal(kill(harness.pid, SIGTERM), 0);
    harness_wait_notify(&harness, "STOPPING=1");
    assert_int_equal(harness_wait_end(&harness), 0);
    assert_true(place_of("\"process\":\"api clients\",\"event\":\"probe_stop\"") <
                place_of("\"process\":\"keeper\",\"event\":\"probe_stop\""));
    assert_true(place_of("\"process\":\"api management\",\"event\":\"probe_stop\"") <
                place_of("\"process\":\"keeper\",\"event\":\"probe_stop\""));
    assert_true(place_of("\"process\":\"keeper\",\"event\":\"probe_stop\"") <
                place_of("\"process\":\"token a/0\",\"event\":\"probe_stop\""));
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        harness_wait_gone(harness_pid_of(&harness, roles[i]));
    }
    (void)snprintf(path, sizeof path, "%s/clients.sock", harness.directory);
    assert_int_not_equal(stat(path, &found), 0);
}

static void who_does_not_stop_is_killed_at_the_deadline(void **state)
{
    (void)state;
    harness_write_config(&harness, "stop_deadline_ms = 200\n", "environment = PROBE_UNWILLING=1\n");
    harness_start_ready(&harness);
    assert_int_equal(kill(harness.pid, SIGINT), 0);
    (void)harness_wait_line(&harness, event("role_killed"), "token a/0", NULL);
    assert_int_equal(harness_wait_end(&harness), 0);
}

static void a_second_signal_does_not_wait_for_the_deadline(void **state)
{
    (void)state;
    harness_write_config(&harness, "stop_deadline_ms = 600000\n",
                         "environment = PROBE_UNWILLING=1\n");
    harness_start_ready(&harness);
    assert_int_equal(kill(harness.pid, SIGTERM), 0);
    (void)harness_wait_line(&harness, event("probe_stop"), process("token a/0"), NULL);
    (void)harness_wait_line(&harness, event("probe_stop"), process("token a/1"), NULL);
    assert_int_equal(kill(harness.pid, SIGTERM), 0);
    assert_int_equal(harness_wait_end(&harness), 0);
}

static void the_end_of_the_supervisor_is_the_end_of_all(void **state)
{
    pid_t pids[PS_COUNT_OF(roles)];

    (void)state;
    harness_start_ready(&harness);
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        pids[i] = harness_pid_of(&harness, roles[i]);
    }
    /* A process that hangs does not see its channel end; it is ended all the same. */
    assert_int_equal(kill(harness.pid, SIGKILL), 0);
    assert_int_equal(WTERMSIG(harness_wait_end(&harness)), SIGKILL);
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        harness_wait_gone(pids[i]);
    }
}

static void a_socket_left_by_a_killed_supervisor_is_replaced(void **state)
{
    (void)state;
    harness_start_ready(&harness);
    assert_int_equal(kill(harness.pid, SIGKILL), 0);
    (void)harness_wait_end(&harness);
    for (size_t i = 0; i < PS_COUNT_OF(roles); i++) {
        harness_wait_gone(harness_pid_of(&harness, roles[i]));
    }
    harness_start_ready(&harness);
}

static void one_appliance_per_data_directory(void **state)
{
    struct harness second;

    (void)state;
    harness_start_ready(&harness);
    second = harness;
    second.lines_fd = -1;
    ps_buf_init(&second.seen, 1024u * 1024u);
    harness_start(&second, NULL, -1);
    assert_int_equal(WEXITSTATUS(harness_wait_end(&second)), 1);
    assert_true(harness_has_line(&second, "another appliance runs on"));
    ps_buf_clear(&second.seen);
    file_close_cleanup(&second.lines_fd);
}

/* A disk that is away, or takes nothing, is the mirror's trouble and no other's. */
static void a_mirror_that_is_not_there_holds_no_start_up(void **state)
{
    char appliance[160];
    char path[120];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/mirror", harness.directory);
    (void)snprintf(appliance, sizeof appliance, "[backup]\nmirror = %s\n", path);
    harness_write_config(&harness, appliance, "");
    harness_start_ready(&harness);
    (void)harness_wait_line(&harness, "mirror_not_there", path, NULL);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_status_stays_one_line(void **state)
{
    (void)state;
    harness_start(&harness, NULL, -1);
    harness_wait_notify(&harness, "READY=1\nSTATUS=serving?MAINPID=1");
}

static void systemds_sockets_and_watchdog_are_used(void **state)
{
    static const char *const environment[] = {"WATCHDOG_USEC=100000", NULL};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/passed.sock", harness.directory);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    harness_start(&harness, environment, fd);
    (void)close(fd);
    harness_wait_notify(&harness, "READY=1");
    harness_wait_notify(&harness, "WATCHDOG=1");
    (void)harness_wait_line(&harness, event("probe_listener"), process("api clients"),
                            "systemd:clients", NULL);
}

static void be_silent(void)
{
    const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
}

static int run_with(const char *option, const char *value)
{
    const pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        be_silent();
        (void)execl("/proc/self/exe", "privyseald", "--config", harness.config, option, value,
                    NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void check_config_tells_by_its_exit_code(void **state)
{
    (void)state;
    assert_int_equal(run_with("--check-config", NULL), 0);
    assert_int_equal(run_with("--check-config", "more"), 2);
    assert_int_equal(run_with("--nonsense", NULL), 2);
    assert_int_equal(chmod(harness.config, 0666), 0);
    assert_int_equal(run_with("--check-config", NULL), 1);
    harness_write_config(&harness, "nonsense = 1\n", "");
    assert_int_equal(run_with("--check-config", NULL), 1);
    harness_write_config(&harness, "", "so_pin_file = /nonexistent/pin\n");
    assert_int_equal(run_with("--check-config", NULL), 1);
}

static void a_role_alone_refuses_to_run(void **state)
{
    int status = -1;
    const pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        be_silent();
        (void)close(ROLE_CHANNEL_FD);
        (void)execl("/proc/self/exe", "privyseald", "keeper", NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 2);
}

static int test_all(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_role_runs_under_its_name_and_without_rights),
        TEST(nothing_but_its_channel_is_open_in_a_role),
        TEST(the_keeper_is_connected_with_everybody),
        TEST(each_role_gets_what_it_needs),
        TEST(a_killed_keeper_comes_back_with_peers_and_pins),
        TEST(survivors_get_new_channels),
        TEST(the_keeper_is_told_which_module_a_process_was_started_with),
        TEST(a_module_that_cannot_be_read_is_waited_for),
        TEST(a_hung_token_process_is_killed_and_replaced),
        TEST(a_stopped_process_that_is_hung_is_killed_too),
        TEST(a_crashing_role_is_tried_again_and_others_go_on),
        TEST(a_stop_goes_from_who_asks_to_who_answers),
        TEST(who_does_not_stop_is_killed_at_the_deadline),
        TEST(a_second_signal_does_not_wait_for_the_deadline),
        TEST(the_end_of_the_supervisor_is_the_end_of_all),
        TEST(a_socket_left_by_a_killed_supervisor_is_replaced),
        TEST(one_appliance_per_data_directory),
        TEST(a_mirror_that_is_not_there_holds_no_start_up),
        TEST(a_status_stays_one_line),
        TEST(systemds_sockets_and_watchdog_are_used),
        TEST(check_config_tells_by_its_exit_code),
        TEST(a_role_alone_refuses_to_run),
    };

    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return argc > 1 ? privyseald_main(argc, argv, &probe_programs) : test_all();
}
