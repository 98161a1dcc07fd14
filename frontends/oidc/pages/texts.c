#include "frontends/oidc/pages/texts.h"

#include "frontends/oidc/transaction.h"

const struct language_info languages[LANGUAGES] = {
#define LANGUAGE(code, code3, direction, name) [LANGUAGE_##code] = {#code, code3, direction, name},
#include "frontends/oidc/pages/languages.def"
#undef LANGUAGE
};

#define THOUSAND 1000u

static bool same_letters(struct ps_bytes tag, const char *code)
{
    if (tag.len != strlen(code)) {
        return false;
    }
    for (size_t i = 0; i < tag.len; i++) {
        const uint8_t c = tag.data[i];

        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != code[i]) {
            return false;
        }
    }
    return true;
}

bool language_find(struct ps_bytes tag, enum language *ret_language)
{
    size_t len = 0;

    while (len < tag.len && ps_is_letter(tag.data[len])) {
        len++;
    }
    if (len < tag.len && tag.data[len] != '-') {
        return false;
    }
    for (unsigned i = 0; i < LANGUAGES; i++) {
        const struct ps_bytes primary = ps_bytes(tag.data, len);

        if (same_letters(primary, languages[i].code) || same_letters(primary, languages[i].code3)) {
            *ret_language = (enum language)i;
            return true;
        }
    }
    return false;
}

static struct ps_bytes trim(struct ps_bytes text)
{
    while (text.len != 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = ps_bytes_from(text, 1);
    }
    while (text.len != 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* What stands before `end`; that, and `end`, are taken off *rest. */
static struct ps_bytes take_until(struct ps_bytes *rest, uint8_t end)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, end, rest->len);
    const size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
    const struct ps_bytes taken = ps_bytes(rest->data, len);

    *rest = ps_bytes_from(*rest, len + 1);
    return trim(taken);
}

/* RFC 9110 section 12.4.2: "q=0.8" in thousandths; without one 1000, and of what is none 0. */
static unsigned weight_of(struct ps_bytes parameter)
{
    unsigned weight = 0;
    unsigned digit = THOUSAND;

    if (parameter.len == 0) {
        return THOUSAND;
    }
    if (parameter.len < 3 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=') {
        return 0;
    }
    for (size_t i = 2; i < parameter.len && digit != 0; i++) {
        if (ps_is_digit(parameter.data[i])) {
            weight += digit * (parameter.data[i] - '0');
            digit /= 10;
        } else if (parameter.data[i] != '.') {
            return 0;
        }
    }
    return weight > THOUSAND ? THOUSAND : weight;
}

enum language language_pick(struct ps_bytes ui_locales, struct ps_bytes accept)
{
    enum language best = LANGUAGE_en;
    enum language found;
    unsigned most = 0;
    struct ps_bytes tag;

    while (words_next(&ui_locales, &tag)) {
        if (language_find(tag, &found)) {
            return found;
        }
    }
    while (accept.len != 0) {
        struct ps_bytes item = take_until(&accept, ',');
        const struct ps_bytes range = take_until(&item, ';');
        const unsigned weight = weight_of(trim(item));

        if (weight > most && language_find(range, &found)) {
            best = found;
            most = weight;
        }
    }
    return best;
}
