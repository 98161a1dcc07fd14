#include "lib/jsonld/jsonld.h"
#include "lib/rdf/canonicalize.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Writes the canonical N-Quads (RDFC-1.0) of a JSON-LD document on standard input:
 *
 *     rdfc_tool sha-256|sha-384 [CONTEXT-IRI FILE]...
 */

#define INPUT_MAX (size_t)(1024 * 1024)

static void must(enum ps_err err)
{
    if (err != PS_OK) {
        (void)fprintf(stderr, "rdfc_tool: %s\n", ps_detail()->text);
        exit(1);
    }
}

static void read_all(FILE *file, struct ps_buf *out)
{
    uint8_t *to;

    ps_buf_init(out, INPUT_MAX);
    to = ps_buf_reserve(out, INPUT_MAX);
    if (file == NULL || to == NULL) {
        must(ps_fail(PS_E_INPUT, 0, "nothing to read"));
    }
    ps_buf_commit(out, fread(to, 1, INPUT_MAX, file));
    (void)fclose(file);
}

static void add_context(struct jsonld_contexts *contexts, const char *iri, const char *path)
{
    uint8_t digest[PS_SHA256_LEN];
    PS_BUF_AUTO text = {0};

    read_all(fopen(path, "rbe"), &text);
    ps_sha256(ps_buf_bytes(&text), digest);
    must(jsonld_contexts_add(contexts, ps_bytes_str(iri), ps_buf_bytes(&text), digest));
}

int main(int argc, char **argv)
{
    PS_CLEANUP(jsonld_contexts_free_cleanup) struct jsonld_contexts *contexts = NULL;
    PS_CLEANUP(rdf_dataset_free_cleanup) struct rdf_dataset *dataset = NULL;
    PS_CLEANUP(rdf_canonical_free_cleanup) struct rdf_canonical *canonical = NULL;
    struct jsonld_options options = {.limits = JSONLD_LIMITS};
    PS_BUF_AUTO document = {0};
    struct ps_bytes nquads;

    if (argc < 2 || argc % 2 != 0) {
        (void)fputs("usage: rdfc_tool sha-256|sha-384 [CONTEXT-IRI FILE]...\n", stderr);
        return 2;
    }
    must(jsonld_contexts_new(&contexts));
    for (int i = 2; i < argc; i += 2) {
        add_context(contexts, argv[i], argv[i + 1]);
    }
    options.contexts = contexts;
    read_all(stdin, &document);
    must(rdf_dataset_new(&RDF_LIMITS, &dataset));
    must(jsonld_to_rdf(ps_buf_bytes(&document), &options, dataset));
    must(rdf_canonicalize(dataset, strcmp(argv[1], "sha-384") == 0 ? PS_SHA384 : PS_SHA256,
                          &RDF_WORK, &canonical));
    nquads = rdf_canonical_nquads(canonical);
    return fwrite(nquads.data, 1, nquads.len, stdout) == nquads.len ? 0 : 1;
}
