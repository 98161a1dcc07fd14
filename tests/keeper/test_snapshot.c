#include "tests/keeper/snapshot_fixture.h"

#include <dirent.h>

/*
 * A start that rests on a snapshot: it says the same as one that reads every leaf, and nothing that
 * somebody puts in the place of the snapshot or of the catalog is believed.
 */

static void a_start_rests_on_the_snapshot_and_says_the_same(void **state)
{
    const unsigned long keys = system_number("keys");

    (void)state;
    expect(200, sign(KEY));
    expect(200, sign("w.1"));
    snapshot_of_now();
    start_on_the_snapshot();
    assert_int_equal(system_number("keys"), keys);
    expect(200, sign(KEY));
    for (unsigned i = 0; i < 4; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "w.%u", i);
        expect(200, sign(name));
    }
    expect(201, change("key.suspend", "w.2", "{}"));
    expect(409, sign("w.2"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_int_equal(system_number("keys"), keys);
    expect(409, sign("w.2"));
    expect(201, change("key.deactivate", "w.3", "{}"));
    expect(201, change("key.destroy", "w.3", "{}"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_int_equal(system_number("keys"), keys);
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
    start_on_the_snapshot();
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
    unsigned long size;

    (void)state;
    stack_kill_keeper(&stack);
    save("snapshot");
    size = claimed_size();
    start_again(APPLIANCE_OPERATIONAL);
    expect(201, change("key.suspend", "w.1", "{}"));
    expect(201, change("key.suspend", KEY, "{}"));
    stack_kill_keeper(&stack);
    put_back("snapshot");
    start_again(APPLIANCE_OPERATIONAL);
    assert_int_equal(taken_size(), size);
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

static unsigned count_tables(void)
{
    char path[256];
    const struct dirent *entry;
    unsigned count = 0;
    DIR *listing;

    path_in_data("snapshot", path);
    listing = opendir(path);
    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL) {
        count += strstr(entry->d_name, ".rows") != NULL ? 1 : 0;
    }
    (void)closedir(listing);
    return count;
}

/* Then all of the log is read. */
static void what_was_not_signed_for_is_not_taken(void **state)
{
    char rows[64];

    (void)state;
    stack_kill_keeper(&stack);
    save("snapshot");
    for (unsigned round = 0; round < 8; round++) {
        put_back("snapshot");
        rows_file(rows);
        stack.program = NULL;
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
        } else if (round == 6) {
            stack.program = "2"; /* another build of the same version */
        } else {
            put_link_as_directory();
        }
        start_again(APPLIANCE_OPERATIONAL);
        assert_int_equal(taken_size(), 0);
        expect(200, sign(KEY));
        expect(200, sign("w.0"));
        stack_kill_keeper(&stack);
    }
    put_back("snapshot");
    start_on_the_snapshot();
}

/* Nor is anything left of one that could not be made. */
static void a_snapshot_takes_none_of_the_room_of_the_logs(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    remove_in_data("snapshot");
    stack.disk_reserve_mb = 1u << 30;
    start_again(APPLIANCE_FAILED);
    wait_for_text(READ_SYSTEM, "", "\"disk-full\"", 1);
    assert_int_equal(snapshot_size(), 0);
    assert_int_equal(count_tables(), 0);
    stack_kill_keeper(&stack);
    stack.disk_reserve_mb = 0;
    start_again(APPLIANCE_OPERATIONAL);
    assert_true(snapshot_size() != 0);
}

/* While the log's key is away: the one that is signed for, the newest and the next. */
static void snapshots_that_nobody_signs_do_not_pile_up(void **state)
{
    (void)state;
    snapshot_of_now();
    stack_kill_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    for (unsigned round = 0; round < 4; round++) {
        const unsigned long before = snapshot_size();

        expect(201, change("key.suspend", "w.2", "{}"));
        wait_for_more("snapshot", before);
        expect(201, change("key.resume", "w.2", "{}"));
        wait_for_more("snapshot", before + 1);
    }
    assert_true(count_tables() <= 3);
    stack_start_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    snapshot_of_now();
    start_on_the_snapshot();
}

/* What a change would be answered now, with which the appliance looks at its catalog. */
static unsigned change_would_be(void)
{
    struct msg_change message = stack_change_message("key.suspend", "w.2", "{}");
    struct wire_frame answer;

    message.dry_run = 1;
    stack_call(&stack, &stack.management, &msg_change_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

static void write_and_have_it_noticed(void)
{
    /* Of another revision: SQLite writes no page for a row that stays the same. Whoever is away for
     * as long as a comparison takes finds that it was noticed and compared. */
    do {
        sql("update row set revision = revision + 1 where kind = 'operation'");
    } while (change_would_be() != 503);
}

static void wait_until_all_is_compared(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (change_would_be() == 503) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

/* Changes wait for it, and what needs leaves alone does not; nor does it go on in silence. */
static void who_goes_on_writing_holds_up_no_more_than_changes(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    const unsigned alarms = leaves_count_alarms(&stack, "catalog");
    const unsigned long walked = system_number("walked");
    const unsigned long size = events_size();

    (void)state;
    while (system_number("walked") < walked + 2 || snapshot_size() <= size ||
           leaves_count_alarms(&stack, "catalog") == alarms) {
        assert_true(ps_clock_mono_ns() < deadline);
        for (unsigned i = 0; i < 20; i++) {
            write_and_have_it_noticed();
        }
    }
    wait_until_all_is_compared();
    expect(201, change("key.suspend", "w.2", "{}"));
    expect(201, change("key.resume", "w.2", "{}"));
}

/* --- The walk beside the comparison --- */

#define DRAFTS 44 /* with NAMES names each they are several slices of a walk */
#define NAMES  128

static void make_the_log_long(void)
{
    PS_BUF_AUTO text = {.max = 48 * 1024};

    for (unsigned i = 0; i < DRAFTS; i++) {
        struct msg_change message = stack_change_message("key.create_batch", "", "");
        DRAFT_AUTO draft;

        ps_buf_reset(&text);
        ps_buf_put_str(&text, "{\"keys\":[");
        for (unsigned k = 0; k < NAMES; k++) {
            ps_buf_printf(&text, "%s{\"name\":\"long.%0118u.%u\"}", k == 0 ? "" : ",", i, k);
        }
        ps_buf_put_str(&text, "],\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]}");
        message.parameters = ps_buf_bytes(&text);
        expect(202, draft_ask(&stack, &message, &draft, &body));
    }
    snapshot_of_now();
}

/* What the comparison and the walk are at. */
struct progress {
    bool is_comparing; /* and not at the walk alone */
    bool is_walking;
    unsigned long compared;
    unsigned long walked;
    unsigned long read; /* of a walk */
};

static unsigned long number_in(const char *text, const char *member)
{
    const char *at = strstr(text, member);

    return at == NULL ? 0 : strtoul(at + strlen(member), NULL, 10);
}

static struct progress look(void)
{
    const char *text;

    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    ps_buf_put_u8(&body, 0);
    text = strstr((const char *)body.data, "\"check\":");
    assert_non_null(text);
    return (struct progress){
        .is_comparing = strstr(text, "\"phase\":\"leaves\"") != NULL ||
                        strstr(text, "\"phase\":\"rows\"") != NULL,
        .is_walking = strstr(text, "\"read\":") != NULL,
        .compared = number_in(text, "\"compared\":"),
        .walked = number_in(text, "\"walked\":"),
        .read = number_in(text, "\"read\":"),
    };
}

/*
 * A comparison that begins while the log is being read. It is one and the same as long as it
 * compares and none has ended: nobody else has a turn of their own meanwhile.
 */
static bool walk_gets_on_in_a_comparison(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct progress first;
    struct progress now;

    write_and_have_it_noticed();
    sql("update row set revision = revision + 1 where kind = 'wrapped'");
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        now = look();
    } while (now.is_comparing);
    (void)change_would_be(); /* has it noticed that it is written to once more */
    first = look();
    now = first;
    while (first.is_comparing && first.is_walking && now.is_comparing &&
           now.compared == first.compared) {
        assert_true(ps_clock_mono_ns() < deadline);
        if (now.walked != first.walked || now.read != first.read) {
            return true;
        }
        now = look();
    }
    return false;
}

static void a_walk_goes_on_beside_a_comparison(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    make_the_log_long();
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        wait_until_all_is_compared();
    } while (!walk_gets_on_in_a_comparison());
    wait_until_all_is_compared();
}

/* It rests longer while somebody signs, and does not wait for them to stop. */
static void a_comparison_ends_beside_signatures(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    stack_kill_keeper(&stack);
    start_again(APPLIANCE_OPERATIONAL);
    while (system_number("compared") == 0 || system_number("walked") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_sign_jws(&stack, KEY, "ES256", "beside", &body));
    }
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
        cmocka_unit_test(a_snapshot_takes_none_of_the_room_of_the_logs),
        cmocka_unit_test(snapshots_that_nobody_signs_do_not_pile_up),
        cmocka_unit_test(who_goes_on_writing_holds_up_no_more_than_changes),
        cmocka_unit_test(a_walk_goes_on_beside_a_comparison),
        cmocka_unit_test(a_comparison_ends_beside_signatures),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
