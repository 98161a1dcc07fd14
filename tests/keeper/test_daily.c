#include "tests/keeper/backup_fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/set_clock.h"

#include <sys/stat.h>

/* What the appliance does each day and each week without being asked, and what it tells when that
 * cannot be done. */

#define DAY_S (24L * 3600)

static char directory[160];
static char away[170];

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    (void)snprintf(directory, sizeof directory, "%s/backups", stack.directory);
    (void)snprintf(away, sizeof away, "%s.away", directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    stack.backups = directory;
    stack_start(&stack);
    stack_genesis(&stack);
    return 0;
}

static void wait_for_leaf(const char *kind, unsigned than)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count(&stack, kind) <= than) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
}

static void each_day_has_its_backup_and_its_inventory(void **state)
{
    (void)state;
    wait_for_leaf("backup-kept", 0); /* the first of both is due at once */
    wait_for_leaf("inventory", 0);
    for (unsigned day = 0; day < 2; day++) {
        const unsigned kept = leaves_count(&stack, "backup-kept");
        const unsigned inventories = leaves_count(&stack, "inventory");

        set_clock_pass(DAY_S + 1);
        wait_for_leaf("backup-kept", kept);
        wait_for_leaf("inventory", inventories);
    }
    expect(200, stack_read(&stack, READ_BACKUPS, "", &body));
    assert_false(body_has("\"failure\":"));
}

/* How it ends is no matter here: a token is perhaps not there yet when it begins. */
static void each_week_has_its_drill(void **state)
{
    const unsigned drills = leaves_count(&stack, "drill");

    (void)state;
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("key.create", "",
                       "{\"name\":\"kept\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"residence\":\"wrapped\"}"));
    make_backup();
    set_clock_pass(8 * DAY_S);
    wait_for_leaf("drill", drills);
    wait_for_text(READ_DRILL, "", "\"state\":\"idle\"", 1);
}

/* Whatever keeps it from being held: thirty days without a good one are told. */
static void a_month_without_a_drill_is_an_alarm(void **state)
{
    const unsigned before = leaves_count_alarms(&stack, "drill");
    uint64_t deadline;

    (void)state;
    assert_int_equal(rename(directory, away), 0);
    set_clock_pass(31 * DAY_S);
    deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;
    while (leaves_count_alarms(&stack, "drill") == before) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
    assert_int_equal(rename(away, directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_day_has_its_backup_and_its_inventory),
        cmocka_unit_test(each_week_has_its_drill),
        cmocka_unit_test(a_month_without_a_drill_is_an_alarm),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
