#include "keystore/backup/drill_past.h"

#include "lib/ceremony/log/leaf.h"

#define SLICE    32u
#define DATA_MAX 4096u
#define HEAD_MAX 1024u /* what a leaf has beside its data */

/* The time of every so many leaves is looked at, however long they are. */
#define TIME_EACH 64u

void drill_past_init(struct drill_past *past)
{
    *past = (struct drill_past){.is_known = false};
    ps_buf_init(&past->last, DATA_MAX);
}

void drill_past_clear(struct drill_past *past)
{
    ps_buf_clear(&past->last);
}

enum ps_err drill_past_add(struct drill_past *past, uint64_t time_s, bool is_good,
                           struct ps_bytes data)
{
    past->good_s = is_good ? time_s : past->good_s;
    past->last_s = time_s;
    ps_buf_reset(&past->last);
    ps_buf_put(&past->last, data);
    return ps_buf_status(&past->last);
}

void drill_past_heed_clock(struct drill_past *past, uint64_t now_s)
{
    past->good_s = past->good_s > now_s ? 0 : past->good_s;
    past->since_s = past->since_s > now_s ? now_s : past->since_s;
}

uint64_t drill_past_base(const struct drill_past *past)
{
    return past->good_s != 0 ? past->good_s : past->since_s;
}

static bool is_good(struct json_value data)
{
    struct json_value value;

    return json_member(data, "good", &value) && json_type(value) == JSON_TRUE;
}

/* A leaf that is longer has no drill; one by which hundreds of keys were made is longer. */
static bool says_something(const struct drill_past *past, struct ps_bytes octets)
{
    return octets.len <= DATA_MAX + HEAD_MAX || (past->next - 1) % TIME_EACH == 0;
}

static enum ps_err take(struct drill_past *past, struct json *json, struct ps_bytes octets)
{
    struct log_event event;

    PS_TRY(log_event_read(json, octets, &event));
    past->since_s = event.time_ns / PS_NS_PER_S;
    if (!ps_bytes_equal_str(event.kind, DRILL_KIND) || event.data.doc == NULL) {
        return PS_OK;
    }
    if (past->last_s == 0) {
        return drill_past_add(past, past->since_s, is_good(event.data), json_raw(event.data));
    }
    past->good_s = is_good(event.data) ? past->since_s : past->good_s; /* an earlier one */
    return PS_OK;
}

/* What is older than the last good one, or than the time in which there has to be one, says no
 * more. */
static bool is_enough(const struct drill_past *past)
{
    return past->good_s != 0 || past->since_s + DRILL_LATE_S < real_now_s() || past->next == 0;
}

enum ps_err drill_past_read(struct drill_past *past, const struct keeper *keeper)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO octets = {.max = LOG_ENTRY_MAX};

    PS_TRY(json_new(&json));
    if (!past->is_begun) {
        past->is_begun = true;
        past->since_s = real_now_s();
        past->next = log_tree_size(keeper->events);
    }
    for (unsigned i = 0; i < SLICE && !is_enough(past); i++) {
        ps_buf_reset(&octets);
        PS_TRY(log_read_entry(keeper->events, past->next - 1, &octets));
        if (says_something(past, ps_buf_bytes(&octets))) {
            PS_TRY(take(past, json, ps_buf_bytes(&octets)));
        }
        drill_past_heed_clock(past, real_now_s());
        past->next--;
    }
    past->is_known = is_enough(past);
    return PS_OK;
}
