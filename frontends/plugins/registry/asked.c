#include "frontends/plugins/registry/asked.h"

#include "lib/base/secret.h"

#include <stdlib.h>

/* Calls fn with each text of a request: once to measure them, once to move them. */
typedef void text_fn(struct privyseal_auth_text *text, void *context);

static void each_of_list(struct privyseal_auth_text *items, size_t count, text_fn *fn,
                         void *context)
{
    for (size_t i = 0; i < count; i++) {
        fn(&items[i], context);
    }
}

static void each_text(struct asked *asked, text_fn *fn, void *context)
{
    struct privyseal_auth_request *request = &asked->request;
    struct privyseal_auth_text *const texts[] = {
        &request->relying_party, &request->client,    &request->transaction,   &request->individual,
        &request->source,        &request->kyc_token, &request->claim_details,
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fn(texts[i], context);
    }
    for (size_t i = 0; i < request->challenge_count; i++) {
        fn(&asked->challenges[i].factor, context);
        fn(&asked->challenges[i].format, context);
        fn(&asked->challenges[i].value, context);
    }
    each_of_list(asked->items,
                 request->channels.count + request->claims.count + request->locales.count, fn,
                 context);
}

static void measure(struct privyseal_auth_text *text, void *context)
{
    *(size_t *)context += text->len;
}

static void move(struct privyseal_auth_text *text, void *context)
{
    uint8_t **to = context;

    if (text->len != 0) {
        memcpy(*to, text->data, text->len);
    }
    text->data = (const char *)*to;
    *to += text->len;
}

static void take_list(struct privyseal_auth_list *list, struct privyseal_auth_text **items)
{
    if (list->count != 0) {
        memcpy(*items, list->items, list->count * sizeof **items);
    }
    list->items = *items;
    *items += list->count;
}

/* All but the octets of the texts. */
static void take_frame(struct asked *asked, const struct privyseal_auth_request *request)
{
    struct privyseal_auth_text *items = asked->items;

    asked->request = *request;
    take_list(&asked->request.channels, &items);
    take_list(&asked->request.claims, &items);
    take_list(&asked->request.locales, &items);
    if (request->challenge_count != 0) {
        memcpy(asked->challenges, request->challenges,
               request->challenge_count * sizeof *request->challenges);
    }
    asked->request.challenges = asked->challenges;
}

struct asked *asked_new(const struct privyseal_auth_request *request)
{
    struct asked *asked = malloc(sizeof *asked);
    struct asked *whole;
    uint8_t *to;

    if (asked == NULL) {
        return NULL;
    }
    asked->len = 0;
    take_frame(asked, request);
    each_text(asked, measure, &asked->len);
    whole = realloc(asked, sizeof *asked + asked->len);
    if (whole == NULL) {
        free(asked);
        return NULL;
    }
    take_frame(whole, request);
    to = whole->memory;
    each_text(whole, move, &to);
    return whole;
}

void asked_free(struct asked *asked)
{
    if (asked != NULL) {
        ps_wipe(asked->memory, asked->len);
        free(asked);
    }
}
