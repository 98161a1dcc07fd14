#include "keystore/operations/keys/family.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/new_key.h"

#include <stdlib.h>

/*
 * A key that a client makes under a family of its own. Nobody has approved it but with the family:
 * what makes it one of that is decided here, before it is made and again where its rows are made,
 * and so also of what a log says was made. Several are made at once: which number one has, and
 * whether the family still is, shows when it is its turn to be recorded. After a crash it was not
 * made: it lives outside the token, so that nothing is left of it but rows, which go.
 */

/* Of one client, so that there is room for what others do. */
#define AT_ONCE_MAX 16u

struct key_request {
    struct ps_bytes name;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct key_request, name, JSON_KIND_NAME, true, PS_NAME_MAX),
};

/* Of another client's family nobody is told that there is one. */
static enum ps_err find_own(struct operation *op, struct ps_bytes prefix, struct row *row,
                            struct family_record *ret_family)
{
    const enum ps_err err = family_read(op->keeper, prefix, row, ret_family);

    if (err == PS_E_NOT_FOUND ||
        (err == PS_OK && !ps_bytes_equal_str(ret_family->client, op->caller))) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such family");
    }
    return err;
}

static void refuse(struct operation *op, enum ps_err err)
{
    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "%s", ps_detail()->text);
    } else if (err == PS_E_DENIED || err == PS_E_LIMIT) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err == PS_E_STATE) {
        operation_refuse_state(op, "suspended", ps_detail()->text);
    } else {
        operation_refuse_error(op, err);
    }
}

static enum ps_err resolve(struct operation *op, struct json_value body)
{
    const struct ps_bytes prefix = ps_buf_bytes(&op->subject);
    ROW_AUTO row = {.parser = NULL};
    struct key_request request = {.name = {NULL, 0}};
    struct token_view view = {.number = 0};
    struct family_record family;
    const struct token *maker;

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    PS_TRY(find_own(op, prefix, &row, &family));
    maker = wrapping_keys_maker(op->keeper, family.key.token);
    if (maker != NULL) {
        family.key.token = tokens_name(maker);
    }
    if (!new_key_find_token(op, family.key.token, &view)) {
        return PS_OK; /* answered */
    }
    (void)operation_reserve(op);
    family.key.name = request.name;
    key_params_put(&family.key, &(struct new_ids){.objects = op->objects, .family = prefix}, &view,
                   &op->resolved);
    return PS_OK;
}

bool family_key_resolve(struct operation *op, struct json_value body)
{
    const enum ps_err err = resolve(op, body);

    if (err != PS_OK) {
        refuse(op, err);
    }
    return err == PS_OK && !op->is_answered;
}

/* --- Whether it is one of the family --- */

struct one {
    struct row row; /* of the family */
    struct family_record family;
    struct key_record key;
};

static void one_clear(struct one *one)
{
    row_clear(&one->row);
}
#define ONE_AUTO PS_CLEANUP(one_clear) struct one

/* The token of a family may be away, or gone with the machine that it was in. */
static bool wraps(const struct keeper *keeper, struct ps_bytes token)
{
    struct wrapping_keys keys;

    return wrapping_keys_now(keeper, &keys) && version_is_on(keys.wrapping, token);
}

/* Whose it is, its name and its kind. Errors: PS_E_NOT_FOUND, PS_E_DENIED. */
static enum ps_err read_one(struct operation *op, struct one *one)
{
    struct key_record wanted;
    struct ps_bytes prefix;

    PS_TRY(document_text(op->params, "family", &prefix));
    PS_TRY(key_params_read(op, &one->key));
    PS_TRY(key_params_object(op, 0));
    PS_TRY(find_own(op, prefix, &one->row, &one->family));
    if (!ps_bytes_starts_with(one->key.name, prefix) || one->key.name.len == prefix.len) {
        return ps_fail(PS_E_DENIED, 0, "`name`: it begins with %.*s, and goes on",
                       PS_BYTES_FMT(prefix));
    }
    wanted = one->family.key;
    wanted.name = one->key.name;
    wanted.token = wraps(op->keeper, one->key.token) ? one->key.token : wanted.token;
    return key_record_is_same(&wanted, &one->key)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it is not of the family's kind");
}

/* Whether there may be one more. Errors: PS_E_STATE, PS_E_LIMIT. */
static enum ps_err check_room(const struct family_record *family)
{
    if (family->suspended) {
        return ps_fail(PS_E_STATE, 0, "the family is suspended");
    }
    return family->made < family->maximum
               ? PS_OK
               : ps_fail(PS_E_LIMIT, 0, "all %llu keys of the family are made",
                         (unsigned long long)family->maximum);
}

void family_key_lock(struct operation *op)
{
    operation_lock_keys(op);
}

static bool has_room_at_once(struct operation *op)
{
    size_t count = 0;

    for (const struct operation *other = op->operations->first; other != NULL;
         other = other->next) {
        count += other->type == op->type && strcmp(other->caller, op->caller) == 0 ? 1 : 0;
    }
    if (count > AT_ONCE_MAX) { /* with this one */
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT,
                         "%u keys of this client are just being made: ask again", AT_ONCE_MAX);
    }
    return count <= AT_ONCE_MAX;
}

/* Whichever token has made it: it is opened in others, too. */
static bool is_new(struct operation *op, const struct key_record *record)
{
    const struct key *present = keys_find(op->keeper->keys, record->name);
    struct key_record wanted = *record;

    if (present != NULL && present->is_wrapped) {
        wanted.token = ps_bytes_str(present->token);
    }
    return new_key_is_new(op, &wanted);
}

bool family_key_check(struct operation *op)
{
    ONE_AUTO one = {.row = {.parser = NULL}};
    enum ps_err err = read_one(op, &one);

    if (err == PS_OK) {
        if (!is_new(op, &one.key)) {
            return false;
        }
        err = check_room(&one.family);
    }
    if (err != PS_OK) {
        refuse(op, err);
        return false;
    }
    return has_room_at_once(op) && new_key_obeys_rules(op, &one.key) &&
           new_key_has_its_token(op, one.key.token) && new_key_can_live(op, &one.key) &&
           new_key_fits_sets(op, &one.key);
}

/* --- Making it --- */

/* What it is allowed to be when its rows are made. */
static enum ps_err read_next(struct operation *op, struct one *one)
{
    const enum ps_err err = read_one(op, one);

    if (err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_DENIED, 0, "its client has no such family");
    }
    PS_TRY(err);
    return check_room(&one->family);
}

static void put_rows(struct operation *op, struct one *one, const struct made *made)
{
    one->family.made++;
    new_key_put_rows(op, &one->key, &op->objects[0], made);
    family_record_put(&one->family,
                      operation_change(op, CATALOG_FAMILY, one->family.prefix, one->row.revision));
}

/* What the token made, until it is its turn. */
struct kept {
    char kid[KEY_KID_MAX + 1];
    size_t spki_len;
    size_t check_len;
    uint8_t spki[KEY_PUBLIC_MAX];
    uint8_t check[KEY_CHECK_MAX];
};

static struct made made_of(const struct kept *kept)
{
    return (struct made){.spki = ps_bytes(kept->spki, kept->spki_len),
                         .kid = kept->kid,
                         .check = ps_bytes(kept->check, kept->check_len)};
}

static void copy(uint8_t *to, struct ps_bytes from)
{
    if (from.len != 0) {
        memcpy(to, from.data, from.len);
    }
}

static enum ps_err keep(struct operation *op, const struct made *made)
{
    struct kept *kept = calloc(1, sizeof *kept);

    if (kept == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    free(op->work);
    op->work = kept;
    if (made->spki.len > sizeof kept->spki || made->check.len > sizeof kept->check ||
        strlen(made->kid) >= sizeof kept->kid) {
        return ps_fail(PS_E_TOKEN, 0, "the token gave a public key that is too long");
    }
    memcpy(kept->kid, made->kid, strlen(made->kid) + 1);
    copy(kept->spki, made->spki);
    copy(kept->check, made->check);
    kept->spki_len = made->spki.len;
    kept->check_len = made->check.len;
    return PS_OK;
}

static void on_made(struct operation *op, const struct made *made)
{
    const enum ps_err err = keep(op, made);

    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    operation_done(op);
}

static enum ps_err put_kept_rows(struct operation *op, struct one *one)
{
    const struct made made = made_of(op->work);

    PS_TRY(new_key_check_sets(op, &one->key)); /* which others have filled meanwhile */
    put_rows(op, one, &made);
    return PS_OK;
}

enum ps_err family_key_rows(struct operation *op)
{
    ONE_AUTO one = {.row = {.parser = NULL}};
    struct retraced_key made;

    PS_TRY(read_next(op, &one));
    if (op->retraced.doc == NULL) {
        return put_kept_rows(op, &one);
    }
    PS_TRY(retrace_take_made(op, one.key.type, &op->objects[0], &made));
    put_rows(op, &one, &made.made);
    return PS_OK;
}

void family_key_execute(struct operation *op)
{
    struct key_record record;
    struct make_spec spec;

    if (new_key_prepare(op, &record, &spec)) {
        make_key(op, &spec, &op->objects[0], on_made);
    }
}
