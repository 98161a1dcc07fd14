#ifndef APPLIANCE_CLI_METER_H
#define APPLIANCE_CLI_METER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far something long has come, as one line on standard error that is written over: "reading: 37
 * %". Where standard error is no terminal nothing is shown.
 */
struct meter {
    const char *what;
    uint64_t all; /* of whatever is counted; 0: nobody knows */
    uint64_t done;
    unsigned shown; /* percent */
    bool is_begun;  /* something stands in the line */
};

/* Borrows `what`. */
void meter_begin(struct meter *meter, const char *what, uint64_t all);
/* Octets of an open file; 0: nobody knows. */
uint64_t meter_size(int fd);
void meter_advance(struct meter *meter, uint64_t count);
/* Ends the line, if there is one. */
void meter_end(struct meter *meter);

#endif
