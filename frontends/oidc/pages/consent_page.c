#include "frontends/oidc/pages/show.h"

static const struct {
    const char *name;
    enum text text;
} claims[] = {
    {"name", TEXT_claim_name},
    {"address", TEXT_claim_address},
    {"gender", TEXT_claim_gender},
    {"birthdate", TEXT_claim_birthdate},
    {"picture", TEXT_claim_picture},
    {"email", TEXT_claim_email},
    {"email_verified", TEXT_claim_email_verified},
    {"phone_number", TEXT_claim_phone_number},
    {"phone_number_verified", TEXT_claim_phone_number_verified},
    {"registration_type", TEXT_claim_registration_type},
    {"updated_at", TEXT_claim_updated_at},
    {"individual_id", TEXT_claim_individual_id},
    {"Manage-Identity-Data", TEXT_scope_identity_data},
    {"Manage-VID", TEXT_scope_vid},
    {"Manage-Authentication", TEXT_scope_authentication},
    {"Manage-Service-Requests", TEXT_scope_service_requests},
    {"Manage-Credentials", TEXT_scope_credentials},
};

/* Of what an operator has added, its own name. */
static struct ps_bytes name_of(const struct page *page, struct ps_bytes word)
{
    for (size_t i = 0; i < PS_COUNT_OF(claims); i++) {
        if (ps_bytes_equal_str(word, claims[i].name)) {
            return text_of(page->language, claims[i].text);
        }
    }
    return word;
}

static void put_essential(struct page *page)
{
    struct ps_bytes list = transaction_text(&page->login->transaction, TRANSACTION_ESSENTIAL);
    struct ps_bytes word;

    if (list.len == 0) {
        return;
    }
    page_put(page, HTML_h2, TEXT_consent_essential);
    page_put_as(page, HTML_p, "hint", NULL, TEXT_consent_essential_hint);
    html_open(&page->html, HTML_ul);
    while (words_next(&list, &word)) {
        html_element(&page->html, HTML_li, name_of(page, word));
    }
    html_close(&page->html);
}

static void put_choice(struct page *page, const char *prefix, struct ps_bytes word)
{
    struct html *html = &page->html;
    PS_BUF_AUTO name = {.max = TRANSACTION_LIST_MAX};

    ps_buf_put_str(&name, prefix);
    ps_buf_put(&name, word);
    html_open(html, HTML_div);
    html_attribute_str(html, HTML_AT_class_, "choice");
    html_open(html, HTML_input);
    html_attribute_str(html, HTML_AT_type, "checkbox");
    html_attribute(html, HTML_AT_id, ps_buf_bytes(&name));
    html_attribute(html, HTML_AT_name, ps_buf_bytes(&name));
    html_attribute_str(html, HTML_AT_value, "1");
    html_open(html, HTML_label);
    html_attribute(html, HTML_AT_for_, ps_buf_bytes(&name));
    html_text(html, name_of(page, word));
    html_close(html);
    html_close(html);
}

/* Nothing is marked that the person has not marked. */
static void put_choices(struct page *page, const char *prefix, enum transaction_field field,
                        enum text legend)
{
    struct ps_bytes list = transaction_text(&page->login->transaction, field);
    struct ps_bytes word;

    if (list.len == 0) {
        return;
    }
    html_open(&page->html, HTML_fieldset);
    page_put(page, HTML_legend, legend);
    page_put_as(page, HTML_p, "hint", NULL, TEXT_consent_voluntary_hint);
    while (words_next(&list, &word)) {
        put_choice(page, prefix, word);
    }
    html_close(&page->html);
}

void consent_page_put(struct page *page, struct ps_bytes client)
{
    page_put_with(page, HTML_p, TEXT_consent_intro, client);
    page_open_form(page);
    put_essential(page);
    put_choices(page, "claim.", TRANSACTION_VOLUNTARY, TEXT_consent_voluntary);
    put_choices(page, "scope.", TRANSACTION_AUTHORIZE_SCOPES, TEXT_consent_scopes);
    page_put_as(page, HTML_p, "hint", NULL, TEXT_consent_kept);
    page_put_button(page, "main", "do", "agree", TEXT_agree);
    html_close(&page->html);
}
