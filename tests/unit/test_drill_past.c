#include "tests/unit/log_support.h"

#include "keystore/backup/drill_past.h"
#include "keystore/log/leaf.h"

/* What the log says of the drills there were, among leaves by which many keys were made. */

#define LEAVES   400u
#define LONG     (20u * 1024u)
#define MINUTE_S 60u
#define HOUR_S   3600u

static struct fixture *f;
static struct keeper keeper;
static struct drill_past past;
static struct ps_buf octets;
static uint64_t now_s;
static uint64_t apart_s;

static int begin(void **state)
{
    (void)state;
    in_memory = true;
    f = make_fixture();
    open_log(f);
    keeper.events = f->log;
    ps_buf_init(&octets, LOG_ENTRY_MAX);
    drill_past_init(&past);
    now_s = ps_clock_real_ns() / PS_NS_PER_S;
    return 0;
}

static int end(void **state)
{
    (void)state;
    drill_past_clear(&past);
    ps_buf_clear(&octets);
    free_fixture(f);
    return 0;
}

static uint64_t time_of(uint64_t index)
{
    return now_s - (LEAVES - index) * apart_s;
}

static void append(uint64_t index, const char *kind, struct ps_bytes data)
{
    uint64_t at;

    ps_buf_reset(&octets);
    leaf_put_event(
        &(struct event_leaf){.time_ns = time_of(index) * PS_NS_PER_S, .kind = kind, .data = data},
        &octets);
    assert_ok(ps_buf_status(&octets));
    assert_ok(log_append(f->log, ps_buf_bytes(&octets), &at));
    assert_int_equal(at, index);
}

/* Of these leaves two are drills: a good one and a later one that was not. */
static void append_all(bool are_all_long, uint64_t good, uint64_t bad)
{
    char *data = malloc(LONG);

    assert_non_null(data);
    memset(data, 'x', LONG);
    memcpy(data, "{\"x\":\"", 6);
    memcpy(data + LONG - 2, "\"}", 2);
    for (uint64_t i = 0; i < LEAVES; i++) {
        if (i == good || i == bad) {
            append(i, DRILL_KIND, ps_bytes_str(i == good ? "{\"good\":true}" : "{\"good\":false}"));
        } else if (are_all_long || i % 3 == 1) {
            append(i, "result", ps_bytes(data, LONG));
        } else {
            append(i, "start", ps_bytes(NULL, 0));
        }
    }
    assert_ok(log_sync(f->log));
    free(data);
}

static void read_all(void)
{
    while (!past.is_known) {
        assert_ok(drill_past_read(&past, &keeper));
    }
}

static void the_last_one_and_the_last_good_one_are_found(void **state)
{
    (void)state;
    apart_s = MINUTE_S;
    append_all(false, 60, 310);
    read_all();
    assert_int_equal(past.last_s, time_of(310));
    assert_bytes(ps_buf_bytes(&past.last), ps_bytes_str("{\"good\":false}"));
    assert_int_equal(past.good_s, time_of(60));
    assert_int_equal(past.next, 60);
}

static void they_are_found_among_long_leaves(void **state)
{
    (void)state;
    apart_s = MINUTE_S;
    append_all(true, 60, 310);
    read_all();
    assert_int_equal(past.last_s, time_of(310));
    assert_int_equal(past.good_s, time_of(60));
}

static void without_any_all_is_known_from_the_first_leaf_on(void **state)
{
    (void)state;
    apart_s = MINUTE_S;
    append_all(true, LEAVES, LEAVES);
    read_all();
    assert_int_equal(past.last_s, 0);
    assert_int_equal(past.good_s, 0);
    assert_int_equal(drill_past_base(&past), time_of(0));
}

/* Leaves that are passed over have their time: what is older than a month is not read. */
static void it_ends_a_month_ago(void **state)
{
    (void)state;
    apart_s = 3 * HOUR_S;
    append_all(true, LEAVES, LEAVES);
    read_all();
    assert_true(past.next > 0);
    assert_true(past.since_s + DRILL_LATE_S < now_s + HOUR_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_one_and_the_last_good_one_are_found, begin, end),
        cmocka_unit_test_setup_teardown(they_are_found_among_long_leaves, begin, end),
        cmocka_unit_test_setup_teardown(without_any_all_is_known_from_the_first_leaf_on, begin,
                                        end),
        cmocka_unit_test_setup_teardown(it_ends_a_month_ago, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
