#ifndef JSONLD_NUMBER_H
#define JSONLD_NUMBER_H

#include "lib/base/buf.h"

/*
 * JSON numbers as IEEE 754 doubles, read and written in the same way whatever the locale is.
 * `digits` are a number of JSON's grammar, at most 128 characters, as lib/formats/json/json.h lets
 * pass.
 */
double number_read(struct ps_bytes digits);

/* A whole number nearer to zero than 2^53: no other whole number reads as the same double. */
bool number_is_exact_integer(double number);

/* The canonical lexical form of xsd:double: one digit before the point, up to 15 after it. */
void number_put_double(struct ps_buf *out, double number);

/* That of xsd:integer; below 10^21. */
void number_put_integer(struct ps_buf *out, double number);

/* As ECMAScript writes it, the shortest that reads back the same: RFC 8785 section 3.2.2.3. */
void number_put_shortest(struct ps_buf *out, double number);

#endif
