#ifndef TESTS_KEEPER_KILL_SOFTWARE_H
#define TESTS_KEEPER_KILL_SOFTWARE_H

#include "tests/keeper/gate_fixture.h"

/* What people approve before the appliance goes on with it, for test_gate_kill.c. */

/* The same program with one octet more behind its last section: another module. */
static inline void kill_exchange_module(void)
{
    static char path[220];
    FILE *file;
    PS_BUF_AUTO module;

    (void)snprintf(path, sizeof path, "%s/module.so", stack.directory);
    assert_true(read_file(stack.module, &module));
    ps_buf_put_u8(&module, 0);
    stack_stop_token(&stack, 0);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(module.data, 1, module.len, file), module.len);
    assert_int_equal(fclose(file), 0);
    stack.module = path;
    stack_start_token(&stack, 0);
    wait_for_text(READ_SYSTEM, "", "unapproved", 1);
}

/* What the supervisor tells the next keeper of its configuration. */
static inline void kill_exchange_configuration(void)
{
    stack.configuration[0]++;
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    wait_for_text(READ_SYSTEM, "", "\"code\":\"configuration\"", 1);
}

#endif
