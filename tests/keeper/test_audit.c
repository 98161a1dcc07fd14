#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/set_clock.h"

#include "lib/ceremony/audit/audit.h"

#include <dirent.h>
#include <stdio.h>

/* An auditor's report of a log in which a shard of the uses is complete. */

#define KEY     "a.key"
#define MONTH_S (40L * 86400)

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
    fixture_begin(1);
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

static void wait_for_shard(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count(&stack, "shard") == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

static enum ps_err report(struct ps_buf *out)
{
    char directory[200];
    const struct audit_request request = {.directory = directory};
    const struct audit_period all = {.to_ns = UINT64_MAX / 2};

    (void)snprintf(directory, sizeof directory, "%s/log", stack.data);
    return audit_report(&request, &all, out);
}

static enum ps_err present_state(struct ps_buf *out)
{
    char directory[200];
    const struct audit_request request = {.directory = directory};

    (void)snprintf(directory, sizeof directory, "%s/log", stack.data);
    return audit_state(&request, UINT64_MAX / 2, out);
}

/* The directory of the older of the two shards. */
static void put_first_shard(char path[600])
{
    char directory[200];
    char first[64] = "~";
    DIR *shards;
    const struct dirent *entry;

    (void)snprintf(directory, sizeof directory, "%s/log/use", stack.data);
    shards = opendir(directory);
    assert_non_null(shards);
    while ((entry = readdir(shards)) != NULL) {
        if (entry->d_name[0] == '2' && strcmp(entry->d_name, first) < 0) {
            (void)snprintf(first, sizeof first, "%.60s", entry->d_name);
        }
    }
    (void)closedir(shards);
    assert_string_not_equal(first, "~");
    (void)snprintf(path, 600, "%s/%s", directory, first);
}

static bool says(const struct ps_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

/* Nothing in the shard could be counted: that is no report of all uses. */
static void a_report_without_a_complete_shard_is_not_verified(void **state)
{
    char shard[600];
    char aside[200];
    PS_BUF_AUTO whole = {.max = 1024 * 1024};
    PS_BUF_AUTO without = {.max = 1024 * 1024};
    PS_BUF_AUTO again = {.max = 1024 * 1024};

    (void)state;
    expect(200, sign(KEY));
    set_clock_off(passed_s, MONTH_S);
    expect(200, sign(KEY));
    wait_for_shard();
    assert_int_equal(stack_stop_keeper(&stack), 0);
    assert_ok(report(&whole));
    assert_true(says(&whole, "{\"verified\":true,"));
    put_first_shard(shard);
    (void)snprintf(aside, sizeof aside, "%s/aside", stack.data);
    assert_int_equal(rename(shard, aside), 0);
    assert_int_equal(report(&without), PS_E_DENIED);
    assert_non_null(strstr(ps_detail()->text, "1 complete shards of uses are not here"));
    assert_true(says(&without, "{\"verified\":false,"));
    assert_int_equal(rename(aside, shard), 0);
    assert_ok(report(&again));
}

/* The last octet of the shard's leaves. */
static void change_leaf(const char *shard)
{
    char path[700];
    FILE *entries;
    int last;

    (void)snprintf(path, sizeof path, "%s/entries", shard);
    entries = fopen(path, "r+e");
    assert_non_null(entries);
    assert_int_equal(fseek(entries, -1, SEEK_END), 0);
    last = fgetc(entries);
    assert_int_not_equal(last, EOF);
    assert_int_equal(fseek(entries, -1, SEEK_END), 0);
    assert_int_not_equal(fputc(last ^ 1, entries), EOF);
    assert_int_equal(fclose(entries), 0);
}

/* Also where nothing is wrong with what changed people and rows. */
static void what_a_log_that_does_not_verify_says_is_not_verified(void **state)
{
    char shard[600];
    PS_BUF_AUTO whole = {.max = 1024 * 1024};
    PS_BUF_AUTO changed = {.max = 1024 * 1024};

    (void)state;
    assert_ok(present_state(&whole));
    assert_true(says(&whole, "{\"verified\":true,"));
    put_first_shard(shard);
    change_leaf(shard);
    assert_int_equal(present_state(&changed), PS_E_DENIED);
    assert_true(says(&changed, "{\"verified\":false,"));
    assert_true(says(&changed, "\"roster\":"));
    change_leaf(shard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_without_a_complete_shard_is_not_verified),
        cmocka_unit_test(what_a_log_that_does_not_verify_says_is_not_verified),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
