#include "tests/keeper/planter.h"

#include "keystore/log/log.h"
#include "keystore/writer.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/ceremony/log/leaf.h"

static void on_durable(void *context, struct log *log)
{
    (void)context;
    (void)log;
}

static void on_failed(void *context, struct log *log)
{
    (void)context;
    fail_msg("%s", log_failure(log).text);
}

void planter_begin(struct planter *planter, struct stack *stack)
{
    static const struct log_handler handler = {.on_durable = on_durable, .on_failed = on_failed};
    const struct log_config config = {.directory = planter->directory, .name = "events"};

    planter->time_ns = 0;
    stack_kill_keeper(stack);
    (void)snprintf(planter->directory, sizeof planter->directory, "%s/log/events", stack->data);
    assert_ok(ps_loop_new(&planter->loop));
    assert_ok(log_writer_new(planter->loop, &handler, NULL, &planter->writer));
    assert_ok(log_open(planter->writer, &config, &planter->log));
}

void planter_put_octets(struct planter *planter, struct ps_bytes octets)
{
    uint64_t index;

    assert_ok(log_append(planter->log, octets, &index));
}

void planter_put(struct planter *planter, const struct event_leaf *leaf)
{
    PS_BUF_AUTO octets = {.max = LOG_LEAF_MAX};

    leaf_put_event(leaf, &octets);
    assert_ok(ps_buf_status(&octets));
    planter_put_octets(planter, ps_buf_bytes(&octets));
}

static uint64_t time_of(const struct planter *planter)
{
    return planter->time_ns == 0 ? ps_clock_real_ns() : planter->time_ns;
}

void planter_end(struct planter *planter)
{
    assert_ok(log_sync(planter->log));
    log_writer_free(planter->writer);
    ps_loop_free(planter->loop);
}

void planter_put_data(struct planter *planter, const char *kind, const struct ps_buf *data)
{
    assert_ok(ps_buf_status(data));
    planter_put(planter, &(struct event_leaf){.time_ns = time_of(planter),
                                              .kind = kind,
                                              .caller = ps_bytes_str("tester"),
                                              .request_id = ps_bytes_str("planted-1"),
                                              .data = ps_buf_bytes(data)});
}

void planter_put_draft(struct planter *planter, const struct draft *draft)
{
    struct writer json;
    PS_BUF_AUTO data = {.max = LOG_LEAF_MAX};

    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "document", ps_buf_bytes(&draft->document));
    writer_str(&json, "operation", draft->id);
    writer_end_object(&json);
    planter_put_data(planter, "draft", &data);
}

void planter_put_signature(struct planter *planter, const struct draft *draft,
                           const struct planted *signature)
{
    char namespace[64];
    struct writer json;
    PS_BUF_AUTO armored = {.max = 4096};
    PS_BUF_AUTO data = {.max = LOG_LEAF_MAX};

    (void)snprintf(namespace, sizeof namespace, "%s.ceremony.privyseal.v1", signature->kind);
    people_put_signature_by(signature->key,
                            signature->namespace == NULL ? namespace : signature->namespace,
                            ps_buf_bytes(&draft->document), &armored);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_str(&json, "kind", signature->kind);
    writer_str(&json, "operation", draft->id);
    writer_str(&json, "person", signature->person);
    writer_text(&json, "signature", ps_buf_bytes(&armored));
    writer_end_object(&json);
    planter_put_data(planter, "signature", &data);
}

struct planted planted_by(const char *kind, const char *person)
{
    return (struct planted){
        .kind = kind, .person = person, .key = people_key_of(person, PEOPLE_FIRST_KEY)};
}

void planter_put_approved(struct planter *planter, const struct draft *draft)
{
    const struct planted signatures[] = {planted_by("request", "alice"),
                                         planted_by("approve", "bob"),
                                         planted_by("approve", "carol")};

    planter_put_draft(planter, draft);
    for (size_t i = 0; i < PS_COUNT_OF(signatures); i++) {
        planter_put_signature(planter, draft, &signatures[i]);
    }
}

void planter_put_intent(struct planter *planter, const struct draft *draft, const char *caller)
{
    uint8_t hash[PS_SHA256_LEN];
    struct writer json;
    PS_BUF_AUTO data = {.max = LOG_LEAF_MAX};

    ps_sha256(ps_buf_bytes(&draft->document), hash);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "document", ps_buf_bytes(&draft->document));
    writer_hex(&json, "hash", ps_bytes(hash, sizeof hash));
    writer_begin_array(&json, "objects");
    writer_end_array(&json);
    writer_str(&json, "operation", draft->id);
    writer_end_object(&json);
    planter_put(planter, &(struct event_leaf){.time_ns = time_of(planter),
                                              .kind = "intent",
                                              .caller = ps_bytes_str(caller),
                                              .request_id = ps_bytes_str("planted-1"),
                                              .data = ps_buf_bytes(&data)});
}

void planter_put_result(struct planter *planter, const struct draft *draft, const char *effects)
{
    struct writer json;
    PS_BUF_AUTO data = {.max = LOG_LEAF_MAX};

    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "effects", ps_bytes_str(effects));
    writer_str(&json, "operation", draft->id);
    writer_str(&json, "outcome", "done");
    writer_end_object(&json);
    planter_put_data(planter, "result", &data);
}

struct ps_bytes planter_value_of(const struct ps_buf *document, const char *member)
{
    char text[64];
    const uint8_t *from;
    const uint8_t *to;

    (void)snprintf(text, sizeof text, "\"%s\":\"", member);
    from = memmem(document->data, document->len, text, strlen(text));
    assert_non_null(from);
    from += strlen(text);
    to = memchr(from, '"', document->len - (size_t)(from - document->data));
    assert_non_null(to);
    return ps_bytes(from, (size_t)(to - from));
}

void planter_replace_value(struct ps_buf *document, const char *member, const char *value)
{
    const struct ps_bytes old = planter_value_of(document, member);
    const size_t at = (size_t)(old.data - document->data);
    struct ps_buf made = {.max = document->max};

    ps_buf_put(&made, ps_bytes(document->data, at));
    ps_buf_put_str(&made, value);
    ps_buf_put(&made, ps_bytes_from(ps_buf_bytes(document), at + old.len));
    assert_ok(ps_buf_status(&made));
    ps_buf_clear(document);
    *document = made;
}
