#include "tokenfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LINE_OF_OCTETS (2 * PIN_MAX + 1)

int tokenfile_lock(int directory)
{
    int lock = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0 && flock(lock, LOCK_EX) != 0) {
        close(lock);
        return -1;
    }
    return lock;
}

void tokenfile_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

void pin_set(struct pin *pin, const void *octets, size_t length)
{
    *pin = (struct pin){.length = length < PIN_MAX ? length : PIN_MAX};
    memcpy(pin->octets, octets, pin->length);
}

bool pin_equals(const struct pin *pin, const void *octets, size_t length)
{
    return pin->length == length && length > 0 && memcmp(pin->octets, octets, length) == 0;
}

void tokenfile_set_label(struct token_file *file, const char *label, size_t length)
{
    memset(file->label, ' ', 32);
    file->label[32] = '\0';
    memcpy(file->label, label, length < 32 ? length : 32);
}

static void write_octets(FILE *stream, const char *name, const void *octets, size_t length)
{
    const unsigned char *at = octets;
    fprintf(stream, "%s ", name);
    for (size_t i = 0; i < length; i++)
        fprintf(stream, "%02x", at[i]);
    fputc('\n', stream);
}

static size_t read_octets(const char *text, unsigned char *octets, size_t size)
{
    size_t length = 0;
    unsigned value;
    while (length < size && sscanf(text + 2 * length, "%2x", &value) == 1)
        octets[length++] = (unsigned char)value;
    return length;
}

static void read_line(struct token_file *file, const char *name, const char *value)
{
    unsigned number = 0;
    if (strcmp(name, "label") == 0)
        read_octets(value, (unsigned char *)file->label, 32);
    else if (strcmp(name, "so-pin") == 0)
        file->pins[PIN_SO].length = read_octets(value, file->pins[PIN_SO].octets, PIN_MAX);
    else if (strcmp(name, "user-pin") == 0)
        file->pins[PIN_USER].length = read_octets(value, file->pins[PIN_USER].octets, PIN_MAX);
    else if (strcmp(name, "so-failures") == 0 && sscanf(value, "%u", &number) == 1)
        file->failures[PIN_SO] = number;
    else if (strcmp(name, "user-failures") == 0 && sscanf(value, "%u", &number) == 1)
        file->failures[PIN_USER] = number;
}

int tokenfile_load(int directory, unsigned token, struct token_file *ret_file)
{
    struct token_file file = {0};
    char name[32], key[32], value[LINE_OF_OCTETS + 1];
    snprintf(name, sizeof(name), "token-%u", token);
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return -1;
    FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !stream) {
        close(fd);
        return -1;
    }
    tokenfile_set_label(&file, "", 0);
    file.initialised = stream != NULL;
    while (stream && fscanf(stream, "%31s %129s", key, value) == 2)
        read_line(&file, key, value);
    if (stream)
        fclose(stream);
    *ret_file = file;
    return 0;
}

static void write_file(FILE *stream, const struct token_file *file)
{
    write_octets(stream, "label", file->label, 32);
    write_octets(stream, "so-pin", file->pins[PIN_SO].octets, file->pins[PIN_SO].length);
    fprintf(stream, "so-failures %u\n", file->failures[PIN_SO]);
    if (file->pins[PIN_USER].length > 0)
        write_octets(stream, "user-pin", file->pins[PIN_USER].octets, file->pins[PIN_USER].length);
    fprintf(stream, "user-failures %u\n", file->failures[PIN_USER]);
}

int tokenfile_save(int directory, unsigned token, const struct token_file *file)
{
    char name[32], temporary[48];
    snprintf(name, sizeof(name), "token-%u", token);
    snprintf(temporary, sizeof(temporary), "token-%u.tmp", token);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!stream) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    write_file(stream, file);
    if (fclose(stream) != 0)
        return -1;
    return renameat(directory, temporary, directory, name);
}
