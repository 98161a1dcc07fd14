#ifndef FORMATS_X509_RULE_H
#define FORMATS_X509_RULE_H

#include "lib/formats/x509/name.h"

/*
 * What a profile lets a requester choose: patterns for the values of a subject and for names. A
 * pattern has at most one "*", which stands for one or more characters other than "*", so that a
 * host name with a wildcard is never issued on request.
 *
 * Patterns of names have their kind in front, as names do, and the "*" only where it cannot reach
 * over what tells one owner from another: "dns:*.example.org", "email:*@example.org",
 * "uri:did:web:*", after the host of other URIs, or alone ("dns:*", "ip:*").
 */
bool x509_rule_valid(struct ps_bytes rule);
bool x509_rule_matches(struct ps_bytes rule, const struct x509_san *san);

/* Of a value of a subject: the "*" stands anywhere. */
bool x509_value_rule_valid(struct ps_bytes rule);
bool x509_value_rule_matches(struct ps_bytes rule, struct ps_bytes value);
/* It has no "*": every certificate of the profile has this value. */
bool x509_value_rule_is_fixed(struct ps_bytes rule);

#endif
