#include "lib/ceremony/page/page.h"

#include "appliance/officer/officer.h"
#include "appliance/officer/transcript.h"
#include "lib/ceremony/bundle/tell.h"
#include "lib/system/file.h"

#include <stdio.h>

/* `privyseal-officer page`: the transcript for people. The same file gives the same octets. */

#define PAGE_OCTETS_MAX (256u * 1024u * 1024u)

static const struct writer {
    const char *ending;
    enum ps_err (*put)(const struct page *page, struct ps_buf *out);
} writers[] = {
    {".html", page_put_html},
    {".pdf", page_put_pdf},
};

static const struct writer *writer_of(const char *path)
{
    const size_t len = path == NULL ? 0 : strlen(path);

    for (size_t i = 0; i < PS_COUNT_OF(writers); i++) {
        const size_t ending = strlen(writers[i].ending);

        if (len > ending && strcmp(path + len - ending, writers[i].ending) == 0) {
            return &writers[i];
        }
    }
    return NULL;
}

static enum ps_err make(const struct cli_run *run, const struct writer *writer)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    PS_CLEANUP(page_free_cleanup) struct page *page = NULL;
    PS_BUF_AUTO octets = {.max = BUNDLE_OCTETS_MAX};
    PS_BUF_AUTO out = {.max = PAGE_OCTETS_MAX};
    uint8_t genesis[PS_SHA256_LEN];
    bool is_given;

    PS_TRY(transcript_read_genesis(run, &is_given, genesis));
    PS_TRY(transcript_load(run->arguments[0], &octets, &bundle));
    PS_TRY(page_new(&page));
    PS_TRY(bundle_tell(bundle, ps_buf_bytes(&octets), is_given ? genesis : NULL, page));
    PS_TRY(writer->put(page, &out));
    return file_create(cli_value(run, "out"), ps_buf_bytes(&out), 0644);
}

int officer_page(const struct cli_run *run)
{
    const struct writer *writer = writer_of(cli_value(run, "out"));
    enum ps_err err;

    if (writer == NULL) {
        (void)fprintf(stderr, "%s: where does it go? page FILE --out NAME.html, or NAME.pdf\n",
                      cli_program.name);
        return CLI_USAGE;
    }
    err = make(run, writer);
    if (err != PS_OK) {
        return officer_failed(err);
    }
    (void)printf("Written: %s\n", cli_value(run, "out"));
    return CLI_DONE;
}
