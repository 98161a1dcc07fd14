#include "appliance/officer/people.h"

#include "appliance/officer/officer.h"
#include "lib/system/file.h"

void people_clear(struct people *people)
{
    roster_free(people->now);
    roster_free(people->next);
    *people = (struct people){0};
}

static enum ps_err load_present(const char *path, struct people *people)
{
    PS_BUF_AUTO text = {0};
    enum ps_err err;

    if (path == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "whose signatures count? Say so with --roster FILE, the roster as the "
                       "appliance gives it");
    }
    PS_TRY(file_read(path, ROSTER_OCTETS_MAX, &text));
    err = roster_parse(ps_buf_bytes(&text), &people->now);
    return err == PS_OK ? PS_OK : officer_name_file(path, err);
}

static enum ps_err enrol(const struct operation_document *document, struct json_value value,
                         struct people *people)
{
    (void)document;
    return roster_add(people->next, value);
}

static enum ps_err replace(const struct operation_document *document, struct json_value value,
                           struct people *people)
{
    struct ps_bytes person;
    struct ps_bytes quorum;

    PS_TRY(operation_document_text(document, "person", &person));
    PS_TRY(operation_document_text(document, "quorum", &quorum));
    people->are_recovery = ps_bytes_equal_str(quorum, "recovery");
    PS_TRY(roster_remove(people->next, person));
    return roster_add(people->next, value);
}

/* The types of operations that bring people, and the member of params that has them. */
static const struct {
    const char *type;
    const char *member;
    enum ps_err (*apply)(const struct operation_document *document, struct json_value value,
                         struct people *people);
} bringers[] = {
    {"officer.enrol", "entry", enrol},
    {"officer.replace", "entry", replace},
};

static enum ps_err load_next(const struct operation_document *document, struct people *people)
{
    struct json_value value;

    PS_TRY(roster_copy(people->now, &people->next));
    for (size_t i = 0; i < PS_COUNT_OF(bringers); i++) {
        if (strcmp(document->type->name, bringers[i].type) == 0 &&
            json_member(document->params, bringers[i].member, &value)) {
            people->are_new = true;
            return bringers[i].apply(document, value, people);
        }
    }
    return PS_OK;
}

enum ps_err people_load(const char *path, const struct operation_document *document,
                        struct people *ret_people)
{
    struct json_value roster;

    *ret_people = (struct people){0};
    if (strcmp(document->type->name, "genesis") == 0 &&
        json_member(document->params, "roster", &roster)) {
        ret_people->is_genesis = true;
        PS_TRY(roster_read(roster, &ret_people->now));
        return roster_copy(ret_people->now, &ret_people->next);
    }
    PS_TRY(load_present(path, ret_people));
    return load_next(document, ret_people);
}
