#ifndef FAKE_P11_OBJECTFILE_H
#define FAKE_P11_OBJECTFILE_H

#include "object.h"

/* One object's file. 0, or -1 with errno set. */

int objectfile_write(int directory, const char *id, const struct attrs *attrs,
                     struct object_stamp *ret_stamp);

/* Errors: EBADMSG for what is no such file */
int objectfile_read(int directory, const char *id, struct attrs *ret_attrs,
                    struct object_stamp *ret_stamp);

int objectfile_remove(int directory, const char *id);

int objectfile_stamp(int directory, const char *id, struct object_stamp *ret_stamp);
bool object_stamp_equals(const struct object_stamp *a, const struct object_stamp *b);

/* Whether a directory entry is an object's file; its name begins with the id. */
bool objectfile_is_name(const char *name);

#endif
