#ifndef TESTS_KEEPER_KILL_PARTS_H
#define TESTS_KEEPER_KILL_PARTS_H

#include "tests/keeper/kill_rows.h"

/* Which rows each of several programs that run side by side tries, so that they end together. */

enum { KILL_PARTS_MAX = 8, FEW_S = 3 };

/* The longest first, each to the part that has the least so far. */
static void kill_divide(size_t parts, size_t part_of[])
{
    unsigned load[KILL_PARTS_MAX] = {0};
    bool is_given[PS_COUNT_OF(rows)] = {false};

    for (size_t given = 0; given < PS_COUNT_OF(rows); given++) {
        size_t next = PS_COUNT_OF(rows);
        size_t least = 0;

        for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
            if (!is_given[i] &&
                (next == PS_COUNT_OF(rows) || rows[i].takes_s > rows[next].takes_s)) {
                next = i;
            }
        }
        for (size_t part = 1; part < parts; part++) {
            least = load[part] < load[least] ? part : least;
        }
        is_given[next] = true;
        part_of[next] = least;
        load[least] += rows[next].takes_s == 0 ? FEW_S : rows[next].takes_s;
    }
}

#endif
