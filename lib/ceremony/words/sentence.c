#include "lib/ceremony/words/sentence.h"

#include "lib/base/counted.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = {"no",   "one", "two",   "three", "four",
                                    "five", "six", "seven", "eight", "nine"};

void sentence_add(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list args;

    assert(used < size);
    va_start(args, format);
    (void)vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void add_count(char *text, size_t size, const struct sentence_part *part)
{
    const char *noun = part->count == 1 ? part->one : part->many;

    if (part->count < PS_COUNT_OF(words)) {
        sentence_add(text, size, "%s %s", words[part->count], noun);
    } else {
        sentence_add(text, size, "%s", ps_counted(part->count, part->one, part->many).text);
    }
}

void sentence_add_counts(char *text, size_t size, const struct sentence_part *parts, size_t count)
{
    size_t left = 0;
    size_t put = 0;

    for (size_t i = 0; i < count; i++) {
        left += parts[i].count != 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].count != 0) {
            left--;
            sentence_add(text, size, "%s", put == 0 ? "" : left == 0 ? " and " : ", ");
            add_count(text, size, &parts[i]);
            put++;
        }
    }
    if (put == 0) {
        sentence_add(text, size, "nobody");
    }
}

void sentence_add_roles(char *text, size_t size, uint32_t officers, uint32_t auditors)
{
    const struct sentence_part parts[] = {{officers, "officer", "officers"},
                                          {auditors, "auditor", "auditors"}};

    sentence_add_counts(text, size, parts, PS_COUNT_OF(parts));
}
