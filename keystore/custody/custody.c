#include "keystore/custody/internal.h"

#include "keystore/custody/refused_pins.h"
#include "keystore/events/events.h"
#include "keystore/gate/gate.h"
#include "keystore/state/lock.h"
#include "keystore/tokens/approval.h"
#include "lib/base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define ROW_MEMORY (CATALOG_BODY_MAX + 4096u)

static const struct json_limits row_limits = {CATALOG_BODY_MAX, 8, 4000, false};

/* --- Rows --- */

void pin_row_clear(struct pin_row *row)
{
    ps_buf_clear(&row->memory);
    json_free(row->parser);
    row->parser = NULL;
}

enum ps_err pin_row_read(const struct keeper *keeper, struct ps_bytes token, enum share_pin pin,
                         bool next, struct pin_row *row)
{
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct catalog_row found;
    struct json_value body;

    *row = (struct pin_row){.memory = {.max = ROW_MEMORY}};
    if (keeper->known == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "nothing is known yet");
    }
    pin_record_put_name(token, pin, next, &name);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(json_new(&row->parser));
    PS_TRY(catalog_get(keeper->known, CATALOG_PIN, ps_buf_bytes(&name), &row->memory, &found));
    row->revision = found.revision;
    PS_TRY(json_parse(row->parser, found.body, &row_limits, &body));
    return pin_record_read(body, &row->record);
}

enum ps_err pin_row_read_some(const struct keeper *keeper, struct ps_bytes token,
                              enum share_pin pin, struct pin_row *row)
{
    const enum ps_err err = pin_row_read(keeper, token, pin, false, row);

    if (err != PS_E_NOT_FOUND) {
        return err;
    }
    pin_row_clear(row);
    return pin_row_read(keeper, token, pin, true, row);
}

/* --- Tokens --- */

struct custody_token *custody_token_find(struct custody *custody, struct ps_bytes name)
{
    struct custody_token *token;

    for (size_t i = 0; i < custody->count; i++) {
        if (ps_bytes_equal_str(name, custody->tokens[i].name)) {
            return &custody->tokens[i];
        }
    }
    if (custody->count == CUSTODY_TOKENS_MAX || !ps_name_valid(name)) {
        return NULL;
    }
    token = &custody->tokens[custody->count++];
    memcpy(token->name, name.data, name.len);
    return token;
}

const struct custody_token *custody_token_of(const struct custody *custody,
                                             const struct token *token)
{
    for (size_t i = 0; i < custody->count; i++) {
        if (ps_bytes_equal_str(tokens_name(token), custody->tokens[i].name)) {
            return &custody->tokens[i];
        }
    }
    return NULL;
}

/* --- Which PIN may be used --- */

void custody_note_pin(struct custody *custody, const struct msg_pin *message)
{
    struct custody_token *token = custody_token_find(custody, message->token);

    if (token != NULL && message->is_so == 0) {
        token->is_attended = message->is_attended != 0;
        token->is_kept = message->is_kept != 0;
    }
}

bool pin_row_is_of(const struct pin_row *row, struct ps_bytes pin)
{
    struct pin_check check;

    memcpy(check.salt, row->record.salt.data, sizeof check.salt);
    memcpy(check.value, row->record.check.data, sizeof check.value);
    return pin_check_compare(&check, pin) == PS_OK;
}

bool custody_is_attended(const struct custody *custody, const struct token *token)
{
    const struct custody_token *known = custody_token_of(custody, token);

    return known != NULL && known->is_attended;
}

void custody_forget_pin(struct custody *custody, struct token *token)
{
    if (tokens_set_pin(custody->keeper->tokens, tokens_name(token), ps_bytes(NULL, 0), false) !=
        PS_OK) {
        ps_line(PS_ERROR, "pin_not_forgotten", PS_TEXT("token", tokens_name(token)));
        tokens_set_pin_refused(token, true);
    }
}

static void refuse_other(struct custody *custody, struct token *token, struct custody_token *known)
{
    known->differs = true;
    custody_forget_pin(custody, token);
    events_alarm(custody->keeper, "pin-differs", tokens_name(token),
                 "the PIN that is configured is not the one that was split: it was not tried");
}

void custody_judge_pin(struct custody *custody, struct token *token)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));
    PIN_ROW_AUTO row = {.parser = NULL};

    if (known == NULL || tokens_pin(token).len == 0) {
        return;
    }
    known->differs = false;
    if (pin_row_read(custody->keeper, tokens_name(token), SHARE_PIN_USER, false, &row) != PS_OK) {
        return;
    }
    if (known->is_attended && !known->is_kept) {
        custody_forget_pin(custody, token);
        return;
    }
    if (pin_row_is_of(&row, tokens_pin(token)) || custody_has_next_pin(custody, token)) {
        return;
    }
    if (known->is_kept) {
        custody_forget_pin(custody, token); /* of a reset that the token did not take */
    } else {
        refuse_other(custody, token, known);
    }
}

static bool is_split(const struct custody *custody, const struct token *token, bool next)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return pin_row_read(custody->keeper, tokens_name(token), SHARE_PIN_USER, next, &row) == PS_OK;
}

void custody_pins_changed(struct custody *custody)
{
    struct token *token;

    for (size_t i = 0; (token = tokens_at(custody->keeper->tokens, i)) != NULL; i++) {
        const struct custody_token *known = custody_token_of(custody, token);

        if (known != NULL && known->is_kept && tokens_pin_refused(token)) {
            custody_judge_pin(custody, token);
        }
    }
    custody_look(custody);
}

/*
 * It has no PIN, whatever it said of one that another keeper tried; or it refused one of two, and
 * the officers may give the other.
 */
bool custody_waits(const struct custody *custody, const struct token *token)
{
    const enum token_state state = tokens_state(token);

    if (!tokens_is_approved(token) || (state != TOKEN_NEEDS_LOGIN && state != TOKEN_WRONG_PIN)) {
        return false;
    }
    return tokens_pin(token).len == 0 || (state == TOKEN_WRONG_PIN && tokens_pin_refused(token) &&
                                          is_split(custody, token, true));
}

bool custody_wants_shares(const struct custody *custody, const struct token *token)
{
    return custody_waits(custody, token) || (tokens_is_ready(token) && tokens_pin(token).len == 0 &&
                                             is_split(custody, token, false));
}

const char *custody_mode(const struct custody *custody)
{
    for (size_t i = 0; i < custody->count; i++) {
        if (custody->tokens[i].is_attended) {
            return "attended";
        }
    }
    return "unattended";
}

/* --- What is said of it --- */

static void put_said(const char *code, const char *detail, struct writer *json)
{
    writer_begin_object(json, NULL);
    writer_str(json, "code", code);
    writer_str(json, "detail", detail);
    writer_end_object(json);
}

void custody_put_reason(const struct custody *custody, const struct token *token,
                        struct writer *json)
{
    const struct custody_token *known = custody_token_of(custody, token);
    const bool is_attended = known != NULL && known->is_attended;
    PIN_ROW_AUTO row = {.parser = NULL};
    const char *code = "pin";
    char text[200 + PS_NAME_MAX];

    if (known != NULL && known->differs) {
        (void)snprintf(text, sizeof text,
                       "token %.*s: the configured PIN is not the one that was split; it is not "
                       "tried",
                       PS_BYTES_FMT(tokens_name(token)));
    } else if (is_attended && pin_row_read_some(custody->keeper, tokens_name(token), SHARE_PIN_USER,
                                                &row) == PS_OK) {
        code = "shares";
        (void)snprintf(text, sizeof text,
                       "token %.*s waits for %u officers and their shares of its PIN: see GET "
                       "/v1/unlock, and the console",
                       PS_BYTES_FMT(tokens_name(token)), row.record.threshold);
    } else {
        (void)snprintf(text, sizeof text,
                       "token %.*s has no PIN: none is configured, or it could not be read",
                       PS_BYTES_FMT(tokens_name(token)));
    }
    put_said(code, text, json);
}

/* Whether a holder is in the roster no more, is suspended, or is there as somebody else. */
static bool has_left(const struct keeper *keeper, const struct pin_holder *holder)
{
    const struct person *person = roster_find(gate_roster(keeper->gate), holder->officer);
    uint8_t entry[PS_SHA256_LEN];
    PS_BUF_AUTO text = {.max = ROSTER_OCTETS_MAX};

    if (person == NULL) {
        return true;
    }
    person_put(person, &text);
    ps_sha256(ps_buf_bytes(&text), entry);
    return !ps_bytes_equal(holder->entry, ps_bytes(entry, sizeof entry));
}

typedef void left_fn(void *context, const struct pin_record *record,
                     const struct pin_holder *holder);

struct left_walk {
    const struct keeper *keeper;
    left_fn *fn;
    void *context;
};

static enum ps_err walk_row(void *context, const struct catalog_row *row)
{
    const struct left_walk *walk = context;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct pin_record record;
    struct pin_holder holder;
    struct json_value body;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, row->body, &row_limits, &body));
    PS_TRY(pin_record_read(body, &record));
    for (size_t i = 0; !record.is_next && pin_record_holder(&record, i, &holder); i++) {
        if (has_left(walk->keeper, &holder)) {
            walk->fn(walk->context, &record, &holder);
        }
    }
    return PS_OK;
}

static void each_left(const struct custody *custody, left_fn *fn, void *context)
{
    struct left_walk walk = {.keeper = custody->keeper, .fn = fn, .context = context};

    if (custody->keeper->known != NULL &&
        catalog_list(custody->keeper->known, CATALOG_PIN, ps_bytes(NULL, 0), UINT32_MAX, walk_row,
                     &walk) != PS_OK) {
        ps_line(PS_ERROR, "holders_not_checked", PS_STR("detail", ps_detail()->text));
    }
}

static void put_left(const struct pin_record *record, const struct pin_holder *holder, char *out,
                     size_t size)
{
    (void)snprintf(out, size,
                   "%.*s, who holds a share of the %s PIN of the token %.*s, has left or changed: "
                   "change that PIN (pin.change)",
                   PS_BYTES_FMT(holder->officer), share_pin_name(record->pin),
                   PS_BYTES_FMT(record->token));
}

static void put_warning(void *context, const struct pin_record *record,
                        const struct pin_holder *holder)
{
    char text[160 + 2 * PS_NAME_MAX];

    put_left(record, holder, text, sizeof text);
    put_said("shares", text, context);
}

void custody_put_warnings(const struct custody *custody, struct writer *json)
{
    each_left(custody, put_warning, json);
}

static void raise_alarm(void *context, const struct pin_record *record,
                        const struct pin_holder *holder)
{
    struct keeper *keeper = context;
    char text[160 + 2 * PS_NAME_MAX];

    put_left(record, holder, text, sizeof text);
    events_alarm(keeper, "holder-left", record->token, text);
}

void custody_check_holders(struct custody *custody)
{
    each_left(custody, raise_alarm, custody->keeper);
}

/* --- When something changed --- */

static void on_look(void *context)
{
    struct custody *custody = context;
    PS_BUF_AUTO page = {.max = CONSOLE_PAGE_MAX};

    if (custody->keeper->started) {
        custody_look_so(custody);
    }
    custody_look_at_gatherings(custody);
    unlock_put_page(custody, &page);
    if (ps_buf_status(&page) == PS_OK) {
        console_show(custody->console, ps_buf_bytes(&page));
    }
}

void custody_look(struct custody *custody)
{
    ps_defer_arm(custody->look);
}

enum ps_err custody_serve_console(struct custody *custody, int fd)
{
    PS_TRY(console_listen(custody->console, fd));
    custody_look(custody);
    return PS_OK;
}

/* --- Life --- */

enum ps_err custody_new(struct keeper *keeper, struct custody **ret_custody)
{
    PS_CLEANUP(custody_free_cleanup) struct custody *custody = calloc(1, sizeof *custody);

    if (custody == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    custody->keeper = keeper;
    PS_TRY(ps_defer_new(keeper->loop, on_look, custody, &custody->look));
    PS_TRY(console_new(keeper, &custody->console));
    *ret_custody = custody;
    custody = NULL;
    return PS_OK;
}

void custody_free(struct custody *custody)
{
    if (custody == NULL) {
        return;
    }
    custody_free_releases(custody);
    custody_end_gatherings(custody);
    for (size_t i = 0; i < custody->count; i++) {
        ps_secret_free(custody->tokens[i].next);
    }
    console_free(custody->console);
    ps_defer_free(custody->look);
    free(custody);
}
