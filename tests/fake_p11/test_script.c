#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* What the module does when it is scripted, by the shared page and by fake_p11_ctl. */

static struct harness harness;
static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;
static struct pair pair;

static int start(void **state)
{
    (void)state;
    harness_start(&harness, 1);
    p11 = harness.p11;
    session = harness_login(&harness, 0);
    pair = harness_make_p256(&harness, session);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    harness_stop(&harness);
    return 0;
}

static CK_RV sign_in(CK_SESSION_HANDLE where, unsigned char *signature, CK_ULONG *length)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1};
    *length = 64;
    CK_RV rv = p11->C_SignInit(where, &mechanism, pair.private);
    return rv == CKR_OK ? p11->C_Sign(where, digest, sizeof(digest), signature, length) : rv;
}

static CK_RV sign(void)
{
    unsigned char signature[64];
    CK_ULONG length;
    return sign_in(session, signature, &length);
}

static CK_RV verify(unsigned char *signature, CK_ULONG length)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1};
    CK_RV rv = p11->C_VerifyInit(session, &mechanism, pair.public);
    return rv == CKR_OK ? p11->C_Verify(session, digest, sizeof(digest), signature, length) : rv;
}

/* Runs fake_p11_ctl on the directory and returns its exit code; its output goes to `ret_line`. */
static int ctl(const char *command, char *ret_line, int size)
{
    char line[512];
    const char *program = getenv("FAKE_P11_CTL");
    assert_non_null(program);
    snprintf(line, sizeof(line), "%s %s %s 2>/dev/null", program, harness.directory, command);
    FILE *stream = popen(line, "r");
    assert_non_null(stream);
    ret_line[0] = '\0';
    if (!fgets(ret_line, size, stream))
        ret_line[0] = '\0';
    return WEXITSTATUS(pclose(stream));
}

static void command(const char *text)
{
    char line[128];
    assert_int_equal(ctl(text, line, sizeof(line)), 0);
}

static uint64_t counted(enum fake_function function)
{
    return atomic_load(&harness.control->counts[0][function]);
}

static CK_ULONG count_objects(void)
{
    CK_OBJECT_HANDLE found[16];
    CK_ULONG count = 0;
    assert_int_equal(p11->C_FindObjectsInit(session, NULL, 0), CKR_OK);
    assert_int_equal(p11->C_FindObjects(session, found, 16, &count), CKR_OK);
    assert_int_equal(p11->C_FindObjectsFinal(session), CKR_OK);
    return count;
}

static void an_rv_is_answered_after_some_calls_and_some_times(void **state)
{
    (void)state;
    command("on C_Sign mechanism CKM_ECDSA token 0 do rv CKR_DEVICE_ERROR after 1 calls times 2");
    assert_int_equal(sign(), CKR_OK);
    assert_int_equal(sign(), CKR_DEVICE_ERROR);
    assert_int_equal(sign(), CKR_DEVICE_ERROR);
    assert_int_equal(sign(), CKR_OK);
    command("on C_Sign mechanism CKM_EDDSA do rv 0x30");
    command("on C_Sign token 1 do rv 0x30");
    assert_int_equal(sign(), CKR_OK);
}

static void an_rv_after_hides_what_was_done(void **state)
{
    (void)state;
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    unsigned char params[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE public = {CKA_EC_PARAMS, params, sizeof(params)};
    struct pair lost = {0, 0};
    harness_rule(&harness, FAKE_C_GenerateKeyPair, FAKE_RV_AFTER, CKR_DEVICE_REMOVED);
    assert_int_equal(p11->C_GenerateKeyPair(session, &mechanism, &public, 1, NULL, 0, &lost.public,
                                            &lost.private),
                     CKR_DEVICE_REMOVED);
    assert_int_equal(count_objects(), 4);
}

static void outputs_are_spoiled_inside_the_buffer(void **state)
{
    (void)state;
    unsigned char signature[64];
    CK_ULONG length;
    const uint64_t huge = 1ULL << 40;
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_int_equal(verify(signature, length), CKR_OK);
    command("on C_Sign do wrong-signature times 1");
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_int_equal(verify(signature, length), CKR_SIGNATURE_INVALID);
    command("on C_Sign do length 0x10000000000 times 1");
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_int_equal(length, huge);
    command("on C_Sign do length 0 times 1");
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_int_equal(length, 0);
    command("on C_Sign do truncate times 1");
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_int_equal(length, 32);
    command("on C_Sign do zeros times 1");
    assert_int_equal(sign_in(session, signature, &length), CKR_OK);
    assert_memory_equal(signature, (unsigned char[64]){0}, 64);
}

static void attributes_and_handles_come_back_absurd(void **state)
{
    (void)state;
    CK_BBOOL local = CK_TRUE, sensitive = CK_TRUE;
    CK_ATTRIBUTE wanted[] = {{CKA_LOCAL, &local, 1}, {CKA_SENSITIVE, &sensitive, 1}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    command("on C_GetAttributeValue attribute CKA_LOCAL do garbage-attributes flip times 1");
    assert_int_equal(p11->C_GetAttributeValue(session, pair.private, wanted + 1, 1), CKR_OK);
    assert_int_equal(p11->C_GetAttributeValue(session, pair.private, wanted, 2), CKR_OK);
    assert_int_equal(local, CK_FALSE);
    assert_int_equal(sensitive, CK_TRUE);
    command("on C_GetAttributeValue do garbage-attributes huge times 1");
    assert_int_equal(p11->C_GetAttributeValue(session, pair.private, wanted, 1), CKR_OK);
    assert_int_equal(wanted[0].ulValueLen, 1ULL << 40);
    command("on C_FindObjects do too-many-handles times 1");
    assert_int_equal(p11->C_FindObjectsInit(session, NULL, 0), CKR_OK);
    assert_int_equal(p11->C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_true(count > 2);
}

static void lost_sessions_stay_lost_until_reopened(void **state)
{
    (void)state;
    command("on C_Sign do lose-sessions times 1");
    assert_int_equal(sign(), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(sign(), CKR_SESSION_HANDLE_INVALID);
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE next = harness_open(&harness, 0);
    assert_int_equal(p11->C_GetSessionInfo(next, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
    session = harness_login(&harness, 0);
    assert_int_equal(sign(), CKR_OBJECT_HANDLE_INVALID);
}

static void reused_handles_name_another_key(void **state)
{
    (void)state;
    unsigned char before[80], after[80];
    CK_ATTRIBUTE point = {CKA_EC_POINT, before, sizeof(before)};
    harness_make_p256(&harness, session);
    assert_int_equal(p11->C_GetAttributeValue(session, pair.public, &point, 1), CKR_OK);
    command("set 0 reuse-handles on");
    command("lose-sessions 0");
    session = harness_login(&harness, 0);
    assert_int_equal(sign(), CKR_OK);
    point.pValue = after;
    assert_int_equal(p11->C_GetAttributeValue(session, pair.public, &point, 1), CKR_OK);
    assert_memory_not_equal(before, after, point.ulValueLen);
}

static void a_token_vanishes_and_returns(void **state)
{
    (void)state;
    CK_ULONG slots = 0;
    CK_SESSION_HANDLE none;
    CK_TOKEN_INFO info;
    command("vanish 0");
    assert_int_equal(sign(), CKR_DEVICE_REMOVED);
    assert_int_equal(p11->C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_PRESENT);
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &none),
                     CKR_TOKEN_NOT_PRESENT);
    assert_int_equal(p11->C_GetSlotList(CK_TRUE, NULL, &slots), CKR_OK);
    assert_int_equal(slots, 2);
    command("return 0");
    assert_int_equal(sign(), CKR_SESSION_HANDLE_INVALID);
    command("serial 0 ANOTHER");
    assert_int_equal(p11->C_GetTokenInfo(0, &info), CKR_OK);
    assert_memory_equal(info.serialNumber, "ANOTHER         ", 16);
    command("vanish 0 for 1");
    while (p11->C_GetTokenInfo(0, &info) != CKR_OK)
        continue;
}

static void a_forced_log_out_lasts_until_the_login(void **state)
{
    (void)state;
    command("log-out 0");
    assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
    harness_login(&harness, 0);
    assert_int_equal(sign(), CKR_OK);
    command("pin-locked 0 on");
    command("log-out 0");
    CK_UTF8CHAR pin[] = HARNESS_USER_PIN;
    assert_int_equal(p11->C_Login(session, CKU_USER, pin, sizeof(pin) - 1), CKR_PIN_LOCKED);
}

static void sessions_are_limited(void **state)
{
    (void)state;
    CK_SESSION_HANDLE more;
    command("max-sessions 0 2");
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &more), CKR_OK);
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &more),
                     CKR_SESSION_COUNT);
}

static void calls_are_counted_by_token(void **state)
{
    (void)state;
    char line[64];
    command("zero");
    assert_int_equal(sign(), CKR_OK);
    assert_int_equal(counted(FAKE_C_Sign), 1);
    assert_int_equal(counted(FAKE_C_Login), 0);
    assert_int_equal(ctl("count C_Sign token 0", line, sizeof(line)), 0);
    assert_string_equal(line, "1\n");
    assert_int_equal(ctl("count C_Sign token 1", line, sizeof(line)), 0);
    assert_string_equal(line, "0\n");
    assert_int_equal(ctl("wait C_Sign 2 for 1", line, sizeof(line)), 1);
    command("wait C_Sign 1 token 0 for 1000");
}

static void bad_commands_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"on C_Nothing do hang",
                                      "on C_Sign do",
                                      "on C_Sign do rv CKR_NOTHING",
                                      "on C_Sign do hang after",
                                      "on C_Sign hang",
                                      "vanish",
                                      "vanish 99",
                                      "latency 0",
                                      "set 0 firmware 1",
                                      "set tokens 9",
                                      "count C_Nothing",
                                      "clear x",
                                      "nothing",
                                      "on C_Sign do length -1",
                                      "show more",
                                      "on C_Sign mechanism do rv"};
    char line[64];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ctl(bad[i], line, sizeof(line)), 2);
    assert_int_equal(ctl("clear 12345", line, sizeof(line)), 1);
}

static void latency_is_waited_from_the_entry(void **state)
{
    (void)state;
    command("latency 0 20000");
    uint64_t before = control_now_ns();
    assert_int_equal(sign(), CKR_OK);
    uint64_t took = control_now_ns() - before;
    assert_true(took >= 20000000U);
    command("latency 0 0");
    command("on C_SignInit do delay 20");
    before = control_now_ns();
    assert_int_equal(sign(), CKR_OK);
    assert_true(control_now_ns() - before >= 20000000U);
}

static void *sign_in_thread(void *argument)
{
    CK_RV *rv = argument;
    *rv = sign();
    return NULL;
}

static void a_hanging_call_goes_on_when_its_rule_is_cleared(void **state)
{
    (void)state;
    pthread_t thread;
    CK_RV rv = CKR_GENERAL_ERROR;
    char line[64];
    assert_int_equal(ctl("on C_Sign do hang", line, sizeof(line)), 0);
    pthread_create(&thread, NULL, sign_in_thread, &rv);
    struct fake_rule *rule = &harness.control->rules[0];
    while (atomic_load(&rule->waiting) == 0)
        continue;
    CK_SESSION_HANDLE other = harness_open(&harness, 0);
    assert_int_equal(p11->C_CloseSession(other), CKR_OK);
    char text[80];
    snprintf(text, sizeof(text), "clear %s", line);
    text[strcspn(text, "\n")] = '\0';
    command(text);
    pthread_join(thread, NULL);
    assert_int_equal(rv, CKR_OK);
}

/* The child's own module must be initialised: threads and locks do not survive a fork. */
static void generate_in_child(void)
{
    if (p11->C_Initialize(NULL) != CKR_OK)
        _exit(1);
    harness_make_p256(&harness, harness_login(&harness, 0));
    _exit(2);
}

static int status_of_child(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        generate_in_child();
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_crash_leaves_nothing_half_a_pair_or_all(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        CK_ULONG objects;
    } crashes[] = {{"on C_GenerateKeyPair do crash times 1", 2},
                   {"on C_GenerateKeyPair do crash-half 9 times 1", 3},
                   {"on C_GenerateKeyPair do crash-after times 1", 5}};
    for (size_t i = 0; i < 3; i++) {
        command(crashes[i].rule);
        int status = status_of_child();
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), i == 1 ? SIGKILL : SIGSEGV);
        assert_int_equal(count_objects(), crashes[i].objects);
    }
}

static CK_OBJECT_HANDLE find_data(CK_SESSION_HANDLE from)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    CK_ATTRIBUTE templ = {CKA_CLASS, &class, sizeof(class)};
    assert_int_equal(p11->C_FindObjectsInit(from, &templ, 1), CKR_OK);
    assert_int_equal(p11->C_FindObjects(from, &found, 1, &count), CKR_OK);
    assert_int_equal(p11->C_FindObjectsFinal(from), CKR_OK);
    return count == 1 ? found : CK_INVALID_HANDLE;
}

/* The other process: changes the anchor, or destroys it. */
static int act_elsewhere(bool destroys)
{
    CK_INFO info;
    if (p11->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED || p11->C_Initialize(NULL) != CKR_OK)
        return 1;
    CK_SESSION_HANDLE there = harness_login(&harness, 0);
    CK_OBJECT_HANDLE object = find_data(there);
    CK_ATTRIBUTE value = {CKA_VALUE, (CK_BYTE[]){"second"}, 6};
    CK_RV rv = destroys ? p11->C_DestroyObject(there, object)
                        : p11->C_SetAttributeValue(there, object, &value, 1);
    return rv == CKR_OK ? 0 : 2;
}

static void run_elsewhere(bool destroys)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(act_elsewhere(destroys));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_another_process_does_is_seen(void **state)
{
    (void)state;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE object;
    CK_BBOOL stored = CK_TRUE;
    char value[16];
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_TOKEN, &stored, sizeof(stored)},
                            {CKA_VALUE, (CK_BYTE[]){"first"}, 5}};
    assert_int_equal(p11->C_CreateObject(session, templ, 3, &object), CKR_OK);
    run_elsewhere(false);
    CK_ATTRIBUTE wanted = {CKA_VALUE, value, sizeof(value)};
    assert_int_equal(p11->C_GetAttributeValue(session, object, &wanted, 1), CKR_OK);
    assert_int_equal(wanted.ulValueLen, 6);
    assert_memory_equal(value, "second", 6);
    run_elsewhere(true);
    assert_int_equal(p11->C_GetAttributeValue(session, object, &wanted, 1),
                     CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(find_data(session), CK_INVALID_HANDLE);
}

#define WORKERS 6
#define ROUNDS  40

/* Signs, makes and destroys keys, searches, and opens its session again when it is lost. */
static void *work(void *argument)
{
    (void)argument;
    unsigned char signature[64];
    CK_ULONG length;
    CK_SESSION_HANDLE mine = harness_login(&harness, 0);
    for (int i = 0; i < ROUNDS; i++) {
        CK_OBJECT_HANDLE found[4];
        CK_ULONG count = 0;
        if (sign_in(mine, signature, &length) == CKR_SESSION_HANDLE_INVALID)
            mine = harness_login(&harness, 0);
        if (p11->C_FindObjectsInit(mine, NULL, 0) == CKR_OK) {
            p11->C_FindObjects(mine, found, 4, &count);
            p11->C_FindObjectsFinal(mine);
        }
        CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
        CK_BBOOL yes = CK_TRUE;
        CK_ULONG size = 32;
        CK_OBJECT_HANDLE key;
        CK_ATTRIBUTE templ[] = {{CKA_VALUE_LEN, &size, sizeof(size)}, {CKA_TOKEN, &yes, 1}};
        if (p11->C_GenerateKey(mine, &mechanism, templ, 2, &key) == CKR_OK)
            p11->C_DestroyObject(mine, key);
    }
    return NULL;
}

static void threads_survive_losses_together(void **state)
{
    (void)state;
    pthread_t threads[WORKERS];
    struct fake_rule loss = {.function = FAKE_C_FindObjects,
                             .mechanism = FAKE_ANY,
                             .attribute = FAKE_ANY,
                             .token = 0,
                             .action = FAKE_LOSE_SESSIONS,
                             .after = 100,
                             .times = 1};
    assert_int_not_equal(control_add_rule(harness.control, &loss), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(counted(FAKE_C_Sign) > 100);
    session = harness_login(&harness, 0);
    assert_int_equal(p11->C_CloseAllSessions(0), CKR_OK);
    session = harness_login(&harness, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_rv_is_answered_after_some_calls_and_some_times),
        TEST(an_rv_after_hides_what_was_done),
        TEST(outputs_are_spoiled_inside_the_buffer),
        TEST(attributes_and_handles_come_back_absurd),
        TEST(lost_sessions_stay_lost_until_reopened),
        TEST(reused_handles_name_another_key),
        TEST(a_token_vanishes_and_returns),
        TEST(a_forced_log_out_lasts_until_the_login),
        TEST(sessions_are_limited),
        TEST(calls_are_counted_by_token),
        TEST(bad_commands_are_refused),
        TEST(latency_is_waited_from_the_entry),
        TEST(a_hanging_call_goes_on_when_its_rule_is_cleared),
        TEST(a_crash_leaves_nothing_half_a_pair_or_all),
        TEST(what_another_process_does_is_seen),
        TEST(threads_survive_losses_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
