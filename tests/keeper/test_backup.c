#include "tests/keeper/backup_fixture.h"

#include "keystore/backup/shelf.h"
#include "lib/formats/tlog/note.h"
#include "tests/keeper/sql.h"

#include <dirent.h>
#include <sys/stat.h>

/* Backups that are not as they should be, and what becomes of them. */

#define OF_THE_FUTURE "20991231T000000Z.privyseal-backup"

static char directory[160];

static void read_whole(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "re");
    uint8_t *room = ps_buf_reserve(out, 1024u * 1024u);

    assert_non_null(file);
    assert_non_null(room);
    ps_buf_commit(out, fread(room, 1, 1024u * 1024u, file));
    assert_int_equal(fclose(file), 0);
}

/* The backups there are, but one of the future. */
static unsigned count_backups(void)
{
    DIR *open = opendir(directory);
    unsigned count = 0;
    const struct dirent *entry;

    assert_non_null(open);
    while ((entry = readdir(open)) != NULL) {
        count += entry->d_name[0] != '.' && strcmp(entry->d_name, OF_THE_FUTURE) != 0 ? 1 : 0;
    }
    (void)closedir(open);
    return count;
}

static int make_stack(void **state)
{
    (void)state;
    make_stack_with_backups(directory);
    stack.faults = faults_new();
    stack.sessions = 2;
    return 0;
}

static void wait_for_idle(const char *text)
{
    wait_for_text(READ_BACKUPS, "", text, 1);
    wait_for_text(READ_BACKUPS, "", "\"state\":\"idle\"", 1);
}

/* One bit is another when it is read back: it would count as the newest good one. */
static void one_that_does_not_verify_is_removed(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    stack_start(&stack);
    faults_set(stack.faults, FAULT_SPOIL, 0);
    stack_genesis(&stack); /* the first backup is due with it */
    wait_for_idle("\"failure\":");
    assert_true(faults_clear(stack.faults));
    assert_int_equal(count_backups(), 0);
    while (leaves_count_alarms(&stack, "backup") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

/* It was made by a clock that was wrong. */
static void one_of_the_future_holds_none_up(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char path[220];
    FILE *file;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/" OF_THE_FUTURE, directory);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    restart_keeper(APPLIANCE_OPERATIONAL);
    while (count_backups() == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
    wait_for_idle("privyseal-backup");
    expect(200, stack_read(&stack, READ_BACKUPS, "", &body));
    assert_false(body_has("\"failure\":"));
    assert_int_equal(count_backups(), 1);
}

/* --- Which backups hold a key --- */

#define WRAPPED(name)                                                                              \
    "{\"name\":\"" name "\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"        \
    "\"algorithms\":[\"ES256\"],\"residence\":\"wrapped\",\"recovery\":\"wrapped\"}"

#define WRAPPED_SECRET(name, type, usage)                                                          \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"usage\":\"" usage                              \
    "\",\"residence\":\"wrapped\"}"

/* They were written long ago, before any key was made. */
static void make_all_old(void)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    DIR *open = opendir(directory);
    const struct dirent *entry;

    assert_non_null(open);
    while ((entry = readdir(open)) != NULL) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(utimensat(dirfd(open), entry->d_name, times, 0), 0);
        }
    }
    (void)closedir(open);
}

/* The name of one tells its second. */
static void those_of_one_second_are_files_of_their_own(void **state)
{
    const unsigned before = count_backups();

    (void)state;
    make_backup();
    make_backup();
    assert_int_equal(count_backups(), before + 2);
}

/* A keeper that died in the middle of one has left as much as there was of it. */
static void what_a_death_left_of_one_goes_with_the_next(void **state)
{
    char path[220];
    FILE *file;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/.20201121T024130Z.privyseal-backup.part", directory);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    make_backup();
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Whoever sees none under way finds the leaf of the last one. */
static void it_is_under_way_until_its_leaf_is_durable(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    faults_set(stack.faults, FAULT_HOLD_EVENTS, 1); /* the leaf that names its rows is the first */
    expect(202, ask_task(TASK_BACKUP));
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
    expect(200, stack_read(&stack, READ_BACKUPS, "", &body));
    assert_false(body_has("\"state\":\"idle\""));
    assert_true(faults_clear(stack.faults));
    wait_for_idle("privyseal-backup");
}

static char away[180];

static void take_directory_away(void)
{
    (void)snprintf(away, sizeof away, "%s.away", directory);
    assert_int_equal(rename(directory, away), 0);
}

static void put_directory_back(void)
{
    assert_int_equal(rename(away, directory), 0);
}

/* Those that were written before it was made do not hold it. */
static void what_is_destroyed_names_the_backups_that_hold_it(void **state)
{
    struct draft draft;

    (void)state;
    make_all_old();
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("key.create", "", WRAPPED("held")));
    expect(200, stack_read(&stack, READ_KEY, "held", &body));
    assert_false(body_has("\"backups\""));
    make_backup();
    expect(201, change("key.deactivate", "held", "{}"));
    ask_and_approve("key.destroy", "held", "{}", &draft);
    assert_non_null(
        memmem(draft.document.data, draft.document.len, "\"backups_in_all\":\"1\"", 20));
    expect(201, draft_execute(&stack, &draft, &body));
    assert_true(body_has("\"backups_in_all\":1"));
    draft_clear(&draft);
    make_all_old();
    expect(200, stack_read(&stack, READ_KEY, "held", &body));
    assert_true(body_has("\"backups\":[],\"backups_in_all\":0"));
    take_directory_away();
    expect(200, stack_read(&stack, READ_KEY, "held", &body));
    assert_true(body_has("\"backups_unknown\":true"));
    assert_false(body_has("\"backups\":"));
    put_directory_back();
}

/* --- Drills --- */

/* What it has of a key that is there opens in the token, also where that has it open already. */
static void a_drill_opens_keys_of_the_newest_backup(void **state)
{
    (void)state;
    expect(201, change("key.create", "", WRAPPED("drilled")));
    expect(201, change("key.create", "", WRAPPED("gone")));
    expect(201, change("key.create", "", WRAPPED_SECRET("drilled.aes", "aes-256", "encrypt")));
    expect(201, change("key.create", "", WRAPPED_SECRET("drilled.mac", "hmac-sha256", "mac")));
    expect(200, sign("drilled"));
    make_backup();
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(1);
    assert_true(body_has("\"good\":true"));
    assert_true(body_has("\"other_token\":false"));
    assert_true(body_has("\"rows\":4,\"token\":\"" STACK_TOKEN "\",\"tried\":4"));
    expect(200, sign("drilled"));
}

/* Not even for a moment: the backup still has it. */
static void what_was_destroyed_since_is_not_opened(void **state)
{
    (void)state;
    expect(201, change("key.deactivate", "gone", "{}"));
    expect(201, change("key.destroy", "gone", "{}"));
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(2);
    assert_true(body_has("\"good\":true"));
    assert_true(body_has("\"passed_over\":1,\"rows\":4,\"token\":\"" STACK_TOKEN "\",\"tried\":3"));
}

/* People are to know which backups hold it; whoever asks is told why they cannot. */
static void nobody_destroys_what_is_perhaps_in_backups(const char *key)
{
    const struct msg_change message = stack_change_message("key.destroy", key, "{}");
    struct draft draft;

    take_directory_away();
    expect(409, draft_ask(&stack, &message, &draft, &body));
    assert_true(body_has("[backup] directory"));
    put_directory_back();
}

static void destroy(const char *key)
{
    expect(201, change("key.deactivate", key, "{}"));
    expect(201, change("key.destroy", key, "{}"));
}

/* A drill of a backup with records of keys alone that are gone since shows nothing. */
static void one_that_tried_nothing_is_not_good(void **state)
{
    (void)state;
    destroy("drilled.aes");
    destroy("drilled.mac");
    expect(201, change("key.deactivate", "drilled", "{}"));
    nobody_destroys_what_is_perhaps_in_backups("drilled");
    expect(201, change("key.destroy", "drilled", "{}"));
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(3);
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("none of its keys could be tried"));
    assert_true(body_has("\"passed_over\":4"));
    expect(201, change("key.create", "", WRAPPED("drilled.again")));
}

#define FORGED                                                                                     \
    "INSERT INTO row VALUES ('wrapped','00',1,0,"                                                  \
    "'{\"blob\":\"AAAA\",\"key\":\"in.token\",\"mac\":"                                            \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"version\":1,\"wrapping\":1}')"

/* Nobody signs rows of records: one may name a key that no token has to lose. */
static void a_forged_record_reaches_no_key_of_the_token(void **state)
{
    (void)state;
    expect(201, change("key.create", "", EC_KEY("in.token")));
    sql(FORGED);
    make_backup();
    sql("DELETE FROM row WHERE kind='wrapped' AND name='00'");
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(4);
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("\"failure\":\"in.token, version 1: the record is of a key that is not "
                         "wrapped"));
    assert_false(body_has("\"token\":"));
    expect(200, sign("in.token"));
    make_backup();
}

static void put_backup_path(const char *name, char out[240])
{
    (void)snprintf(out, 240, "%s/%.33s", directory, name);
}

/* It verifies in itself: only its log says that it is not what its name says. */
static void an_old_one_under_a_newer_name_fails_the_drill(void **state)
{
    char from[240];
    char to[240];
    char name[SHELF_NAME_LEN + 1];
    const uint8_t *at;

    (void)state;
    expect(200, stack_read(&stack, READ_DRILL, "", &body));
    at = memmem(body.data, body.len, "\"file\":\"", 8);
    assert_non_null(at);
    put_backup_path((const char *)at + 8, from);
    do { /* that of the drill has the name of a second that is past then */
        shelf_put_name(ps_clock_real_ns() / PS_NS_PER_S, name);
        put_backup_path(name, to);
    } while (strcmp(from, to) == 0);
    assert_int_equal(rename(from, to), 0);
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(5);
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("its log calls it"));
}

/* The backup as it is in the directory, with one octet of one record changed. */
static void spoil(const char *text, size_t behind)
{
    PS_BUF_AUTO octets = {.max = 1024u * 1024u};
    char path[240];
    uint8_t *at;
    FILE *file;

    expect(200, stack_read(&stack, READ_DRILL, "", &body));
    at = memmem(body.data, body.len, "\"file\":\"", 8);
    assert_non_null(at);
    (void)snprintf(path, sizeof path, "%s/%.33s", directory, (const char *)at + 8);
    read_whole(path, &octets);
    at = memmem(octets.data, octets.len, text, strlen(text));
    assert_non_null(at);
    at[behind] ^= 1;
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.data, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
}

static void one_that_does_not_verify_fails_the_drill(void **state)
{
    (void)state;
    spoil("\"blob\":\"", 12);
    expect(202, ask_task(TASK_DRILL));
    wait_for_drill(6);
    assert_true(body_has("\"good\":false"));
    assert_true(body_has("\"failure\":\"at octet "));
    assert_true(leaves_count_alarms(&stack, "drill") != 0);
}

/* The last one is known after a start, too: it stands in the log. */
static void what_a_drill_said_is_known_after_a_start(void **state)
{
    (void)state;
    restart_keeper(APPLIANCE_OPERATIONAL);
    /* It is read from the newest leaf backwards, beside other work. */
    wait_for_text(READ_DRILL, "", "\"good\":\"2", 1);
    expect(200, stack_read(&stack, READ_DRILL, "", &body));
    assert_true(body_has("\"failure\":\"at octet "));
}

/* One such row would keep all keys from every backup. */
#define PLANTED(name, octets)                                                                      \
    "INSERT INTO row VALUES ('wrapped','" name "',1,0,'{\"blob\":\"'||hex(zeroblob(" octets        \
    "))||'\"}')"

static void a_row_that_no_backup_can_hold_is_left_out_and_told(void **state)
{
    const char *const told = "\"passed_over\":2,\"rows\":1}";
    PS_BUF_AUTO log = {.max = 1024u * 1024u};
    char path[240];

    (void)state;
    sql(PLANTED("00000000000000000000000000000001", "33000"));
    sql(PLANTED("ffffffffffffffffffffffffffffffff", "1100000"));
    make_backup();
    assert_int_equal(leaves_count_alarms(&stack, "backup-row"), 2);
    (void)snprintf(path, sizeof path, "%s/log/events/entries", stack.data);
    read_whole(path, &log);
    assert_non_null(memmem(log.data, log.len, told, strlen(told)));
    sql("DELETE FROM row WHERE kind='wrapped' AND length(body) > 65536");
}

/* --- The mirror of the log --- */

static char mirror[170];

static void put_mirror_path(const char *name, char out[240])
{
    (void)snprintf(out, 240, "%s/%s", mirror, name);
}

/* All that is signed for is there, as it is in the log. */
static void wait_for_mirror(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (!body_has("\"mirror\":{\"behind\":0,") && has_rested());
}

/* What is in the mirror is the beginning of the log, and not less than what there was then. */
static void compare_with_log(void)
{
    PS_BUF_AUTO ours = {.max = 1024u * 1024u};
    PS_BUF_AUTO theirs = {.max = 1024u * 1024u};
    char path[240];

    put_mirror_path("events/entries", path);
    read_whole(path, &theirs);
    (void)snprintf(path, sizeof path, "%s/log/events/entries", stack.data);
    read_whole(path, &ours);
    assert_true(theirs.len > 0 && theirs.len <= ours.len);
    assert_memory_equal(theirs.data, ours.data, theirs.len);
}

static void what_is_recorded_is_in_the_mirror_too(void **state)
{
    (void)state;
    (void)snprintf(mirror, sizeof mirror, "%s/mirror", stack.directory);
    assert_int_equal(mkdir(mirror, 0700), 0);
    stack.mirror = mirror;
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_mirror();
    compare_with_log();
    expect(201, change("key.create", "", EC_KEY("mirrored")));
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_mirror();
    compare_with_log();
}

static void wait_for_failure(const char *text)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (!body_has(text) && has_rested());
}

/* It would write into what it mirrors. */
static void the_log_is_no_mirror_of_itself(void **state)
{
    PS_BUF_AUTO before = {.max = 1024u * 1024u};
    PS_BUF_AUTO after = {.max = 1024u * 1024u};
    char path[240];

    (void)state;
    (void)snprintf(mirror, sizeof mirror, "%s/log", stack.data);
    put_mirror_path("events/entries", path);
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_failure("somebody has it open");
    read_whole(path, &before);
    expect(201, change("key.create", "", EC_KEY("unmirrored")));
    (void)snprintf(mirror, sizeof mirror, "%s/mirror", stack.directory);
    restart_keeper(APPLIANCE_OPERATIONAL);
    wait_for_mirror();
    compare_with_log();
    read_whole(path, &after);
    while (before.len != 0 && before.data[before.len - 1] == 0) {
        before.len--; /* room for what comes next */
    }
    assert_true(before.len != 0 && before.len < after.len);
    assert_memory_equal(after.data, before.data, before.len);
    expect(200, sign("unmirrored"));
}

static void write_mirror(const char *name, struct ps_bytes octets)
{
    char path[240];
    FILE *file;

    put_mirror_path(name, path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.data, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
}

/* It is kept for whoever finds out which of the two was put back. */
static void a_mirror_of_another_log_is_not_written(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;
    const unsigned alarms = leaves_count_alarms(&stack, "mirror");
    const struct ps_bytes entries = ps_bytes("\0\1x", 3);
    const uint8_t signature[64] = {7};
    const struct note_key key = {.name = ps_bytes_str("x/events"), .type = NOTE_ED25519};
    const struct checkpoint other = {
        .origin = key.name, .size = 1, .root = merkle_leaf_hash(ps_bytes_from(entries, 2))};
    PS_BUF_AUTO note = {.max = 4096};
    PS_BUF_AUTO kept = {.max = 1024u * 1024u};
    char path[240];

    (void)state;
    assert_int_equal(checkpoint_put(&other, &note), PS_OK);
    note_put_signature(&key, ps_bytes(signature, sizeof signature), &note, true);
    stack_kill_keeper(&stack);
    write_mirror("events/entries", entries);
    write_mirror("events/checkpoint", ps_buf_bytes(&note));
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_failure("put back");
    while (leaves_count_alarms(&stack, "mirror") == alarms) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
    expect(200, sign("mirrored"));
    put_mirror_path("events/entries", path);
    read_whole(path, &kept);
    assert_true(ps_bytes_equal(ps_buf_bytes(&kept), entries));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_does_not_verify_is_removed),
        cmocka_unit_test(one_of_the_future_holds_none_up),
        cmocka_unit_test(those_of_one_second_are_files_of_their_own),
        cmocka_unit_test(what_a_death_left_of_one_goes_with_the_next),
        cmocka_unit_test(it_is_under_way_until_its_leaf_is_durable),
        cmocka_unit_test(what_is_destroyed_names_the_backups_that_hold_it),
        cmocka_unit_test(a_drill_opens_keys_of_the_newest_backup),
        cmocka_unit_test(what_was_destroyed_since_is_not_opened),
        cmocka_unit_test(one_that_tried_nothing_is_not_good),
        cmocka_unit_test(a_forged_record_reaches_no_key_of_the_token),
        cmocka_unit_test(an_old_one_under_a_newer_name_fails_the_drill),
        cmocka_unit_test(one_that_does_not_verify_fails_the_drill),
        cmocka_unit_test(what_a_drill_said_is_known_after_a_start),
        cmocka_unit_test(a_row_that_no_backup_can_hold_is_left_out_and_told),
        cmocka_unit_test(what_is_recorded_is_in_the_mirror_too),
        cmocka_unit_test(the_log_is_no_mirror_of_itself),
        cmocka_unit_test(a_mirror_of_another_log_is_not_written),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
