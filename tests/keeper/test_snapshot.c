#include "tests/keeper/sql.h"

#include "lib/formats/tlog/merkle.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * A start that rests on a snapshot: it says the same as one that reads every leaf, and nothing that
 * somebody puts in the place of the snapshot, of the catalog or of a leaf is believed.
 */

#define KEY    "s.key"
#define BUNDLE 256ul /* leaves; of a full one a start reads no hash of a leaf */

/* Keys of the appliance that the snapshots are of; they stay in memory, and others do not. */
static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.snapshot_leaves = 1;
    stack.keys_in_memory = 1;
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("key.create_batch", "",
                       "{\"keys\":[{\"name\":\"w.0\"},{\"name\":\"w.1\"},{\"name\":\"w.2\"},"
                       "{\"name\":\"w.3\"}],\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":"
                       "[\"jws\"],\"residence\":\"wrapped\"}"));
    return 0;
}

static unsigned long number_of(const char *member)
{
    const char *at;
    char text[64];

    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    ps_buf_put_u8(&body, 0);
    (void)snprintf(text, sizeof text, "\"%s\":", member);
    at = strstr((const char *)body.data, text);
    assert_non_null(at);
    return strtoul(at + strlen(text), NULL, 10);
}

/* Leaves that the snapshot in use stands for. */
static unsigned long snapshot_size(void)
{
    return number_of("snapshot");
}

static void path_in_data(const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", stack.data, name);
}

static unsigned long claimed_size(void)
{
    PS_BUF_AUTO note = {.max = 0};
    char path[256];
    const char *line;

    path_in_data("snapshot/note", path);
    if (!read_file(path, &note)) {
        return 0;
    }
    ps_buf_put_u8(&note, 0);
    line = strchr((const char *)note.data, '\n');
    return line == NULL ? 0 : strtoul(line + 1, NULL, 10);
}

/* A note stands for at least so many leaves. */
static void wait_signed(unsigned long size)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (claimed_size() < size) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

static unsigned long events_size(void)
{
    const char *at;

    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    ps_buf_put_u8(&body, 0);
    at = strstr((const char *)body.data, "\"events\":{");
    assert_non_null(at);
    at = strstr(at, "\"size\":");
    assert_non_null(at);
    return strtoul(at + 7, NULL, 10);
}

/* Of all that has been done by now. */
static void snapshot_of_now(void)
{
    wait_signed(events_size());
}

/* A program for files, with its operands. */
static void run(const char *program, const char *option, const char *one, const char *other)
{
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)option,
                         (char *)(uintptr_t)one, (char *)(uintptr_t)other, NULL};
    pid_t pid;
    int status;

    assert_int_equal(posix_spawnp(&pid, program, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void remove_in_data(const char *name)
{
    char path[256];

    path_in_data(name, path);
    run("rm", "-rf", path, NULL);
}

/* A copy of a part of the data directory, beside it, or back. */
static void save(const char *name)
{
    char from[256];
    char to[300];

    path_in_data(name, from);
    (void)snprintf(to, sizeof to, "%s.saved", from);
    run("rm", "-rf", to, NULL);
    run("cp", "-a", from, to);
}

static void put_back(const char *name)
{
    char to[256];
    char from[300];

    path_in_data(name, to);
    (void)snprintf(from, sizeof from, "%s.saved", to);
    run("rm", "-rf", to, NULL);
    run("cp", "-a", from, to);
}

/* Started as the supervisor does, with what is on the disk; which state that is. */
static void start_again(enum appliance_state expected)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, expected);
}

static void a_start_rests_on_the_snapshot_and_says_the_same(void **state)
{
    const unsigned long keys = number_of("keys");

    (void)state;
    expect(200, sign(KEY));
    expect(200, sign("w.1"));
    snapshot_of_now();
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() != 0);
    assert_int_equal(number_of("keys"), keys);
    expect(200, sign(KEY));
    for (unsigned i = 0; i < 4; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "w.%u", i);
        expect(200, sign(name));
    }
    expect(201, change("key.suspend", "w.2", "{}"));
    expect(409, sign("w.2"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_int_equal(number_of("keys"), keys);
    expect(409, sign("w.2"));
    expect(201, change("key.deactivate", "w.3", "{}"));
    expect(201, change("key.destroy", "w.3", "{}"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_int_equal(number_of("keys"), keys);
    expect(409, sign("w.2"));
    expect(201, change("key.resume", "w.2", "{}"));
    expect(200, sign("w.2"));
}

/* A draft and a signature of people are in no row. */
static void what_waits_for_people_goes_on_behind_a_snapshot(void **state)
{
    DRAFT_AUTO draft = {0};

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("s.later"), &draft);
    snapshot_of_now();
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() != 0);
    expect(201, draft_execute(&stack, &draft, &body));
    expect(200, sign("s.later"));
}

static void copy_in_data(const char *from, const char *to)
{
    char from_path[256];
    char to_path[256];

    path_in_data(from, from_path);
    path_in_data(to, to_path);
    run("cp", "-a", from_path, to_path);
}

static void an_older_catalog_is_found(void **state)
{
    unsigned status;

    (void)state;
    stack_kill_keeper(&stack);
    save("catalog.sqlite");
    save("catalog.sqlite-wal");
    start_again(APPLIANCE_OPERATIONAL);
    expect(201, change("key.suspend", KEY, "{}"));
    snapshot_of_now();
    stack_kill_keeper(&stack);
    copy_in_data("catalog.sqlite", "newer");
    copy_in_data("catalog.sqlite-wal", "newer-wal");
    put_back("catalog.sqlite");
    put_back("catalog.sqlite-wal");
    remove_in_data("catalog.sqlite-shm");
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    /* The key is judged by the snapshot, before or after all rows are held against it. */
    status = sign(KEY);
    assert_true(status == 409 || status == 503);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    stack_kill_keeper(&stack);
    copy_in_data("newer", "catalog.sqlite");
    copy_in_data("newer-wal", "catalog.sqlite-wal");
    remove_in_data("catalog.sqlite-shm");
    start_again(APPLIANCE_OPERATIONAL);
    expect(409, sign(KEY));
    expect(201, change("key.resume", KEY, "{}"));
}

static void an_older_snapshot_is_no_older_truth(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    save("snapshot");
    start_again(APPLIANCE_OPERATIONAL);
    expect(201, change("key.suspend", "w.1", "{}"));
    expect(201, change("key.suspend", KEY, "{}"));
    stack_kill_keeper(&stack);
    put_back("snapshot");
    start_again(APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() != 0);
    expect(409, sign("w.1"));
    expect(409, sign(KEY));
    expect(201, change("key.resume", "w.1", "{}"));
    expect(201, change("key.resume", KEY, "{}"));
}

static void a_changed_row_is_found_behind_a_snapshot(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    sql("update row set body = replace(body, '\"active\"', '\"suspended\"') where kind = 'key' and "
        "name = 'w.0'");
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_FAILED);
    expect(503, sign("w.0"));
    sql("update row set body = replace(body, '\"suspended\"', '\"active\"') where kind = 'key' and "
        "name = 'w.0'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    expect(200, sign("w.0"));
}

static void change_octet(const char *name, long at)
{
    char path[256];
    struct stat status;
    uint8_t octet;
    int fd;

    path_in_data(name, path);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    at = at < 0 ? (long)status.st_size + at : at;
    assert_int_equal(pread(fd, &octet, 1, at), 1);
    octet ^= 1;
    assert_int_equal(pwrite(fd, &octet, 1, at), 1);
    (void)close(fd);
}

static void put_no_note(void)
{
    char path[256];
    int fd;

    path_in_data("snapshot/note", path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, "no note\n", 8), 8);
    (void)close(fd);
}

/* As if a disk had it damaged: it is there, and nobody can read it. */
static void put_directory_as_note(void)
{
    char path[256];

    remove_in_data("snapshot/note");
    path_in_data("snapshot/note", path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put_link_as_directory(void)
{
    char path[256];

    remove_in_data("snapshot");
    path_in_data("snapshot", path);
    assert_int_equal(symlink("snapshot.saved", path), 0);
}

static void rows_file(char out[64])
{
    (void)snprintf(out, 64, "snapshot/%lu.rows", claimed_size());
}

/* Then all of the log is read. */
static void what_was_not_signed_for_is_not_taken(void **state)
{
    char rows[64];

    (void)state;
    stack_kill_keeper(&stack);
    save("snapshot");
    for (unsigned round = 0; round < 7; round++) {
        put_back("snapshot");
        rows_file(rows);
        if (round == 0) {
            change_octet(rows, -1);
        } else if (round == 1) {
            change_octet("snapshot/note", -10);
        } else if (round == 2) {
            remove_in_data(rows);
        } else if (round == 3) {
            change_octet(rows, 100); /* a row */
        } else if (round == 4) {
            put_no_note();
        } else if (round == 5) {
            put_directory_as_note();
        } else {
            put_link_as_directory();
        }
        start_again(APPLIANCE_OPERATIONAL);
        expect(200, sign(KEY));
        expect(200, sign("w.0"));
        stack_kill_keeper(&stack);
    }
    put_back("snapshot");
    start_again(APPLIANCE_OPERATIONAL);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_rests_on_the_snapshot_and_says_the_same),
        cmocka_unit_test(what_waits_for_people_goes_on_behind_a_snapshot),
        cmocka_unit_test(an_older_catalog_is_found),
        cmocka_unit_test(an_older_snapshot_is_no_older_truth),
        cmocka_unit_test(a_changed_row_is_found_behind_a_snapshot),
        cmocka_unit_test(what_was_not_signed_for_is_not_taken),
        cmocka_unit_test(a_genesis_that_was_changed_is_found_at_once),
        cmocka_unit_test(a_leaf_that_was_changed_below_is_found),
        cmocka_unit_test(a_leaf_that_is_damaged_is_no_fault_of_the_catalog),
        cmocka_unit_test(a_leaf_that_was_changed_behind_it_is_in_no_snapshot),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
