#include "frontends/shared/commits.h"

#include "tests/unit/file_limit.h"
#include "tests/unit/scratch.h"

#include <sched.h>
#include <sys/wait.h>

#define MANY 10u
#define MUCH (1024u * 1024u)

/* One row. */
struct entry {
    struct change change; /* first: a change is its entry */
    uint64_t number;
    size_t size;
    enum ps_err fails; /* in `apply`, when the row is written; but what is its own before */
    bool is_held;
    bool is_last;   /* the program dies in `apply` */
    uint64_t there; /* rows that others saw when it was applied */
    enum ps_err told;
};

static char path[SCRATCH_PATH_MAX];
static struct ps_loop *loop;
static struct db *db;     /* the thread's */
static struct db *beside; /* the thread's, too: what others see */
static struct db *seen;   /* the loop's */
static struct commits *commits;
static struct entry entries[MANY];
static bool released;
static unsigned left;

static uint64_t rows(struct db *in)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    assert_int_equal(db_query_begin(in, "SELECT count(*) FROM entry", &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    return db_column_u64(query, 0);
}

static bool is_there(const struct entry *entry)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    assert_int_equal(db_query_begin(seen, "SELECT 1 FROM entry WHERE number = ?1", &query), PS_OK);
    db_bind_u64(query, 1, entry->number);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    return row;
}

static enum ps_err insert(struct db *to, const struct entry *entry)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(to, "INSERT INTO entry VALUES (?1, zeroblob(?2))", &query));
    db_bind_u64(query, 1, entry->number);
    db_bind_u64(query, 2, entry->size);
    return db_query_run(query);
}

static enum ps_err apply(struct change *change, struct db *to)
{
    struct entry *entry = (struct entry *)(void *)change;

    while (entry->is_held && !__atomic_load_n(&released, __ATOMIC_ACQUIRE)) {
        (void)sched_yield();
    }
    entry->there = rows(beside);
    if (entry->fails == PS_E_CONFLICT) {
        return ps_fail(PS_E_CONFLICT, 7, "it is another one's");
    }
    PS_TRY(insert(to, entry));
    if (entry->is_last) {
        (void)raise(SIGKILL);
    }
    return entry->fails == PS_OK ? PS_OK : ps_fail(entry->fails, 7, "it fails");
}

static void done(struct change *change, enum ps_err err)
{
    struct entry *entry = (struct entry *)(void *)change;

    entry->told = err;
    assert_int_equal(is_there(entry), err == PS_OK);
    assert_true(err == PS_OK || (ps_detail()->err == err && ps_detail()->text[0] != '\0'));
    left--;
}

static int begin(void **state)
{
    scratch_make(state);
    scratch_path("entries.db", path);
    released = false;
    left = 0;
    for (size_t i = 0; i < MANY; i++) {
        entries[i] = (struct entry){
            .change = {.apply = apply, .done = done}, .number = i, .told = PS_E_COUNT};
    }
    assert_int_equal(ps_loop_new(&loop), PS_OK);
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_run(db, "CREATE TABLE entry (number INTEGER PRIMARY KEY, octets BLOB)"),
                     PS_OK);
    assert_int_equal(db_open(path, &beside), PS_OK);
    assert_int_equal(db_open(path, &seen), PS_OK);
    assert_int_equal(commits_new(loop, db, MANY, &commits), PS_OK);
    return 0;
}

static int end(void **state)
{
    commits_free(commits);
    db_close(db);
    db_close(beside);
    db_close(seen);
    ps_loop_free(loop);
    return scratch_remove(state);
}

static void make(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        left++;
        assert_int_equal(commits_make(commits, &entries[i].change), PS_OK);
    }
}

static void run(void)
{
    __atomic_store_n(&released, true, __ATOMIC_RELEASE);
    while (left != 0) {
        assert_int_equal(ps_loop_turn(loop, -1), PS_OK);
    }
}

static void a_change_is_there_when_it_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        make(i, i + 1);
        run();
        assert_int_equal(entries[i].told, PS_OK);
        assert_int_equal(entries[i].there, i);
    }
}

static void what_waits_shares_a_commit(void **state)
{
    (void)state;
    entries[0].is_held = true;
    make(0, MANY);
    run();
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(entries[i].told, PS_OK);
        assert_int_equal(entries[i].there, i == 0 ? 0 : 1);
    }
}

static void a_conflict_is_told_to_whose_it_is_alone(void **state)
{
    (void)state;
    entries[0].is_held = true;
    entries[2].fails = PS_E_CONFLICT;
    make(0, 4);
    run();
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(entries[i].told, i == 2 ? PS_E_CONFLICT : PS_OK);
    }
}

static void with_a_failure_nothing_of_its_commit_is_made(void **state)
{
    (void)state;
    entries[0].is_held = true;
    entries[2].fails = PS_E_STORAGE;
    entries[3].fails = PS_E_CONFLICT;
    make(0, 4);
    run();
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(entries[i].told, i == 0 ? PS_OK : PS_E_STORAGE);
    }
    assert_int_equal(rows(seen), 1);
    make(4, MANY);
    run();
    assert_int_equal(rows(seen), 1 + MANY - 4);
}

static void a_full_disk_is_told_and_passes(void **state)
{
    (void)state;
    entries[1].size = MUCH;
    make(0, 1);
    run();
    limit_files(128 * 1024);
    make(1, 2);
    run();
    unlimit_files();
    assert_int_equal(entries[1].told, PS_E_STORAGE);
    make(1, 2);
    run();
    assert_int_equal(entries[1].told, PS_OK);
}

static void what_has_no_name_any_more_takes_nothing(void **state)
{
    (void)state;
    make(0, 1);
    run();
    assert_int_equal(unlink(path), 0);
    make(1, 2);
    run();
    assert_int_equal(entries[1].told, PS_E_STORAGE);
}

static void what_waits_at_the_end_is_made_before_it(void **state)
{
    (void)state;
    make(0, MANY);
    commits_free(commits);
    commits = NULL;
    assert_int_equal(left, 0);
    assert_int_equal(rows(seen), MANY);
}

static void more_than_may_wait_is_busy(void **state)
{
    struct entry more = entries[0];

    (void)state;
    commits_free(commits);
    assert_int_equal(commits_new(loop, db, MANY - 1, &commits), PS_OK);
    entries[0].is_held = true;
    make(0, MANY);
    assert_int_equal(commits_make(commits, &more.change), PS_E_BUSY);
    run();
    assert_int_equal(rows(seen), MANY);
}

static void die_when_told(struct change *change, enum ps_err err)
{
    (void)change;
    (void)raise(err == PS_OK ? SIGKILL : SIGABRT);
}

/* A program of its own that changes the database. */
static void die_with(struct entry *entry)
{
    const pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct ps_loop *own_loop = NULL;
        struct commits *own = NULL;

        if (ps_loop_new(&own_loop) == PS_OK && db_open(path, &db) == PS_OK &&
            db_open(path, &beside) == PS_OK && commits_new(own_loop, db, 1, &own) == PS_OK &&
            commits_make(own, &entry->change) == PS_OK && ps_loop_run(own_loop) == PS_OK) {
            _exit(0);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_was_told_outlives_the_program_and_what_was_not_is_whole_or_not_there(void **state)
{
    (void)state;
    /* SQLite is not carried over a fork: nothing of it is open, and no thread is there. */
    commits_free(commits);
    commits = NULL;
    db_close(db);
    db_close(beside);
    db_close(seen);
    db = beside = seen = NULL;
    entries[0].change.done = die_when_told;
    entries[1].is_last = true;
    die_with(&entries[0]);
    die_with(&entries[1]);
    assert_int_equal(db_open(path, &seen), PS_OK);
    assert_true(is_there(&entries[0]));
    assert_false(is_there(&entries[1]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_there_when_it_is_told),
        TEST(what_waits_shares_a_commit),
        TEST(a_conflict_is_told_to_whose_it_is_alone),
        TEST(with_a_failure_nothing_of_its_commit_is_made),
        TEST(a_full_disk_is_told_and_passes),
        TEST(what_has_no_name_any_more_takes_nothing),
        TEST(what_waits_at_the_end_is_made_before_it),
        TEST(more_than_may_wait_is_busy),
        TEST(what_was_told_outlives_the_program_and_what_was_not_is_whole_or_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
