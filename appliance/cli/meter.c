#include "appliance/cli/meter.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void show(struct meter *meter, unsigned percent)
{
    (void)fprintf(stderr, "\r%s: %u %%", meter->what, percent);
    (void)fflush(stderr);
    meter->shown = percent;
    meter->is_begun = true;
}

void meter_begin(struct meter *meter, const char *what, uint64_t all)
{
    *meter = (struct meter){.what = what, .all = isatty(STDERR_FILENO) ? all : 0};
    if (meter->all != 0) {
        show(meter, 0);
    }
}

uint64_t meter_size(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;
}

void meter_advance(struct meter *meter, uint64_t count)
{
    unsigned percent;

    if (meter->all == 0) {
        return;
    }
    /* What grew since it was measured is all of it. */
    meter->done = count > meter->all - meter->done ? meter->all : meter->done + count;
    percent = (unsigned)((double)meter->done * 100 / (double)meter->all);
    if (percent != meter->shown) {
        show(meter, percent);
    }
}

void meter_end(struct meter *meter)
{
    if (meter->is_begun) {
        (void)fputc('\n', stderr);
    }
    meter->all = 0;
    meter->is_begun = false;
}
