#include "keystore/events/events.h"

#include "keystore/events/alarm_pace.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/name.h"

#include <stdlib.h>

#define REFUSAL_PAUSE_NS (30 * PS_NS_PER_S)
#define REFUSAL_BURST    10u
#define STATE_PAUSE_NS   (10 * PS_NS_PER_S)
#define DATA_MAX         4096u
#define START_MAX        (24u * 1024)
#define START_KIND       "start"

struct refusals {
    uint64_t tokens_ns; /* credit: each leaf costs REFUSAL_PAUSE_NS */
    uint64_t updated_ns;
    uint64_t left_out;
    struct alarm_pace alarms;
    uint64_t state_ns;
    enum appliance_state state;
};

enum ps_err refusals_new(struct refusals **ret_refusals)
{
    struct refusals *refusals = calloc(1, sizeof *refusals);

    if (refusals == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    refusals->tokens_ns = REFUSAL_BURST * REFUSAL_PAUSE_NS;
    refusals->updated_ns = ps_clock_mono_ns();
    *ret_refusals = refusals;
    return PS_OK;
}

void refusals_free(struct refusals *refusals)
{
    free(refusals);
}

/* The genesis is leaf 0, and the start that it was done in goes ahead of what follows from it. */
static bool may_come(const struct keeper *keeper, const char *kind)
{
    return keeper->appliance.exists || strcmp(kind, "genesis") == 0 ||
           (strcmp(kind, START_KIND) == 0 && log_size(keeper->events) != 0);
}

enum ps_err events_record(struct keeper *keeper, const struct event_leaf *leaf, held_fn *fn,
                          void *context)
{
    PS_BUF_AUTO octets = {0};
    uint64_t position;

    if (keeper->events == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no log yet");
    }
    if (!may_come(keeper, leaf->kind)) {
        return ps_fail(PS_E_STATE, 0, "before genesis nothing is recorded");
    }
    /* A leaf is for ever, and one of another form would make the whole log unreadable. */
    if (leaf->request_id.len != 0 && !ps_request_id_valid(leaf->request_id)) {
        return ps_fail(PS_E_INPUT, 0, "a request id that no leaf may have");
    }
    ps_buf_init(&octets, LOG_ENTRY_MAX);
    leaf_put_event(leaf, &octets);
    PS_TRY(ps_buf_status(&octets));
    PS_TRY(held_reserve(keeper->events_held));
    PS_TRY(log_append(keeper->events, ps_buf_bytes(&octets), &position));
    if (fn != NULL) {
        held_add(keeper->events_held, position, fn, context);
    }
    return PS_OK;
}

/* As the supervisor gave them, or none. */
static enum ps_err put_hashes(const struct keeper *keeper, struct writer *json, struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value hashes;

    if (keeper->config->hashes.len == 0 || json_new(&parser) != PS_OK ||
        json_parse(parser, keeper->config->hashes, &JSON_LIMITS_REQUEST, &hashes) != PS_OK) {
        return PS_OK;
    }
    writer_raw(json, "hashes", ps_bytes(NULL, 0));
    return json_put_canonical(hashes, out);
}

enum ps_err events_record_start(struct keeper *keeper, held_fn *fn, void *context)
{
    PS_BUF_AUTO data = {.max = START_MAX};
    struct writer json = writer(&data);

    writer_begin_object(&json, NULL);
    PS_TRY(put_hashes(keeper, &json, &data));
    writer_bool(&json, "practice", state_is_practice(keeper));
    writer_str(&json, "version", PRIVYSEAL_VERSION);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = START_KIND,
                                              .data = ps_buf_bytes(&data)},
                         fn, context);
}

/* Best effort: whatever led here is already refused or stopped. */
static void record_or_say(struct keeper *keeper, const struct event_leaf *leaf)
{
    if (keeper->appliance.exists && events_record(keeper, leaf, NULL, NULL) != PS_OK) {
        ps_line(PS_WARNING, "event_not_recorded", PS_STR("kind", leaf->kind),
                PS_STR("detail", ps_detail()->text));
    }
}

void events_alarm(struct keeper *keeper, const char *code, struct ps_bytes about,
                  const char *detail)
{
    uint64_t left_out = 0;
    PS_BUF_AUTO data;
    struct writer json = writer(&data);

    ps_buf_init(&data, DATA_MAX);
    if (!alarm_pace_take(&keeper->refusals->alarms, code, about, ps_clock_mono_ns(), &left_out)) {
        return;
    }
    ps_line(PS_ERROR, "alarm", PS_STR("alarm", code), PS_TEXT("about", about),
            PS_STR("detail", detail));
    writer_begin_object(&json, NULL);
    writer_text_if(&json, "about", about);
    writer_str(&json, "alarm", code);
    writer_text_if(&json, "detail", ps_bytes_str(detail));
    writer_number_if(&json, "left_out", left_out);
    writer_end_object(&json);
    if (ps_buf_status(&data) == PS_OK) {
        record_or_say(keeper, &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                                   .kind = "alarm",
                                                   .data = ps_buf_bytes(&data)});
    }
}

void events_note_state(struct keeper *keeper)
{
    struct refusals *refusals = keeper->refusals;
    const enum appliance_state state = state_now(keeper);
    const uint64_t now = ps_clock_mono_ns();
    PS_BUF_AUTO data;
    struct writer json = writer(&data);

    ps_buf_init(&data, DATA_MAX);
    if (state == refusals->state || state == APPLIANCE_STARTING ||
        (refusals->state_ns != 0 && now - refusals->state_ns < STATE_PAUSE_NS)) {
        return;
    }
    refusals->state = state;
    refusals->state_ns = now;
    writer_begin_object(&json, NULL);
    writer_str(&json, "state", appliance_state_name(state));
    writer_end_object(&json);
    record_or_say(keeper, &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                               .kind = "state",
                                               .data = ps_buf_bytes(&data)});
}

static bool may_record(struct refusals *refusals)
{
    const uint64_t now = ps_clock_mono_ns();

    refusals->tokens_ns += now - refusals->updated_ns;
    refusals->updated_ns = now;
    if (refusals->tokens_ns > REFUSAL_BURST * REFUSAL_PAUSE_NS) {
        refusals->tokens_ns = REFUSAL_BURST * REFUSAL_PAUSE_NS;
    }
    if (refusals->tokens_ns < REFUSAL_PAUSE_NS) {
        refusals->left_out++;
        return false;
    }
    refusals->tokens_ns -= REFUSAL_PAUSE_NS;
    return true;
}

static void put_refusal(const struct refusal *refusal, uint64_t left_out, struct ps_buf *out)
{
    const struct msg_caller *caller = refusal->caller;
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text_if(&json, "key", refusal->key);
    writer_number_if(&json, "left_out", left_out);
    writer_str(&json, "operation", refusal->operation);
    writer_str(&json, "problem", ps_problem_info(refusal->problem)->code);
    if (caller->kind == CALLER_TLS) {
        writer_octets(&json, "spki", caller->spki);
    } else if (caller->kind == CALLER_UNIX) {
        writer_number(&json, "uid", caller->uid);
    }
    writer_end_object(&json);
}

/* Whoever was refused may be an api process that was taken over: its id counts only if it is one.
 */
static struct ps_bytes id_or_none(struct ps_bytes request_id)
{
    return ps_request_id_valid(request_id) ? request_id : ps_bytes(NULL, 0);
}

void refusals_note(struct keeper *keeper, const struct refusal *refusal)
{
    PS_BUF_AUTO data;

    ps_buf_init(&data, DATA_MAX);
    if (!keeper->appliance.exists || !may_record(keeper->refusals)) {
        return;
    }
    put_refusal(refusal, keeper->refusals->left_out, &data);
    keeper->refusals->left_out = 0;
    if (ps_buf_status(&data) == PS_OK) {
        record_or_say(keeper, &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                                   .kind = "refusal",
                                                   .caller = refusal->client,
                                                   .request_id = id_or_none(refusal->request_id),
                                                   .data = ps_buf_bytes(&data)});
    }
}
