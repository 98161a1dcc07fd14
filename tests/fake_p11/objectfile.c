#include "objectfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING        "fake-p11-object 1\n"
#define SUFFIX         ".obj"
#define FILE_NAME_SIZE 64

static void file_name(char name[FILE_NAME_SIZE], const char *id, const char *suffix)
{
    snprintf(name, FILE_NAME_SIZE, "%s%s", id, suffix);
}

bool objectfile_is_name(const char *name)
{
    return strlen(name) == OBJECT_ID_SIZE - 1 + strlen(SUFFIX) &&
           strcmp(name + OBJECT_ID_SIZE - 1, SUFFIX) == 0;
}

static void stamp_of(const struct stat *st, struct object_stamp *ret_stamp)
{
    *ret_stamp =
        (struct object_stamp){.inode = st->st_ino, .size = st->st_size, .changed = st->st_mtim};
}

bool object_stamp_equals(const struct object_stamp *a, const struct object_stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

int objectfile_stamp(int directory, const char *id, struct object_stamp *ret_stamp)
{
    char name[FILE_NAME_SIZE];
    struct stat st;
    file_name(name, id, SUFFIX);
    if (fstatat(directory, name, &st, 0) != 0)
        return -1;
    stamp_of(&st, ret_stamp);
    return 0;
}

static void write_attr(FILE *stream, const struct attr *attr)
{
    static const char digits[] = "0123456789abcdef";
    fprintf(stream, "%08lx ", attr->type);
    for (CK_ULONG i = 0; i < attr->length; i++) {
        putc_unlocked(digits[attr->data[i] >> 4], stream);
        putc_unlocked(digits[attr->data[i] & 15], stream);
    }
    putc_unlocked('\n', stream);
}

static int write_stream(int fd, const struct attrs *attrs, struct object_stamp *ret_stamp)
{
    struct stat st;
    FILE *stream = fdopen(fd, "w");
    if (!stream) {
        close(fd);
        return -1;
    }
    fputs(HEADING, stream);
    for (size_t i = 0; i < attrs->count; i++)
        write_attr(stream, &attrs->items[i]);
    bool sound = fflush(stream) == 0 && fstat(fd, &st) == 0;
    if (fclose(stream) != 0 || !sound)
        return -1;
    stamp_of(&st, ret_stamp);
    return 0;
}

int objectfile_write(int directory, const char *id, const struct attrs *attrs,
                     struct object_stamp *ret_stamp)
{
    char name[FILE_NAME_SIZE], temporary[FILE_NAME_SIZE], suffix[24];
    snprintf(suffix, sizeof(suffix), ".%ld.tmp", (long)getpid());
    file_name(name, id, SUFFIX);
    file_name(temporary, id, suffix);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (write_stream(fd, attrs, ret_stamp) == 0 &&
        renameat(directory, temporary, directory, name) == 0)
        return 0;
    unlinkat(directory, temporary, 0);
    return -1;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Turns hexadecimal digits into octets, in place. */
static bool decode_octets(char *text, size_t *ret_length)
{
    size_t length = 0;
    for (; text[2 * length] != '\0' && text[2 * length] != '\n'; length++) {
        int high = digit_value(text[2 * length]);
        int low = digit_value(text[2 * length + 1]);
        if (high < 0 || low < 0)
            return false;
        text[length] = (char)(high << 4 | low);
    }
    *ret_length = length;
    return true;
}

static bool read_attr(char *line, struct attrs *attrs)
{
    char *end = NULL;
    unsigned long type = strtoul(line, &end, 16);
    size_t length = 0;
    if (end == line || *end != ' ' || !decode_octets(end + 1, &length))
        return false;
    return attrs_set(attrs, type, end + 1, length) == CKR_OK;
}

static bool read_stream(FILE *stream, struct attrs *attrs)
{
    char *line = NULL;
    size_t size = 0;
    bool sound = getline(&line, &size, stream) > 0 && strcmp(line, HEADING) == 0;
    while (sound && getline(&line, &size, stream) > 0)
        sound = read_attr(line, attrs);
    free(line);
    return sound && attrs->count > 0;
}

int objectfile_read(int directory, const char *id, struct attrs *ret_attrs,
                    struct object_stamp *ret_stamp)
{
    char name[FILE_NAME_SIZE];
    struct stat st;
    file_name(name, id, SUFFIX);
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!stream) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    struct attrs attrs = {0};
    bool sound = fstat(fd, &st) == 0 && read_stream(stream, &attrs);
    fclose(stream);
    if (!sound) {
        attrs_clear(&attrs);
        errno = EBADMSG;
        return -1;
    }
    stamp_of(&st, ret_stamp);
    *ret_attrs = attrs;
    return 0;
}

int objectfile_remove(int directory, const char *id)
{
    char name[FILE_NAME_SIZE];
    file_name(name, id, SUFFIX);
    return unlinkat(directory, name, 0);
}
