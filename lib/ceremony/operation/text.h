#ifndef CEREMONY_OPERATION_TEXT_H
#define CEREMONY_OPERATION_TEXT_H

#include "lib/ceremony/operation/document.h"

/*
 * Documents of operations in plain language, for those who approve them. Lines of UTF-8 that end
 * in newlines; every member is there with its whole value. Text from the document is in quotes, and
 * what a terminal would not show as it is (control characters, characters that change the direction
 * of text, that have no width, or that pass for a blank) is written as \u{202e}, a quote or
 * backslash with a backslash before it.
 */
#define OPERATION_TEXT_MAX (1024u * 1024u) /* octets that the text of any document fits into */

/* The page: what will be done, its parameters, who asks and why, until when, hash and words. */
PS_MUST_USE enum ps_err operation_text_put(const struct operation_document *document,
                                           struct ps_buf *out);

/*
 * What is not as in an earlier document of the same type, member by member: added, removed,
 * changed. What every document has for itself (nonce, times, place in the log) is not compared,
 * and a last line says so.
 * Errors: PS_E_INPUT when they are of two types.
 */
PS_MUST_USE enum ps_err operation_text_put_difference(const struct operation_document *before,
                                                      const struct operation_document *now,
                                                      struct ps_buf *out);

/* Text from outside with its quotes, as above. */
void operation_text_put_quoted(struct ps_bytes text, struct ps_buf *out);

/*
 * The same for texts that may hold blanks: a long one is written in pieces, each in quotes on a
 * line of its own. A terminal that broke it would show its middle as the beginning of a line, where
 * it could pass for a member of the document.
 */
void operation_text_put_prose(struct ps_bytes text, struct ps_buf *out);

/* A whole page on its way to a terminal: newlines stay, quotes and backslashes are as they are. */
void operation_text_put_visible(struct ps_bytes text, struct ps_buf *out);

/* The same for text that stays on its line: newlines are written as \u{a}. */
void operation_text_put_line(struct ps_bytes text, struct ps_buf *out);

#endif
