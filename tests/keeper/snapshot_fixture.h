#ifndef TESTS_KEEPER_SNAPSHOT_FIXTURE_H
#define TESTS_KEEPER_SNAPSHOT_FIXTURE_H

#include "tests/keeper/files.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/sql.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A stack that makes a snapshot of each leaf, and what is done to its files. */

#define KEY "s.key"

/* Keys of the appliance that the snapshots are of; they stay in memory, and others do not. */
static inline PS_UNUSED int make_stack(void **state)
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
    expect(201, change_to_the_end(
                    "key.create_batch", "",
                    "{\"keys\":[{\"name\":\"w.0\"},{\"name\":\"w.1\"},{\"name\":\"w.2\"},"
                    "{\"name\":\"w.3\"}],\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":"
                    "[\"jws\"],\"residence\":\"wrapped\"}"));
    return 0;
}

/* Leaves that the snapshot in use stands for. */
static inline PS_UNUSED unsigned long snapshot_size(void)
{
    return system_number("snapshot");
}

/* Leaves that the start did not read. */
static inline PS_UNUSED unsigned long taken_size(void)
{
    return system_number("taken");
}

static inline PS_UNUSED void path_in_data(const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", stack.data, name);
}

static inline PS_UNUSED unsigned long claimed_size(void)
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
static inline PS_UNUSED void wait_signed(unsigned long size)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (claimed_size() < size) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(20000);
    }
}

static inline PS_UNUSED unsigned long events_size(void)
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
static inline PS_UNUSED void snapshot_of_now(void)
{
    wait_signed(events_size());
}

static inline PS_UNUSED void remove_in_data(const char *name)
{
    char path[256];

    path_in_data(name, path);
    run("rm", "-rf", path, NULL);
}

/* A copy of a part of the data directory, beside it, or back. */
static inline PS_UNUSED void save(const char *name)
{
    char from[256];
    char to[300];

    path_in_data(name, from);
    (void)snprintf(to, sizeof to, "%s.saved", from);
    run("rm", "-rf", to, NULL);
    run("cp", "-a", from, to);
}

static inline PS_UNUSED void put_back(const char *name)
{
    char to[256];
    char from[300];

    path_in_data(name, to);
    (void)snprintf(from, sizeof from, "%s.saved", to);
    run("rm", "-rf", to, NULL);
    run("cp", "-a", from, to);
}

/* Started as the supervisor does, with what is on the disk; which state that is. */
static inline PS_UNUSED void start_again(enum appliance_state expected)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, expected);
}

/* The one that is signed for is taken. */
static inline PS_UNUSED void start_on_the_snapshot(void)
{
    unsigned long size;

    stack_kill_keeper(&stack);
    size = claimed_size();
    assert_true(size != 0);
    start_again(APPLIANCE_OPERATIONAL);
    assert_int_equal(taken_size(), size);
}

static inline PS_UNUSED void change_octet(const char *name, long at)
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

static inline PS_UNUSED void rows_file(char out[64])
{
    (void)snprintf(out, 64, "snapshot/%lu.rows", claimed_size());
}

#endif
