#ifndef KEYSTORE_GATE_CLASS_H
#define KEYSTORE_GATE_CLASS_H

#include "keystore/keys/keys.h"
#include "lib/ceremony/operation/document.h"
#include "lib/ceremony/people/policy.h"

/*
 * The class that counts for an operation, with the keys as they are now: the highest of its type's,
 * of the one that its document names, and of every key that it touches (ceremonies.md). A grant
 * touches the keys that its pattern covers.
 */
enum policy_class gate_class_of(const struct keys *keys, const struct operation_document *document);

#endif
