#include "keystore/policy/access_internal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

static const char *const outcomes[] = {
    [ACCESS_ALLOWED] = "allowed",
    [ACCESS_NOT_VISIBLE] = "not-visible",
    [ACCESS_NOT_GRANTED] = "not-granted",
};

static void put_text(struct ps_buf *out, const char *before, struct ps_bytes text)
{
    ps_buf_put_str(out, before);
    ps_buf_put_json_string(out, text);
}

void access_put_explanation(struct access *access, const struct access_client *client,
                            const struct access_question *question, struct ps_buf *out)
{
    const struct access_decision decision = access_decide(access, client, question);
    const struct access_rule_info *rule = access_rule_info(decision.rule);

    ps_buf_put_str(out,
                   decision.outcome == ACCESS_ALLOWED ? "{\"allowed\":true" : "{\"allowed\":false");
    put_text(out, ",\"detail\":", ps_bytes_str(rule->text));
    ps_buf_put_str(out, ",\"grants\":[");
    for (size_t i = 0; i < client->grant_count && granted_op_info(question->operation) != NULL;
         i++) {
        const enum access_rule says = access_grant_says(client->grants[i], question);

        put_text(out, i == 0 ? "{\"id\":" : ",{\"id\":", client->grants[i]->id);
        put_text(out, ",\"rule\":", ps_bytes_str(access_rule_info(says)->name));
        ps_buf_put_str(out, "}");
    }
    put_text(out, "],\"outcome\":", ps_bytes_str(outcomes[decision.outcome]));
    put_text(out, ",\"rule\":", ps_bytes_str(rule->name));
    ps_buf_put_str(out, "}");
}

static void put_formats(unsigned formats, struct ps_buf *out)
{
    bool first = true;

    for (unsigned format = PS_FORMAT_NONE + 1; format < PS_FORMAT_COUNT; format++) {
        if ((formats & GRANTED_FORMAT(format)) != 0) {
            put_text(out, first ? "" : ",", ps_bytes_str(ps_format_name((enum ps_format)format)));
            first = false;
        }
    }
}

static void put_operations(const struct access_grant *grant, struct ps_buf *out)
{
    for (size_t i = 0; i < grant->count; i++) {
        const struct granted *granted = &grant->granted[i];

        /* Names of operations and parameters need no escapes. */
        ps_buf_put_str(out, i == 0 ? "\"" : ",\"");
        ps_buf_put_str(out, granted_op_info(granted->op)->name);
        ps_buf_put_str(out, granted->parameter.len == 0 ? "" : ":");
        ps_buf_put(out, granted->parameter);
        ps_buf_put_str(out, "\"");
    }
}

static void put_grant(const struct access_grant *grant, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"formats\":[");
    put_formats(grant->formats, out);
    put_text(out, "],\"id\":", grant->id);
    put_text(out, ",\"keys\":", grant->keys);
    if (grant->not_after_s != 0) {
        ps_buf_put_str(out, ",\"not_after\":\"");
        ps_buf_put_time(out, grant->not_after_s * PS_NS_PER_S, 0);
        ps_buf_put_str(out, "\"");
    }
    ps_buf_put_str(out, ",\"operations\":[");
    put_operations(grant, out);
    ps_buf_put_str(out, "]");
    if (grant->rate_per_s != 0) {
        ps_buf_put_str(out, ",\"rate_per_s\":");
        ps_buf_put_decimal(out, grant->rate_per_s);
    }
    ps_buf_put_str(out, "}");
}

void access_put_grants(const struct access_client *client, uint64_t now_s, struct ps_buf *out)
{
    bool first = true;

    ps_buf_put_str(out, "[");
    for (size_t i = 0; i < client->grant_count; i++) {
        const struct access_grant *grant = client->grants[i];

        if (grant->not_after_s != 0 && now_s > grant->not_after_s) {
            continue;
        }
        ps_buf_put_str(out, first ? "" : ",");
        put_grant(grant, out);
        first = false;
    }
    ps_buf_put_str(out, "]");
}
