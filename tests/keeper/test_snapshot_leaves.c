#include "tests/keeper/snapshot_fixture.h"

#include "lib/formats/tlog/merkle.h"

/* What is found of leaves and pages that were changed, with a start that did not read them. */

#define BUNDLE 256ul /* leaves; of a full one a start reads no hash of a leaf */

/* Where a leaf begins in the record, and how long it is. */
static size_t find_leaf(struct ps_bytes entries, unsigned long index, uint16_t *ret_len)
{
    size_t at = 0;

    for (;; index--) {
        assert_true(at + 2 <= entries.len);
        *ret_len = (uint16_t)(entries.data[at] << 8 | entries.data[at + 1]);
        if (index == 0) {
            return at + 2;
        }
        at += (size_t)2 + *ret_len;
    }
}

/* Octet of the record: the last digit of the seconds in the leaf's time. */
static size_t time_in_leaf(unsigned long index)
{
    PS_BUF_AUTO entries = {.max = 0};
    const uint8_t *time;
    char path[256];
    uint16_t len;
    size_t at;

    path_in_data("log/events/entries", path);
    assert_true(read_file(path, &entries));
    at = find_leaf(ps_buf_bytes(&entries), index, &len);
    time = memmem(entries.data + at, len, "\"time\":\"", 8);
    assert_non_null(time);
    return (size_t)(time - entries.data) + 8 + strlen("2026-01-01T00:00:0");
}

/* Another second in the leaf's time, and the hash beside it; once more: as it was. */
static void change_leaf(unsigned long index)
{
    const size_t octet = time_in_leaf(index);
    PS_BUF_AUTO entries = {.max = 0};
    struct merkle_hash hash;
    char path[256];
    uint16_t len;
    size_t at;
    int fd;

    path_in_data("log/events/entries", path);
    assert_true(read_file(path, &entries));
    at = find_leaf(ps_buf_bytes(&entries), index, &len);
    change_octet("log/events/entries", (long)octet);
    entries.data[octet] ^= 1;
    hash = merkle_leaf_hash(ps_bytes(entries.data + at, len));
    path_in_data("log/events/hashes.0", path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(
        pwrite(fd, hash.octets, sizeof hash.octets, (off_t)(index * sizeof hash.octets)),
        sizeof hash.octets);
    (void)close(fd);
}

/* Which a start proves, of all that it passes over. */
static void a_genesis_that_was_changed_is_found_at_once(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    change_leaf(0);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    expect(503, sign(KEY));
    stack_kill_keeper(&stack);
    change_leaf(0);
    start_again(APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
}

/* Until there are so many leaves, or the appliance has failed. */
static void grow(unsigned long size)
{
    while (stack.state != APPLIANCE_FAILED && events_size() < size) {
        (void)change("key.suspend", "w.2", "{}");
        (void)change("key.resume", "w.2", "{}");
    }
}

/* A leaf whose bundle is full, and that a start rests on in no other way, is found afterwards. */
static void a_leaf_that_was_changed_below_is_found(void **state)
{
    (void)state;
    grow(2 * BUNDLE + 10);
    snapshot_of_now();
    stack_kill_keeper(&stack);
    change_leaf(BUNDLE + 10);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    assert_true(snapshot_size() >= 2 * BUNDLE);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", "\"log-damaged\"", 1);
    expect(503, sign(KEY));
    stack_kill_keeper(&stack);
    change_leaf(BUNDLE + 10);
    start_again(APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
}

/* From now on there are many leaves between two snapshots, and a full bundle behind the first. */
static void leave_a_bundle_behind(void)
{
    snapshot_of_now();
    stack.snapshot_leaves = 3 * BUNDLE;
    restart_keeper(APPLIANCE_OPERATIONAL);
    grow((snapshot_size() / BUNDLE + 2) * BUNDLE + 1);
    assert_int_equal(snapshot_size(), claimed_size());
}

static unsigned long leaf_behind(void)
{
    return (claimed_size() / BUNDLE + 1) * BUNDLE + 10;
}

/* By what is compared: the hash beside it is as it was. */
static void a_leaf_that_is_damaged_is_no_fault_of_the_catalog(void **state)
{
    unsigned long leaf;
    size_t octet;

    (void)state;
    leave_a_bundle_behind();
    leaf = leaf_behind();
    octet = time_in_leaf(leaf);
    change_octet("log/events/entries", (long)octet);
    /* It is another revision: SQLite writes no page for a row that stays the same. */
    sql("update row set revision = revision + 1 where kind = 'operation'");
    wait_for_text(READ_SYSTEM, "", "\"log-damaged\"", 1);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    stack_kill_keeper(&stack);
    change_octet("log/events/entries", (long)octet);
    start_again(APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() <= leaf);
    expect(200, sign(KEY));
}

/* Although the hash stored beside it was changed too, while the keeper ran. */
static void a_leaf_that_was_changed_behind_it_is_in_no_snapshot(void **state)
{
    unsigned long size;
    unsigned long leaf;

    (void)state;
    size = snapshot_size(); /* the same still */
    leaf = leaf_behind();
    change_leaf(leaf);
    grow(size + stack.snapshot_leaves);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", "\"log-damaged\"", 1);
    assert_int_equal(snapshot_size(), size);
    assert_int_equal(claimed_size(), size);
    stack_kill_keeper(&stack);
    change_leaf(leaf);
    start_again(APPLIANCE_OPERATIONAL);
    expect(200, sign(KEY));
}

/* The leaves have what it says, and another one is made of them. */
static void a_page_that_is_damaged_is_no_fault_of_the_catalog(void **state)
{
    const unsigned alarms = leaves_count_alarms(&stack, "catalog");
    unsigned long size;
    char rows[64];

    (void)state;
    size = snapshot_size();
    wait_signed(size);
    expect(201, change("key.suspend", "w.1", "{}"));
    rows_file(rows);
    change_octet(rows, 100);
    sql("update row set revision = revision + 1 where kind = 'operation'");
    stack_wait_state(&stack, APPLIANCE_FAILED);
    assert_non_null(strstr(stack.reasons, "\"catalog-gone\""));
    assert_null(strstr(stack.reasons, "\"catalog-differs\""));
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() > size);
    assert_int_equal(leaves_count_alarms(&stack, "catalog"), alarms);
    expect(409, sign("w.1"));
    expect(200, sign("w.0"));
    wait_signed(size + 1);
    start_on_the_snapshot();
    expect(409, sign("w.1"));
    expect(200, sign("w.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_genesis_that_was_changed_is_found_at_once),
        cmocka_unit_test(a_leaf_that_was_changed_below_is_found),
        cmocka_unit_test(a_leaf_that_is_damaged_is_no_fault_of_the_catalog),
        cmocka_unit_test(a_leaf_that_was_changed_behind_it_is_in_no_snapshot),
        cmocka_unit_test(a_page_that_is_damaged_is_no_fault_of_the_catalog),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
