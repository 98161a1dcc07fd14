#ifndef KEYSTORE_OPERATIONS_LIFE_H
#define KEYSTORE_OPERATIONS_LIFE_H

#include "keystore/operations/operation.h"

/* --- types.c --- */
const struct operation_type *operation_type_find(struct ps_bytes name);
char operation_type_class(const struct operation_type *type);

/* --- operation.c: the life of an operation --- */
struct operation *operation_new(struct operations *operations, const struct operation_type *type);
void operation_free(struct operation *op);

/* Ends of resolve. */
PS_PRINTF(3, 4)
void operation_refuse(struct operation *op, enum ps_problem problem, const char *format, ...);
void operation_refuse_state(struct operation *op, const char *state, const char *detail);
void operation_refuse_error(struct operation *op, enum ps_err err);
/*
 * The same is there already: 200 with what op->body holds. For what people approved it is a
 * refusal, since only a result ends that.
 */
void operation_exists(struct operation *op);

/* 202: it goes on, and how far it is. */
void operation_answer_executing(const struct reply_to *to, const struct operation *op);

/* What it touches: nobody else touches it until the end. */
void operation_lock(struct operation *op, const char *kind, struct ps_bytes name);
/* Of each key that its parameters name. */
void operation_lock_keys(struct operation *op);
/* Whether another operation has one of its locks. */
bool operation_is_locked_out(const struct operation *op);
/* A CKA_ID for a key that will be made; reserved in the catalog before it is. */
struct object *operation_reserve(struct operation *op);

/* Checks, document, rows, intent; `request` are the parameters as they came. */
void operation_begin(struct operation *op, struct ps_bytes request);
/*
 * The same for one that people have approved: what is done is read from the octets they signed. Its
 * id, caller, subject and the revision of its row are set.
 */
void operation_begin_approved(struct operation *op, struct ps_bytes document);

/* Whether it touches no key of a reserved name; the appliance itself may. */
bool operation_leaves_ours_alone(const struct operation *op);

/* operations.c: whether the state of things lets it begin, as of one that is asked for now. */
bool operation_may_begin_approved(struct operation *op);

/* Ends of execute and settle. */
void operation_done(struct operation *op);
PS_PRINTF(3, 4)
void operation_failed(struct operation *op, enum ps_problem problem, const char *format, ...);
void operation_failed_error(struct operation *op, enum ps_err err);

/* A row that the operation changes. `expected` 0: makes it. The body is what was put into it. */
struct ps_buf *operation_change(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                                uint64_t expected);
void operation_remove(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                      uint64_t expected);
void operation_forget_changes(struct operation *op);

/* Changes of the catalog in the heap: there may be more than a stack should hold. */
void free_changes(struct catalog_change **changes);

/*
 * The names of the rows of reserved ids: all of the operation's in `out`, one behind the other, and
 * the one of an object in it. OBJECT_NAMES_MAX octets hold them.
 */
#define OBJECT_NAME_LEN  (2u * OBJECT_ID_LEN)
#define OBJECT_NAMES_MAX (OBJECTS_MAX * OBJECT_NAME_LEN)
PS_MUST_USE enum ps_err objects_put_names(const struct operation *op, struct ps_buf *out);
struct ps_bytes object_name_at(const struct ps_buf *names, size_t index);
/*
 * What tokens made of keys that live outside them, before the leaf that says there are such keys: a
 * leaf must never name what a crash has lost.
 */
PS_MUST_USE enum ps_err objects_store_wrapped(struct operation *op);

/* --- commit.c --- */
void commit_begin(struct operation *op);
/*
 * Records the rows that were changed so far as a part, with the objects that are OBJECT_IN_PART,
 * and then executes the operation again. These are OBJECT_KEPT from when the leaf is durable; or
 * OBJECT_NEW again, and op->problem is set, when it can never be written.
 */
void commit_part(struct operation *op);
void commit_retry(struct operations *operations);
/* Renders the answer from what is there now. */
PS_MUST_USE enum ps_err commit_describe(struct operation *op);

/* --- document.c --- */
PS_MUST_USE enum ps_err document_build(struct operation *op);
PS_MUST_USE enum ps_err document_parse(struct operation *op, struct ps_bytes document);
void document_put_row(const struct operation *op, const char *state, struct ps_buf *out);
/* Resolved parameters hold numbers as strings of digits (ceremonies.md). */
PS_MUST_USE enum ps_err document_number(struct json_value object, const char *name,
                                        uint64_t *ret_number);
PS_MUST_USE enum ps_err document_text(struct json_value object, const char *name,
                                      struct ps_bytes *ret_text);

/* Appends octets that stand there in base64url; none when there is no such member. */
PS_MUST_USE enum ps_err document_octets(struct json_value object, const char *name,
                                        struct ps_buf *out);

/* Appends the ids of a list, in hex, to the operation's objects. */
PS_MUST_USE enum ps_err document_objects(struct operation *op, struct json_value list);

/* --- idempotency.c --- */
/* True: the request was answered, by what is remembered or by a refusal. */
bool idempotency_replay(struct operation *op);
/* Notes it as in flight. False: refused. */
bool idempotency_begin(struct operation *op);
void idempotency_forget(struct operation *op);
/* The answer to remember, valid with `memory`. False: there is no key. */
bool idempotency_put_answer(const struct operation *op, struct ps_buf *memory,
                            struct catalog_answer *ret_answer);

#endif
