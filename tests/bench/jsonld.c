#include "lib/jsonld/jsonld.h"
#include "lib/rdf/canonicalize.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * How many JSON-LD documents of a kind one core converts and canonicalizes in a second, each from
 * its text to its canonical N-Quads, as a credential is before it is signed:
 *
 *     jsonld COUNT DOCUMENT [CONTEXT-IRI FILE]...
 */

static void must(enum ps_err err)
{
    if (err != PS_OK) {
        (void)fprintf(stderr, "jsonld: %s\n", ps_detail()->text);
        exit(1);
    }
}

static void read_file(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *to;

    ps_buf_init(out, (size_t)1024 * 1024);
    to = ps_buf_reserve(out, out->max);
    if (file == NULL || to == NULL) {
        (void)fprintf(stderr, "jsonld: %s cannot be read\n", path);
        exit(1);
    }
    ps_buf_commit(out, fread(to, 1, out->max, file));
    (void)fclose(file);
}

static void add_context(struct jsonld_contexts *contexts, const char *iri, const char *path)
{
    uint8_t digest[PS_SHA256_LEN];
    struct ps_buf text;

    read_file(path, &text);
    ps_sha256(ps_buf_bytes(&text), digest);
    must(jsonld_contexts_add(contexts, ps_bytes_str(iri), ps_buf_bytes(&text), digest));
    ps_buf_clear(&text);
}

static uint32_t convert(struct ps_bytes text, const struct jsonld_options *options)
{
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;

    must(rdf_dataset_new(&RDF_LIMITS, &dataset));
    must(jsonld_to_rdf(text, options, dataset));
    must(rdf_canonicalize(dataset, PS_SHA256, &RDF_WORK, &canonical));
    return rdf_dataset_count(dataset);
}

static double processor_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct jsonld_options options = {.limits = JSONLD_LIMITS};
    struct jsonld_contexts *contexts = NULL;
    struct ps_buf text;
    uint32_t quads = 0;
    double seconds;
    long count;

    if (argc < 3 || argc % 2 == 0) {
        (void)fputs("usage: jsonld COUNT DOCUMENT [CONTEXT-IRI FILE]...\n", stderr);
        return 2;
    }
    must(jsonld_contexts_new(&contexts));
    for (int i = 3; i < argc; i += 2) {
        add_context(contexts, argv[i], argv[i + 1]);
    }
    options.contexts = contexts;
    count = strtol(argv[1], NULL, 10);
    read_file(argv[2], &text);
    seconds = processor_seconds();
    for (long i = 0; i < count; i++) {
        quads = convert(ps_buf_bytes(&text), &options);
    }
    seconds = processor_seconds() - seconds;
    (void)printf("%zu octets, %u quads: %.0f per second and core\n", text.len, quads,
                 (double)count / seconds);
    ps_buf_clear(&text);
    jsonld_contexts_free(contexts);
    return 0;
}
