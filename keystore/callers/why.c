#include "keystore/callers/why.h"

#include "keystore/writer.h"

#include <stdio.h>
#include <stdlib.h>

#define ENTRIES 4096u

struct text {
    uint8_t len;
    uint8_t octets[PS_NAME_MAX];
};

struct entry {
    uint64_t time_ns; /* 0: unused */
    struct text request_id;
    struct text client;
    struct text key;
    const char *operation;
    const char *rule;
    enum ps_problem problem;
    bool is_end;
    char detail[120];
};

struct why {
    struct entry entries[ENTRIES];
    size_t next;
};

enum ps_err why_new(struct why **ret_why)
{
    struct why *why = calloc(1, sizeof *why);

    if (why == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_why = why;
    return PS_OK;
}

void why_free(struct why *why)
{
    free(why);
}

static void set(struct text *text, struct ps_bytes octets)
{
    text->len = (uint8_t)(octets.len < sizeof text->octets ? octets.len : sizeof text->octets);
    if (text->len != 0) {
        memcpy(text->octets, octets.data, text->len);
    }
}

static struct ps_bytes get(const struct text *text)
{
    return ps_bytes(text->octets, text->len);
}

static struct entry *next_entry(struct why *why, struct ps_bytes request_id)
{
    struct entry *entry = &why->entries[why->next];

    why->next = (why->next + 1) % ENTRIES;
    entry->time_ns = ps_clock_real_ns();
    set(&entry->request_id, request_id);
    entry->detail[0] = 0;
    return entry;
}

void why_note(struct why *why, const struct decision *decision)
{
    struct entry *entry = next_entry(why, decision->request_id);

    set(&entry->client, decision->client);
    set(&entry->key, decision->key);
    entry->operation = decision->operation;
    entry->rule = decision->rule;
    entry->problem = decision->problem;
    entry->is_end = false;
}

void why_note_end(struct why *why, struct ps_bytes request_id, enum ps_problem problem,
                  const char *detail)
{
    struct entry *entry = next_entry(why, request_id);

    entry->client.len = entry->key.len = 0;
    entry->operation = NULL;
    entry->rule = NULL;
    entry->problem = problem;
    entry->is_end = true;
    (void)snprintf(entry->detail, sizeof entry->detail, "%s", detail);
}

static void put_entry(const struct entry *entry, struct writer *json)
{
    writer_begin_object(json, NULL);
    writer_time_ns(json, "time", entry->time_ns);
    if (!entry->is_end) {
        writer_bool(json, "allowed", entry->problem == PS_PROBLEM_NONE);
        writer_text_if(json, "client", get(&entry->client));
        writer_text_if(json, "key", get(&entry->key));
        writer_text_if(json, "operation", ps_bytes_str(entry->operation));
        writer_text_if(json, "rule", ps_bytes_str(entry->rule));
    }
    if (entry->problem != PS_PROBLEM_NONE) {
        writer_str(json, "code", ps_problem_info(entry->problem)->code);
    }
    writer_text_if(json, "detail", ps_bytes_str(entry->detail));
    writer_end_object(json);
}

enum ps_err why_put(const struct why *why, struct ps_bytes request_id, struct ps_buf *out)
{
    struct writer json = writer(out);
    bool found = false;

    writer_begin_object(&json, NULL);
    writer_text(&json, "request_id", request_id);
    writer_begin_array(&json, "decisions");
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct entry *entry = &why->entries[(why->next + i) % ENTRIES];

        if (entry->time_ns != 0 && ps_bytes_equal(get(&entry->request_id), request_id)) {
            put_entry(entry, &json);
            found = true;
        }
    }
    writer_end_array(&json);
    writer_end_object(&json);
    if (!found) {
        return ps_fail(PS_E_NOT_FOUND, 0,
                       "nothing is remembered of this request: the last %u decisions are, since "
                       "the keeper's start",
                       ENTRIES);
    }
    return ps_buf_status(out);
}
