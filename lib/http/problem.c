#include "lib/http/problem.h"

#include "lib/base/encode.h"

const char http_problem_media[] = "application/problem+json";

static const struct ps_problem_info *info_of(enum ps_problem problem)
{
    const struct ps_problem_info *info = ps_problem_info(problem);

    return info != NULL ? info : ps_problem_info(PS_PROBLEM_INTERNAL);
}

unsigned http_problem_status(enum ps_problem problem)
{
    return (unsigned)info_of(problem)->http_status;
}

static void put_member(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    if (text.len == 0) {
        return;
    }
    ps_buf_put_str(out, ",\"");
    ps_buf_put_str(out, name);
    ps_buf_put_str(out, "\":");
    ps_buf_put_json_string(out, text);
}

void http_put_problem(const struct http_problem *problem, struct ps_bytes instance,
                      struct ps_buf *out)
{
    const struct ps_problem_info *info = info_of(problem->problem);

    ps_buf_put_str(out, "{\"type\":\"urn:privyseal:problem:");
    ps_buf_put_str(out, info->code);
    ps_buf_put_str(out, "\",\"title\":");
    ps_buf_put_json_string(out, ps_bytes_str(info->title));
    ps_buf_put_str(out, ",\"status\":");
    ps_buf_put_decimal(out, (uint64_t)info->http_status);
    ps_buf_put_str(out, ",\"code\":\"");
    ps_buf_put_str(out, info->code);
    ps_buf_put_str(out, "\"");
    put_member(out, "detail", problem->detail);
    put_member(out, "instance", instance);
    put_member(out, "state", problem->state);
    if (problem->retry_after_s != 0) {
        ps_buf_put_str(out, ",\"retry_after_s\":");
        ps_buf_put_decimal(out, problem->retry_after_s);
    }
    if (problem->has_item) {
        ps_buf_put_str(out, ",\"item\":");
        ps_buf_put_decimal(out, problem->item);
    }
    ps_buf_put_u8(out, '}');
}
