#ifndef TESTS_KEEPER_BACKUP_FIXTURE_H
#define TESTS_KEEPER_BACKUP_FIXTURE_H

#include "tests/keeper/gate_fixture.h"

#include <sys/stat.h>

/* Backups and drills that are asked for. */

/* A stack of one process that is not started; its backups will be in `directory`. */
static inline PS_UNUSED void make_stack_with_backups(char directory[160])
{
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    (void)snprintf(directory, 160, "%s/backups", stack.directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    stack.backups = directory;
}

static inline PS_UNUSED unsigned ask_task(enum task task)
{
    const struct msg_task message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("task-1"), .task = (uint8_t)task};
    struct wire_frame answer;

    stack_call(&stack, &stack.management, &msg_task_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

static inline PS_UNUSED void make_backup(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;
    const unsigned kept = leaves_count(&stack, "backup-kept");

    expect(202, ask_task(TASK_BACKUP));
    while (leaves_count(&stack, "backup-kept") == kept) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
}

static inline PS_UNUSED void wait_for_drill(unsigned number)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (leaves_count(&stack, "drill") < number) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(5000);
    }
    wait_for_text(READ_DRILL, "", "\"state\":\"idle\"", 1);
    expect(200, stack_read(&stack, READ_DRILL, "", &body));
}

#endif
