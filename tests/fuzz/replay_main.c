#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * What stands in for libFuzzer in an ordinary build: gives every file, and every file of every
 * folder, named in the arguments to the target and says how many there were.
 */
static unsigned long replayed;

static void refuse(const char *path)
{
    (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(2);
}

static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rbe");
    /* Exactly as large as the file, so that a sanitizer sees a read past its end. */
    uint8_t *data = malloc(size == 0 ? 1 : size);

    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        refuse(path);
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay_folder(const char *path);

static void replay(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        refuse(path);
    }
    if (S_ISDIR(info.st_mode)) {
        replay_folder(path);
    } else {
        replay_file(path, (size_t)info.st_size);
    }
}

static void replay_folder(const char *path)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);

    if (count < 0) {
        refuse(path);
    }
    for (int i = 0; i < count; i++) {
        char inner[4096];

        if (entries[i]->d_name[0] != '.') {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
            replay(inner);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    (void)printf("%lu inputs replayed\n", replayed);
    /* A corpus that is gone must not look like one that passes. */
    return replayed == 0 ? 1 : 0;
}
