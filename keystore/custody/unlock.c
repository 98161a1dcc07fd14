#include "keystore/custody/internal.h"

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/events/events.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Attended unlock. A share is opened with the key of this unlock, held against the row of its
 * splitting, and named if it is not the one that its officer was given; with enough of them the PIN
 * is put together, held against its check value, and only then used. A bad share costs no try at
 * the token.
 */

/* Whom a share is from, and of what. */
struct given {
    struct ps_buf octets;
    struct share share;
    struct token *token;
    struct custody_token *known;
    struct gathering *gathering; /* to whose key it was sealed; NULL: to none */
    bool is_for_so;              /* that one is of the security officer's PIN */
};

static void refuse(const struct reply_to *to, enum ps_problem problem, const char *detail)
{
    answer_problem(to, &(struct problem_answer){.problem = problem, .detail = detail});
}

static void refuse_wrong(const struct reply_to *to, const struct share *share, const char *what)
{
    char text[240];

    (void)snprintf(text, sizeof text, "the share of %.*s %s; it was not used",
                   PS_BYTES_FMT(share->officer), what);
    ps_line(PS_WARNING, "share_refused", PS_TEXT("officer", share->officer), PS_STR("why", what));
    refuse(to, PS_PROBLEM_REFUSED, text);
}

/* --- The share --- */

static bool is_permitted(struct custody *custody, const struct reply_to *to,
                         const struct msg_unlock_share *message)
{
    const struct question question = {
        .role = to->peer->role, .caller = &message->caller, .operation = GRANTED_OPERATIONS_STEP};
    struct authority authority;

    if (to->peer->role != IPC_ROLE_API_MANAGEMENT) {
        refuse(to, PS_PROBLEM_FORBIDDEN, "on the management listener only");
        return false;
    }
    authority = authority_decide_request(custody->keeper, &question, message->request_id);
    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return false;
    }
    return true;
}

struct opening {
    const struct msg_unlock_share *message;
    struct given *given;
    enum ps_err err;
};

static bool open_with(struct custody_token *known, enum share_pin pin, struct gathering *gathering,
                      void *context)
{
    struct opening *opening = context;
    const struct msg_unlock_share *message = opening->message;
    const struct jwe_sealed sealed = {.alg = JWE_ECDH_ES,
                                      .enc = JWE_A256GCM,
                                      .header_b64 = message->header,
                                      .iv = message->iv,
                                      .ciphertext = message->ciphertext,
                                      .tag = message->tag};

    ps_buf_clear(&opening->given->octets);
    opening->err = one_time_open(gathering->key, message->point, &sealed, &opening->given->octets);
    if (opening->err == PS_OK) {
        opening->given->known = known;
        opening->given->gathering = gathering;
        opening->given->is_for_so = pin == SHARE_PIN_SO;
    }
    return opening->err != PS_E_DENIED;
}

static enum ps_err open_share(struct custody *custody, const struct msg_unlock_share *message,
                              struct given *given)
{
    struct opening opening = {.message = message, .given = given, .err = PS_E_DENIED};

    (void)custody_each_asked(custody, open_with, &opening);
    PS_TRY(opening.err);
    return share_read(ps_buf_bytes(&given->octets), &given->share);
}

static bool is_asked_for(const struct custody *custody, const struct token *token,
                         enum share_pin pin)
{
    const struct custody_token *known = custody_token_of(custody, token);

    return pin == SHARE_PIN_SO ? custody_can_gather_so_pin(custody->keeper, token) &&
                                     known != NULL && known->so != NULL
                               : custody_wants_shares(custody, token);
}

/* Whether its PIN is the one to whose key it was sealed, and is waited for. */
static bool has_its_place(const struct custody *custody, const struct reply_to *to,
                          struct given *given)
{
    const bool is_so = given->share.pin == SHARE_PIN_SO;

    given->token = tokens_find(custody->keeper->tokens, given->share.token);
    if (given->token == NULL) {
        refuse_wrong(to, &given->share, "is of a PIN that nothing here waits for");
        return false;
    }
    if (!is_asked_for(custody, given->token, given->share.pin)) {
        refuse_wrong(to, &given->share,
                     is_so ? "is of a SO PIN that no operation waits for"
                           : "is of a token that waits for no PIN");
        return false;
    }
    if (is_so != given->is_for_so || !ps_bytes_equal_str(given->share.token, given->known->name)) {
        refuse_wrong(to, &given->share, "is sealed to the key for another PIN");
        return false;
    }
    if (is_so && !custody_wants_so_shares_for(custody, given->token, given->gathering->operation)) {
        refuse_wrong(to, &given->share, "is for an operation that does not wait for it");
        return false;
    }
    return true;
}

/* While a PIN is being changed both splittings are good: what a crash left is not known. */
static enum ps_err find_row(const struct custody *custody, const struct given *given,
                            struct pin_row *row)
{
    const struct share *share = &given->share;

    if (pin_row_read(custody->keeper, share->token, share->pin, true, row) == PS_OK &&
        ps_bytes_equal(row->record.set, ps_bytes(share->set, SHARE_SET_LEN))) {
        return PS_OK;
    }
    pin_row_clear(row);
    return pin_row_read(custody->keeper, share->token, share->pin, false, row);
}

static bool is_of_the_row(const struct given *given, const struct pin_record *record,
                          const struct reply_to *to)
{
    const struct share *share = &given->share;
    uint8_t commitment[PS_SHA256_LEN];
    struct pin_holder holder;

    if (!ps_bytes_equal(record->set, ps_bytes(share->set, SHARE_SET_LEN))) {
        refuse_wrong(to, share, "is of another splitting than the present one");
        return false;
    }
    share_commit(ps_buf_bytes(&given->octets), commitment);
    if (!pin_record_holder(record, share->number - 1u, &holder) ||
        !ps_bytes_equal(holder.officer, share->officer) ||
        !ps_bytes_equal(holder.commitment, ps_bytes(commitment, sizeof commitment))) {
        refuse_wrong(to, share, "is not the one that was given to them, or was damaged");
        return false;
    }
    return true;
}

static enum ps_err keep_share(struct given *given)
{
    struct gathering *gathering = given->gathering;
    struct arrived *arrived = &gathering->shares[given->share.number - 1u];

    if (memcmp(gathering->set, given->share.set, SHARE_SET_LEN) != 0) {
        custody_forget_shares(gathering);
        memcpy(gathering->set, given->share.set, SHARE_SET_LEN);
    }
    if (arrived->value != NULL) {
        return PS_OK;
    }
    PS_TRY(ps_secret_new(given->share.value, &arrived->value));
    memcpy(arrived->officer, given->share.officer.data, given->share.officer.len);
    arrived->officer[given->share.officer.len] = 0;
    ps_line(PS_INFO, "share_came", PS_STR("officer", arrived->officer),
            PS_STR("token", given->known->name), PS_STR("pin", share_pin_name(given->share.pin)));
    return PS_OK;
}

/* --- Enough of them --- */

static size_t list_arrived(const struct gathering *gathering, struct share_value *out)
{
    size_t count = 0;

    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        if (gathering->shares[i].value != NULL) {
            out[count++] = (struct share_value){
                .number = (uint8_t)(i + 1), .value = ps_secret_bytes(gathering->shares[i].value)};
        }
    }
    return count;
}

static void put_arrived(const struct gathering *gathering, const char *name, struct writer *json)
{
    writer_begin_array(json, name);
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        if (gathering->shares[i].value != NULL) {
            writer_str(json, NULL, gathering->shares[i].officer);
        }
    }
    writer_end_array(json);
}

static enum ps_err put_together(const struct given *given, const struct pin_row *row,
                                struct ps_secret **ret_pin)
{
    struct share_value shares[SHARE_COUNT_MAX];
    const size_t count = list_arrived(given->gathering, shares);
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;

    if (count < row->record.threshold) {
        return PS_OK;
    }
    PS_TRY(share_combine(shares, row->record.threshold, &pin));
    if (!pin_row_is_of(row, ps_secret_bytes(pin))) {
        return ps_fail(PS_E_DENIED, 0, "the shares make another PIN than the one that was split");
    }
    *ret_pin = pin;
    pin = NULL;
    return PS_OK;
}

static void answer_unlock(struct custody *custody, const struct reply_to *to)
{
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};
    struct writer json = writer(&body);

    writer_begin_object(&json, NULL);
    custody_put_unlock(custody, &json);
    writer_end_object(&json);
    answer_document(to, &(struct msg_document){
                            .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
}

/* --- The release --- */

/* A PIN that is known, while its leaf is on the way: nothing is unlocked of which there is none. */
struct release {
    struct custody *custody;
    struct token *token;
    struct custody_token *known;
    struct gathering *gathering;     /* of known */
    char operation[PS_NAME_MAX + 1]; /* that it is for; "": it is the user's PIN */
    uint8_t set[SHARE_SET_LEN];      /* the splitting that it is of */
    struct reply_to to;
    struct ps_secret *pin;
};

void release_free(struct release *release)
{
    if (release != NULL) {
        ps_secret_free(release->pin);
        free(release);
    }
}
PS_DEFINE_CLEANUP(struct release, release_free)

static bool is_of_so(const struct release *release)
{
    return release->operation[0] != '\0';
}

static bool is_split(const struct release *release, bool next)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return pin_row_read(release->custody->keeper, tokens_name(release->token),
                        is_of_so(release) ? SHARE_PIN_SO : SHARE_PIN_USER, next, &row) == PS_OK &&
           ps_bytes_equal(row.record.set, ps_bytes(release->set, SHARE_SET_LEN));
}

/*
 * It may have been locked meanwhile, the token may have got a PIN in another way, or have shown
 * that it has another than the one of this splitting.
 */
static enum ps_err use_released(const struct release *release)
{
    struct custody *custody = release->custody;
    const struct ps_bytes pin = ps_secret_bytes(release->pin);

    if (!is_split(release, true) && !is_split(release, false)) {
        return PS_OK;
    }
    if (is_of_so(release)) {
        return custody_wants_so_shares_for(custody, release->token, release->operation)
                   ? custody_use_so_pin(custody, release->token, release->operation, pin)
                   : PS_OK;
    }
    return custody_wants_shares(custody, release->token)
               ? custody_use_pin(custody, release->token, pin)
               : PS_OK;
}

static void on_recorded(void *context, bool is_durable)
{
    PS_CLEANUP(release_free_cleanup) struct release *release = context;
    enum ps_err err = PS_OK;

    release->gathering->release = NULL;
    custody_forget_shares(release->gathering);
    custody_look(release->custody);
    if (!is_durable) {
        refuse(&release->to, PS_PROBLEM_LOG_UNAVAILABLE,
               "the release could not be recorded, and nothing was unlocked: give the shares again "
               "when the log can be written");
        return;
    }
    err = use_released(release);
    if (err != PS_OK) {
        answer_error(&release->to, err);
        return;
    }
    answer_unlock(release->custody, &release->to);
}

static enum ps_err record_unlock(struct release *release, struct ps_bytes request_id)
{
    PS_BUF_AUTO data = {.max = 4096};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    if (is_of_so(release)) {
        writer_str(&json, "for_operation", release->operation);
    }
    put_arrived(release->gathering, "officers", &json);
    if (is_of_so(release)) {
        writer_str(&json, "pin", share_pin_name(SHARE_PIN_SO));
    }
    writer_hex(&json, "set", ps_bytes(release->gathering->set, SHARE_SET_LEN));
    writer_str(&json, "token", release->known->name);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(release->custody->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = "unlock",
                                              .request_id = request_id,
                                              .data = ps_buf_bytes(&data)},
                         on_recorded, release);
}

/* Takes over the PIN. */
static enum ps_err begin_release(struct custody *custody, const struct given *given,
                                 struct ps_secret **pin, const struct reply_to *to,
                                 struct ps_bytes request_id)
{
    PS_CLEANUP(release_free_cleanup) struct release *release = calloc(1, sizeof *release);

    if (release == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *release = (struct release){.custody = custody,
                                .token = given->token,
                                .known = given->known,
                                .gathering = given->gathering,
                                .to = *to,
                                .pin = *pin};
    memcpy(release->set, given->gathering->set, SHARE_SET_LEN);
    memcpy(release->operation, given->gathering->operation, sizeof release->operation);
    *pin = NULL;
    PS_TRY(record_unlock(release, request_id));
    given->gathering->release = release;
    release = NULL;
    return PS_OK;
}

/* Answers when it is the last one that was missing, once that is recorded; else at once. */
static enum ps_err finish(struct custody *custody, struct given *given, const struct pin_row *row,
                          const struct reply_to *to, struct ps_bytes request_id)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pin = NULL;

    PS_TRY(keep_share(given));
    if (given->gathering->release == NULL) {
        PS_TRY(put_together(given, row, &pin));
    }
    if (pin != NULL) {
        return begin_release(custody, given, &pin, to, request_id);
    }
    answer_unlock(custody, to);
    custody_look(custody);
    return PS_OK;
}

static void take(struct custody *custody, const struct reply_to *to,
                 const struct msg_unlock_share *message, struct given *given)
{
    PIN_ROW_AUTO row = {.parser = NULL};
    enum ps_err err = open_share(custody, message, given);

    if (err == PS_E_DENIED || err == PS_E_INPUT) {
        refuse(to, PS_PROBLEM_REFUSED, ps_detail()->text);
        return;
    }
    if (err == PS_OK && !has_its_place(custody, to, given)) {
        return;
    }
    if (err == PS_OK) {
        err = find_row(custody, given, &row);
        /* Anybody can seal such a one: it takes nothing from those that have come. */
        if (err == PS_E_NOT_FOUND) {
            refuse_wrong(to, &given->share, "is of another splitting than the present one");
            return;
        }
    }
    if (err == PS_OK && !is_of_the_row(given, &row.record, to)) {
        return;
    }
    if (err == PS_OK) {
        err = finish(custody, given, &row, to, message->request_id);
    }
    if (err != PS_OK) {
        if (given->gathering != NULL) {
            custody_forget_shares(given->gathering);
        }
        answer_error(to, err);
    }
}

static void given_clear(struct given *given)
{
    ps_buf_clear(&given->octets);
}

static bool is_any(struct custody_token *known, enum share_pin pin, struct gathering *gathering,
                   void *context)
{
    (void)known;
    (void)pin;
    (void)gathering;
    (void)context;
    return true;
}

void custody_take_share(struct custody *custody, const struct reply_to *to,
                        const struct msg_unlock_share *message)
{
    PS_CLEANUP(given_clear) struct given given = {.octets = PS_BUF_SECRET(SHARE_OCTETS_MAX)};

    if (!is_permitted(custody, to, message)) {
        return;
    }
    if (!custody_each_asked(custody, is_any, NULL)) {
        answer_problem(
            to, &(struct problem_answer){.problem = PS_PROBLEM_WRONG_STATE,
                                         .state = appliance_state_name(state_now(custody->keeper)),
                                         .detail = "no token waits for shares of its PIN"});
        return;
    }
    take(custody, to, message, &given);
}

/* --- What is shown --- */

struct showing {
    const struct custody *custody;
    struct writer *json;
    struct ps_buf *page;
};

static bool put_asked(struct custody_token *known, enum share_pin pin, struct gathering *gathering,
                      void *context)
{
    const struct showing *showing = context;
    struct writer *json = showing->json;
    PIN_ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO jwk = {.max = 1024};
    struct pin_holder holder;

    if (pin_row_read_some(showing->custody->keeper, ps_bytes_str(known->name), pin, &row) !=
        PS_OK) {
        return false;
    }
    public_key_put_jwk(one_time_public(gathering->key), PS_ALG_NONE, "enc", &jwk);
    writer_begin_object(json, NULL);
    writer_str(json, "token", known->name);
    writer_str(json, "pin", share_pin_name(pin));
    if (gathering->operation[0] != '\0') {
        writer_str(json, "operation", gathering->operation);
        writer_str(json, "type", gathering->type);
    }
    writer_raw(json, "key", ps_buf_bytes(&jwk));
    writer_hex(json, "set", row.record.set);
    writer_number(json, "threshold", row.record.threshold);
    writer_begin_array(json, "holders");
    for (size_t i = 0; pin_record_holder(&row.record, i, &holder); i++) {
        writer_text(json, NULL, holder.officer);
    }
    writer_end_array(json);
    put_arrived(gathering, "arrived", json);
    writer_end_object(json);
    return false;
}

void custody_put_unlock(struct custody *custody, struct writer *json)
{
    struct showing showing = {.custody = custody, .json = json};

    writer_str(json, "mode", custody_mode(custody));
    writer_begin_array(json, "tokens");
    (void)custody_each_asked(custody, put_asked, &showing);
    writer_end_array(json);
}

/* A key is for what stands before its words, and for nothing else. */
static bool put_words(struct custody_token *known, enum share_pin pin, struct gathering *gathering,
                      void *context)
{
    const struct showing *showing = context;
    struct ps_buf *out = showing->page;
    struct share_value shares[SHARE_COUNT_MAX];
    PIN_ROW_AUTO row = {.parser = NULL};

    if (pin_row_read_some(showing->custody->keeper, ps_bytes_str(known->name), pin, &row) !=
        PS_OK) {
        return false;
    }
    ps_buf_printf(out, "Token %s", known->name);
    if (pin == SHARE_PIN_SO) {
        ps_buf_printf(out, ", PIN of the security officer, for %s, operation\n%s", gathering->type,
                      gathering->operation);
    }
    ps_buf_printf(out, ": %zu of %u shares have come", list_arrived(gathering, shares),
                  row.record.threshold);
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        if (gathering->shares[i].value != NULL) {
            ps_buf_printf(out, ", %s", gathering->shares[i].officer);
        }
    }
    ps_buf_put_str(out, ".\nWords of the key for shares:\n  ");
    one_time_put_words(one_time_public(gathering->key), out);
    ps_buf_put_u8(out, '\n');
    return false;
}

void unlock_put_page(struct custody *custody, struct ps_buf *out)
{
    const struct keeper *keeper = custody->keeper;
    struct showing showing = {.custody = custody, .page = out};

    ps_buf_printf(out, "Privyseal, %s: %s.\n",
                  keeper->appliance.exists ? keeper->appliance.origin : "before genesis",
                  appliance_state_name(state_now(keeper)));
    if (!custody_each_asked(custody, is_any, NULL)) {
        ps_buf_put_str(out, "No token waits for shares of its PIN.\n");
    }
    (void)custody_each_asked(custody, put_words, &showing);
    ps_buf_put_u8(out, '\n');
}
