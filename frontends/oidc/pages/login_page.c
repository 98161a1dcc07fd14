#include "frontends/oidc/pages/show.h"
#include "frontends/oidc/pages/ways.h"

#include <stdio.h>

/* What one field of the form is. */
struct field {
    const char *name;
    struct ps_bytes label;
    enum text hint; /* TEXTS: none */
    const char *type;
    const char *inputmode;    /* "": as its type has it */
    const char *autocomplete; /* what a browser may know of it */
    uint64_t max_length;      /* 0: any */
    struct ps_bytes value;
    bool is_first; /* the cursor is in it */
    bool is_optional;
};

static void put_hint(struct page *page, const struct field *field, char *id, size_t size)
{
    (void)snprintf(id, size, "%s-hint", field->name);
    if (field->hint != TEXTS) {
        page_put_as(page, HTML_p, "hint", id, field->hint);
    }
}

/* Passwords and codes are neither corrected nor begun with a capital letter. */
static void put_input(struct page *page, const struct field *field, const char *hint_id)
{
    struct html *html = &page->html;
    PS_BUF_AUTO most = {.max = 24};

    html_open(html, HTML_input);
    html_attribute_str(html, HTML_AT_type, field->type);
    html_attribute_str(html, HTML_AT_id, field->name);
    html_attribute_str(html, HTML_AT_name, field->name);
    html_attribute_str(html, HTML_AT_autocomplete, field->autocomplete);
    html_attribute_str(html, HTML_AT_autocapitalize, "none");
    html_attribute_str(html, HTML_AT_spellcheck, "false");
    if (field->inputmode[0] != '\0') {
        html_attribute_str(html, HTML_AT_inputmode, field->inputmode);
    }
    if (field->hint != TEXTS) {
        html_attribute_str(html, HTML_AT_aria_describedby, hint_id);
    }
    if (field->max_length != 0) {
        ps_buf_put_decimal(&most, field->max_length);
        html_attribute(html, HTML_AT_maxlength, ps_buf_bytes(&most));
    }
    if (field->value.len != 0) {
        html_attribute(html, HTML_AT_value, field->value);
    }
    if (!field->is_optional) {
        html_attribute(html, HTML_AT_required, ps_bytes(NULL, 0));
    }
    if (field->is_first) {
        html_attribute(html, HTML_AT_autofocus, ps_bytes(NULL, 0));
    }
}

static void put_field(struct page *page, const struct field *field)
{
    struct html *html = &page->html;
    char hint_id[WAYS_NAME_MAX + 8];

    html_open(html, HTML_div);
    html_attribute_str(html, HTML_AT_class_, "field");
    html_open(html, HTML_label);
    html_attribute_str(html, HTML_AT_for_, field->name);
    html_text(html, field->label);
    html_close(html);
    put_hint(page, field, hint_id, sizeof hint_id);
    put_input(page, field, hint_id);
    html_close(html);
}

static void put_individual(struct page *page)
{
    put_field(page, &(struct field){
                        .name = "individual",
                        .label = text_of(page->language, TEXT_individual),
                        .hint = TEXT_individual_hint,
                        .type = "text",
                        .inputmode = "",
                        .autocomplete = "username",
                        .max_length = PRIVYSEAL_AUTH_ID_MAX,
                        .value = transaction_text(&page->login->transaction, TRANSACTION_TYPED),
                        .is_first = true,
                    });
}

/*
 * A date is typed, since what browsers have for dates differs.
 * Of a plugin's form that cannot be shown, nothing is: what is sent then is refused.
 */
static void put_knowledge(struct page *page)
{
    const struct service *service = page->exchange->service;
    struct ways_fields fields;

    html_open(&page->html, HTML_fieldset);
    page_put(page, HTML_legend, TEXT_knowledge);
    if (ways_read_fields(service->readers[0],
                         authenticator_description(service->authenticator)->kbi_form,
                         languages[page->language].code3, &fields) != PS_OK) {
        fields.count = 0;
    }
    for (size_t i = 0; i < fields.count; i++) {
        char name[WAYS_NAME_MAX];

        ways_name_field("kbi.", fields.of[i].id, name);
        put_field(page, &(struct field){
                            .name = name,
                            .label = fields.of[i].label,
                            .hint = fields.of[i].is_date ? TEXT_date_hint : TEXTS,
                            .type = "text",
                            .inputmode = "",
                            .autocomplete = fields.of[i].is_date ? "bday" : "off",
                            .max_length = fields.of[i].max_length,
                            .is_optional = !fields.of[i].is_required,
                        });
    }
    html_close(&page->html);
}

static const struct secret {
    const char *factor;
    const char *name;
    enum text label;
    enum text hint;
    const char *type;
    const char *inputmode;
    const char *autocomplete;
} secrets[] = {
    {"OTP", "otp", TEXT_code, TEXT_code_hint, "text", "", "one-time-code"},
    {"PIN", "pin", TEXT_pin, TEXT_pin_hint, "password", "numeric", "off"},
    {"PWD", "pwd", TEXT_password, TEXTS, "password", "", "current-password"},
};

/* The first of them has the cursor, if the individual has been told before. */
static void put_factors(struct page *page, struct ps_bytes way, bool has_cursor)
{
    struct ps_bytes factor;

    while (words_next(&way, &factor)) {
        if (ps_bytes_equal_str(factor, "KBI")) {
            put_knowledge(page);
        }
        for (size_t i = 0; i < PS_COUNT_OF(secrets); i++) {
            if (ps_bytes_equal_str(factor, secrets[i].factor)) {
                put_field(page, &(struct field){
                                    .name = secrets[i].name,
                                    .label = text_of(page->language, secrets[i].label),
                                    .hint = secrets[i].hint,
                                    .type = secrets[i].type,
                                    .inputmode = secrets[i].inputmode,
                                    .autocomplete = secrets[i].autocomplete,
                                    .is_first = has_cursor,
                                });
                has_cursor = false;
            }
        }
    }
}

/* To whom, and where to as far as the plugin tells it; not whether there is such a person. */
static void put_sent(struct page *page)
{
    const struct transaction *transaction = &page->login->transaction;
    const struct ps_bytes sent_to = transaction_text(transaction, TRANSACTION_SENT_TO);
    struct html *html = &page->html;

    html_open(html, HTML_p);
    html_text(html, text_of(page->language, TEXT_individual));
    html_text(html, ps_bytes_str(": "));
    html_element(html, HTML_bdi, transaction_text(transaction, TRANSACTION_TYPED));
    html_close(html);
    if (ps_bytes_equal_str(sent_to, WAYS_SENT_SOMEWHERE)) {
        page_put(page, HTML_p, TEXT_code_sent);
    } else {
        page_put_with(page, HTML_p, TEXT_code_sent_to, sent_to);
    }
}

/* The first button of a form is what the Enter key does. */
static void put_way(struct page *page, struct ps_bytes way)
{
    const bool has_otp = words_have(way, ps_bytes_str("OTP"));

    if (ways_need_otp(page->login, way)) {
        put_individual(page);
        page_put_button(page, "main", "do", "otp", TEXT_send_code);
        return;
    }
    if (has_otp) {
        put_sent(page);
    } else {
        put_individual(page);
    }
    put_factors(page, way, has_otp);
    page_put_button(page, "main", "do", "answer", TEXT_log_in);
}

static const struct {
    const char *factor;
    enum text text;
} names[] = {
    {"OTP", TEXT_way_otp}, {"PIN", TEXT_way_pin}, {"PWD", TEXT_way_pwd}, {"KBI", TEXT_way_kbi}};

static void put_way_name(struct page *page, struct ps_bytes way)
{
    struct ps_bytes factor;
    const char *before = "";

    while (words_next(&way, &factor)) {
        for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
            if (ps_bytes_equal_str(factor, names[i].factor)) {
                html_text(&page->html, ps_bytes_str(before));
                html_text(&page->html, text_of(page->language, names[i].text));
                before = " + ";
            }
        }
    }
}

static void put_other_ways(struct page *page, struct ps_bytes ways, struct ps_bytes chosen)
{
    struct ps_bytes way;

    page_put(page, HTML_h2, TEXT_other_ways);
    page_open_form(page);
    while (ways_next(&ways, &way)) {
        char value[WAYS_NAME_MAX];

        if (!ps_bytes_equal(way, chosen) && way.len < sizeof value) {
            ways_name_field("", way, value);
            page_open_button(page, "other", "way", value);
            put_way_name(page, way);
            html_close(&page->html);
        }
    }
    html_close(&page->html);
}

/* In forms of their own, since what stands in the first one need not be filled in for them. */
static void put_others(struct page *page, struct ps_bytes ways, struct ps_bytes chosen)
{
    if (words_have(chosen, ps_bytes_str("OTP")) && !ways_need_otp(page->login, chosen)) {
        page_open_form(page);
        page_put_button(page, "other", "do", "again", TEXT_send_again);
        page_put_button(page, "other", "do", "forget", TEXT_change_individual);
        html_close(&page->html);
    }
    /* Each way is a line. */
    if (ways.len > chosen.len + 1) {
        put_other_ways(page, ways, chosen);
    }
}

void login_page_put(struct page *page, struct ps_bytes client)
{
    struct ps_bytes chosen;
    PS_BUF_AUTO ways = {.max = WAYS_TEXT_MAX};

    ways_put(page->login, &ways);
    chosen = ways_chosen(page->login, ps_buf_bytes(&ways));
    page_put_with(page, HTML_p, TEXT_login_for, client);
    if (chosen.len == 0) {
        page_put(page, HTML_p, TEXT_no_way);
    } else {
        page_open_form(page);
        put_way(page, chosen);
        html_close(&page->html);
        put_others(page, ps_buf_bytes(&ways), chosen);
    }
}
