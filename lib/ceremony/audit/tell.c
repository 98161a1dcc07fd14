#include "lib/ceremony/audit/tell.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

#define LIMITS   ((struct json_limits){.octets = UINT32_MAX - 1, .depth = 32, .values = 1u << 30})
#define TEXT_MAX (64u * 1024u)

/* How a member of the report is shown: by its own type, but for objects that are documents. */
static const struct section {
    const char *member;
    const char *title;
    const char *label;
    bool is_document;
} sections[] = {
    {"logs", "The logs", "Leaves that the appliance signed for, and the roots of these", false},
    {"witnessed", "What witnesses have seen", "Checkpoints that others have cosigned", false},
    {"operations", "Operations", "What people asked for and approved, and what became of it",
     false},
    {"exceptions", "Exceptions", "What did not go as expected, and who decided", false},
    {"keys", "Lives of keys", "Each state of a key or version, and the leaf that says so", false},
    {"uses_by_key_and_caller", "Uses by key and caller", "Counts, of the period", false},
    {"uses_by_key", "Uses by key", "Counts, of the period", false},
    {"uses_by_caller", "Uses by caller", "Counts, of the period", false},
    {"uses_by_operation", "Uses by operation", "Counts, of the period", false},
    {"refusals", "Refusals", "By the problem that was answered", false},
    {"alarms", "Alarms", "By their codes; each one stands in the records", false},
    {"starts", "Starts", "By the version that started", false},
    {"records", "Other records", "Alarms, backups, unlocks, inventories, drills and the like",
     false},
    {"roster", "People at the end of the period", "The roster, as the log leads to it", true},
    {"policy", "Policy at the end of the period", "How many of whom approve what", true},
    {"clients", "Clients at the end of the period", "Programs, and how they are known", false},
    {"families", "Families of keys at the end of the period",
     "Of which keys a client makes so many without people for each", false},
    {"grants", "Grants at the end of the period", "What they may do", false},
};

static void put_value(struct json_value value, struct ps_buf *out)
{
    struct ps_bytes text;

    if (json_type(value) == JSON_STRING && json_string(value, &text) == PS_OK) {
        ps_buf_put(out, text.len == 0 ? ps_bytes_str("-") : text);
    } else {
        ps_buf_put(out, json_raw(value));
    }
}

static void add_pair(struct page *page, struct ps_bytes label, const struct ps_buf *text)
{
    page_add(page,
             &(struct page_block){.kind = PAGE_PAIR, .label = label, .text = ps_buf_bytes(text)});
}

/* "leaf 12" and the other members in one line. */
static enum ps_err tell_item(struct json_value item, struct page *page)
{
    PS_BUF_AUTO label = {.max = TEXT_MAX};
    PS_BUF_AUTO text = {.max = TEXT_MAX};
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (json_type(item) != JSON_OBJECT) {
        page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = json_raw(item)});
        return PS_OK;
    }
    while (json_next(item, &cursor, &name, &value)) {
        struct ps_buf *out = label.len == 0 ? &label : &text;

        ps_buf_printf(out, "%s%.*s ", out->len == 0 ? "" : "; ", PS_BYTES_FMT(name));
        put_value(value, out);
    }
    PS_TRY(ps_buf_status(&label));
    PS_TRY(ps_buf_status(&text));
    add_pair(page, ps_buf_bytes(&label), &text);
    return PS_OK;
}

static enum ps_err tell_array(struct json_value array, struct page *page)
{
    struct json_value item;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &item)) {
        PS_TRY(tell_item(item, page));
    }
    return PS_OK;
}

static enum ps_err tell_counts(struct json_value counts, struct page *page)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(counts, &cursor, &name, &value)) {
        PS_BUF_AUTO text = {.max = TEXT_MAX};

        put_value(value, &text);
        PS_TRY(ps_buf_status(&text));
        add_pair(page, name.len == 0 ? ps_bytes_str("-") : name, &text);
    }
    return PS_OK;
}

static enum ps_err tell_section(struct json_value report, const struct section *section,
                                struct page *page)
{
    struct json_value value;

    if (!json_member(report, section->member, &value)) {
        return PS_OK;
    }
    page_add_str(page, PAGE_HEADING, section->label, section->title);
    if (section->is_document) {
        page_add(page, &(struct page_block){.kind = PAGE_OCTETS, .text = json_raw(value)});
        return PS_OK;
    }
    if (json_count(value) == 0) {
        page_add_str(page, PAGE_TEXT, NULL, "None.");
        return PS_OK;
    }
    return json_type(value) == JSON_ARRAY ? tell_array(value, page) : tell_counts(value, page);
}

static enum ps_err tell_trust(struct json_value report, struct ps_bytes octets, struct page *page)
{
    static const char *const members[] = {"genesis", "log_key", "missing_shards",
                                          "uses_covered_until", "uses"};
    uint8_t hash[PS_SHA256_LEN];
    struct json_value value;
    PS_BUF_AUTO text = {.max = TEXT_MAX};

    ps_sha256(octets, hash);
    ps_buf_put_hex(&text, ps_bytes(hash, sizeof hash));
    page_add_buf(page, PAGE_PAIR, "SHA-256 of the report's JSON", &text);
    for (size_t i = 0; i < PS_COUNT_OF(members); i++) {
        if (json_member(report, members[i], &value)) {
            ps_buf_reset(&text);
            put_value(value, &text);
            page_add_buf(page, PAGE_PAIR, members[i], &text);
        }
    }
    return PS_OK;
}

static enum ps_err tell_head(struct json_value report, struct ps_bytes octets, struct page *page)
{
    struct json_value from;
    struct json_value to;
    struct json_value verified;
    PS_BUF_AUTO period = {.max = TEXT_MAX};

    if (json_type(report) != JSON_OBJECT || !json_member(report, "from", &from) ||
        !json_member(report, "to", &to) || !json_member(report, "verified", &verified)) {
        return ps_fail(PS_E_INPUT, 0, "this is no report of an audit");
    }
    ps_buf_put_str(&period, "From ");
    put_value(from, &period);
    ps_buf_put_str(&period, " until before ");
    put_value(to, &period);
    PS_TRY(ps_buf_status(&period));
    page_add(page, &(struct page_block){.kind = PAGE_TITLE,
                                        .label = ps_buf_bytes(&period),
                                        .text = ps_bytes_str("Audit report")});
    page_add_str(page, PAGE_HEADING,
                 "Each number of a leaf can be looked up: privyseal log prove DIR events LEAF",
                 json_type(verified) == JSON_TRUE
                     ? "Verified, leaf by leaf"
                     : "NOT VERIFIED: nobody but the appliance says so, or the log is damaged");
    return tell_trust(report, octets, page);
}

enum ps_err audit_tell(struct ps_bytes report, struct page *page)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, report, &LIMITS, &root));
    PS_TRY(tell_head(root, report, page));
    for (size_t i = 0; i < PS_COUNT_OF(sections); i++) {
        PS_TRY(tell_section(root, &sections[i], page));
    }
    return page_status(page);
}
