#ifndef TESTS_APPLIANCE_SUPERVISED_H
#define TESTS_APPLIANCE_SUPERVISED_H

#include "appliance/privyseald.h"
#include "lib/base/compiler.h"
#include "tests/appliance/harness.h"
#include "tests/appliance/probe_roles.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * This program is its own privyseald: called with a role or with --config it is the supervisor or
 * one of its roles, else it runs the tests, which start it as such.
 */
static struct harness harness;

static const char *const roles[] = {"token a/0", "token a/1", "keeper", "api clients",
                                    "api management"};

static int set_up(void **state)
{
    (void)state;
    harness_set_up(&harness);
    harness_write_config(&harness, "", "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    harness_tear_down(&harness);
    return 0;
}

static const char *event(const char *name)
{
    static char text[2][96];
    static size_t turn;

    turn = 1 - turn;
    (void)snprintf(text[turn], sizeof text[turn], "\"event\":\"%s\"", name);
    return text[turn];
}

static const char *process(const char *name)
{
    static char text[2][96];
    static size_t turn;

    turn = 1 - turn;
    (void)snprintf(text[turn], sizeof text[turn], "\"process\":\"%s\"", name);
    return text[turn];
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
