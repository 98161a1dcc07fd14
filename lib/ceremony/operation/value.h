#ifndef CEREMONY_OPERATION_VALUE_H
#define CEREMONY_OPERATION_VALUE_H

#include "lib/ceremony/operation/schema.h"

/* Values of documents as people read them, for the page and for the difference. */

/*
 * On one line and whole: texts in quotes, lists with commas between, and in parentheses what an
 * empty one means. Errors are the buffer's.
 */
void operation_value_put(struct params params, const struct param *param, struct json_value value,
                         struct ps_buf *out);

/* The value without what it means: for a sentence. */
void operation_value_put_bare(struct params params, const struct param *param,
                              struct json_value value, struct ps_buf *out);

/* True for "", "0" and what has nothing in it. */
bool operation_value_is_empty(const struct param *param, struct json_value value);

/* A list of objects is told element by element. */
bool operation_value_is_list_of_objects(struct params params, const struct param *param);

#endif
