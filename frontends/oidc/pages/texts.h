#ifndef FRONTENDS_OIDC_PAGES_TEXTS_H
#define FRONTENDS_OIDC_PAGES_TEXTS_H

#include "lib/base/bytes.h"

/* What the pages say, in each of their languages: texts/, by the keys of texts.def. */
enum language {
#define LANGUAGE(code, code3, direction, name) LANGUAGE_##code,
#include "frontends/oidc/pages/languages.def"
#undef LANGUAGE
    LANGUAGES
};

enum text {
#define TEXT(key, has_gap) TEXT_##key,
#include "frontends/oidc/pages/texts.def"
#undef TEXT
    TEXTS
};

struct language_info {
    const char *code;      /* ISO 639-1 */
    const char *code3;     /* ISO 639-2/T */
    const char *direction; /* "ltr", "rtl" */
    const char *name;      /* as its speakers write it */
};
extern const struct language_info languages[LANGUAGES];

/* Made of texts/ by texts_to_c.py. */
extern const char *const texts_of[LANGUAGES][TEXTS];

static inline struct ps_bytes text_of(enum language language, enum text key)
{
    return ps_bytes_str(texts_of[language][key]);
}

/* The language of this tag (RFC 5646), whatever region or script it names. False: none of ours. */
bool language_find(struct ps_bytes tag, enum language *ret_language);

/*
 * The language for somebody: of what the relying party asks for (ui_locales: tags between spaces,
 * best first), else of what the browser does (Accept-Language, RFC 9110 section 12.5.4), else
 * English.
 */
enum language language_pick(struct ps_bytes ui_locales, struct ps_bytes accept);

#endif
