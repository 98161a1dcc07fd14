#ifndef TESTS_FUZZ_LOG_FILES_H
#define TESTS_FUZZ_LOG_FILES_H

#include "tests/fuzz/fuzz.h"

#include "lib/base/reader.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The files of one tree from one input: for each u16 length and content; what is short is empty. */

static const char *const log_files[] = {"entries", "hashes.0", "offsets", "checkpoint", "hashes.1"};

/* A directory of this process, in memory where there is such a place. */
static const char *log_files_directory(void)
{
    static char path[64];

    if (path[0] == '\0') {
        (void)snprintf(path, sizeof path, "%s/privyseal-fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert(mkdtemp(path) != NULL);
    }
    return path;
}

static void log_files_write(struct ps_bytes input)
{
    struct ps_reader reader = ps_reader(input);

    (void)mkdir(log_files_directory(), 0700);
    for (size_t i = 0; i < PS_COUNT_OF(log_files); i++) {
        const struct ps_bytes content = ps_reader_take(&reader, ps_reader_u16(&reader));
        char path[96];
        int fd;

        (void)snprintf(path, sizeof path, "%s/%s", log_files_directory(), log_files[i]);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len);
        assert(close(fd) == 0);
    }
}

static void log_files_remove(void)
{
    static const char *const others[] = {"hashes.2", "hashes.3", "hashes.4", "checkpoint.new"};

    for (size_t i = 0; i < PS_COUNT_OF(log_files) + PS_COUNT_OF(others); i++) {
        char path[96];

        (void)snprintf(path, sizeof path, "%s/%s", log_files_directory(),
                       i < PS_COUNT_OF(log_files) ? log_files[i]
                                                  : others[i - PS_COUNT_OF(log_files)]);
        (void)unlink(path);
    }
    (void)rmdir(log_files_directory());
}

#endif
