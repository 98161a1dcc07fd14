#include "keystore/custody/findings.h"

#include <stdio.h>

#define ITEM_MAX 512u

static const char *const class_names[] = {"other",  "private",     "public",
                                          "secret", "certificate", "data"};

void findings_init(struct findings *findings)
{
    *findings = (struct findings){.count = 0};
    ps_buf_init(&findings->items, (size_t)FINDINGS_SHOWN * ITEM_MAX);
}

void findings_clear(struct findings *findings)
{
    ps_buf_clear(&findings->items);
}

/* Opens the next item; false when enough are shown. Members come in lexical order: it is a leaf. */
static bool begin(struct findings *findings, struct writer *json)
{
    findings->count++;
    if (findings->count > FINDINGS_SHOWN) {
        return false;
    }
    if (findings->count > 1) {
        ps_buf_put_u8(&findings->items, ',');
    }
    *json = writer(&findings->items);
    writer_begin_object(json, NULL);
    return true;
}

static const char *class_name(uint8_t class)
{
    return class < PS_COUNT_OF(class_names) ? class_names[class] : class_names[0];
}

/* Whatever a module says is shown only if it is plain text. */
static bool is_plain(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            return false;
        }
    }
    return text.len != 0;
}

static void add_object(struct findings *findings, const struct found_object *object,
                       const char *kind, const char *what)
{
    const struct ps_bytes label = ps_bytes(object->label, object->label_len);
    struct writer json;

    if (findings->count == 0) {
        (void)snprintf(findings->first, sizeof findings->first, "an object (%s) %s",
                       class_name(object->class), what);
    }
    if (!begin(findings, &json)) {
        return;
    }
    writer_str(&json, "class", class_name(object->class));
    writer_hex(&json, "id", ps_bytes(object->id, object->id_len));
    writer_str(&json, "kind", kind);
    writer_text(&json, "label", is_plain(label) ? label : ps_bytes(NULL, 0));
    writer_end_object(&json);
}

void findings_add_unknown(struct findings *findings, const struct found_object *object)
{
    add_object(findings, object, "unknown", "that is in no record");
}

void findings_add_unclear(struct findings *findings, const struct found_object *object)
{
    add_object(findings, object, "unclear", "whose record cannot be read");
}

static void say(struct findings *findings, const char *key, uint32_t version, const char *what)
{
    if (findings->count == 0) {
        (void)snprintf(findings->first, sizeof findings->first, "version %u of %.80s %s", version,
                       key, what);
    }
}

static void add(struct findings *findings, struct ps_bytes attribute, const char *kind,
                const char *key, uint32_t version)
{
    struct writer json;

    if (!begin(findings, &json)) {
        return;
    }
    writer_text_if(&json, "attribute", attribute);
    writer_str(&json, "key", key);
    writer_str(&json, "kind", kind);
    writer_number(&json, "version", version);
    writer_end_object(&json);
}

void findings_add_undead(struct findings *findings, const struct key_version *version)
{
    say(findings, version->key->name, version->number, "was destroyed, and its object is there");
    add(findings, ps_bytes(NULL, 0), "undead", version->key->name, version->number);
}

void findings_add_misplaced(struct findings *findings, const struct key_version *version)
{
    say(findings, version->key->name, version->number,
        "is in this token, where it does not belong");
    add(findings, ps_bytes(NULL, 0), "misplaced", version->key->name, version->number);
}

void findings_add_missing(struct findings *findings, const struct holding *holding)
{
    say(findings, holding->key, holding->version, "is not in the token");
    add(findings, ps_bytes(NULL, 0), "missing", holding->key, holding->version);
}

void findings_add_not_offered(struct findings *findings, const struct holding *holding)
{
    say(findings, holding->key, holding->version,
        "is of a kind that the profile of its token offers no more");
    add(findings, ps_bytes(NULL, 0), "not-offered", holding->key, holding->version);
}

void findings_add_drifted(struct findings *findings, const struct holding *holding,
                          struct ps_bytes what)
{
    say(findings, holding->key, holding->version, "is not as it was made");
    add(findings, is_plain(what) ? what : ps_bytes_str("object"), "drifted", holding->key,
        holding->version);
}
